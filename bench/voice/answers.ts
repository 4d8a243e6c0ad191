/** Requests that wait for their answer, by number. Used by both kinds of signalling. */

const TIMEOUT_MS = 20_000;

interface Waiter<T> {
  readonly timer: NodeJS.Timeout;
  resolve(answer: T): void;
  reject(error: Error): void;
}

export class Answers<T> {
  readonly #who: string;
  readonly #waiting = new Map<number, Waiter<T>>();
  #id = 0;
  #fault: Error | undefined;

  constructor(who: string) {
    this.#who = who;
  }

  /** The number for a request, and its answer to come. */
  expect(what: string): { readonly id: number; readonly answer: Promise<T> } {
    this.#id += 1;
    const id = this.#id;
    const answer = new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.reject(id, new Error(`${this.#who}: ${what}: no answer`));
      }, TIMEOUT_MS);
      this.#waiting.set(id, { timer, resolve, reject });
      if (this.#fault !== undefined) this.reject(id, this.#fault);
    });
    return { id, answer };
  }

  resolve(id: number, answer: T): void {
    this.#take(id)?.resolve(answer);
  }

  reject(id: number, error: Error): void {
    this.#take(id)?.reject(error);
  }

  /** The connection is gone: all that waits fails, and what comes. */
  fail(error: Error): void {
    this.#fault = error;
    for (const id of [...this.#waiting.keys()]) this.reject(id, error);
  }

  #take(id: number): Waiter<T> | undefined {
    const waiter = this.#waiting.get(id);
    if (waiter !== undefined) clearTimeout(waiter.timer);
    this.#waiting.delete(id);
    return waiter;
  }
}
