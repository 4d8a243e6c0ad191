/**
 * CommitQueue: group commit without a timer. Whatever was pushed while the previous group was being
 * written is the next group, up to a cap; what does not fit into the queue is answered `unavailable`
 * instead of becoming latency. The owner decides when `flush` runs. Runs on the thread of its writer.
 */
import type { Change, Outcome } from './types.ts';

/** Cap of one transaction (storage.md 0): above it, commits would wait without gaining throughput. */
const GROUP_CHANGES_MAX = 1_000;
const GROUP_BYTES_MAX = 2 ** 20;
/** Cap of what waits: about 0.5 s of writing on a fast disk (guess). */
const QUEUE_CHANGES_MAX = 20_000;
const QUEUE_BYTES_MAX = 32 * 2 ** 20;
/** When a full queue may be tried again: about the time to write a quarter of it (guess). */
const QUEUE_RETRY_MS = 200;

export interface QueueLimits {
  readonly groupChangesMax?: number;
  readonly groupBytesMax?: number;
  readonly queueChangesMax?: number;
  readonly queueBytesMax?: number;
}

export interface QueueStats {
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Changes answered `unavailable` because the queue was full. */
  readonly refused: number;
}

/** Takes the outcome of the change that was pushed with this index. */
export type ChangeDone = (outcome: Outcome, index: number) => void;

interface Waiting {
  readonly change: Change;
  readonly changes: number;
  readonly bytes: number;
  readonly done: ChangeDone;
  readonly index: number;
}

export class CommitQueue {
  readonly #run: (group: readonly Change[]) => readonly Outcome[];
  readonly #limits: Required<QueueLimits>;
  #waiting: Waiting[] = [];
  #changes = 0;
  #bytes = 0;
  #refused = 0;

  constructor(
    run: (group: readonly Change[]) => readonly Outcome[],
    { groupChangesMax, groupBytesMax, queueChangesMax, queueBytesMax }: QueueLimits = {},
  ) {
    this.#run = run;
    this.#limits = {
      groupChangesMax: groupChangesMax ?? GROUP_CHANGES_MAX,
      groupBytesMax: groupBytesMax ?? GROUP_BYTES_MAX,
      queueChangesMax: queueChangesMax ?? QUEUE_CHANGES_MAX,
      queueBytesMax: queueBytesMax ?? QUEUE_BYTES_MAX,
    };
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** What waits fills one transaction: more would not join it. */
  get isGroupFull(): boolean {
    const { groupChangesMax, groupBytesMax } = this.#limits;
    return this.#changes >= groupChangesMax || this.#bytes >= groupBytesMax;
  }

  /**
   * `done` is called exactly once with `index`, so that one function can serve many changes: at once
   * when the queue is full, else by the flush that writes the change.
   */
  push(change: Change, done: ChangeDone, index = 0): void {
    const changes = countOf(change);
    const bytes = bytesOf(change);
    const { queueChangesMax, queueBytesMax } = this.#limits;
    const fits = this.#changes + changes <= queueChangesMax && this.#bytes + bytes <= queueBytesMax;
    // A change that is larger than the queue itself still passes when nothing else waits.
    if (!fits && !this.isEmpty) {
      this.#refused += 1;
      done({ status: 'unavailable', retryMs: QUEUE_RETRY_MS }, index);
      return;
    }
    this.#waiting.push({ change, changes, bytes, done, index });
    this.#changes += changes;
    this.#bytes += bytes;
  }

  /** Pushes changes; `done` gets all of their outcomes, in their order, when the last one is known. */
  pushAll(changes: readonly Change[], done: (outcomes: readonly Outcome[]) => void): void {
    const outcomes = new Array<Outcome>(changes.length);
    let left = changes.length;
    const settle = (outcome: Outcome, index: number): void => {
      outcomes[index] = outcome;
      left -= 1;
      if (left === 0) {
        done(outcomes);
      }
    };
    for (let i = 0; i < changes.length; i += 1) {
      this.push(changes[i]!, settle, i);
    }
  }

  /** Writes one group and answers it. Returns true when more is waiting. */
  flush(): boolean {
    const group = this.#take();
    if (group.length > 0) {
      const outcomes = this.#run(group.map(({ change }) => change));
      for (let i = 0; i < group.length; i += 1) {
        const { done, index } = group[i]!;
        done(outcomes[i]!, index);
      }
    }
    return !this.isEmpty;
  }

  stats(): QueueStats {
    return {
      waiting: this.#waiting.length,
      waitingBytes: this.#bytes,
      refused: this.#refused,
    };
  }

  #take(): readonly Waiting[] {
    const { groupChangesMax, groupBytesMax } = this.#limits;
    const waiting = this.#waiting;
    let changes = 0;
    let bytes = 0;
    let count = 0;
    for (const next of waiting) {
      const full = changes + next.changes > groupChangesMax || bytes + next.bytes > groupBytesMax;
      if (count > 0 && full) {
        break;
      }
      changes += next.changes;
      bytes += next.bytes;
      count += 1;
    }
    this.#changes -= changes;
    this.#bytes -= bytes;
    this.#waiting = waiting.slice(count);
    return count === waiting.length ? waiting : waiting.slice(0, count);
  }
}

/** Fixed part of a change: the row, its index entries and the head. */
const OVERHEAD_BYTES = 200;

/** Rows that a change touches, as the bounds count them. */
function countOf(change: Change): number {
  if (change.op === 'docs') {
    return change.batch.length;
  }
  return change.op === 'commit' ? change.commit.events.length + change.commit.rewrites.length : 1;
}

/** About how many bytes a change writes, as the bounds count them. */
export function bytesOf(change: Change): number {
  let bytes = countOf(change) * OVERHEAD_BYTES;
  if (change.op === 'docs') {
    for (const { json } of change.batch) {
      bytes += json?.length ?? 0;
    }
  } else if (change.op === 'commit') {
    for (const { frame } of change.commit.events) {
      bytes += frame.length;
    }
    for (const { frame } of change.commit.rewrites) {
      bytes += frame.length;
    }
  }
  return bytes;
}
