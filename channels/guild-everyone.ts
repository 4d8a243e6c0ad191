/**
 * Whom notices of a channel concern: its visibility class, and everyone who is reached by a message to
 * everyone. Reads of a guild actor; they change nothing.
 */
import { childPrefix, lastPart, type MemberDoc } from './docs.ts';
import { type GuildData, listAll } from './guild-data.ts';
import { SMALL_GUILD_MAX } from './guild-plan.ts';
import { unpad } from './ids.ts';
import { may, PERM_VIEW } from './permissions.ts';
import { FAILED, settle } from './settle.ts';
import type { DocStore, Id } from './types.ts';

/** View of the class of a channel; undefined when there is no such channel. */
export function viewOf(data: GuildData | undefined, sid: Id): Id | undefined {
  const channel = data?.channels.get(sid);
  return channel === undefined ? undefined : data?.viewOf(channel);
}

/**
 * Members that a message to everyone reaches: all who may view the channel, in a guild of more than 250
 * members only those online. null = the store cannot be read now.
 */
export async function everyone(
  docs: DocStore,
  data: GuildData,
  sid: Id,
): Promise<readonly Id[] | null> {
  const found = await settle(listAll<MemberDoc>(docs, 'member', childPrefix(data.gid)));
  if (found === FAILED) return null;
  const reached: Id[] = [];
  for (const { key, value } of found) {
    const uid = unpad(lastPart(key));
    if (may(data.permsOf(uid, value, sid), PERM_VIEW)) reached.push(uid);
  }
  return reached;
}
