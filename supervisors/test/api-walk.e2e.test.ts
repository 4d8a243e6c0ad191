/**
 * Every operation of the OpenAPI document that the server serves, on its ways to succeed and to be refused; each real answer
 * is held against its schema and header fields. The last tests say what was not reached.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { unique } from './support/api-answers.ts';
import { useServer } from './support/fixture.ts';
import { PASSWORD } from './support/http-client.ts';
import { ApiDocument, Walk, type WalkCall } from './support/openapi.ts';
import { whileDisabled } from './support/operator.ts';
import { exampleCalls, UNREACHED } from './support/walk-examples.ts';

const fixture = useServer({ users: 3, env: { DRIFTWAY_LIMITS: 'trusted' } });
const V1 = '/api/v1';
const ABSENT = '4503599627370495';

const owner = () => ({ token: fixture.token(0) });
const member = () => ({ token: fixture.token(1) });
const third = () => fixture.user(2);

let walk: Walk;
/** Path parameters that lead to something that is there. */
const at: Record<string, string | number> = {};
let stranger = '';
let marks = 0;

interface Thing {
  readonly id: string;
  readonly code: string;
  readonly seq: number;
  readonly items: readonly Thing[];
  readonly next: string | null;
  readonly [field: string]: unknown;
}

const call = (status: number, key: string, params = {}, more: WalkCall = {}) =>
  walk.call<Thing>(status, key.replace(' ', ` ${V1}`), params, more);

async function message(sid: number | string, token: string, content = 'hello'): Promise<number> {
  const body = { content, nonce: `m${marks++}` };
  return (await call(201, 'POST /channels/{id}/messages', { id: sid }, { token, body })).seq;
}

beforeAll(async () => {
  const { http, gid, sid } = fixture;
  walk = new Walk(await ApiDocument.of(http), http);
  stranger = (await http.register(unique('stranger'))).accessToken;
  Object.assign(at, { gid, sid });
  at.seq = await message(sid, fixture.token(0));
});

/** An unchanged answer is 304 with its ETag. */
async function again(key: string, params: object, token: string): Promise<void> {
  const full = key.replace(' ', ` ${V1}`);
  const first = await walk.ask(full, { ...params }, { token });
  const headers = { 'if-none-match': String(first.headers.etag) };
  const second = await walk.ask(full, { ...params }, { token, headers });
  expect([second.status, second.text, second.headers.etag]).toEqual([304, '', first.headers.etag]);
}

describe('accounts and the server', () => {
  test('register, login, refresh, logout', async () => {
    const body = { username: unique('walker'), password: PASSWORD };
    await call(201, 'POST /auth/register', {}, { body });
    const keyed = { body, headers: { 'idempotency-key': 'k' } };
    await call(201, 'POST /auth/register', {}, keyed);
    await call(409, 'POST /auth/register', {}, { body });
    const invited = { ...body, username: unique('walker'), invite: 'nope' };
    await call(404, 'POST /auth/register', {}, { body: invited });
    await call(401, 'POST /auth/login', {}, { body: { ...body, password: 'wrong words' } });
    const login = await call(200, 'POST /auth/login', {}, { body });
    const refused = () => call(403, 'POST /auth/login', {}, { body });
    await whileDisabled(fixture.server, body.username, refused);
    const { refreshToken } = await call(200, 'POST /auth/login', {}, { body });
    await call(401, 'POST /auth/refresh', {}, { body: { refreshToken: login.refreshToken } });
    const next = await call(200, 'POST /auth/refresh', {}, { body: { refreshToken } });
    await call(401, 'POST /auth/refresh', {}, { body: { refreshToken: 'nonsense' } });
    await call(204, 'POST /auth/logout', {}, { body: { refreshToken: next.refreshToken } });
    await call(204, 'POST /auth/logout', {}, { body: { refreshToken: 'nonsense' } });
  });

  test('the caller, and what the server says of itself', async () => {
    await call(200, 'GET /users/@me', {}, owner());
    await again('GET /users/@me', {}, fixture.token(0));
    await call(200, 'PATCH /users/@me', {}, { ...owner(), body: { displayName: 'Ö' } });
    await call(200, 'GET /users/@me/guilds', {}, owner());
    await again('GET /users/@me/guilds', {}, fixture.token(0));
    for (const key of ['GET /openapi.json', 'GET /asyncapi.json']) {
      await call(200, key);
      await again(key, {}, '');
    }
    for (const key of ['GET /health', 'GET /ready', 'GET /metrics', 'GET /.well-known/jwks.json']) {
      await walk.call(200, key);
    }
    await walk.call(200, 'GET /api/docs');
    const forwarded = { headers: { via: 'x' } };
    await walk.call(401, 'GET /metrics', {}, forwarded);
    await walk.call(403, 'GET /metrics', {}, { ...forwarded, ...owner() });
  });
});

