/**
 * A small model of a correct server and correct clients: makes frame logs that break no rule, from
 * numbers that a property test chooses, so that checker.test.ts can plant faults in them.
 * Pure functions, any thread; knows nothing of the real server.
 */
import type { StreamHistory } from './checker.ts';
import type { ConnTrace } from './checker-wire.ts';
import { encode, type LogEntry } from './support/raw-client.ts';
import { OP, type WireFrame } from './support/wire.ts';

export const SID = 70_412;
export const EPOCH = 2_914_771_203;

/** What happens in one step of a generated run. */
export type Step =
  /** A writer sends one message; `lost` = how many attempts lose their OK first. */
  | { readonly type: 'append'; readonly writer: number; readonly lost: number }
  /** An observer's connection ends and it resumes by cursor, at once or after later events. */
  | { readonly type: 'drop'; readonly observer: number }
  | { readonly type: 'resume'; readonly observer: number; readonly trimmed: number }
  /** A repair SUB on the live connection, from `back` events before the position. */
  | { readonly type: 'repair'; readonly observer: number; readonly back: number }
  | { readonly type: 'head' };

export interface Run {
  readonly connections: ConnTrace[];
  readonly histories: StreamHistory[];
  readonly throughout: string[];
}

class Recorder {
  readonly entries: LogEntry[] = [];
  readonly trace: ConnTrace;
  rid = 0;

  constructor(client: string, uid: number, conn: number) {
    this.trace = { client, uid, conn, encoding: 'mp', entries: this.entries };
  }

  sent(frame: WireFrame): void {
    this.entries.push({ at: this.entries.length, dir: 'sent', frame, raw: encode('mp', frame) });
  }

  received(frame: WireFrame): void {
    this.entries.push({
      at: this.entries.length,
      dir: 'received',
      frame,
      raw: encode('mp', frame),
    });
  }
}

interface Observer {
  readonly name: string;
  conn: number;
  pos: number;
  link: Recorder | undefined;
}

/** Runs the steps over one stream with two writers and `observers` observers. */
export function simulate(steps: readonly Step[], observers: number): Run {
  return new Model(observers).run(steps);
}

class Model {
  readonly #links: Recorder[] = [];
  readonly #log: WireFrame[] = [];
  readonly #observers: Observer[] = [];
  readonly #writers: Recorder[];
  #nonces = 0;

  constructor(observers: number) {
    this.#writers = [this.#link('writer-0', 100, 0), this.#link('writer-1', 101, 0)];
    for (let i = 0; i < observers; i += 1) {
      const observer: Observer = { name: `observer-${i}`, conn: 0, pos: 0, link: undefined };
      this.#observers.push(observer);
      this.#resume(observer, 0);
    }
  }

  run(steps: readonly Step[]): Run {
    for (const step of steps) this.#step(step);
    for (const observer of this.#observers)
      if (observer.link === undefined) this.#resume(observer, 0);
    const head = this.#log.length;
    return {
      connections: this.#links.map((link) => link.trace),
      histories: [{ sid: SID, epoch: EPOCH, first: 1, head, events: [...this.#log] }],
      throughout: this.#observers.map((observer) => observer.name),
    };
  }

  #step(step: Step): void {
    if (step.type === 'append') {
      this.#append(step.writer, step.lost);
      return;
    }
    if (step.type === 'head') {
      const head = this.#log.length;
      for (const { link } of this.#observers) link?.received([OP.head, SID, EPOCH, head, head]);
      return;
    }
    const observer = this.#observers[step.observer % this.#observers.length]!;
    if (step.type === 'drop') observer.link = undefined;
    else if (step.type === 'resume' && observer.link === undefined)
      this.#resume(observer, step.trimmed);
    else if (step.type === 'repair' && observer.link !== undefined) {
      observer.pos = Math.max(0, observer.pos - step.back);
      this.#subscribe(observer, observer.link, 0);
    }
  }

  #append(index: number, lost: number): void {
    const slot = index % 2;
    this.#nonces += 1;
    const body = [SID, `n-${this.#nonces}`, 1, `text ${this.#nonces}`];
    const seq = this.#log.length + 1;
    const event = [OP.ev, SID, EPOCH, seq, 1000 + seq, 1, 100 + slot, `text ${this.#nonces}`];
    this.#log.push(event);
    for (let i = 0; i < lost; i += 1) {
      const old = this.#writers[slot]!;
      old.rid += 1;
      old.sent([OP.append, old.rid, ...body]);
      this.#writers[slot] = this.#link(`writer-${slot}`, 100 + slot, old.trace.conn + 1);
    }
    const writer = this.#writers[slot]!;
    writer.rid += 1;
    writer.sent([OP.append, writer.rid, ...body]);
    writer.received([OP.ok, writer.rid, EPOCH, seq, 1000 + seq, lost > 0]);
    for (const observer of this.#observers) {
      if (observer.link === undefined) continue;
      observer.link.received(event);
      observer.pos = seq;
    }
  }

  #resume(observer: Observer, trimmed: number): void {
    observer.conn += 1;
    observer.link = this.#link(observer.name, 200, observer.conn);
    this.#subscribe(observer, observer.link, trimmed);
  }

  #subscribe(observer: Observer, link: Recorder, trimmed: number): void {
    const head = this.#log.length;
    const ts = observer.pos === 0 ? 0 : 1000 + observer.pos;
    const gapTo = Math.min(head, observer.pos + trimmed);
    const status = gapTo > observer.pos ? 2 : head > observer.pos ? 1 : 0;
    link.rid += 1;
    link.sent([OP.sub, link.rid, [[SID, EPOCH, observer.pos, ts]]]);
    const at = status === 2 ? gapTo : observer.pos;
    link.received([OP.ok, link.rid, [[SID, status, EPOCH, at, 0, 1, head]]]);
    if (status === 2) link.received([OP.gap, SID, 1, EPOCH, observer.pos + 1, gapTo, 0]);
    if (head > at) link.received([OP.batch, this.#log.slice(at)]);
    observer.pos = head;
  }

  #link(client: string, uid: number, conn: number): Recorder {
    const link = new Recorder(client, uid, conn);
    this.#links.push(link);
    return link;
  }
}
