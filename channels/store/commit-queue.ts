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

interface Waiting {
  readonly change: Change;
  readonly weight: Weight;
  readonly done: (outcome: Outcome) => void;
}

interface Weight {
  readonly changes: number;
  readonly bytes: number;
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

  /** `done` is called exactly once: at once when the queue is full, else by the flush that writes the change. */
  push(change: Change, done: (outcome: Outcome) => void): void {
    const weight = weigh(change);
    const { queueChangesMax, queueBytesMax } = this.#limits;
    const fits =
      this.#changes + weight.changes <= queueChangesMax &&
      this.#bytes + weight.bytes <= queueBytesMax;
    // A change that is larger than the queue itself still passes when nothing else waits.
    if (!fits && !this.isEmpty) {
      this.#refused += 1;
      done({ status: 'unavailable', retryMs: QUEUE_RETRY_MS });
      return;
    }
    this.#waiting.push({ change, weight, done });
    this.#changes += weight.changes;
    this.#bytes += weight.bytes;
  }

  /** Writes one group and answers it. Returns true when more is waiting. */
  flush(): boolean {
    const group = this.#take();
    if (group.length > 0) {
      const outcomes = this.#run(group.map(({ change }) => change));
      for (const [index, { done }] of group.entries()) {
        done(outcomes[index]!);
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
    let changes = 0;
    let bytes = 0;
    let count = 0;
    for (const { weight } of this.#waiting) {
      changes += weight.changes;
      bytes += weight.bytes;
      const full = changes > this.#limits.groupChangesMax || bytes > this.#limits.groupBytesMax;
      if (count > 0 && full) {
        break;
      }
      count += 1;
    }
    const group = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    for (const { weight } of group) {
      this.#changes -= weight.changes;
      this.#bytes -= weight.bytes;
    }
    return group;
  }
}

/** Fixed part of a change: the row, its index entries and the head. */
const OVERHEAD_BYTES = 200;

function weigh(change: Change): Weight {
  if (change.op === 'docs') {
    const bytes = change.batch.reduce((sum, { json }) => sum + (json?.length ?? 0), 0);
    return { changes: change.batch.length, bytes: bytes + change.batch.length * OVERHEAD_BYTES };
  }
  if (change.op !== 'commit') {
    return { changes: 1, bytes: OVERHEAD_BYTES };
  }
  const { events, rewrites } = change.commit;
  const changes = events.length + rewrites.length;
  let bytes = changes * OVERHEAD_BYTES;
  for (const { frame } of events) {
    bytes += frame.length;
  }
  for (const { frame } of rewrites) {
    bytes += frame.length;
  }
  return { changes, bytes };
}
