/** A guild whose store fails: no wrong answer, no lost right, and it goes on afterwards. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../runtime/index.ts';
import { childPrefix } from './docs.ts';
import { PERM_HISTORY, PERM_VIEW } from './permissions.ts';
import { Domain, guild, stream, value } from './test/domain.ts';
import { settled } from './test/kit.ts';

const domain = new Domain();
beforeAll(() => domain.start());
afterAll(() => domain.stop());

test('write unavailable: the change is refused, nothing changes, it works afterwards', async () => {
  const { gid, owner } = await domain.guildOfTwo();
  domain.docFaults.push('unavailable');
  const refused = await call(guild(gid), 'rename', { uid: owner, name: 'New' });
  expect(refused).toMatchObject({ ok: false, code: 'unavailable', retryMs: 1000 });
  expect(value(await call(guild(gid), 'get', { uid: owner })).name).toBe('Home');
  expect(value(await call(guild(gid), 'rename', { uid: owner, name: 'New' })).name).toBe('New');
});

test('write without an answer that was done: read again, streams ask anew, events are told', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const view = value(await call(guild(gid), 'view', { uid: owner }));
  const sid = view.channels[0]?.sid ?? 0;
  await call(stream(sid), 'subscribe', { gateway: domain.fanOut, uid: member });
  const revoked = call(domain.fanOut, 'next', 'revoke');
  domain.docFaults.push('rejectAfter');
  expect(await call(guild(gid), 'leave', { uid: member })).toMatchObject({ code: 'unavailable' });
  expect(await call(guild(gid), 'perms', { uid: member, sid })).toBe(0);
  expect(await revoked).toEqual({ sid, uid: member, code: 301 });
  expect(await domain.eventOf(member, member, 41)).toEqual([gid]);
  expect(await call(guild(gid), 'leave', { uid: member })).toMatchObject({ code: 'not_found' });
});

test('write without an answer that was done: nobody asks, the right is gone all the same', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const view = value(await call(guild(gid), 'view', { uid: owner }));
  const sid = view.channels[0]?.sid ?? 0;
  await call(stream(sid), 'subscribe', { gateway: domain.fanOut, uid: member });
  const revoked = call(domain.fanOut, 'next', 'revoke');
  domain.docFaults.push('rejectAfter');
  const kick = { uid: owner, target: member, reason: null };
  expect(await call(guild(gid), 'kick', kick)).toMatchObject({ unknown: true });
  expect(await revoked).toEqual({ sid, uid: member, code: 301 });
});

test('write without an answer that was not done: the same request succeeds later', async () => {
  const { gid, owner, member, code } = await domain.guildOfTwo();
  value(await call(guild(gid), 'leave', { uid: member }));
  domain.docFaults.push('rejectBefore');
  expect(await call(guild(gid), 'join', { uid: member, code })).toMatchObject({
    code: 'unavailable',
  });
  value(await call(guild(gid), 'join', { uid: member, code }));
  const view = value(await call(guild(gid), 'view', { uid: owner }));
  const perms = call(guild(gid), 'perms', { uid: member, sid: view.viewSids[0] ?? 0 });
  expect(await perms).toBe(PERM_VIEW | PERM_HISTORY);
  expect(value(await call(guild(gid), 'invite', { code })).memberCount).toBe(2);
});

test('view: a stream that was never opened cannot be now, unavailable instead of a head of 0', async () => {
  const { gid, owner } = await domain.guildOfTwo();
  const news = { uid: owner, name: 'news', topic: null };
  const { id: sid } = value(await call(guild(gid), 'createChannel', news));
  expect(await domain.log.heads([sid])).toEqual([]);
  domain.docsDown = true;
  const view = call(guild(gid), 'view', { uid: owner });
  await settled();
  await domain.clock.advance(5000);
  expect(await view).toMatchObject({ ok: false, code: 'unavailable' });
  domain.docsDown = false;
  expect(value(await call(guild(gid), 'view', { uid: owner })).channels.at(-1)?.epoch).not.toBe(0);
});

test('another owner wrote the guild: read again and the change is made on top', async () => {
  const { gid, owner } = await domain.guildOfTwo();
  const [doc] = await domain.store.docs.get<object>('guild', [childPrefix(gid).slice(0, -1)]);
  const value2 = { ...doc?.value, name: 'By another owner' };
  const key = doc?.key ?? '';
  await domain.store.docs.write([{ kind: 'guild', key, expect: 'any', value: value2 }]);
  const made = value(
    await call(guild(gid), 'createChannel', { uid: owner, name: 'x', topic: null }),
  );
  expect(made.position).toBe(1);
  expect(value(await call(guild(gid), 'get', { uid: owner })).name).toBe('By another owner');
});

test('store away at the start of a guild: unavailable and null, then everything is there', async () => {
  const { gid, owner } = await domain.guildOfTwo();
  const view = value(await call(guild(gid), 'view', { uid: owner }));
  await domain.untilEmpty(['outbox'], childPrefix(gid));
  await domain.unhost();
  await domain.host();
  domain.docsDown = true;
  expect(await call(guild(gid), 'get', { uid: owner })).toMatchObject({ code: 'unavailable' });
  const sid = view.channels[0]?.sid ?? 0;
  expect(await call(guild(gid), 'perms', { uid: owner, sid })).toBeNull();
  domain.docsDown = false;
  expect(value(await call(guild(gid), 'get', { uid: owner })).id).toBe(gid);
});

test('accounts with the store away: unavailable, never an exception', async () => {
  const grant = await domain.person();
  domain.docsDown = true;
  const { accounts } = domain;
  const all = [
    await accounts.register({ username: 'someone', password: 'correct horse' }),
    await accounts.login({ username: grant.user.username, password: 'correct horse' }),
    await accounts.refresh({ refreshToken: grant.refreshToken }),
    await accounts.logout({ refreshToken: grant.refreshToken }),
    await accounts.user(grant.user.id),
    await accounts.createGuild(grant.user.id, 'x'),
    await accounts.inviteGuild('abc'),
  ];
  domain.docsDown = false;
  for (const result of all) expect(result).toMatchObject({ ok: false, code: 'unavailable' });
  expect((await accounts.refresh({ refreshToken: grant.refreshToken })).ok).toBe(true);
});
