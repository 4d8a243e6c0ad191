/** Members, kicks, bans, ownership, invites and the audit log, as actors of the real runtime. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../runtime/index.ts';
import { childKey, childPrefix, type GuildDoc, guildKey } from './docs.ts';
import { AUDIT_KEPT } from './guild-audit.ts';
import { PERM_MANAGE, PERMS_ALL, PERMS_EVERYONE } from './permissions.ts';
import { Domain, guild, stream, user, value } from './test/domain.ts';
import type { AuditEntry, Id, Result } from './types.ts';

const domain = new Domain();
beforeAll(() => domain.start());
afterAll(() => domain.stop());

const code = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);
const auditOf = async (gid: Id, uid: Id): Promise<readonly AuditEntry[]> =>
  value(await call(guild(gid), 'audit', { uid, before: 0, limit: 100 }));
const mainOf = async (gid: Id, uid: Id): Promise<Id> =>
  value(await call(guild(gid), 'view', { uid })).viewSids[0] ?? 0;

test('updateMember: own nick for everybody, others and roles for managers, kind 28, 46 with roles', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const g = guild(gid);
  const named = value(await call(g, 'updateMember', { uid: member, target: member, nick: 'me' }));
  expect(named).toMatchObject({ user: { id: member }, nick: 'me', roles: [] });
  const main = await mainOf(gid, owner);
  expect(await domain.eventOf(main, owner, 28)).toEqual([member, 'me']);
  expect(await auditOf(gid, owner)).toEqual([]);
  const other = { uid: member, target: owner, nick: 'boss' };
  expect(code(await call(g, 'updateMember', other))).toBe('forbidden');
  const role = { uid: owner, name: 'mod', color: 0, perms: PERM_MANAGE };
  const { id } = value(await call(g, 'createRole', role));
  const own = { uid: member, target: member, roles: [id] };
  expect(code(await call(g, 'updateMember', own))).toBe('forbidden');
  const given = { uid: owner, target: member, roles: [id] };
  expect(value(await call(g, 'updateMember', given)).roles).toEqual([id]);
  expect((await domain.eventsOf(main, owner, 28, 2)).at(-1)).toEqual([member, 'me', [id]]);
  const { aclVer } = value(await call(g, 'view', { uid: member }));
  expect(await domain.eventOf(member, member, 46)).toEqual([gid, aclVer]);
  expect((await auditOf(gid, owner))[0]).toMatchObject({
    actorId: owner,
    action: 'member.update',
    target: String(member),
    changes: [{ field: 'roles', from: [], to: [id] }],
  });
  expect(await call(g, 'updateMember', { ...given, roles: [gid] })).toMatchObject({
    code: 'invalid',
    field: 'roles',
  });
  expect(code(await call(g, 'updateMember', { ...given, target: 12345 }))).toBe('not_found');
});

test('kick: the subscription ends, 27 and 41 say so, an invite brings back', async () => {
  const { gid, owner, member, code: invite } = await domain.guildOfTwo();
  const g = guild(gid);
  const main = await mainOf(gid, owner);
  await call(stream(main), 'subscribe', { gateway: domain.fanOut, uid: member });
  const revoked = call(domain.fanOut, 'next', 'revoke');
  expect(code(await call(g, 'kick', { uid: member, target: owner, reason: null }))).toBe(
    'forbidden',
  );
  expect(code(await call(g, 'kick', { uid: owner, target: owner, reason: null }))).toBe(
    'forbidden',
  );
  value(await call(g, 'kick', { uid: owner, target: member, reason: 'spam' }));
  expect(await revoked).toEqual({ sid: main, uid: member, code: 301 });
  expect(await domain.eventOf(main, owner, 27)).toEqual([member, 'kicked']);
  expect(await domain.eventOf(member, member, 41)).toEqual([gid]);
  expect(value(await call(user(member), 'guilds', {}))).toEqual([]);
  expect(code(await call(g, 'kick', { uid: owner, target: member, reason: null }))).toBe(
    'not_found',
  );
  const [entry] = await auditOf(gid, owner);
  expect(entry).toMatchObject({ action: 'member.kick', target: String(member), reason: 'spam' });
  expect(code(await call(g, 'join', { uid: member, code: invite }))).toBe('ok');
});

test('join again: the roles of before are gone with their rights', async () => {
  const { gid, owner, member, code: invite } = await domain.guildOfTwo();
  const g = guild(gid);
  const sid = await mainOf(gid, owner);
  const role = { uid: owner, name: 'mod', color: 0, perms: PERMS_ALL };
  const { id } = value(await call(g, 'createRole', role));
  value(await call(g, 'updateMember', { uid: owner, target: member, roles: [id] }));
  const channel = value(await call(g, 'channels', { uid: owner }))[0]?.id ?? 0;
  expect(await call(g, 'perms', { uid: member, sid: channel })).toBe(PERMS_ALL);
  value(await call(g, 'leave', { uid: member }));
  expect(await call(g, 'perms', { uid: member, sid })).toBe(0);
  value(await call(g, 'join', { uid: member, code: invite }));
  expect(await call(g, 'perms', { uid: member, sid: channel })).toBe(PERMS_EVERYONE);
});

test('ban: no member any more, joins forbidden, listed, unban lets in again', async () => {
  const { gid, owner, member, code: invite } = await domain.guildOfTwo();
  const g = guild(gid);
  const stranger = (await domain.person()).user.id;
  const ban = { uid: owner, target: member, reason: 'spam' };
  value(await call(g, 'ban', ban));
  value(await call(g, 'ban', ban));
  value(await call(g, 'ban', { uid: owner, target: stranger, reason: null }));
  expect(await domain.eventOf(await mainOf(gid, owner), owner, 27)).toEqual([member, 'banned']);
  for (const uid of [member, stranger]) {
    expect(code(await call(g, 'join', { uid, code: invite }))).toBe('forbidden');
  }
  const bans = value(await call(g, 'bans', { uid: owner, after: 0, limit: 10 }));
  expect(bans).toMatchObject([
    { userId: member, by: owner, reason: 'spam' },
    { userId: stranger, by: owner, reason: null },
  ]);
  const rest = value(await call(g, 'bans', { uid: owner, after: member, limit: 10 }));
  expect(rest.map((one) => one.userId)).toEqual([stranger]);
  expect(code(await call(g, 'bans', { uid: member, after: 0, limit: 10 }))).toBe('not_found');
  expect(code(await call(g, 'ban', { uid: owner, target: owner, reason: null }))).toBe('forbidden');
  expect(code(await call(g, 'ban', { uid: owner, target: 12345, reason: null }))).toBe('not_found');
  value(await call(g, 'unban', { uid: owner, target: member }));
  expect(code(await call(g, 'unban', { uid: owner, target: member }))).toBe('not_found');
  expect(code(await call(g, 'join', { uid: member, code: invite }))).toBe('ok');
  expect((await auditOf(gid, owner)).map((entry) => entry.action)).toEqual([
    'member.unban',
    'member.ban',
    'member.ban',
  ]);
});

test('transfer: to a member by the owner, both hear 46, the old owner may leave', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const g = guild(gid);
  expect(code(await call(g, 'transfer', { uid: member, to: member }))).toBe('forbidden');
  expect(code(await call(g, 'transfer', { uid: owner, to: 12345 }))).toBe('not_found');
  expect(value(await call(g, 'transfer', { uid: owner, to: member })).ownerId).toBe(member);
  const { aclVer, channels } = value(await call(g, 'view', { uid: member }));
  expect(channels[0]?.perms).toBe(PERMS_ALL);
  expect(await call(g, 'perms', { uid: owner, sid: channels[0]?.sid ?? 0 })).toBe(PERMS_EVERYONE);
  for (const uid of [owner, member]) {
    expect(await domain.eventOf(uid, uid, 46)).toEqual([gid, aclVer]);
  }
  expect(code(await call(g, 'remove', { uid: owner }))).toBe('forbidden');
  expect(code(await call(g, 'leave', { uid: owner }))).toBe('ok');
  expect((await auditOf(gid, member))[0]).toMatchObject({
    action: 'guild.transfer',
    changes: [{ field: 'ownerId', from: owner, to: member }],
  });
});

test('invites: live ones for managers, deleted by their maker or a manager', async () => {
  const { gid, owner, member, code: first } = await domain.guildOfTwo();
  const g = guild(gid);
  const mine = value(
    await call(g, 'createInvite', { uid: member, maxUses: 3, maxAgeMs: null }),
  ).code;
  const aged = { uid: owner, maxUses: null, maxAgeMs: 1000 };
  value(await call(g, 'createInvite', aged));
  await domain.clock.advance(1000);
  expect(code(await call(g, 'invites', { uid: member }))).toBe('forbidden');
  const live = value(await call(g, 'invites', { uid: owner }));
  expect(live.map((invite) => invite.code)).toEqual([first, mine].sort());
  expect(code(await call(g, 'removeInvite', { uid: member, code: first }))).toBe('forbidden');
  expect(code(await call(g, 'removeInvite', { uid: member, code: mine }))).toBe('ok');
  expect(code(await call(g, 'removeInvite', { uid: owner, code: mine }))).toBe('not_found');
  expect(code(await call(g, 'removeInvite', { uid: owner, code: first }))).toBe('ok');
  expect(code(await call(g, 'invite', { code: first }))).toBe('not_found');
  expect(value(await call(g, 'invites', { uid: owner }))).toEqual([]);
});

test('audit: the act and its record are one batch, refused together, kept together', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const g = guild(gid);
  const kick = { uid: owner, target: member, reason: 'x' };
  domain.docFaults.push('unavailable');
  const refused = await call(g, 'kick', kick);
  expect(refused).toEqual({ ok: false, code: 'unavailable', retryMs: 1000 });
  expect(await auditOf(gid, owner)).toEqual([]);
  domain.docFaults.push('rejectAfter');
  expect(await call(g, 'kick', kick)).toMatchObject({ code: 'unavailable', unknown: true });
  expect((await auditOf(gid, owner)).map((entry) => entry.action)).toEqual(['member.kick']);
  expect(code(await call(g, 'kick', kick))).toBe('not_found');
});

test('audit: newest first by pages, the oldest leaves when 10,000 are kept, managers only', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const g = guild(gid);
  for (const name of ['one', 'two', 'three']) value(await call(g, 'rename', { uid: owner, name }));
  const page = value(await call(g, 'audit', { uid: owner, before: 0, limit: 2 }));
  expect(page.map((entry) => entry.id)).toEqual([3, 2]);
  expect(page[0]?.changes).toEqual([{ field: 'name', from: 'two', to: 'three' }]);
  const rest = value(await call(g, 'audit', { uid: owner, before: 2, limit: 2 }));
  expect(rest.map((entry) => entry.id)).toEqual([1]);
  expect(code(await call(g, 'audit', { uid: member, before: 0, limit: 2 }))).toBe('forbidden');
  const { docs } = domain.store;
  await domain.untilEmpty(['outbox'], childPrefix(gid));
  await domain.unhost();
  const key = guildKey(gid);
  const [doc] = await docs.get<GuildDoc>('guild', [key]);
  const aged = { ...doc?.value, auditSeq: AUDIT_KEPT + 1 };
  await docs.write([{ kind: 'guild', key, expect: 'any', value: aged }]);
  await domain.host();
  value(await call(g, 'rename', { uid: owner, name: 'four' }));
  const found = await docs.get(
    'audit',
    [1, 2, 3].map((n) => childKey(gid, n)),
  );
  expect(found.map((one) => one !== undefined)).toEqual([true, false, true]);
});

test('remove: roles, views, bans and audit records go with the guild', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const g = guild(gid);
  const { id } = value(await call(g, 'createRole', { uid: owner, name: 'r', color: 0, perms: 0 }));
  const [general] = value(await call(g, 'channels', { uid: owner }));
  const hide = { target: gid, type: 'role', allow: 0, deny: 1 } as const;
  value(await call(g, 'setOverwrite', { uid: owner, sid: general?.id ?? 0, ...hide }));
  value(await call(g, 'ban', { uid: owner, target: member, reason: null }));
  expect(id).toBeGreaterThan(0);
  value(await call(g, 'remove', { uid: owner }));
  const kinds = ['role', 'view', 'ban', 'audit', 'member', 'outbox', 'channel'];
  await domain.untilEmpty(kinds, childPrefix(gid));
});
