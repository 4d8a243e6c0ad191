/** Rows about roles, overwrites, members, bans, audit, ownership and invites: what is asked of the guild, and how its answers are shown. */
import { describe, expect, test } from 'vitest';
import type { AuditEntry, Ban, Role } from '../../../channels/index.ts';
import { expectError, Harness } from './harness.ts';

const ok = (value: unknown) => ({ ok: true, value });

async function withGuild() {
  const h = await Harness.create();
  const owner = await h.user('owner');
  const { gid, sid } = await h.guild(owner.uid);
  const other = await h.user('other');
  h.world.addMember(gid, other.uid);
  return { h, ...owner, gid, sid, other };
}

describe('roles', () => {
  const role: Role = { id: 7, guildId: 5, name: 'Mods', color: 255, position: 1, perms: 33 };
  const shown = { id: '7', guildId: '5', name: 'Mods', color: 255, position: 1, perms: '33' };

  test('list: everyone first, then by position, in pages', async () => {
    const { h, gid, token } = await withGuild();
    const everyone = { ...role, id: 5, name: 'everyone', position: 0 };
    h.world.script.set('roles', ok([everyone, role, { ...role, id: 8, position: 2 }]));
    const all = await h.api('GET', `/guilds/${gid}/roles`, { token });
    expect([all.body.next, all.body.items[1]]).toEqual([null, shown]);
    const first = await h.api('GET', `/guilds/${gid}/roles?limit=2`, { token });
    expect(first.body.next).toBe('1.7');
    const rest = await h.api('GET', `/guilds/${gid}/roles?limit=2&after=1.7`, { token });
    expect([rest.body.items.map(({ id }) => id), rest.body.next]).toEqual([['8'], null]);
  });

  test('create, change, delete: permission bits travel as decimal strings', async () => {
    const { h, gid, uid, token } = await withGuild();
    h.world.script
      .set('createRole', ok(role))
      .set('updateRole', ok(role))
      .set('removeRole', ok(null));
    const path = `/guilds/${gid}/roles`;
    const made = await h.api('POST', path, { token, body: { name: ' Mods ', perms: '33' } });
    expect([made.status, made.body]).toEqual([201, shown]);
    const change = { position: 3, perms: '0', color: 16, name: 'New' };
    const changed = await h.api('PATCH', `${path}/7`, { token, body: change });
    expect([changed.status, changed.body]).toEqual([200, shown]);
    await h.api('PATCH', `${path}/7`, { token, body: {} });
    expect((await h.api('DELETE', `${path}/7`, { token })).status).toBe(204);
    expect(h.world.asked).toEqual([
      { op: 'createRole', arg: { uid, name: 'Mods', color: 0, perms: 33 } },
      { op: 'updateRole', arg: { uid, role: 7, position: 3, perms: 0, color: 16, name: 'New' } },
      { op: 'updateRole', arg: { uid, role: 7 } },
      { op: 'removeRole', arg: { uid, role: 7 } },
    ]);
  });

  test.each([
    [{ name: 'x', color: 0x1000000 }, 'color'],
    [{ name: 'x', perms: 5 }, 'perms'],
    [{ name: 'x', perms: '-1' }, 'perms'],
    [{ name: '' }, 'name'],
    [{ name: 'x', hoist: true }, 'hoist'],
  ])('create %j: 422 with field %s', async (body, field) => {
    const { h, gid, token } = await withGuild();
    expectError(
      await h.api('POST', `/guilds/${gid}/roles`, { token, body }),
      422,
      'invalid',
      field,
    );
  });

  test('overwrites: set and taken away by way of the channel', async () => {
    const { h, uid, sid, token } = await withGuild();
    const channel = [...h.world.guilds.values()][0]?.channels.get(sid);
    const overwrites = [{ target: 9, type: 'member', allow: 1, deny: 4 }];
    h.world.script.set('setOverwrite', ok({ ...channel, overwrites }));
    h.world.script.set('removeOverwrite', ok(channel));
    const body = { type: 'member', allow: '1', deny: '4' };
    const set = await h.api('PUT', `/channels/${sid}/overwrites/9`, { token, body });
    expect([set.status, set.body.overwrites]).toEqual([
      200,
      [{ target: '9', type: 'member', allow: '1', deny: '4' }],
    ]);
    const gone = await h.api('DELETE', `/channels/${sid}/overwrites/9`, { token });
    expect(gone.status).toBe(204);
    expect(h.world.asked).toEqual([
      { op: 'setOverwrite', arg: { uid, sid, target: 9, type: 'member', allow: 1, deny: 4 } },
      { op: 'removeOverwrite', arg: { uid, sid, target: 9 } },
    ]);
    expectError(await h.api('PUT', '/channels/5/overwrites/9', { token, body }), 404, 'not_found');
  });
});