describe('guilds, channels, invites', () => {
  test('a guild and its channels, from making to deleting', async () => {
    const make = { ...owner(), body: { name: 'Walk' }, headers: { 'idempotency-key': 'g1' } };
    const guild = await call(201, 'POST /guilds', {}, make);
    expect(await call(201, 'POST /guilds', {}, make)).toEqual(guild);
    await call(422, 'POST /guilds', {}, { ...make, body: { name: 'Other' } });
    const id = { id: guild.id };
    await call(200, 'GET /guilds/{id}', id, owner());
    await again('GET /guilds/{id}', id, fixture.token(0));
    await call(200, 'PATCH /guilds/{id}', id, { ...owner(), body: { name: 'Walked' } });
    const voice = { ...owner(), body: { name: 'speak', type: 'voice', topic: 'aloud' } };
    const channel = await call(201, 'POST /guilds/{id}/channels', id, voice);
    expect(channel).toMatchObject({ type: 'voice', slowModeS: 0, overwrites: [], parentId: null });
    const first = await call(200, 'GET /guilds/{id}/channels', id, {
      ...owner(),
      query: 'limit=1',
    });
    const rest = { ...owner(), query: `limit=1&after=${first.next}` };
    const second = await call(200, 'GET /guilds/{id}/channels', id, rest);
    expect([first.items.length, second.items[0]?.id, second.next]).toEqual([1, channel.id, null]);
    await again('GET /guilds/{id}/channels', id, fixture.token(0));
    await again('GET /channels/{id}/voice', { id: channel.id }, fixture.token(0));
    await again('GET /channels/{id}/playback', { id: channel.id }, fixture.token(0));
    const slower = { ...owner(), body: { slowModeS: 5, voice: { userLimit: 9 } } };
    expect((await call(200, 'PATCH /channels/{id}', { id: channel.id }, slower)).slowModeS).toBe(5);
    await call(204, 'DELETE /channels/{id}', { id: channel.id }, owner());
    await call(409, 'DELETE /guilds/{id}/members/@me', id, owner());
    await call(204, 'DELETE /guilds/{id}', id, owner());
  });

  test('invites: made, shown, listed, used, used up, deleted', async () => {
    const id = { id: at.gid };
    const once = { ...owner(), body: { maxUses: 1 } };
    const { code } = await call(201, 'POST /guilds/{id}/invites', id, once);
    await call(200, 'GET /invites/{code}', { code });
    await again('GET /invites/{code}', { code }, '');
    const page = await call(200, 'GET /guilds/{id}/invites', id, { ...owner(), query: 'limit=1' });
    expect(page.items).toHaveLength(1);
    await again('GET /guilds/{id}/invites', id, fixture.token(0));
    const guest = (await fixture.http.register(unique('guest'))).accessToken;
    await call(200, 'POST /invites/{code}', { code }, { token: guest });
    await call(410, 'GET /invites/{code}', { code });
    await call(410, 'POST /invites/{code}', { code }, { token: stranger });
    const late = { username: unique('late'), password: PASSWORD, invite: code };
    await call(410, 'POST /auth/register', {}, { body: late });
    await call(204, 'DELETE /guilds/{id}/members/@me', id, { token: guest });
    at.code = (await call(201, 'POST /guilds/{id}/invites', id, owner())).code;
    const { code: spare } = await call(201, 'POST /guilds/{id}/invites', id, owner());
    await call(204, 'DELETE /invites/{code}', { code: spare }, owner());
    await call(404, 'GET /invites/{code}', { code: spare });
  });
});

