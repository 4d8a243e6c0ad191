/** What operators do to accounts and tokens, on a memory store. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemRng } from '../runtime/index.ts';
import { createPasswords } from './passwords.ts';
import { SERVICE_UID, ServiceTokens } from './service-tokens.ts';
import { Domain, value } from './test/domain.ts';
import { UserAdmin } from './user-admin.ts';

const domain = new Domain();
beforeAll(() => domain.start());
afterAll(() => domain.stop());

const PASSWORD = 'correct horse';
const cheap = { memoryCost: 64, timeCost: 1, parallelism: 1 };

function makeAdmin(): UserAdmin {
  return new UserAdmin({
    docs: domain.store.docs,
    clock: domain.clock,
    rng: systemRng,
    slotNumber: 63,
    accessTokenTtlMs: 900_000,
    passwords: createPasswords({ parameters: cheap }),
  });
}

test('create: closed registration, an account that can log in; a taken name and a bad form are refused', async () => {
  const users = makeAdmin();
  const made = value(await users.create({ username: 'Made.Up', password: PASSWORD }));
  expect(made).toMatchObject({ username: 'made.up', disabledAt: null, admin: false });
  expect(value(await users.find('MADE.up')).id).toBe(made.id);
  expect(value(await users.find(String(made.id))).id).toBe(made.id);
  const login = await domain.accounts.login({ username: 'made.up', password: PASSWORD });
  expect(value(login).scopes).toEqual([]);
  expect(await users.create({ username: 'made.up', password: PASSWORD })).toMatchObject({
    code: 'username_taken',
  });
  expect(await users.create({ username: 'x', password: PASSWORD })).toMatchObject({
    code: 'invalid',
    field: 'username',
  });
  expect(await users.find('nobody')).toEqual({ ok: false, code: 'not_found' });
});

test('setDisabled: logins end, login is forbidden for who knows the password, enabled again it works', async () => {
  const users = makeAdmin();
  const { accounts } = domain;
  await users.create({ username: 'off', password: PASSWORD });
  const grant = value(await accounts.login({ username: 'off', password: PASSWORD }));
  expect(value(await users.setDisabled('off', true)).disabledAt).toBe(domain.clock.now());
  const { login, refreshToken } = grant;
  expect(await accounts.refresh({ refreshToken })).toMatchObject({ code: 'unauthorized' });
  expect((await accounts.revokedLogins()).map((one) => one.login)).toContain(login);
  const right = await accounts.login({ username: 'off', password: PASSWORD });
  expect(right).toEqual({ ok: false, code: 'forbidden' });
  const wrong = await accounts.login({ username: 'off', password: 'not this one' });
  expect(wrong).toEqual({ ok: false, code: 'bad_credentials' });
  await accounts.updateUser(grant.user.id, { displayName: 'Still off' });
  expect(value(await users.find('off')).disabledAt).not.toBeNull();
  await users.setDisabled('off', false);
  expect((await accounts.login({ username: 'off', password: PASSWORD })).ok).toBe(true);
});

test('setPassword: the old one and all logins are void', async () => {
  const users = makeAdmin();
  const { accounts } = domain;
  await users.create({ username: 'forgot', password: PASSWORD });
  const { refreshToken } = value(await accounts.login({ username: 'forgot', password: PASSWORD }));
  expect((await users.setPassword('forgot', 'a new password')).ok).toBe(true);
  expect(await accounts.login({ username: 'forgot', password: PASSWORD })).toMatchObject({
    code: 'bad_credentials',
  });
  expect(await accounts.refresh({ refreshToken })).toMatchObject({ code: 'unauthorized' });
  const again = await accounts.login({ username: 'forgot', password: 'a new password' });
  expect(again.ok).toBe(true);
  expect(await users.setPassword('forgot', 'short')).toMatchObject({ field: 'password' });
});

test('setAdmin: the scope comes with the next refresh and goes with all logins', async () => {
  const users = makeAdmin();
  const { accounts } = domain;
  await users.create({ username: 'boss', password: PASSWORD });
  const first = value(await accounts.login({ username: 'boss', password: PASSWORD }));
  await users.setAdmin('boss', true);
  const next = value(await accounts.refresh({ refreshToken: first.refreshToken }));
  expect(next.scopes).toEqual(['admin']);
  expect(value(await users.setAdmin('boss', false)).admin).toBe(false);
  expect((await accounts.refresh({ refreshToken: next.refreshToken })).ok).toBe(false);
});

test('list: pages by id, without hashes and addresses', async () => {
  const users = makeAdmin();
  await users.create({ username: 'listed', password: PASSWORD, email: 'listed@x.org' });
  const all = value(await users.list(0, 500));
  expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).sort((a, b) => a - b));
  expect(JSON.stringify(all)).not.toMatch(/argon|x\.org/);
  const second = value(await users.list(all[0]!.id, 1));
  expect(second).toEqual([all[1]]);
});

test('ServiceTokens: noted, listed until they run out, ended ones are among the revoked', async () => {
  const { clock } = domain;
  const tokens = new ServiceTokens({ docs: domain.store.docs, clock, rng: systemRng });
  const scopes = ['metrics'];
  const noted = { name: 'prometheus', uid: SERVICE_UID, scopes };
  const short = value(await tokens.note({ ...noted, ttlMs: 1_000 }));
  await clock.advance(1);
  const long = value(await tokens.note({ ...noted, ttlMs: 86_400_000 }));
  expect(value(await tokens.list()).map(({ login }) => login)).toEqual([short.login, long.login]);
  await clock.advance(2_000);
  expect(value(await tokens.list()).map(({ login }) => login)).toEqual([long.login]);
  expect(value(await tokens.end(long.login)).expiresAt).toBe(long.expiresAt);
  expect(value(await tokens.list())).toEqual([]);
  expect(await tokens.end(long.login)).toEqual({ ok: false, code: 'not_found' });
  const revoked = await domain.accounts.revokedLogins();
  expect(revoked.find(({ login }) => login === long.login)?.until).toBeGreaterThan(long.expiresAt);
});
