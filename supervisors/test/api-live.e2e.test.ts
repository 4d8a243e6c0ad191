/**
 * REST and socket are two ways to one thing: what is done by REST arrives as the events of protocol.md 2.5,
 * and both ways judge rights alike. And the limits of a public server, as headers say them.
 */
import { describe, expect, test } from 'vitest';
import { errorOf } from './support/api-answers.ts';
import { useServer } from './support/fixture.ts';
import type { HttpCall } from './support/http-client.ts';
import type { RawClient } from './support/raw-client.ts';
import { OP, type WireFrame } from './support/wire.ts';

const KIND = 5;
const BODY = 7;

/** The code of an ERR frame, 0 of another. */
const codeOf = (frame: WireFrame) => (frame[0] === OP.err ? Number(frame[2]) : 0);

describe('acts by REST, seen by sockets', () => {
  const fixture = useServer({ users: 3 });
  const owner = (method: string, body?: unknown): HttpCall => ({
    method,
    token: fixture.token(0),
    ...(body === undefined ? {} : { body }),
  });

  /** `[kind, ...body]` of an event. */
  const shown = (event: WireFrame): WireFrame => [event[KIND]!, ...event.slice(BODY)];

  /** Waits until `sid` has as many events, and shows them. */
  async function events(client: RawClient, sid: number, count: number): Promise<WireFrame[]> {
    while (client.events(sid).length < count) {
      await client.waitFor(([op]) => op === OP.ev || op === OP.batch, `event of ${sid}`);
    }
    return client.events(sid).map(shown);
  }

  test('messages: edit, react, take back, pin, delete are kinds 2 to 6 in order', async () => {
    const sid = await fixture.newChannel();
    const client = await fixture.client(1);
    await client.sub([[sid]]);
    const { http } = fixture;
    const path = `/channels/${sid}/messages`;
    const body = { content: 'one', nonce: 'n' };
    await http.want(201, path, { ...owner('POST'), body });
    await http.want(200, `${path}/1`, owner('PATCH', { content: 'two' }));
    await http.want(204, `${path}/1/reactions/x`, owner('PUT'));
    await http.want(204, `${path}/1/reactions/x`, owner('DELETE'));
    await http.want(204, `/channels/${sid}/pins/1`, owner('PUT'));
    await http.want(204, `${path}/1`, owner('DELETE'));
    expect(await events(client, sid, 6)).toEqual([
      [1, 'one'],
      [2, 1, 'two'],
      [4, 1, 'x'],
      [5, 1, 'x'],
      [6, 1, true],
      [3, 1],
    ]);
  });

  test('guild: channels, roles and members are kinds of the view stream', async () => {
    const client = await fixture.client(1);
    const [, , , views] = await client.ask(OP.guild, [fixture.gid]);
    const [view] = views as number[];
    await client.sub([[view!]]);
    const { http, gid } = fixture;
    const made = { name: 'new', type: 'voice' };
    const channel = await http.want<{ id: string }>(
      201,
      `/guilds/${gid}/channels`,
      owner('POST', made),
    );
    const role = await http.want<{ id: string }>(
      201,
      `/guilds/${gid}/roles`,
      owner('POST', { name: 'R' }),
    );
    const member = `/guilds/${gid}/members/${fixture.user(2).id}`;
    await http.want(200, member, owner('PATCH', { nick: 'N', roles: [role.id] }));
    await http.want(204, `/guilds/${gid}/roles/${role.id}`, owner('DELETE'));
    await http.want(204, `/channels/${channel.id}`, owner('DELETE'));
    const kinds = (await events(client, view!, 5)).map(([kind]) => kind);
    expect(kinds).toEqual(expect.arrayContaining([21, 24, 28, 25, 23]));
  });

  test('rights: what REST takes away both ways refuse, and the subscription ends', async () => {
    const sid = await fixture.newChannel();
    const { http } = fixture;
    const client = await fixture.client(1);
    await client.sub([[sid]]);
    const target = `/channels/${sid}/overwrites/${fixture.user(1).id}`;
    const mine = { token: fixture.token(1) };
    const post = () =>
      http.api(`/channels/${sid}/messages`, { ...mine, body: { content: 'x', nonce: 'n' } });
    await http.want(200, target, owner('PUT', { type: 'member', deny: '4' }));
    expect(errorOf(await post())).toEqual([403, 'forbidden']);
    expect(codeOf(await client.append(sid, 'n', 'x'))).toBe(303);
    await http.want(200, target, owner('PUT', { type: 'member', deny: '2' }));
    expect(errorOf(await http.api(`/channels/${sid}/messages`, mine))).toEqual([403, 'forbidden']);
    expect(codeOf(await client.request(OP.history, [sid, 0, 1, 0]))).toBe(302);
    const ended = client.first(OP.subend);
    await http.want(200, target, owner('PUT', { type: 'member', deny: '1' }));
    expect(await ended).toEqual([OP.subend, sid, 301]);
    expect(errorOf(await post())).toEqual([404, 'not_found']);
    expect(errorOf(await http.api(`/channels/${sid}/messages`, mine))).toEqual([404, 'not_found']);
    expect(codeOf(await client.append(sid, 'n', 'x'))).toBe(301);
  });

  test('slow mode: 421 on the socket is 429 with its wait by REST', async () => {
    const sid = await fixture.newChannel();
    const { http } = fixture;
    await http.want(200, `/channels/${sid}`, owner('PATCH', { slowModeS: 600 }));
    const send = (nonce: string) =>
      http.api(`/channels/${sid}/messages`, {
        token: fixture.token(1),
        body: { content: 'x', nonce },
      });
    expect((await send('a')).status).toBe(201);
    const refused = await send('b');
    expect(errorOf(refused)).toEqual([429, 'rate_limited']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(500);
    expect((await send('a')).status).toBe(200);
    const client = await fixture.client(1);
    expect(codeOf(await client.append(sid, 'c', 'x'))).toBe(421);
  });
});

describe('limits of a public server', () => {
  const fixture = useServer({ users: 2, env: { DRIFTWAY_LIMITS: 'public' } });

  test('each limit answers 429 with Retry-After and its own RateLimit headers', async () => {
    const { http, gid, sid } = fixture;
    // Two users, so that the general limit of 100 does not come first.
    const cases: [number, string, HttpCall][] = [
      [5, `/channels/${sid}/messages/999`, { token: fixture.token(0), method: 'DELETE' }],
      [30, `/guilds/${gid}/bans/5`, { token: fixture.token(0), method: 'DELETE' }],
      [40, `/guilds/${gid}/audit`, { token: fixture.token(1) }],
    ];
    for (const [burst, path, call] of cases) {
      const sent = Array.from({ length: 2 * burst }, () => http.api(path, call));
      const answers = await Promise.all(sent);
      const refused = answers.filter(({ status }) => status === 429);
      expect([path, refused.length > 0]).toEqual([path, true]);
      for (const { headers, body } of refused) {
        const { retryAfterMs } = body as { retryAfterMs: number };
        expect(headers['retry-after']).toBe(String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
        expect(['ratelimit-limit', 'ratelimit-remaining'].map((name) => headers[name])).toEqual([
          String(burst),
          '0',
        ]);
        expect(Number(headers['ratelimit-reset'])).toBeGreaterThan(0);
      }
      expect(answers.length - refused.length).toBeGreaterThanOrEqual(burst);
    }
  });
});
