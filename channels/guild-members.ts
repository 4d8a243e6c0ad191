/**
 * Changes of who is a member and as what: joins, leaves, nicks, roles, kicks, bans, planned against
 * the documents in memory and committed by `guild.ts`. Members are acted on only by managers who
 * stand above them. Part of a guild actor.
 */
import {
  type BanDoc,
  childKey,
  childPrefix,
  type InviteDoc,
  type MemberDoc,
  type OutboxItem,
  type UserDoc,
  userKey,
} from './docs.ts';
import type { GuildData } from './guild-data.ts';
import { isInviteCode, isSpent } from './guild-invites.ts';
import { membershipDeletes } from './guild-outbox.ts';
import {
  type Actor,
  actorOf,
  CONFLICT,
  FORBIDDEN,
  GUILDS_PER_USER_MAX,
  type GuildTools,
  invalid,
  KIND_MEMBER_JOIN,
  KIND_MEMBER_LEAVE,
  KIND_MEMBER_UPDATE,
  mainEvent,
  managerOf,
  NOT_FOUND,
  type Plan,
  type Planned,
  type Refused,
  raisedAcl,
  SMALL_GUILD_MAX,
} from './guild-plan.ts';
import { memberView } from './guild-reads.ts';
import { highestPosition } from './guild-rights.ts';
import { may, PERM_MANAGE } from './permissions.ts';
import type { AuditChange, DocWrite, Guild, Id, Member } from './types.ts';

/** A guess; a list that nobody can read any more is of no use. */
const BANS_MAX = 10_000;

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
  const [[invite], [user], [ban], guilds] = await Promise.all([
    docs.get<InviteDoc>('invite', [code]),
    docs.get<UserDoc>('user', [userKey(uid)]),
    docs.get<BanDoc>('ban', [childKey(data.gid, uid)]),
    docs.list('userGuild', childPrefix(uid), undefined, GUILDS_PER_USER_MAX),
  ]);
  const now = tools.clock.now();
  if (invite === undefined || invite.value.gid !== data.gid || user === undefined) return NOT_FOUND;
  if (ban !== undefined) return FORBIDDEN;
  if (isSpent(invite.value, now)) return { ok: false, code: 'invite_expired' };
  if (guilds.length >= GUILDS_PER_USER_MAX) return CONFLICT;
  const used = { ...invite.value, uses: invite.value.uses + 1 };
  const member: MemberDoc = { joinedAt: now, nick: null, roles: [] };
  const memberCount = data.doc.value.memberCount + 1;
  const items: OutboxItem[] = [{ type: 'joined', uid }];
  if (memberCount <= SMALL_GUILD_MAX) {
    items.unshift(mainEvent(data, uid, KIND_MEMBER_JOIN, [uid, user.value.displayName]));
  }
  return {
    ok: true,
    writes: [
      ...membershipCreates(data.gid, uid, member),
      { kind: 'invite', key: code, expect: 'any', value: used },
    ],
    guild: { memberCount },
    items,
    apply: (after) => after.setMember(uid, member),
    members: [uid],
    rights: { uids: [uid], sids: 'all' },
    value: data.guild,
  };
}

export async function planLeave(
  tools: GuildTools,
  data: GuildData,
  uid: Id,
): Promise<Planned<null>> {
  const actor = await actorOf(tools, data, uid);
  if (!actor.ok) return actor;
  if (data.owns(uid)) return { ok: false, code: 'owner_must_transfer' };
  return departure(data, uid, { uid, reason: 'left' });
}

export async function planKick(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly target: Id; readonly reason: string | null },
): Promise<Planned<null>> {
  const { uid, target, reason } = m;
  const actor = await managerOf(tools, data, uid);
  if (!actor.ok) return actor;
  const member = await data.member(tools.docs, target);
  if (member === undefined) return NOT_FOUND;
  if (!standsAbove(data, actor, target, member)) return FORBIDDEN;
  const audit = { actor: uid, action: 'member.kick', target, reason } as const;
  return { ...departure(data, uid, { uid: target, reason: 'kicked' }), audit };
}

export async function planBan(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly target: Id; readonly reason: string | null },
): Promise<Planned<null>> {
  const { uid, target, reason } = m;
  const actor = await managerOf(tools, data, uid);
  if (!actor.ok) return actor;
  const key = childKey(data.gid, target);
  const [[user], [ban], member] = await Promise.all([
    tools.docs.get<UserDoc>('user', [userKey(target)]),
    tools.docs.get<BanDoc>('ban', [key]),
    data.member(tools.docs, target),
  ]);
  if (user === undefined) return NOT_FOUND;
  if (data.owns(target) || target === uid) return FORBIDDEN;
  if (member !== undefined && !standsAbove(data, actor, target, member)) return FORBIDDEN;
  if (ban !== undefined) return { ok: true, unchanged: true, value: null };
  const banCount = (data.doc.value.banCount ?? 0) + 1;
  if (banCount > BANS_MAX) return CONFLICT;
  const doc: BanDoc = { by: uid, reason, at: tools.clock.now() };
  const write: DocWrite = { kind: 'ban', key, expect: 'any', value: doc };
  const audit = { actor: uid, action: 'member.ban', target, reason } as const;
  if (member === undefined) {
    const apply = (): void => undefined;
    return { ok: true, writes: [write], guild: { banCount }, items: [], apply, audit, value: null };
  }
  const plan = departure(data, uid, { uid: target, reason: 'banned' });
  const guild = { ...plan.guild, banCount };
  return { ...plan, writes: [...plan.writes, write], guild, audit };
}

