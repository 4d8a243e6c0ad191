/** What a case is. Types only. */
import type { Stage } from './stage.ts';

/** One case of protocol.md section 5. */
export interface Case {
  readonly number: number;
  readonly name: string;
  /** Settings (DRIFTWAY_*) of the server that the suite starts for it. Default: shared with the other cases. */
  readonly env?: Readonly<Record<string, string>>;
  /** `control`: kills, restores or drains the server, so it must be the suite's own. */
  readonly needs?: 'control';
  /** Takes a few seconds at most: part of `npm test`. */
  readonly isQuick: boolean;
  /** Throws Failure, or Unfit; returns a remark for the table. */
  run(stage: Stage): Promise<string | undefined>;
}
