/**
 * Test kit of rooms: one room as an actor of the real runtime, over media workers and a guild in memory, with gateway threads that
 * remember what they heard, and a clock moved by hand. Tests only.
 */
import {
  PERM_CONNECT,
  PERM_MOVE,
  PERM_SPEAK,
  PERM_VIEW,
  type Result,
  type VoiceAct,
} from '../../../channels/index.ts';
import {
  call,
  cast,
  configureRuntime,
  defineActor,
  exit,
  type Ref,
  spawn,
  stop,
} from '../../../runtime/index.ts';
import { FakeClock, settle } from '../../../runtime/testkit/index.ts';
import type { GuildPort, Watched } from '../../guild-port.ts';
import type { AudioService } from '../../record/index.ts';
import {
  JOIN_BUNDLED,
  type Joined,
  type JoinRequest,
  MEDIA_AUDIO,
  type RoomP,
  type RoomPlaying,
  VOICE_CONSUMER,
  type VoiceOutP,
  type VoiceResult,
  type VoiceSettings,
} from '../../types.ts';
import { RoomEntity } from '../actor.ts';
import { newVoiceCounters, ROOM_LIMITS, type RoomLimits } from '../ports.ts';
import { RoomRegistry } from '../registry.ts';
import type { RoomActorP } from '../room.ts';
import { FakePool } from './fake-media.ts';

/** A call whose types the caller knows. */
const anyCall = call as unknown as (to: unknown, op: string, arg: unknown) => Promise<unknown>;

export const SID = 700;
export const EVERYBODY = PERM_VIEW | PERM_CONNECT | PERM_SPEAK;
export const MODERATOR = EVERYBODY | PERM_MOVE;

const OPUS = { mimeType: 'audio/opus', clockRate: 48_000, channels: 2 };
export const CAPS = JSON.stringify({
  codecs: [{ kind: 'audio', preferredPayloadType: 111, ...OPUS }],
  headerExtensions: [],
});
export const DTLS = JSON.stringify({
  role: 'client',
  fingerprints: [{ algorithm: 'sha-256', value: Array(32).fill('AB').join(':') }],
});
export const RTP = JSON.stringify({
  mid: '0',
  codecs: [{ payloadType: 111, ...OPUS }],
  encodings: [{ ssrc: 1234 }],
});

export interface Heard {
  readonly vsids: readonly number[];
  readonly ver: number;
  readonly kind: number;
  readonly body: readonly unknown[];
}

/** Remembers what it hears. */
export const Ear = defineActor<VoiceOutP, Heard[], Heard[]>({
  name: 'ear',
  init: (_ctx, heard) => heard,
  handle: {
    voice: (heard, m) => {
      heard.push(m);
    },
  },
});

/** A gateway thread's actor. */
export interface Gateway {
  readonly ref: Ref<VoiceOutP>;
  readonly heard: Heard[];
}

/** A guild that says what a test wants. */
export class FakeGuilds implements GuildPort {
  readonly perms = new Map<number, number>();
  settled: VoiceSettings = { bitrate: 40_000, userLimit: 0, mode: 'open', e2e: 0 };
  /** There is no such channel. */
  isGone = false;
  /** Nobody can say. */
  isDown = false;
  readonly acts: { readonly uid: number; readonly target: number; readonly act: VoiceAct }[] = [];
  judgement: Result<null> = { ok: true, value: null };
  #onChange: ((uid: number) => void) | undefined;

  get isWatched(): boolean {
    return this.#onChange !== undefined;
  }

  change(uid: number, perms: number): void {
    this.perms.set(uid, perms);
    this.#onChange?.(uid);
  }

  configure(settings: Partial<VoiceSettings>): void {
    this.settled = { ...this.settled, ...settings };
    this.#onChange?.(0);
  }

  /** Something about everybody. */
  changeAll(): void {
    this.#onChange?.(0);
  }

  async watch(sid: number, onChange: (uid: number) => void): Promise<Watched> {
    const known = await this.settings(sid);
    if (known.ok) this.#onChange = onChange;
    return known;
  }

  unwatch(_sid: number, onChange: (uid: number) => void): void {
    if (this.#onChange === onChange) this.#onChange = undefined;
  }

  async settings(_sid: number): Promise<Watched> {
    if (this.isDown) return { ok: false, code: 'unavailable' };
    if (this.isGone) return { ok: false, code: 'not_found' };
    return { ok: true, channel: { gid: 1, settings: this.settled } };
  }

  async permsOf(_sid: number, uid: number): Promise<number | null> {
    return this.isDown ? null : this.#perms(uid);
  }

  async permsOfAll(_sid: number, uids: readonly number[]): Promise<readonly number[] | null> {
    return this.isDown ? null : uids.map((uid) => this.#perms(uid));
  }

  #perms(uid: number): number {
    return this.isGone ? 0 : (this.perms.get(uid) ?? EVERYBODY);
  }

  async act(
    _sid: number,
    m: { readonly uid: number; readonly target: number; readonly act: VoiceAct },
  ): Promise<Result<null>> {
    this.acts.push(m);
    return this.judgement;
  }
}

export function value<T>(result: VoiceResult<T>): T {
  if (!result.ok) throw new Error(`got ${result.error}`);
  return result.value;
}

/** Somebody in the room. */
export interface Person {
  readonly uid: number;
  readonly session: string;
  readonly vsid: number;
  readonly joined: Joined;
}

export class RoomRig {
  readonly clock = new FakeClock();
  readonly pool = new FakePool();
  readonly guilds = new FakeGuilds();
  readonly counters = newVoiceCounters();
  readonly registry = new RoomRegistry();
  readonly main: Gateway = { ref: 0 as Ref<VoiceOutP>, heard: [] };
  #room = 0 as Ref<RoomActorP>;
  readonly #limits: RoomLimits;
  readonly #audio: AudioService | null;
  #vsid = 100;

