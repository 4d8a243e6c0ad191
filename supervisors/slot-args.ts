/**
 * What each kind of thread is given at its start: plain data, made by tree.ts on the main thread, read by the boot modules.
 * Types only.
 */
import type { Config } from './config.ts';
import type { KeyMaterial } from './keys.ts';

/** What every thread gets. */
export interface SlotArg {
  readonly config: Config;
  /** The thread's own name, for its log. */
  readonly slot: string;
  /** 0 to 63, unique in the process: its part of the ids that this thread makes. */
  readonly slotNumber: number;
  readonly databasePath: string;
  /** CHAOS_ENABLED=on: see admin/chaos/end-word.ts; null: there is nothing of chaos on the thread. */
  readonly chaos: SharedArrayBuffer | null;
}

/** Shards and gateways reach the store over lanes. */
export interface StoreUserArg extends SlotArg {
  /** Names of the reader threads. */
  readonly readers: readonly string[];
}

export interface GatewayArg extends StoreUserArg {
  readonly keys: KeyMaterial;
  readonly rateTable: SharedArrayBuffer;
  /** One Int32: see NodeState. */
  readonly state: SharedArrayBuffer;
  readonly version: string;
  readonly startedAt: number;
}
