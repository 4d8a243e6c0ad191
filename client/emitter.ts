/**
 * A small typed event emitter. Listeners run synchronously in order of registration; a listener that
 * throws does not keep the others or the SDK from going on, its error is reported out of band.
 */

/** Function that takes a listener away again. Idempotent. */
export type Unlisten = () => void;

/** Emitter of the events in `Events` (name to argument). */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(argument: never) => void>>();
  readonly #report: (error: unknown) => void;

  /** @param report takes what a listener throws; default: thrown again in a microtask */
  constructor(report: (error: unknown) => void = rethrowLater) {
    this.#report = report;
  }

  /**
   * Calls `listener` at every `name` from now on.
   * @returns function that ends it
   */
  on<Name extends keyof Events>(name: Name, listener: (argument: Events[Name]) => void): Unlisten {
    let set = this.#listeners.get(name);
    if (set === undefined) {
      set = new Set();
      this.#listeners.set(name, set);
    }
    const own = (argument: Events[Name]): void => listener(argument);
    set.add(own);
    return () => {
      set.delete(own);
    };
  }

  /** Resolves with the argument of the next `name` that `accept` (default: any) agrees to. */
  once<Name extends keyof Events>(
    name: Name,
    accept: (argument: Events[Name]) => boolean = () => true,
  ): Promise<Events[Name]> {
    return new Promise((resolve) => {
      const unlisten = this.on(name, (argument) => {
        if (!accept(argument)) return;
        unlisten();
        resolve(argument);
      });
    });
  }

  /** Calls the listeners of `name`. */
  emit<Name extends keyof Events>(name: Name, argument: Events[Name]): void {
    const set = this.#listeners.get(name);
    if (set === undefined) return;
    for (const listener of [...set] as ((argument: Events[Name]) => void)[]) {
      try {
        listener(argument);
      } catch (error) {
        this.#report(error);
      }
    }
  }
}

function rethrowLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
