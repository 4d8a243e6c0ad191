/** The rows of api.md about guilds, channels, invites, members and messages, tried from outside, error paths included. */
import { describe, expect, test } from 'vitest';
import { errorOf, unique } from './support/api-answers.ts';
import { useServer } from './support/fixture.ts';
import type { HttpCall } from './support/http-client.ts';
import { OP } from './support/wire.ts';

const fixture = useServer({ users: 3 });
const ABSENT = '4503599627370495';

const owner = () => fixture.token(0);
const member = () => fixture.token(1);
const refused = async (path: string, call: HttpCall = {}) =>
  errorOf(await fixture.http.api(path, call));

describe('guilds and channels', () => {
  test('a guild: made with one channel, read by members, changed and deleted by the owner', async () => {
    const guild = await fixture.http.want<Record<string, unknown>>(201, '/guilds', {
      token: owner(),
      body: { name: 'Gärten' },
    });
    expect(guild).toEqual({
      id: expect.stringMatching(/^\d+$/),
      name: 'Gärten',
      ownerId: fixture.user(0).id,
      createdAt: expect.any(Number),
    });
    const path = `/guilds/${guild.id}`;
    type List = { items: Record<string, unknown>[] };
    const list = await fixture.http.want<List>(200, `${path}/channels`, { token: owner() });
    expect(list).toEqual({
      items: [
        {
          id: expect.any(String),
          guildId: guild.id,
          name: 'general',
          type: 'text',
          topic: null,
          position: expect.any(Number),
          slowModeS: 0,
          overwrites: [],
          parentId: null,
          startSeq: null,
          voice: null,
        },
      ],
      next: null,
    });
    expect(await fixture.http.want(200, path, { token: owner() })).toEqual(guild);
    // A stranger sees what does not exist.
    for (const call of [{}, { method: 'PATCH', body: { name: 'x' } }, { method: 'DELETE' }]) {
      expect(await refused(path, { token: member(), ...call })).toEqual([404, 'not_found']);
      expect(await refused(`/guilds/${ABSENT}`, { token: member(), ...call })).toEqual([
        404,
        'not_found',
      ]);
    }
    expect(await refused(`${path}/channels`, { token: member() })).toEqual([404, 'not_found']);
    await fixture.http.join(owner(), Number(guild.id), [member()]);
    expect(await fixture.http.want(200, path, { token: member() })).toEqual(guild);
    expect(await refused(path, { token: member(), method: 'PATCH', body: { name: 'x' } })).toEqual([
      403,
      'forbidden',
    ]);
    expect(await refused(path, { token: member(), method: 'DELETE' })).toEqual([403, 'forbidden']);
    expect(await refused(path, { token: owner(), method: 'PATCH', body: { name: '' } })).toEqual([
      422,
      'invalid',
      'name',
    ]);
    const renamed = await fixture.http.want(200, path, {
      token: owner(),
      method: 'PATCH',
      body: { name: 'Neu' },
    });
    expect(renamed).toEqual({ ...guild, name: 'Neu' });
    await fixture.http.want(204, path, { token: owner(), method: 'DELETE' });
    expect(await refused(path, { token: owner() })).toEqual([404, 'not_found']);
    const sid = list.items[0]!.id;
    expect(await refused(`/channels/${sid}/messages`, { token: owner() })).toEqual([
      404,
      'not_found',
    ]);
  });

  test('names: 1 to 64 visible characters, NFC', async () => {
    const make = (name: unknown) => fixture.http.api('/guilds', { token: owner(), body: { name } });
    const composed = (await make('e\u0301')).body as { name: string };
    expect(composed.name).toBe('\u00e9');
    expect((await make('x'.repeat(64))).status).toBe(201);
    for (const bad of ['', '   ', 'x'.repeat(65), 'a\u0000b', 'a\nb', 7, null]) {
      expect(errorOf(await make(bad))).toEqual([422, 'invalid', 'name']);
    }
  });

  test('channels: made, changed and deleted by the owner only', async () => {
    const path = `/guilds/${fixture.gid}/channels`;
    const channel = await fixture.http.want<Record<string, unknown>>(201, path, {
      token: owner(),
      body: { name: 'talk', topic: 'about it' },
    });
    expect(channel).toEqual({
      id: expect.any(String),
      guildId: String(fixture.gid),
      name: 'talk',
      type: 'text',
      topic: 'about it',
      position: expect.any(Number),
      slowModeS: 0,
      overwrites: [],
      parentId: null,
      startSeq: null,
      voice: null,
    });
    expect(await refused(path, { token: member(), body: { name: 'x' } })).toEqual([
      403,
      'forbidden',
    ]);
    expect(await refused(path, { token: owner(), body: { name: 'x', type: 'opera' } })).toEqual([
      422,
      'invalid',
      'type',
    ]);
    const one = `/channels/${channel.id}`;
    const patch = { method: 'PATCH', token: owner() };
    const changed = await fixture.http.want(200, one, {
      ...patch,
      body: { name: 'talks', topic: 'new', position: 5 },
    });
    expect(changed).toEqual({ ...channel, name: 'talks', topic: 'new', position: 5 });
    expect(await refused(one, { ...patch, body: { position: -1 } })).toEqual([
      422,
      'invalid',
      'position',
    ]);
    expect(await refused(one, { method: 'PATCH', token: member(), body: { name: 'x' } })).toEqual([
      403,
      'forbidden',
    ]);
    expect(await refused(one, { method: 'DELETE', token: member() })).toEqual([403, 'forbidden']);
    const stranger = (await fixture.http.register(unique('stranger'))).accessToken;
    expect(await refused(one, { method: 'DELETE', token: stranger })).toEqual([404, 'not_found']);
    await fixture.http.want(204, one, { method: 'DELETE', token: owner() });
    expect(await refused(one, { method: 'DELETE', token: owner() })).toEqual([404, 'not_found']);
    const names = await fixture.http.want<{ items: { id: string }[] }>(200, path, {
      token: member(),
    });
    expect(names.items.some((item) => item.id === channel.id)).toBe(false);
  });

  test('ids in paths: 400 or 404 for what is no id, never 500', async () => {
    for (const id of ['x', '-1', '1e3', '0', '99999999999999999999', '%00', '1.5']) {
      const [status] = await refused(`/guilds/${id}`, { token: owner() });
      expect([400, 404]).toContain(status);
    }
  });
});

