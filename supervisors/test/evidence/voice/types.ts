/** What the parts of the driver `voice` are given. */
import type { Verdict } from '../../support/driver.ts';
import type { ServerProcess } from '../../support/server-process.ts';

export interface VoicePart {
  readonly server: ServerProcess;
  readonly verdict: Verdict;
  readonly settings: {
    readonly people: number;
    readonly kills: number;
    readonly calls: number;
    readonly moves: number;
    readonly rounds: number;
    readonly joins: number;
    readonly seconds: number;
    readonly networks: number;
  };
}
