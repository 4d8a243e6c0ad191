/**
 * What the parts of voice on the main thread, the voice thread and the gateways tell each other. Types and names only.
 */
import type { SelfCallOffer, VoiceStatus } from '../../voice/index.ts';

/** Group and name of the thread that hosts rooms; in standby until somebody joins. */
export const VOICE_GROUP = 'voice';
export const VOICE_SLOT = 'voice-0';

/** Name of the actor on the main thread. */
export const VOICE_CONTROL = 'voice-control';
/** Name of the actor on the voice thread. */
export const VOICE_THREAD = 'voice-thread';

/** How far the program of the media workers is. */
export type BinaryState =
  | { readonly state: 'off' }
  /** `share`: 0 to 1, where it is known. */
  | { readonly state: 'preparing'; readonly step: string; readonly share: number | null }
  | { readonly state: 'ready'; readonly path: string }
  | { readonly state: 'failed'; readonly code: string; readonly message: string };

/** Where the program is, for who starts workers. */
export type BinaryAnswer =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly message: string };

/** Whether rooms can be reached now. `retryMs` null: not before the configuration changes. */
export type VoiceWake =
  | { readonly up: true }
  | { readonly up: false; readonly retryMs: number | null; readonly why: string };

/** `standby`: nobody is in a voice channel. `down`: it is being replaced. `out`: it ended too often, and rests. */
export type VoiceThreadState = 'standby' | 'up' | 'down' | 'out';

/** What the voice thread has now. */
export interface VoiceThreadStatus extends VoiceStatus {
  /** In rooms, all together. */
  readonly people: number;
  /** Rooms with somebody in them. */
  readonly roomCount: number;
}

/** Everything that /health and operators are told. `status`: only of a thread that answers. */
export interface VoiceLook {
  readonly binary: BinaryState;
  /** Of recordings and playback. */
  readonly audio: BinaryState;
  readonly thread: VoiceThreadState;
  readonly status: VoiceThreadStatus | null;
}

/** Understood by `voice-control`. */
export interface VoiceControlP {
  /** Before a room is called: has the thread started where it is in standby. */
  wake(): VoiceWake;
  look(): VoiceLook;
  /** The voice thread asks. */
  binary(which: 'media' | 'audio'): BinaryAnswer;
  /** The voice thread has had no room for long: it may end. */
  idle(): void;
}

/** One step of a call of the server to itself. */
export type SelfCallStep =
  | { readonly step: 'open' }
  | {
      readonly step: 'connect';
      readonly id: number;
      readonly send: string;
      readonly receive: string;
    }
  | { readonly step: 'close'; readonly id: number };

export type SelfCallAnswer =
  | { readonly ok: true; readonly value: SelfCallOffer | null }
  | { readonly ok: false; readonly message: string };

/** Understood by `voice-thread`. */
export interface VoiceThreadP {
  status(): VoiceThreadStatus;
  /** SIGKILL to a media worker, the busiest one by default: its process id, null when there is none. For chaos and tests. */
  killWorker(m: { readonly slot?: number | undefined }): number | null;
  /** A fresh process in the place of a media worker; its rooms move first. False: there is no such worker, or it is on its way out. */
  drainWorker(m: { readonly slot: number; readonly withinMs: number }): boolean;
  /** For the doctor; each step within some seconds. */
  selfCall(m: SelfCallStep): SelfCallAnswer;
}
