/**
 * The memory implementation of Store: for tests, and as the model of the fuzz. Keeps nothing after
 * the process ends. Runs on the caller's thread.
 */
import type { ChannelLog, DocStore, Store } from '../types.ts';
import { StoreError } from './errors.ts';
import { MemoryDocs } from './memory-docs.ts';
import { MemoryLog } from './memory-log.ts';
import type { U32Source } from './types.ts';

class MemoryStore implements Store {
  readonly log: ChannelLog;
  readonly docs: DocStore;
  #open = true;

  constructor(rng: U32Source) {
    const guard = (): void => {
      if (!this.#open) {
        throw new StoreError('DRIFT_CHANNELS_STORE_CLOSED', 'use the store: it is closed');
      }
    };
    this.log = new MemoryLog(rng, guard);
    this.docs = new MemoryDocs(guard);
  }

  async close(): Promise<void> {
    this.#open = false;
  }
}

/**
 * An empty Store in memory, durability 0. Any thread; belongs to the thread that made it.
 * @param options.rng source of epochs
 */
export function memoryStore(options: { readonly rng: U32Source }): Store {
  return new MemoryStore(options.rng);
}