describe('roles, members, bans, audit', () => {
  test('roles: made, listed, changed, given, deleted', async () => {
    const id = { id: at.gid };
    const body = { name: 'Mods', color: 255, perms: '33' };
    const role = await call(201, 'POST /guilds/{id}/roles', id, { ...owner(), body });
    expect(role).toMatchObject({ ...body, guildId: String(at.gid) });
    at.role = role.id;
    const list = await call(200, 'GET /guilds/{id}/roles', id, member());
    expect(list.items.map((item) => item.id)).toEqual([String(at.gid), role.id]);
    await again('GET /guilds/{id}/roles', id, fixture.token(0));
    const change = { ...owner(), body: { name: 'Wardens', perms: '1' } };
    const one = { ...id, role: role.id };
    const changed = await call(200, 'PATCH /guilds/{id}/roles/{role}', one, change);
    expect(changed).toMatchObject({ name: 'Wardens', perms: '1' });
    const who = { ...id, uid: third().id };
    const give = { ...owner(), body: { roles: [role.id], nick: 'Third' } };
    const given = await call(200, 'PATCH /guilds/{id}/members/{uid}', who, give);
    expect(given).toMatchObject({ nick: 'Third', roles: expect.arrayContaining([role.id]) });
    const spare = await call(201, 'POST /guilds/{id}/roles', id, { ...owner(), body });
    const gone = { ...id, role: spare.id };
    await call(204, 'DELETE /guilds/{id}/roles/{role}', gone, owner());
    await call(404, 'DELETE /guilds/{id}/roles/{role}', gone, owner());
  });

  test('overwrites: who loses view sees nothing, who loses history may not read', async () => {
    const channel = { name: 'closed' };
    const make = { ...owner(), body: channel };
    const { id } = await call(201, 'POST /guilds/{id}/channels', { id: at.gid }, make);
    const target = { id, target: third().id };
    const deny = (bits: string) => ({ ...owner(), body: { type: 'member', deny: bits } });
    const key = 'PUT /channels/{id}/overwrites/{target}';
    const set = await call(200, key, target, deny('2'));
    expect(set.overwrites).toEqual([{ target: third().id, type: 'member', allow: '0', deny: '2' }]);
    const token = third().accessToken;
    const seq = await message(id, fixture.token(0));
    await call(403, 'GET /channels/{id}/messages', { id }, { token });
    await call(403, 'GET /channels/{id}/messages/{seq}', { id, seq }, { token });
    const reaction = { id, seq, emoji: 'x' };
    const readers = 'GET /channels/{id}/messages/{seq}/reactions/{emoji}';
    await call(403, readers, reaction, { token });
    await call(403, 'GET /channels/{id}/pins', { id }, { token });
    await call(200, key, target, deny('14'));
    await call(403, 'DELETE /channels/{id}/messages/{seq}/reactions/{emoji}', reaction, { token });
    await call(200, key, target, deny('15'));
    await call(404, 'GET /channels/{id}/messages', { id }, { token });
    await call(404, 'GET /channels/{id}/messages/{seq}', { id, seq }, { token });
    await call(204, 'DELETE /channels/{id}/overwrites/{target}', target, owner());
    await call(200, 'GET /channels/{id}/messages', { id }, { token });
    await call(200, key, target, deny('12'));
    const body = { content: 'x', nonce: `m${marks++}` };
    await call(403, 'POST /channels/{id}/messages', { id }, { token, body });
    await call(403, 'PUT /channels/{id}/messages/{seq}/reactions/{emoji}', reaction, { token });
    await call(403, 'POST /channels/{id}/threads', { id }, { token, body: { name: 't', seq } });
  });

  test('members: one, oneself, all; kicked, banned, admitted again', async () => {
    const id = { id: at.gid };
    const guest = await fixture.http.register(unique('guest'));
    const { accessToken: token } = guest;
    const uid = { ...id, uid: guest.id };
    const { code } = at;
    await call(200, 'POST /invites/{code}', { code }, { token });
    await call(200, 'GET /guilds/{id}/members/{uid}', uid, member());
    await again('GET /guilds/{id}/members/{uid}', uid, fixture.token(1));
    const me = { ...id, uid: '@me' };
    expect(await call(200, 'GET /guilds/{id}/members/{uid}', me, { token })).toMatchObject({
      user: { id: guest.id },
    });
    const nick = { token, body: { nick: 'Guest' } };
    await call(200, 'PATCH /guilds/{id}/members/{uid}', me, nick);
    await call(200, 'GET /guilds/{id}/members', id, { ...member(), query: 'limit=2' });
    await again('GET /guilds/{id}/members', id, fixture.token(1));
    const kick = { ...owner(), query: 'reason=too%20loud' };
    await call(204, 'DELETE /guilds/{id}/members/{uid}', uid, kick);
    await call(404, 'GET /guilds/{id}', id, { token });
    await call(200, 'POST /invites/{code}', { code }, { token });
    const ban = { ...owner(), body: { reason: 'spam' } };
    await call(204, 'PUT /guilds/{id}/bans/{uid}', uid, ban);
    await call(204, 'PUT /guilds/{id}/bans/{uid}', uid, owner());
    await call(403, 'POST /invites/{code}', { code }, { token });
    const bans = await call(200, 'GET /guilds/{id}/bans', id, owner());
    expect(bans.items).toMatchObject([{ userId: guest.id, reason: 'spam' }]);
    await again('GET /guilds/{id}/bans', id, fixture.token(0));
    await call(204, 'DELETE /guilds/{id}/bans/{uid}', uid, owner());
    await call(404, 'DELETE /guilds/{id}/bans/{uid}', uid, owner());
    await call(200, 'POST /invites/{code}', { code }, { token });
  });

  test('audit: newest first, page by page without a gap', async () => {
    const id = { id: at.gid };
    const whole = await call(200, 'GET /guilds/{id}/audit', id, { ...owner(), query: 'limit=100' });
    expect(whole.items.map((item) => item.action)).toEqual(
      expect.arrayContaining(['member.ban', 'member.kick', 'role.create', 'overwrite.set']),
    );
    const paged: string[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const query = `limit=5${next === '' ? '' : `&after=${next}`}`;
      const page: Thing = await call(200, 'GET /guilds/{id}/audit', id, { ...owner(), query });
      paged.push(...page.items.map((item) => item.id));
      next = page.next;
    }
    expect(paged).toEqual(whole.items.map((item) => item.id));
    await again('GET /guilds/{id}/audit', id, fixture.token(0));
  });

  test('transfer: to a member, by the owner', async () => {
    const body = { name: 'To hand over' };
    const { id } = await call(201, 'POST /guilds', {}, { ...owner(), body });
    await fixture.http.join(fixture.token(0), Number(id), [fixture.token(1)]);
    const to = { body: { userId: fixture.user(1).id } };
    await call(403, 'POST /guilds/{id}/transfer', { id }, { ...member(), ...to });
    const done = await call(200, 'POST /guilds/{id}/transfer', { id }, { ...owner(), ...to });
    expect(done.ownerId).toBe(fixture.user(1).id);
    await call(403, 'DELETE /guilds/{id}', { id }, owner());
  });
});

