/**
 * Member windows of one gateway thread (protocol.md 2.9): which connection shows which leaves of which
 * guild's list. A guild's answers and changes come in one order (FanOutP), so a connection joins a
 * leaf exactly where its OK stands. When a guild has ended, its windows are opened anew without the
 * clients. Runs on gateway threads; every method is synchronous.
 *
 * Bounds: 5 leaves a connection, 10 after splits; one list per guild; 64 requests a connection that wait
 * for an answer, 4 s each; leaves that nobody shows are given back within 500 ms.
 */
import type { FanOutP, Id, WindowView } from '../channels/index.ts';
import type { Clock, MonitorId, Ref } from '../runtime/index.ts';
import type { Connection } from './connection.ts';
import type { Failure } from './failures.ts';
import { LeafTopic } from './leaf-topic.ts';
import type { GatewayMetrics } from './metrics.ts';
import { Err, encodeFrame, okWindowFrame, windowFrame } from './protocol/index.ts';
import type { Shedding } from './shedding.ts';
import type { Publish } from './topic.ts';
import type { PresenceUpstream } from './upstream-presence.ts';

/** protocol.md 2.9. */
const LEAVES_MAX = 5;
/** What a connection may come to by splits; beyond it the client has to open its window anew. */
const LEAVES_SPLIT_MAX = 10;
const ASK_AGAIN_MS = 1000;
const ASK_MAX_MS = 4000;
const RETRY_MS = 500;
/** Windows opened anew per tick of 500 ms after the end of a guild. */
const REOPEN_PER_TICK = 500;

export interface WindowsOptions {
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly publish: Publish;
  readonly shedding: Shedding;
  readonly upstream: PresenceUpstream;
}

/** What a connection shows of one guild. */
interface Window {
  readonly from: number;
  readonly count: number;
  readonly leaves: Set<LeafTopic>;
  /** Leaves that ended while the connection was in lag mode. */
  readonly gone: Map<number, number>;
}

interface ShownGuild {
  readonly gid: Id;
  readonly leaves: Map<number, LeafTopic>;
  ref: Ref<unknown> | 0;
  monitor: MonitorId | 0;
  /** Of the newest answer. */
  token: number;
}

type Answer = (answer: Uint8Array | Failure) => void;

interface Pending {
  readonly connection: Connection;
  readonly gid: Id;
  readonly from: number;
  readonly count: number;
  readonly leavesMax: number;
  readonly askedAtMs: number;
  readonly rid: number;
  /** undefined: opened anew by this side. */
  readonly answer: Answer | undefined;
  asks: number;
}

type Message<K extends keyof FanOutP> = Parameters<FanOutP[K]>[0];

export class Windows {
  readonly #options: WindowsOptions;
  readonly #windows = new Map<Connection, Map<Id, Window>>();
  readonly #guilds = new Map<Id, ShownGuild>();
  readonly #pending = new Map<number, Pending>();
  /** Windows whose list has ended, by connection and guild. */
  #lost: { readonly connection: Connection; readonly gid: Id }[] = [];
  #lastToken = 0;

  constructor(options: WindowsOptions) {
    this.#options = options;
  }

  // -------------------------------------------------------------- for the connections

  /** MWIN_OPEN; takes the place of the window that the connection has in this guild. */
  open(
    connection: Connection,
    m: { readonly rid: number; readonly gid: Id; readonly from: number; readonly count: number },
    answer: Answer,
  ): void {
    const leavesMax = LEAVES_MAX - this.#leavesElsewhere(connection, m.gid);
    if (leavesMax <= 0 && m.count > 0) answer({ code: Err.STREAM_LIMIT });
    else this.#ask(connection, { ...m, leavesMax: Math.max(0, leavesMax) }, answer);
  }

  /** MWIN_CLOSE; a window that is not there is closed already. */
  close(connection: Connection, gid: Id): void {
    this.#drop(connection, gid);
  }

