/**
 * The changes that members may make to a guild: each is planned here against the documents in memory,
 * as the writes, the things to tell and the new state, and committed by `guild.ts`. Nothing here
 * changes anything before the commit. Part of a guild actor.
 */

import type { Clock, Rng } from '../runtime/index.ts';
import {
  type ChannelDoc,
  childKey,
  childPrefix,
  type GuildDoc,
  type InviteDoc,
  lastPart,
  type MemberDoc,
  type OutboxItem,
  streamDoc,
  streamKey,
  type UserDoc,
  userKey,
} from './docs.ts';
import type { GuildData } from './guild-data.ts';
import { listAll } from './guild-data.ts';
import { inviteDeletes, membershipDeletes } from './guild-outbox.ts';
import type { IdAllocator } from './ids.ts';
import type {
  Channel,
  DocStore,
  DocWrite,
  DomainCode,
  Guild,
  Id,
  Invite,
  Ms,
  WireValue,
} from './types.ts';

/** A change that may be committed. */
export interface Plan<T> {
  readonly ok: true;
  readonly writes: readonly DocWrite[];
  /** Fields of the guild document that change; null deletes it. */
  readonly guild: Partial<GuildDoc> | null;
  readonly items: readonly OutboxItem[];
  /** Takes the change into memory after the commit. */
  readonly apply: (data: GuildData) => void;
  /** A user whose rights change. */
  readonly rightsOf?: Id;
  readonly value: T;
}

/** Nothing to do: answered with `value`. */
export interface Unchanged<T> {
  readonly ok: true;
  readonly unchanged: true;
  readonly value: T;
}

export type Planned<T> = Plan<T> | Unchanged<T> | { readonly ok: false; readonly code: DomainCode };

export interface GuildTools {
  readonly docs: DocStore;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly ids: IdAllocator;
}

/** Streams per connection (protocol.md 2.13), so that a client can follow a whole guild. */
const CHANNELS_MAX = 400;
/** A guess; protects `connect`, which lists them. */
export const GUILDS_PER_USER_MAX = 200;
const INVITES_MAX = 256;
/** Joins and leaves are events of the view stream up to this size (protocol.md 2.5, kinds 26 to 28). */
export const SMALL_GUILD_MAX = 250;
const CHANNEL_TYPE_TEXT = 1;
/** 96 bits: an invite code cannot be guessed. */
const INVITE_CODE_BYTES = 12;
const INVITE_CODE_FORM = /^[A-Za-z0-9_-]{1,64}$/;

export const KIND_GUILD_META = 20;
export const KIND_CHANNEL_CREATE = 21;
export const KIND_CHANNEL_UPDATE = 22;
export const KIND_CHANNEL_DELETE = 23;
export const KIND_MEMBER_JOIN = 26;
export const KIND_MEMBER_LEAVE = 27;

const FORBIDDEN = { ok: false, code: 'forbidden' } as const;
const NOT_FOUND = { ok: false, code: 'not_found' } as const;
const CONFLICT = { ok: false, code: 'conflict' } as const;

/** not_found for strangers, forbidden for members who do not manage, undefined for those who do. */
async function mayManage(
  tools: GuildTools,
  data: GuildData,
  uid: Id,
): Promise<typeof NOT_FOUND | typeof FORBIDDEN | undefined> {
  if (data.owns(uid)) return undefined;
  return (await data.member(tools.docs, uid)) === undefined ? NOT_FOUND : FORBIDDEN;
}

function viewEvent(
  data: GuildData,
  actor: Id,
  kind: number,
  body: readonly WireValue[],
): OutboxItem {
  return { type: 'event', sid: data.doc.value.viewSid, kind, actor, body };
}

export async function planRename(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly name: string },
): Promise<Planned<Guild>> {
  const refused = await mayManage(tools, data, m.uid);
  if (refused !== undefined) return refused;
  const { name } = m;
  if (name === data.guild.name) return { ok: true, unchanged: true, value: data.guild };
  const items = [viewEvent(data, m.uid, KIND_GUILD_META, [name])];
  const value = { ...data.guild, name };
  return { ok: true, writes: [], guild: { name }, items, apply: () => undefined, value };
}

export async function planRemove(
  tools: GuildTools,
  data: GuildData,
  uid: Id,
): Promise<Planned<null>> {
  const refused = await mayManage(tools, data, uid);
  if (refused !== undefined) return refused;
  const sids = [...data.channels.keys(), data.doc.value.viewSid];
  const writes = sids.flatMap((sid) => streamDeletes(data.gid, sid));
  const drops = sids.map((sid): OutboxItem => ({ type: 'drop', sid }));
  const items: OutboxItem[] = [...drops, { type: 'purge' }];
  return { ok: true, writes, guild: null, items, apply: () => undefined, rightsOf: 0, value: null };
}

