/**
 * Evaluation of permissions: roles, then a channel's overwrites (everyone, roles, member; deny before
 * allow), the owner above all. Pure functions; `guild-data.ts` keeps their results.
 */
import type { RoleDoc } from './docs.ts';
import { may, PERM_VIEW, PERMS_ALL, PERMS_EVERYONE } from './permissions.ts';
import type { Id, Overwrite } from './types.ts';

/** What a guild says about rights, besides its channels. */
export interface RightsFacts {
  readonly gid: Id;
  readonly ownerId: Id;
  /** The everyone role (id = gid) is always among them. */
  readonly roles: ReadonlyMap<Id, RoleDoc>;
}

/** A member as far as rights go. Roles that do not exist any more count for nothing. */
export interface RightsMember {
  readonly uid: Id;
  readonly roles: readonly Id[];
}

/** The everyone role as long as nobody has changed it. */
export function everyoneRole(gid: Id): RoleDoc {
  return { id: gid, name: 'everyone', color: 0, position: 0, perms: PERMS_EVERYONE };
}

/** Rights in the guild: of everyone and of all own roles together. */
export function guildRights(facts: RightsFacts, member: RightsMember): number {
  if (member.uid === facts.ownerId) return PERMS_ALL;
  let perms = facts.roles.get(facts.gid)?.perms ?? 0;
  for (const role of member.roles) perms |= facts.roles.get(role)?.perms ?? 0;
  return perms;
}

/** Rights in a channel with these overwrites; without the right to view there is no other. */
export function channelRights(
  facts: RightsFacts,
  member: RightsMember,
  overwrites: readonly Overwrite[],
): number {
  let perms = guildRights(facts, member);
  if (member.uid === facts.ownerId) return perms;
  let own: Overwrite | undefined;
  let deny = 0;
  let allow = 0;
  for (const overwrite of overwrites) {
    const { target, type } = overwrite;
    if (type === 'member') {
      if (target === member.uid) own = overwrite;
    } else if (target === facts.gid) {
      perms = (perms & ~overwrite.deny) | overwrite.allow;
    } else if (facts.roles.has(target) && member.roles.includes(target)) {
      deny |= overwrite.deny;
      allow |= overwrite.allow;
    }
  }
  perms = (perms & ~deny) | allow;
  if (own !== undefined) perms = (perms & ~own.deny) | own.allow;
  return may(perms, PERM_VIEW) ? perms : 0;
}

/** Where a member stands: position of the highest role, the owner above every role. */
export function highestPosition(facts: RightsFacts, member: RightsMember): number {
  if (member.uid === facts.ownerId) return Number.POSITIVE_INFINITY;
  return member.roles.reduce((top, id) => Math.max(top, facts.roles.get(id)?.position ?? 0), 0);
}
