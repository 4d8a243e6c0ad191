/**
 * One ordered lane to another thread: messages, replies and signals in the order they were sent,
 * gathered in a batch that leaves at the end of the drain (or, paced, some ms after the last one).
 * The transport behind it carries bytes only, so that shared memory can replace the MessagePort.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Clock, Ms, TimerHandle } from '../clock.ts';
import type { Via } from '../core/thread.ts';
import type { TraceContext } from '../core/trace-context.ts';
import type { LaneCounters } from '../inspect/types.ts';
import type { From, Key } from '../types.ts';
import { BatchReader } from './batch-reader.ts';
import { BatchWriter } from './batch-writer.ts';
import type { LaneLimits, LanePace } from './types.ts';
import { CALL, CAST, REPLY, TRACED } from './wire.ts';

/**
 * Carries batches of one pair of threads, both ways, each once and in order until it is closed: the
 * tables of a lane (wire.ts) live as long as the lane.
 */
export interface Transport {
  /** The bytes are the sender's again when it returns. */
  send(batch: Buffer): void;
  close(): void;
}

/**
 * Up to here a batch crosses as a latin1 string: 30 to 60 us less CPU per post at 100 posts a second
 * than an ArrayBuffer, which has to be made, detached and freed (Node 22, 6 to 30 KB alike).
 */
const STRING_BYTES = 16_384;
const scratch = new Uint8Array(STRING_BYTES);
const scratchBuffer = Buffer.from(scratch.buffer);

/** A MessagePort as transport. `onBatch` must not keep the bytes. */
function portTransport(port: MessagePort, onBatch: (batch: Uint8Array) => void): Transport {
  port.on('message', (batch: Uint8Array | string) => {
    if (typeof batch !== 'string') onBatch(batch);
    else onBatch(scratch.subarray(0, scratchBuffer.write(batch, 'latin1')));
  });
  return {
    send(batch) {
      if (batch.byteLength <= STRING_BYTES) port.postMessage(batch.toString('latin1'));
      else {
        const own = new Uint8Array(batch);
        port.postMessage(own, [own.buffer]);
      }
    },
    close: () => port.close(),
  };
}

export interface LaneOptions {
  readonly to: string;
  readonly pace: LanePace;
  readonly limits: LaneLimits;
  readonly clock: Clock;
  /** Shared counts of bytes taken in: by the other side of what we sent, and by us. */
  readonly sentConsumed: Float64Array;
  readonly ownConsumed: Float64Array;
  /** The lane has something to flush and had nothing before. */
  readonly onDirty: (lane: Lane) => void;
  /** Reads all records of the batch; their number is the result. */
  readonly onBatch: (batch: BatchReader) => number;
  /** A record that cannot be encoded was left out: its kind, and the call it belongs to or 0. */
  readonly onPoison: (kind: number, from: From | 0, error: unknown) => void;
}

/** Makes the transport of a lane; `onBatch` must not keep the bytes. */
export type Connect = (onBatch: (batch: Uint8Array) => void) => Transport;
export type TransportWrapper = (to: string, connect: Connect) => Connect;
let wrapTransport: TransportWrapper | null = null;

/** Puts faults between the lanes made from now on and their transports (testkit); null: none. */
export function setTransportWrapper(wrapper: TransportWrapper | null): void {
  wrapTransport = wrapper;
}

export class Lane {
  readonly #options: LaneOptions;
  #transport: Transport;
  /** Takes the batches that arrive; another while the lane is held. */
  #sink = (batch: Uint8Array): void => this.#receive(batch);
  readonly #writer = new BatchWriter();
  readonly #reader = new BatchReader();
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  /** By the batch that left last: see LanePace. */
  #gatherMs: Ms;
  #timer: TimerHandle | undefined;
  #dirty = false;
  #closed = false;
  #isHeld = false;
  #messagesOut = 0;
  #bytesOut = 0;
  #flushes = 0;
  #messagesIn = 0;
  #bytesIn = 0;
  #batchesIn = 0;
  #dropped = 0;

  constructor(port: MessagePort, options: LaneOptions) {
    this.#options = options;
    this.#gatherMs = options.pace.gatherMs;
    const connect: Connect = (onBatch) => portTransport(port, onBatch);
    const wrapped = wrapTransport === null ? connect : wrapTransport(options.to, connect);
    this.#transport = wrapped((batch) => this.#sink(batch));
  }

