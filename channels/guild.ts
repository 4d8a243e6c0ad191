/**
 * The guild actor: entity 'guild', one per guild, on its home shard thread; the only writer of the
 * guild's documents. Changes are planned in `guild-changes.ts` and committed here, one at a time, in
 * one batch that is fenced by the revision of the guild document. Streams of the guild that are
 * awake hear at once whose rights changed; everything else is told through the outbox.
 */
import {
  type Behaviour,
  type Clock,
  type Ctx,
  defineActor,
  type MonitorId,
  NOREPLY,
  type NoReply,
  type Ref,
  type Rng,
} from '../runtime/index.ts';
import { childKey, type GuildDoc, guildKey, type InviteDoc, type OutboxDoc } from './docs.ts';
import {
  type GuildTools,
  isInviteCode,
  isSpent,
  type Plan,
  type Planned,
  planCreateChannel,
  planCreateInvite,
  planJoin,
  planLeave,
  planRemove,
  planRemoveChannel,
  planRename,
  planUpdateChannel,
  SMALL_GUILD_MAX,
} from './guild-changes.ts';
import { type GuildData, loadGuild } from './guild-data.ts';
import { Outbox } from './guild-outbox.ts';
import { guildView, memberPage } from './guild-reads.ts';
import type { IdAllocator } from './ids.ts';
import { may, PERM_VIEW } from './permissions.ts';
import { FAILED, settle } from './settle.ts';
import type {
  ChannelLog,
  Doc,
  DocResult,
  DocStore,
  DocWrite,
  GuildP,
  GuildRightsP,
  GuildThreadsP,
  Id,
  Ms,
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
}

export interface GuildArg {
  readonly gid: Id;
  readonly environment: GuildEnvironment;
}

/** Ops that the actor sends to itself. */
interface GuildActorP extends GuildSpineP {
  pump(): void;
}

/** What is served here. */
type GuildSpineP = Omit<
  GuildP,
  Exclude<keyof GuildRightsP, 'acl'> | keyof GuildThreadsP | 'watch'
> & {
  watch(m: { readonly sid: Id; readonly stream: Ref<StreamP> }): Ref<GuildSpineP>;
};

interface GuildActor {
  readonly gid: Id;
  readonly environment: GuildEnvironment;
  readonly tools: GuildTools;
  readonly outbox: Outbox;
  readonly watchers: Map<Ref<StreamP>, MonitorId>;
  /** False at first and after a failed commit: read again before the next op. */
  loaded: boolean;
  /** The guild document as it was before a commit whose outcome is not known. */
  unsure: Doc<GuildDoc> | undefined;
  data: GuildData | undefined;
}

/** Answers while the store cannot be reached. */
const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;
const NOT_FOUND = { ok: false, code: 'not_found' } as const;
/** A change is planned again when somebody else wrote the guild; more often is a bug of the caller. */
const TRIES_MAX = 3;
const MEMBERS_PAGE_MAX = 1000;
const MAILBOX_MAX = 50_000;

