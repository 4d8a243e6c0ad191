/** Every row of api.md's HTTP table: path, status, body; and the document that is made from the routes. */
import { describe, expect, test } from 'vitest';
import { ERRORS } from '../errors.ts';
import { expectError, Harness } from './harness.ts';
import { ROWS } from './rows.ts';

interface Operation {
  responses: Record<string, unknown>;
  security?: unknown;
  operationId: string;
}

describe('the OpenAPI document', () => {
  test('lists exactly the rows, each with its success status', async () => {
    const h = await Harness.create();
    const answer = await h.api('GET', '/openapi.json');
    expect(answer.status).toBe(200);
    const paths = answer.body.paths as Record<string, Record<string, Operation>>;
    const listed = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(listed.sort()).toEqual(ROWS.map(([method, path]) => `${method} ${path}`).sort());
    for (const [method, path, status] of ROWS) {
      const operation = paths[path]?.[method.toLowerCase()];
      expect(Object.keys(operation?.responses ?? {})).toContain(String(status));
    }
    const ids = Object.values(paths).flatMap((methods) =>
      Object.values(methods).map((operation) => operation.operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('every error status that a route can answer with is in the table of api.md', async () => {
    const h = await Harness.create();
    const known = new Set<number>(Object.values(ERRORS).map(({ status }) => status));
    const document = (await h.app.openapi()) as {
      paths: Record<string, Record<string, Operation>>;
    };
    for (const methods of Object.values(document.paths)) {
      for (const operation of Object.values(methods)) {
        for (const status of Object.keys(operation.responses)) {
          expect(Number(status) < 400 || known.has(Number(status))).toBe(true);
        }
      }
    }
  });

  test('the docs page names every route and type, has no script and loads nothing', async () => {
    const h = await Harness.create();
    const answer = await h.ask('GET', '/api/docs');
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    for (const [method, path] of ROWS) {
      expect(answer.text).toContain(`<span class="m">${method}</span> <code>${path}</code>`);
    }
    for (const type of ['User', 'Guild', 'Channel', 'Message', 'Error']) {
      expect(answer.text).toContain(`id="${type}"`);
    }
    expect(answer.text).not.toMatch(/<script|<link|<img|src=|@import|url\(/i);
  });
});

describe('auth rows', () => {
  const alice = { username: 'Alice.A', password: 'correct horse' };

  test('register: 201 with user, tokens and expiry; capitals folded, displayName as typed', async () => {
    const h = await Harness.create();
    const answer = await h.api('POST', '/auth/register', { body: alice });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { user, accessToken, refreshToken, expiresAt } = answer.body;
    expect(user).toEqual({
      id: expect.stringMatching(/^\d+$/),
      username: 'alice.a',
      displayName: 'Alice.A',
      createdAt: h.world.nowMs,
    });
    expect(expiresAt).toBe(h.clock.ms + 900_000);
    expect(refreshToken).toEqual(expect.any(String));
    const me = await h.api('GET', '/users/@me', { token: accessToken });
    expect(me.body).toEqual(user);
  });

  test('register: optional fields are passed on, null counts as absent', async () => {
    const h = await Harness.create();
    h.world.registration = 'invite';
    const body = { ...alice, displayName: ' Al ', email: 'al@example.org', invite: 'abc' };
    const answer = await h.api('POST', '/auth/register', { body });
    expect(answer.body.user.displayName).toBe('Al');
    expect([...h.world.users.values()][0]?.email).toBe('al@example.org');
    const bob = {
      username: 'bob',
      password: '12345678',
      displayName: null,
      email: null,
      invite: null,
    };
    expectError(await h.api('POST', '/auth/register', { body: bob }), 403, 'invite_required');
  });

  test('register: 409 and 403 as the domain says', async () => {
    const h = await Harness.create();
    await h.api('POST', '/auth/register', { body: { ...alice, email: 'a@b.cd' } });
    const again = await h.api('POST', '/auth/register', {
      body: { ...alice, username: 'ALICE.a' },
    });
    expectError(again, 409, 'username_taken');
    const mail = { username: 'other', password: '12345678', email: 'a@b.cd' };
    expectError(await h.api('POST', '/auth/register', { body: mail }), 409, 'conflict', 'email');
    h.world.registration = 'closed';
    expectError(await h.api('POST', '/auth/register', { body: alice }), 403, 'registration_closed');
  });

  test('login: by user name in any case or e-mail; wrong ones are one and the same 401', async () => {
    const h = await Harness.create();
    await h.api('POST', '/auth/register', { body: { ...alice, email: 'al@example.org' } });
    for (const username of ['alice.a', 'ALICE.A', 'al@example.org']) {
      const answer = await h.api('POST', '/auth/login', {
        body: { username, password: alice.password },
      });
      expect(answer.status).toBe(200);
      expect(Object.keys(answer.body).sort()).toEqual([
        'accessToken',
        'expiresAt',
        'refreshToken',
        'user',
      ]);
    }
    const wrong = await h.api('POST', '/auth/login', { body: { ...alice, password: 'x' } });
    const nobody = await h.api('POST', '/auth/login', { body: { ...alice, username: 'nobody' } });
    expectError(wrong, 401, 'bad_credentials');
    expectError(nobody, 401, 'bad_credentials');
    expect({ ...wrong.body, requestId: '' }).toEqual({ ...nobody.body, requestId: '' });
  });

  test('refresh: 200 with a new pair, 401 refresh_reused, 401 unauthorized', async () => {
    const h = await Harness.create();
    const first = (await h.api('POST', '/auth/register', { body: alice })).body;
    const second = await h.api('POST', '/auth/refresh', {
      body: { refreshToken: first.refreshToken },
    });
    expect(second.status).toBe(200);
    expect(second.body.refreshToken).not.toBe(first.refreshToken);
    expect(second.body.user).toEqual(first.user);
    const reuse = { body: { refreshToken: first.refreshToken } };
    expectError(await h.api('POST', '/auth/refresh', reuse), 401, 'refresh_reused');
    const unknown = { body: { refreshToken: 'nope' } };
    expectError(await h.api('POST', '/auth/refresh', unknown), 401, 'unauthorized');
  });

  test('logout: 204 without bearer and without a body', async () => {
    const h = await Harness.create();
    const { refreshToken } = (await h.api('POST', '/auth/register', { body: alice })).body;
    const answer = await h.api('POST', '/auth/logout', { body: { refreshToken } });
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(h.world.ended.size).toBe(1);
  });
});

describe('user rows', () => {
  test('users/@me: GET and PATCH, an empty PATCH changes nothing', async () => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    const view = {
      id: String(uid),
      username: 'alice',
      displayName: 'alice',
      createdAt: h.clock.ms,
    };
    expect((await h.api('GET', '/users/@me', { token })).body).toEqual(view);
    expect((await h.api('PATCH', '/users/@me', { token, body: {} })).body).toEqual(view);
    expect((await h.api('PATCH', '/users/@me', { token })).body).toEqual(view);
    const renamed = await h.api('PATCH', '/users/@me', {
      token,
      body: { displayName: 'A\u0301l' },
    });
    expect(renamed.body).toEqual({ ...view, displayName: '\u00c1l' });
  });

  test('users/@me/guilds: a list of guilds', async () => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    expect((await h.api('GET', '/users/@me/guilds', { token })).body).toEqual({
      items: [],
      next: null,
    });
    const { gid } = await h.guild(uid);
    const { items, next } = (await h.api('GET', '/users/@me/guilds', { token })).body;
    expect(items).toEqual([
      { id: String(gid), name: 'Guild', ownerId: String(uid), createdAt: h.world.nowMs },
    ]);
    expect(next).toBeNull();
  });
});

describe('guild and channel rows', () => {
  test('guilds: create, read, rename, delete by the owner', async () => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    const made = await h.api('POST', '/guilds', { token, body: { name: ' My guild ' } });
    expect(made.status).toBe(201);
    const view = {
      id: made.body.id,
      name: 'My guild',
      ownerId: String(uid),
      createdAt: h.world.nowMs,
    };
    expect(made.body).toEqual(view);
    const path = `/guilds/${made.body.id}`;
    expect((await h.api('GET', path, { token })).body).toEqual(view);
    expect((await h.api('PATCH', path, { token, body: {} })).body).toEqual(view);
    const renamed = await h.api('PATCH', path, { token, body: { name: 'New' } });
    expect([renamed.status, renamed.body]).toEqual([200, { ...view, name: 'New' }]);
    const channels = await h.api('GET', `${path}/channels`, { token });
    expect(channels.body).toMatchObject({ items: [{ name: 'general', type: 'text' }], next: null });
    const gone = await h.api('DELETE', path, { token });
    expect([gone.status, gone.text]).toEqual([204, '']);
    expectError(await h.api('GET', path, { token }), 404, 'not_found');
  });

  test('channels: create, list, change, delete by the owner', async () => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    const { gid } = await h.guild(uid);
    const body = { name: 'talk', type: 'text', topic: 'things' };
    const made = await h.api('POST', `/guilds/${gid}/channels`, { token, body });
    expect(made.status).toBe(201);
    const view = {
      id: made.body.id,
      guildId: String(gid),
      name: 'talk',
      type: 'text',
      topic: 'things',
      position: 1,
      slowModeS: 0,
      overwrites: [],
      parentId: null,
      startSeq: null,
      voice: null,
    };
    expect(made.body).toEqual(view);
    const plain = await h.api('POST', `/guilds/${gid}/channels`, { token, body: { name: 'x' } });
    expect(plain.body.topic).toBeNull();
    const list = await h.api('GET', `/guilds/${gid}/channels`, { token });
    expect(list.body.items.map((item: { name: string }) => item.name)).toEqual([
      'general',
      'talk',
      'x',
    ]);
    const path = `/channels/${made.body.id}`;
    expect((await h.api('PATCH', path, { token, body: {} })).body).toEqual(view);
    const change = { name: 'quiet', topic: null, position: 9, slowModeS: 30 };
    const changed = await h.api('PATCH', path, { token, body: change });
    expect([changed.status, changed.body]).toEqual([200, { ...view, ...change }]);
    expect((await h.api('DELETE', path, { token })).status).toBe(204);
    expectError(await h.api('DELETE', path, { token }), 404, 'not_found');
  });

  test('members manage nothing (403), strangers see nothing (404), with one body for absent and hidden', async () => {
    const h = await Harness.create();
    const owner = await h.user('owner');
    const member = await h.user('member');
    const stranger = await h.user('stranger');
    const { gid, sid } = await h.guild(owner.uid);
    h.world.addMember(gid, member.uid);
    const managing: [string, string, unknown?][] = [
      ['PATCH', `/guilds/${gid}`, { name: 'x' }],
      ['PATCH', `/guilds/${gid}`, {}],
      ['DELETE', `/guilds/${gid}`],
      ['POST', `/guilds/${gid}/channels`, { name: 'x' }],
      ['PATCH', `/channels/${sid}`, { name: 'x' }],
      ['DELETE', `/channels/${sid}`],
    ];
    const seeing: [string, string, unknown?][] = [
      ['GET', `/guilds/${gid}`],
      ['GET', `/guilds/${gid}/channels`],
      ['GET', `/guilds/${gid}/members`],
      ['POST', `/guilds/${gid}/invites`],
      ['DELETE', `/guilds/${gid}/members/@me`],
      ['GET', `/channels/${sid}/messages`],
      ['POST', `/channels/${sid}/messages`, { content: 'x', nonce: 'n' }],
    ];
    for (const [method, path, body] of managing) {
      expectError(await h.api(method, path, { token: member.token, body }), 403, 'forbidden');
    }
    for (const [method, path, body] of [...managing, ...seeing]) {
      const hidden = await h.api(method, path, { token: stranger.token, body });
      const absentPath = path.replace(/\/\d+/, '/9007199254740991');
      const absent = await h.api(method, absentPath, { token: stranger.token, body });
      expectError(hidden, 404, 'not_found');
      expect({ ...hidden.body, requestId: '' }).toEqual({ ...absent.body, requestId: '' });
    }
  });

  test('channels: a guild view or an inbox is no channel', async () => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    const { gid } = await h.guild(uid);
    h.world.streams.set(500, { type: 'view', gid });
    h.world.streams.set(uid, { type: 'user', gid: 0 });
    for (const id of [500, uid]) {
      const body = { content: 'x', nonce: 'n' };
      expectError(await h.api('GET', `/channels/${id}/messages`, { token }), 404, 'not_found');
      expectError(
        await h.api('POST', `/channels/${id}/messages`, { token, body }),
        404,
        'not_found',
      );
      expectError(await h.api('PATCH', `/channels/${id}`, { token, body: {} }), 404, 'not_found');
      expectError(await h.api('DELETE', `/channels/${id}`, { token }), 404, 'not_found');
    }
    expect(h.world.appendCalls).toBe(0);
  });
});

