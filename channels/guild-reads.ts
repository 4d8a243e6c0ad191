/**
 * What members may read of a guild besides what is in memory: the GUILD view with the heads of its
 * streams, and pages of members. Part of a guild actor; runs beside its handlers and changes nothing.
 */
import { call, entity } from '../runtime/index.ts';
import { childKey, childPrefix, lastPart, type MemberDoc, type UserDoc, userKey } from './docs.ts';
import { channelsError } from './errors.ts';
import { SMALL_GUILD_MAX } from './guild-changes.ts';
import type { GuildData } from './guild-data.ts';
import { unpad } from './ids.ts';
import { PERMS_EVERYONE } from './permissions.ts';
import type {
  ChannelLog,
  DocStore,
  GuildView,
  Id,
  LogHead,
  Member,
  StreamP,
  User,
} from './types.ts';

const CHANNEL_TYPE_TEXT = 1;
const EVERYONE = 'everyone';

/** GUILD of protocol.md 2.4 for a member. Rejects when the store or a stream cannot answer. */
export async function guildView(log: ChannelLog, data: GuildData, uid: Id): Promise<GuildView> {
  const { gid } = data;
  const { aclVer, viewSid, memberCount } = data.doc.value;
  const channels = data.ordered();
  const rights = channels.map((channel) => data.permsOf(uid, channel.id));
  const heads = await headsOf(log, uid, [...channels.map((channel) => channel.id), viewSid]);
  return {
    aclVer,
    channels: channels.map((channel, i) => {
      const { id: sid, name } = channel;
      const head = heads.get(sid);
      const position = { epoch: head?.epoch ?? 0, seq: head?.head ?? 0, ts: head?.headTs ?? 0 };
      return { sid, type: CHANNEL_TYPE_TEXT, name, perms: rights[i] ?? 0, ...position, marker: 0 };
    }),
    roles: [[gid, EVERYONE, 0, 0, PERMS_EVERYONE]],
    viewSids: [viewSid],
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
  gid: Id,
  after: Id,
  limit: number,
): Promise<readonly Member[]> {
  if (limit < 1) return [];
  const afterKey = after > 0 ? childKey(gid, after) : undefined;
  const page = await docs.list<MemberDoc>('member', childPrefix(gid), afterKey, limit);
  const uids = page.map((doc) => unpad(lastPart(doc.key)));
  const users = uids.length === 0 ? [] : await docs.get<UserDoc>('user', uids.map(userKey));
  return page.flatMap((doc, i) => {
    const user = users[i]?.value;
    return user === undefined ? [] : [{ user: publicUser(user), ...doc.value }];
  });
}

/** What everybody may know of a user. */
export function publicUser(doc: UserDoc): User {
  const { id, username, displayName, createdAt } = doc;
  return { id, username, displayName, createdAt };
}