describe('invites and members', () => {
  test('an invite: made by any member, looked at without a token, used, used up', async () => {
    const token = (await fixture.http.register(unique('host'))).accessToken;
    const { gid } = await fixture.http.guild(token, 1);
    const invite = await fixture.http.want<Record<string, unknown>>(201, `/guilds/${gid}/invites`, {
      token,
      body: { maxUses: 1 },
    });
    expect(Object.keys(invite).sort()).toEqual([
      'code',
      'expiresAt',
      'guildId',
      'maxUses',
      'url',
      'uses',
    ]);
    expect(invite).toMatchObject({ guildId: String(gid), maxUses: 1, uses: 0 });
    expect(String(invite.url)).toContain(String(invite.code));
    const path = `/invites/${invite.code}`;
    const seen = await fixture.http.want(200, path);
    expect(seen).toEqual({
      code: invite.code,
      guild: { id: String(gid), name: 'Test', memberCount: 1 },
    });
    expect(await refused(path, { method: 'POST' })).toEqual([401, 'unauthorized']);
    const guest = (await fixture.http.register(unique('guest'))).accessToken;
    const joined = await fixture.http.want<{ guild: { id: string } }>(200, path, {
      method: 'POST',
      token: guest,
    });
    expect(joined.guild.id).toBe(String(gid));
    expect(await fixture.http.want(200, path, { method: 'POST', token: guest })).toEqual(joined);
    const late = (await fixture.http.register(unique('late'))).accessToken;
    expect(await refused(path, { method: 'POST', token: late })).toEqual([410, 'invite_expired']);
    expect(await refused(path)).toEqual([410, 'invite_expired']);
    expect(await refused('/invites/doesnotexist')).toEqual([404, 'not_found']);
    expect(await refused('/invites/doesnotexist', { method: 'POST', token: late })).toEqual([
      404,
      'not_found',
    ]);
    expect(await refused(`/guilds/${gid}/invites`, { token: late, body: {} })).toEqual([
      404,
      'not_found',
    ]);
  });

  test('maxAgeS: seven days by default, 0 for ever, nonsense refused', async () => {
    const make = (body: object) =>
      fixture.http.api(`/guilds/${fixture.gid}/invites`, { token: member(), body });
    const usual = (await make({})).body as { expiresAt: number; maxUses: number | null };
    const short = (await make({ maxAgeS: 60 })).body as { expiresAt: number };
    expect(Math.round((usual.expiresAt - short.expiresAt) / 60_000)).toBe(7 * 24 * 60 - 1);
    expect(usual.maxUses).toBeNull();
    expect(((await make({ maxAgeS: 0 })).body as { expiresAt: unknown }).expiresAt).toBeNull();
    expect(errorOf(await make({ maxAgeS: -1 }))).toEqual([422, 'invalid', 'maxAgeS']);
    expect(errorOf(await make({ maxUses: 1.5 }))).toEqual([422, 'invalid', 'maxUses']);
  });

  test('members: listed in pages, leave; the owner must stay', async () => {
    const path = `/guilds/${fixture.gid}/members`;
    interface Page {
      items: { user: { id: string } }[];
      next: string | null;
    }
    const all = await fixture.http.want<Page>(200, path, { token: member() });
    expect(all.items).toHaveLength(3);
    expect(all.next).toBeNull();
    expect(Object.keys(all.items[0]!).sort()).toEqual(['joinedAt', 'nick', 'roles', 'user']);
    const ids: string[] = [];
    for (let after: string | null = ''; after !== null; ) {
      const query: string =
        after === '' ? '?limit=2' : `?limit=2&after=${encodeURIComponent(after)}`;
      const page: Page = await fixture.http.want<Page>(200, `${path}${query}`, { token: member() });
      ids.push(...page.items.map((item) => item.user.id));
      after = page.next;
    }
    expect(ids).toEqual(all.items.map((item) => item.user.id));
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=1.5']) {
      expect(await refused(`${path}?${query}`, { token: member() })).toEqual([
        400,
        'bad_request',
        'limit',
      ]);
    }
    expect(await refused(`${path}/@me`, { method: 'DELETE', token: owner() })).toEqual([
      409,
      'owner_must_transfer',
    ]);
    const leaver = (await fixture.http.register(unique('leaver'))).accessToken;
    await fixture.http.join(owner(), fixture.gid, [leaver]);
    await fixture.http.want(204, `${path}/@me`, { method: 'DELETE', token: leaver });
    expect(await refused(path, { token: leaver })).toEqual([404, 'not_found']);
    expect(await refused(`${path}/@me`, { method: 'DELETE', token: leaver })).toEqual([
      404,
      'not_found',
    ]);
  });
});