export async function planUnban(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly target: Id },
): Promise<Planned<null>> {
  const actor = await managerOf(tools, data, m.uid);
  if (!actor.ok) return actor;
  const key = childKey(data.gid, m.target);
  const [ban] = await tools.docs.get<BanDoc>('ban', [key]);
  if (ban === undefined) return NOT_FOUND;
  const { banCount = 1 } = data.doc.value;
  return {
    ok: true,
    writes: [{ kind: 'ban', key, expect: 'any', value: null }],
    guild: { banCount: banCount - 1 },
    items: [],
    apply: () => undefined,
    audit: { actor: m.uid, action: 'member.unban', target: m.target },
    value: null,
  };
}

export async function planUpdateMember(
  tools: GuildTools,
  data: GuildData,
  m: {
    readonly uid: Id;
    readonly target: Id;
    readonly nick?: string | null;
    readonly roles?: readonly Id[];
  },
): Promise<Planned<Member>> {
  const { uid, target } = m;
  const actor = await actorOf(tools, data, uid);
  if (!actor.ok) return actor;
  const old = uid === target ? actor.member : await data.member(tools.docs, target);
  const [user] = await tools.docs.get<UserDoc>('user', [userKey(target)]);
  if (old === undefined || user === undefined) return NOT_FOUND;
  const had = data.rolesOf(old);
  const { nick = old.nick } = m;
  const roles = m.roles === undefined ? had : [...new Set(m.roles)].sort((a, b) => a - b);
  const moved = [...had, ...roles].filter((id) => had.includes(id) !== roles.includes(id));
  const now: MemberDoc = { ...old, nick, roles };
  const value = memberView(data, user.value, now);
  if (nick === old.nick && moved.length === 0) return { ok: true, unchanged: true, value };
  const refused = judgeUpdate(data, actor, { target, old, moved, nicked: nick !== old.nick });
  if (refused !== undefined) return refused;
  const changes: AuditChange[] = [];
  if (nick !== old.nick) changes.push({ field: 'nick', from: old.nick, to: nick });
  if (moved.length > 0) changes.push({ field: 'roles', from: had, to: roles });
  const small = data.doc.value.memberCount <= SMALL_GUILD_MAX;
  const rights = moved.length > 0;
  // Not moderation: somebody's own name.
  const own = uid === target && !rights;
  return {
    ok: true,
    writes: [{ kind: 'member', key: childKey(data.gid, target), expect: 'any', value: now }],
    guild: rights ? raisedAcl(data) : {},
    items: small ? [mainEvent(data, uid, KIND_MEMBER_UPDATE, [target, nick, roles])] : [],
    apply: (after) => after.setMember(target, now),
    members: [target],
    ...(rights
      ? { rights: { uids: [target], sids: 'all' }, affected: { roles: [], uids: [target] } }
      : {}),
    ...(own ? {} : { audit: { actor: uid, action: 'member.update', target, changes } }),
    value,
  };
}

/** Own nicks are everybody's own; everything else is for managers above. */
function judgeUpdate(
  data: GuildData,
  actor: Actor,
  m: {
    readonly target: Id;
    readonly old: MemberDoc;
    /** Roles that come or go. */
    readonly moved: readonly Id[];
    readonly nicked: boolean;
  },
): Refused | undefined {
  const self = m.target === actor.uid;
  if (self && m.moved.length === 0) return undefined;
  if (!may(actor.perms, PERM_MANAGE)) return FORBIDDEN;
  if (!self && !standsAbove(data, actor, m.target, m.old)) return FORBIDDEN;
  for (const id of m.moved) {
    const role = data.roles.get(id);
    // Everyone has the everyone role; it is not given.
    if (role === undefined || id === data.gid) return invalid('roles');
    if (role.position >= actor.position) return FORBIDDEN;
  }
  return undefined;
}

function standsAbove(data: GuildData, actor: Actor, target: Id, member: MemberDoc): boolean {
  return highestPosition(data.facts, { uid: target, roles: member.roles }) < actor.position;
}

/** The end of a membership, whoever ends it. */
function departure(
  data: GuildData,
  actor: Id,
  m: { readonly uid: Id; readonly reason: 'left' | 'kicked' | 'banned' },
): Plan<null> {
  const { uid, reason } = m;
  const { memberCount } = data.doc.value;
  const items: OutboxItem[] = [{ type: 'left', uid }];
  if (memberCount <= SMALL_GUILD_MAX) {
    items.unshift(mainEvent(data, actor, KIND_MEMBER_LEAVE, [uid, reason]));
  }
  return {
    ok: true,
    writes: membershipDeletes(data.gid, uid),
    guild: { memberCount: memberCount - 1 },
    items,
    apply: (after) => after.setMember(uid, 'none'),
    members: [uid],
    rights: { uids: [uid], sids: 'all' },
    value: null,
  };
}

export function membershipCreates(gid: Id, uid: Id, member: MemberDoc): DocWrite[] {
  return [
    { kind: 'member', key: childKey(gid, uid), expect: 'absent', value: member },
    { kind: 'userGuild', key: childKey(uid, gid), expect: 'any', value: {} },
  ];
}
