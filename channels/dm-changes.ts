/**
 * The changes to a dm: each is planned here against its document and committed by `dm.ts`. Nothing here
 * changes anything. Part of a dm actor.
 */
import {
  DMS_PER_USER_MAX,
  type DmDoc,
  type DmOutboxDoc,
  dmsOf,
  GROUP_MEMBERS_MAX,
  shareGuild,
  userDmWrite,
} from './dm-docs.ts';
import { childKey, streamKey } from './docs.ts';
import type { DocStore, DocWrite, DomainCode, Id, Seq } from './types.ts';

/** A change that may be committed. */
export interface DmPlan {
  readonly ok: true;
  /** undefined: nothing to do; null: the group ends. */
  readonly next: DmDoc | null | undefined;
  readonly writes: readonly DocWrite[];
  readonly tells: DmOutboxDoc | undefined;
  /** A user whose rights change. */
  readonly rightsOf?: Id;
}

export type DmPlanned = DmPlan | { readonly ok: false; readonly code: DomainCode };

const NOT_FOUND = { ok: false, code: 'not_found' } as const;
const CONFLICT = { ok: false, code: 'conflict' } as const;
const UNCHANGED: DmPlan = { ok: true, next: undefined, writes: [], tells: undefined };

export async function planAdd(
  docs: DocStore,
  dm: DmDoc,
  m: { readonly uid: Id; readonly target: Id },
): Promise<DmPlanned> {
  const { uid, target } = m;
  if (!dm.members.includes(uid)) return NOT_FOUND;
  if (dm.type !== 'group') return CONFLICT;
  if (dm.members.includes(target)) return UNCHANGED;
  const [known, has] = await Promise.all([shareGuild(docs, uid, target), dmsOf(docs, target)]);
  // A stranger and who does not exist get one answer.
  if (!known) return { ok: false, code: 'forbidden' };
  if (dm.members.length >= GROUP_MEMBERS_MAX || has.length >= DMS_PER_USER_MAX) return CONFLICT;
  const next = { ...dm, members: [...dm.members, target] };
  const tells = { actor: uid, tell: next.members, drop: false };
  return { ok: true, next, writes: [userDmWrite(next, target)], tells, rightsOf: target };
}

/** The last one to leave ends the group; an owner hands over to whoever is in it longest. */
export function planLeave(dm: DmDoc, uid: Id): DmPlanned {
  if (!dm.members.includes(uid)) return NOT_FOUND;
  if (dm.type !== 'group') return CONFLICT;
  const index: DocWrite = {
    kind: 'userDm',
    key: childKey(uid, dm.id),
    expect: 'any',
    value: null,
  };
  const members = dm.members.filter((one) => one !== uid);
  const heir = members[0];
  if (heir === undefined) {
    const stream: DocWrite = {
      kind: 'stream',
      key: streamKey(dm.id),
      expect: 'any',
      value: null,
    };
    const tells = { actor: uid, tell: [], drop: true };
    return { ok: true, next: null, writes: [index, stream], tells, rightsOf: uid };
  }
  const ownerId = dm.ownerId === uid ? heir : dm.ownerId;
  const tells = { actor: uid, tell: members, drop: false };
  return { ok: true, next: { ...dm, members, ownerId }, writes: [index], tells, rightsOf: uid };
}

/** Follows a kind 7 event of the stream. */
export function planRenamed(
  dm: DmDoc,
  m: { readonly name: string; readonly topic: string | null; readonly seq: Seq },
): DmPlan {
  const { name, topic, seq } = m;
  if (dm.type !== 'group' || seq <= dm.metaSeq) return UNCHANGED;
  return { ok: true, next: { ...dm, name, topic, metaSeq: seq }, writes: [], tells: undefined };
}
