/** Visibility classes: the name of a class against who may view, over all members that can be. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RoleDoc } from './docs.ts';
import { classKey, MAIN_CLASS, viewScope } from './guild-classes.ts';
import { channelRights, type RightsFacts } from './guild-rights.ts';
import { may, PERM_SEND, PERM_VIEW } from './permissions.ts';
import type { Id, Overwrite } from './types.ts';

const GID = 1;
const OWNER = 100;
const ROLES = [10, 11, 12];
/** 103 stands for all members whom no overwrite names. */
const USERS = [OWNER, 101, 102, 103];
const NAMED = [OWNER, 101, 102];

const facts = fc.tuple(fc.boolean(), fc.subarray(ROLES)).map(([everyone, viewing]): RightsFacts => {
  const role = (id: Id, position: number, views: boolean): RoleDoc => {
    return { id, name: 'r', color: 0, position, perms: views ? PERM_VIEW : 0 };
  };
  const made = ROLES.map((id, i) => role(id, i + 1, viewing.includes(id)));
  return {
    gid: GID,
    ownerId: OWNER,
    roles: new Map([role(GID, 0, everyone), ...made].map((r) => [r.id, r])),
  };
});
/** 99 is a role that does not exist any more. */
const overwrite = fc
  .tuple(fc.constantFrom(GID, ...ROLES, 99, ...NAMED), fc.constantFrom('allow', 'deny', 'other'))
  .map(([target, side]): Overwrite => {
    const type = target < 100 ? 'role' : 'member';
    const allow = side === 'allow' ? PERM_VIEW : side === 'other' ? PERM_SEND : 0;
    return { target, type, allow, deny: side === 'deny' ? PERM_VIEW : 0 };
  });
const channel = fc.uniqueArray(overwrite, { maxLength: 7, selector: (o) => o.target });

/** Every set of roles that a member can have. */
const ROLE_SETS = Array.from({ length: 2 ** ROLES.length }, (_, i) =>
  ROLES.filter((_role, bit) => (i & (1 << bit)) !== 0),
);

/** Who may view, member by member. */
function viewers(of: RightsFacts, list: readonly Overwrite[]): string {
  return USERS.flatMap((uid) =>
    ROLE_SETS.map((roles) => (may(channelRights(of, { uid, roles }, list), PERM_VIEW) ? '1' : '0')),
  ).join('');
}

test('classKey: two channels, one class exactly if the same members may view them', () => {
  fc.assert(
    fc.property(facts, channel, channel, (of, a, b) => {
      const same = viewers(of, a) === viewers(of, b);
      expect(classKey(of, a) === classKey(of, b)).toBe(same);
    }),
    { numRuns: 4000 },
  );
});

test('classKey: channels alike but for one overwrite, one class exactly if the same may view', () => {
  fc.assert(
    fc.property(facts, channel, overwrite, (of, a, more) => {
      const b = [...a.filter((o) => o.target !== more.target), more];
      const same = viewers(of, a) === viewers(of, b);
      expect(classKey(of, a) === classKey(of, b)).toBe(same);
    }),
    { numRuns: 4000 },
  );
});

test('classKey: every member may view, the main class and no other', () => {
  fc.assert(
    fc.property(facts, channel, (of, list) => {
      expect(classKey(of, list) === MAIN_CLASS).toBe(!viewers(of, list).includes('0'));
    }),
    { numRuns: 2000 },
  );
});

test('viewScope: whoever may view, is in it', () => {
  fc.assert(
    fc.property(facts, channel, (of, list) => {
      const scope = viewScope(of, list);
      for (const uid of USERS) {
        for (const roles of ROLE_SETS) {
          if (!may(channelRights(of, { uid, roles }, list), PERM_VIEW)) continue;
          const given: readonly Id[] = scope.roles === 'all' ? roles : scope.roles;
          const all = scope.roles === 'all' || scope.uids.includes(uid);
          expect(all || roles.some((id) => given.includes(id))).toBe(true);
        }
      }
    }),
    { numRuns: 1000 },
  );
});
