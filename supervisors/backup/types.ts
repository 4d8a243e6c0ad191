/**
 * What the parts of backup, restore and export share. Types only.
 */

/** What went on, or the reason why not in words for the operator. Nothing is left behind then but what `message` names. */
export type OperationResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: OperationCode; readonly message: string };

export type OperationCode =
  /** The target exists, or a server is running. */
  | 'conflict'
  /** There is nothing to work on. */
  | 'not_found'
  /** The backup, or the file, is not what it says it is. */
  | 'damaged'
  /** Made by a newer version of Driftway. */
  | 'newer'
  /** Too little space. */
  | 'no_space'
  /** The file system refuses. */
  | 'failed';

/** Progress of long work, for a person: which step, and how much of it is done, 0 to 1. */
export interface StepProgress {
  readonly step: string;
  readonly share: number;
}
