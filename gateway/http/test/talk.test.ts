/** Rows about single messages, reactions, pins, threads, direct messages and markers: what is asked, and how answers are shown. */
import { describe, expect, test } from 'vitest';
import type { AppendRequest, Dm } from '../../../channels/index.ts';
import { expectError, Harness } from './harness.ts';

const ok = (value: unknown) => ({ ok: true, value });
const APPENDED = { ok: true, epoch: 77, seq: 5, ts: 1, duplicate: false } as const;

async function withMessage() {
  const h = await Harness.create();
  const alice = await h.user('alice');
  const { gid, sid } = await h.guild(alice.uid);
  const body = { content: 'hello', nonce: 'n1' };
  await h.api('POST', `/channels/${sid}/messages`, { token: alice.token, body });
  const appends: AppendRequest[] = [];
  h.world.onAppend = (append) => {
    appends.push(append);
    return APPENDED;
  };
  return { h, ...alice, gid, sid, appends, path: `/channels/${sid}/messages/1` };
}

describe('one message', () => {
  test('read: as in the list; absent, deleted and hidden are one 404', async () => {
    const { h, token, sid, path } = await withMessage();
    const one = await h.api('GET', path, { token });
    const list = await h.api('GET', `/channels/${sid}/messages`, { token });
    expect([one.status, one.body]).toEqual([200, list.body.items[0]]);
    const stranger = await h.user('stranger');
    const absent = await h.api('GET', `/channels/${sid}/messages/9`, { token });
    const hidden = await h.api('GET', path, { token: stranger.token });
    for (const answer of [absent, hidden]) expectError(answer, 404, 'not_found');
    expect({ ...absent.body, requestId: '' }).toEqual({ ...hidden.body, requestId: '' });
    h.world.rights.history = false;
    expectError(await h.api('GET', path, { token }), 403, 'forbidden');
  });

  test('edit, delete and pin: kinds 2, 3 and 6 of the socket, each with a nonce of its own', async () => {
    const { h, uid, token, sid, appends, path } = await withMessage();
    const edited = await h.api('PATCH', path, { token, body: { content: 'new' } });
    expect(edited.status).toBe(200);
    expect((await h.api('DELETE', path, { token })).status).toBe(204);
    expect((await h.api('PUT', `/channels/${sid}/pins/1`, { token })).status).toBe(204);
    expect((await h.api('DELETE', `/channels/${sid}/pins/1`, { token })).status).toBe(204);
    expect(appends.map(({ kind, body }) => [kind, ...body])).toEqual([
      [2, 1, 'new'],
      [3, 1],
      [6, 1, true],
      [6, 1, false],
    ]);
    expect(new Set(appends.map(({ nonce }) => nonce)).size).toBe(4);
    for (const append of appends) {
      expect(append).toMatchObject({ uid, nonce: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/) });
    }
    const bad = await h.api('PATCH', path, { token, body: { content: '' } });
    expectError(bad, 422, 'invalid', 'content');
  });

  test.each([
    [301, 404, 'not_found'],
    [303, 403, 'forbidden'],
    [101, 404, 'not_found'],
    [421, 429, 'rate_limited'],
    [502, 503, 'unavailable'],
  ] as const)('an append that the stream refuses with %i is %i %s', async (code, status, name) => {
    const { h, token, path } = await withMessage();
    h.world.onAppend = () => ({ ok: false, code, retryMs: 500 });
    expectError(await h.api('DELETE', path, { token }), status, name);
  });

  test('rates: those of APPEND, shared with posting', async () => {
    const { h, token, path } = await withMessage();
    for (let i = 0; i < 4; i++) await h.api('DELETE', path, { token });
    const refused = await h.api('DELETE', path, { token });
    expectError(refused, 429, 'rate_limited');
    expect(refused.headers.get('ratelimit-limit')).toBe('5');
  });
});

