/**
 * What the checks of the doctor are given and what they find. Types only.
 */
import type { Clock } from '../../runtime/index.ts';
import type { Config } from '../config.ts';

/** `warn`: it works, but will not for long or not for many. `fail`: the server does not start, or is not safe. */
export type Grade = 'ok' | 'warn' | 'fail';

/** One line of the doctor's. */
export interface Finding {
  /** What was looked at: `nofile`, `port`. */
  readonly id: string;
  readonly grade: Grade;
  /** What was found. */
  readonly what: string;
  /** What to do about it; null when nothing. */
  readonly remedy: string | null;
}

/** What the checks look at. */
export interface Scene {
  readonly config: Config;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** The server that holds the data folder; null when none does. */
  readonly serverPid: number | null;
  /** Goes through the whole database too. */
  readonly isDeep: boolean;
}

/** Looks at one thing; may find several. What it throws becomes a failure of its own. */
export type Check = (scene: Scene) => readonly Finding[] | Promise<readonly Finding[]>;
