/**
 * Owns what the steps of getting a binary share: where they work, what they tell, and the answer of a step that failed. Child process
 * of a build only.
 */
import type { ToolResult } from '../build/index.ts';
import type { MediaWorkerFault, MediaWorkerProgress, MediaWorkerVariant } from './types.ts';

/** What every step is given. */
export interface Work {
  /** The build folder; kept when a build fails or is interrupted, so that the next one goes on from there. */
  readonly folder: string;
  /** File that all tools write to. */
  readonly log: string;
  readonly tell: (progress: MediaWorkerProgress) => void;
  readonly signal?: AbortSignal;
  readonly variant: MediaWorkerVariant;
}

/** A step's outcome. */
export type Step =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: MediaWorkerFault; readonly message: string };

/** A failed step. */
export function failed(code: MediaWorkerFault, message: string): Step & { readonly ok: false } {
  return { ok: false, code, message };
}

/** The outcome of a step that is a run of one tool; `what` says what was being done. */
export function stepOf(result: ToolResult, code: MediaWorkerFault, what: string, work: Work): Step {
  if (result.ok) return result;
  if (work.signal?.aborted) return failed('aborted', `${what}: stopped`);
  const last = result.tail.trim().split('\n').slice(-3).join(' / ');
  const how = result.code === null ? 'ended by a signal' : `exit code ${result.code}`;
  return failed(code, `${what}: ${how}; the log is ${work.log}; its last lines: ${last}`);
}
