/** Users as actors of the real runtime: fencing, bounds, the own stream. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, cast } from '../runtime/index.ts';
import { Domain, stream, user } from './test/domain.ts';

const domain = new Domain();
beforeAll(() => domain.start());
afterAll(() => domain.stop());

test('connect: resume fences the old connection; limit; no such user or login', async () => {
  const grant = await domain.person();
  const u = user(grant.user.id);
  const base = { gateway: domain.fanOut, login: grant.login };
  const first = await call(u, 'connect', { ...base, conn: 1 });
  if (!first.ok) throw new Error('refused');
  expect(first).toMatchObject({ connNo: 1, guilds: [] });
  const closed = call(domain.fanOut, 'next', 'closeConn');
  const resume = { session: first.session, key: first.resumeKey };
  const second = await call(u, 'connect', { ...base, conn: 2, resume });
  expect(second).toMatchObject({ ok: true, session: first.session, connNo: 2 });
  expect(await closed).toEqual({ conn: 1, code: 4505 });
  cast(u, 'disconnected', { session: first.session, connNo: 1, ended: true });
  const third = await call(u, 'connect', { ...base, conn: 3, resume });
  expect(third).toMatchObject({ session: first.session, connNo: 3 });
  const wrong = await call(u, 'connect', { ...base, conn: 4, resume: { ...resume, key: 'guess' } });
  expect(wrong.ok && wrong.session !== first.session).toBe(true);
  for (let conn = 5; conn <= 12; conn += 1)
    expect((await call(u, 'connect', { ...base, conn })).ok).toBe(true);
  expect(await call(u, 'connect', { ...base, conn: 13 })).toEqual({ ok: false, close: 4508 });
  expect(await call(u, 'connect', { ...base, conn: 14, resume })).toMatchObject({
    session: first.session,
  });
  expect(await call(u, 'connect', { ...base, login: 'unknown', conn: 15 })).toEqual({
    ok: false,
    close: 4507,
  });
  expect(await call(user(77), 'connect', { ...base, conn: 16 })).toEqual({
    ok: false,
    close: 4504,
  });
});

test('connect: answers that a gateway did not wait for, told so, take no place of the ten', async () => {
  const grant = await domain.person();
  const u = user(grant.user.id);
  const base = { gateway: domain.fanOut, login: grant.login };
  for (let conn = 101; conn <= 115; conn += 1) {
    cast(u, 'connect', { ...base, conn });
    cast(u, 'abandoned', { gateway: domain.fanOut, conn });
  }
  for (let conn = 121; conn <= 130; conn += 1)
    expect((await call(u, 'connect', { ...base, conn })).ok).toBe(true);
  expect(await call(u, 'connect', { ...base, conn: 131 })).toEqual({ ok: false, close: 4508 });
});

test('present: a login that was revoked while its gateway was out of reach, is closed and its tokens are void', async () => {
  const grant = await domain.person();
  const u = user(grant.user.id);
  const { login } = grant;
  await call(u, 'revoke', { login });
  const told = [
    call(domain.fanOut, 'next', 'loginRevoked'),
    call(domain.fanOut, 'next', 'closeConn'),
  ];
  const conns = [{ conn: 201, connNo: 3, session: 'held', login }];
  cast(u, 'present', { gateway: domain.fanOut, conns });
  const [revoked, closed] = await Promise.all(told);
  expect(revoked).toMatchObject({ login });
  expect(closed).toEqual({ conn: 201, code: 4507 });
});

test('user stream: only its owner may follow it', async () => {
  const [a, b] = [(await domain.person()).user.id, (await domain.person()).user.id];
  expect(await call(stream(a), 'subscribe', { gateway: domain.fanOut, uid: a })).toMatchObject({
    ok: true,
  });
  expect(await call(stream(a), 'subscribe', { gateway: domain.fanOut, uid: b })).toEqual({
    ok: false,
  });
  expect(await call(stream(12_345), 'subscribe', { gateway: domain.fanOut, uid: b })).toEqual({
    ok: false,
  });
});
