/**
 * Starts voice on its thread: hosts the entity 'room', keeps the media workers (in standby until somebody joins), and hears from
 * guilds. Called once in the boot of a `voice-<i>` thread, before anything is sent to its rooms. Nothing here knows of sockets.
 */

import { type DocStore, ID_EPOCH_MS, type Id } from '../channels/index.ts';
import {
  type AnyRef,
  type Behaviour,
  type Clock,
  cast,
  child,
  defineActor,
  hostEntity,
  type MonitorId,
  type Ms,
  name,
  startSupervisor,
  stop,
} from '../runtime/index.ts';
import { type GuildPort, GuildWatch, GuildWatchActor } from './guild-port.ts';
import { iceServers, type TurnOptions } from './ice.ts';
import { mediaProcesses, showMediaProcesses } from './media-processes.ts';
import {
  type AudioService,
  type AudioServiceOptions,
  type AudioStatus,
  createAudioService,
} from './record/index.ts';
import { RoomEntity } from './room/actor.ts';
import {
  newVoiceCounters,
  ROOM_LIMITS,
  type RoomEnvironment,
  type RoomLimits,
  type VoiceCounters,
} from './room/ports.ts';
import { type RoomFigures, type RoomLife, RoomRegistry, type RoomStatus } from './room/registry.ts';
import { SelfCalls } from './self-call.ts';
import type { JsonText } from './types.ts';
import {
  createMediaPool,
  type MediaPool,
  type MediaResult,
  type PoolEvent,
  type PoolStatus,
} from './worker/index.ts';

/** What a log takes here. */
export interface VoiceLog {
  info(fields: Readonly<Record<string, unknown>>, text: string): void;
  warn(fields: Readonly<Record<string, unknown>>, text: string): void;
  error(fields: Readonly<Record<string, unknown>>, text: string): void;
}

export interface VoiceHostOptions {
  /** Path of the media worker. */
  readonly binary: string;
  readonly listen: {
    /** HOST. */
    readonly host: string;
    /** VOICE_PORT; 0: any free ones. */
    readonly port: number;
    readonly announcedIpv4: string | null;
    readonly announcedIpv6: string | null;
  };
  /** That carry rooms, at least 1; a spare one comes on top. */
  readonly workers: number;
  /** null: no TURN. */
  readonly turn: TurnOptions | null;
  /** Knows which guild a channel belongs to. */
  readonly docs: Pick<DocStore, 'get'>;
  readonly clock: Clock;
  /** 0 to 63, unique in the node: part of the numbers of memberships. */
  readonly slotNumber: number;
  readonly log: VoiceLog;
  /** Recording and mix, where there is a program for it; its answer is at once. */
  readonly audio?: Pick<AudioServiceOptions, 'binary' | 'folder' | 'marks' | 'rng'>;
  /** Nobody was in a room for 10 minutes and the media workers are in standby: the thread may end. Told once. */
  readonly onIdle?: () => void;
  /** What tests put in place of the real parts. */
  readonly parts?: Partial<VoiceParts>;
}

export interface VoiceParts {
  readonly pool: () => MediaPool;
  readonly guilds: GuildPort;
  readonly iceServers: (uid: Id) => JsonText;
  readonly audio: AudioService;
  readonly limits: Partial<RoomLimits>;
}

export interface VoiceStatus {
  readonly pool: PoolStatus;
  /** null: there is no recording here. */
  readonly audio: AudioStatus | null;
  /** Rooms with the most people first, at most 500. */
  readonly rooms: readonly RoomStatus[];
}

/** What runs on the thread now. */
export interface HostedVoice {
  /** Ends rooms and guild watch when it is stopped; `close` does it in order. */
  readonly supervisor: AnyRef;
  /** Sums since the start, and what is there now (names ending in Now). O(rooms). */
  readonly counters: Readonly<VoiceCounters & RoomFigures>;
  status(): VoiceStatus;
  /** SIGKILL to a media worker, for chaos and tests: its process id, or undefined when there is none. Default the one that carries most. */
  killWorker(index?: number): number | undefined;
  /**
   * Puts a fresh process in the place of a media worker: its rooms move to another one, make before break. Resolves when it has been
   * replaced, after `withinMs` at the latest; a call that has not moved by then is lost and begins anew. `gone`: no such worker.
   */
  drainWorker(slot: number, withinMs: Ms): Promise<MediaResult<null>>;
  /** Ends the processes and waits for their ends, without a word to anybody: the thread is about to end by an error. */
  abandon(): Promise<void>;
  /** Calls of the server to itself. */
  readonly selfCalls: SelfCalls;
  /** Members are told that the server moves, then rooms and workers end. */
  close(): Promise<void>;
}

