/**
 * Answers of a room that are no values: fixed ones, and those that follow from what a media worker or a guild said. Pure.
 */
import type { Result } from '../../channels/index.ts';
import type { VoiceErr, VoiceResult } from '../types.ts';
import type { MediaResult } from '../worker/types.ts';

type Failure = Extract<VoiceResult<never>, { readonly ok: false }>;

export const NOT_FOUND: Failure = { ok: false, error: 'not_found' };
export const FORBIDDEN: Failure = { ok: false, error: 'forbidden' };
export const INVALID: Failure = { ok: false, error: 'invalid' };
export const VOICE_GONE: Failure = { ok: false, error: 'voice_gone' };
export const VOICE_FULL: Failure = { ok: false, error: 'voice_full' };
export const REJECTED: Failure = { ok: false, error: 'voice_rejected' };
export const E2E_REQUIRED: Failure = { ok: false, error: 'e2e_required' };
export const UNAVAILABLE: Failure = { ok: false, error: 'unavailable', retryMs: 1000 };
/** At one of the bounds of a member. */
export const BOUNDED: Failure = { ok: false, error: 'unavailable', retryMs: 200 };

export const DONE = { ok: true, value: null } as const;

const OF_MEDIA = {
  rejected: REJECTED,
  gone: VOICE_GONE,
  unavailable: UNAVAILABLE,
} as const;

/** What a client hears when a media worker refused. The worker's own words are for logs only. */
export function refused({ code, retryMs }: Extract<MediaResult<never>, { ok: false }>): Failure {
  return retryMs === undefined ? OF_MEDIA[code] : { ...OF_MEDIA[code], retryMs };
}

const OF_GUILD: Readonly<Record<string, VoiceErr>> = {
  forbidden: 'forbidden',
  not_found: 'not_found',
  unavailable: 'unavailable',
};

/** What a client hears when the guild refused. */
export function refusedByGuild({ code }: Extract<Result<never>, { ok: false }>): Failure {
  const error = OF_GUILD[code] ?? 'invalid';
  return error === 'unavailable' ? UNAVAILABLE : { ok: false, error };
}
