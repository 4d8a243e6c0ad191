/**
 * WriteGather: what a thread writes in one turn of its actors leaves as one request, with one answer.
 * It waits for no timer: a batch leaves when the microtasks before it have run, or when it is full.
 * Belongs to one PortStore, any thread; each change keeps an outcome of its own.
 */
import { defer, sharedSpan, type TraceContext, tracing, withTrace } from '../../runtime/index.ts';
import { bytesOf } from './commit-queue.ts';
import type { Change, Outcome } from './types.ts';

/** Bounds of one request (guess): far above what one turn gathers, far below a lane's bound. */
const BATCH_CHANGES_MAX = 256;
const BATCH_BYTES_MAX = 256 * 1024;

/** Takes the outcome, or undefined and the error when none is known. Must not throw. */
export type WriteDone = (outcome: Outcome | undefined, error: unknown) => void;

/** Carries out changes in order; rejects when no outcome is known. */
export type WriteBatch = (changes: readonly Change[]) => Promise<readonly Outcome[]>;

export class WriteGather {
  readonly #write: WriteBatch;
  #changes: Change[] = [];
  #done: WriteDone[] = [];
  #bytes = 0;
  /** Of the changes that are traced; null while there are none. */
  #traces: TraceContext[] | null = null;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #flush = (): void => this.flush();

  constructor(write: WriteBatch) {
    this.#write = write;
  }

  /** `done` is called exactly once, never from in here. */
  add(change: Change, done: WriteDone): void {
    this.#changes.push(change);
    this.#done.push(done);
    this.#bytes += bytesOf(change);
    if (tracing.current !== null) this.#trace(tracing.current);
    if (this.#changes.length >= BATCH_CHANGES_MAX || this.#bytes >= BATCH_BYTES_MAX) {
      this.flush();
    } else if (this.#changes.length === 1) {
      defer(this.#flush);
    }
  }

  /** Sends what was gathered. */
  flush(): void {
    if (this.#changes.length === 0) {
      return;
    }
    const done = this.#done;
    const written = this.#traces === null ? this.#write(this.#changes) : this.#writeTraced();
    const batch = written.then(
      (outcomes) => {
        for (let i = 0; i < done.length; i += 1) {
          done[i]!(outcomes[i], undefined);
        }
      },
      (error: unknown) => {
        for (const one of done) {
          one(undefined, error);
        }
      },
    );
    this.#changes = [];
    this.#done = [];
    this.#bytes = 0;
    this.#inFlight.add(batch);
    void batch.then(() => this.#inFlight.delete(batch));
  }

  #trace(context: TraceContext): void {
    this.#traces ??= [];
    this.#traces.push(context);
  }

  /** One request for several traces: a span of the first one, linked to the others. */
  #writeTraced(): Promise<readonly Outcome[]> {
    const span = sharedSpan('store write', this.#traces ?? []);
    const changes = this.#changes;
    this.#traces = null;
    if (span === null) return this.#write(changes);
    span.set('driftway.changes', changes.length);
    const written = withTrace(span.context, () => this.#write(changes));
    written.then(
      () => span.end(),
      () => span.end('failed'),
    );
    return written;
  }

  /** Resolves when everything added so far has its outcome. */
  async drained(): Promise<void> {
    this.flush();
    await Promise.all(this.#inFlight);
  }
}
