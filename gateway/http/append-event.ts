/**
 * Appending through the same path as the socket, with the same nonce space and the same rights. An
 * unknown outcome (owner restarted, answer late) is repeated with the same nonce, which the stream
 * makes harmless: bounded by attempts and by time. Gateway threads.
 */
import type { AppendReply, AppendRequest, StreamP } from '../../channels/index.ts';
import { ActorError, type Clock } from '../../runtime/index.ts';
import { Err } from '../protocol/index.ts';
import { pause } from './ask.ts';
import { type Failure, fail, invalidField, unavailable } from './errors.ts';
import type { Caller } from './types.ts';

export interface Appended {
  readonly ok: true;
  readonly epoch: number;
  readonly seq: number;
  readonly ts: number;
  /** The event was there before this request (as far as can be known). */
  readonly duplicate: boolean;
}

/** A restarted shard thread is back within a second as a rule; after these the client repeats. */
const PAUSES_MS = [100, 400, 1000] as const;
const ATTEMPT_TIMEOUT_MS = 3000;
const TOTAL_MS = 8000;
export const MESSAGE_KIND = 1;

/** Appends; `onRepeat` counts. Resolves with the position, or the failure to answer with. */
export async function appendEvent(
  clock: Clock,
  stream: Caller<StreamP>,
  append: AppendRequest,
  onRepeat: () => void,
): Promise<Appended | { readonly ok: false; readonly failure: Failure }> {
  const deadline = clock.monotonic() + TOTAL_MS;
  for (let attempt = 0; ; attempt++) {
    const leftMs = deadline - clock.monotonic();
    const timeoutMs = Math.max(1, Math.min(ATTEMPT_TIMEOUT_MS, leftMs));
    const reply = await tryAppend(stream, append, timeoutMs);
    // A duplicate after an unknown outcome is this request's own message, or cannot be told from it.
    if (reply.ok) return { ...reply, duplicate: reply.duplicate && attempt === 0 };
    if (reply.code !== Err.OUTCOME_UNKNOWN)
      return { ok: false, failure: appendFailure(reply, append) };
    const waitMs = PAUSES_MS[attempt];
    if (waitMs === undefined || clock.monotonic() + waitMs >= deadline) {
      return { ok: false, failure: { ...unavailable(reply.retryMs), unknown: true } };
    }
    onRepeat();
    await pause(clock, waitMs);
  }
}

async function tryAppend(
  stream: Caller<StreamP>,
  append: AppendRequest,
  timeoutMs: number,
): Promise<AppendReply> {
  try {
    return await stream('append', append, { timeoutMs });
  } catch (error) {
    if (!(error instanceof ActorError)) throw error;
    const refused = error.reason === 'unavailable' || error.reason === 'mailboxFull';
    return { ok: false, code: refused ? Err.UNAVAILABLE : Err.OUTCOME_UNKNOWN };
  }
}

/** ERR codes of protocol.md 2.12 as api.md says them. */
function appendFailure(reply: AppendReply & { ok: false }, append: AppendRequest): Failure {
  const { code, retryMs } = reply;
  switch (code) {
    case Err.FORBIDDEN_OR_ABSENT:
      return fail('not_found');
    case Err.NO_SEND:
      return fail('forbidden');
    case Err.NONCE_REUSED:
      return fail('nonce_reused');
    case Err.BAD_CONTENT:
    case Err.TOO_LARGE:
      return invalidField('content');
    case Err.BAD_ARGS:
      // Of a message: what it replies to. Of anything else: the message that it is about.
      return append.kind === MESSAGE_KIND && append.body[1] != null
        ? invalidField('replyTo', 'no such message in this channel')
        : fail('not_found');
    case Err.RATE:
    case Err.SLOW_MODE:
      return fail('rate_limited', { retryAfterMs: retryMs ?? 1000 });
    case Err.UNAVAILABLE:
    case Err.DRAINING:
      return unavailable(retryMs);
    default:
      return fail('internal');
  }
}
