/**
 * The result of a task: settled once, by its function or by the end of its actor, whichever is first; taken
 * once. Told of the end inside the death of the actor, before any signal leaves.
 */
import type { Ms } from '../clock.ts';
import type { Cell, Holding } from '../core/cell.ts';
import { after } from '../core/timers.ts';
import type { Reason } from '../types.ts';
import type { TaskResult } from './types.ts';

export class Outcome<T> implements Holding {
  result: TaskResult<T> | undefined;
  /** The result was handed over or is not wanted any more: whoever asks from now on gets nothing. */
  taken = false;
  /** The actor has ended. */
  over = false;
  readonly #waiters = new Set<() => void>();

  /** The first one counts: a reply wins over a later death. */
  settle(result: TaskResult<T>): void {
    if (this.result !== undefined) return;
    this.result = result;
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }

  ownerEnded(_cell: Cell, reason: Reason): void {
    this.over = true;
    this.settle({ ok: false, reason });
  }

  /** Calls `wake` once there is a result, maybe at once; what is returned takes that back. */
  onSettled(wake: () => void): () => void {
    if (this.result !== undefined) {
      wake();
      return () => {};
    }
    this.#waiters.add(wake);
    return () => this.#waiters.delete(wake);
  }

  /** True once there is a result, false when `timeoutMs` has passed without one. */
  wait(timeoutMs: Ms): Promise<boolean> {
    if (this.result !== undefined || timeoutMs <= 0) {
      return Promise.resolve(this.result !== undefined);
    }
    return new Promise((resolve) => {
      const cancel = after(timeoutMs, () => {
        forget();
        resolve(false);
      });
      const forget = this.onSettled(() => {
        cancel();
        resolve(true);
      });
    });
  }

  /** The result, once. */
  take(): TaskResult<T> | undefined {
    if (this.taken || this.result === undefined) return undefined;
    this.taken = true;
    return this.result;
  }
}
