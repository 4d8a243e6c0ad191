/** Kind 46 to many members: whom it reaches, that it repeats after a crash and never doubles. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../runtime/index.ts';
import { childKey, childPrefix, type OutboxItem } from './docs.ts';
import { PERM_MANAGE, PERM_SEND, PERM_VIEW, PERMS_EVERYONE } from './permissions.ts';
import { Domain, guild, stream, value } from './test/domain.ts';
import { decode } from './test/kit.ts';
import type { Id } from './types.ts';

const domain = new Domain();
beforeAll(() => domain.start());
afterAll(() => domain.stop());

/** More than are told at once. */
const MEMBERS = 40;

async function guildOfMany(): Promise<{ gid: Id; owner: Id; members: readonly Id[] }> {
  const { gid, owner, member, code } = await domain.guildOfTwo();
  const members = [member];
  while (members.length < MEMBERS) {
    const { id } = (await domain.person()).user;
    value(await call(guild(gid), 'join', { uid: id, code }));
    members.push(id);
  }
  await domain.untilEmpty(['outbox'], childPrefix(gid));
  return { gid, owner, members };
}

/** `aclVer` of every kind 46 that a user was told. */
async function heardBy(uid: Id): Promise<readonly unknown[]> {
  const page = await call(stream(uid), 'history', { uid, anchor: 0, before: 200, after: 0 });
  const events = page.ok ? page.frames.map(decode) : [];
  return events.filter((event) => event.kind === 46).map((event) => event.body[1]);
}

async function idle(gid: Id): Promise<void> {
  await domain.untilEmpty(['outbox'], childPrefix(gid));
}

test('updateRole: perms of a role, 46 to its members and to nobody else', async () => {
  const { gid, owner, members } = await guildOfMany();
  const g = guild(gid);
  const role = { uid: owner, name: 'few', color: 0, perms: 0 };
  const { id } = value(await call(g, 'createRole', role));
  const few = members.slice(3, 6);
  for (const target of few)
    value(await call(g, 'updateMember', { uid: owner, target, roles: [id] }));
  await idle(gid);
  const before = await Promise.all(members.map(heardBy));
  expect(before.map((heard) => heard.length)).toEqual(
    members.map((m) => (few.includes(m) ? 1 : 0)),
  );
  value(await call(g, 'updateRole', { uid: owner, role: id, name: 'fewer' }));
  value(await call(g, 'updateRole', { uid: owner, role: id, perms: PERM_MANAGE }));
  await idle(gid);
  const { aclVer } = value(await call(g, 'view', { uid: owner }));
  for (const [i, uid] of members.entries()) {
    const heard = await heardBy(uid);
    expect(heard).toEqual(few.includes(uid) ? [...(before[i] ?? []), aclVer] : []);
  }
});

test('updateRole: everyone, 46 to every member, the newest number last, a crash doubles nothing', async () => {
  const { gid, owner, members } = await guildOfMany();
  const g = guild(gid);
  for (const perms of [PERM_VIEW, PERM_VIEW | PERM_SEND, PERMS_EVERYONE]) {
    value(await call(g, 'updateRole', { uid: owner, role: gid, perms }));
  }
  const { aclVer } = value(await call(g, 'view', { uid: owner }));
  await domain.unhost();
  await domain.host();
  await idle(gid);
  for (const uid of members) {
    const heard = await heardBy(uid);
    expect(heard.at(-1)).toBe(aclVer);
    expect(new Set(heard).size).toBe(heard.length);
  }
  // Told once more, as after a crash between telling and deleting.
  const before = await Promise.all(members.map(heardBy));
  await domain.unhost();
  const found = await domain.store.docs.get<{ outboxSeq: number }>('guild', [
    childPrefix(gid).slice(0, -1),
  ]);
  const rights: OutboxItem = { type: 'rights', aclVer, roles: 'all', uids: [] };
  const key = childKey(gid, found[0]?.value.outboxSeq ?? 0);
  await domain.store.docs.write([
    { kind: 'outbox', key, expect: 'absent', value: { items: [rights] } },
  ]);
  await domain.host();
  await idle(gid);
  expect(await Promise.all(members.map(heardBy))).toEqual(before);
});

test('join and leave: a crowd at once, each user is told in order and once', async () => {
  const { gid, code } = await domain.guildOfTwo();
  const people = await Promise.all(Array.from({ length: MEMBERS }, () => domain.person()));
  const uids = people.map(({ user }) => user.id);
  for (const op of ['join', 'leave', 'join'] as const) {
    const asked = uids.map((uid) =>
      op === 'join' ? call(guild(gid), op, { uid, code }) : call(guild(gid), op, { uid }),
    );
    for (const result of await Promise.all(asked)) expect(result.ok).toBe(true);
  }
  await idle(gid);
  for (const uid of uids) {
    const page = await call(stream(uid), 'history', { uid, anchor: 0, before: 200, after: 0 });
    const kinds = page.ok ? page.frames.map(decode).map((event) => event.kind) : [];
    expect(kinds.filter((kind) => kind === 40 || kind === 41)).toEqual([40, 41, 40]);
  }
});