  constructor(limits: Partial<RoomLimits> = {}, audio: AudioService | null = null) {
    this.#audio = audio;
    this.#limits = { ...ROOM_LIMITS, ...limits };
    configureRuntime({ clock: this.clock, report: () => {} });
  }

  get room(): Ref<RoomActorP> {
    return this.#room;
  }

  async start(): Promise<this> {
    Object.assign(this.main, await this.gateway());
    this.#room = await spawn(RoomEntity, {
      sid: SID,
      environment: {
        ...{ clock: this.clock, counters: this.counters, guilds: this.guilds },
        ...{ limits: this.#limits, registry: this.registry, audio: this.#audio },
        pool: () => this.pool,
        iceServers: () => '[]',
        nextVsid: () => {
          this.#vsid += 1;
          return this.#vsid;
        },
      },
    });
    return this;
  }

  async gateway(): Promise<Gateway> {
    const heard: Heard[] = [];
    return { ref: await spawn(Ear, heard), heard };
  }

  async stop(): Promise<void> {
    await Promise.allSettled([stop(this.#room, 'shutdown')]);
  }

  async endGateway(gateway: Gateway): Promise<void> {
    await stop(gateway.ref);
    await settle();
  }

  kill(): void {
    exit(this.#room, 'kill');
  }

  request(uid: number, more: Partial<JoinRequest> = {}): JoinRequest {
    return {
      ...{ uid, session: `s${uid}`, gateway: this.main.ref, connNo: 1 },
      ...{ rtpCaps: CAPS, flags: JOIN_BUNDLED, e2e: 0 },
      ...more,
    };
  }

  tryJoin(uid: number, more: Partial<JoinRequest> = {}): Promise<VoiceResult<Joined>> {
    return call(this.#room, 'join', this.request(uid, more));
  }

  async join(uid: number, more: Partial<JoinRequest> = {}): Promise<Person> {
    const request = this.request(uid, more);
    const joined = value(await call(this.#room, 'join', request));
    await settle();
    return { uid, session: request.session, vsid: joined.vsid, joined };
  }

  /** A call of a member; `m` without vsid and session. */
  ask<K extends keyof RoomP>(
    who: Person,
    op: K,
    m: object,
  ): Promise<Awaited<ReturnType<RoomP[K]>>> {
    const arg = { vsid: who.vsid, session: who.session, ...m };
    return anyCall(this.#room, op, arg) as Promise<Awaited<ReturnType<RoomP[K]>>>;
  }

  tell(who: Person, op: 'connectionLost', m: { readonly connNo: number }): void {
    cast(this.#room, op, { vsid: who.vsid, session: who.session, ...m });
  }

  /** What a moderator asks for; `uid` names itself. */
  async act(uid: number, act: VoiceAct): Promise<VoiceResult<null>> {
    const done = await call(this.#room, 'moderate', { by: uid, target: uid, act });
    await settle();
    return done;
  }

  playback(uid: number): Promise<VoiceResult<RoomPlaying>> {
    return call(this.#room, 'playback', { uid });
  }

  tryProduce(who: Person, more: object = {}): Promise<VoiceResult<{ readonly pid: number }>> {
    const tid = who.joined.bundle?.send?.tid ?? 0;
    const usual = { tid, cnonce: `c${who.uid}`, media: MEDIA_AUDIO, rtp: RTP, flags: 0 };
    return this.ask(who, 'produce', { ...usual, ...more });
  }

  /** Begins to send. */
  async produce(who: Person, more: object = {}): Promise<number> {
    const { pid } = value(await this.tryProduce(who, more));
    await settle();
    return pid;
  }

  /** Somebody comes in and sends at once. */
  async joinTalking(uid: number): Promise<Person & { readonly pid: number }> {
    const who = await this.join(uid);
    return { ...who, pid: await this.produce(who) };
  }

  /** Resumes each consumer that was told to somebody so far. */
  async resumeAll(who: Person): Promise<void> {
    const told = this.heardBy(who, VOICE_CONSUMER).map(({ body }) => body[1] as number);
    const joined = who.joined.bundle?.consumers.map(({ cid }) => cid) ?? [];
    for (const id of [...joined, ...told]) await this.ask(who, 'pause', { id, paused: false });
    await settle();
  }

  /** What one member was told, of a kind. */
  heardBy(who: Person, kind?: number, gateway = this.main): Heard[] {
    return gateway.heard.filter(
      (m) => m.vsids.includes(who.vsid) && (kind === undefined || m.kind === kind),
    );
  }

  /** Bodies of events of a kind that the main gateway heard, in order. */
  bodies(kind: number): (readonly unknown[])[] {
    return this.main.heard.filter((m) => m.kind === kind).map(({ body }) => body);
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }
}
