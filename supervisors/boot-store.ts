/**
 * Boots the `store` thread: the only writer of the database, and nothing else. A commit blocks the thread for one fsync, so
 * no other actor of the chat may live here. Replaced by the thread supervisor when it ends.
 */
import {
  bootStoreThread,
  CommitMeter,
  type SqliteDriver,
  type StoreThreadHooks,
} from '../channels/store/index.ts';
import type { Booted } from '../runtime/index.ts';
import type { ThreadSources } from './metrics/types.ts';
import { openSlot } from './open-slot.ts';
import type { SlotArg } from './slot-args.ts';

/** For fault tests, which compose the production tree with a driver that fails on demand. */
export interface StoreExtras {
  readonly driver?: SqliteDriver;
}

/** Starts the thread's tree; resolves when the database is open. Rejects when it cannot be opened. */
export async function boot(
  arg: SlotArg,
  _thread?: unknown,
  extras: StoreExtras = {},
): Promise<Booted> {
  const meter = new CommitMeter();
  const sources = {
    counters: () => ({ store: { ...meter.measures().writer } }),
    measures: () => ({ store: meter.measures() }),
  };
  const driver = extras.driver ?? (await driverFor(arg));
  const hooks = driver === undefined ? { meter } : { driver, meter };
  return await bootConnection(bootStoreThread, arg, hooks, sources);
}

/** The production driver (undefined) unless operators may make it fail. */
async function driverFor({ chaos }: SlotArg): Promise<SqliteDriver | undefined> {
  if (chaos === null) return undefined;
  return (await import('./admin/chaos/start.ts')).chaoticDriver(chaos);
}

/** What the writer's thread and the readers' have in common: a connection that reports to the log. */
export async function bootConnection(
  start: typeof bootStoreThread,
  arg: SlotArg,
  extras: StoreThreadHooks,
  sources: ThreadSources = {},
): Promise<Booted> {
  const { log } = await openSlot(arg, sources);
  await start(
    { path: arg.databasePath },
    { ...extras, onEvent: (event) => log.logger.warn(event, 'store') },
  );
  return { stop: log.flush };
}
