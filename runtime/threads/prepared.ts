/**
 * Worker threads before they have a place in the node: made, and loading the module of their slot. A slot that wants a spare
 * keeps one of them ready, so that the replacement of a dead thread costs its boot alone. Main only.
 */
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { errorInfo } from '../core/reason.ts';
import type { ErrorInfo } from '../types.ts';
import type { FromWorker, SlotOptions, ThreadFlags, WorkerLoad } from './types.ts';

const ENTRY = new URL('./worker-entry.ts', import.meta.url);

/** A thread that loads its module and waits to be told which slot it is. */
export class PreparedThread {
  readonly worker: Worker;
  /** Its module is there. */
  isLoaded = false;
  /** It cannot be used: its module failed, or it has ended. */
  error: ErrorInfo | undefined;

  constructor(slot: SlotOptions, flags: ThreadFlags) {
    const workerData: WorkerLoad = { module: String(slot.module) };
    const resourceLimits = limitsOf(slot);
    this.worker = new Worker(ENTRY, { workerData, name: slot.name, ...flags, resourceLimits });
    this.worker.on('message', (message: FromWorker) => {
      if (message.kind === 'loaded') this.isLoaded = true;
      else if (message.kind === 'failed') this.error = message.error;
    });
    this.worker.on('error', (error) => {
      this.error ??= errorInfo(error);
    });
    this.worker.on('exit', (code) => {
      this.error ??= { name: 'ThreadExit', message: `thread ended with code ${code}` };
    });
  }

  /** Hands the worker over: from now on somebody else listens to it. */
  release(): Worker {
    for (const event of ['message', 'error', 'exit']) this.worker.removeAllListeners(event);
    return this.worker;
  }
}

/**
 * The spare threads of a node: at most one for all slots with the same module and limits. One that breaks while it waits is
 * thrown away and made anew when the next thread has been replaced.
 */
export class Spares {
  readonly #flags: ThreadFlags;
  readonly #waiting = new Map<string, PreparedThread>();
  #isClosed = false;

  constructor(flags: ThreadFlags) {
    this.#flags = flags;
  }

  /** Makes sure that a thread is in reserve for this slot, if it wants one: that thread. */
  refill(slot: SlotOptions): PreparedThread | undefined {
    if (slot.spare !== true || this.#isClosed) return undefined;
    const key = kindOf(slot);
    const spare = this.#usable(key) ?? new PreparedThread(slot, this.#flags);
    this.#waiting.set(key, spare);
    return spare;
  }

  /** The thread in reserve, or a new one. */
  take(slot: SlotOptions): PreparedThread {
    const key = kindOf(slot);
    const spare = this.#usable(key);
    this.#waiting.delete(key);
    return spare ?? new PreparedThread(slot, this.#flags);
  }

  #usable(key: string): PreparedThread | undefined {
    const spare = this.#waiting.get(key);
    if (spare?.error === undefined) return spare;
    void spare.worker.terminate();
    return undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    await Promise.all(all.map(({ worker }) => worker.terminate()));
  }
}

function kindOf({ module, heapMaxMb, youngMaxMb }: SlotOptions): string {
  return JSON.stringify([String(module), heapMaxMb, youngMaxMb]);
}

function limitsOf({ heapMaxMb, youngMaxMb }: SlotOptions): ResourceLimits {
  return {
    ...(heapMaxMb === undefined ? {} : { maxOldGenerationSizeMb: heapMaxMb }),
    ...(youngMaxMb === undefined ? {} : { maxYoungGenerationSizeMb: youngMaxMb }),
  };
}
