/**
 * Boots a `reader-<i>` thread: one read-only connection, so that a long page never delays a commit. Replaced by the thread
 * supervisor when it ends.
 */
import { bootReaderThread } from '../channels/store/index.ts';
import type { Booted } from '../runtime/index.ts';
import type { StoreExtras } from './boot-store.ts';
import { openSlot } from './open-slot.ts';
import type { SlotArg } from './slot-args.ts';

/** Starts the thread's tree. The writer must have made the database before. */
export async function boot(
  arg: SlotArg,
  _thread?: unknown,
  extras: StoreExtras = {},
): Promise<Booted> {
  const { log } = await openSlot(arg);
  await bootReaderThread(
    { path: arg.databasePath },
    { ...extras, onEvent: (event) => log.logger.warn(event, 'store') },
  );
  return { stop: log.flush };
}
