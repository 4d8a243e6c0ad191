/**
 * What members may read of a guild besides what is in memory: the GUILD view with the heads of its
 * streams, and pages of members. Part of a guild actor; runs beside its handlers and changes nothing.
 */
import { call, entity } from '../runtime/index.ts';
import {
  type BanDoc,
  childKey,
  childPrefix,
  lastPart,
  type MemberDoc,
  type UserDoc,
  userKey,
} from './docs.ts';
import { channelsError } from './errors.ts';
import type { GuildData } from './guild-data.ts';
import { SMALL_GUILD_MAX } from './guild-plan.ts';
import { unpad } from './ids.ts';
import { may, PERM_VIEW } from './permissions.ts';
import type {
  Ban,
  ChannelLog,
  DocStore,
  GuildView,
  Id,
  LogHead,
  Member,
  StreamP,
  User,
} from './types.ts';

/**
 * GUILD of protocol.md 2.4 for a member: what this member may view, and nothing of the rest. Rejects
 * when the store or a stream cannot answer.
 */
export async function guildView(
  log: ChannelLog,
  data: GuildData,
  uid: Id,
  member: MemberDoc,
): Promise<GuildView> {
  const { aclVer, memberCount } = data.doc.value;
  const channels = data.ordered().flatMap((channel) => {
    const perms = data.permsOf(uid, member, channel.id);
    return may(perms, PERM_VIEW) ? [{ channel, perms }] : [];
  });
  const viewSids = data.viewsOf(uid, member);
  const roles = data.orderedRoles();
  const sids = channels.map(({ channel }) => channel.id);
  const heads = await headsOf(log, uid, [...sids, ...viewSids]);
  return {
    aclVer,
    channels: channels.map(({ channel, perms }) => {
      const { id: sid, type = 1, name } = channel;
      const head = heads.get(sid);
      const position = { epoch: head?.epoch ?? 0, seq: head?.head ?? 0, ts: head?.headTs ?? 0 };
      return { sid, type, name, perms, ...position, marker: 0 };
    }),
    roles: roles.map(({ id, name, color, position, perms }) => [id, name, color, position, perms]),
    viewSids,
    large: memberCount > SMALL_GUILD_MAX,
  };
}

/** Heads by sid. A stream whose log does not exist yet is opened by asking its actor. */
async function headsOf(
  log: ChannelLog,
  uid: Id,
  sids: readonly Id[],
): Promise<ReadonlyMap<Id, LogHead>> {
  const heads = new Map((await log.heads(sids)).map((head) => [head.sid, head]));
  const missing = sids.filter((sid) => !heads.has(sid));
  const asked = missing.map((sid) => call(entity<StreamP>('stream', sid), 'head', { uid }));
  for (const head of await Promise.all(asked)) {
    if (head === 'unavailable') {
      throw channelsError('DRIFT_CHANNELS_UNAVAILABLE', 'read heads: a stream cannot answer now');
    }
    if (head !== undefined) heads.set(head.sid, head);
  }
  return heads;
}

/** Members with uid above `after`, ascending. */
export async function memberPage(
  docs: DocStore,
  data: GuildData,
  after: Id,
  limit: number,
): Promise<readonly Member[]> {
  const { gid } = data;
  if (limit < 1) return [];
  const afterKey = after > 0 ? childKey(gid, after) : undefined;
  const page = await docs.list<MemberDoc>('member', childPrefix(gid), afterKey, limit);
  const uids = page.map((doc) => unpad(lastPart(doc.key)));
  const users = uids.length === 0 ? [] : await docs.get<UserDoc>('user', uids.map(userKey));
  return page.flatMap((doc, i) => {
    const user = users[i]?.value;
    return user === undefined ? [] : [memberView(data, user, doc.value)];
  });
}

/** One member. */
export async function oneMember(
  docs: DocStore,
  data: GuildData,
  uid: Id,
): Promise<Member | undefined> {
  const member = await data.member(docs, uid);
  const [user] = await docs.get<UserDoc>('user', [userKey(uid)]);
  if (member === undefined || user === undefined) return undefined;
  return memberView(data, user.value, member);
}

export function memberView(data: GuildData, user: UserDoc, member: MemberDoc): Member {
  const { nick, joinedAt } = member;
  return { user: publicUser(user), nick, roles: data.rolesOf(member), joinedAt };
}

/** Bans of users with an id above `after`, ascending. */
export async function banPage(
  docs: DocStore,
  gid: Id,
  after: Id,
  limit: number,
): Promise<readonly Ban[]> {
  const afterKey = after > 0 ? childKey(gid, after) : undefined;
  const page = await docs.list<BanDoc>('ban', childPrefix(gid), afterKey, limit);
  return page.map(({ key, value }) => ({ userId: unpad(lastPart(key)), ...value }));
}

/** What everybody may know of a user. */
export function publicUser(doc: UserDoc): User {
  const { id, username, displayName, createdAt } = doc;
  return { id, username, displayName, createdAt };
}