export async function planCreateChannel(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly name: string; readonly topic: string | null },
): Promise<Planned<Channel>> {
  const refused = await mayManage(tools, data, m.uid);
  if (refused !== undefined) return refused;
  if (data.channels.size >= CHANNELS_MAX) return CONFLICT;
  const { name, topic } = m;
  const channel: ChannelDoc = { id: tools.ids.next(), name, topic, position: data.nextPosition() };
  return {
    ok: true,
    writes: channelCreates(data.gid, channel),
    guild: { aclVer: data.doc.value.aclVer + 1 },
    items: [viewEvent(data, m.uid, KIND_CHANNEL_CREATE, channelBody(channel))],
    apply: (now) => now.channels.set(channel.id, channel),
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
  },
): Promise<Planned<Channel>> {
  const refused = await mayManage(tools, data, m.uid);
  if (refused !== undefined) return refused;
  const old = data.channels.get(m.sid);
  if (old === undefined) return NOT_FOUND;
  const topic = m.topic === undefined ? old.topic : m.topic;
  const renamed: ChannelDoc = { ...old, name: m.name ?? old.name, topic };
  const moves = m.position !== undefined && m.position !== old.position;
  const changed = moves ? data.moved(renamed, m.position) : [renamed];
  const value = data.channelView(changed[0] ?? renamed);
  if (!moves && renamed.name === old.name && renamed.topic === old.topic) {
    return { ok: true, unchanged: true, value };
  }
  return {
    ok: true,
    writes: changed.map((channel) => channelWrite(data.gid, channel, 'any')),
    guild: {},
    items: changed.map((c) => viewEvent(data, m.uid, KIND_CHANNEL_UPDATE, channelBody(c))),
    apply: (now) => {
      for (const channel of changed) now.channels.set(channel.id, channel);
    },
    value,
  };
}

export async function planRemoveChannel(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly sid: Id },
): Promise<Planned<null>> {
  const refused = await mayManage(tools, data, m.uid);
  if (refused !== undefined) return refused;
  if (!data.channels.has(m.sid)) return NOT_FOUND;
  return {
    ok: true,
    writes: streamDeletes(data.gid, m.sid),
    guild: { aclVer: data.doc.value.aclVer + 1 },
    items: [{ type: 'drop', sid: m.sid }, viewEvent(data, m.uid, KIND_CHANNEL_DELETE, [m.sid])],
    apply: (now) => now.channels.delete(m.sid),
    value: null,
  };
}

export async function planCreateInvite(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly maxUses: number | null; readonly maxAgeMs: number | null },
): Promise<Planned<Invite>> {
  if ((await data.member(tools.docs, m.uid)) === undefined) return NOT_FOUND;
  const now = tools.clock.now();
  const room = await makeRoomForInvite(tools.docs, data.gid, now);
  if (room === undefined) return CONFLICT;
  const code = Buffer.from(tools.rng.bytes(INVITE_CODE_BYTES)).toString('base64url');
  const { maxUses } = m;
  const expiresAt = m.maxAgeMs === null ? null : now + m.maxAgeMs;
  const { gid } = data;
  const doc: InviteDoc = { gid, maxUses, uses: 0, expiresAt, createdBy: m.uid, createdAt: now };
  const index = { kind: 'guildInvite', key: `${childPrefix(gid)}${code}` };
  const writes: DocWrite[] = [
    ...room,
    { kind: 'invite', key: code, expect: 'absent', value: doc },
    { ...index, expect: 'absent', value: {} },
  ];
  const value: Invite = { code, guildId: gid, maxUses, uses: 0, expiresAt };
  return { ok: true, writes, guild: {}, items: [], apply: () => undefined, value };
}

