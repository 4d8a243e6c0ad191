/**
 * The dm actor: entity 'dm', one per dm or group DM, keyed by the sid of its stream, on its home shard
 * thread; the only writer of its documents once it exists. Answers its stream's questions for rights as
 * a guild does. Changes are planned in `dm-changes.ts` and committed here in one batch, fenced by the
 * revision of the document.
 */
import {
  type Behaviour,
  type Ctx,
  defineActor,
  entity,
  type MonitorId,
  type Ref,
} from '../runtime/index.ts';
import { runBeside } from './beside.ts';
import { type DmPlan, type DmPlanned, planAdd, planLeave, planRenamed } from './dm-changes.ts';
import { type DmDoc, type DmOutboxDoc, dmViews, PERMS_DM } from './dm-docs.ts';
import { DmOutbox, type DmOutboxCounters } from './dm-outbox.ts';
import { childKey, childPrefix, lastPart } from './docs.ts';
import { listAll } from './guild-data.ts';
import { pad, unpad } from './ids.ts';
import { FAILED, settle } from './settle.ts';
import type {
  Dm,
  DmP,
  Doc,
  DocResult,
  DocStore,
  DocWrite,
  Id,
  Ms,
  NoticeCodec,
  Result,
  StreamP,
} from './types.ts';
import { wakeAfterCrash } from './untold.ts';

/** Given by the boot of a shard thread; the same for all of its dms. */
export interface DmEnvironment {
  readonly docs: DocStore;
  readonly codec: NoticeCodec;
  readonly counters: DmOutboxCounters;
}

export interface DmArg {
  readonly sid: Id;
  readonly environment: DmEnvironment;
}

/** Ops that the actor sends to itself. */
interface DmActorP extends DmP {
  pump(): void;
}

interface DmActor {
  readonly sid: Id;
  readonly environment: DmEnvironment;
  readonly outbox: DmOutbox;
  readonly watchers: Map<Ref<StreamP>, MonitorId>;
  /** False at first and after a failed commit: read again before the next op. */
  loaded: boolean;
  /** The document as it was before a commit whose outcome is not known. */
  unsure: Doc<DmDoc> | undefined;
  /** undefined: there is no such dm. */
  doc: Doc<DmDoc> | undefined;
}

const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;
const NOT_FOUND = { ok: false, code: 'not_found' } as const;
/** A change is planned again when somebody else wrote the document; more often is a bug. */
const TRIES_MAX = 3;
/** Well inside the second that a revocation may take (protocol.md 2.11). */
const LOOK_AGAIN_MS: Ms = 100;
const MAILBOX_MAX = 10_000;