describe('invite and member rows', () => {
  test('invites: any member creates one; defaults, for ever, and the link', async () => {
    const h = await Harness.create();
    const owner = await h.user('owner');
    const member = await h.user('member');
    const { gid } = await h.guild(owner.uid);
    h.world.addMember(gid, member.uid);
    const plain = await h.api('POST', `/guilds/${gid}/invites`, { token: member.token });
    expect(plain.status).toBe(201);
    expect(plain.body).toEqual({
      code: plain.body.code,
      guildId: String(gid),
      url: `https://chat.example/invite/${plain.body.code}`,
      maxUses: null,
      uses: 0,
      expiresAt: h.world.nowMs + 7 * 86_400_000,
    });
    const body = { maxUses: 3, maxAgeS: 0 };
    const forever = await h.api('POST', `/guilds/${gid}/invites`, { token: owner.token, body });
    expect(forever.body).toMatchObject({ maxUses: 3, expiresAt: null });
    const hour = { maxAgeS: 3600, maxUses: null };
    const short = await h.api('POST', `/guilds/${gid}/invites`, { token: owner.token, body: hour });
    expect(short.body).toMatchObject({ maxUses: null, expiresAt: h.world.nowMs + 3_600_000 });
  });

  test('invites: look without a token, join, join again, used up 410, unknown 404', async () => {
    const h = await Harness.create();
    const owner = await h.user('owner');
    const guest = await h.user('guest');
    const late = await h.user('late');
    const { gid } = await h.guild(owner.uid);
    const body = { maxUses: 1 };
    const { code } = (await h.api('POST', `/guilds/${gid}/invites`, { token: owner.token, body }))
      .body;
    const look = await h.api('GET', `/invites/${code}`);
    expect(look.status).toBe(200);
    expect(look.body).toEqual({ code, guild: { id: String(gid), name: 'Guild', memberCount: 1 } });
    for (let i = 0; i < 2; i++) {
      const joined = await h.api('POST', `/invites/${code}`, { token: guest.token });
      expect(joined.status).toBe(200);
      expect(joined.body).toEqual({
        guild: {
          id: String(gid),
          name: 'Guild',
          ownerId: String(owner.uid),
          createdAt: h.world.nowMs,
        },
      });
    }
    expectError(
      await h.api('POST', `/invites/${code}`, { token: late.token }),
      410,
      'invite_expired',
    );
    expectError(await h.api('GET', `/invites/${code}`), 410, 'invite_expired');
    for (const unknown of ['nope', 'a%20b', '%ff', 'x'.repeat(65)]) {
      expectError(await h.api('GET', `/invites/${unknown}`), 404, 'not_found');
      expectError(
        await h.api('POST', `/invites/${unknown}`, { token: late.token }),
        404,
        'not_found',
      );
    }
  });

  test('members: pages by ascending id; next only when somebody follows', async () => {
    const h = await Harness.create();
    const owner = await h.user('owner');
    const { gid } = await h.guild(owner.uid);
    const others = await Promise.all(['m1', 'm2', 'm3'].map((username) => h.user(username)));
    for (const { uid } of others) h.world.addMember(gid, uid);
    const { token } = owner;
    const all = await h.api('GET', `/guilds/${gid}/members`, { token });
    expect(all.body.next).toBeNull();
    expect(all.body.items).toHaveLength(4);
    expect(all.body.items[0]).toEqual({
      user: {
        id: String(owner.uid),
        username: 'owner',
        displayName: 'owner',
        createdAt: h.clock.ms,
      },
      nick: null,
      roles: [String(gid)],
      joinedAt: h.world.nowMs,
    });
    const first = await h.api('GET', `/guilds/${gid}/members?limit=2`, { token });
    expect(first.body.items).toHaveLength(2);
    expect(first.body.next).toBe(first.body.items[1]?.user.id);
    const second = await h.api('GET', `/guilds/${gid}/members?limit=2&after=${first.body.next}`, {
      token,
    });
    expect(second.body.items).toHaveLength(2);
    expect(second.body.next).toBeNull();
    expect(second.body.items[0]?.user.id).not.toBe(first.body.items[1]?.user.id);
  });

  test('members/@me: 204, then the guild is not there; the owner gets 409', async () => {
    const h = await Harness.create();
    const owner = await h.user('owner');
    const member = await h.user('member');
    const { gid } = await h.guild(owner.uid);
    h.world.addMember(gid, member.uid);
    const path = `/guilds/${gid}/members/@me`;
    expect((await h.api('DELETE', path, { token: member.token })).status).toBe(204);
    expectError(await h.api('GET', `/guilds/${gid}`, { token: member.token }), 404, 'not_found');
    expectError(await h.api('DELETE', path, { token: owner.token }), 409, 'owner_must_transfer');
  });
});
