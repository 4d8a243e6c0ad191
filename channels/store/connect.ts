/**
 * connectStore: the Store as shard and gateway threads use it, by messages to the writer and to the
 * readers. Keeps no data; any thread.
 */
import { ActorError, call, type Name } from '../../runtime/index.ts';
import type { Store } from '../types.ts';
import { StoreError } from './errors.ts';
import type { LogReaderP, ReadReply } from './log-reader.ts';
import type { LogWriterP } from './log-writer.ts';
import { PortStore, type StorePort } from './port-store.ts';
import type { Change, Outcome, ReadRequest } from './types.ts';
import { packChanges, unpackOutcomes } from './wire.ts';

export interface ConnectOptions {
  /** For example at('store', 'log-writer'). */
  readonly writer: Name<LogWriterP>;
  /** For example slotsOf('reader').map((slot) => at(slot, 'log-reader')); at least one. */
  readonly readers: readonly Name<LogReaderP>[];
  /** How long a call may take. Default 10,000, which is beyond what a full queue and a slow disk cost. */
  readonly timeoutMs?: number;
}

/** When a writer or reader that is just being restarted may be asked again (guess). */
const RESTART_RETRY_MS = 200;

/** Failures of a call that say for certain: the actor has not seen it. */
const NOT_DELIVERED: ReadonlySet<unknown> = new Set(['noproc', 'mailboxFull']);

/**
 * A Store of durability 2 whose writer and readers run elsewhere. Commits are acknowledged after the
 * fsync, reads begin afterwards: each sees every commit acknowledged before. A write rejects with
 * DRIFT_CHANNELS_STORE_UNKNOWN when its outcome is not known (timeout, thread died), a read with
 * DRIFT_CHANNELS_STORE_UNAVAILABLE when no reader could do it. `close` ends this client only.
 * RangeError without readers. Any thread.
 */
export function connectStore(options: ConnectOptions): Store {
  return new PortStore(new ActorPort(options));
}

interface Reader {
  readonly name: Name<LogReaderP>;
  inFlight: number;
}

class ActorPort implements StorePort {
  readonly durability = 2;
  readonly #writer: Name<LogWriterP>;
  readonly #readers: readonly Reader[];
  readonly #timeoutMs: number;

  constructor({ writer, readers, timeoutMs = 10_000 }: ConnectOptions) {
    if (readers.length === 0) {
      throw new RangeError('connect the store: got no readers, want at least one');
    }
    this.#writer = writer;
    this.#readers = readers.map((name) => ({ name, inFlight: 0 }));
    this.#timeoutMs = timeoutMs;
  }

  async write(changes: readonly Change[]): Promise<readonly Outcome[]> {
    try {
      return unpackOutcomes(
        await call(this.#writer, 'write', packChanges(changes), { timeoutMs: this.#timeoutMs }),
      );
    } catch (error) {
      if (error instanceof ActorError && NOT_DELIVERED.has(error.reason)) {
        return changes.map(() => ({ status: 'unavailable', retryMs: RESTART_RETRY_MS }));
      }
      throw new StoreError('DRIFT_CHANNELS_STORE_UNKNOWN', 'write: no answer from the writer', {
        cause: error,
      });
    }
  }

  /** Tries every reader at most once, those with the least in flight first. */
  async read(request: ReadRequest): Promise<unknown> {
    const left = new Set(this.#readers);
    let cause: unknown;
    while (left.size > 0) {
      const reader = [...left].reduce((a, b) => (b.inFlight < a.inFlight ? b : a));
      left.delete(reader);
      try {
        const reply = await this.#ask(reader, request);
        if (reply.ok) {
          return reply.value;
        }
        cause = reply.message;
      } catch (error) {
        cause = error;
        if (error instanceof ActorError && error.reason === 'timeout') {
          break;
        }
      }
    }
    throw new StoreError('DRIFT_CHANNELS_STORE_UNAVAILABLE', 'read: no reader could do it', {
      cause,
      data: { retryMs: RESTART_RETRY_MS },
    });
  }

  async close(): Promise<void> {
    // The writer and the readers belong to their supervisors.
  }

  async #ask(reader: Reader, request: ReadRequest): Promise<ReadReply> {
    reader.inFlight += 1;
    try {
      return await call(reader.name, 'read', request, { timeoutMs: this.#timeoutMs });
    } finally {
      reader.inFlight -= 1;
    }
  }
}
