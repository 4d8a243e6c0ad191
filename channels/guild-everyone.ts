/**
 * Whom notices of a channel concern: its visibility class, and everyone who is reached by a message to
 * everyone. Reads of a guild actor, beside its handlers; they change nothing.
 */
import type { Ctx } from '../runtime/index.ts';
import { childKey, childPrefix, lastPart, type MemberDoc } from './docs.ts';
import type { GuildActor, GuildActorP } from './guild-actor.ts';
import { type GuildData, listAll } from './guild-data.ts';
import { SMALL_GUILD_MAX } from './guild-plan.ts';
import { unpad } from './ids.ts';
import { may, PERM_VIEW } from './permissions.ts';
import { hubsOf } from './presence-hub.ts';
import { FAILED, settle } from './settle.ts';
import type { Doc, DocStore, Id } from './types.ts';

const PAGE = 500;
const HUB_TIMEOUT_MS = 2000;

/** View of the class of a channel; undefined when there is no such channel. */
export function viewOf(data: GuildData | undefined, sid: Id): Id | undefined {
  const channel = data?.channels.get(sid);
  return channel === undefined ? undefined : data?.viewOf(channel);
}

/**
 * Members that a message to everyone reaches: all who may view the channel, in a guild of more than 250
 * members only those of them that are online. null = the store or a shard cannot answer now.
 */
export async function everyone(
  s: GuildActor,
  ctx: Ctx<GuildActorP>,
  data: GuildData,
  sid: Id,
): Promise<readonly Id[] | null> {
  const { docs } = s.tools;
  const isSmall = data.doc.value.memberCount <= SMALL_GUILD_MAX;
  const found = await settle(
    isSmall
      ? listAll<MemberDoc>(docs, 'member', childPrefix(data.gid))
      : onlineIn(s, ctx).then((uids) => onlineMembers(docs, s.gid, uids)),
  );
  if (found === FAILED) return null;
  const reached: Id[] = [];
  for (const { key, value } of found) {
    const uid = unpad(lastPart(key));
    if (may(data.permsOf(uid, value, sid), PERM_VIEW)) reached.push(uid);
  }
  return reached;
}

/** Users online that are in the guild, as the shards know them. Rejects when one does not answer. */
async function onlineIn(s: GuildActor, ctx: Ctx<GuildActorP>): Promise<readonly Id[]> {
  const hubs = hubsOf(s.environment.presence.shardGroup);
  const options = { timeoutMs: HUB_TIMEOUT_MS };
  const answers = await Promise.all(
    hubs.map((hub) => ctx.call(hub, 'online', { gid: s.gid }, options)),
  );
  return answers.flat().map(({ uid }) => uid);
}

async function onlineMembers(
  docs: DocStore,
  gid: Id,
  uids: readonly Id[],
): Promise<readonly Doc<MemberDoc>[]> {
  const members: Doc<MemberDoc>[] = [];
  for (let at = 0; at < uids.length; at += PAGE) {
    const keys = uids.slice(at, at + PAGE).map((uid) => childKey(gid, uid));
    const page = await docs.get<MemberDoc>('member', keys);
    for (const doc of page) if (doc !== undefined) members.push(doc);
  }
  return members;
}
