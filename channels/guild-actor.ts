/**
 * What a guild actor holds, and how it reads and commits: documents are loaded when they are needed,
 * changes are committed one at a time in one batch that is fenced by the revision of the guild
 * document, streams that are awake hear at once whose rights changed, everything else goes through
 * the outbox. `guild.ts` ties it to the ops.
 */
import type { Clock, Ctx, MonitorId, NoReply, Ref, Rng } from '../runtime/index.ts';
import { answerLater, runBeside } from './beside.ts';
import {
  childKey,
  type GuildDoc,
  guildKey,
  type MemberDoc,
  type OutboxDoc,
  type OutboxItem,
} from './docs.ts';
import { auditWrites } from './guild-audit.ts';
import { type GuildData, loadGuild, type OutboxEntry } from './guild-data.ts';
import { type GuildCounters, Outbox } from './guild-outbox.ts';
import {
  type GuildTools,
  type Plan,
  type Planned,
  type RightsChange,
  UNAVAILABLE,
} from './guild-plan.ts';
import {
  makeGuildPresence,
  type PresenceEnvironment,
  type PresencePart,
  type PresenceTimerP,
} from './guild-presence-ports.ts';
import { GuildUnread } from './guild-unread.ts';
import { GuildRooms } from './guild-voice.ts';
import type { IdAllocator } from './ids.ts';
import type { NoticeCounters } from './notice-counters.ts';
import { FAILED, settle } from './settle.ts';
import type {
  ChannelLog,
  Doc,
  DocResult,
  DocStore,
  DocWrite,
  GuildP,
  Id,
  Ms,
  Notice,
  NoticeCodec,
  Result,
  StreamP,
} from './types.ts';

/** Given by the boot of a shard thread; the same for all of its guilds. */
export interface GuildEnvironment {
  readonly log: ChannelLog;
  readonly docs: DocStore;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly ids: IdAllocator;
  readonly counters: GuildCounters;
  readonly presence: PresenceEnvironment;
  readonly codec: NoticeCodec;
  readonly noticeCounters: NoticeCounters;
}

export interface GuildArg {
  readonly gid: Id;
  readonly environment: GuildEnvironment;
}

/** Ops that the actor sends to itself. */
export interface GuildActorP extends GuildP, PresenceTimerP {
  pump(): void;
  tellUnread(): void;
}

/** A stream of this guild that is awake. */
interface Watcher {
  readonly sid: Id;
  readonly monitor: MonitorId;
}

export interface GuildActor {
  readonly gid: Id;
  readonly environment: GuildEnvironment;
  readonly tools: GuildTools;
  readonly outbox: Outbox;
  readonly unread: GuildUnread;
  readonly watchers: Map<Ref<StreamP>, Watcher>;
  /** Who is there: PRESENCE, member windows, MEMBERS. */
  readonly presence: PresencePart;
  /** Voice rooms that hear of changes. */
  readonly rooms: GuildRooms;
  /** False at first and after a failed commit: read again before the next op. */
  loaded: boolean;
  /** The guild document as it was before a commit whose outcome is not known. */
  unsure: Doc<GuildDoc> | undefined;
  data: GuildData | undefined;
}

type GuildCtx = Ctx<GuildActorP>;

const NOT_FOUND = { ok: false, code: 'not_found' } as const;
/** A change is planned again when somebody else wrote the guild; more often is a bug of the caller. */
const TRIES_MAX = 3;
/** Well inside the second that a revocation may take (protocol.md 2.11). */
const LOOK_AGAIN_MS: Ms = 100;
const ALL: RightsChange = { uids: 'all', sids: 'all' };

export function newGuildActor(ctx: GuildCtx, { gid, environment }: GuildArg): GuildActor {
  const { docs, clock, rng, ids, counters } = environment;
  const outbox = new Outbox(gid, {
    docs,
    counters,
    now: () => clock.now(),
    retryAfter: (delayMs: Ms): void => ctx.timer('pump', delayMs, 'pump'),
  });
  const tools = { docs, clock, rng, ids };
  const nothing = { loaded: false, unsure: undefined, data: undefined };
  const watchers: GuildActor['watchers'] = new Map();
  const unread = new GuildUnread({
    clock,
    codec: environment.codec,
    counters: environment.noticeCounters,
    timer: (ms) => ctx.timer('unread', ms, 'tellUnread'),
    broadcast: (view, notice) => broadcast(ctx, watchers, view, notice),
  });
  const rooms = new GuildRooms(ctx);
  const base = { gid, environment, tools, outbox, unread, watchers, rooms, ...nothing };
  const presence = makeGuildPresence(ctx, gid, environment, () => actor);
  const actor: GuildActor = { ...base, presence };
  return actor;
}

