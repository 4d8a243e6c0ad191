/**
 * Who is there in one guild (protocol.md 2.9): PRESENCE of small guilds on the main view stream, member
 * windows, MEMBERS. Part of a guild actor, which gives it the ports; nothing here waits. The list is in
 * memory only while somebody looks: windows, a small guild whose streams are awake, a search.
 */
import type { Dest, MonitorId, Ref } from '../runtime/index.ts';
import type { MemberDoc } from './docs.ts';
import { childKey, type UserDoc, userKey } from './docs.ts';
import { GuildRoster, type RosterPorts, type RosterRoom } from './guild-roster.ts';
import { GuildWindows } from './guild-windows.ts';
import { Pulse } from './pulse.ts';
import type { Outcome } from './stream-ports.ts';
import type {
  DocStore,
  DocWrite,
  FanOutPresenceP,
  GuildPresenceP,
  Id,
  MemberEntry,
  Ms,
  PresenceHubP,
  PresenceTimes,
  Result,
  Shown,
  ShownChange,
  WindowRequest,
  WireValue,
} from './types.ts';

const OP_PRESENCE = 21;
/** Bytes of one PRESENCE in JSON, the longer encoding; the rest goes with the next one. */
const PRESENCE_BYTES_MAX = 15_000;
/** Leaf numbers of a list begin at its time of making, times this: no two lists share one. */
const LEAVES_PER_MS = 16;
const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;

/** Of all guilds of a thread. */
export interface PresenceCounters extends RosterRoom {
  /** PRESENCE frames. */
  presences: number;
  /** MWIN frames, each encoded once for all gateway threads. */
  leaves: number;
}

export function newPresenceCounters(): PresenceCounters {
  return { rows: 0, refused: 0, loaded: 0, presences: 0, leaves: 0 };
}

export interface GuildPresencePorts {
  readonly gid: Id;
  readonly self: Ref<unknown>;
  readonly docs: DocStore;
  readonly times: PresenceTimes;
  readonly counters: PresenceCounters;
  readonly now: () => Ms;
  readonly encode: (frame: readonly WireValue[]) => Uint8Array;
  /** Facts of the guild as it is now; undefined when there is none. */
  readonly facts: () => GuildFacts | undefined;
  /** Streams of this guild are awake: somebody may be subscribed. */
  readonly isWatched: () => boolean;
  readonly hubs: () => readonly Dest<PresenceHubP>[];
  readonly ask: (hub: Dest<PresenceHubP>, uids?: readonly Id[]) => Promise<readonly ShownChange[]>;
  readonly broadcast: (sid: Id, frame: Uint8Array) => void;
  readonly gateway: <K extends keyof FanOutPresenceP & string>(
    gateway: Ref<FanOutPresenceP>,
    op: K,
    m: Parameters<FanOutPresenceP[K]>[0],
  ) => void;
  readonly monitor: (to: Dest<unknown>) => MonitorId;
  readonly demonitor: (monitor: MonitorId) => void;
  readonly later: <T>(work: Promise<T>, done: (outcome: Outcome<T>) => void) => void;
  readonly timer: (key: string, ms: Ms, run: () => void) => void;
}

export interface GuildFacts {
  readonly mainView: Id;
  readonly isSmall: boolean;
  readonly roles: Iterable<{ readonly id: Id; readonly position: number }>;
}

type Query = Parameters<GuildPresenceP['membersQuery']>[0];

export class GuildPresence {
  readonly #ports: GuildPresencePorts;
  readonly #roster: GuildRoster;
  readonly #windows: GuildWindows;
  readonly #pulse: Pulse;
  /** Small guilds: what PRESENCE has to tell. */
  readonly #pending = new Map<Id, Shown>();
  readonly #hubs = new Set<MonitorId>();
  #ver: number;
  /** Watchers are to learn the present `ver`. */
  #isVerDue = true;
  #isUsed = false;
  #isKept = false;

