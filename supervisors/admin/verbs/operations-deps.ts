/**
 * What the verbs of backup, export, accounts and tokens need: a part of AdminDeps. Types only.
 */
import type { Store } from '../../../channels/index.ts';
import type { Clock, Rng } from '../../../runtime/index.ts';
import type { Config } from '../../config.ts';
import type { KeyMaterial } from '../../keys.ts';

export interface OperationsDeps {
  readonly config: Config;
  readonly store: Store;
  readonly version: string;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Hands the keys to all gateway threads. */
  replaceKeys(keySet: KeyMaterial['keySet']): void;
}
