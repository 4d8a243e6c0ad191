/**
 * Boots a `reader-<i>` thread: one read-only connection, so that a long page never delays a commit. Replaced by the thread
 * supervisor when it ends.
 */
import { bootReaderThread } from '../channels/store/index.ts';
import type { Booted } from '../runtime/index.ts';
import { bootConnection, type StoreExtras } from './boot-store.ts';
import type { SlotArg } from './slot-args.ts';

/** Starts the thread's tree. The writer must have made the database before. */
export async function boot(
  arg: SlotArg,
  _thread?: unknown,
  extras: StoreExtras = {},
): Promise<Booted> {
  return await bootConnection(bootReaderThread, arg, extras);
}
