/**
 * The member list of one guild in memory: read page by page when somebody looks, kept true by the
 * guild's commits and its members' user entities, given back when nobody looks any more. Part of a guild
 * actor; nothing here waits. Bound: ROSTER_ROWS_MAX members over all lists of a thread, about
 * 200 bytes each (README); beyond it a list cannot be opened.
 */
import { childKey, childPrefix, lastPart, type MemberDoc, type UserDoc, userKey } from './docs.ts';
import { type LeafEvents, MemberLeaves, type Rank } from './guild-leaves.ts';
import { unpad } from './ids.ts';
import type { Outcome } from './stream-ports.ts';
import type { Doc, DocStore, DocWrite, Id, Ms, ShownChange, Status } from './types.ts';

/** Rows of all lists of one thread: 200 MB. A guess. */
export const ROSTER_ROWS_MAX = 1_000_000;
/** Requests that wait for the list. A guess. */
const WAITING_MAX = 10_000;
const PAGE = 500;
const RETRY_MS: Ms = 1000;
/** Orders are counted down from here: position 0 comes last of those who are online. */
const ORDER_BASE = 1_000_000;

/** Shared by the lists of a thread. */
export interface RosterRoom {
  rows: number;
  /** Lists that did not fit. */
  refused: number;
  /** Lists read from the store. */
  loaded: number;
}

export interface RosterPorts {
  readonly gid: Id;
  readonly docs: DocStore;
  readonly room: RosterRoom;
  readonly events: LeafEvents;
  /** Roles of the guild, everyone (id = gid) among them. */
  readonly roles: () => Iterable<{ readonly id: Id; readonly position: number }>;
  /** What the shard threads know of the members; rejects when one cannot say. */
  readonly online: () => Promise<readonly ShownChange[]>;
  /** A number above those of all leaves of an earlier list. */
  readonly firstLeaf: () => number;
  readonly later: <T>(work: Promise<T>, done: (outcome: Outcome<T>) => void) => void;
  readonly timer: (key: string, ms: Ms, run: () => void) => void;
  /** What others see of a member is another than before. */
  readonly changed: (change: ShownChange) => void;
  /** The order of roles has changed: the list was dropped. */
  readonly dropped: () => void;
}

type Ready = (list: MemberLeaves | undefined) => void;
type Page = { readonly members: readonly Doc<MemberDoc>[]; readonly users: readonly User[] };
type User = Doc<UserDoc> | undefined;

export class GuildRoster {
  readonly #ports: RosterPorts;
  #list: MemberLeaves | undefined;
  #isReady = false;
  #waiting: Ready[] = [];
  readonly #ranks = new Map<Id, Rank>();
  /** Newest word of each member since the list, or who is there, began to be read. */
  #heard: Map<Id, ShownChange> | undefined;
  /** Members changed by a commit while a page or their user is being read; null = left. */
  readonly #fresh = new Map<Id, MemberDoc | null>();
  /** Members whose user is being read, with what was heard of them meanwhile. */
  readonly #asked = new Map<Id, ShownChange | undefined>();
  /** Raised by drop(): what was under way for an earlier list is void. */
  #round = 0;

  constructor(ports: RosterPorts) {
    this.#ports = ports;
  }

  /** The list, once it is complete. */
  get list(): MemberLeaves | undefined {
    return this.#isReady ? this.#list : undefined;
  }

  get isIdle(): boolean {
    return this.#list === undefined;
  }

