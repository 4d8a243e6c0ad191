/**
 * One ordered lane to another thread: messages, replies and signals in the order they were sent,
 * gathered in a batch that leaves at the end of the drain (or, paced, `gatherMs` after the last one).
 * The transport behind it carries bytes only, so that shared memory can replace the MessagePort.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Clock, Ms, TimerHandle } from '../clock.ts';
import type { LaneCounters } from '../types.ts';
import { decodeBatch, encodeBatch, weigh } from './codec.ts';
import type { LaneLimits } from './types.ts';

/** Carries batches of one pair of threads, both ways. */
export interface Transport {
  /** The bytes are the sender's again when it returns. */
  send(batch: Buffer): void;
  close(): void;
}

/**
 * Up to here a batch crosses as a latin1 string: 2 us less CPU per post than an ArrayBuffer, which has
 * to be made, detached and freed (Node 22; from 4 to 8 KiB on it no longer pays).
 */
const STRING_BYTES = 4096;
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

// Kinds of record. A batch is one flat array: kind, then the fields of the kind.
export const CAST = 0; // via, key, op, arg
export const CALL = 1; // via, key, op, arg, from, deadline
export const REPLY = 2; // from, ok, value
export const EXIT = 3; // to, from, reason, linked
export const LINK = 4; // to, from
export const UNLINK = 5; // to, from
export const MONITOR = 6; // id, via, key
export const DEMONITOR = 7; // id
export const DOWN = 8; // id, ref, reason
export const STOP = 9; // via, key, reason
/** Fields of each kind, the kind included. */
export const SIZES: readonly number[] = [5, 7, 4, 5, 3, 3, 4, 2, 4, 4];

export interface LaneOptions {
  readonly to: string;
  readonly gatherMs: Ms;
  readonly limits: LaneLimits;
  readonly clock: Clock;
  /** Shared counts of bytes taken in: by the other side of what we sent, and by us. */
  readonly sentConsumed: Float64Array;
  readonly ownConsumed: Float64Array;
  /** The lane has something to flush and had nothing before. */
  readonly onDirty: (lane: Lane) => void;
  readonly onRecords: (records: unknown[]) => void;
  /** A record that cannot be encoded, taken out of its batch. */
  readonly onPoison: (record: unknown[], error: unknown) => void;
}

export class Lane {
  readonly #options: LaneOptions;
  readonly #transport: Transport;
  #batch: unknown[] = [];
  #pendingMessages = 0;
  #pendingBytes = 0;
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  #timer: TimerHandle | undefined;
  #dirty = false;
  #closed = false;
  #messagesOut = 0;
  #bytesOut = 0;
  #flushes = 0;
  #messagesIn = 0;
  #bytesIn = 0;
  #batchesIn = 0;
  #dropped = 0;

  constructor(port: MessagePort, options: LaneOptions) {
    this.#options = options;
    this.#transport = portTransport(port, (batch) => this.#receive(batch));
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

  /** Adds a record: its kind and its fields; `payload` is what may be big. */
  push(record: readonly unknown[], payload: unknown): void {
    for (const field of record) this.#batch.push(field);
    this.#added(payload);
  }

  #added(payload: unknown): void {
    this.#pendingMessages++;
    this.#pendingBytes += 16 + weigh(payload);
    const { limits } = this.#options;
    if (this.#pendingMessages >= limits.flushMessages || this.#pendingBytes >= limits.flushBytes) {
      this.flush();
    } else if (!this.#dirty) {
      this.#dirty = true;
      this.#options.onDirty(this);
    }
  }

  /** End of a drain: leaves now, or when the pace allows. */
  flushPaced(nowMs: Ms): void {
    this.#dirty = false;
    if (this.#pendingMessages === 0 || this.#timer !== undefined) return;
    const { gatherMs, clock } = this.#options;
    const waitMs = this.#lastFlushMs + gatherMs - nowMs;
    if (waitMs <= 0) this.flush(nowMs);
    else {
      this.#timer = clock.setTimeout(() => {
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
    if (this.#pendingMessages === 0 || this.#closed) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#messagesOut += this.#pendingMessages;
    this.#pendingMessages = 0;
    this.#pendingBytes = 0;
    this.#lastFlushMs = nowMs;
    const bytes = this.#encode(batch);
    if (bytes === undefined) return;
    this.#flushes++;
    this.#bytesOut += bytes.byteLength;
    this.#transport.send(bytes);
  }

  #encode(batch: unknown[]): Buffer | undefined {
    try {
      return encodeBatch(batch);
    } catch (error) {
      // One record is to blame: find it, send the rest.
      const good = this.#withoutPoison(batch, error);
      return good.length === 0 ? undefined : encodeBatch(good);
    }
  }

  #withoutPoison(batch: unknown[], error: unknown): unknown[] {
    const good: unknown[] = [];
    for (let i = 0; i < batch.length; ) {
      const size = SIZES[batch[i] as number] as number;
      const record = batch.slice(i, i + size);
      i += size;
      try {
        encodeBatch(record);
        good.push(...record);
      } catch {
        this.#dropped++;
        this.#options.onPoison(record, error);
      }
    }
    return good;
  }

  #receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#batchesIn++;
    this.#bytesIn += bytes.byteLength;
    const records = decodeBatch(bytes);
    this.#options.onRecords(records);
    this.#options.ownConsumed[0] = this.#bytesIn;
  }

  /** Counts records taken in: the reader of the batch knows their number. */
  counted(records: number): void {
    this.#messagesIn += records;
  }

  /** Nothing more goes out or comes in. `flush` before it when what is pending still matters. */
  close(): void {
    this.#closed = true;
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#batch = [];
    this.#pendingMessages = 0;
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
