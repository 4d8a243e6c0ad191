/** What comes of a case. */
import type { Encoding } from '../wire/types.ts';

/** How a case ended. Only `failed` makes the suite fail; the `needs` ones were not run and count as nothing else. */
export type Status =
  | 'passed'
  | 'failed'
  | 'needs two nodes'
  | 'needs control'
  | 'needs limits'
  | 'needs voice';

/** One line of the table. */
export interface Outcome {
  readonly number: number;
  readonly name: string;
  readonly encoding: Encoding;
  readonly status: Status;
  readonly tookMs: number;
  /** Remark, reason of the failure, or what is needed. */
  readonly note: string;
  /** The last frames of each connection of a failed case. */
  readonly frames: Readonly<Record<string, readonly string[]>>;
}

/** The case cannot be run here. */
export class Unfit extends Error {
  override readonly name = 'Unfit';
  readonly status: Exclude<Status, 'passed' | 'failed'>;

  constructor(status: Exclude<Status, 'passed' | 'failed'>, why: string) {
    super(why);
    this.status = status;
  }
}