  /** Reads the list if need be; undefined = the store is away, or there is no room for it. */
  ensure(ready: Ready): void {
    if (this.#isReady) {
      ready(this.#list);
      return;
    }
    if (this.#waiting.length >= WAITING_MAX) {
      this.#ports.room.refused += 1;
      ready(undefined);
      return;
    }
    this.#waiting.push(ready);
    if (this.#list !== undefined) return;
    this.#readRanks();
    this.#list = new MemberLeaves(this.#ports.firstLeaf(), this.#ports.events);
    this.#heard = new Map();
    this.#ports.room.loaded += 1;
    this.#readPage(undefined);
  }

  /** Gives the list back. */
  drop(): void {
    this.#ports.room.rows -= this.#list?.size ?? 0;
    this.#round += 1;
    this.#list = undefined;
    this.#isReady = false;
    this.#heard = undefined;
    this.#fresh.clear();
    this.#asked.clear();
    this.#ranks.clear();
  }

  /** What a user entity says of a member. */
  hear(change: ShownChange): void {
    const list = this.#list;
    if (list === undefined) return;
    if (this.#heard !== undefined) {
      const known = this.#heard.get(change.uid);
      if (known === undefined || known.n < change.n) this.#heard.set(change.uid, change);
    }
    if (this.#asked.has(change.uid)) this.#asked.set(change.uid, change);
    if (!this.#isReady || list.get(change.uid) === undefined) return;
    list.setStatus(change.uid, change.status);
    this.#ports.changed(change);
  }

  /** A member's name may be another: it is read again. */
  rename(uid: Id): void {
    if (this.#list?.get(uid) === undefined || this.#fresh.has(uid)) return;
    const key = childKey(this.#ports.gid, uid);
    const round = this.#round;
    this.#ports.later(this.#ports.docs.get<MemberDoc>('member', [key]), (outcome) => {
      if (round !== this.#round || !outcome.ok) return;
      const doc = outcome.value[0];
      if (doc !== undefined && !this.#fresh.has(uid)) this.#freshen(uid, doc.value);
    });
  }

  /** A commit of the guild: members that came, changed or left, roles that moved. Gives who left. */
  committed(writes: readonly DocWrite[]): readonly Id[] {
    const left: Id[] = [];
    let roles = false;
    for (const { kind, key, value } of writes) {
      if (kind === 'role') roles = true;
      if (kind !== 'member') continue;
      const uid = unpad(lastPart(key));
      if (value === null) left.push(uid);
      if (this.#list === undefined) continue;
      if (value === null) this.#removed(uid);
      else this.#freshen(uid, value as MemberDoc);
    }
    if (roles && this.#list === undefined) this.#ranks.clear();
    else if (roles && !this.#moveRanks()) this.#ports.dropped();
    return left;
  }

  /** Asks the shards again who is there: one of them has lost its users, or has just come back. */
  relearn(): void {
    if (!this.#isReady || this.#heard !== undefined) return;
    this.#heard = new Map();
    this.#learn();
  }

  /** Those that still exist: a member's document may name roles that were deleted since it was written. */
  existing(roles: readonly Id[]): readonly Id[] {
    if (this.#ranks.size === 0) this.#readRanks();
    return roles.filter((role) => this.#ranks.has(role));
  }

  topRole(roles: readonly Id[]): Rank {
    if (this.#ranks.size === 0) this.#readRanks();
    let top = this.#ranks.get(this.#ports.gid) ?? { role: this.#ports.gid, order: ORDER_BASE };
    for (const role of roles) {
      const rank = this.#ranks.get(role);
      if (rank !== undefined && rank.order < top.order) top = rank;
    }
    return top;
  }

  // -------------------------------------------------------------- reading the list

  #readPage(after: string | undefined): void {
    const round = this.#round;
    this.#ports.later(this.#page(after), (outcome) => {
      if (round !== this.#round) return;
      if (!outcome.ok || !this.#take(outcome.value)) {
        this.drop();
        this.#wake(undefined);
        return;
      }
      const { members } = outcome.value;
      if (members.length === PAGE) this.#readPage(members.at(-1)?.key);
      else this.#learn();
    });
  }

  async #page(after: string | undefined): Promise<Page> {
    const { docs, gid } = this.#ports;
    const members = await docs.list<MemberDoc>('member', childPrefix(gid), after, PAGE);
    const keys = members.map(({ key }) => userKey(unpad(lastPart(key))));
    return { members, users: keys.length === 0 ? [] : await docs.get<UserDoc>('user', keys) };
  }

  /** False when there is no room for more rows. */
  #take({ members, users }: Page): boolean {
    const { room } = this.#ports;
    if (room.rows + members.length > ROSTER_ROWS_MAX) {
      room.refused += 1;
      return false;
    }
    for (const [i, { key, value }] of members.entries()) {
      const uid = unpad(lastPart(key));
      // A commit since then knows better than this page.
      if (!this.#fresh.has(uid) && this.#list?.get(uid) === undefined) {
        this.#put(uid, value, users[i]?.value);
      }
    }
    return true;
  }

  #put(uid: Id, member: MemberDoc, user: UserDoc | undefined): void {
    const list = this.#list;
    if (list === undefined || user === undefined) return;
    const old = list.get(uid);
    if (old === undefined) this.#ports.room.rows += 1;
    const heard = this.#asked.get(uid) ?? this.#heard?.get(uid);
    const status: Status = heard?.status ?? old?.status ?? 0;
    const name = member.nick ?? user.displayName;
    list.put(uid, { name, rank: this.topRole(member.roles), status });
  }

  #wake(list: MemberLeaves | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const ready of waiting) ready(list);
  }

  // -------------------------------------------------------------- who is there

  #learn(): void {
    const round = this.#round;
    this.#ports.later(this.#ports.online(), (outcome) => {
      if (round !== this.#round) return;
      if (outcome.ok) this.#learned(outcome.value);
      else this.#ports.timer('learn', RETRY_MS, () => this.#relearnIn(round));
      // A list without all statuses is better than none.
      if (!this.#isReady) this.#complete();
    });
  }

  #relearnIn(round: number): void {
    if (round === this.#round && this.#heard !== undefined) this.#learn();
  }

  #complete(): void {
    this.#isReady = true;
    for (const uid of [...this.#fresh.keys()]) if (!this.#asked.has(uid)) this.#fresh.delete(uid);
    this.#wake(this.#list);
  }

  #learned(changes: readonly ShownChange[]): void {
    const heard = this.#heard ?? new Map<Id, ShownChange>();
    this.#heard = undefined;
    const list = this.#list;
    if (list === undefined) return;
    const now = new Map(changes.map((change) => [change.uid, change]));
    for (const change of heard.values()) {
      const told = now.get(change.uid);
      if (told === undefined || told.n < change.n) now.set(change.uid, change);
    }
    const moved: ShownChange[] = [];
    const silent: ShownChange[] = [];
    for (const { uid, status } of list.rows()) {
      const change = now.get(uid) ?? { uid, status: 0, activity: null, n: 0 };
      // What was heard while the list was read is told now.
      const isNews = this.#isReady ? change.status !== status : heard.has(uid);
      if (isNews) moved.push(change);
      else if (change.status !== status) silent.push(change);
    }
    for (const { uid, status } of silent) list.setStatus(uid, status);
    for (const change of moved) {
      list.setStatus(change.uid, change.status);
      this.#ports.changed(change);
    }
  }

  // -------------------------------------------------------------- commits

  #removed(uid: Id): void {
    this.#fresh.set(uid, null);
    if (this.#list?.remove(uid) === true) this.#ports.room.rows -= 1;
    // Only a page, or the user that is being read, could bring it back.
    if (this.#isReady && !this.#asked.has(uid)) this.#fresh.delete(uid);
  }

  #freshen(uid: Id, member: MemberDoc): void {
    this.#fresh.set(uid, member);
    if (this.#asked.has(uid)) return;
    this.#asked.set(uid, undefined);
    this.#readUser(uid);
  }

  #readUser(uid: Id): void {
    const round = this.#round;
    this.#ports.later(this.#ports.docs.get<UserDoc>('user', [userKey(uid)]), (outcome) => {
      if (round !== this.#round) return;
      if (!outcome.ok) {
        this.#ports.timer(`user-${uid}`, RETRY_MS, () => {
          if (round === this.#round) this.#readUser(uid);
        });
        return;
      }
      const member = this.#fresh.get(uid);
      if (member !== undefined && member !== null) this.#put(uid, member, outcome.value[0]?.value);
      this.#asked.delete(uid);
      if (this.#isReady) this.#fresh.delete(uid);
    });
  }

  // -------------------------------------------------------------- ranks

  #readRanks(): void {
    for (const { id, position } of this.#ports.roles()) {
      this.#ranks.set(id, { role: id, order: ORDER_BASE - position });
    }
  }

  /** Takes new positions of roles; false when they stand in another order, or one is gone. */
  #moveRanks(): boolean {
    const now = new Map<Id, number>();
    for (const { id, position } of this.#ports.roles()) now.set(id, ORDER_BASE - position);
    const old = [...this.#ranks.values()].sort((a, b) => a.order - b.order);
    let last = Number.NEGATIVE_INFINITY;
    for (const { role } of old) {
      const order = now.get(role);
      if (order === undefined || order <= last) return false;
      last = order;
    }
    for (const rank of old) rank.order = now.get(rank.role) ?? rank.order;
    for (const [role, order] of now) {
      if (!this.#ranks.has(role)) this.#ranks.set(role, { role, order });
    }
    return true;
  }
}
