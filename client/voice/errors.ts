/** Errors of voice that a caller may act on: one class, its codes, and what ERR codes of V_JOIN mean. */
import { Err } from '../../gateway/protocol/index.ts';
import { meaningOf } from '../outbox.ts';

/** Codes of VoiceError. */
export type VoiceErrorCode =
  /** This browser, or this origin (no https), has no WebRTC. */
  | 'DRIFT_VOICE_UNSUPPORTED'
  /** The user or the system gives no microphone. */
  | 'DRIFT_VOICE_NO_MICROPHONE'
  /** No right to join, or no such channel. */
  | 'DRIFT_VOICE_FORBIDDEN'
  /** As many people as the channel takes. */
  | 'DRIFT_VOICE_FULL'
  /** The channel wants end-to-end encryption and this session has no secret. */
  | 'DRIFT_VOICE_SECRET_NEEDED'
  /** The server does not do what was asked; `err` has its code. */
  | 'DRIFT_VOICE_REFUSED'
  /** The session was left or ended. */
  | 'DRIFT_VOICE_ENDED';

/** An error that the user of a voice session may act on. */
export class VoiceError extends Error {
  override readonly name = 'VoiceError';
  readonly code: VoiceErrorCode;
  /** ERR code of the socket, where one was the reason. */
  readonly err: number | undefined;

  constructor(code: VoiceErrorCode, message: string, err?: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.err = err;
  }
}

const FINAL: Readonly<Record<number, VoiceErrorCode>> = {
  [Err.FORBIDDEN_OR_ABSENT]: 'DRIFT_VOICE_FORBIDDEN',
  [Err.NOT_FOUND]: 'DRIFT_VOICE_FORBIDDEN',
  [Err.VOICE_FULL]: 'DRIFT_VOICE_FULL',
  [Err.E2E_REQUIRED]: 'DRIFT_VOICE_SECRET_NEEDED',
};

/** What an ERR code of V_JOIN means; null when the same question may be answered otherwise soon. */
function finalJoinError(code: number): VoiceErrorCode | null {
  if (code === Err.VOICE_GONE || meaningOf(code) === 'retry') return null;
  return FINAL[code] ?? 'DRIFT_VOICE_REFUSED';
}

/** An answer of V_JOIN that is no yes: for good, or to be asked again. Code 0: the connection was lost. */
export function joinFailure(answer: {
  readonly code: number;
  readonly retryMs: number | null;
}): VoiceError | { readonly retryMs: number | null } {
  const code = answer.code === 0 ? null : finalJoinError(answer.code);
  if (code === null) return { retryMs: answer.retryMs };
  return new VoiceError(code, `Join: the server answered ${answer.code}`, answer.code);
}

/** What was thrown while joining, as a VoiceError. */
export function asVoiceError(error: unknown): VoiceError {
  if (error instanceof VoiceError) return error;
  const message = 'Join: this browser could not build its side';
  return new VoiceError('DRIFT_VOICE_UNSUPPORTED', message, undefined, error);
}

/** Why a join that had begun never came to its end. */
export function endedError(why: string): VoiceError {
  return new VoiceError('DRIFT_VOICE_ENDED', `Join: ended with ${why}`);
}
