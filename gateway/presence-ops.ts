/**
 * TYPE, STATUS, MWIN_OPEN, MWIN_CLOSE and MEMBERS of one gateway thread (protocol.md 2.9), and what its
 * connections are to user entities that have forgotten them. Runs on gateway threads; synchronous up to
 * the first call of an entity.
 *
 * Bounds: a TYPE per 8 s for each user and stream, TYPES_MAX of them remembered; beyond it TYPEs are
 * ignored. Users told again after the loss of a shard: TELL_PER_TICK per 500 ms.
 */
import type { FanOutP, HeldConnection, Id } from '../channels/index.ts';
import type { Clock, Rng } from '../runtime/index.ts';
import type { Connection } from './connection.ts';
import { type Failure, readFailure, retryMs } from './failures.ts';
import { LiveCounts } from './live-counts.ts';
import type { GatewayMetrics } from './metrics.ts';
import {
  Err,
  encodeFrame,
  Op,
  okFrame,
  okMembersFrame,
  type PresenceRequest,
} from './protocol/index.ts';
import type { Shedding } from './shedding.ts';
import type { Publish, Topic } from './topic.ts';
import type { PresenceUpstream } from './upstream-presence.ts';
import { Windows } from './windows.ts';

/** protocol.md 2.9: 8 s; a little less, so that a client's own timer is not late by jitter. */
const TYPE_AGAIN_MS = 7800;
const TYPES_MAX = 50_000;
const TELL_PER_TICK = 1000;

export interface PresenceOpsOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly metrics: GatewayMetrics;
  readonly upstream: PresenceUpstream;
  readonly publish: Publish;
  readonly shedding: Shedding;
  /** Streams that this thread follows. */
  readonly topics: ReadonlyMap<Id, Topic>;
  /** All connections of this thread. */
  readonly connections: () => readonly Connection[];
}

/** Gives the reply of a request to whoever sends it. */
export type PresenceAnswer = (answer: Uint8Array | Failure) => void;

type Message<K extends keyof FanOutP> = Parameters<FanOutP[K]>[0];

export class PresenceOps {
  readonly windows: Windows;
  readonly #live: LiveCounts;
  readonly #options: PresenceOpsOptions;
  /** When a user last typed in a stream, oldest first; key `uid sid`. */
  readonly #typed = new Map<string, number>();
  /** Users whose connections are still to be told to their entities. */
  #toTell: Id[] = [];

  constructor(options: PresenceOpsOptions) {
    this.#options = options;
    this.windows = new Windows(options);
    this.#live = new LiveCounts(options.topics, options.upstream);
  }

  /** TYPE: never answered. */
  type(connection: Connection, sid: Id, nowMs: number): void {
    const { metrics, upstream } = this.#options;
    const key = `${connection.uid} ${sid}`;
    const last = this.#typed.get(key);
    const isEarly = last !== undefined && nowMs - last < TYPE_AGAIN_MS;
    if (isEarly || (last === undefined && this.#typed.size >= TYPES_MAX)) {
      metrics.typesIgnored += 1;
      return;
    }
    this.#typed.delete(key);
    this.#typed.set(key, nowMs);
    upstream.typing(sid, connection.uid);
  }

  /** Serves the others. `answer` is called once; it may be at once. */
  serve(
    connection: Connection,
    request: Exclude<PresenceRequest, { op: typeof Op.TYPE }>,
    answer: PresenceAnswer,
  ): void {
    const { windows } = this;
    switch (request.op) {
      case Op.MWIN_OPEN:
        windows.open(connection, request, answer);
        break;
      case Op.MWIN_CLOSE:
        windows.close(connection, request.gid);
        answer(encodeFrame(okFrame(request.rid), connection.encoding));
        break;
      case Op.STATUS:
        this.#settle(this.#status(connection, request), answer);
        break;
      case Op.MEMBERS:
        this.#settle(this.#members(connection, request), answer);
        break;
    }
  }

  /** The fan-out actor was started again: guilds and users take its end for that of the thread. */
  rebind(): void {
    this.windows.rebind();
    this.tellAll();
  }

  // -------------------------------------------------------------- from the users

  whoIs({ uid }: Message<'whoIs'>): void {
    this.#tell(uid, this.#options.connections());
  }

  /** Users of a shard were forgotten; which ones, nobody can say: all of them are told, some per tick. */
  tellAll(): void {
    const uids = new Set(this.#options.connections().map(({ uid }) => uid));
    this.#toTell = [...uids].filter((uid) => uid !== 0);
  }

  /** About every 500 ms. */
  tick(): void {
    this.windows.tick();
    this.#live.tick();
    const nowMs = this.#options.clock.monotonic();
    for (const [key, atMs] of this.#typed) {
      if (nowMs - atMs < TYPE_AGAIN_MS) break;
      this.#typed.delete(key);
    }
    if (this.#toTell.length === 0) return;
    const held = new Map<Id, Connection[]>();
    for (const uid of this.#toTell.splice(0, TELL_PER_TICK)) held.set(uid, []);
    for (const connection of this.#options.connections()) {
      held.get(connection.uid)?.push(connection);
    }
    this.#options.metrics.usersToldAgain += held.size;
    for (const [uid, connections] of held) this.#tell(uid, connections);
  }

  #tell(uid: Id, connections: readonly Connection[]): void {
    const conns = connections
      .filter((connection) => connection.uid === uid && connection.isReady)
      .map(({ no, connNo, session, login }): HeldConnection => {
        return { conn: no, connNo, session, login };
      });
    if (conns.length > 0) this.#options.upstream.present(uid, conns);
  }

  // -------------------------------------------------------------- the ops

  async #status(
    connection: Connection,
    request: Extract<PresenceRequest, { op: typeof Op.STATUS }>,
  ): Promise<Uint8Array | Failure> {
    const { activity, rid, status } = request;
    const reply = await this.#options.upstream.setStatus(connection.uid, { status, activity });
    return reply.ok ? encodeFrame(okFrame(rid), connection.encoding) : this.#unavailable();
  }

  /** Guild 0: DM partners. Not a member and no such guild are the same 301 (2.17 item 11). */
  async #members(
    connection: Connection,
    request: Extract<PresenceRequest, { op: typeof Op.MEMBERS }>,
  ): Promise<Uint8Array | Failure> {
    const { gid, limit, prefix, rid, uids } = request;
    const { uid } = connection;
    const { upstream } = this.#options;
    const reply =
      gid === 0
        ? await upstream.partners(uid, { uids: uids ?? [], limit })
        : await upstream.members(gid, { uid, uids, prefix, limit });
    if (reply.ok) return encodeFrame(okMembersFrame(rid, reply.value), connection.encoding);
    return reply.code === 'unavailable' ? this.#unavailable() : { code: Err.FORBIDDEN_OR_ABSENT };
  }

  #unavailable(): Failure {
    return { code: Err.UNAVAILABLE, retryMs: retryMs(this.#options.rng.u32()) };
  }

  #settle(asked: Promise<Uint8Array | Failure>, answer: PresenceAnswer): void {
    asked.then(answer, (error: unknown) => answer(readFailure(error, this.#options.rng.u32())));
  }
}