const behaviour: Behaviour<GuildActorP, GuildActor, GuildArg> = {
  name: 'guild',
  init: (ctx, { gid, environment }) => {
    const retryAfter = (delayMs: Ms): void => ctx.timer('pump', delayMs, 'pump');
    const outbox = new Outbox(gid, environment.docs, [], retryAfter);
    const watchers = new Map<Ref<StreamP>, MonitorId>();
    const { docs, clock, rng, ids } = environment;
    const tools = { docs, clock, rng, ids };
    const nothing = { loaded: false, unsure: undefined, data: undefined };
    return { gid, environment, tools, outbox, watchers, ...nothing };
  },
  handle: {
    perms: async (s, { uid, sid }, ctx) => {
      if (!(await load(s, ctx))) return null;
      if (s.data === undefined) return 0;
      const member = await settle(s.data.member(s.tools.docs, uid));
      if (member === FAILED) return null;
      return member === undefined ? 0 : s.data.permsOf(uid, sid);
    },
    acl: async (s, { sid }, ctx) => {
      if (!(await load(s, ctx))) return null;
      const channel = s.data?.channels.get(sid);
      if (s.data === undefined || channel === undefined) return undefined;
      const { memberCount, viewSid } = s.data.doc.value;
      const large = memberCount > SMALL_GUILD_MAX;
      return { memberCount, large, open: true, viewSid, slowModeS: channel.slowModeS ?? 0 };
    },
    watch: (s, { stream }, ctx) => {
      if (!s.watchers.has(stream)) s.watchers.set(stream, ctx.monitor(stream));
      return ctx.self;
    },
    resume: async (s, _m, ctx) => {
      if (await load(s, ctx)) pump(s, ctx);
    },
    pump: (s, _m, ctx) => pump(s, ctx),
    get: (s, { uid }, ctx) => asMember(s, ctx, uid, (data) => data.guild),
    channels: (s, { uid }, ctx) =>
      asMember(s, ctx, uid, (data) =>
        data
          .ordered()
          .filter((channel) => may(data.permsOf(uid, channel.id), PERM_VIEW))
          .map((channel) => data.channelView(channel)),
      ),
    view: (s, { uid }, ctx) =>
      readAsMember(s, ctx, uid, (data) => guildView(s.environment.log, data, uid)),
    members: (s, { uid, after, limit }, ctx) =>
      readAsMember(s, ctx, uid, (data) =>
        memberPage(s.tools.docs, data.gid, after, Math.min(limit, MEMBERS_PAGE_MAX)),
      ),
    invite: async (s, { code }, ctx) => {
      if (!(await load(s, ctx))) return UNAVAILABLE;
      if (!isInviteCode(code)) return NOT_FOUND;
      const found = await settle(s.tools.docs.get<InviteDoc>('invite', [code]));
      if (found === FAILED) return UNAVAILABLE;
      const invite = found[0]?.value;
      if (s.data === undefined || invite?.gid !== s.gid) return NOT_FOUND;
      if (isSpent(invite, s.tools.clock.now())) return { ok: false, code: 'invite_expired' };
      const { memberCount } = s.data.doc.value;
      return { ok: true, value: { guild: s.data.guild, memberCount } };
    },
    rename: (s, m, ctx) => change(s, ctx, (data) => planRename(s.tools, data, m)),
    remove: (s, { uid }, ctx) => change(s, ctx, (data) => planRemove(s.tools, data, uid)),
    createChannel: (s, m, ctx) => change(s, ctx, (data) => planCreateChannel(s.tools, data, m)),
    updateChannel: (s, m, ctx) => change(s, ctx, (data) => planUpdateChannel(s.tools, data, m)),
    removeChannel: (s, m, ctx) => change(s, ctx, (data) => planRemoveChannel(s.tools, data, m)),
    createInvite: (s, m, ctx) => change(s, ctx, (data) => planCreateInvite(s.tools, data, m)),
    join: (s, m, ctx) => change(s, ctx, (data) => planJoin(s.tools, data, m)),
    leave: (s, { uid }, ctx) => change(s, ctx, (data) => planLeave(s.tools, data, uid)),
  },
  onDown: (s, { monitor }) => {
    for (const [stream, id] of s.watchers) {
      if (id === monitor) s.watchers.delete(stream);
    }
  },
  mayPassivate: (s) => s.watchers.size === 0 && s.outbox.empty,
  mailbox: { limit: MAILBOX_MAX, overflow: 'reject' },
};

/** Behaviour of entity 'guild'. */
export const GuildEntity = defineActor<GuildActorP, GuildActor, GuildArg>(behaviour);

// ---------------------------------------------------------------- reading

