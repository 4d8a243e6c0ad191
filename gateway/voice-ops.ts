/**
 * V_JOIN to V_E2E of one gateway thread (protocol.md 2.15): finds the room of a membership, asks it, and says on the wire
 * what it answered. JSON values pass as the strings that they are. Runs on gateway threads; synchronous up to the first
 * call of an entity.
 *
 * Bounds: V_JOIN and V_E2E have rates of their own per connection; the rest is bounded by the rate of all frames.
 */
import type { Id } from '../channels/index.ts';
import { ActorError, type Clock, type Rng } from '../runtime/index.ts';
import type { Member, VoiceResult } from '../voice/index.ts';
import type { Connection } from './connection.ts';
import { type Failure, retryMs } from './failures.ts';
import { Pace } from './pace.ts';
import {
  Close,
  Err,
  encodeFrame,
  Op,
  okFrame,
  okVJoinFrame,
  okVSyncFrame,
  type VoiceMemberRequest,
  type VoiceRequest,
  VoiceState,
  type WireValue,
} from './protocol/index.ts';
import { CONNECTION_LIMITS, type RateLimit, type RateTable } from './rates/index.ts';
import type { VoiceUpstream } from './upstream-voice.ts';
import type { Membership, VoiceOut } from './voice-out.ts';

/** What voice is to a gateway thread. */
export interface VoicePort {
  /** Has the voice thread started when it is in standby; again: the same wish. */
  wake(): Promise<{ readonly up: true } | { readonly up: false; readonly retryMs: number }>;
}

export interface VoiceOpsOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly rates: RateTable;
  readonly limitsFactor: number;
  readonly out: VoiceOut;
  readonly upstream: () => VoiceUpstream;
  /** undefined: this server has no voice. */
  readonly port: VoicePort | undefined;
}

/** Gives the reply of a request to whoever sends it. */
export type VoiceAnswer = (answer: Uint8Array | Failure) => void;

type JoinRequest = Extract<VoiceRequest, { op: typeof Op.V_JOIN }>;

/** What an op was answered: elements of the OK, or an ERR. */
type Outcome = readonly WireValue[] | Failure;

/** States of Pace, for connections that used voice. */
interface Paces {
  joins: number;
  relays: number;
}

/** The thread of rooms is not there, or went away with them. */
const GONE: ReadonlySet<unknown> = new Set([
  'noconnection',
  'noproc',
  'killed',
  'shutdown',
  'normal',
]);
/**
 * Much longer than a worker needs to start: a join that is carried out behind its caller's back would leave a member whose
 * end nobody tells the room.
 */
const JOIN_TIMEOUT_MS = 30_000;
const VOICE_GONE: Failure = { code: Err.VOICE_GONE };
const NOTHING: readonly WireValue[] = [];

const CODES = {
  not_found: Err.FORBIDDEN_OR_ABSENT,
  forbidden: Err.NO_SEND,
  invalid: Err.BAD_ARGS,
  voice_gone: Err.VOICE_GONE,
  voice_full: Err.VOICE_FULL,
  voice_rejected: Err.VOICE_REJECTED,
  e2e_required: Err.E2E_REQUIRED,
  unavailable: Err.UNAVAILABLE,
} as const;

export class VoiceOps {
  readonly #options: VoiceOpsOptions;
  readonly #joinPace: Pace;
  readonly #relayPace: Pace;
  readonly #paces = new Map<number, Paces>();

  constructor(options: VoiceOpsOptions) {
    this.#options = options;
    this.#joinPace = new Pace(CONNECTION_LIMITS.voiceJoins, options.limitsFactor);
    this.#relayPace = new Pace(CONNECTION_LIMITS.voiceRelays, options.limitsFactor);
  }

  /** `answer` is called once; it may be at once. `crashed` instead for what nobody foresaw. */
  serve(
    connection: Connection,
    request: VoiceRequest,
    nowMs: number,
    answer: VoiceAnswer,
    crashed: (error: unknown) => void,
  ): void {
    const refused = this.#take(connection, request, nowMs);
    if (refused !== undefined) answer(refused);
    else if (request.op === Op.V_JOIN) this.#join(connection, request, answer).catch(crashed);
    else this.#member(connection, request, answer).catch(crashed);
  }

  /** The connection has ended. */
  ended(connection: Connection): void {
    this.#paces.delete(connection.no);
    this.#options.out.ended(connection, isGoodbye(connection));
  }

