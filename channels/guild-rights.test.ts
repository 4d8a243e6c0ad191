/** Evaluation of permissions against a model that decides bit by bit. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RoleDoc } from './docs.ts';
import { channelRights, guildRights, highestPosition, type RightsFacts } from './guild-rights.ts';
import { PERM_VIEW, PERMS_ALL } from './permissions.ts';
import type { Id, Overwrite } from './types.ts';

const GID = 1;
const OWNER = 100;
const ROLES = [10, 11, 12, 13];
const USERS = [OWNER, 101, 102];
const BITS = Array.from({ length: Math.log2(PERMS_ALL + 1) }, (_, i) => 1 << i);

const perms = fc.integer({ min: 0, max: PERMS_ALL });
const factsOf = (everyone: number, each: readonly number[]): RightsFacts => {
  const role = (id: Id, position: number, bits: number): RoleDoc => {
    return { id, name: 'r', color: 0, position, perms: bits };
  };
  const made = ROLES.map((id, i) => role(id, i + 1, each[i] ?? 0));
  const roles = new Map([role(GID, 0, everyone), ...made].map((r) => [r.id, r]));
  return { gid: GID, ownerId: OWNER, roles };
};
const facts = fc
  .tuple(perms, fc.array(perms, { minLength: 4, maxLength: 4 }))
  .map((p) => factsOf(...p));
const member = fc.record({ uid: fc.constantFrom(...USERS), roles: fc.subarray([...ROLES, 99]) });
const overwrite: fc.Arbitrary<Overwrite> = fc.oneof(
  target(fc.constantFrom(GID, ...ROLES, 99), 'role'),
  target(fc.constantFrom(...USERS), 'member'),
);
const overwrites = fc.uniqueArray(overwrite, { maxLength: 8, selector: (o) => o.target });

function target(id: fc.Arbitrary<Id>, type: Overwrite['type']): fc.Arbitrary<Overwrite> {
  return fc
    .tuple(id, perms, perms)
    .map(([t, allow, deny]) => ({ target: t, type, allow: allow & ~deny, deny }));
}

/** One bit, by the rules as a person would read them. */
function modelBit(
  of: RightsFacts,
  who: { readonly uid: Id; readonly roles: readonly Id[] },
  list: readonly Overwrite[],
  bit: number,
): boolean {
  const has = (id: Id): boolean => ((of.roles.get(id)?.perms ?? 0) & bit) !== 0;
  const mine = who.roles.filter((id) => of.roles.has(id));
  let answer = has(GID) || mine.some(has);
  const everyone = list.find((o) => o.type === 'role' && o.target === GID);
  if (everyone !== undefined && (everyone.deny & bit) !== 0) answer = false;
  if (everyone !== undefined && (everyone.allow & bit) !== 0) answer = true;
  const roles = list.filter((o) => o.type === 'role' && mine.includes(o.target));
  if (roles.some((o) => (o.deny & bit) !== 0)) answer = false;
  if (roles.some((o) => (o.allow & bit) !== 0)) answer = true;
  const own = list.find((o) => o.type === 'member' && o.target === who.uid);
  if (own !== undefined && (own.deny & bit) !== 0) answer = false;
  if (own !== undefined && (own.allow & bit) !== 0) answer = true;
  return answer;
}

test('channelRights: any roles and overwrites, as the model says bit by bit, nothing without view', () => {
  fc.assert(
    fc.property(facts, member, overwrites, (of, who, list) => {
      const model = BITS.filter((bit) => modelBit(of, who, list, bit)).reduce((a, b) => a | b, 0);
      const wanted = (model & PERM_VIEW) === 0 ? 0 : model;
      expect(channelRights(of, who, list)).toBe(who.uid === OWNER ? PERMS_ALL : wanted);
    }),
    { numRuns: 2000 },
  );
});

test('channelRights: the same overwrites in another order, the same rights', () => {
  fc.assert(
    fc.property(facts, member, overwrites, (of, who, list) => {
      expect(channelRights(of, who, list.toReversed())).toBe(channelRights(of, who, list));
    }),
  );
});

test('guildRights: no overwrites, the rights of everyone and of all own roles', () => {
  fc.assert(
    fc.property(facts, member, (of, who) => {
      const model = BITS.filter((bit) => modelBit(of, who, [], bit)).reduce((a, b) => a | b, 0);
      expect(guildRights(of, who)).toBe(who.uid === OWNER ? PERMS_ALL : model);
    }),
  );
});

test('highestPosition: roles that exist count, the owner stands above all', () => {
  const of = factsOf(0, []);
  expect(highestPosition(of, { uid: 101, roles: [10, 12, 99] })).toBe(3);
  expect(highestPosition(of, { uid: 101, roles: [99] })).toBe(0);
  expect(highestPosition(of, { uid: OWNER, roles: [] })).toBe(Number.POSITIVE_INFINITY);
});