describe('messages', () => {
  test('sent once per nonce, read, edited, deleted', async () => {
    const id = { id: at.sid };
    const send = { ...member(), body: { content: 'one', nonce: 'walk-1', replyTo: at.seq } };
    const made = await call(201, 'POST /channels/{id}/messages', id, send);
    await call(200, 'POST /channels/{id}/messages', id, send);
    const other = { ...member(), body: { content: 'two', nonce: 'walk-1' } };
    await call(409, 'POST /channels/{id}/messages', id, other);
    await call(200, 'GET /channels/{id}/messages', id, { ...member(), query: 'limit=1' });
    await again('GET /channels/{id}/messages', id, fixture.token(0));
    const one = { ...id, seq: made.seq };
    await call(200, 'GET /channels/{id}/messages/{seq}', one, owner());
    await again('GET /channels/{id}/messages/{seq}', one, fixture.token(0));
    const file = { id: 'f', name: 'a.png', size: 3, mime: 'image/png' };
    const filed = { content: 'see', nonce: 'walk-3', attachments: [file], silent: true };
    const shown = await call(201, 'POST /channels/{id}/messages', id, { ...member(), body: filed });
    const kept = { ...id, seq: shown.seq };
    expect(
      (await call(200, 'GET /channels/{id}/messages/{seq}', kept, owner())).attachments,
    ).toEqual([file]);
    const loud = { content: 'all', nonce: 'walk-4', mentionsEveryone: true };
    await call(403, 'POST /channels/{id}/messages', id, { ...member(), body: loud });
    await call(201, 'POST /channels/{id}/messages', id, { ...owner(), body: loud });
    const edit = { ...member(), body: { content: 'new' } };
    const edited = await call(200, 'PATCH /channels/{id}/messages/{seq}', one, edit);
    expect(edited).toMatchObject({ content: 'new', editedAt: expect.any(Number), replyTo: at.seq });
    const foreign = { ...owner(), body: { content: 'mine' } };
    await call(403, 'PATCH /channels/{id}/messages/{seq}', one, foreign);
    await call(204, 'DELETE /channels/{id}/messages/{seq}', one, owner());
    await call(404, 'GET /channels/{id}/messages/{seq}', one, owner());
    await call(403, 'DELETE /channels/{id}/messages/{seq}', { ...id, seq: at.seq }, member());
  });

  test('an Idempotency-Key that outlives the message: nothing deleted comes back', async () => {
    const id = { id: at.sid };
    const headers = { 'idempotency-key': 'gone' };
    const send = { ...member(), headers, body: { content: 'to be gone', nonce: 'walk-2' } };
    const { seq } = await call(201, 'POST /channels/{id}/messages', id, send);
    await call(204, 'DELETE /channels/{id}/messages/{seq}', { ...id, seq }, member());
    const replayed = await call(201, 'POST /channels/{id}/messages', id, send);
    expect(replayed).toMatchObject({ seq, kind: 0, content: '' });
  });

  test('reactions: given, listed, taken back; a repeat changes nothing', async () => {
    const one = { id: at.sid, seq: at.seq, emoji: '👍' };
    const key = '/channels/{id}/messages/{seq}/reactions/{emoji}';
    for (let i = 0; i < 2; i++) await call(204, `PUT ${key}`, one, member());
    await call(204, `PUT ${key}`, one, owner());
    const first = await call(200, `GET ${key}`, one, { ...owner(), query: 'limit=1' });
    const query = `limit=1&after=${first.next}`;
    const second = await call(200, `GET ${key}`, one, { ...owner(), query });
    expect([...first.items, ...second.items].map((item) => item.id).sort()).toEqual(
      [fixture.user(0).id, fixture.user(1).id].sort(),
    );
    expect(second.next).toBeNull();
    await again(`GET ${key}`, one, fixture.token(0));
    const shown = await call(200, 'GET /channels/{id}/messages/{seq}', one, member());
    expect(shown.reactions).toEqual([{ emoji: '👍', count: 2, me: true }]);
    for (let i = 0; i < 2; i++) await call(204, `DELETE ${key}`, one, member());
  });

  test('pins: put, listed, taken away', async () => {
    const pin = { id: at.sid, seq: at.seq };
    for (let i = 0; i < 2; i++) await call(204, 'PUT /channels/{id}/pins/{seq}', pin, owner());
    const list = await call(200, 'GET /channels/{id}/pins', { id: at.sid }, member());
    expect(list.items.map((item) => item.seq)).toEqual([at.seq]);
    await again('GET /channels/{id}/pins', { id: at.sid }, fixture.token(0));
    await call(204, 'DELETE /channels/{id}/pins/{seq}', pin, owner());
    const none = await call(200, 'GET /channels/{id}/pins', { id: at.sid }, member());
    expect(none.items).toEqual([]);
  });

  test('marker: 0, forward, never back, never beyond the head', async () => {
    const id = { id: await fixture.newChannel() };
    const seq = await message(id.id, fixture.token(0));
    await message(id.id, fixture.token(0));
    const put = (value: number) =>
      call(200, 'PUT /channels/{id}/marker', id, { ...member(), body: { seq: value } });
    expect((await call(200, 'GET /channels/{id}/marker', id, member())).seq).toBe(0);
    expect((await put(seq)).seq).toBe(1);
    expect((await put(99)).seq).toBe(2);
    expect((await put(1)).seq).toBe(2);
    expect((await call(200, 'GET /channels/{id}/marker', id, member())).seq).toBe(2);
    const own = await message(id.id, fixture.token(1));
    expect((await call(200, 'GET /channels/{id}/marker', id, member())).seq).toBe(own);
    await again('GET /channels/{id}/marker', id, fixture.token(1));
  });
});