/** Longer than a short absence: what moderators decided is remembered meanwhile. */
const ROOM_IDLE_MS: Ms = 10 * 60_000;
const THREAD_IDLE_MS: Ms = 10 * 60_000;
const LOOK_EVERY_MS: Ms = 30_000;
const STATUS_ROOMS_MAX = 500;
const SLOTS = 64;

/**
 * Hosts rooms on this voice thread until `close`. Resolves when they can be reached; no media worker runs before the first join.
 * RangeError for a bad `slotNumber` or number of workers.
 */
export async function hostVoice(options: VoiceHostOptions): Promise<HostedVoice> {
  const { clock, parts = {} } = options;
  const counters = newVoiceCounters();
  const registry = new RoomRegistry((life) => cast(keeperName, 'began', life));
  const told = (event: PoolEvent): void => showMediaProcesses(event, pool.status());
  const pool: MediaPool = parts.pool?.() ?? createMediaPool(poolOptions(options, told), { clock });
  const audio = parts.audio ?? audioOf(options);
  const watch = new GuildWatch({ docs: options.docs });
  const environment: RoomEnvironment = {
    ...{ clock, counters, registry, audio },
    pool: () => pool,
    guilds: parts.guilds ?? watch,
    iceServers: parts.iceServers ?? turnServers(options),
    nextVsid: vsids(options.slotNumber, clock),
    limits: { ...ROOM_LIMITS, ...parts.limits },
  };
  const keeper: KeeperArg = { environment, pool, onIdle: options.onIdle };
  const supervisor = await startSupervisor({
    // The guild watch knows its rooms when it starts again.
    strategy: 'oneForOne',
    children: [
      child('guild-watch', GuildWatchActor, watch),
      mediaProcesses(options.workers + 1),
      // Transient: a host that the end of the thread has stopped is not to be started again.
      child('rooms', Keeper, keeper, { name: keeperName, restart: 'transient' }),
    ],
  });
  return {
    supervisor,
    get counters() {
      return { ...counters, ...registry.figures() };
    },
    status: () => ({
      pool: pool.status(),
      audio: audio?.status() ?? null,
      rooms: registry.statuses(STATUS_ROOMS_MAX),
    }),
    killWorker: (index) => killWorker(pool.status(), index),
    drainWorker: (slot, withinMs) => pool.drain(slot, withinMs),
    selfCalls: new SelfCalls(pool, clock),
    abandon: async () => {
      await Promise.allSettled([audio?.close(), pool.close()]);
    },
    close: async () => {
      await Promise.allSettled([stop(supervisor, 'shutdown')]);
      // Recordings before the workers that they hear through, so that their files are whole.
      await audio?.close();
      await pool.close();
    },
  };
}

// ---------------------------------------------------------------- parts

function poolOptions(
  { binary, listen, log, workers }: VoiceHostOptions,
  told: (event: PoolEvent) => void,
) {
  const { announcedIpv4, announcedIpv6, host, port } = listen;
  return {
    binary: async () => ({ ok: true as const, path: binary }),
    workers,
    listen: {
      ...{ host, basePort: port },
      ...(announcedIpv4 === null ? {} : { announcedIpv4 }),
      ...(announcedIpv6 === null ? {} : { announcedIpv6 }),
    },
    onEvent: (event: PoolEvent) => {
      const { detail, level, slot, what } = event;
      log[level](
        { slot, what, ...(detail === undefined ? {} : { detail }) },
        `media worker: ${what}`,
      );
      told(event);
    },
  };
}