const behaviour: Behaviour<DmActorP, DmActor, DmArg> = {
  name: 'dm',
  init: (ctx, { sid, environment }) => {
    const retryAfter = (delayMs: Ms): void => ctx.timer('pump', delayMs, 'pump');
    const { docs, counters } = environment;
    const outbox = new DmOutbox(sid, docs, counters, retryAfter);
    const nothing = { loaded: false, unsure: undefined, doc: undefined };
    return { sid, environment, outbox, watchers: new Map(), ...nothing };
  },
  handle: {
    perms: async (s, { uid }, ctx) => {
      if (!(await load(s, ctx))) return null;
      return s.doc?.value.members.includes(uid) === true ? PERMS_DM : 0;
    },
    acl: async (s, _m, ctx) => {
      if (!(await load(s, ctx))) return null;
      if (s.doc === undefined) return undefined;
      const memberCount = s.doc.value.members.length;
      return { memberCount, large: false, open: true, viewSid: 0, slowModeS: 0 };
    },
    watch: (s, { stream }, ctx) => {
      if (!s.watchers.has(stream)) s.watchers.set(stream, ctx.monitor(stream));
      return ctx.self;
    },
    moved: async (s, m, ctx) => {
      if (!(await load(s, ctx)) || s.doc === undefined) return;
      // One stream's UNREAD fits one frame.
      for (const frame of s.environment.codec.encodeUnread([m])) {
        for (const uid of s.doc.value.members) {
          ctx.cast(entity<StreamP>('stream', uid), 'broadcast', { frame, class: 'unread' });
        }
      }
    },
    everyone: async (s, _m, ctx) => ((await load(s, ctx)) ? (s.doc?.value.members ?? []) : null),
    members: async (s, _m, ctx) => ((await load(s, ctx)) ? (s.doc?.value.members ?? []) : null),
    get: async (s, { uid }, ctx) => {
      if (!(await load(s, ctx))) return UNAVAILABLE;
      return s.doc?.value.members.includes(uid) === true ? await view(s, s.doc.value) : NOT_FOUND;
    },
    addMember: async (s, m, ctx) => {
      const changed = await change(s, ctx, (dm) => planAdd(s.environment.docs, dm, m));
      return changed.ok && changed.value !== null ? await view(s, changed.value) : ended(changed);
    },
    leave: async (s, { uid }, ctx) => {
      const changed = await change(s, ctx, async (dm) => planLeave(dm, uid));
      return changed.ok ? { ok: true, value: null } : changed;
    },
    renamed: async (s, m, ctx) => {
      const changed = await change(s, ctx, async (dm) => planRenamed(dm, m));
      return changed.ok ? { ok: true, value: null } : changed;
    },
    resume: async (s, _m, ctx) => {
      if (await load(s, ctx)) pump(s, ctx);
    },
    pump: (s, _m, ctx) => lookAgain(s, ctx),
  },
  onDown: (s, { monitor, reason }) => {
    for (const [stream, id] of s.watchers) {
      if (id !== monitor) continue;
      s.watchers.delete(stream);
      wakeAfterCrash(s.sid, reason);
    }
  },
  mayPassivate: (s) => s.watchers.size === 0 && s.outbox.empty && s.unsure === undefined,
  formatStatus: ({ doc, loaded, outbox, sid, unsure, watchers }) => ({
    sid,
    loaded,
    exists: doc !== undefined,
    members: doc?.value.members.length ?? 0,
    streamsAwake: watchers.size,
    isTelling: !outbox.empty,
    isUnsure: unsure !== undefined,
  }),
  mailbox: { limit: MAILBOX_MAX, overflow: 'reject' },
};

/** Behaviour of entity 'dm'. */
export const DmEntity = defineActor<DmActorP, DmActor, DmArg>(behaviour);

// ---------------------------------------------------------------- reading

/** Reads the dm when it is not in memory; false when the store cannot be read. */
async function load(s: DmActor, ctx: Ctx<DmActorP>): Promise<boolean> {
  if (s.loaded) return true;
  if (!(await makeSure(s))) return false;
  const { docs } = s.environment;
  const found = await settle(
    Promise.all([
      docs.get<DmDoc>('dm', [pad(s.sid)]),
      listAll<DmOutboxDoc>(docs, 'dmOutbox', childPrefix(s.sid)),
    ]),
  );
  if (found === FAILED) return false;
  const [[doc], outbox] = found;
  s.doc = doc;
  s.outbox.replace(outbox.map(({ key, value }) => ({ ...value, n: unpad(lastPart(key)) })));
  // What is not there may be made later: only what is there is remembered.
  s.loaded = doc !== undefined;
  if (s.unsure !== undefined) tellRights(s, ctx, 0);
  s.unsure = undefined;
  pump(s, ctx);
  return true;
}

/** As a guild does: after it, the commit without an answer has happened or never will. */
async function makeSure(s: DmActor): Promise<boolean> {
  if (s.unsure === undefined) return true;
  const { key, rev, value } = s.unsure;
  const touched = await settle<DocResult>(
    s.environment.docs.write([{ kind: 'dm', key, expect: rev, value }]),
  );
  return touched !== FAILED && (touched.ok || touched.why !== 'unavailable');
}