describe('threads and direct messages', () => {
  test('threads: one per message, read and written as channels', async () => {
    const id = { id: at.sid };
    const body = { name: 'side', seq: at.seq };
    const thread = await call(201, 'POST /channels/{id}/threads', id, { ...member(), body });
    expect(thread).toMatchObject({ type: 'thread', parentId: String(at.sid), startSeq: at.seq });
    await call(409, 'POST /channels/{id}/threads', id, { ...member(), body });
    await message(thread.id, fixture.token(1));
    const list = await call(200, 'GET /channels/{id}/threads', id, owner());
    expect(list.items.map((item) => item.id)).toEqual([thread.id]);
    await again('GET /channels/{id}/threads', id, fixture.token(0));
    await call(404, 'GET /channels/{id}/messages', { id: thread.id }, { token: stranger });
  });

  test('a dm: the same one for both; a stranger is refused', async () => {
    const open = { ...owner(), body: { userId: fixture.user(1).id } };
    const dm = await call(200, 'POST /users/@me/dms', {}, open);
    const back = { ...member(), body: { userId: fixture.user(0).id } };
    expect((await call(200, 'POST /users/@me/dms', {}, back)).id).toBe(dm.id);
    at.dm = dm.id;
    await message(dm.id, fixture.token(1));
    await call(404, 'GET /channels/{id}/messages', { id: dm.id }, { token: third().accessToken });
    await call(404, 'GET /dms/{id}', { id: dm.id }, { token: third().accessToken });
    await call(403, 'POST /users/@me/dms', {}, { token: stranger, body: open.body });
    await call(403, 'POST /users/@me/dms', {}, { ...owner(), body: { userId: ABSENT } });
    await call(409, 'DELETE /dms/{id}/recipients/@me', { id: dm.id }, owner());
  });

  test('a group: opened, named, joined, left', async () => {
    const body = { userIds: [fixture.user(1).id], name: 'us' };
    const group = await call(201, 'POST /users/@me/dms', {}, { ...owner(), body });
    const id = { id: group.id };
    at.group = group.id;
    await call(200, 'GET /dms/{id}', id, member());
    await again('GET /dms/{id}', id, fixture.token(1));
    const named = { ...member(), body: { name: 'we', topic: 'things' } };
    expect(await call(200, 'PATCH /dms/{id}', id, named)).toMatchObject({ name: 'we' });
    const uid = { ...id, uid: third().id };
    const grown = await call(200, 'PUT /dms/{id}/recipients/{uid}', uid, member());
    expect(grown.members).toHaveLength(3);
    const list = await call(200, 'GET /users/@me/dms', {}, owner());
    expect(list.items.map((item) => item.id)).toContain(group.id);
    await again('GET /users/@me/dms', {}, fixture.token(0));
    const { accessToken: token } = third();
    await call(204, 'DELETE /dms/{id}/recipients/@me', id, { token });
    await call(404, 'GET /dms/{id}', id, { token });
    const alone = await fixture.http.register(unique('alone'));
    const unknown = { ...id, uid: alone.id };
    await call(403, 'PUT /dms/{id}/recipients/{uid}', unknown, member());
    await call(403, 'PATCH /dms/{id}', { id: at.dm }, { ...owner(), body: { name: 'x' } });
  });
});

