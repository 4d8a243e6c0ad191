/**
 * Tells what a guild's commits have changed: events on its view streams, joins, leaves and changed
 * rights on user streams, streams to drop. Each commit leaves an outbox document; it is worked off in
 * order and deleted only after everything in it is done, so a crash repeats and never forgets. Repeats
 * are harmless: every event carries a nonce made from the document's number. What goes to many members
 * has a document of its own, and an order of its own, so that nothing waits behind it. Part of a guild
 * actor; runs beside its handlers.
 */
import { call, entity } from '../runtime/index.ts';
import {
  childKey,
  childPrefix,
  lastPart,
  type MemberDoc,
  type OutboxItem,
  type RightsScope,
} from './docs.ts';
import { channelsError } from './errors.ts';
import type { OutboxEntry } from './guild-data.ts';
import { unpad } from './ids.ts';
import { ERR_OUTCOME_UNKNOWN, ERR_UNAVAILABLE } from './stream-rules.ts';
import type { AppendRequest, Doc, DocStore, DocWrite, Id, Ms, StreamP, UserP } from './types.ts';

/** Commits that wait to be told; beyond it the guild refuses changes until the store is back. */
export const OUTBOX_MAX = 256;
const RETRY_FIRST_MS: Ms = 100;
const RETRY_LAST_MS: Ms = 10_000;
/** Entries told side by side: a crowd that joins costs a round of user streams and one delete, not one each. */
const TELL_ENTRIES = 16;
/** Documents removed per batch when a guild ends. */
const PURGE_PAGE = 100;
const KIND_ACL_CHANGED = 46;
/** Members read at once, and user streams written at once, to tell many of changed rights. */
const TELL_PAGE = 500;
const TELL_AT_ONCE = 32;

/** Counters over all guilds of a thread. */
export interface GuildCounters {
  /** Outbox entries that have to be told again. */
  outboxRetries: number;
  /** Changes refused because 256 commits wait to be told. */
  outboxFull: number;
  /** Kind 46 told to users. */
  rightsTold: number;
}

export function newGuildCounters(): GuildCounters {
  return { outboxRetries: 0, outboxFull: 0, rightsTold: 0 };
}

export interface OutboxPorts {
  readonly docs: DocStore;
  readonly now: () => Ms;
  readonly counters: GuildCounters;
  /** Calls `run` again after the delay. */
  readonly retryAfter: (delayMs: Ms) => void;
}

type RightsItem = OutboxItem & { readonly type: 'rights' };

export class Outbox {
  readonly #gid: Id;
  readonly #ports: OutboxPorts;
  #entries: OutboxEntry[] = [];
  readonly #running = { few: false, many: false };
  #delayMs = RETRY_FIRST_MS;

  constructor(gid: Id, ports: OutboxPorts) {
    this.#gid = gid;
    this.#ports = ports;
  }

  get empty(): boolean {
    return this.#entries.length === 0;
  }

  /** True when no more may be added; counted, since the change is refused then. */
  get full(): boolean {
    const full = this.#entries.length >= OUTBOX_MAX;
    if (full) this.#ports.counters.outboxFull += 1;
    return full;
  }

  add(entry: OutboxEntry): void {
    this.#entries.push(entry);
  }

  /** What the store holds, at the start and after a commit whose outcome was not known. */
  replace(entries: readonly OutboxEntry[]): void {
    this.#entries = [...entries];
  }

