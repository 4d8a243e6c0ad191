/** ETag and If-None-Match on lists and single objects. */
import { expect, test } from 'vitest';
import { entityTag, namesTag } from '../conditional.ts';
import { expectError, Harness } from './harness.ts';

test('namesTag: exact, weak, in a list, any; not another', () => {
  const tag = entityTag('{}');
  expect(tag).toMatch(/^"[A-Za-z0-9_-]{22}"$/);
  for (const given of [tag, `W/${tag}`, `"x", ${tag}`, '*'])
    expect(namesTag(given, tag)).toBe(true);
  for (const given of [null, '', '"x"', tag.slice(1, -1)]) expect(namesTag(given, tag)).toBe(false);
});

test('GET of an object and of a list: ETag; 304 without a body while nothing has changed', async () => {
  const h = await Harness.create();
  const { uid, token } = await h.user('alice');
  const { gid, sid } = await h.guild(uid);
  const paths = [
    '/users/@me',
    '/users/@me/guilds',
    `/guilds/${gid}`,
    `/guilds/${gid}/channels`,
    `/guilds/${gid}/members`,
    `/channels/${sid}/messages`,
  ];
  for (const path of paths) {
    const first = await h.api('GET', path, { token });
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toBe(entityTag(first.text));
    expect(first.headers.get('cache-control')).toBe('private, no-cache');
    const again = await h.api('GET', path, { token, headers: { 'if-none-match': etag } });
    expect([again.status, again.text]).toEqual([304, '']);
    expect(again.headers.get('etag')).toBe(etag);
    expect(again.headers.get('content-type')).toBeNull();
    expect(again.headers.get('ratelimit-limit')).toBe('100');
  }
  expect(h.app.stats().notModified).toBe(paths.length);
  const before = await h.api('GET', `/guilds/${gid}`, { token });
  const etag = before.headers.get('etag') ?? '';
  await h.api('PATCH', `/guilds/${gid}`, { token, body: { name: 'New' } });
  const changed = await h.api('GET', `/guilds/${gid}`, {
    token,
    headers: { 'if-none-match': etag },
  });
  expect([changed.status, changed.body.name]).toEqual([200, 'New']);
});

test('errors, other methods and probes: no ETag; If-None-Match does not hide an error', async () => {
  const h = await Harness.create();
  const { token } = await h.user('alice');
  const headers = { 'if-none-match': '*' };
  const absent = await h.api('GET', '/guilds/5', { token, headers });
  expectError(absent, 404, 'not_found');
  expect(absent.headers.get('etag')).toBeNull();
  const made = await h.api('POST', '/guilds', { token, headers, body: { name: 'A' } });
  expect([made.status, made.headers.get('etag')]).toEqual([201, null]);
  expect((await h.ask('GET', '/health', { headers })).status).toBe(200);
});