/** Reads the guild when it is not in memory; false when the store cannot be read. */
async function load(s: GuildActor, ctx: Ctx<GuildActorP>): Promise<boolean> {
  if (s.loaded) return true;
  if (!(await makeSure(s))) return false;
  const found = await settle(loadGuild(s.tools.docs, s.gid));
  if (found === FAILED) return false;
  s.data = found.data;
  s.outbox.replace(found.outbox);
  s.loaded = true;
  if (s.unsure !== undefined) tellRights(s, ctx, 0);
  s.unsure = undefined;
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

async function asMember<T>(
  s: GuildActor,
  ctx: Ctx<GuildActorP>,
  uid: Id,
  read: (data: GuildData) => T,
): Promise<Result<T>> {
  if (!(await load(s, ctx))) return UNAVAILABLE;
  if (s.data === undefined) return NOT_FOUND;
  const member = await settle(s.data.member(s.tools.docs, uid));
  if (member === FAILED) return UNAVAILABLE;
  if (member === undefined) return NOT_FOUND;
  return { ok: true, value: read(s.data) };
}

/** As `asMember` for reads of the store: the next message does not wait for them. */
async function readAsMember<T>(
  s: GuildActor,
  ctx: Ctx<GuildActorP>,
  uid: Id,
  read: (data: GuildData) => Promise<T>,
): Promise<Result<T> | NoReply> {
  const { from } = ctx;
  const allowed = await asMember(s, ctx, uid, (data) => data);
  if (!allowed.ok) return allowed;
  if (from === undefined) return NOREPLY;
  const answered = settle(read(allowed.value)).then((value) => {
    ctx.reply(from, value === FAILED ? UNAVAILABLE : { ok: true, value });
  });
  ctx.guard(answered).catch(ignoreGuarded);
  return NOREPLY;
}

/** `guard` has made the failure the actor's own already. */
function ignoreGuarded(): void {}

// ---------------------------------------------------------------- changing

async function change<T>(
  s: GuildActor,
  ctx: Ctx<GuildActorP>,
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
    if (outcome === 'unavailable') return UNAVAILABLE;
  }
  return UNAVAILABLE;
}

/** Writes a plan; 'stale' when the documents are not what this actor thought. */
async function commit<T>(
  s: GuildActor,
  ctx: Ctx<GuildActorP>,
  data: GuildData,
  plan: Plan<T>,
): Promise<'done' | 'stale' | 'unavailable'> {
  const n = data.doc.value.outboxSeq + 1;
  const tells = plan.items.length > 0;
  const present = data.doc.value;
  const next: GuildDoc | null =
    plan.guild === null
      ? null
      : { ...present, ...plan.guild, outboxSeq: tells ? n : present.outboxSeq };
  const batch: DocWrite[] = [
    { kind: 'guild', key: guildKey(s.gid), expect: data.doc.rev, value: next },
    ...plan.writes,
  ];
  const outboxDoc: OutboxDoc = { items: plan.items };
  const key = childKey(s.gid, n);
  if (tells) batch.push({ kind: 'outbox', key, expect: 'absent', value: outboxDoc });
  const result = await settle<DocResult>(s.tools.docs.write(batch));
  if (result === FAILED) {
    s.loaded = false;
    s.unsure = data.doc;
    return 'unavailable';
  }
  if (!result.ok) {
    if (result.why === 'unavailable') return 'unavailable';
    s.loaded = false;
    return 'stale';
  }
  take(s, data, plan, next, result.revs[0] ?? 0);
  if (tells) s.outbox.add({ n, items: plan.items });
  if (plan.rightsOf !== undefined) tellRights(s, ctx, plan.rightsOf);
  pump(s, ctx);
  return 'done';
}

function take<T>(
  s: GuildActor,
  data: GuildData,
  plan: Plan<T>,
  next: GuildDoc | null,
  rev: number,
): void {
  if (next === null) {
    s.data = undefined;
    return;
  }
  const doc: Doc<GuildDoc> = { key: data.doc.key, rev, value: next };
  data.doc = doc;
  plan.apply(data);
}

/** Streams that are awake ask again for the rights of this user (0: of all). */
function tellRights(s: GuildActor, ctx: Ctx<GuildActorP>, uid: Id): void {
  for (const stream of s.watchers.keys()) ctx.cast(stream, 'permsChanged', { uid });
}

function pump(s: GuildActor, ctx: Ctx<GuildActorP>): void {
  if (s.outbox.empty) return;
  ctx.guard(s.outbox.run()).catch(ignoreGuarded);
}