  /** Works the entries off; asks to be run again when something fails. One run at a time. */
  async run(): Promise<void> {
    await Promise.all([this.#work('few'), this.#work('many')]);
  }

  async #work(lane: 'few' | 'many'): Promise<void> {
    if (this.#running[lane]) return;
    this.#running[lane] = true;
    try {
      for (let some = this.#next(lane); some.length > 0; some = this.#next(lane)) {
        const results = await Promise.allSettled(some.map((entry) => this.#tellAll(entry)));
        const done = some.filter((_, i) => results[i]?.status === 'fulfilled');
        const told = new Set(done.map(({ n }) => n));
        if (told.size > 0) await this.#forget(told);
        if (told.size < some.length) throw unavailable('entry');
        this.#delayMs = RETRY_FIRST_MS;
      }
    } catch {
      // Whatever it was (stream, user or store away): the entry is still there and is told again.
      this.#ports.counters.outboxRetries += 1;
      this.#ports.retryAfter(this.#delayMs);
      this.#delayMs = Math.min(this.#delayMs * 2, RETRY_LAST_MS);
    } finally {
      this.#running[lane] = false;
    }
  }

  async #forget(told: ReadonlySet<number>): Promise<void> {
    const keys = [...told].map((n) => childKey(this.#gid, n));
    await this.#write(
      keys.map((key) => ({ kind: 'outbox', key, expect: 'any', value: null }) as const),
    );
    this.#entries = this.#entries.filter(({ n }) => !told.has(n));
  }

  /** The oldest entry and those right behind it that tell others: what one stream hears stays in order. */
  #next(lane: 'few' | 'many'): readonly OutboxEntry[] {
    const mine = this.#entries.filter((entry) => isForMany(entry) === (lane === 'many'));
    const taken = new Set<Id>();
    let count = 0;
    for (const entry of mine.slice(0, TELL_ENTRIES)) {
      const told = toldBy(entry);
      if (count > 0 && (told === 'all' || told.some((id) => taken.has(id)))) break;
      count += 1;
      if (told === 'all') break;
      for (const id of told) taken.add(id);
    }
    return mine.slice(0, count);
  }

  async #tellAll(entry: OutboxEntry): Promise<void> {
    // A later entry for the same members says it with a newer number.
    if (this.#entries.some((later) => later.n > entry.n && coversAll(later, entry))) return;
    for (const [i, item] of entry.items.entries()) {
      await this.#tell(item, `g${this.#gid.toString(36)}-${entry.n.toString(36)}-${i}`);
    }
  }

  async #tell(item: OutboxItem, nonce: string): Promise<void> {
    if (item.type === 'event') {
      const { actor, kind, body, until } = item;
      if (until !== undefined && this.#ports.now() > until) return;
      await this.#emit(item.sid, { uid: actor, nonce, kind, body });
    } else if (item.type === 'drop') {
      await call(entity<StreamP>('stream', item.sid), 'remove', {});
    } else if (item.type === 'purge') {
      await this.#purge(nonce);
    } else if (item.type === 'rights') {
      await this.#tellRights(item, nonce);
    } else {
      await this.#tellUser(item.uid, item.type, nonce);
    }
  }

  async #emit(sid: Id, event: AppendRequest): Promise<void> {
    const reply = await call(entity<StreamP>('stream', sid), 'emit', event);
    // Any other refusal (the stream is gone) will not get better.
    const again =
      !reply.ok && (reply.code === ERR_UNAVAILABLE || reply.code === ERR_OUTCOME_UNKNOWN);
    if (again) throw unavailable('emit');
  }

  async #tellRights(item: RightsItem, nonce: string): Promise<void> {
    const body = [this.#gid, item.aclVer];
    const tell = async (uids: readonly Id[]): Promise<void> => {
      for (let at = 0; at < uids.length; at += TELL_AT_ONCE) {
        const some = uids.slice(at, at + TELL_AT_ONCE);
        const event = { nonce, kind: KIND_ACL_CHANGED, body };
        await Promise.all(some.map((uid) => this.#emit(uid, { uid, ...event })));
        this.#ports.counters.rightsTold += some.length;
      }
    };
    if (item.roles.length === 0) {
      await tell(item.uids);
      return;
    }
    const prefix = childPrefix(this.#gid);
    let after: string | undefined;
    for (;;) {
      const page: readonly Doc<MemberDoc>[] = await this.#ports.docs.list<MemberDoc>(
        'member',
        prefix,
        after,
        TELL_PAGE,
      );
      const members = page.map(({ key, value }) => ({ uid: unpad(lastPart(key)), ...value }));
      await tell(members.filter((member) => touches(item, member)).map((member) => member.uid));
      if (page.length < TELL_PAGE) return;
      after = page.at(-1)?.key;
    }
  }

  async #tellUser(uid: Id, type: 'joined' | 'left', nonce: string): Promise<void> {
    const op = type === 'joined' ? 'guildJoined' : 'guildLeft';
    const reply = await call(entity<UserP>('user', uid), op, { gid: this.#gid, nonce });
    if (!reply.ok && reply.code === 'unavailable') throw unavailable(op);
  }

  async #purge(nonce: string): Promise<void> {
    const gid = this.#gid;
    for (;;) {
      const prefix = childPrefix(gid);
      const page = await this.#ports.docs.list<MemberDoc>('member', prefix, undefined, PURGE_PAGE);
      if (page.length === 0) break;
      const uids = page.map((doc) => unpad(lastPart(doc.key)));
      for (const uid of uids) await this.#tellUser(uid, 'left', nonce);
      await this.#write(uids.flatMap((uid) => membershipDeletes(gid, uid)));
    }
    await this.#deleteAll('guildInvite', (doc) => inviteDeletes(gid, lastPart(doc.key)));
    for (const kind of ['role', 'view', 'ban', 'audit']) {
      await this.#deleteAll(kind, ({ key }) => [{ kind, key, expect: 'any', value: null }]);
    }
  }

  async #deleteAll(kind: string, deletes: (doc: Doc<unknown>) => DocWrite[]): Promise<void> {
    for (;;) {
      const prefix = childPrefix(this.#gid);
      const page = await this.#ports.docs.list<unknown>(kind, prefix, undefined, PURGE_PAGE);
      if (page.length === 0) return;
      await this.#write(page.flatMap(deletes));
    }
  }

  async #write(batch: readonly DocWrite[]): Promise<void> {
    const result = await this.#ports.docs.write(batch);
    if (!result.ok) throw unavailable('write');
  }
}

/** Told by going through all members. */
function isForMany(entry: OutboxEntry): boolean {
  return entry.items.some((item) => item.type === 'rights' && item.roles.length > 0);
}

/** The streams that an entry writes to or drops (a user's stream has the user's id), or 'all'. */
function toldBy(entry: OutboxEntry): readonly Id[] | 'all' {
  const ids: Id[] = [];
  for (const item of entry.items) {
    if (item.type === 'purge' || (item.type === 'rights' && item.roles.length > 0)) return 'all';
    if (item.type === 'event' || item.type === 'drop') ids.push(item.sid);
    else if (item.type === 'rights') ids.push(...item.uids);
    else ids.push(item.uid);
  }
  return ids;
}

/** True when whoever `old` tells of changed rights is told by `later` too, and it tells nothing else. */
function coversAll(later: OutboxEntry, old: OutboxEntry): boolean {
  return old.items.every((item) => {
    if (item.type !== 'rights') return false;
    return later.items.some((other) => other.type === 'rights' && covers(other, item));
  });
}

function covers(a: RightsScope, b: RightsScope): boolean {
  if (a.roles === 'all') return true;
  const { roles, uids } = a;
  if (b.roles === 'all') return false;
  return b.roles.every((id) => roles.includes(id)) && b.uids.every((uid) => uids.includes(uid));
}

function touches(scope: RightsScope, member: { readonly uid: Id } & MemberDoc): boolean {
  if (scope.roles === 'all' || scope.uids.includes(member.uid)) return true;
  const { roles } = scope;
  return member.roles.some((id) => roles.includes(id));
}

/** Both documents of one membership. */
export function membershipDeletes(gid: Id, uid: Id): DocWrite[] {
  return [
    { kind: 'member', key: childKey(gid, uid), expect: 'any', value: null },
    { kind: 'userGuild', key: childKey(uid, gid), expect: 'any', value: null },
  ];
}

/** Both documents of one invite. */
export function inviteDeletes(gid: Id, code: string): DocWrite[] {
  return [
    { kind: 'invite', key: code, expect: 'any', value: null },
    { kind: 'guildInvite', key: `${childPrefix(gid)}${code}`, expect: 'any', value: null },
  ];
}

function unavailable(what: string): Error {
  return channelsError('DRIFT_CHANNELS_UNAVAILABLE', `outbox ${what}: the other side is away`);
}
