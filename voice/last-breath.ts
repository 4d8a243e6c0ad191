/**
 * What a thread does when an error has escaped it, before it ends by that error. Only the thread that started a process hears of its end:
 * processes that are left to the others stay in the process table as dead entries until the server ends. Voice thread.
 */
import type { Clock, Ms } from '../runtime/index.ts';

/**
 * From now on the first error that nobody catches has `work` done first, `withinMs` long at most; then the thread ends by that error. A
 * second error meanwhile ends it at once. Call it once in the life of a thread.
 */
export function onLastBreath(work: () => Promise<unknown>, withinMs: Ms, clock: Clock): void {
  process.once('uncaughtException', (error: unknown) => {
    const end = (): void => {
      setImmediate(() => {
        throw error;
      });
    };
    const late = new Promise<void>((resolve) => {
      clock.setTimeout(resolve, withinMs);
    });
    const done = work().catch(ignore);
    void Promise.race([done, late]).then(end);
  });
}

/** The error that ends the thread is the first one. */
function ignore(): void {}
