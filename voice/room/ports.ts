/**
 * What rooms are given by the boot of a voice thread: the same for all rooms of the thread, but for the counters that they
 * add to. Types and defaults only.
 */
import type { Id } from '../../channels/index.ts';
import type { Clock, Ms } from '../../runtime/index.ts';
import type { GuildPort } from '../guild-port.ts';
import type { AudioService } from '../record/index.ts';
import type { JsonText, Vsid } from '../types.ts';
import type { MediaPool } from '../worker/types.ts';
import { FORWARDING_LIMITS, type ForwardingLimits } from './forwarding.ts';
import type { RoomRegistry } from './registry.ts';

export interface RoomEnvironment {
  /** The media workers of this thread; made at the first join. */
  readonly pool: () => MediaPool;
  readonly guilds: GuildPort;
  /** STUN and TURN servers with short-lived credentials for a user. */
  readonly iceServers: (uid: Id) => JsonText;
  /** Never the same twice in the life of a node. */
  readonly nextVsid: () => Vsid;
  readonly clock: Clock;
  readonly limits: RoomLimits;
  readonly counters: VoiceCounters;
  /** Recording; null: this server has none. */
  readonly audio: AudioService | null;
  /** Rooms that are awake on this thread. */
  readonly registry: RoomRegistry;
}

export interface RoomArg {
  readonly sid: Id;
  readonly environment: RoomEnvironment;
}

export interface RoomLimits extends ForwardingLimits {
  /** People in one room, whatever its channel says: 602 beyond. */
  readonly peopleMax: number;
  /** Ops of one member that wait for the one before: 'unavailable' beyond. */
  readonly opsQueuedMax: number;
  /** Of each direction; the oldest is closed when one more is made. */
  readonly transportsMax: number;
  /** That one member asked for itself: 'unavailable' beyond. */
  readonly consumersMax: number;
  /** That the room keeps for a member when it chooses speakers: the one not forwarded for longest is closed. */
  readonly keptMax: number;
  /** `cnonce`s remembered of one member; the oldest is forgotten. */
  readonly cnoncesMax: number;
  /** Users whom moderators muted, deafened or invited; the oldest that is not here is forgotten. */
  readonly sanctionsMax: number;
  /** A membership lives without its connection (protocol.md 2.15). */
  readonly lostMs: Ms;
  /** A room without people keeps its media. */
  readonly emptyMs: Ms;
}

export const ROOM_LIMITS: RoomLimits = {
  ...FORWARDING_LIMITS,
  peopleMax: 1000,
  opsQueuedMax: 64,
  transportsMax: 2,
  consumersMax: 64,
  keptMax: 16,
  cnoncesMax: 16,
  sanctionsMax: 1000,
  lostMs: 60_000,
  emptyMs: 30_000,
};

/** Over all rooms of a thread, since its start. */
export interface VoiceCounters {
  joins: number;
  /** By the same session: after a new epoch, or at the end of a client's ladder. */
  rejoins: number;
  joinsRefused: number;
  leaves: number;
  /** The connection did not come back. */
  expired: number;
  replaced: number;
  /** Ended by a moderator, a lost right, or the channel's end. */
  removed: number;
  /** Media workers that died under a room. */
  epochs: number;
  relocations: number;
  producers: number;
  consumers: number;
  /** `J` values and ops out of order (603). */
  rejected: number;
  /** At `opsQueuedMax`, `consumersMax` or the relay's bound. */
  bounded: number;
  /** Closed since they sent far more than the channel allows. */
  excesses: number;
  e2eRelayed: number;
  moderated: number;
  /** Room actors that were killed, or whose media were left behind otherwise. */
  leftovers: number;
  /** Events to gateway threads: casts, and receivers in them. */
  casts: number;
  told: number;
}

export function newVoiceCounters(): VoiceCounters {
  return {
    ...{ joins: 0, rejoins: 0, joinsRefused: 0, leaves: 0, expired: 0, replaced: 0, removed: 0 },
    ...{ epochs: 0, relocations: 0, producers: 0, consumers: 0, rejected: 0, bounded: 0 },
    ...{ excesses: 0, e2eRelayed: 0, moderated: 0, leftovers: 0, casts: 0, told: 0 },
  };
}
