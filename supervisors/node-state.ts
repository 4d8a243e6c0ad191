/**
 * Owns the one word that all threads of the process share about it: whether it is ready to serve. A SharedArrayBuffer, because
 * /ready must answer without asking another thread.
 */

const STARTING = 0;
const READY = 1;
const STOPPING = 2;

/** The process's state. Written by the main thread, read by any. */
export class NodeState {
  readonly buffer: SharedArrayBuffer;
  readonly #word: Int32Array;

  /** A view of an existing buffer, or a new one in state `starting`. */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#word = new Int32Array(buffer);
  }

  get isReady(): boolean {
    return Atomics.load(this.#word, 0) === READY;
  }

  get isStarting(): boolean {
    return Atomics.load(this.#word, 0) === STARTING;
  }

  setReady(): void {
    Atomics.compareExchange(this.#word, 0, STARTING, READY);
  }

  setStopping(): void {
    Atomics.store(this.#word, 0, STOPPING);
  }
}
