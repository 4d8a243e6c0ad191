/**
 * The error types of the project: DriftwayError (the caller may act on `code`) and ActorError (a call,
 * spawn or stop did not succeed; `reason` says why). Plain values; any thread.
 */
import type { AnyRef, Reason } from './types.ts';

/** What a DriftwayError may carry besides its message. Never put secrets or message content here. */
export interface DriftwayErrorOptions {
  readonly cause?: unknown;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** An error the caller may act on. `code` is stable: `DRIFT_<FOLDER>_<WHAT>`. */
export class DriftwayError extends Error {
  override readonly name: string = 'DriftwayError';
  readonly code: string;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: DriftwayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.data = options.data ?? {};
  }
}

/**
 * Why a call, spawn or stop failed beyond the exit reasons: `mailboxFull` (refused at the bound),
 * `unavailable` (an entity over its restart intensity: try later), `callingSelf`, `aborted` (the
 * caller's AbortSignal), `ignore` (init returned IGNORE), `alreadyStarted` (the name is taken).
 */
export type FailReason =
  | Reason
  | 'mailboxFull'
  | 'unavailable'
  | 'callingSelf'
  | 'aborted'
  | 'ignore'
  | { readonly alreadyStarted: AnyRef };

/** Rejection of call, spawn, stop. Code `DRIFT_RUNTIME_ACTOR`; look at `reason`. */
export class ActorError extends DriftwayError {
  override readonly name = 'ActorError';
  readonly reason: FailReason;

  constructor(reason: FailReason, action: string) {
    super('DRIFT_RUNTIME_ACTOR', `${action}: ${describeReason(reason)}`);
    this.reason = reason;
  }
}

/** One line for logs: the reason without stack and without message content. */
export function describeReason(reason: FailReason): string {
  if (typeof reason === 'string') return reason;
  if ('error' in reason) return `${reason.error.name}: ${reason.error.message}`;
  if ('alreadyStarted' in reason) return `alreadyStarted ${String(reason.alreadyStarted)}`;
  return 'shutdown with detail';
}