function audioOf({ audio, clock, log }: VoiceHostOptions): AudioService | null {
  if (audio === undefined) return null;
  return createAudioService({
    ...{ ...audio, clock },
    onEvent: (what, detail) =>
      log[what === 'up' || what === 'finished' ? 'info' : 'warn'](
        { what, detail },
        what === 'finished' ? 'a recording of a killed server was ended' : `audio process: ${what}`,
      ),
  });
}

function turnServers({ clock, turn }: VoiceHostOptions): (uid: Id) => JsonText {
  if (turn === null) return () => '[]';
  return (uid) => JSON.stringify(iceServers(turn, uid, clock.now()));
}

/**
 * Numbers of memberships: seconds since 2025 times 1,024, counted on from there, so that a thread that is started again within a
 * node's life repeats none (it would have to make more than 1,024 a second for its whole life), then the thread's slot.
 */
function vsids(slot: number, clock: Clock): () => number {
  if (!Number.isInteger(slot) || slot < 0 || slot >= SLOTS) {
    throw new RangeError(`host voice: slot number: got ${slot}, wanted 0 to ${SLOTS - 1}`);
  }
  let count = Math.floor((clock.now() - ID_EPOCH_MS) / 1000) * 1024;
  return () => {
    count += 1;
    return count * SLOTS + slot;
  };
}

function killWorker({ workers }: PoolStatus, index: number | undefined): number | undefined {
  const candidates = workers.filter(({ pid, role, slot }) =>
    index === undefined ? pid !== null && role === 'active' : slot === index,
  );
  const worker = candidates.sort((a, b) => b.transports - a.transports)[0];
  if (worker === undefined || worker.pid === null) return undefined;
  process.kill(worker.pid, 'SIGKILL');
  return worker.pid;
}

// ---------------------------------------------------------------- the actor that hosts rooms

interface KeeperArg {
  readonly environment: RoomEnvironment;
  readonly pool: MediaPool;
  readonly onIdle: (() => void) | undefined;
}

interface KeeperP {
  /** A room is awake. */
  began(life: RoomLife): void;
  /** Whether the thread is of use. */
  look(): void;
}

interface KeeperState {
  readonly arg: KeeperArg;
  readonly host: AnyRef;
  readonly rooms: Map<MonitorId, RoomLife>;
  usedAt: Ms;
  isIdle: boolean;
}

const keeperName = name<KeeperP>('voice-rooms');

/** Hosts the rooms; when the host ends, it starts anew with it. Closes what killed rooms leave behind. */
const behaviour: Behaviour<KeeperP, KeeperState, KeeperArg> = {
  name: 'voice-rooms',
  init: async (ctx, arg) => {
    ctx.trapExit(true);
    const { environment } = arg;
    const host = await hostEntity('room', {
      behaviour: RoomEntity,
      arg: (sid: Id) => ({ sid, environment }),
      idleMs: ROOM_IDLE_MS,
    });
    ctx.link(host);
    ctx.every('look', LOOK_EVERY_MS, 'look');
    return { arg, host, rooms: new Map(), usedAt: environment.clock.monotonic(), isIdle: false };
  },
  handle: {
    began: (s, life, ctx) => {
      s.rooms.set(ctx.monitor(life.ref), life);
    },
    look: (s) => {
      const { environment, onIdle, pool } = s.arg;
      const now = environment.clock.monotonic();
      const isUsed = environment.registry.figures().roomsNow > 0 || pool.status().rooms > 0;
      if (isUsed) s.usedAt = now;
      if (s.isIdle || isUsed || pool.status().state !== 'standby') return;
      if (now - s.usedAt < THREAD_IDLE_MS) return;
      s.isIdle = true;
      onIdle?.();
    },
  },
  onDown: (s, { monitor }) => {
    const life = s.rooms.get(monitor);
    s.rooms.delete(monitor);
    if (life === undefined) return;
    const { counters, registry } = s.arg.environment;
    if (registry.ended(life.sid, life.ref)) counters.leftovers += 1;
  },
  onExit: (s, { from, reason }, ctx) => {
    if (from === s.host) ctx.stop(reason);
  },
  terminate: async (s) => {
    await Promise.allSettled([stop(s.host, 'shutdown')]);
  },
};

const Keeper = defineActor<KeeperP, KeeperState, KeeperArg>(behaviour);
