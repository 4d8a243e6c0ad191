/**
 * A room's recording: at most one, of everybody who talks, by whom it was asked for. Follows the room's producers; what the members are
 * told is the room's affair. Rights were judged before. Part of the room actor; a voice thread.
 */
import type { Id } from '../../channels/index.ts';
import type { AudioService, Recording } from '../record/index.ts';
import type { VoiceResult } from '../types.ts';
import type { MediaProducer, RoomMedia } from '../worker/types.ts';
import { DONE, INVALID, UNAVAILABLE } from './results.ts';

export interface RoomRecordingPorts {
  readonly sid: Id;
  /** null: this server has none. */
  readonly audio: AudioService | null;
  readonly media: () => RoomMedia | undefined;
  /** Who talks now. */
  readonly speakers: () => Iterable<{ readonly uid: Id; readonly handle: MediaProducer }>;
  /** What is encrypted end to end cannot be recorded here: it would be noise. */
  readonly isEncrypted: () => boolean;
  /** The recording began or ended. */
  readonly told: (on: boolean, by: Id) => void;
  /** Ties a callback to the actor's life. */
  wrap<A extends readonly unknown[]>(callback: (...args: A) => void): (...args: A) => void;
  /** Lets work go on beside the actor's turn. */
  beside(work: Promise<unknown>): void;
}

export class RoomRecording {
  readonly #ports: RoomRecordingPorts;
  #recording: Recording | undefined;
  #by: Id = 0;
  readonly #handles = new Set<MediaProducer>();
  /** Between the wish and the answer of the service. */
  #starting: { isWanted: boolean } | undefined;

  constructor(ports: RoomRecordingPorts) {
    this.#ports = ports;
  }

  /** Who asked for it, 0 while there is none. */
  get by(): Id {
    return this.#by;
  }

  /** Begins or ends; what is so already stays and is ok. */
  async act(by: Id, on: boolean): Promise<VoiceResult<null>> {
    if (!on) {
      this.end(by);
      return DONE;
    }
    if (this.#starting !== undefined) this.#starting.isWanted = true;
    if (this.#recording !== undefined || this.#starting !== undefined) return DONE;
    if (this.#ports.isEncrypted()) return INVALID;
    return this.#start(by);
  }

  /** Somebody began to send. */
  added(uid: Id, handle: MediaProducer): void {
    const media = this.#ports.media();
    if (media === undefined || this.#recording === undefined) return;
    this.#handles.add(handle);
    this.#recording.speaker(uid, media, handle);
  }

  /** Somebody stopped sending, or may not any more. */
  removed(handle: MediaProducer): void {
    if (this.#handles.delete(handle)) this.#recording?.gone(handle);
  }

  /** All producers are gone; those of the next epoch are told by `added`. */
  mediaDied(): void {
    for (const handle of [...this.#handles]) this.removed(handle);
  }

  /** The recording ends: by a wish, or since nobody is left. */
  end(by: Id = this.#by): void {
    if (this.#starting !== undefined) this.#starting.isWanted = false;
    const recording = this.#recording;
    if (recording === undefined) return;
    this.#forget(by);
    this.#ports.beside(recording.stop());
  }

  async #start(by: Id): Promise<VoiceResult<null>> {
    const { audio, sid, wrap } = this.#ports;
    if (audio === null) return UNAVAILABLE;
    const starting = { isWanted: true };
    this.#starting = starting;
    const answer = await audio.record({ room: sid, by, onFailed: wrap(() => this.#forget(0)) });
    this.#starting = undefined;
    if (!answer.ok) return UNAVAILABLE;
    if (!starting.isWanted || this.#ports.isEncrypted()) {
      this.#ports.beside(answer.value.stop());
      return starting.isWanted ? INVALID : DONE;
    }
    this.#recording = answer.value;
    this.#by = by;
    // People are told first, and recorded then.
    this.#ports.told(true, by);
    for (const { uid, handle } of this.#ports.speakers()) this.added(uid, handle);
    return DONE;
  }

  #forget(by: Id): void {
    if (this.#recording === undefined) return;
    this.#recording = undefined;
    this.#handles.clear();
    this.#by = 0;
    this.#ports.told(false, by);
  }
}