  #take(connection: Connection, { op }: VoiceRequest, nowMs: number): Failure | undefined {
    if (op !== Op.V_JOIN && op !== Op.V_E2E) return undefined;
    let paces = this.#paces.get(connection.no);
    if (paces === undefined) {
      paces = { joins: 0, relays: 0 };
      this.#paces.set(connection.no, paces);
    }
    const isJoin = op === Op.V_JOIN;
    const pace = isJoin ? this.#joinPace : this.#relayPace;
    const state = isJoin ? paces.joins : paces.relays;
    const waitMs = pace.waitMs(state, nowMs);
    if (waitMs > 0) {
      const limit: RateLimit = isJoin
        ? CONNECTION_LIMITS.voiceJoins
        : CONNECTION_LIMITS.voiceRelays;
      this.#options.rates.noteRefusal(limit);
      return { code: Err.RATE, retryMs: waitMs };
    }
    if (isJoin) paces.joins = pace.taken(state, nowMs);
    else paces.relays = pace.taken(state, nowMs);
    return undefined;
  }

  // -------------------------------------------------------------- V_JOIN

  async #join(connection: Connection, request: JoinRequest, answer: VoiceAnswer): Promise<void> {
    const { out, port } = this.#options;
    if (port === undefined) {
      answer({ code: Err.UNAVAILABLE });
      return;
    }
    out.joining();
    try {
      answer(await this.#askJoin(connection, request, port));
    } finally {
      // Behind the OK: what the room told meanwhile.
      out.joined();
    }
  }

  async #askJoin(
    connection: Connection,
    request: JoinRequest,
    port: VoicePort,
  ): Promise<Uint8Array | Failure> {
    const { connNo, session, uid } = connection;
    const { dtls, e2e, flags, rid, rtpCaps, sid } = request;
    const asked = await this.#awake(port, () => {
      const gateway = this.#options.upstream().gateway();
      const who = { uid, session, gateway, connNo };
      const join = { ...who, rtpCaps, flags, e2e, ...(dtls === undefined ? {} : { dtls }) };
      const options = { timeoutMs: JOIN_TIMEOUT_MS };
      return this.#options.upstream().room(sid)('join', join, options);
    });
    if ('code' in asked) return asked;
    if (!asked.ok) return this.#failureOf(asked);
    const { room, ver, vsid } = asked.value;
    this.#enter(connection, { vsid, session, uid }, sid, ver);
    this.#options.out.watch(sid, room);
    return encodeFrame(okVJoinFrame(rid, asked.value), connection.encoding);
  }

  /** Joined: the session leaves where it was before. A connection that is gone by now is told of as any that ends. */
  #enter(
    connection: Connection,
    holder: { readonly vsid: number; readonly session: string; readonly uid: Id },
    sid: Id,
    ver: number,
  ): void {
    const { out } = this.#options;
    const { session, vsid } = holder;
    const upstream = this.#options.upstream();
    const before = out.add(holder, sid, connection, ver);
    if (before !== undefined && before.sid !== sid) {
      upstream.leave(before.sid, { vsid: before.vsid, session });
    }
    upstream.joinedElsewhere({ session, vsid, sid });
    if (!connection.isReady) out.ended(connection, isGoodbye(connection));
  }

  /** Asks; a voice thread in standby is started first. */
  async #awake<T>(port: VoicePort, ask: () => Promise<T>): Promise<T | Failure> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ActorError)) throw error;
      if (!GONE.has(error.reason)) return this.#unavailable();
    }
    const woken = await port.wake();
    if (!woken.up) return { code: Err.UNAVAILABLE, retryMs: woken.retryMs };
    try {
      return await ask();
    } catch (error) {
      if (error instanceof ActorError) return this.#unavailable();
      throw error;
    }
  }

  // -------------------------------------------------------------- within a membership

  async #member(
    connection: Connection,
    request: VoiceMemberRequest,
    answer: VoiceAnswer,
  ): Promise<void> {
    const member = await this.#membership(connection, request.vsid);
    const outcome =
      member === undefined ? VOICE_GONE : await this.#ask(connection, member, request);
    if ('code' in outcome) answer(outcome);
    else answer(encodeFrame(okFrame(request.rid, ...outcome), connection.encoding));
  }

  /** The membership, from the thread on which the session was before when it is not here. */
  async #membership(connection: Connection, vsid: number): Promise<Membership | undefined> {
    const { out, port } = this.#options;
    const here = out.find(vsid, connection);
    if (here !== undefined || port === undefined) return here;
    const { session, uid } = connection;
    const holder = { vsid, session, uid };
    const sid = await this.#options.upstream().take(holder);
    if (sid === undefined) return undefined;
    out.add(holder, sid, connection, 0);
    if (!connection.isReady) out.ended(connection, isGoodbye(connection));
    return out.find(vsid, connection);
  }

  async #ask(
    connection: Connection,
    member: Membership,
    request: VoiceMemberRequest,
  ): Promise<Outcome> {
    try {
      return await this.#carryOut(connection, member, request);
    } catch (error) {
      if (!(error instanceof ActorError)) throw error;
      return GONE.has(error.reason) ? VOICE_GONE : this.#unavailable();
    }
  }

  async #carryOut(
    connection: Connection,
    membership: Membership,
    request: VoiceMemberRequest,
  ): Promise<Outcome> {
    const { session, sid, vsid } = membership;
    const member: Member = { vsid, session };
    const room = this.#options.upstream().room(sid);
    switch (request.op) {
      case Op.V_LEAVE: {
        this.#options.out.remove(membership);
        return this.#done(await room('leave', member));
      }
      case Op.V_TRANSPORT: {
        const made = await room('transport', { ...member, dir: request.dir });
        return made.ok ? [made.value.tid, made.value.params] : this.#failureOf(made);
      }
      case Op.V_CONNECT: {
        const { dtls, tid } = request;
        return this.#done(await room('connect', { ...member, tid, dtls }));
      }
      case Op.V_PRODUCE: {
        const { cnonce, flags, media, rtp, tid } = request;
        const made = await room('produce', { ...member, tid, cnonce, media, rtp, flags });
        return made.ok ? [made.value.pid] : this.#failureOf(made);
      }
      case Op.V_CONSUME: {
        const { pid, tid } = request;
        const made = await room('consume', { ...member, tid, pid });
        if (!made.ok) return this.#failureOf(made);
        return [made.value.cid, made.value.media, made.value.rtp];
      }
      case Op.V_PAUSE: {
        const { id, paused } = request;
        return this.#done(await room('pause', { ...member, id, paused }));
      }
      case Op.V_CLOSE:
        return this.#done(await room('close', { ...member, id: request.id }));
      case Op.V_STATE: {
        const { deaf, flags, mute } = request;
        return this.#done(await room('state', { ...member, mute, deaf, ...edges(flags) }));
      }
      case Op.V_ICE: {
        const made = await room('ice', { ...member, tid: request.tid });
        return made.ok ? [made.value.ice] : this.#failureOf(made);
      }
      case Op.V_SYNC:
        return this.#sync(connection, membership, request);
      case Op.V_E2E: {
        const { data, to, type } = request;
        return this.#done(await room('e2e', { ...member, to, type, data }));
      }
    }
  }

  /** From its answer on the room tells this thread, in this life of the connection. */
  async #sync(
    connection: Connection,
    membership: Membership,
    request: Extract<VoiceMemberRequest, { op: typeof Op.V_SYNC }>,
  ): Promise<Outcome> {
    const upstream = this.#options.upstream();
    const { cids, pids, tids } = request;
    const { session, sid, vsid } = membership;
    const base = { vsid, session, gateway: upstream.gateway(), connNo: connection.connNo };
    const made = await upstream.room(sid)('sync', { ...base, tids, pids, cids });
    if (!made.ok) return this.#failureOf(made);
    membership.ver = made.value.ver;
    this.#options.out.watch(sid, made.value.room);
    return okVSyncFrame(request.rid, made.value).slice(2);
  }

  #done(result: VoiceResult<null>): Outcome {
    return result.ok ? NOTHING : this.#failureOf(result);
  }

  #failureOf(result: Extract<VoiceResult<unknown>, { ok: false }>): Failure {
    const code = CODES[result.error];
    if (result.retryMs !== undefined) return { code, retryMs: result.retryMs };
    return code === Err.UNAVAILABLE ? this.#unavailable() : { code };
  }

  #unavailable(): Failure {
    return { code: Err.UNAVAILABLE, retryMs: retryMs(this.#options.rng.u32()) };
  }
}

/** The client ended its session, or it was ended: no minute of grace. */
function isGoodbye({ closeCode }: Connection): boolean {
  return closeCode === 1000 || closeCode === 1001 || closeCode === Close.REVOKED;
}

/** What V_STATE says beyond mute and deaf. */
function edges(flags: number | null): { readonly hand?: boolean; readonly talk?: boolean } {
  if (flags === null) return {};
  return { hand: (flags & VoiceState.HAND) !== 0, talk: (flags & VoiceState.TALK) !== 0 };
}