/** To a stream of the guild, if it is awake: nobody listens to one that sleeps. */
function broadcast(ctx: GuildCtx, watchers: GuildActor['watchers'], sid: Id, notice: Notice): void {
  for (const [stream, watcher] of watchers) {
    if (watcher.sid === sid) ctx.cast(stream, 'broadcast', notice);
  }
}

// ---------------------------------------------------------------- reading

/** Reads the guild when it is not in memory; false when the store cannot be read. */
export async function load(s: GuildActor, ctx: GuildCtx): Promise<boolean> {
  if (s.loaded) return true;
  if (!(await makeSure(s))) return false;
  const found = await settle(loadGuild(s.tools.docs, s.gid));
  if (found === FAILED) return false;
  s.data = found.data;
  s.outbox.replace(found.outbox);
  s.loaded = true;
  if (s.unsure !== undefined) tellRights(s, ctx, ALL);
  s.unsure = undefined;
  s.presence.watched();
  pump(s, ctx);
  return true;
}

/**
 * After a commit without an answer: writes the document as it was, at the revision it had. Whether
 * that succeeds or not, the commit has happened by then or never will, and reading tells which.
 */
async function makeSure(s: GuildActor): Promise<boolean> {
  if (s.unsure === undefined) return true;
  const { key, rev, value } = s.unsure;
  const touched = await settle<DocResult>(
    s.tools.docs.write([{ kind: 'guild', key, expect: rev, value }]),
  );
  return touched !== FAILED && (touched.ok || touched.why !== 'unavailable');
}

/** Answers a member from what is in memory; strangers get not_found. */
export async function asMember<T>(
  s: GuildActor,
  ctx: GuildCtx,
  uid: Id,
  read: (data: GuildData, member: MemberDoc) => T,
): Promise<Result<T>> {
  if (!(await load(s, ctx))) return UNAVAILABLE;
  if (s.data === undefined) return NOT_FOUND;
  const member = await settle(s.data.member(s.tools.docs, uid));
  if (member === FAILED) return UNAVAILABLE;
  if (member === undefined) return NOT_FOUND;
  return { ok: true, value: read(s.data, member) };
}

/** As `asMember` for reads of the store: the next message does not wait for them. */
export async function readAsMember<T>(
  s: GuildActor,
  ctx: GuildCtx,
  uid: Id,
  read: (data: GuildData, member: MemberDoc) => Promise<Result<T>>,
): Promise<Result<T> | NoReply> {
  const allowed = await asMember(s, ctx, uid, (data, member) => ({ data, member }));
  if (!allowed.ok) return allowed;
  const { data, member } = allowed.value;
  return answerLater(
    ctx,
    settle(read(data, member)).then((result) => (result === FAILED ? UNAVAILABLE : result)),
  );
}

// ---------------------------------------------------------------- changing

/** Plans a change on what is in memory and commits it. */
export async function change<T>(
  s: GuildActor,
  ctx: GuildCtx,
  plan: (data: GuildData) => Promise<Planned<T>>,
): Promise<Result<T>> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    if (!(await load(s, ctx)) || s.outbox.full) return UNAVAILABLE;
    if (s.data === undefined) return NOT_FOUND;
    const planned = await settle(plan(s.data));
    if (planned === FAILED) return UNAVAILABLE;
    if (!planned.ok) return planned;
    if ('unchanged' in planned) return { ok: true, value: planned.value };
    const outcome = await commit(s, ctx, s.data, planned);
    if (outcome === 'done') return { ok: true, value: planned.value };
    if (outcome === 'unknown') return { ...UNAVAILABLE, unknown: true };
    if (outcome === 'unavailable') return UNAVAILABLE;
  }
  return UNAVAILABLE;
}