async function view(s: DmActor, doc: DmDoc): Promise<Result<Dm>> {
  const views = await settle(dmViews(s.environment.docs, [doc]));
  if (views === FAILED) return UNAVAILABLE;
  const [dm] = views;
  return dm === undefined ? NOT_FOUND : { ok: true, value: dm };
}

// ---------------------------------------------------------------- changing

/** The failure of a change, or that the dm is gone. */
function ended(changed: Result<DmDoc | null>): Result<never> {
  return changed.ok ? NOT_FOUND : changed;
}

/** The document after the change; null when it is gone. */
async function change(
  s: DmActor,
  ctx: Ctx<DmActorP>,
  plan: (dm: DmDoc) => Promise<DmPlanned>,
): Promise<Result<DmDoc | null>> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    if (!(await load(s, ctx)) || s.outbox.refuses()) return UNAVAILABLE;
    if (s.doc === undefined) return NOT_FOUND;
    const planned = await settle(plan(s.doc.value));
    if (planned === FAILED) return UNAVAILABLE;
    if (!planned.ok) return planned;
    if (planned.next === undefined) return { ok: true, value: s.doc.value };
    const outcome = await commit(s, ctx, s.doc, planned);
    if (outcome === 'done') return { ok: true, value: s.doc?.value ?? null };
    if (outcome === 'unknown') return { ...UNAVAILABLE, unknown: true };
    if (outcome === 'unavailable') return UNAVAILABLE;
  }
  return UNAVAILABLE;
}

/** Writes a plan; 'stale' when the document is not what this actor thought. */
async function commit(
  s: DmActor,
  ctx: Ctx<DmActorP>,
  doc: Doc<DmDoc>,
  plan: DmPlan,
): Promise<'done' | 'stale' | 'unavailable' | 'unknown'> {
  const { tells } = plan;
  const n = doc.value.outboxSeq + 1;
  const outboxSeq = tells === undefined ? doc.value.outboxSeq : n;
  const value = plan.next ? { ...plan.next, outboxSeq } : null;
  const { key, rev } = doc;
  const batch: DocWrite[] = [{ kind: 'dm', key, expect: rev, value }, ...plan.writes];
  if (tells !== undefined) {
    const outboxKey = childKey(s.sid, n);
    batch.push({ kind: 'dmOutbox', key: outboxKey, expect: 'absent', value: tells });
  }
  const result = await settle<DocResult>(s.environment.docs.write(batch));
  if (result === FAILED) {
    s.loaded = false;
    s.unsure = doc;
    // If it was carried out, somebody may have lost the right to view: not only the next request may find out.
    ctx.timer('lookAgain', LOOK_AGAIN_MS, 'pump');
    return 'unknown';
  }
  if (!result.ok) {
    if (result.why === 'unavailable') return 'unavailable';
    s.loaded = false;
    return 'stale';
  }
  s.doc = value === null ? undefined : { key, rev: result.revs[0] ?? 0, value };
  s.loaded = value !== null;
  if (tells !== undefined) s.outbox.add({ n, ...tells });
  if (plan.rightsOf !== undefined) tellRights(s, ctx, plan.rightsOf);
  pump(s, ctx);
  return 'done';
}

/** Streams that are awake ask again for the rights of this user (0: of all). */
function tellRights(s: DmActor, ctx: Ctx<DmActorP>, uid: Id): void {
  for (const stream of s.watchers.keys()) ctx.cast(stream, 'permsChanged', { uid });
}

/** After a commit without an answer: looks what became of it, until the store says so. */
async function lookAgain(s: DmActor, ctx: Ctx<DmActorP>): Promise<void> {
  if (await load(s, ctx)) pump(s, ctx);
  else ctx.timer('lookAgain', LOOK_AGAIN_MS, 'pump');
}

function pump(s: DmActor, ctx: Ctx<DmActorP>): void {
  if (s.outbox.empty) return;
  runBeside(ctx, s.outbox.run());
}
