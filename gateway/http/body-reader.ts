/**
 * Reads one request body from uWebSockets.js (gateway.md P23): chunks copied, a running total, a
 * bound, and a time limit for the whole of it. Too much is read and thrown away up to a second
 * bound, since answering and closing while the client still sends would lose the answer (the kernel
 * resets the connection). Gateway threads; calls back once, synchronously or later.
 */
import type { Clock, TimerHandle } from '../../runtime/index.ts';
import type { UwsResponse } from './uws-types.ts';

export interface BodyLimits {
  readonly bytesMax: number;
  /** Beyond `bytesMax`, so much is read and dropped before the connection is closed. */
  readonly drainBytesMax: number;
  readonly timeoutMs: number;
}

export interface BodyOutcome {
  readonly body?: Uint8Array;
  readonly problem?: 'tooLarge' | 'tooSlow';
  /** More of the body is on its way: nothing can follow on this connection. */
  readonly mustClose: boolean;
}

export class BodyReader {
  readonly #limits: BodyLimits;
  readonly #clock: Clock;
  readonly #done: (outcome: BodyOutcome) => void;
  readonly #chunks: Uint8Array[] = [];
  #total = 0;
  #finished = false;
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, limits: BodyLimits, done: (outcome: BodyOutcome) => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#done = done;
  }

  /** Starts reading; must be called before the uWebSockets.js handler returns. */
  start(res: UwsResponse, contentLength: number | undefined): void {
    if (contentLength !== undefined && contentLength > this.#limits.drainBytesMax) {
      this.#finish({ problem: 'tooLarge', mustClose: true });
      return;
    }
    res.onData((chunk, isLast) => this.#take(chunk, isLast));
    if (!this.#finished) {
      this.#timer = this.#clock.setTimeout(() => this.#late(), this.#limits.timeoutMs);
    }
  }

  /** The connection is gone: forgets everything, calls nobody. */
  stop(): void {
    this.#finished = true;
    this.#chunks.length = 0;
    this.#disarm();
  }

  #take(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.#finished) return;
    this.#total += chunk.byteLength;
    const { bytesMax, drainBytesMax } = this.#limits;
    if (this.#total <= bytesMax) {
      // The buffer is emptied when this returns: copy.
      if (chunk.byteLength > 0) this.#chunks.push(new Uint8Array(chunk.slice(0)));
    } else {
      this.#chunks.length = 0;
    }
    if (this.#total > drainBytesMax) this.#finish({ problem: 'tooLarge', mustClose: !isLast });
    else if (isLast) {
      const tooLarge = this.#total > bytesMax;
      this.#finish(
        tooLarge
          ? { problem: 'tooLarge', mustClose: false }
          : { body: this.#joined(), mustClose: false },
      );
    }
  }

  #late(): void {
    const problem = this.#total > this.#limits.bytesMax ? 'tooLarge' : 'tooSlow';
    this.#finish({ problem, mustClose: true });
  }

  #joined(): Uint8Array {
    const [only] = this.#chunks;
    if (this.#chunks.length === 1 && only !== undefined) return only;
    return Buffer.concat(this.#chunks, this.#total);
  }

  #finish(outcome: BodyOutcome): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#disarm();
    this.#done(outcome);
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