/** A plan as it is written: the guild document as it will be, the batch, what is to be told. */
interface Written {
  readonly next: GuildDoc | null;
  readonly batch: readonly DocWrite[];
  readonly entries: readonly OutboxEntry[];
}

/** Writes a plan; 'stale' when the documents are not what this actor thought. */
async function commit<T>(
  s: GuildActor,
  ctx: GuildCtx,
  data: GuildData,
  plan: Plan<T>,
): Promise<'done' | 'stale' | 'unavailable' | 'unknown'> {
  const { next, batch, entries } = written(s, data, plan);
  const result = await settle<DocResult>(s.tools.docs.write(batch));
  if (result === FAILED) {
    s.loaded = false;
    s.unsure = data.doc;
    s.presence.lost();
    // If it was carried out, somebody may have lost a right: not only the next request may find out.
    ctx.timer('lookAgain', LOOK_AGAIN_MS, 'pump');
    return 'unknown';
  }
  if (!result.ok) {
    if (result.why === 'unavailable') return 'unavailable';
    s.loaded = false;
    s.presence.lost();
    return 'stale';
  }
  const before = data.channels;
  if (next === null) {
    s.data = undefined;
    s.presence.removed();
  } else {
    data.doc = { key: data.doc.key, rev: result.revs[0] ?? 0, value: next };
    plan.apply(data);
    s.presence.committed(plan.writes);
  }
  for (const entry of entries) s.outbox.add(entry);
  if (plan.rights !== undefined) tellRights(s, ctx, plan.rights);
  s.rooms.channels(before, s.data?.channels);
  pump(s, ctx);
  return 'done';
}

function written<T>(s: GuildActor, data: GuildData, plan: Plan<T>): Written {
  const present = data.doc.value;
  const changed = { ...present, ...plan.guild };
  const entries: OutboxEntry[] = [];
  const tell = (items: readonly OutboxItem[]): void => {
    if (items.length > 0) entries.push({ n: present.outboxSeq + entries.length + 1, items });
  };
  const { roles = [], uids = [] } = plan.affected ?? {};
  const rights = { type: 'rights', aclVer: changed.aclVer, roles, uids } as const;
  const few = roles.length === 0 && uids.length > 0;
  tell(few ? [...plan.items, rights] : plan.items);
  if (roles.length > 0) tell([rights]);
  const auditSeq = (present.auditSeq ?? 0) + (plan.audit === undefined ? 0 : 1);
  const outboxSeq = present.outboxSeq + entries.length;
  const next = plan.guild === null ? null : { ...changed, outboxSeq, auditSeq };
  const guild = { kind: 'guild', key: guildKey(s.gid), expect: data.doc.rev, value: next };
  const batch: DocWrite[] = [guild, ...plan.writes];
  if (plan.audit !== undefined) {
    batch.push(...auditWrites(s.gid, auditSeq, plan.audit, s.tools.clock.now()));
  }
  for (const { n, items } of entries) {
    const value: OutboxDoc = { items };
    batch.push({ kind: 'outbox', key: childKey(s.gid, n), expect: 'absent', value });
  }
  return { next, batch, entries };
}

/** Streams and rooms that are awake ask again for the rights of these users. */
function tellRights(s: GuildActor, ctx: GuildCtx, change: RightsChange): void {
  const { uids, sids } = change;
  s.rooms.rights(change);
  for (const [stream, watcher] of s.watchers) {
    if (sids !== 'all' && !sids.includes(watcher.sid)) continue;
    for (const uid of uids === 'all' ? [0] : uids) ctx.cast(stream, 'permsChanged', { uid });
  }
}

/** After a commit without an answer: looks what became of it, until the store says so. */
export async function lookAgain(s: GuildActor, ctx: GuildCtx): Promise<void> {
  if (await load(s, ctx)) pump(s, ctx);
  else ctx.timer('lookAgain', LOOK_AGAIN_MS, 'pump');
}

/** Tells what is to be told, beside the handlers. */
export function pump(s: GuildActor, ctx: GuildCtx): void {
  if (s.outbox.empty) return;
  runBeside(ctx, s.outbox.run());
}