describe('reactions and pins', () => {
  test('react and take back: kinds 4 and 5; what is so already changes nothing', async () => {
    const { h, token, appends, path } = await withMessage();
    const thumb = `${path}/reactions/${encodeURIComponent('👍')}`;
    expect((await h.api('PUT', thumb, { token })).status).toBe(204);
    expect((await h.api('DELETE', thumb, { token })).status).toBe(204);
    expect(appends.map(({ kind, body }) => [kind, ...body])).toEqual([[4, 1, '👍']]);
    h.world.react(1, { emoji: '👍', count: 1, me: true });
    expect((await h.api('PUT', thumb, { token })).status).toBe(204);
    expect((await h.api('DELETE', thumb, { token })).status).toBe(204);
    expect(appends.map(({ kind }) => kind)).toEqual([4, 5]);
  });

  test('react without the right to read history: nothing is looked up', async () => {
    const { h, token, appends, path } = await withMessage();
    h.world.rights.history = false;
    expect((await h.api('PUT', `${path}/reactions/x`, { token })).status).toBe(204);
    expect(appends).toHaveLength(1);
  });

  test('emoji: 1 to 64 bytes without control characters, else 400', async () => {
    const { h, token, path } = await withMessage();
    for (const bad of ['%00', 'x'.repeat(65), encodeURIComponent('👍'.repeat(17))]) {
      const answer = await h.api('PUT', `${path}/reactions/${bad}`, { token });
      expectError(answer, 400, 'bad_request', 'emoji');
    }
  });

  test('who reacted: users in pages by id', async () => {
    const { h, uid, token, path } = await withMessage();
    h.world.script.set('reactors', { ok: true, uids: [uid] });
    const page = await h.api('GET', `${path}/reactions/x?limit=1`, { token });
    expect(page.body).toMatchObject({ items: [{ username: 'alice' }], next: String(uid) });
    expect(h.world.asked.map(({ arg }) => arg)).toEqual([
      { uid, seq: 1, emoji: 'x', after: 0, limit: 1 },
      { uid, seq: 1, emoji: 'x', after: uid, limit: 1 },
    ]);
    const { user } = h.world.accounts;
    h.world.accounts.user = async () => ({ ok: false, code: 'unavailable' });
    expectError(await h.api('GET', `${path}/reactions/x`, { token }), 503, 'unavailable');
    h.world.accounts.user = user;
    h.world.script.set('reactors', { ok: false, code: 302 });
    expectError(await h.api('GET', `${path}/reactions/x`, { token }), 403, 'forbidden');
  });

  test('who reacted: nobody gives an empty list, an absent or deleted message 404', async () => {
    const { h, token, sid, path } = await withMessage();
    h.world.script.set('reactors', { ok: true, uids: [] });
    const page = await h.api('GET', `${path}/reactions/x`, { token });
    expect(page.body).toEqual({ items: [], next: null });
    const absent = `/channels/${sid}/messages/999/reactions/x`;
    expectError(await h.api('GET', absent, { token }), 404, 'not_found');
    expect((await h.api('GET', `${absent}?after=5`, { token })).status).toBe(404);
  });

  test('pins: the messages as the stream orders them', async () => {
    const { h, token, sid } = await withMessage();
    const items = h.world.messages.get(sid);
    h.world.script.set('pins', { ok: true, epoch: 77, first: 1, head: 1, items });
    const page = await h.api('GET', `/channels/${sid}/pins`, { token });
    expect(page.body).toMatchObject({ items: [{ seq: 1, content: 'hello' }], next: null });
  });
});

describe('threads and markers', () => {
  test('threads: started from a message, listed by id', async () => {
    const { h, uid, gid, sid, token } = await withMessage();
    const thread = {
      ...h.world.guilds.get(gid)?.channels.get(sid),
      id: 900,
      type: 'thread',
      parentId: sid,
      startSeq: 1,
    };
    h.world.script.set('createThread', ok(thread)).set('threads', ok([thread]));
    const body = { name: 'side', seq: 1 };
    const made = await h.api('POST', `/channels/${sid}/threads`, { token, body });
    expect([made.status, made.body]).toMatchObject([
      201,
      { id: '900', type: 'thread', parentId: String(sid), startSeq: 1 },
    ]);
    const list = await h.api('GET', `/channels/${sid}/threads`, { token });
    expect(list.body).toEqual({ items: [made.body], next: null });
    expect(h.world.asked[0]?.arg).toEqual({ uid, sid, ...body });
  });

  test('marker: read by whoever sees the channel, moved forward by the user entity', async () => {
    const { h, sid, token } = await withMessage();
    h.world.script.set('markers', ok([3])).set('mark', ok({ seq: 4 }));
    const path = `/channels/${sid}/marker`;
    expect((await h.api('GET', path, { token })).body).toEqual({ channelId: String(sid), seq: 3 });
    const put = await h.api('PUT', path, { token, body: { seq: 9 } });
    expect(put.body).toEqual({ channelId: String(sid), seq: 4 });
    expect(h.world.asked.at(-1)?.arg).toEqual({ sid, seq: 9 });
    const stranger = await h.user('stranger');
    expectError(await h.api('GET', path, { token: stranger.token }), 404, 'not_found');
    expectError(await h.api('PUT', path, { token, body: {} }), 422, 'invalid', 'seq');
  });
});