  removeAll(connection: Connection): void {
    for (const gid of this.#windows.get(connection)?.keys() ?? []) this.#drop(connection, gid);
  }

  /** Lag mode: off all native topics. */
  lag(connection: Connection): void {
    for (const window of this.#windows.get(connection)?.values() ?? []) {
      for (const topic of window.leaves) topic.part(connection);
    }
  }

  /** The connection has read what was queued: it gets the leaves as they are now. */
  caughtUp(connection: Connection): void {
    for (const [gid, window] of this.#windows.get(connection) ?? []) {
      for (const [leaf, ver] of window.gone) this.#tellGone(connection, gid, leaf, ver);
      window.gone.clear();
      for (const topic of window.leaves) {
        topic.join(connection);
        this.#sendLeaf(connection, topic);
      }
    }
  }

  // -------------------------------------------------------------- from the guilds

  windowOpened(m: Message<'windowOpened'>): void {
    const pending = this.#pending.get(m.token);
    this.#pending.delete(m.token);
    if (!m.result.ok) {
      if (pending !== undefined) this.#refused(pending, m.result);
      return;
    }
    const guild = this.#shown(m.gid, m.guild);
    guild.token = Math.max(guild.token, m.token);
    const view = m.result.value;
    const topics = view.leaves.map(({ leaf, ver }) => this.#topic(guild, leaf, ver));
    // Late, or its connection has gone: what nobody shows is given back with the next tick.
    if (pending?.connection.isReady === true) this.#show(pending, view, topics);
    this.#measure();
  }

  leaves(m: Message<'leaves'>): void {
    const guild = this.#guilds.get(m.gid);
    const strays: number[] = [];
    for (const move of guild === undefined ? [] : m.moves) this.#move(guild as ShownGuild, move);
    for (const { leaf, ver, frame } of m.frames) {
      const topic = guild?.leaves.get(leaf);
      if (topic === undefined) {
        strays.push(leaf);
        continue;
      }
      topic.take(frame, ver);
      this.#publish(topic);
    }
    const { upstream } = this.#options;
    if (strays.length > 0) upstream.windowClose(m.gid, guild?.token ?? this.#lastToken, strays);
  }

  windowEnd({ gid, uid }: Message<'windowEnd'>): void {
    for (const [connection, windows] of [...this.#windows]) {
      if (uid !== 0 && connection.uid !== uid) continue;
      if (windows.has(gid)) this.#drop(connection, gid);
    }
  }

  windowsLost({ gid }: Message<'windowsLost'>): void {
    const guild = this.#guilds.get(gid);
    if (guild !== undefined) this.#lose(guild);
  }

  /** A monitored guild has ended. */
  down(ref: Ref<unknown>): void {
    for (const guild of this.#guilds.values()) {
      if (guild.ref !== ref) continue;
      guild.ref = 0;
      guild.monitor = 0;
      this.#lose(guild);
    }
  }

  /** The fan-out actor was started again: no guild knows us. */
  rebind(): void {
    for (const guild of this.#guilds.values()) {
      guild.ref = 0;
      guild.monitor = 0;
      this.#lose(guild);
    }
  }

  // -------------------------------------------------------------- time

  /** About every 500 ms: answers that do not come, windows opened anew, leaves that nobody shows. */
  tick(): void {
    const { clock, shedding, upstream } = this.#options;
    const nowMs = clock.monotonic();
    for (const [token, pending] of this.#pending) {
      const waitedMs = nowMs - pending.askedAtMs;
      if (waitedMs >= ASK_MAX_MS || !pending.connection.isReady) this.#giveUp(token, pending);
      else if (waitedMs >= ASK_AGAIN_MS * pending.asks) this.#send(token, pending);
    }
    for (const { connection, gid } of this.#lost.splice(0, REOPEN_PER_TICK)) {
      this.#reopen(connection, gid);
    }
    for (const guild of this.#guilds.values()) {
      const unused: number[] = [];
      for (const topic of guild.leaves.values()) {
        if (topic.isDue && shedding.allows('presence')) this.#publish(topic);
        if (topic.size === 0) unused.push(topic.leaf);
      }
      for (const leaf of unused) guild.leaves.delete(leaf);
      if (unused.length > 0) upstream.windowClose(guild.gid, guild.token, unused);
      if (guild.leaves.size === 0) this.#forget(guild);
    }
    this.#measure();
  }

  // -------------------------------------------------------------- opening

  #leavesElsewhere(connection: Connection, gid: Id): number {
    let leaves = 0;
    for (const [other, window] of this.#windows.get(connection) ?? []) {
      if (other !== gid) leaves += window.leaves.size;
    }
    return leaves;
  }

  #ask(
    connection: Connection,
    m: Pick<Pending, 'rid' | 'gid' | 'from' | 'count' | 'leavesMax'>,
    answer: Answer | undefined,
  ): void {
    this.#lastToken += 1;
    const askedAtMs = this.#options.clock.monotonic();
    const pending: Pending = { ...m, connection, answer, askedAtMs, asks: 0 };
    this.#pending.set(this.#lastToken, pending);
    this.#send(this.#lastToken, pending);
  }

  #send(token: number, pending: Pending): void {
    const { connection, count, from, gid, leavesMax } = pending;
    pending.asks += 1;
    const { uid } = connection;
    this.#options.upstream.windowOpen(gid, { token, uid, from, count, leavesMax });
  }

  #giveUp(token: number, pending: Pending): void {
    this.#pending.delete(token);
    const { answer, connection, gid } = pending;
    if (answer !== undefined) answer({ code: Err.UNAVAILABLE, retryMs: RETRY_MS });
    else if (connection.isReady) this.#lost.push({ connection, gid });
  }

