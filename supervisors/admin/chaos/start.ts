/**
 * What chaos needs on a thread of a server with CHAOS_ENABLED=on: the agent, on gateways the canary, on the store the driver that
 * can fail. Loaded by openSlot and boot-store only then. Any thread but main.
 */
import { nodeSqliteDriver, type SqliteDriver } from '../../../channels/store/index.ts';
import { systemClock as clock, systemRng as rng } from '../../../runtime/index.ts';
import { connectToStore } from '../../connect-store.ts';
import type { SlotArg, StoreUserArg } from '../../slot-args.ts';
import { startChaosAgent } from './agent.ts';
import { startCanary } from './canary.ts';
import { EndWord } from './end-word.ts';
import { faultyDriver, StoreFault } from './store-fault.ts';

let storeFault: StoreFault | undefined;

/** The driver of the store thread; made before its agent. */
export function chaoticDriver(buffer: SharedArrayBuffer): SqliteDriver {
  storeFault ??= new StoreFault(clock, new EndWord(buffer));
  return faultyDriver(nodeSqliteDriver, storeFault);
}

/** Starts this thread's part. */
export async function startChaos(
  arg: SlotArg & Partial<StoreUserArg>,
  buffer: SharedArrayBuffer,
): Promise<void> {
  if (arg.slot === 'store') chaoticDriver(buffer);
  await startChaosAgent({ clock, rng, word: new EndWord(buffer), store: storeFault });
  if (arg.slot.startsWith('gateway-') && arg.readers !== undefined) {
    await startCanary({ clock, store: connectToStore(arg.readers) });
  }
}