describe('members and bans', () => {
  test('one member, and oneself as @me', async () => {
    const { h, gid, uid, token, other } = await withGuild();
    const member = { user: h.world.publicUser(other.uid), nick: 'N', roles: [7], joinedAt: 3 };
    h.world.script.set('member', ok(member)).set('updateMember', ok(member));
    const path = `/guilds/${gid}/members`;
    const found = await h.api('GET', `${path}/${other.uid}`, { token });
    expect(found.body).toMatchObject({ nick: 'N', roles: ['7'], joinedAt: 3 });
    await h.api('GET', `${path}/@me`, { token });
    await h.api('PATCH', `${path}/@me`, { token, body: { nick: null } });
    await h.api('PATCH', `${path}/${other.uid}`, { token, body: { roles: ['7', '8'] } });
    expect(h.world.asked).toEqual([
      { op: 'member', arg: { uid, target: other.uid } },
      { op: 'member', arg: { uid, target: uid } },
      { op: 'updateMember', arg: { uid, target: uid, nick: null } },
      { op: 'updateMember', arg: { uid, target: other.uid, roles: [7, 8] } },
    ]);
    expectError(await h.api('GET', `${path}/bob`, { token }), 400, 'bad_request', 'uid');
  });

  test('kick, ban, lift: reasons go to the audit log', async () => {
    const { h, gid, uid, token } = await withGuild();
    for (const op of ['kick', 'ban', 'unban']) h.world.script.set(op, ok(null));
    const calls = [
      ['DELETE', `/guilds/${gid}/members/9?reason=too%20loud`],
      ['DELETE', `/guilds/${gid}/members/9`],
      ['PUT', `/guilds/${gid}/bans/9`, { reason: 'spam' }],
      ['PUT', `/guilds/${gid}/bans/9`],
      ['DELETE', `/guilds/${gid}/bans/9`],
    ] as const;
    for (const [method, path, body] of calls) {
      expect((await h.api(method, path, { token, body })).status).toBe(204);
    }
    expect(h.world.asked.map(({ arg }) => arg)).toEqual([
      { uid, target: 9, reason: 'too loud' },
      { uid, target: 9, reason: null },
      { uid, target: 9, reason: 'spam' },
      { uid, target: 9, reason: null },
      { uid, target: 9 },
    ]);
    const bad = `/guilds/${gid}/members/9?reason=%00`;
    expectError(await h.api('DELETE', bad, { token }), 400, 'bad_request', 'reason');
  });

  test('bans: a page, and whether anything follows', async () => {
    const { h, gid, uid, token } = await withGuild();
    const ban: Ban = { userId: 9, by: 3, reason: null, at: 17 };
    h.world.script.set('bans', ok([ban]));
    const page = await h.api('GET', `/guilds/${gid}/bans?limit=1&after=4`, { token });
    expect(page.body).toEqual({
      items: [{ userId: '9', byId: '3', reason: null, createdAt: 17 }],
      next: '9',
    });
    expect(h.world.asked.map(({ arg }) => arg)).toEqual([
      { uid, after: 4, limit: 1 },
      { uid, after: 9, limit: 1 },
    ]);
  });

  test('audit: ids and bits as strings, counts as numbers; next leads to older ones', async () => {
    const { h, gid, uid, token } = await withGuild();
    const entry: AuditEntry = {
      id: 12,
      at: 99,
      actorId: 3,
      action: 'role.update',
      target: '7',
      changes: [
        { field: 'perms', from: 1, to: 33 },
        { field: 'position', from: 1, to: 2 },
        { field: 'roles', from: [], to: [7] },
        { field: 'name', from: null, to: 'New' },
      ],
      reason: 'because',
    };
    h.world.script.set('audit', ok([entry]));
    const page = await h.api('GET', `/guilds/${gid}/audit?limit=1`, { token });
    expect(page.body).toEqual({
      items: [
        {
          id: '12',
          actorId: '3',
          action: 'role.update',
          target: '7',
          changes: [
            { field: 'perms', from: '1', to: '33' },
            { field: 'position', from: 1, to: 2 },
            { field: 'roles', from: [], to: ['7'] },
            { field: 'name', from: null, to: 'New' },
          ],
          reason: 'because',
          createdAt: 99,
        },
      ],
      next: '12',
    });
    expect(h.world.asked[0]?.arg).toEqual({ uid, before: 0, limit: 1 });
  });
});