  #refused(
    { answer, connection, gid }: Pending,
    { code, retryMs }: { readonly code: string; readonly retryMs?: number },
  ): void {
    if (code !== 'unavailable') {
      this.#drop(connection, gid);
      answer?.({ code: Err.FORBIDDEN_OR_ABSENT });
    } else if (answer !== undefined) {
      answer({ code: Err.UNAVAILABLE, retryMs: retryMs ?? RETRY_MS });
    } else if (connection.isReady) {
      this.#lost.push({ connection, gid });
    }
  }

  /** The connection shows these leaves from here on: the OK, or what is new to it. */
  #show(pending: Pending, view: WindowView, topics: readonly LeafTopic[]): void {
    const { answer, connection, count, from, gid, rid } = pending;
    const windows = this.#windows.get(connection) ?? new Map<Id, Window>();
    const old = windows.get(gid);
    this.#windows.set(connection, windows);
    windows.set(gid, { from, count, leaves: new Set(topics), gone: old?.gone ?? new Map() });
    for (const topic of topics) topic.add(connection);
    for (const topic of old?.leaves ?? []) {
      if (topics.includes(topic)) continue;
      topic.remove(connection);
      if (answer === undefined) this.#tellGone(connection, gid, topic.leaf, topic.ver + 1);
    }
    if (topics.length === 0) this.#drop(connection, gid);
    if (answer !== undefined) {
      answer(encodeFrame(okWindowFrame(rid, view), connection.encoding));
      return;
    }
    for (const { leaf, ver, entries } of view.leaves) {
      connection.sendFrame(windowFrame(gid, leaf, ver, entries));
    }
  }

  // -------------------------------------------------------------- changes

  #move(guild: ShownGuild, move: Message<'leaves'>['moves'][number]): void {
    const source = guild.leaves.get(move.leaf);
    if (source === undefined) return;
    const target = this.#topic(guild, move.to, 0);
    if (move.type === 'merge') {
      guild.leaves.delete(move.leaf);
      source.take(move.frame, source.ver + 1);
      this.#publish(source);
    }
    for (const connection of source.viewers()) {
      const window = this.#windows.get(connection)?.get(guild.gid);
      if (window === undefined) continue;
      if (move.type === 'merge') this.#leaveMerged(connection, window, source);
      this.#follow(connection, window, target);
    }
  }

  #leaveMerged(connection: Connection, window: Window, source: LeafTopic): void {
    source.remove(connection);
    window.leaves.delete(source);
    if (connection.isLagging) window.gone.set(source.leaf, source.ver);
  }

  #follow(connection: Connection, window: Window, target: LeafTopic): void {
    const leaves = window.leaves.size + this.#leavesElsewhere(connection, target.gid);
    if (!window.leaves.has(target) && leaves >= LEAVES_SPLIT_MAX) {
      this.#options.metrics.windowsCut += 1;
      this.#tellGone(connection, target.gid, target.leaf, 0);
      return;
    }
    window.leaves.add(target);
    target.add(connection);
  }

  #publish(topic: LeafTopic): void {
    const { metrics, publish, shedding } = this.#options;
    if (!shedding.allows('presence')) {
      topic.isDue = true;
      metrics.leavesShed += 1;
      return;
    }
    metrics.leavesPublished += 1;
    metrics.deliveries += topic.publish(publish);
  }

  #sendLeaf(connection: Connection, topic: LeafTopic): void {
    const frame = topic.frame(connection.encoding);
    if (frame !== undefined) connection.send(frame);
  }

  #tellGone(connection: Connection, gid: Id, leaf: number, ver: number): void {
    connection.sendFrame(windowFrame(gid, leaf, ver, []));
  }

  // -------------------------------------------------------------- guilds and ends

  #shown(gid: Id, ref: Ref<unknown>): ShownGuild {
    let guild = this.#guilds.get(gid);
    if (guild === undefined) {
      guild = { gid, leaves: new Map(), ref: 0, monitor: 0, token: 0 };
      this.#guilds.set(gid, guild);
    }
    if (guild.ref === ref) return guild;
    // Another life of the guild answers before the end of the one before it was heard of.
    if (guild.ref !== 0) this.#lose(guild);
    if (guild.monitor !== 0) this.#options.upstream.demonitor(guild.monitor);
    guild.ref = ref;
    guild.monitor = this.#options.upstream.monitorGuild(ref);
    return guild;
  }

  #topic(guild: ShownGuild, leaf: number, ver: number): LeafTopic {
    let topic = guild.leaves.get(leaf);
    if (topic === undefined) {
      topic = new LeafTopic(guild.gid, leaf, ver);
      guild.leaves.set(leaf, topic);
    }
    return topic;
  }

  /**
   * The list has ended, or its guild does not know us: its windows are opened anew, some per tick. The
   * leaves stay until then: a guild that lives on gives the same ones.
   */
  #lose(guild: ShownGuild): void {
    for (const [connection, windows] of this.#windows) {
      if (windows.has(guild.gid)) this.#lost.push({ connection, gid: guild.gid });
    }
  }

  #reopen(connection: Connection, gid: Id): void {
    const window = this.#windows.get(connection)?.get(gid);
    if (window === undefined || !connection.isReady) return;
    this.#options.metrics.windowsReopened += 1;
    const { count, from } = window;
    const leavesMax = Math.max(1, LEAVES_MAX - this.#leavesElsewhere(connection, gid));
    this.#ask(connection, { rid: 0, gid, from, count, leavesMax }, undefined);
  }

  #drop(connection: Connection, gid: Id): void {
    const windows = this.#windows.get(connection);
    const window = windows?.get(gid);
    if (windows === undefined || window === undefined) return;
    for (const topic of window.leaves) topic.remove(connection);
    windows.delete(gid);
    if (windows.size === 0) this.#windows.delete(connection);
  }

  #forget(guild: ShownGuild): void {
    if (this.#isWanted(guild.gid)) return;
    if (guild.monitor !== 0) this.#options.upstream.demonitor(guild.monitor);
    this.#guilds.delete(guild.gid);
  }

  #isWanted(gid: Id): boolean {
    for (const windows of this.#windows.values()) if (windows.has(gid)) return true;
    return false;
  }

  #measure(): void {
    const { metrics } = this.#options;
    metrics.windowsNow = this.#windows.size;
    let leaves = 0;
    for (const guild of this.#guilds.values()) leaves += guild.leaves.size;
    metrics.leavesNow = leaves;
  }
}
