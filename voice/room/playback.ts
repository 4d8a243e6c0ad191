/**
 * What is played into a room: at most one file of the server's library, by whom it was asked for. In the roster it is a participant of its
 * own, user 0, so that nobody hears what is not shown. Follows the room's media over crashes and moves. Rights were judged before. Part
 * of the room actor; a voice thread.
 */
import type { Id } from '../../channels/index.ts';
import type { Ref } from '../../runtime/index.ts';
import type { AudioOutcome, AudioService, Playback } from '../record/index.ts';
import {
  type Participant,
  type ProducerId,
  VOICE_JOINED,
  VOICE_LEFT,
  VOICE_PLAYBACK,
  VOICE_PRODUCER,
  VOICE_PRODUCER_CLOSED,
  type VoiceOutP,
  type VoiceResult,
} from '../types.ts';
import type { MediaProducer, MediaResult, RoomMedia } from '../worker/types.ts';
import { Member, type Producer, participantOf } from './member.ts';
import { DONE, INVALID, NOT_FOUND, REJECTED, refused, UNAVAILABLE } from './results.ts';

/** The room itself, as a participant. */
export const ROOM_UID: Id = 0;

export interface RoomPlaybackPorts {
  readonly sid: Id;
  /** null: this server has none. */
  readonly audio: AudioService | null;
  /** The room's media, opened if need be. */
  readonly open: () => Promise<MediaResult<RoomMedia>>;
  /** What the server would play, nobody could decrypt. */
  readonly isEncrypted: () => boolean;
  readonly isEmpty: () => boolean;
  readonly nextId: () => number;
  readonly add: (producer: Producer) => void;
  readonly remove: (producer: Producer) => void;
  readonly tellAll: (kind: number, body: readonly unknown[]) => void;
  /** Ties a callback to the actor's life. */
  wrap<A extends readonly unknown[]>(callback: (...args: A) => void): (...args: A) => void;
  /** Lets work go on beside the actor's turn. */
  beside(work: Promise<unknown>): void;
}

/** A file from its beginning to its end, over every life of the media. */
interface Show {
  /** Whose producers its are. */
  readonly owner: Member;
  readonly file: string;
  readonly by: Id;
  /** undefined before it has begun, and between two lives. */
  playback: Playback | undefined;
  /** Samples of the file that were played when its media ended. */
  position: number;
  isShown: boolean;
}

export class RoomPlayback {
  readonly #ports: RoomPlaybackPorts;
  #show: Show | undefined;
  #producer: Producer | undefined;

  constructor(ports: RoomPlaybackPorts) {
    this.#ports = ports;
  }

  /** What is played now. */
  get now(): { readonly file: string; readonly by: Id } | undefined {
    return this.#show?.isShown === true ? this.#show : undefined;
  }

  /** As in V_JOIN's answer: nobody, or the room itself. */
  participants(): readonly Participant[] {
    return this.#show?.isShown === true ? [participantOf(this.#show.owner, 0)] : [];
  }

  /** Begins, or ends (null). Something else that is played must be ended first. */
  async act(by: Id, file: string | null): Promise<VoiceResult<null>> {
    if (file === null) {
      this.end();
      return DONE;
    }
    const { isEmpty, isEncrypted } = this.#ports;
    if (this.#show !== undefined || isEmpty() || isEncrypted()) return REJECTED;
    const begin = { playback: undefined, position: 0, isShown: false };
    const show: Show = { owner: roomItself(), file, by, ...begin };
    this.#show = show;
    const begun = await this.#begin(show);
    if (!begun.ok && this.#show === show) this.#show = undefined;
    return begun;
  }

  /** All media are gone: it goes on with the next ones. */
  mediaDied(): void {
    this.#producer = undefined;
    this.#show?.owner.producers.clear();
    this.#again();
  }

  /** New media are at another worker: what is played goes there too. */
  mediaMoved(): void {
    this.#again();
  }

  /** By a wish, or since nobody may or can hear it any more. */
  end(): void {
    const show = this.#show;
    this.#show = undefined;
    if (show === undefined) return;
    show.playback?.stop();
    this.#dropProducer();
    if (!show.isShown) return;
    this.#ports.tellAll(VOICE_LEFT, [ROOM_UID]);
    this.#ports.tellAll(VOICE_PLAYBACK, ['', show.by]);
  }

  #again(): void {
    const show = this.#show;
    const playback = show?.playback;
    if (show === undefined || playback === undefined) return;
    show.position = playback.position;
    show.playback = undefined;
    playback.stop();
    const begun = this.#begin(show).then((result) => {
      if (!result.ok && this.#show === show) this.end();
    });
    this.#ports.beside(begun);
  }

  async #begin(show: Show): Promise<VoiceResult<null>> {
    const { audio, open, sid, wrap } = this.#ports;
    if (audio === null) return UNAVAILABLE;
    const media = await open();
    if (!media.ok) return refused(media);
    const life: { playback?: Playback } = {};
    const { file, position } = show;
    const answer = await audio.play({
      ...{ room: sid, media: media.value, file, position, owner: ROOM_UID },
      onDone: wrap(() => {
        if (this.#show === show && show.playback === life.playback) this.end();
      }),
      onProducer: wrap((handle) => {
        if (this.#show === show && show.playback === life.playback) this.#produce(show, handle);
      }),
    });
    if (!answer.ok) return refusedBy(answer);
    life.playback = answer.value;
    // Ended while the process was asked, or nobody is here any more.
    if (this.#show !== show || this.#ports.isEmpty() || this.#ports.isEncrypted()) {
      answer.value.stop();
      return REJECTED;
    }
    show.playback = answer.value;
    this.#appear(show);
    this.#produce(show, answer.value.producer);
    return DONE;
  }

  /** People are told first, and hear it then. */
  #appear(show: Show): void {
    if (show.isShown) return;
    show.isShown = true;
    this.#ports.tellAll(VOICE_JOINED, [ROOM_UID, 0]);
    this.#ports.tellAll(VOICE_PLAYBACK, [show.file, show.by]);
  }

  #produce({ owner }: Show, handle: MediaProducer): void {
    const before = this.#producer;
    const pid: ProducerId = this.#ports.nextId();
    const producer: Producer = {
      ...{ pid, handle, owner, tid: 0, cnonce: '' },
      ...{ isPaused: false, isSilenced: false },
    };
    this.#ports.tellAll(VOICE_PRODUCER, [ROOM_UID, pid, handle.media]);
    this.#ports.add(producer);
    this.#dropProducer(before);
    this.#producer = producer;
  }

  #dropProducer(producer = this.#producer): void {
    if (producer === undefined) return;
    if (producer === this.#producer) this.#producer = undefined;
    this.#ports.remove(producer);
    this.#ports.tellAll(VOICE_PRODUCER_CLOSED, [producer.pid]);
  }
}

function roomItself(): Member {
  const room = new Member({
    ...{ vsid: 0, uid: ROOM_UID, session: '', gateway: 0 as unknown as Ref<VoiceOutP>, connNo: 0 },
    ...{ perms: 0, caps: {}, isMuted: false, isDeaf: false, e2e: 0 },
  });
  // In large rooms too everybody hears it.
  room.sanction = { ...room.sanction, priority: true };
  return room;
}

function refusedBy({
  code,
}: Extract<AudioOutcome<never>, { readonly ok: false }>): Exclude<VoiceResult<null>, { ok: true }> {
  if (code === 'not_found') return NOT_FOUND;
  return code === 'rejected' ? INVALID : UNAVAILABLE;
}
