/** Guilds as actors of the real runtime: rights, channels, invites, members, the outbox. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../runtime/index.ts';
import { childPrefix } from './docs.ts';
import { guildCreates } from './guild-changes.ts';
import { PERMS_ALL, PERMS_EVERYONE } from './permissions.ts';
import { Domain, guild, stream, user, value } from './test/domain.ts';
import type { Id, Result } from './types.ts';

const domain = new Domain();
beforeAll(() => domain.start());
afterAll(() => domain.stop());

test('createGuild: one channel general, one view, the owner with every right, kind 40 on the inbox', async () => {
  const { user: owner } = await domain.person();
  const made = value(await domain.accounts.createGuild(owner.id, 'Home'));
  const view = value(await call(guild(made.id), 'view', { uid: owner.id }));
  expect(view).toMatchObject({
    channels: [{ type: 1, name: 'general', perms: PERMS_ALL, seq: 0, ts: 0, marker: 0 }],
    roles: [[made.id, 'everyone', 0, 0, PERMS_EVERYONE]],
    large: false,
  });
  expect(view.viewSids.length).toBe(1);
  expect(view.channels[0]?.epoch).toBeGreaterThan(0);
  expect(value(await call(user(owner.id), 'guilds', {}))).toEqual([made]);
  expect(await domain.eventOf(owner.id, owner.id, 40)).toEqual([made.id]);
});

test('join: uses are counted, a member repeats for nothing, spent is invite_expired, stranger codes not_found', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const { code } = value(
    await call(guild(gid), 'createInvite', { uid: member, maxUses: 1, maxAgeMs: 5000 }),
  );
  const [three, four] = [await domain.person(), await domain.person()];
  expect(await call(guild(gid), 'join', { uid: three.user.id, code: 'nope' })).toMatchObject({
    code: 'not_found',
  });
  const at = await call(guild(gid), 'invite', { code });
  expect(value(at)).toMatchObject({ guild: { id: gid }, memberCount: 2 });
  const both = await Promise.all(
    [three, four].map((p) => call(guild(gid), 'join', { uid: p.user.id, code })),
  );
  expect(both.map((r) => (r.ok ? 'ok' : r.code))).toEqual(['ok', 'invite_expired']);
  expect((await call(guild(gid), 'join', { uid: three.user.id, code })).ok).toBe(true);
  expect(await call(guild(gid), 'invite', { code })).toMatchObject({ code: 'invite_expired' });
  expect(value(await domain.accounts.inviteGuild(code))).toBe(gid);
  const view = value(await call(guild(gid), 'view', { uid: owner }));
  expect(await domain.eventOf(view.viewSids[0] ?? 0, owner, 26)).toEqual([
    three.user.id,
    three.user.displayName,
  ]);
  const aged = value(
    await call(guild(gid), 'createInvite', { uid: owner, maxUses: null, maxAgeMs: 1000 }),
  );
  await domain.clock.advance(1000);
  expect(await call(guild(gid), 'invite', { code: aged.code })).toMatchObject({
    code: 'invite_expired',
  });
});

test('rights: strangers get not_found, members forbidden, the owner may', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const stranger = (await domain.person()).user.id;
  const as = async (uid: Id): Promise<unknown[]> => {
    const g = guild(gid);
    const code = (r: Result<unknown>) => (r.ok ? 'ok' : r.code);
    return [
      code(await call(g, 'get', { uid })),
      code(await call(g, 'channels', { uid })),
      code(await call(g, 'view', { uid })),
      code(await call(g, 'members', { uid, after: 0, limit: 10 })),
      code(await call(g, 'createInvite', { uid, maxUses: null, maxAgeMs: null })),
      code(await call(g, 'rename', { uid, name: 'New' })),
      code(await call(g, 'createChannel', { uid, name: 'x', topic: null })),
    ];
  };
  expect(await as(stranger)).toEqual(Array.from({ length: 7 }, () => 'not_found'));
  const four = Array.from({ length: 5 }, () => 'ok');
  expect(await as(member)).toEqual([...four, 'forbidden', 'forbidden']);
  expect(await as(owner)).toEqual([...four, 'ok', 'ok']);
  expect(await call(guild(99), 'get', { uid: owner })).toMatchObject({ code: 'not_found' });
});

test('channels: created, moved, renamed, deleted, each told on the view stream', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const g = guild(gid);
  const [general] = value(await call(g, 'channels', { uid: member }));
  const news = value(
    await call(g, 'createChannel', { uid: owner, name: 'news', topic: 'what is new' }),
  );
  expect(news).toMatchObject({ position: 1, topic: 'what is new', type: 'text' });
  const viewSid = value(await call(g, 'view', { uid: owner })).viewSids[0] ?? 0;
  expect(await domain.eventOf(viewSid, member, 21)).toEqual([news.id, 1, 'news', 'what is new', 1]);
  const moved = value(
    await call(g, 'updateChannel', { uid: owner, sid: news.id, position: 0, name: 'front' }),
  );
  expect(moved).toMatchObject({ position: 0, name: 'front' });
  const order = value(await call(g, 'channels', { uid: member })).map((c) => [c.id, c.position]);
  expect(order).toEqual([
    [news.id, 0],
    [general?.id, 1],
  ]);
  value(await call(g, 'rename', { uid: owner, name: 'Renamed' }));
  expect(value(await call(g, 'rename', { uid: owner })).name).toBe('Renamed');
  expect(await call(g, 'rename', { uid: member })).toMatchObject({ code: 'forbidden' });
  expect(await domain.eventOf(viewSid, member, 20)).toEqual(['Renamed']);
  await call(stream(news.id), 'subscribe', { gateway: domain.fanOut, uid: member });
  const revoked = call(domain.fanOut, 'next', 'revoke');
  value(await call(g, 'removeChannel', { uid: owner, sid: news.id }));
  expect(await revoked).toEqual({ sid: news.id, uid: 0, code: 301 });
  expect(await domain.eventOf(viewSid, member, 23)).toEqual([news.id]);
  expect(await call(stream(news.id), 'head', { uid: owner })).toBeUndefined();
  expect(await call(g, 'updateChannel', { uid: owner, sid: news.id, name: 'x' })).toMatchObject({
    code: 'not_found',
  });
});

test('leave: subscriptions end at once, appends are refused; the owner cannot', async () => {
  const { gid, owner, member, code } = await domain.guildOfTwo();
  const [general] = value(await call(guild(gid), 'channels', { uid: member }));
  const sid = general?.id ?? 0;
  await call(stream(sid), 'subscribe', { gateway: domain.fanOut, uid: member });
  const m = { uid: member, nonce: 'a', kind: 1, body: ['hi'] };
  expect(await call(stream(sid), 'append', m)).toMatchObject({ ok: true, seq: 1 });
  expect(await call(guild(gid), 'leave', { uid: owner })).toMatchObject({
    code: 'owner_must_transfer',
  });
  const revoked = call(domain.fanOut, 'next', 'revoke');
  value(await call(guild(gid), 'leave', { uid: member }));
  expect(await revoked).toEqual({ sid, uid: member, code: 301 });
  expect(await call(stream(sid), 'append', { ...m, nonce: 'b' })).toMatchObject({ code: 301 });
  // A repeat of what was committed stays a duplicate.
  expect(await call(stream(sid), 'append', m)).toMatchObject({ ok: true, seq: 1, duplicate: true });
  expect(await domain.eventOf(member, member, 41)).toEqual([gid]);
  expect(await call(guild(gid), 'leave', { uid: member })).toMatchObject({ code: 'not_found' });
  value(await call(guild(gid), 'join', { uid: member, code }));
  expect(await call(stream(sid), 'append', { ...m, nonce: 'b' })).toMatchObject({
    ok: true,
    seq: 2,
  });
});

test('members: pages by id', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const first = value(await call(guild(gid), 'members', { uid: owner, after: 0, limit: 1 }));
  expect(first).toMatchObject([{ user: { id: owner }, nick: null, roles: [] }]);
  const rest = value(await call(guild(gid), 'members', { uid: owner, after: owner, limit: 10 }));
  expect(rest.map((m) => m.user.id)).toEqual([member]);
});

test('remove: guild, channels, members and invites are gone, members are told', async () => {
  const { gid, owner, member, code } = await domain.guildOfTwo();
  const view = value(await call(guild(gid), 'view', { uid: owner }));
  const sid = view.channels[0]?.sid ?? 0;
  await call(stream(sid), 'subscribe', { gateway: domain.fanOut, uid: member });
  const revoked = call(domain.fanOut, 'next', 'revoke');
  expect(await call(guild(gid), 'remove', { uid: member })).toMatchObject({ code: 'forbidden' });
  value(await call(guild(gid), 'remove', { uid: owner }));
  expect(await revoked).toMatchObject({ code: 301 });
  expect(await domain.eventOf(member, member, 41)).toEqual([gid]);
  expect(await domain.eventOf(owner, owner, 41)).toEqual([gid]);
  expect(await call(guild(gid), 'get', { uid: owner })).toMatchObject({ code: 'not_found' });
  expect(value(await call(user(member), 'guilds', {}))).toEqual([]);
  await domain.untilEmpty(['member', 'guildInvite', 'outbox', 'channel'], childPrefix(gid));
  expect(await domain.store.log.heads([sid, ...view.viewSids])).toEqual([]);
  expect(await domain.accounts.inviteGuild(code)).toMatchObject({ code: 'not_found' });
});

test('outbox: left by a crash, told when the guild wakes, and once only', async () => {
  const owner = (await domain.person()).user.id;
  const sids = { gid: owner + 1, viewSid: owner + 2, channelSid: owner + 3, ownerId: owner };
  const { gid } = sids;
  const { docs } = domain.store;
  const { writes } = guildCreates(sids, 'Before the crash', domain.clock.now());
  expect((await docs.write(writes)).ok).toBe(true);
  value(await call(guild(gid), 'get', { uid: owner }));
  expect(await domain.eventsOf(owner, owner, 40)).toEqual([[gid]]);
  await domain.untilEmpty(['outbox'], childPrefix(gid));
  // A crash between telling and deleting: told again at the start of the shard, by the same nonce.
  await domain.unhost();
  await docs.write(writes.filter((write) => write.kind === 'outbox'));
  await domain.host();
  await domain.untilEmpty(['outbox'], childPrefix(gid));
  expect(await domain.eventsOf(owner, owner, 40)).toEqual([[gid]]);
});
