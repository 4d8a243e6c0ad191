/**
 * Changes of channels and of who may do what in them, planned against the documents in memory and
 * committed by `guild.ts`. Nothing here changes anything before the commit. Part of a guild actor.
 */
import {
  type ChannelDoc,
  childKey,
  type OutboxItem,
  type RightsScope,
  streamDoc,
  streamKey,
} from './docs.ts';
import { joinScopes, type Reclass, reclass } from './guild-classes.ts';
import type { GuildData } from './guild-data.ts';
import {
  type Actor,
  actorOf,
  CHANNEL_TYPE_TEXT,
  CHANNEL_TYPE_VOICE,
  CONFLICT,
  changesOf,
  channelBody,
  channelFor,
  FORBIDDEN,
  type GuildTools,
  invalid,
  KIND_CHANNEL_UPDATE,
  managerOf,
  NOT_FOUND,
  nameFits,
  type Planned,
  type Refused,
  raisedAcl,
} from './guild-plan.ts';
import { highestPosition } from './guild-rights.ts';
import { may, PERM_MANAGE, PERMS_ALL } from './permissions.ts';
import type { AuditChange, Channel, DocWrite, Id, Overwrite, VoiceSettings } from './types.ts';
import { withVoice } from './voice-settings.ts';

/** Streams per connection (protocol.md 2.13), so that a client can follow a whole guild. */
const CHANNELS_MAX = 400;
const OVERWRITES_MAX = 100;
/** 6 hours. */
const SLOW_MODE_MAX_S = 21_600;

export async function planCreateChannel(
  tools: GuildTools,
  data: GuildData,
  m: {
    readonly uid: Id;
    readonly name: string;
    readonly topic: string | null;
    readonly type?: 'text' | 'voice';
    readonly voice?: Partial<VoiceSettings>;
  },
): Promise<Planned<Channel>> {
  const actor = await managerOf(tools, data, m.uid);
  if (!actor.ok) return actor;
  const tops = [...data.channels.values()].filter((channel) => channel.parent === undefined);
  if (tops.length >= CHANNELS_MAX || !nameFits(data, m.name)) return CONFLICT;
  const { name, topic } = m;
  const type = m.type === 'voice' ? CHANNEL_TYPE_VOICE : CHANNEL_TYPE_TEXT;
  const bare = { id: tools.ids.next(), name, topic, position: data.nextPosition(), type } as const;
  const voiced = withVoice(bare, m.voice);
  if (!voiced.ok) return voiced;
  const made = voiced.channel;
  const next = reclassed(tools, data, [[made.id, made]], m.uid);
  const channel = next.channels.get(made.id) ?? made;
  return {
    ok: true,
    writes: [...next.writes, ...changedWrites(data, next), ...channelCreates(data.gid, channel)],
    guild: raisedAcl(data),
    items: next.items,
    apply: (now) => {
      now.channels = next.channels;
      now.views = next.views;
    },
    affected: next.affected,
    audit: {
      actor: m.uid,
      action: 'channel.create',
      target: channel.id,
      changes: [{ field: 'name', from: null, to: name }],
    },
    value: data.channelView(channel),
  };
}

export async function planUpdateChannel(
  tools: GuildTools,
  data: GuildData,
  m: {
    readonly uid: Id;
    readonly sid: Id;
    readonly name?: string;
    readonly topic?: string | null;
    readonly position?: number;
    readonly slowModeS?: number;
    readonly voice?: Partial<VoiceSettings>;
  },
): Promise<Planned<Channel>> {
  const managed = await managedChannel(tools, data, m);
  if (!managed.ok) return managed;
  const { channel: old } = managed;
  const { slowModeS = old.slowModeS ?? 0 } = m;
  if (!isWithin(slowModeS, SLOW_MODE_MAX_S)) return invalid('slowModeS');
  // Threads stand under their channel, not among the channels.
  if (m.position !== undefined && old.parent !== undefined) return invalid('position');
  if (!nameFits(data, m.name ?? old.name, old.name)) return CONFLICT;
  const topic = m.topic === undefined ? old.topic : m.topic;
  const voiced = withVoice({ ...old, name: m.name ?? old.name, topic, slowModeS }, m.voice);
  if (!voiced.ok) return voiced;
  const edited = voiced.channel;
  const moves = m.position !== undefined && m.position !== old.position;
  const changed = moves ? data.moved(edited, m.position) : [edited];
  const now = changed[0] ?? edited;
  const value = data.channelView(now);
  const before = data.channelView(old);
  const fields = ['name', 'topic', 'position', 'slowModeS'] as const;
  const changes = [...changesOf(before, value, fields), ...voiceChanges(before, value)];
  if (changes.length === 0) return { ok: true, unchanged: true, value };
  const slower = slowModeS !== (old.slowModeS ?? 0);
  return {
    ok: true,
    writes: changed.map((channel) => channelWrite(data.gid, channel, 'any')),
    guild: {},
    items: changed.map((channel) => updateEvent(data, m.uid, channel)),
    apply: (after) => after.setChannels(changed.map((channel) => [channel.id, channel])),
    // A stream asks for its slow mode as it asks for rights.
    ...(slower ? { rights: { uids: 'all', sids: [m.sid] } } : {}),
    audit: { actor: m.uid, action: 'channel.update', target: m.sid, changes },
    value,
  };
}