describe('direct messages', () => {
  const dm = (h: Harness, uid: number, more: Partial<Dm> = {}): Dm => ({
    id: 800,
    type: 'group',
    name: null,
    topic: null,
    ownerId: uid,
    members: [h.world.publicUser(uid)],
    createdAt: 5,
    ...more,
  });

  test('open: one user is a dm (200), several a group (201)', async () => {
    const { h, uid, token } = await withMessage();
    h.world.script.set('openDm', ok(dm(h, uid, { type: 'dm', ownerId: null })));
    h.world.script.set('openGroup', ok(dm(h, uid, { name: 'us' })));
    const path = '/users/@me/dms';
    const one = await h.api('POST', path, { token, body: { userId: '9' } });
    expect([one.status, one.body.type, one.body.ownerId]).toEqual([200, 'dm', null]);
    const body = { userIds: ['9', '8'], name: 'us' };
    const group = await h.api('POST', path, { token, body });
    expect([group.status, group.body]).toMatchObject([
      201,
      { id: '800', name: 'us', ownerId: String(uid), members: [{ username: 'alice' }] },
    ]);
    expect(h.world.asked.map(({ arg }) => arg)).toEqual([
      { uid, to: 9 },
      { uid, uids: [9, 8], name: 'us' },
    ]);
    const refused: [object, string][] = [
      [{}, 'userId'],
      [{ userId: '9', userIds: ['8'] }, 'userId'],
      [{ userId: '9', name: 'x' }, 'name'],
      [{ userIds: [] }, 'userIds'],
      [{ userIds: ['x'] }, 'userIds.0'],
    ];
    for (const [bad, field] of refused) {
      expectError(await h.api('POST', path, { token, body: bad }), 422, 'invalid', field);
    }
    h.world.script.set('openGroup', { ok: false, code: 'invalid', field: 'uids' });
    expectError(await h.api('POST', path, { token, body }), 422, 'invalid', 'userIds');
  });

  test('list, read, take in, leave', async () => {
    const { h, uid, token } = await withMessage();
    const one = dm(h, uid);
    h.world.script.set('dms', ok([one, { ...one, id: 801 }])).set('get', ok(one));
    h.world.script.set('addMember', ok(one)).set('leave', ok(null));
    const list = await h.api('GET', '/users/@me/dms?limit=1', { token });
    expect([list.body.items.length, list.body.next]).toEqual([1, '800']);
    expect((await h.api('GET', '/dms/800', { token })).body).toEqual(list.body.items[0]);
    expect((await h.api('PUT', '/dms/800/recipients/9', { token })).status).toBe(200);
    expect((await h.api('DELETE', '/dms/800/recipients/@me', { token })).status).toBe(204);
    expect(h.world.asked.map(({ op, arg }) => [op, arg])).toEqual([
      ['dms', uid],
      ['get', { uid }],
      ['addMember', { uid, target: 9 }],
      ['leave', { uid }],
    ]);
    h.world.script.set('get', { ok: false, code: 'not_found' });
    expectError(await h.api('GET', '/dms/800', { token }), 404, 'not_found');
  });

  test('name and topic: kind 7 on the stream, what is absent stays', async () => {
    const { h, uid, token, appends } = await withMessage();
    h.world.script.set('get', ok(dm(h, uid, { name: 'us', topic: 'old' })));
    const renamed = await h.api('PATCH', '/dms/800', { token, body: { name: 'we' } });
    expect([renamed.status, renamed.body]).toMatchObject([200, { name: 'we', topic: 'old' }]);
    const plain = await h.api('PATCH', '/dms/800', { token, body: {} });
    expect(plain.body).toMatchObject({ name: 'us', topic: 'old' });
    await h.api('PATCH', '/dms/800', { token, body: { topic: null } });
    expect(appends.map(({ kind, body }) => [kind, ...body])).toEqual([
      [7, 'we', 'old'],
      [7, 'us', null],
    ]);
  });

  test('their messages are those of a channel with the same id', async () => {
    const { h, token } = await withMessage();
    h.world.streams.set(800, { type: 'group', gid: 0 });
    const body = { content: 'hi', nonce: 'n' };
    const sent = await h.api('POST', '/channels/800/messages', { token, body });
    expect([sent.status, sent.body.channelId]).toEqual([201, '800']);
    expectError(await h.api('PATCH', '/channels/800', { token, body: {} }), 404, 'not_found');
  });
});
