/**
 * Changes of roles, planned against the documents in memory and committed by `guild.ts`. A role may be
 * changed by managers who stand above it, and only in bits that they have themselves. Part of a guild
 * actor.
 */
import { childKey, type OutboxItem, type RoleDoc } from './docs.ts';
import { changedWrites } from './guild-channels.ts';
import { joinScopes, type Reclass, reclass } from './guild-classes.ts';
import type { GuildData } from './guild-data.ts';
import {
  CONFLICT,
  changesOf,
  FORBIDDEN,
  type GuildTools,
  invalid,
  KIND_ROLE_DELETE,
  KIND_ROLE_UPSERT,
  mainEvent,
  managerOf,
  NOT_FOUND,
  nameFits,
  type Planned,
  type Refused,
  raisedAcl,
} from './guild-plan.ts';
import { PERMS_ALL } from './permissions.ts';
import type { DocWrite, Id, Role } from './types.ts';

/** With everyone: as many as fit a GUILD reply beside 400 channels. */
const ROLES_MAX = 250;
const COLOR_MAX = 0xffffff;

export async function planCreateRole(
  tools: GuildTools,
  data: GuildData,
  m: {
    readonly uid: Id;
    readonly name: string;
    readonly color: number;
    readonly perms: number;
  },
): Promise<Planned<Role>> {
  const actor = await managerOf(tools, data, m.uid);
  if (!actor.ok) return actor;
  const refused = judgeValues(m);
  if (refused !== undefined) return refused;
  if ((m.perms & ~actor.perms) !== 0) return FORBIDDEN;
  if (data.roles.size >= ROLES_MAX || !nameFits(data, m.name)) return CONFLICT;
  const { name, color, perms } = m;
  const role: RoleDoc = { id: tools.ids.next(), name, color, perms, position: 0 };
  const others = data.orderedRoles().slice(1);
  const below = others.filter((other) => other.position < actor.position);
  const changed = numbered(data, [...below, role, ...others.slice(below.length)]);
  return planRoles(tools, data, m.uid, {
    changed,
    action: 'role.create',
    role: changed.find((other) => other.id === role.id) ?? role,
    old: undefined,
  });
}

export async function planUpdateRole(
  tools: GuildTools,
  data: GuildData,
  m: {
    readonly uid: Id;
    readonly role: Id;
    readonly name?: string;
    readonly color?: number;
    readonly perms?: number;
    readonly position?: number;
  },
): Promise<Planned<Role>> {
  const actor = await managerOf(tools, data, m.uid);
  if (!actor.ok) return actor;
  const old = data.roles.get(m.role);
  if (old === undefined) return NOT_FOUND;
  if (old.position >= actor.position) return FORBIDDEN;
  const refused = judgeValues(m);
  if (refused !== undefined) return refused;
  const { name = old.name, color = old.color, perms = old.perms, position = old.position } = m;
  if (old.id === data.gid) {
    if (name !== old.name) return invalid('name');
    if (color !== old.color) return invalid('color');
    if (position !== old.position) return invalid('position');
  }
  if (((perms ^ old.perms) & ~actor.perms) !== 0) return FORBIDDEN;
  if (old.id !== data.gid && (position < 1 || !Number.isSafeInteger(position))) {
    return invalid('position');
  }
  if (position !== old.position && position >= actor.position) return FORBIDDEN;
  if (!nameFits(data, name, old.name)) return CONFLICT;
  const edited = { ...old, name, color, perms };
  const changed = placed(data, edited, position);
  const role = changed.find((other) => other.id === old.id) ?? edited;
  return planRoles(tools, data, m.uid, { changed, action: 'role.update', role, old });
}

export async function planRemoveRole(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly role: Id },
): Promise<Planned<null>> {
  const actor = await managerOf(tools, data, m.uid);
  if (!actor.ok) return actor;
  const old = data.roles.get(m.role);
  if (old === undefined) return NOT_FOUND;
  if (old.id === data.gid || old.position >= actor.position) return FORBIDDEN;
  const roles = new Map(data.roles);
  roles.delete(old.id);
  const channels = new Map(data.channels);
  for (const channel of data.channels.values()) {
    const overwrites = channel.overwrites?.filter((other) => other.target !== old.id);
    if (overwrites === undefined || overwrites.length === channel.overwrites?.length) continue;
    channels.set(channel.id, { ...channel, overwrites });
  }
  const next = reclass(tools, data, { facts: { ...data.facts, roles }, channels }, m.uid);
  const key = childKey(data.gid, old.id);
  return {
    ok: true,
    writes: [
      { kind: 'role', key, expect: 'any', value: null },
      ...next.writes,
      ...changedWrites(data, next),
    ],
    guild: raisedAcl(data),
    items: [mainEvent(data, m.uid, KIND_ROLE_DELETE, [old.id]), ...next.items],
    apply: (now) => take(now, roles, next),
    roles: true,
    rights: { uids: 'all', sids: 'all' },
    // The members' documents still name the role: whoever had it is found by that.
    affected: joinScopes(next.affected, { roles: [old.id], uids: [] }),
    audit: {
      actor: m.uid,
      action: 'role.delete',
      target: old.id,
      changes: [{ field: 'name', from: old.name, to: null }],
    },
    value: null,
  };
}