  /**
   * May another message be sent? False at the bound of bytes that the other thread has not taken in
   * (it is stuck): counted as dropped. Signals and replies are not asked about: they always go.
   */
  admits(): boolean {
    const inFlight = this.#bytesOut - (this.#options.sentConsumed[0] as number);
    if (inFlight <= this.#options.limits.inFlightBytes) return true;
    this.#dropped++;
    return false;
  }

  get dropped(): number {
    return this.#dropped;
  }

  // Records are encoded here and now: what was sent may change afterwards.

  cast(via: Via, key: Key, op: string, arg: unknown): void {
    const writer = this.#writer;
    writer.begin(CAST);
    try {
      writer.cast(via, key, op, arg);
    } catch (error) {
      this.#poisoned(CAST, 0, error);
      return;
    }
    this.#added();
  }

  call(via: Via, key: Key, op: string, arg: unknown, from: From, deadline: Ms): void {
    const writer = this.#writer;
    writer.begin(CALL);
    try {
      writer.call(via, key, op, arg, from, deadline);
    } catch (error) {
      this.#poisoned(CALL, from, error);
      return;
    }
    this.#added();
  }

  /** As call, or as cast with `from` 0, of a message that carries a trace. */
  traced(
    trace: TraceContext,
    via: Via,
    key: Key,
    op: string,
    arg: unknown,
    from: From | 0,
    deadline: Ms,
  ): void {
    const writer = this.#writer;
    writer.begin(TRACED);
    try {
      const sentMs = this.#options.clock.monotonic();
      writer.traced(trace, sentMs, via, key, op, arg, from, deadline);
    } catch (error) {
      this.#poisoned(from === 0 ? CAST : CALL, from, error);
      return;
    }
    this.#added();
  }

  reply(from: From, ok: boolean, value: unknown): void {
    const writer = this.#writer;
    writer.begin(REPLY);
    try {
      writer.reply(from, ok, value);
    } catch (error) {
      this.#poisoned(REPLY, from, error);
      return;
    }
    this.#added();
  }

  /** Any other kind of record: its fields as in wire.ts. */
  signal(kind: number, a: unknown, b?: unknown, c?: unknown, d?: unknown): void {
    const writer = this.#writer;
    writer.begin(kind);
    try {
      writer.signal(a, b, c, d);
    } catch (error) {
      this.#poisoned(kind, 0, error);
      return;
    }
    this.#added();
  }

  #poisoned(kind: number, from: From | 0, error: unknown): void {
    this.#writer.undo();
    this.#dropped++;
    this.#options.onPoison(kind, from, error);
  }

  #added(): void {
    const { limits } = this.#options;
    const writer = this.#writer;
    writer.commit();
    if (writer.records >= limits.flushMessages || writer.bytes >= limits.flushBytes) this.flush();
    else if (!this.#dirty && this.#timer === undefined) {
      this.#dirty = true;
      this.#options.onDirty(this);
    }
  }

  /** End of a drain: leaves now, or when the pace allows. */
  flushPaced(nowMs: Ms): void {
    this.#dirty = false;
    if (this.#writer.records === 0 || this.#timer !== undefined) return;
    const waitMs = this.#lastFlushMs + this.#gatherMs - nowMs;
    if (waitMs <= 0) this.flush(nowMs);
    else {
      this.#timer = this.#options.clock.setTimeout(() => {
        this.#timer = undefined;
        this.flush();
      }, waitMs);
    }
  }

  flush(nowMs: Ms = this.#options.clock.monotonic()): void {
    if (this.#timer !== undefined) {
      this.#options.clock.clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    const { records } = this.#writer;
    if (records === 0 || this.#closed) return;
    this.#lastFlushMs = nowMs;
    const { gatherMs, loaded } = this.#options.pace;
    this.#gatherMs = loaded !== undefined && records >= loaded.records ? loaded.gatherMs : gatherMs;
    const batch = this.#writer.take();
    this.#messagesOut += records;
    this.#flushes++;
    this.#bytesOut += batch.byteLength;
    this.#transport.send(batch);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#batchesIn++;
    this.#bytesIn += bytes.byteLength;
    this.#reader.open(bytes);
    this.#messagesIn += this.#options.onBatch(this.#reader);
    this.#options.ownConsumed[0] = this.#bytesIn;
  }

  /**
   * From now on batches wait, in both directions, until the returned function is called; they are lost if the lane is closed
   * before. undefined: it is closed or held already.
   */
  hold(): (() => void) | undefined {
    if (this.#closed || this.#isHeld) return undefined;
    this.#isHeld = true;
    const outer = this.#transport;
    const inner = this.#sink;
    // The bytes are the sender's again: what waits is a copy.
    const out: Buffer[] = [];
    const arrived: Buffer[] = [];
    this.#transport = {
      send: (batch) => void out.push(Buffer.from(batch)),
      close: () => outer.close(),
    };
    this.#sink = (batch) => void arrived.push(Buffer.from(batch));
    return () => {
      this.#isHeld = false;
      this.#transport = outer;
      this.#sink = inner;
      if (this.#closed) return;
      for (const batch of out) outer.send(batch);
      for (const batch of arrived) inner(batch);
    };
  }

  /** Nothing more goes out or comes in. `flush` before it when what is pending still matters. */
  close(): void {
    this.#closed = true;
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#transport.close();
  }

  counters(): LaneCounters {
    return {
      to: this.#options.to,
      messagesOut: this.#messagesOut,
      bytesOut: this.#bytesOut,
      flushes: this.#flushes,
      messagesIn: this.#messagesIn,
      bytesIn: this.#bytesIn,
      batchesIn: this.#batchesIn,
      dropped: this.#dropped,
      bytesInFlight: this.#bytesOut - (this.#options.sentConsumed[0] as number),
    };
  }
}
