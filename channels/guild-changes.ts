/**
 * Changes of the guild itself: its making, name, owner and end, each planned against the documents in
 * memory and committed by `guild.ts`. Nothing here changes anything before the commit. Part of a guild
 * actor.
 */
import {
  type ChannelDoc,
  childKey,
  type GuildDoc,
  guildKey,
  type OutboxItem,
  streamDoc,
  streamKey,
} from './docs.ts';
import { changedWrites, channelCreates, streamDeletes } from './guild-channels.ts';
import { joinScopes, reclass } from './guild-classes.ts';
import type { GuildData } from './guild-data.ts';
import { membershipCreates } from './guild-members.ts';
import {
  actorOf,
  FORBIDDEN,
  type GuildTools,
  KIND_GUILD_META,
  mainEvent,
  managerOf,
  NOT_FOUND,
  type Planned,
  raisedAcl,
} from './guild-plan.ts';
import type { DocWrite, Guild, Id, Ms } from './types.ts';

export async function planRename(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly name?: string },
): Promise<Planned<Guild>> {
  const actor = await managerOf(tools, data, m.uid);
  if (!actor.ok) return actor;
  const old = data.guild;
  const { name = old.name } = m;
  if (name === old.name) return { ok: true, unchanged: true, value: old };
  return {
    ok: true,
    writes: [],
    guild: { name },
    items: [mainEvent(data, m.uid, KIND_GUILD_META, [name])],
    apply: () => undefined,
    audit: {
      actor: m.uid,
      action: 'guild.rename',
      target: data.gid,
      changes: [{ field: 'name', from: old.name, to: name }],
    },
    value: { ...old, name },
  };
}

/** Another member becomes the owner; the old one keeps roles, not the owner's rights. */
export async function planTransfer(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly to: Id },
): Promise<Planned<Guild>> {
  const { uid, to } = m;
  const actor = await actorOf(tools, data, uid);
  if (!actor.ok) return actor;
  if (!data.owns(uid)) return FORBIDDEN;
  if ((await data.member(tools.docs, to)) === undefined) return NOT_FOUND;
  if (to === uid) return { ok: true, unchanged: true, value: data.guild };
  // An overwrite for the owner says nothing about who may view: with the owner, classes may change.
  const facts = { ...data.facts, ownerId: to };
  const next = reclass(tools, data, { facts, channels: data.channels }, uid);
  return {
    ok: true,
    writes: [...next.writes, ...changedWrites(data, next)],
    guild: { ownerId: to, ...raisedAcl(data) },
    items: next.items,
    apply: (now) => {
      now.channels = next.channels;
      now.views = next.views;
    },
    rights: { uids: [uid, to], sids: 'all' },
    affected: joinScopes(next.affected, { roles: [], uids: [uid, to] }),
    audit: {
      actor: uid,
      action: 'guild.transfer',
      target: data.gid,
      changes: [{ field: 'ownerId', from: uid, to }],
    },
    value: { ...data.guild, ownerId: to },
  };
}

/** Owner only, also where others manage. */
export async function planRemove(
  tools: GuildTools,
  data: GuildData,
  uid: Id,
): Promise<Planned<null>> {
  const actor = await actorOf(tools, data, uid);
  if (!actor.ok) return actor;
  if (!data.owns(uid)) return FORBIDDEN;
  const sids = [...data.channels.keys(), data.mainView, ...data.views.values()];
  const writes = sids.flatMap((sid) => streamDeletes(data.gid, sid));
  const drops = sids.map((sid): OutboxItem => ({ type: 'drop', sid }));
  const items: OutboxItem[] = [...drops, { type: 'purge' }];
  const rights = { uids: 'all', sids: 'all' } as const;
  return { ok: true, writes, guild: null, items, apply: () => undefined, rights, value: null };
}

/** The batch that makes a guild with its view stream, the channel `general` and its owner. */
export function guildCreates(
  m: { readonly gid: Id; readonly viewSid: Id; readonly channelSid: Id; readonly ownerId: Id },
  name: string,
  now: Ms,
): { readonly guild: Guild; readonly writes: readonly DocWrite[] } {
  const { gid, viewSid, ownerId } = m;
  const guild: Guild = { id: gid, name, ownerId, createdAt: now };
  const doc: GuildDoc = { ...guild, viewSid, aclVer: 1, memberCount: 1, outboxSeq: 1 };
  const general: ChannelDoc = { id: m.channelSid, name: 'general', topic: null, position: 0 };
  const items: OutboxItem[] = [{ type: 'joined', uid: ownerId }];
  const writes: DocWrite[] = [
    { kind: 'guild', key: guildKey(gid), expect: 'absent', value: doc },
    { kind: 'stream', key: streamKey(viewSid), expect: 'absent', value: streamDoc('view', gid) },
    ...channelCreates(gid, general),
    ...membershipCreates(gid, ownerId, { joinedAt: now, nick: null, roles: [] }),
    { kind: 'outbox', key: childKey(gid, 1), expect: 'absent', value: { items } },
  ];
  return { guild, writes };
}