export async function planRemoveChannel(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly sid: Id },
): Promise<Planned<null>> {
  const managed = await managedChannel(tools, data, m);
  if (!managed.ok) return managed;
  const { channel: old } = managed;
  const gone = [m.sid, ...data.threadsOf(m.sid).map((thread) => thread.id)];
  const next = reclassed(
    tools,
    data,
    gone.map((sid) => [sid, null] as const),
    m.uid,
  );
  const drops = gone.map((sid): OutboxItem => ({ type: 'drop', sid }));
  return {
    ok: true,
    writes: [
      ...gone.flatMap((sid) => streamDeletes(data.gid, sid)),
      ...next.writes,
      ...changedWrites(data, next),
    ],
    guild: raisedAcl(data),
    items: [...drops, ...next.items],
    apply: (now) => {
      now.channels = next.channels;
      now.views = next.views;
    },
    audit: {
      actor: m.uid,
      action: 'channel.delete',
      target: m.sid,
      changes: [{ field: 'name', from: old.name, to: null }],
    },
    value: null,
  };
}

// ---------------------------------------------------------------- overwrites

export async function planSetOverwrite(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly sid: Id } & Overwrite,
): Promise<Planned<Channel>> {
  const managed = await managedChannel(tools, data, m);
  if (!managed.ok) return managed;
  const { actor, channel } = managed;
  const { target, type, allow, deny } = m;
  if (!isWithin(allow, PERMS_ALL)) return invalid('allow');
  if (!isWithin(deny, PERMS_ALL) || (allow & deny) !== 0) return invalid('deny');
  if (channel.parent !== undefined) return invalid('sid');
  const refused = await judgeTarget(tools, data, actor, m);
  if (refused !== undefined) return refused;
  const { overwrites = [] } = channel;
  const old = overwrites.find((other) => other.target === target);
  if (old === undefined && overwrites.length >= OVERWRITES_MAX) return CONFLICT;
  const touched = (allow ^ (old?.allow ?? 0)) | (deny ^ (old?.deny ?? 0));
  if (old !== undefined && touched === 0) {
    return { ok: true, unchanged: true, value: data.channelView(channel) };
  }
  const own = data.permsOf(actor.uid, actor.member, m.sid);
  if ((touched & ~own) !== 0) return FORBIDDEN;
  const others = overwrites.filter((other) => other.target !== target);
  const now = { ...channel, overwrites: [...others, { target, type, allow, deny }] };
  return planOverwrites(tools, data, m, now, [
    { field: 'allow', from: old?.allow ?? null, to: allow },
    { field: 'deny', from: old?.deny ?? null, to: deny },
  ]);
}

export async function planRemoveOverwrite(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly sid: Id; readonly target: Id },
): Promise<Planned<Channel>> {
  const managed = await managedChannel(tools, data, m);
  if (!managed.ok) return managed;
  const { actor, channel } = managed;
  const old = channel.overwrites?.find((other) => other.target === m.target);
  if (old === undefined) return NOT_FOUND;
  const refused = await judgeTarget(tools, data, actor, old);
  if (refused !== undefined && refused.code !== 'not_found') return refused;
  const own = data.permsOf(actor.uid, actor.member, m.sid);
  if (((old.allow | old.deny) & ~own) !== 0) return FORBIDDEN;
  const overwrites = (channel.overwrites ?? []).filter((other) => other !== old);
  return planOverwrites(tools, data, m, { ...channel, overwrites }, [
    { field: 'allow', from: old.allow, to: null },
    { field: 'deny', from: old.deny, to: null },
  ]);
}

/** The channel for a manager; for who may not view it not_found, whatever else he may. */
async function managedChannel(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly sid: Id },
): Promise<{ readonly ok: true; readonly actor: Actor; readonly channel: ChannelDoc } | Refused> {
  const actor = await actorOf(tools, data, m.uid);
  if (!actor.ok) return actor;
  const channel = channelFor(data, actor, m.sid);
  if (channel === undefined) return NOT_FOUND;
  return may(actor.perms, PERM_MANAGE) ? { ok: true, actor, channel } : FORBIDDEN;
}