describe('refusals', () => {
  const keys = () => [...walk.document.operations.keys()];
  const has = (key: string, status: number) => walk.document.statuses(key).includes(status);
  const send = (key: string, call: WalkCall, change: Record<string, string | number> = {}) =>
    walk.ask(
      key,
      { ...paramsOf(key), ...change },
      { ...exampleCalls(at, third().id)[key], ...call },
    );

  /** Parameters of a path that lead to something. */
  function paramsOf(key: string): Record<string, string | number> {
    const { gid, sid, seq, role, code, group } = at as Record<string, string | number>;
    const id = key.includes('/guilds/') ? gid : key.includes('/dms/') ? group : sid;
    const uid = third().id;
    return Object.fromEntries(
      Object.entries({ id, seq, role, code, uid, target: uid, emoji: 'x' }).filter(
        (entry): entry is [string, string | number] => entry[1] !== undefined,
      ),
    );
  }

  test('401: each operation that wants a token, without one', async () => {
    for (const [key, { hasToken }] of walk.document.operations) {
      if (!hasToken || key === 'GET /metrics') continue;
      expect([key, (await send(key, {})).status]).toEqual([key, 401]);
    }
  });

  test('406, 413, 415, 400, 422: each operation that has a body or an answer in JSON', async () => {
    const type = (value: string) => ({ headers: { 'content-type': value } });
    const cases: [number, WalkCall][] = [
      [406, { headers: { accept: 'text/html' } }],
      [413, { body: Buffer.alloc(64 * 1024 + 1), ...type('application/json') }],
      [415, { body: Buffer.from('x'), ...type('text/plain') }],
      [400, { body: Buffer.from('{'), ...type('application/json') }],
      [422, { body: { nope: 1 } }],
    ];
    for (const key of keys()) {
      for (const [status, how] of cases) {
        if (!has(key, status)) continue;
        const call = key.startsWith('GET') && status === 400 ? { query: 'nope=1' } : how;
        const answer = await send(key, { ...call, ...owner() });
        expect([key, answer.status, answer.text]).toEqual([key, status, expect.any(String)]);
      }
    }
  });

  test('404: each operation on what is absent and on what is hidden, with one body', async () => {
    for (const key of keys()) {
      if (!has(key, 404) || !key.includes('{id}')) continue;
      const absent = await send(key, { token: stranger }, { id: ABSENT });
      const hidden = await send(key, { token: stranger });
      const body = { ...(absent.body as object), requestId: '' };
      expect([key, absent.status]).toEqual([key, 404]);
      expect([key, { ...(hidden.body as object), requestId: '' }]).toEqual([key, body]);
    }
    for (const method of ['GET', 'POST', 'DELETE']) {
      const key = `${method} ${V1}/invites/{code}`;
      expect([key, (await send(key, owner(), { code: 'nope' })).status]).toEqual([key, 404]);
    }
  });

  test('403: each act on a guild by a member without the right', async () => {
    for (const key of keys()) {
      if (!has(key, 403) || UNREACHED[key]?.includes(403) || walk.document.hasSeen(key, 403))
        continue;
      expect([key, (await send(key, member())).status]).toEqual([key, 403]);
    }
  });

  test('nothing documented was left out, but for what the list names', () => {
    const EXPECTED = [200, 201, 204, 304, 400, 401, 403, 404, 406, 410, 413, 415, 422];
    const missed = keys().flatMap((key) =>
      walk.document
        .statuses(key)
        .filter((status) => EXPECTED.includes(status) && !walk.document.hasSeen(key, status))
        .filter((status) => UNREACHED[key]?.includes(status) !== true)
        .map((status) => `${key} ${status}`),
    );
    expect(missed).toEqual([]);
    const needless = Object.entries(UNREACHED).flatMap(([key, statuses]) =>
      statuses.filter((status) => walk.document.hasSeen(key, status)).map((one) => `${key} ${one}`),
    );
    expect(needless).toEqual([]);
  });
});
