/**
 * A guild under any changes of roles, overwrites, members and owner: what each member is shown against
 * a plain evaluation, and what the views have told against what is there.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../runtime/index.ts';
import { childPrefix } from './docs.ts';
import { channelRights, type RightsFacts } from './guild-rights.ts';
import { may, PERM_SEND, PERM_VIEW } from './permissions.ts';
import { Domain, guild, stream, value } from './test/domain.ts';
import { decode } from './test/kit.ts';
import type { Channel, Id, Member, Role } from './types.ts';

const domain = new Domain();
beforeAll(() => domain.start());
afterAll(() => domain.stop());

const MEMBERS = 3;
/** Which of several, by any number. */
const pick = <T>(list: readonly T[], n: number): T | undefined => list[n % list.length];
const n = fc.nat({ max: 11 });
const step = fc.record({
  op: fc.constantFrom(
    'createChannel',
    'removeChannel',
    'setOverwrite',
    'setOverwrite',
    'setOverwrite',
    'removeOverwrite',
    'createRole',
    'updateRole',
    'updateRole',
    'removeRole',
    'giveRoles',
    'giveRoles',
    'transfer',
  ),
  n,
  m: n,
  view: fc.constantFrom('allow', 'deny', 'none'),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Scene {
  readonly gid: Id;
  readonly users: readonly Id[];
  owner: Id;
}

async function newScene(): Promise<Scene> {
  const { gid, owner, member, code } = await domain.guildOfTwo();
  const users = [owner, member];
  while (users.length < MEMBERS) {
    const { id } = (await domain.person()).user;
    value(await call(guild(gid), 'join', { uid: id, code }));
    users.push(id);
  }
  return { gid, users, owner };
}

async function run(scene: Scene, { op, n: i, m: j, view }: Step): Promise<void> {
  const { gid, users, owner: uid } = scene;
  const g = guild(gid);
  const channel = pick(value(await call(g, 'channels', { uid })), i);
  const all = value(await call(g, 'roles', { uid }));
  const role = pick(all, j);
  const user = pick(users, j) ?? 0;
  const perms = view === 'allow' ? PERM_VIEW : PERM_SEND;
  if (op === 'createChannel') await call(g, 'createChannel', { uid, name: 'c', topic: null });
  if (op === 'createRole') await call(g, 'createRole', { uid, name: 'r', color: 0, perms });
  if (op === 'updateRole') await call(g, 'updateRole', { uid, role: role?.id ?? 0, perms });
  if (op === 'removeRole') await call(g, 'removeRole', { uid, role: role?.id ?? 0 });
  if (op === 'giveRoles') {
    const roles = all.slice(1).flatMap((r, k) => ((i >> k) % 2 === 0 ? [r.id] : []));
    await call(g, 'updateMember', { uid, target: user, roles });
  }
  if (op === 'transfer') scene.owner = value(await call(g, 'transfer', { uid, to: user })).ownerId;
  if (channel === undefined) return;
  const sid = channel.id;
  if (op === 'removeChannel') await call(g, 'removeChannel', { uid, sid });
  if (op === 'removeOverwrite') {
    const target = pick(channel.overwrites, j)?.target ?? 0;
    await call(g, 'removeOverwrite', { uid, sid, target });
  }
  if (op === 'setOverwrite') {
    const [allow, deny] = [view === 'allow' ? PERM_VIEW : 0, view === 'deny' ? PERM_VIEW : 0];
    const [target, type] =
      i % 2 === 0 ? ([role?.id ?? 0, 'role'] as const) : ([user, 'member'] as const);
    value(await call(g, 'setOverwrite', { uid, sid, target, type, allow, deny }));
  }
}

/** Channels that a view has told of and not taken back. */
async function toldBy(viewSid: Id, uid: Id, first: readonly Id[]): Promise<readonly Id[]> {
  const told = new Set(first);
  const page = await call(stream(viewSid), 'history', { uid, anchor: 0, before: 200, after: 0 });
  for (const event of page.ok ? page.frames.map(decode) : []) {
    const sid = event.body[0] as Id;
    if (event.kind === 21) {
      expect(told.has(sid)).toBe(false);
      told.add(sid);
    }
    if (event.kind === 23) expect(told.delete(sid)).toBe(true);
  }
  return [...told].sort((a, b) => a - b);
}

function factsOf(scene: Scene, roles: readonly Role[]): RightsFacts {
  const { gid, owner: ownerId } = scene;
  return { gid, ownerId, roles: new Map(roles.map((role) => [role.id, role])) };
}

async function check(scene: Scene, general: Id, main: Id): Promise<void> {
  const { gid, users, owner } = scene;
  const g = guild(gid);
  const facts = factsOf(scene, value(await call(g, 'roles', { uid: owner })));
  const channels: readonly Channel[] = value(await call(g, 'channels', { uid: owner }));
  const members: readonly Member[] = value(
    await call(g, 'members', { uid: owner, after: 0, limit: 10 }),
  );
  const homes = new Map<Id, Id>();
  for (const { id } of channels) {
    homes.set(id, (await call(g, 'acl', { sid: id }))?.viewSid ?? 0);
  }
  for (const uid of users) {
    const roles = members.find((member) => member.user.id === uid)?.roles ?? [];
    const seen = channels.filter(({ overwrites }) =>
      may(channelRights(facts, { uid, roles }, overwrites), PERM_VIEW),
    );
    const view = value(await call(g, 'view', { uid }));
    expect(view.channels.map((row) => row.sid)).toEqual(seen.map((channel) => channel.id));
    const views = new Set([main, ...seen.map((channel) => homes.get(channel.id) ?? 0)]);
    expect(new Set(view.viewSids)).toEqual(views);
  }
  await domain.untilEmpty(['outbox'], childPrefix(gid));
  const ours = value(await call(g, 'view', { uid: owner })).viewSids;
  for (const viewSid of ours) {
    const inside = channels.map((channel) => channel.id).filter((id) => homes.get(id) === viewSid);
    const first = viewSid === main ? [general] : [];
    expect(await toldBy(viewSid, owner, first)).toEqual(inside.sort((a, b) => a - b));
  }
  const docs = await domain.store.docs.list('view', childPrefix(gid), undefined, 500);
  expect(docs.length).toBe(ours.length - 1);
}

test('any changes: members see what evaluation says, views have told what is there', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const scene = await newScene();
      const before = value(await call(guild(scene.gid), 'view', { uid: scene.owner }));
      const [general, main] = [before.channels[0]?.sid ?? 0, before.viewSids[0] ?? 0];
      for (const [i, one] of steps.entries()) {
        await run(scene, one);
        if (i % 4 === 0) await check(scene, general, main);
      }
      await check(scene, general, main);
      if (steps.length % 3 !== 0) return;
      // The same from the documents alone.
      await domain.unhost();
      // Ids are made of the time: it has to go on, as it does while a thread starts again.
      await domain.clock.advance(1000);
      await domain.host();
      await check(scene, general, main);
    }),
    { numRuns: 60 },
  );
}, 60_000);