export async function planJoin(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly code: string },
): Promise<Planned<Guild>> {
  const { uid, code } = m;
  const { docs } = tools;
  if ((await data.member(docs, uid)) !== undefined) {
    return { ok: true, unchanged: true, value: data.guild };
  }
  if (!isInviteCode(code)) return NOT_FOUND;
  const [[invite], [user], guilds] = await Promise.all([
    docs.get<InviteDoc>('invite', [code]),
    docs.get<UserDoc>('user', [userKey(uid)]),
    docs.list('userGuild', childPrefix(uid), undefined, GUILDS_PER_USER_MAX),
  ]);
  const now = tools.clock.now();
  if (invite === undefined || invite.value.gid !== data.gid || user === undefined) return NOT_FOUND;
  if (isSpent(invite.value, now)) return { ok: false, code: 'invite_expired' };
  if (guilds.length >= GUILDS_PER_USER_MAX) return CONFLICT;
  const used = { ...invite.value, uses: invite.value.uses + 1 };
  const member: MemberDoc = { joinedAt: now, nick: null, roles: [] };
  const memberCount = data.doc.value.memberCount + 1;
  const items: OutboxItem[] = [{ type: 'joined', uid }];
  if (memberCount <= SMALL_GUILD_MAX) {
    items.unshift(viewEvent(data, uid, KIND_MEMBER_JOIN, [uid, user.value.displayName]));
  }
  return {
    ok: true,
    writes: [
      ...membershipCreates(data.gid, uid, member),
      { kind: 'invite', key: code, expect: 'any', value: used },
    ],
    guild: { memberCount },
    items,
    apply: (after) => after.members.set(uid, member),
    rightsOf: uid,
    value: data.guild,
  };
}

export async function planLeave(
  tools: GuildTools,
  data: GuildData,
  uid: Id,
): Promise<Planned<null>> {
  if ((await data.member(tools.docs, uid)) === undefined) return NOT_FOUND;
  if (data.owns(uid)) return { ok: false, code: 'owner_must_transfer' };
  const { memberCount } = data.doc.value;
  const items: OutboxItem[] = [{ type: 'left', uid }];
  if (memberCount <= SMALL_GUILD_MAX) {
    items.unshift(viewEvent(data, uid, KIND_MEMBER_LEAVE, [uid, 'left']));
  }
  return {
    ok: true,
    writes: membershipDeletes(data.gid, uid),
    guild: { memberCount: memberCount - 1 },
    items,
    apply: (after) => after.members.set(uid, 'none'),
    rightsOf: uid,
    value: null,
  };
}

/** True for a text that can be an invite code: anything else is not looked up. */
export function isInviteCode(code: string): boolean {
  return INVITE_CODE_FORM.test(code);
}

/** True when an invite admits nobody any more. */
export function isSpent(invite: InviteDoc, now: Ms): boolean {
  if (invite.expiresAt !== null && invite.expiresAt <= now) return true;
  return invite.maxUses !== null && invite.uses >= invite.maxUses;
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
    { kind: 'guild', key: userKey(gid), expect: 'absent', value: doc },
    { kind: 'stream', key: streamKey(viewSid), expect: 'absent', value: streamDoc('view', gid) },
    ...channelCreates(gid, general),
    ...membershipCreates(gid, ownerId, { joinedAt: now, nick: null, roles: [] }),
    { kind: 'outbox', key: childKey(gid, 1), expect: 'absent', value: { items } },
  ];
  return { guild, writes };
}

/** Writes that free a place for one more invite; undefined when every place is taken by a live one. */
async function makeRoomForInvite(
  docs: DocStore,
  gid: Id,
  now: Ms,
): Promise<DocWrite[] | undefined> {
  const index = await listAll<unknown>(docs, 'guildInvite', childPrefix(gid));
  if (index.length < INVITES_MAX) return [];
  const codes = index.map((doc) => lastPart(doc.key));
  const invites = await docs.get<InviteDoc>('invite', codes);
  const spent = codes.filter((_code, i) => {
    const invite = invites[i];
    return invite === undefined || isSpent(invite.value, now);
  });
  return spent.length === 0 ? undefined : spent.flatMap((code) => inviteDeletes(gid, code));
}

function membershipCreates(gid: Id, uid: Id, member: MemberDoc): DocWrite[] {
  return [
    { kind: 'member', key: childKey(gid, uid), expect: 'absent', value: member },
    { kind: 'userGuild', key: childKey(uid, gid), expect: 'any', value: {} },
  ];
}

function channelWrite(gid: Id, channel: ChannelDoc, expect: 'absent' | 'any'): DocWrite {
  return { kind: 'channel', key: childKey(gid, channel.id), expect, value: channel };
}

function channelCreates(gid: Id, channel: ChannelDoc): DocWrite[] {
  const key = streamKey(channel.id);
  return [
    channelWrite(gid, channel, 'absent'),
    { kind: 'stream', key, expect: 'absent', value: streamDoc('channel', gid) },
  ];
}

function streamDeletes(gid: Id, sid: Id): DocWrite[] {
  return [
    { kind: 'channel', key: childKey(gid, sid), expect: 'any', value: null },
    { kind: 'stream', key: streamKey(sid), expect: 'any', value: null },
  ];
}

function channelBody(channel: ChannelDoc): WireValue[] {
  return [channel.id, CHANNEL_TYPE_TEXT, channel.name, channel.topic, channel.position];
}
