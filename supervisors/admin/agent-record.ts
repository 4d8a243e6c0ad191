/**
 * Recordings of entities of one thread into files (runtime/record). A recording ends by itself at its time or size. Whatever
 * becomes of the file, the recorded actor does not notice. Any thread.
 */
import { chmodSync } from 'node:fs';
import { type Clock, entity, stop, whereis } from '../../runtime/index.ts';
import type { Recording, RecordPlan, RecordSink } from '../../runtime/record/index.ts';
import { AGENT_LIMITS } from './agent-limits.ts';
import { later } from './agent-timer.ts';
import type { AgentCounters, RecordingInfo, RecordOrder } from './agent-types.ts';
import type { VerbResult } from './types.ts';

/** What the recorder must know of each type of entity that can be recorded. */
export type RecordPlans = Readonly<Record<string, RecordPlan>>;

/** Time of the present life to end, so that the next one is recorded from its start. */
const END_MS = 5_000;

interface Running {
  readonly order: RecordOrder;
  readonly until: number;
  readonly recording: Recording;
  readonly sink: SafeSink;
  readonly cancel: () => void;
}

export class Recordings {
  readonly #clock: Clock;
  readonly #counters: AgentCounters;
  readonly #running = new Map<string, Running>();
  #plans: RecordPlans = {};

  constructor(clock: Clock, counters: AgentCounters) {
    this.#clock = clock;
    this.#counters = counters;
  }

  /** Of the boot of a thread whose entities can be recorded. */
  offer(plans: RecordPlans): void {
    this.#plans = plans;
  }

  /** The present life of the entity is ended: a record begins with a start. */
  async start(order: RecordOrder): Promise<VerbResult<RecordingInfo>> {
    const { bytesMax, content, file, forMs, key, type } = order;
    const plan = Object.hasOwn(this.#plans, type) ? this.#plans[type] : undefined;
    if (plan === undefined) {
      const message = `a ${type} cannot be recorded here`;
      return { ok: false, code: 'not_available', message };
    }
    if (this.#running.size >= AGENT_LIMITS.recordings) {
      const message = `${AGENT_LIMITS.recordings} recordings run on this thread already`;
      return { ok: false, code: 'conflict', message };
    }
    if (this.of(type, key) !== undefined) {
      return { ok: false, code: 'conflict', message: 'it is being recorded already' };
    }
    const { fileSink, recordActor, shapeOf } = await import('../../runtime/record/index.ts');
    const sink = new SafeSink(fileSink({ path: file, bytesMax }), this.#counters);
    chmodSync(file, 0o600);
    const redact = content ? {} : { redact: (_where: string, value: unknown) => shapeOf(value) };
    const name = entity<unknown>(type, key);
    const recording = recordActor(name, { ...plan, ...redact, sink });
    const cancel = later(this.#clock, forMs, () => void this.stop(file));
    const until = this.#clock.now() + forMs;
    this.#running.set(file, { order, until, recording, sink, cancel });
    this.#counters.recordingsNow = this.#running.size;
    const life = whereis(name);
    // One that does not end now is recorded from its next life on, as one that is passive.
    if (life !== undefined) await stop(life, 'normal', END_MS).catch(() => undefined);
    return this.#found(file);
  }

  async stop(file: string): Promise<VerbResult<RecordingInfo>> {
    const running = this.#running.get(file);
    if (running === undefined) return NOT_FOUND;
    running.cancel();
    running.recording.stop();
    const info = infoOf(running);
    this.#running.delete(file);
    this.#counters.recordingsNow = this.#running.size;
    return { ok: true, value: info };
  }

  list(): readonly RecordingInfo[] {
    return [...this.#running.values()].map(infoOf);
  }

  /** The file that an entity is recorded into. */
  of(type: string, key: number): string | undefined {
    return this.list().find((each) => each.type === type && each.key === key)?.file;
  }

  /** Ends all; the thread stops. */
  close(): void {
    for (const file of [...this.#running.keys()]) void this.stop(file);
  }

  #found(file: string): VerbResult<RecordingInfo> {
    const running = this.#running.get(file);
    return running === undefined ? NOT_FOUND : { ok: true, value: infoOf(running) };
  }
}

const NOT_FOUND: VerbResult<never> = {
  ok: false,
  code: 'not_found',
  message: 'no such recording runs on this thread',
};

function infoOf({ order, recording, sink, until }: Running): RecordingInfo {
  const { content, file, key, type } = order;
  const { bytes, entries } = recording.counters;
  const { dropped } = sink;
  return { file, type, key, until, content, lives: recording.lives, entries, bytes, dropped };
}

/** A full disk ends what is written, not the actor whose handler writes. */
export class SafeSink implements RecordSink {
  readonly #inner: RecordSink;
  readonly #agent: Pick<AgentCounters, 'recordEntriesDropped'>;
  #hasFailed = false;
  dropped = 0;

  constructor(inner: RecordSink, agent: Pick<AgentCounters, 'recordEntriesDropped'>) {
    this.#inner = inner;
    this.#agent = agent;
  }

  get counters() {
    return this.#inner.counters;
  }

  write(line: string): boolean {
    const kept = !this.#hasFailed && this.#tried(() => this.#inner.write(line));
    if (!kept) {
      this.dropped += 1;
      this.#agent.recordEntriesDropped += 1;
    }
    return kept;
  }

  close(): void {
    this.#tried(() => {
      this.#inner.close();
      return true;
    });
  }

  #tried(work: () => boolean): boolean {
    try {
      return work();
    } catch {
      this.#hasFailed = true; // counted by whoever writes
      return false;
    }
  }
}