/** Whether the actor may set rights for this role or member at all. */
async function judgeTarget(
  tools: GuildTools,
  data: GuildData,
  actor: Actor,
  m: Pick<Overwrite, 'target' | 'type'>,
): Promise<Refused | undefined> {
  if (m.type === 'role') {
    const role = data.roles.get(m.target);
    if (role === undefined) return NOT_FOUND;
    return role.id === data.gid || role.position < actor.position ? undefined : FORBIDDEN;
  }
  const member = await data.member(tools.docs, m.target);
  if (member === undefined) return NOT_FOUND;
  const position = highestPosition(data.facts, { uid: m.target, roles: member.roles });
  return m.target === actor.uid || position < actor.position ? undefined : FORBIDDEN;
}

function planOverwrites(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly sid: Id; readonly target: Id },
  channel: ChannelDoc,
  changes: readonly AuditChange[],
): Planned<Channel> {
  const next = reclassed(tools, data, [[m.sid, channel]], m.uid);
  const sids = [m.sid, ...data.threadsOf(m.sid).map((thread) => thread.id)];
  const set = channel.overwrites?.some((other) => other.target === m.target) === true;
  const action = set ? 'overwrite.set' : 'overwrite.delete';
  const target: AuditChange = { field: 'target', from: null, to: m.target };
  const member = !data.roles.has(m.target);
  return {
    ok: true,
    writes: [...next.writes, ...changedWrites(data, next)],
    guild: raisedAcl(data),
    items: next.items,
    apply: (now) => {
      now.channels = next.channels;
      now.views = next.views;
    },
    rights: { uids: member ? [m.target] : 'all', sids },
    affected: joinScopes(next.affected, scopeOf(data, m.target)),
    audit: { actor: m.uid, action, target: m.sid, changes: [target, ...changes] },
    value: data.channelView(next.channels.get(m.sid) ?? channel),
  };
}

/** Those whom an overwrite of this target touches. */
function scopeOf(data: GuildData, target: Id): RightsScope {
  if (target === data.gid) return { roles: 'all', uids: [] };
  return data.roles.has(target) ? { roles: [target], uids: [] } : { roles: [], uids: [target] };
}

// ---------------------------------------------------------------- shared with other plans

/** Classes after some channels have changed (null: removed), roles and owner as they are. */
export function reclassed(
  tools: GuildTools,
  data: GuildData,
  changed: readonly (readonly [Id, ChannelDoc | null])[],
  actor: Id,
): Reclass {
  const channels = new Map(data.channels);
  for (const [sid, channel] of changed) {
    if (channel === null) channels.delete(sid);
    else channels.set(sid, channel);
  }
  return reclass(tools, data, { facts: data.facts, channels }, actor);
}

/** Writes of the channels that were there and are not as they were. */
export function changedWrites(data: GuildData, next: Reclass): DocWrite[] {
  return [...next.channels.values()]
    .filter((channel) => data.channels.has(channel.id) && data.channels.get(channel.id) !== channel)
    .map((channel) => channelWrite(data.gid, channel, 'any'));
}

export function channelCreates(gid: Id, channel: ChannelDoc): DocWrite[] {
  const key = streamKey(channel.id);
  const type = channel.parent === undefined ? 'channel' : 'thread';
  return [
    channelWrite(gid, channel, 'absent'),
    { kind: 'stream', key, expect: 'absent', value: streamDoc(type, gid) },
  ];
}

export function channelWrite(gid: Id, channel: ChannelDoc, expect: 'absent' | 'any'): DocWrite {
  return { kind: 'channel', key: childKey(gid, channel.id), expect, value: channel };
}

export function streamDeletes(gid: Id, sid: Id): DocWrite[] {
  return [
    { kind: 'channel', key: childKey(gid, sid), expect: 'any', value: null },
    { kind: 'stream', key: streamKey(sid), expect: 'any', value: null },
  ];
}

function voiceChanges(old: Channel, now: Channel): AuditChange[] {
  if (old.voice === null || now.voice === null) return [];
  return changesOf(old.voice, now.voice, ['bitrate', 'userLimit', 'mode', 'e2e']);
}

function updateEvent(data: GuildData, actor: Id, channel: ChannelDoc): OutboxItem {
  const body = channelBody(channel);
  return { type: 'event', sid: data.viewOf(channel), kind: KIND_CHANNEL_UPDATE, actor, body };
}

function isWithin(n: number, max: number): boolean {
  return Number.isSafeInteger(n) && n >= 0 && n <= max;
}
