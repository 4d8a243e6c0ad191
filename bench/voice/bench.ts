/** What all scenarios of bench:voice get. Types only. */
import type { Generator } from './generator.ts';
import type { Plan } from './plan.ts';
import type { DriftwaySide } from './sides.ts';
import type { Side } from './types.ts';

export interface Bench {
  readonly generator: Generator;
  readonly driftway: DriftwaySide;
  readonly bare: Side;
  /** Both servers run on it and nowhere else; undefined on a machine with one core. */
  readonly serverCore: number | undefined;
  readonly plan: Plan;
  /** Progress for whoever watches. */
  say(text: string): void;
}
