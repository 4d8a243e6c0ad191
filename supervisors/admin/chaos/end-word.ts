/**
 * One number in shared memory: every run of chaos up to it is over. The way to end a fault on a thread that hears nothing. Main
 * writes it, every thread reads it.
 */

/** The threads' side. */
export class EndWord {
  readonly #word: Int32Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    this.#word = new Int32Array(buffer);
  }

  isOver(run: number): boolean {
    return Atomics.load(this.#word, 0) >= run;
  }

  /** Blocks this thread until the run is over or `ms` have passed; may wake before. */
  wait(run: number, ms: number): void {
    const seen = Atomics.load(this.#word, 0);
    if (seen < run) Atomics.wait(this.#word, 0, seen, ms);
  }

  /** Main only. */
  endAll(run: number): void {
    if (this.isOver(run)) return;
    Atomics.store(this.#word, 0, run);
    Atomics.notify(this.#word, 0);
  }
}

let buffer: SharedArrayBuffer | undefined;

/** The word of this process, on its main thread. */
export function endWordBuffer(): SharedArrayBuffer {
  buffer ??= new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  return buffer;
}