describe('messages', () => {
  const post = (sid: number, body: object, token = owner()) =>
    fixture.http.api(`/channels/${sid}/messages`, { token, body });

  test('post and read: the same numbers as on the socket, nonces shared with it', async () => {
    const sid = await fixture.newChannel();
    const socket = await fixture.client(1);
    await socket.sub([[sid]]);
    const answer = await post(sid, { content: 'over REST', nonce: 'rest-1' });
    expect(answer.status).toBe(201);
    const event = await socket.first(OP.ev);
    const [, , epoch, seq, ts] = event;
    const message = {
      channelId: String(sid),
      seq,
      epoch,
      ts,
      kind: 1,
      authorId: fixture.user(0).id,
      content: 'over REST',
      replyTo: null,
      editedAt: null,
      reactions: [],
      attachments: [],
    };
    expect(answer.body).toEqual(message);
    const again = await post(sid, { content: 'over REST', nonce: 'rest-1' });
    expect([again.status, again.body]).toEqual([200, message]);
    expect(errorOf(await post(sid, { content: 'other', nonce: 'rest-1' }))).toEqual([
      409,
      'nonce_reused',
    ]);
    const own = await fixture.client(0);
    expect((await own.append(sid, 'rest-1', 'over REST')).slice(2)).toEqual([epoch, seq, ts, true]);
    expect((await own.append(sid, 'rest-1', 'other'))[2]).toBe(311);
    const sent = await own.append(sid, 'socket-1', 'over the socket');
    const repeated = await post(sid, { content: 'over the socket', nonce: 'socket-1' });
    expect([repeated.status, (repeated.body as { seq: number }).seq]).toEqual([200, sent[3]]);
    const reply = (await post(sid, { content: 'reply', nonce: 'rest-2', replyTo: 1 })).body as {
      replyTo: number;
    };
    expect(reply.replyTo).toBe(1);
  });

  test('post: what is wrong with a message is 422 with its field', async () => {
    const sid = fixture.sid;
    const bad = async (body: object) => errorOf(await post(sid, body));
    expect(await bad({ nonce: 'n1' })).toEqual([422, 'invalid', 'content']);
    expect(await bad({ content: '', nonce: 'n1' })).toEqual([422, 'invalid', 'content']);
    expect(await bad({ content: 'a\u0000', nonce: 'n1' })).toEqual([422, 'invalid', 'content']);
    expect(await bad({ content: 'x'.repeat(4001), nonce: 'n1' })).toEqual([
      422,
      'invalid',
      'content',
    ]);
    expect(await bad({ content: 'x' })).toEqual([422, 'invalid', 'nonce']);
    expect(await bad({ content: 'x', nonce: 'a b' })).toEqual([422, 'invalid', 'nonce']);
    expect(await bad({ content: 'x', nonce: 'n'.repeat(37) })).toEqual([422, 'invalid', 'nonce']);
    expect(await bad({ content: 'x', nonce: 'n1', replyTo: 'x' })).toEqual([
      422,
      'invalid',
      'replyTo',
    ]);
    expect(await bad({ content: 'x', nonce: 'n1', extra: 1 })).toEqual([422, 'invalid', 'extra']);
    expect((await bad({ content: 'x', nonce: 'n1', replyTo: 99_999 }))[0]).toBe(422);
    expect(errorOf(await post(Number(ABSENT), { content: 'x', nonce: 'n1' }))).toEqual([
      404,
      'not_found',
    ]);
    const stranger = (await fixture.http.register(unique('stranger'))).accessToken;
    expect(errorOf(await post(sid, { content: 'x', nonce: 'n1' }, stranger))).toEqual([
      404,
      'not_found',
    ]);
    expect(await refused(`/channels/${sid}/messages`, { token: stranger })).toEqual([
      404,
      'not_found',
    ]);
  });

  test('read: anchors, limits, edits and reactions folded in, deleted ones left out', async () => {
    const sid = await fixture.newChannel();
    const a = await fixture.client(0);
    for (let i = 1; i <= 6; i += 1) await a.ask(OP.append, [sid, `m${i}`, 1, `m${i}`]);
    await a.ask(OP.append, [sid, 'edit', 2, 2, 'm2 edited']);
    await a.ask(OP.append, [sid, 'delete', 3, 4]);
    await a.ask(OP.append, [sid, 'react', 4, 1, '\u{1f44d}']);
    interface Page {
      epoch: number;
      first: number;
      head: number;
      items: { seq: number; content: string; editedAt: number | null; reactions: unknown[] }[];
    }
    const read = (query: string) =>
      fixture.http.want<Page>(200, `/channels/${sid}/messages${query}`, { token: member() });
    const seqs = async (query: string) => (await read(query)).items.map((item) => item.seq);
    const all = await read('');
    expect([all.first, all.head]).toEqual([1, 9]);
    expect(all.items.map((item) => item.seq)).toEqual([1, 2, 3, 5, 6]);
    expect(all.items[1]).toMatchObject({ content: 'm2 edited', editedAt: expect.any(Number) });
    expect(all.items[0]!.reactions).toHaveLength(1);
    expect(await seqs('?limit=2')).toEqual([5, 6]);
    expect(await seqs('?before=5&limit=2')).toEqual([2, 3]);
    expect(await seqs('?after=2&limit=2')).toEqual([3, 5]);
    expect(await seqs('?after=0')).toEqual([1, 2, 3, 5, 6]);
    expect(await seqs('?around=3&limit=3')).toEqual([2, 3, 5]);
    for (const query of ['limit=0', 'limit=101', 'limit=x']) {
      expect(await refused(`/channels/${sid}/messages?${query}`, { token: member() })).toEqual([
        400,
        'bad_request',
        'limit',
      ]);
    }
    expect(await refused(`/channels/${sid}/messages?before=x`, { token: member() })).toEqual([
      400,
      'bad_request',
      'before',
    ]);
    expect(
      (await refused(`/channels/${sid}/messages?before=5&after=1`, { token: member() }))[0],
    ).toBe(400);
    expect((await refused(`/channels/${sid}/messages?color=1`, { token: member() }))[0]).toBe(400);
  });
});
