/**
 * Exit reasons: errors as data and back, and the normal class. Pure; any thread.
 */
import type { ErrorInfo, Reason } from '../types.ts';

const CAUSE_DEPTH = 4;

/** An error (or any thrown value) as data that crosses threads. */
export function errorInfo(thrown: unknown, depth = 0): ErrorInfo {
  if (!(thrown instanceof Error)) return { name: 'Thrown', message: String(thrown) };
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
  return {
    name: thrown.name,
    message: thrown.message,
    // Formatting a stack costs more than the rest of a restart: only for who reads it. Copies have it as data.
    get stack() {
      return thrown.stack ?? '';
    },
    ...(code === undefined ? {} : { code }),
    ...(thrown.cause === undefined || depth >= CAUSE_DEPTH
      ? {}
      : { cause: errorInfo(thrown.cause, depth + 1) }),
  };
}

/** What ctx.stop throws: not an Error, so no stack is captured. Never escapes the runtime. */
export class StopSignal {
  readonly reason: Reason;
  /** What the caller gets; null: it fails with the reason. */
  readonly reply: { readonly value: unknown } | null;
  constructor(reason: Reason, reply: StopSignal['reply'] = null) {
    this.reason = reason;
    this.reply = reply;
  }
}

/** The exit reason that a thrown value stands for. */
export function reasonOf(thrown: unknown): Reason {
  return thrown instanceof StopSignal ? thrown.reason : { error: errorInfo(thrown) };
}

/** normal, shutdown and { shutdown }: ends that are not reported and do not restart a transient child. */
export function isNormalClass(reason: Reason): boolean {
  if (typeof reason === 'object') return 'shutdown' in reason;
  return reason === 'normal' || reason === 'shutdown';
}
