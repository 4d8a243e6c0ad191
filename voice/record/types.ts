/**
 * What a room asks of the audio service, and what it is told. Types only; everything lives on the voice thread. The room decides who may
 * (PERM_RECORD), shows it to everybody, and refuses it where calls are encrypted end to end.
 */
import type { Id } from '../../channels/index.ts';
import type { SidecarStatus } from '../sidecar/index.ts';
import type { MediaProducer, RoomMedia } from '../worker/types.ts';

/** `unavailable`: there is no driftway-audio, or it cannot be kept up; `not_found`: no such file to play; `rejected`: it is no Ogg/Opus. */
export type AudioErr = 'unavailable' | 'not_found' | 'rejected';

export type AudioOutcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: AudioErr; readonly message: string };

/** Recording, playback and mix for all rooms of a voice thread. The process behind it starts with the first job. */
export interface AudioService {
  /** Records everybody that `speaker` names into a folder of its own, one file per speaker and segment. */
  record(options: RecordOptions): Promise<AudioOutcome<Recording>>;
  /** Plays an Ogg/Opus file of the library into a room. */
  play(options: PlayOptions): Promise<AudioOutcome<Playback>>;
  /** Names of files that `play` takes, at most 500, in their order; those of other forms are not seen. */
  library(): Promise<readonly string[]>;
  /** One stream of all that `speaker` names, for stages and broadcasts. */
  mix(options: MixOptions): Promise<AudioOutcome<Mix>>;
  status(): AudioStatus;
  /** Ends all recordings so that their files are whole, then the process. */
  close(): Promise<void>;
}

export interface RecordOptions {
  readonly room: Id;
  /** Who asked for it. */
  readonly by: Id;
  /** It ended by itself: the process cannot be kept up. Once, and not after `stop`. */
  readonly onFailed: () => void;
}

/** Who is heard in a job: the same for recordings and mixes. Calls are carried out in their order. */
export interface Speakers {
  /** From now on this producer too. A repeat does nothing. */
  speaker(uid: Id, media: RoomMedia, producer: MediaProducer): void;
  /** The producer is closed, or is not wanted any more. */
  gone(producer: MediaProducer): void;
  /** Resolves when what was called so far is carried out. */
  settled(): Promise<void>;
}

export interface Recording extends Speakers {
  /** Below the folder of recordings. */
  readonly folder: string;
  /** Ends the files and the manifest; resolves when all of it is on the disk. May be repeated. */
  stop(): Promise<void>;
}

export interface PlayOptions {
  readonly room: Id;
  readonly media: RoomMedia;
  /** Name below the library's folder. */
  readonly file: string;
  /** Of the producer, as of any other. */
  readonly owner: number;
  /** Samples (48 kHz) to leave out at the beginning. Default 0. */
  readonly position?: number;
  /** The stream is another one: the process that died could not get its old port back. */
  readonly onProducer: (producer: MediaProducer) => void;
  /** `end`: all was played, or four hours of it; `stop`; `gone`: the room's media ended; `failed`: the process cannot be kept up. Once. */
  readonly onDone: (reason: 'end' | 'stop' | 'gone' | 'failed') => void;
}

export interface Playback {
  /** What the room's people consume. */
  readonly producer: MediaProducer;
  /** Samples of the file that were played, as far as it is known. */
  readonly position: number;
  stop(): void;
}

export interface MixOptions {
  readonly room: Id;
  readonly media: RoomMedia;
  readonly owner: number;
  readonly settings: MixSettings;
  readonly onFailed: () => void;
}

export interface MixSettings {
  /** bit/s, 6,000 to 128,000. */
  readonly bitrate: number;
  /** Suppress noise of each speaker (0.8 % of a core each). */
  readonly noise: boolean;
  /** Bring speakers to one loudness. */
  readonly gain: boolean;
}

export interface Mix extends Speakers {
  readonly producer: MediaProducer;
  set(settings: MixSettings): void;
  stop(): void;
}

export interface AudioCounters {
  recordings: number;
  recordingsFailed: number;
  segments: number;
  /** Segments that a killed process left and that were made whole. */
  recovered: number;
  playbacks: number;
  mixes: number;
  /** Producers that could not be tapped. */
  untapped: number;
}

export interface AudioStatus {
  readonly process: SidecarStatus;
  readonly recordingsNow: number;
  readonly counters: Readonly<AudioCounters>;
}
