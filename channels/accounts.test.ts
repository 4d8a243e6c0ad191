/** Accounts on a memory store: registration, login, rotation of refresh tokens, logout. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../runtime/index.ts';
import { childPrefix, type LoginDoc } from './docs.ts';
import { createPasswords } from './passwords.ts';
import { Domain, guild, user, value } from './test/domain.ts';

const domain = new Domain();
beforeAll(() => domain.start());
afterAll(() => domain.stop());

test('register: same name in capitals, taken; e-mail taken, conflict; bad form, invalid with field', async () => {
  const grant = value(
    await domain.accounts.register({
      username: 'Alice.A',
      password: 'correct horse',
      email: 'A@x.org',
    }),
  );
  expect(grant.user).toMatchObject({ username: 'alice.a', displayName: 'Alice.A' });
  const again = await domain.accounts.register({ username: 'ALICE.a', password: 'correct horse' });
  expect(again).toMatchObject({ ok: false, code: 'username_taken' });
  const mail = await domain.accounts.register({
    username: 'other',
    password: 'correct horse',
    email: 'a@X.org',
  });
  expect(mail).toMatchObject({ ok: false, code: 'conflict', field: 'email' });
  for (const [field, username, password] of [
    ['username', 'a', 'correct horse'],
    ['username', 'a b', 'correct horse'],
    ['password', 'abc', 'short'],
    ['password', 'abc', 'x'.repeat(257)],
  ] as const) {
    expect(await domain.accounts.register({ username, password })).toMatchObject({
      code: 'invalid',
      field,
    });
  }
  expect((await domain.accounts.login({ username: 'a@x.org', password: 'correct horse' })).ok).toBe(
    true,
  );
  expect(
    (await domain.accounts.login({ username: ' Alice.a', password: 'correct horse' })).ok,
  ).toBe(true);
});

test('register: ten at once with one name, one user', async () => {
  const all = await Promise.all(
    Array.from({ length: 10 }, () =>
      domain.accounts.register({ username: 'race', password: 'correct horse' }),
    ),
  );
  expect(all.filter((r) => r.ok).length).toBe(1);
  expect(all.filter((r) => !r.ok && r.code === 'username_taken').length).toBe(9);
});

test('login: wrong password, unknown user and odd names, the same answer', async () => {
  const { user: known } = await domain.person();
  const wrong = { ok: false, code: 'bad_credentials' };
  for (const username of [known.username, 'nobody', 'a\u0000b', '\ud800', 'x@\u0000', '@', '']) {
    expect(await domain.accounts.login({ username, password: 'not this one' })).toEqual(wrong);
  }
});

test('accountKey: user name and e-mail in any spelling, one key; who is nobody, the spelling', async () => {
  const { accounts } = domain;
  const password = 'correct horse';
  await accounts.register({ username: 'key_one', password, email: 'One@x.org' });
  await accounts.register({ username: 'key_two', password });
  const keys = await Promise.all(
    ['key_one', ' KEY_One ', 'one@x.org', 'ONE@X.ORG '].map((typed) => accounts.accountKey(typed)),
  );
  expect(new Set(keys).size).toBe(1);
  expect(await accounts.accountKey('key_two')).not.toBe(keys[0]);
  const nobody = await Promise.all(
    ['nobody', ' NOBODY', 'n@x.org', 'N@x.org', '\u{1f600}', ''].map((typed) =>
      accounts.accountKey(typed),
    ),
  );
  expect(new Set(nobody).size).toBe(4);
});

test('register: closed and invite modes; an invite is consumed by joining', async () => {
  const closed = domain.makeAccounts('closed', 3);
  expect(await closed.register({ username: 'no1', password: 'correct horse' })).toMatchObject({
    code: 'registration_closed',
  });
  const byInvite = domain.makeAccounts('invite', 4);
  expect(await byInvite.register({ username: 'no2', password: 'correct horse' })).toMatchObject({
    code: 'invite_required',
  });
  const odd = { username: 'no3', password: 'correct horse', invite: 'not an invite!' };
  expect(await byInvite.register(odd)).toMatchObject({ code: 'not_found' });
  const { gid, owner } = await domain.guildOfTwo();
  const { code } = value(
    await call(guild(gid), 'createInvite', { uid: owner, maxUses: 1, maxAgeMs: null }),
  );
  const both = await Promise.all(
    ['in1', 'in2'].map((username) =>
      byInvite.register({ username, password: 'correct horse', invite: code }),
    ),
  );
  expect(both.map((r) => (r.ok ? 'ok' : r.code)).sort()).toEqual(['invite_expired', 'ok']);
  const winner = both.find((r) => r.ok);
  if (winner?.ok !== true) throw new Error('nobody won');
  expect(value(await call(user(winner.value.user.id), 'guilds', {})).map((g) => g.id)).toEqual([
    gid,
  ]);
  // The one who came too late is not left behind as a user.
  const taken = await Promise.all(
    ['in1', 'in2'].map((username) =>
      domain.accounts.login({ username, password: 'correct horse' }),
    ),
  );
  expect(taken.filter((r) => r.ok).length).toBe(1);
});

test('refresh: rotation, repeat within 10 s, reuse ends the family and its sockets', async () => {
  const grant = await domain.person();
  const second = value(await domain.accounts.refresh({ refreshToken: grant.refreshToken }));
  expect(second.login).toBe(grant.login);
  expect(second.refreshToken).not.toBe(grant.refreshToken);
  await domain.clock.advance(9000);
  const repeated = value(
    await domain.makeAccounts('open', 5).refresh({ refreshToken: grant.refreshToken }),
  );
  expect(repeated.refreshToken).toBe(second.refreshToken);
  const third = value(await domain.accounts.refresh({ refreshToken: second.refreshToken }));
  // The successor is used now: the first token is a second use, even within 10 s.
  const connected = await call(user(grant.user.id), 'connect', {
    gateway: domain.fanOut,
    conn: 71,
    login: grant.login,
  });
  expect(connected.ok).toBe(true);
  const closed = call(domain.fanOut, 'next', 'closeConn');
  expect(await domain.accounts.refresh({ refreshToken: grant.refreshToken })).toMatchObject({
    code: 'refresh_reused',
  });
  expect(await closed).toEqual({ conn: 71, code: 4507 });
  for (const { refreshToken } of [grant, second, third]) {
    expect(await domain.accounts.refresh({ refreshToken })).toMatchObject({
      code: 'refresh_reused',
    });
  }
  expect((await domain.accounts.revokedLogins()).map((r) => r.login)).toContain(grant.login);
  const back = await call(user(grant.user.id), 'connect', {
    gateway: domain.fanOut,
    conn: 72,
    login: grant.login,
  });
  expect(back).toEqual({ ok: false, close: 4507 });
});

test('refresh: repeat after 10 s is a second use; expired token; two at once agree', async () => {
  const slow = await domain.person();
  value(await domain.accounts.refresh({ refreshToken: slow.refreshToken }));
  await domain.clock.advance(10_001);
  expect(await domain.accounts.refresh({ refreshToken: slow.refreshToken })).toMatchObject({
    code: 'refresh_reused',
  });

  const pair = await domain.person();
  const [a, b] = await Promise.all([
    domain.accounts.refresh({ refreshToken: pair.refreshToken }),
    domain.makeAccounts('open', 6).refresh({ refreshToken: pair.refreshToken }),
  ]);
  expect(value(a).refreshToken).toBe(value(b).refreshToken);

  const late = await domain.person();
  await domain.clock.advance(30 * 86_400_000);
  expect(await domain.accounts.refresh({ refreshToken: late.refreshToken })).toMatchObject({
    code: 'token_expired',
  });
  for (const refreshToken of ['', 'x'.repeat(86), `A${late.refreshToken.slice(1)}`]) {
    expect(await domain.accounts.refresh({ refreshToken })).toMatchObject({ code: 'unauthorized' });
  }
});

test('logout: login ends, other logins live; a second time is fine; tokens are stored hashed', async () => {
  const one = await domain.person();
  const two = value(
    await domain.accounts.login({ username: one.user.username, password: 'correct horse' }),
  );
  const revoked = call(domain.fanOut, 'next', 'closeConn');
  await call(user(one.user.id), 'connect', { gateway: domain.fanOut, conn: 81, login: one.login });
  expect((await domain.accounts.logout({ refreshToken: one.refreshToken })).ok).toBe(true);
  expect(await revoked).toEqual({ conn: 81, code: 4507 });
  expect((await domain.accounts.logout({ refreshToken: one.refreshToken })).ok).toBe(true);
  expect(await domain.accounts.refresh({ refreshToken: one.refreshToken })).toMatchObject({
    code: 'unauthorized',
  });
  expect((await domain.accounts.refresh({ refreshToken: two.refreshToken })).ok).toBe(true);
  expect(await domain.eventOf(one.user.id, one.user.id, 47)).toHaveLength(1);
  const [doc] = await domain.store.docs.get<LoginDoc>('login', [two.login]);
  expect(JSON.stringify(doc)).not.toContain(two.refreshToken);
});

test('login: more than a hundred, the oldest ends', async () => {
  const grant = await domain.person();
  for (let i = 0; i < 100; i += 1) {
    await domain.clock.advance(1);
    value(
      await domain.accounts.login({ username: grant.user.username, password: 'correct horse' }),
    );
  }
  expect(await domain.accounts.refresh({ refreshToken: grant.refreshToken })).toMatchObject({
    code: 'unauthorized',
  });
  const index = await domain.store.docs.list(
    'userLogin',
    childPrefix(grant.user.id),
    undefined,
    200,
  );
  expect(index.length).toBe(100);
});

test('updateUser: display name changes, user name stays; unknown user, not_found', async () => {
  const { user: one } = await domain.person();
  expect(value(await domain.accounts.updateUser(one.id, { displayName: 'New' }))).toMatchObject({
    displayName: 'New',
  });
  expect(value(await domain.accounts.user(one.id))).toMatchObject({
    displayName: 'New',
    username: one.username,
  });
  expect(
    (await domain.accounts.login({ username: one.username, password: 'correct horse' })).ok,
  ).toBe(true);
  expect(await domain.accounts.updateUser(5, { displayName: 'x' })).toMatchObject({
    code: 'not_found',
  });
});

test('passwords: queue full, undefined and counted', async () => {
  const parameters = { memoryCost: 64, timeCost: 1, parallelism: 1 };
  const passwords = createPasswords({ atWorkMax: 1, queueMax: 2, parameters });
  const all = await Promise.all(Array.from({ length: 5 }, () => passwords.hash('x')));
  expect(all.filter((hash) => hash === undefined).length).toBe(2);
  expect(passwords.overflow).toBe(2);
  expect(await passwords.verify(all[0], 'x')).toBe(true);
  expect(await passwords.verify(all[0], 'y')).toBe(false);
  expect(await passwords.verify(undefined, 'nobody has this password')).toBe(false);
});