describe('ownership and invites', () => {
  test('transfer: to a member; a refused one is a field of the request', async () => {
    const { h, gid, uid, token } = await withGuild();
    h.world.script.set('transfer', ok(h.world.guilds.get(gid)?.guild));
    const path = `/guilds/${gid}/transfer`;
    const done = await h.api('POST', path, { token, body: { userId: '9' } });
    expect([done.status, done.body.id]).toEqual([200, String(gid)]);
    expect(h.world.asked[0]?.arg).toEqual({ uid, to: 9 });
    h.world.script.set('transfer', { ok: false, code: 'invalid', field: 'to' });
    expectError(
      await h.api('POST', path, { token, body: { userId: '8' } }),
      422,
      'invalid',
      'userId',
    );
  });

  test('invites: by code in pages, and deleted by code', async () => {
    const { h, gid, uid, token } = await withGuild();
    const invite = { guildId: gid, maxUses: null, uses: 0, expiresAt: null };
    h.world.script.set('invites', ok(['b', 'a', 'c'].map((code) => ({ ...invite, code }))));
    h.world.script.set('removeInvite', ok(null));
    const first = await h.api('GET', `/guilds/${gid}/invites?limit=2`, { token });
    expect([first.body.items.map(({ code }) => code), first.body.next]).toEqual([['a', 'b'], 'b']);
    const { code } = (await h.api('POST', `/guilds/${gid}/invites`, { token })).body;
    expect((await h.api('DELETE', `/invites/${code}`, { token })).status).toBe(204);
    expect(h.world.asked.at(-1)).toEqual({ op: 'removeInvite', arg: { uid, code } });
    expectError(await h.api('DELETE', '/invites/nope', { token }), 404, 'not_found');
  });

  test('acts: 30 at once per user and guild, then 5 per s; the header tells the tightest limit', async () => {
    const { h, gid, token } = await withGuild();
    h.world.script.set('unban', ok(null));
    const act = () => h.api('DELETE', `/guilds/${gid}/bans/9`, { token });
    const first = await act();
    expect(first.headers.get('ratelimit-limit')).toBe('30');
    expect(first.headers.get('ratelimit-remaining')).toBe('29');
    for (let i = 1; i < 30; i++) expect((await act()).status).toBe(204);
    const refused = await act();
    expectError(refused, 429, 'rate_limited');
    expect(refused.body.retryAfterMs).toBe(200);
    expect(refused.headers.get('ratelimit-remaining')).toBe('0');
    expect((await h.api('GET', `/guilds/${gid}`, { token })).status).toBe(200);
  });
});