  constructor(ports: GuildPresencePorts) {
    this.#ports = ports;
    const { now, times, timer } = ports;
    // Above everything that a predecessor has told: at most one frame per 2 s, but a number per ms.
    this.#ver = now();
    this.#pulse = new Pulse({
      timer: (ms, run) => timer('pulse', ms, run),
      gatherMs: times.gatherMs,
      periodMs: times.flushMs,
      beat: () => this.#beat(),
    });
    this.#windows = this.#makeWindows();
    this.#roster = new GuildRoster(this.#rosterPorts());
  }

  /** Nobody would miss what is kept here. */
  get isIdle(): boolean {
    return this.#windows.isEmpty && !this.#pulse.isDue;
  }

  /** The guild has just been loaded, with watchers maybe. */
  watched(): void {
    if (!this.#isVerDue || this.#ports.facts()?.isSmall !== true) return;
    this.#pulse.mark();
  }

  /**
   * A stream of the guild has begun to listen, which it does when somebody follows it. If it is the main view, a frame sent
   * before has met nobody: after the end of a shard gateway threads come back to the view some time after the guild is there.
   */
  followed(sid: Id): void {
    if (sid === this.#ports.facts()?.mainView) this.#isVerDue = true;
    this.watched();
  }

  /** From a member's user entity. */
  heard(m: ShownChange & { readonly name?: string }): void {
    if (this.#roster.isIdle) {
      const isShown = this.#ports.facts()?.isSmall === true && this.#ports.isWatched();
      if (!isShown) return;
      this.#use();
    }
    this.#roster.hear({ uid: m.uid, status: m.status, activity: m.activity, n: m.n });
    if (m.name !== undefined) this.#roster.rename(m.uid);
  }

  /** @param refused why the user may not look, if so */
  open(m: WindowRequest, refused: (Result<never> & { ok: false }) | undefined): void {
    const { gid, self } = this.#ports;
    const { gateway, token } = m;
    const answer = (result: Parameters<FanOutPresenceP['windowOpened']>[0]['result']): void => {
      this.#ports.gateway(gateway, 'windowOpened', { gid, token, guild: self, result });
    };
    if (refused !== undefined) {
      answer(refused);
      return;
    }
    this.#use((list) => {
      answer(list === undefined ? UNAVAILABLE : { ok: true, value: this.#windows.open(list, m) });
    });
  }

  close(m: Parameters<GuildPresenceP['windowClose']>[0]): void {
    this.#windows.close(m.gateway, m.token, m.leaves);
  }

  /** MEMBERS. Rejects when the store is away. */
  async members(m: Query): Promise<readonly MemberEntry[]> {
    const uids = m.uids ?? (await this.#startingWith(m.prefix ?? '', m.limit));
    return await this.#entries(uids.slice(0, m.limit));
  }

  /** A commit of the guild. */
  committed(writes: readonly DocWrite[]): void {
    for (const uid of this.#roster.committed(writes)) this.#windows.end(uid);
  }

  /** The guild is gone. */
  removed(): void {
    this.#windows.end(0);
    this.lost();
    this.#pending.clear();
  }

  /** The list may not be what the store holds: it is read again for who still looks. */
  lost(): void {
    this.#roster.drop();
    this.#windows.reset();
  }

  /** A gateway thread or the hub of a shard thread has ended. True when it was one of these. */
  down(monitor: MonitorId): boolean {
    if (this.#windows.down(monitor)) return true;
    if (!this.#hubs.delete(monitor)) return false;
    const { times, timer } = this.#ports;
    // Its users are told again by the gateway threads first, or all would flicker.
    timer('relearn', times.relearnMs, () => {
      this.#watchHubs();
      this.#roster.relearn();
    });
    return true;
  }

  // -------------------------------------------------------------- the list

  /** Has the list read, and kept as long as somebody looks. */
  #use(ready: Parameters<GuildRoster['ensure']>[0] = () => undefined): void {
    this.#isUsed = true;
    if (!this.#isKept) this.#keep();
    this.#watchHubs();
    this.#roster.ensure(ready);
  }

  #keep(): void {
    this.#isKept = true;
    const { facts, isWatched, times, timer } = this.#ports;
    timer('keep', times.keepMs, () => {
      const isShown = facts()?.isSmall === true && isWatched();
      if (this.#isUsed || isShown || !this.#windows.isEmpty) {
        this.#isUsed = false;
        this.#keep();
        return;
      }
      this.#isKept = false;
      this.#roster.drop();
      for (const hub of this.#hubs) this.#ports.demonitor(hub);
      this.#hubs.clear();
    });
  }

  #watchHubs(): void {
    const { hubs, monitor } = this.#ports;
    const all = hubs();
    if (this.#hubs.size >= all.length) return;
    for (const hub of this.#hubs) this.#ports.demonitor(hub);
    this.#hubs.clear();
    for (const hub of all) this.#hubs.add(monitor(hub));
  }

  async #startingWith(prefix: string, limit: number): Promise<readonly Id[]> {
    const list = await new Promise<Parameters<Parameters<GuildRoster['ensure']>[0]>[0]>((done) => {
      this.#use(done);
    });
    if (list === undefined) throw new Error('search members: the list cannot be read now');
    return list.startingWith(prefix, limit).map(({ uid }) => uid);
  }

  async #entries(uids: readonly Id[]): Promise<readonly MemberEntry[]> {
    if (uids.length === 0) return [];
    const { docs, gid } = this.#ports;
    const list = this.#roster.list;
    const [members, users, shown] = await Promise.all([
      docs.get<MemberDoc>(
        'member',
        uids.map((uid) => childKey(gid, uid)),
      ),
      docs.get<UserDoc>('user', uids.map(userKey)),
      list === undefined ? this.#shown(uids) : undefined,
    ]);
    return uids.flatMap((uid, i): MemberEntry[] => {
      const member = members[i]?.value;
      const user = users[i]?.value;
      if (member === undefined || user === undefined) return [];
      const { nick } = member;
      const roles = this.#roster.existing(member.roles);
      const status = list?.get(uid)?.status ?? shown?.get(uid) ?? 0;
      const topRole = this.#roster.topRole(roles).role;
      return [{ uid, name: user.displayName, nick, topRole, roles, status }];
    });
  }

  async #shown(uids: readonly Id[]): Promise<ReadonlyMap<Id, Shown['status']>> {
    const { ask, hubs } = this.#ports;
    const answers = await Promise.all(hubs().map((hub) => ask(hub, uids)));
    return new Map(answers.flat().map(({ uid, status }) => [uid, status]));
  }

  // -------------------------------------------------------------- telling

  /** True when something is left. */
  #beat(): boolean {
    this.#windows.flush();
    const facts = this.#ports.facts();
    const isHeard = facts?.isSmall === true && this.#ports.isWatched();
    if (!isHeard) {
      this.#pending.clear();
      return false;
    }
    if (this.#pending.size === 0 && !this.#isVerDue) return false;
    this.#isVerDue = false;
    this.#ver += 1;
    const { broadcast, counters, encode, gid } = this.#ports;
    counters.presences += 1;
    broadcast(facts.mainView, encode([OP_PRESENCE, gid, this.#ver, this.#takePending()]));
    return this.#pending.size > 0;
  }

  #takePending(): WireValue[] {
    const entries: WireValue[] = [];
    let bytes = 0;
    for (const [uid, { status, activity }] of this.#pending) {
      const entry: WireValue = activity === null ? [uid, status] : [uid, status, activity];
      bytes += Buffer.byteLength(JSON.stringify(entry)) + 1;
      if (bytes > PRESENCE_BYTES_MAX) break;
      entries.push(entry);
      this.#pending.delete(uid);
    }
    return entries;
  }

  #changed({ uid, status, activity }: ShownChange): void {
    if (this.#ports.facts()?.isSmall !== true) return;
    this.#pending.set(uid, { status, activity });
    this.#pulse.mark();
  }

  // -------------------------------------------------------------- parts

  #makeWindows(): GuildWindows {
    const { counters, demonitor, encode, gateway, gid, monitor } = this.#ports;
    return new GuildWindows(this.#ver, {
      gid,
      encode,
      monitor,
      demonitor,
      leaves: (to, m) => gateway(to, 'leaves', m),
      windowEnd: (to, uid) => gateway(to, 'windowEnd', { gid, uid }),
      windowsLost: (to) => gateway(to, 'windowsLost', { gid }),
      due: () => this.#pulse.mark(),
      count: (frames) => {
        counters.leaves += frames;
      },
    });
  }

  #rosterPorts(): RosterPorts {
    const { ask, counters, docs, facts, gid, hubs, later, now, timer } = this.#ports;
    return {
      gid,
      docs,
      room: counters,
      later,
      timer,
      events: this.#windows,
      roles: () => facts()?.roles ?? [],
      online: async () => (await Promise.all(hubs().map((hub) => ask(hub)))).flat(),
      firstLeaf: () => now() * LEAVES_PER_MS,
      changed: (change) => this.#changed(change),
      dropped: () => this.lost(),
    };
  }
}