/** Values out of range. */
function judgeValues(m: { readonly color?: number; readonly perms?: number }): Refused | undefined {
  const { color = 0, perms = 0 } = m;
  if (!Number.isSafeInteger(color) || color < 0 || color > COLOR_MAX) return invalid('color');
  if (!Number.isSafeInteger(perms) || perms < 0 || perms > PERMS_ALL) return invalid('perms');
  return undefined;
}

/** The roles that are not as they were, when one is edited and comes to stand at a position. */
function placed(data: GuildData, role: RoleDoc, position: number): RoleDoc[] {
  if (role.id === data.gid) return sameRole(data.roles.get(role.id), role) ? [] : [role];
  const others = data
    .orderedRoles()
    .slice(1)
    .filter((other) => other.id !== role.id);
  others.splice(position - 1, 0, role);
  return numbered(data, others);
}

/** Positions 1, 2, 3 in this order: the roles that are not as they were. */
function numbered(data: GuildData, ordered: readonly RoleDoc[]): RoleDoc[] {
  return ordered
    .map((role, i) => ({ ...role, position: i + 1 }))
    .filter((role) => !sameRole(data.roles.get(role.id), role));
}

function sameRole(a: RoleDoc | undefined, b: RoleDoc): boolean {
  if (a === undefined || a.name !== b.name || a.color !== b.color) return false;
  return a.position === b.position && a.perms === b.perms;
}

/** New and changed roles, with what follows for rights. */
function planRoles(
  tools: GuildTools,
  data: GuildData,
  uid: Id,
  m: {
    readonly changed: readonly RoleDoc[];
    readonly action: 'role.create' | 'role.update';
    readonly role: RoleDoc;
    readonly old: RoleDoc | undefined;
  },
): Planned<Role> {
  const { changed, role, old } = m;
  const value = data.roleView(role);
  if (changed.length === 0) return { ok: true, unchanged: true, value };
  const roles = new Map(data.roles);
  for (const other of changed) roles.set(other.id, other);
  const writes = changed.map((other) => roleWrite(data.gid, other));
  const items = changed.map((other) => upsertEvent(data, uid, other));
  const fields = ['name', 'color', 'position', 'perms'] as const;
  const changes = changesOf(old ?? { name: null, color: 0, position: 0, perms: 0 }, role, fields);
  const audit = { actor: uid, action: m.action, target: role.id, changes } as const;
  if (old === undefined || old.perms === role.perms) {
    const apply = (now: GuildData): void => {
      now.roles = roles;
    };
    return { ok: true, writes, guild: {}, items, apply, roles: true, audit, value };
  }
  const facts = { ...data.facts, roles };
  const next = reclass(tools, data, { facts, channels: data.channels }, uid);
  const touched = role.id === data.gid ? 'all' : [role.id];
  return {
    ok: true,
    writes: [...writes, ...next.writes, ...changedWrites(data, next)],
    guild: raisedAcl(data),
    items: [...items, ...next.items],
    apply: (now) => take(now, roles, next),
    roles: true,
    rights: { uids: 'all', sids: 'all' },
    affected: joinScopes(next.affected, { roles: touched, uids: [] }),
    audit,
    value,
  };
}

function take(data: GuildData, roles: ReadonlyMap<Id, RoleDoc>, next: Reclass): void {
  data.roles = roles;
  data.channels = next.channels;
  data.views = next.views;
}

function roleWrite(gid: Id, role: RoleDoc): DocWrite {
  return { kind: 'role', key: childKey(gid, role.id), expect: 'any', value: role };
}

function upsertEvent(data: GuildData, actor: Id, role: RoleDoc): OutboxItem {
  const { id, name, color, position, perms } = role;
  return mainEvent(data, actor, KIND_ROLE_UPSERT, [id, name, color, position, perms]);
}
