/**
 * The documents of direct messages and what is read of them: kinds, keys, values, the REST view. Types and
 * reads only. A new one is written by accounts (`dm-accounts.ts`), everything after that by its entity.
 */
import { childKey, childPrefix, lastPart, type UserDoc, userKey } from './docs.ts';
import { GUILDS_PER_USER_MAX } from './guild-plan.ts';
import { publicUser } from './guild-reads.ts';
import { pad, unpad } from './ids.ts';
import {
  PERM_CONNECT,
  PERM_HISTORY,
  PERM_PIN,
  PERM_REACT,
  PERM_SEND,
  PERM_SPEAK,
  PERM_VIDEO,
  PERM_VIEW,
} from './permissions.ts';
import type { Dm, DocStore, DocWrite, Id, Ms, Seq } from './types.ts';

/** Members of a group, the owner included. */
export const GROUP_MEMBERS_MAX = 16;
/** DMs and groups of one user; a guess that bounds the list of them. */
export const DMS_PER_USER_MAX = 500;

/** What every member of a dm or group may do. Nobody manages: others' messages are theirs. */
export const PERMS_DM =
  PERM_VIEW |
  PERM_HISTORY |
  PERM_SEND |
  PERM_REACT |
  PERM_PIN |
  PERM_CONNECT |
  PERM_SPEAK |
  PERM_VIDEO;

/** `dm/<sid>`; unique `pair:<lower uid>-<higher uid>` for a dm. */
export interface DmDoc {
  readonly id: Id;
  readonly type: 'dm' | 'group';
  /** In the order they came. */
  readonly members: readonly Id[];
  readonly name: string | null;
  readonly topic: string | null;
  /** seq of the kind 7 event that name and topic are of, 0 before the first. */
  readonly metaSeq: Seq;
  readonly ownerId: Id | null;
  readonly createdAt: Ms;
  /** Number of the last outbox document. */
  readonly outboxSeq: number;
}

/** `userDm/<uid>/<sid>`: index by user. */
export interface UserDmDoc {
  /** The other one of a dm, null for a group. */
  readonly peer: Id | null;
}

/** `dmOutbox/<sid>/<n>`: what is still to be told after a commit. */
export interface DmOutboxDoc {
  /** Author of the events. */
  readonly actor: Id;
  /** Kind 42 goes to their streams. */
  readonly tell: readonly Id[];
  /** The stream is to be dropped. */
  readonly drop: boolean;
}

/** The unique value that makes one dm of two users. */
export function pairKey(a: Id, b: Id): string {
  return `pair:${pad(Math.min(a, b))}-${pad(Math.max(a, b))}`;
}

/** The index document of one member. */
export function userDmWrite(doc: DmDoc, uid: Id): DocWrite {
  const peer = doc.type === 'group' ? null : (doc.members.find((one) => one !== uid) ?? null);
  const value: UserDmDoc = { peer };
  return { kind: 'userDm', key: childKey(uid, doc.id), expect: 'any', value };
}

/** Sids of a user's DMs and groups, ascending. */
export async function dmsOf(docs: DocStore, uid: Id): Promise<Id[]> {
  const index = await docs.list('userDm', childPrefix(uid), undefined, DMS_PER_USER_MAX);
  return index.map(({ key }) => unpad(lastPart(key)));
}

/** True when two users are members of one guild. */
export async function shareGuild(docs: DocStore, a: Id, b: Id): Promise<boolean> {
  const [ofA, ofB] = await Promise.all(
    [a, b].map((uid) => docs.list('userGuild', childPrefix(uid), undefined, GUILDS_PER_USER_MAX)),
  );
  const gids = new Set(ofA?.map(({ key }) => lastPart(key)));
  return ofB?.some(({ key }) => gids.has(lastPart(key))) ?? false;
}

/** As REST shows them; members whose account is gone are left out. */
export async function dmViews(docs: DocStore, dms: readonly DmDoc[]): Promise<Dm[]> {
  const uids = [...new Set(dms.flatMap((dm) => dm.members))];
  const found = uids.length === 0 ? [] : await docs.get<UserDoc>('user', uids.map(userKey));
  const users = new Map(
    found.flatMap((doc) => (doc === undefined ? [] : [[doc.value.id, publicUser(doc.value)]])),
  );
  return dms.map(({ id, type, name, topic, ownerId, createdAt, members }) => {
    const people = members.flatMap((uid) => users.get(uid) ?? []);
    return { id, type, name, topic, ownerId, members: people, createdAt };
  });
}
