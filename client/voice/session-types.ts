/** What a voice session is given, tells, and stands in. Types only. */
import type { Clock, Rng } from '../clock.ts';
import type { VoiceError } from './errors.ts';
import type { Participant } from './roster.ts';
import type { Voice } from './session-media.ts';
import type { EncoderSettings, KeyExchange, MediaEngine, VoiceOutput, VoicePort } from './types.ts';

/** Where a session stands. */
export type VoiceState =
  | { readonly name: 'idle' }
  /** `retryInMs`: the server cannot yet (still preparing, busy); asked again then. */
  | { readonly name: 'joining'; readonly retryInMs?: number }
  | { readonly name: 'connected' }
  /** The membership or the media is being made anew; what was heard goes on as long as it can. */
  | { readonly name: 'reconnecting' }
  | { readonly name: 'ended'; readonly why: string; readonly error?: VoiceError };

/** Events of VoiceSession. */
export interface VoiceEvents {
  readonly state: VoiceState;
  /** Somebody came, went, or changed what they send. */
  readonly people: readonly Participant[];
  /** Who speaks, with levels of 0 to 1; at most 7 times a second, and only when it changes. */
  readonly speaking: ReadonlyMap<number, number>;
  readonly voices: readonly Voice[];
  /** 0 for nobody. */
  readonly dominant: number;
  readonly recording: { readonly isOn: boolean; readonly uid: number };
  /** What the server plays into the room (user 0 in the roster); '' when it is over. */
  readonly playback: { readonly file: string; readonly uid: number };
  /** A moderator moved this person. */
  readonly moved: { readonly sid: number };
  /** Something was refused that does not end the session: sending without the right to speak, for one. */
  readonly warning: unknown;
}

/** Options of VoiceSession. */
export interface VoiceOptions {
  readonly port: VoicePort;
  readonly engine: MediaEngine;
  readonly output: VoiceOutput;
  readonly clock: Clock;
  readonly rng: Rng;
  /** The voice channel. */
  readonly sid: number;
  /** The own user. */
  readonly uid: number;
  /** Null: only listens. */
  readonly track: MediaStreamTrack | null;
  readonly isMuted?: boolean;
  readonly isDeaf?: boolean;
  /** Highest version of end-to-end encryption that this session has a secret for: 0 (default) or 1. */
  readonly e2e?: number;
  /** Keys of end-to-end encryption; needed where `e2e` is 1. */
  readonly keys?: KeyExchange | null;
  readonly encoder?: Partial<EncoderSettings>;
}
