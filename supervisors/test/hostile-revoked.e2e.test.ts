/**
 * H30 of protocol.md 3: somebody who loses the right to view in the middle of a busy stream, by each way
 * there is, while a healthy witness keeps chatting. SUBEND within a second, nothing later (I14).
 */
import { describe, expect, test } from 'vitest';
import { ATTACKER, useHostile } from './support/hostile.ts';
import { ENCODINGS, nowMs, type RawClient } from './support/raw-client.ts';
import { pause, until } from './support/server-process.ts';
import { OP, type WireFrame } from './support/wire.ts';

const SUBEND_MAX_MS = 1000;
/** After the SUBEND the stream goes on for this long, and none of it may arrive. */
const AFTER_MS = 400;

const hostile = useHostile();
const { fixture } = hostile;

interface Scene {
  readonly sid: number;
  readonly owner: string;
  readonly victim: { readonly id: string; readonly token: string };
}

/** What takes the right away, and what gives it back. */
const WAYS: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  'an overwrite of the member': ({ owner, sid, victim }) =>
    fixture.http.want(200, `/channels/${sid}/overwrites/${victim.id}`, {
      token: owner,
      method: 'PUT',
      body: { type: 'member', allow: '0', deny: '1' },
    }),
  'an overwrite of everyone': ({ owner, sid }) =>
    fixture.http.want(200, `/channels/${sid}/overwrites/${fixture.gid}`, {
      token: owner,
      method: 'PUT',
      body: { type: 'role', allow: '0', deny: '1' },
    }),
  'the end of the channel': ({ owner, sid }) =>
    fixture.http.want(204, `/channels/${sid}`, { token: owner, method: 'DELETE' }),
  'a kick': ({ owner, victim }) =>
    fixture.http.want(204, `/guilds/${fixture.gid}/members/${victim.id}`, {
      token: owner,
      method: 'DELETE',
    }),
};

/** Appends without a pause until told to stop. */
function chatter(client: RawClient, sid: number): { stop(): Promise<number> } {
  let isOn = true;
  let count = 0;
  const run = async (): Promise<void> => {
    while (isOn) {
      const reply = await client.append(sid, `busy-${count}`, `message ${count}`);
      if (reply[0] !== OP.ok) return;
      count += 1;
    }
  };
  const done = run();
  return {
    async stop() {
      isOn = false;
      await done;
      return count;
    },
  };
}

async function revoked(way: (scene: Scene) => Promise<unknown>, client: RawClient): Promise<void> {
  const sid = await fixture.newChannel();
  const login = fixture.user(ATTACKER);
  const victim = { id: login.id, token: login.accessToken };
  await client.sub([[sid]]);
  const writer = await fixture.client(0);
  const busy = chatter(writer, sid);
  await until('traffic', 10_000, () => (client.events(sid).length > 5 ? true : undefined));
  const ended = client.waitFor((frame) => frame[0] === OP.subend && frame[1] === sid, 'SUBEND');
  await way({ sid, owner: fixture.token(0), victim });
  const answeredAt = nowMs();
  expect(await ended).toEqual([OP.subend, sid, 301]);
  const endedAt = nowMs();
  expect(endedAt - answeredAt).toBeLessThan(SUBEND_MAX_MS);
  const seen = client.events(sid).length;
  await pause(AFTER_MS);
  await busy.stop();
  expect(client.events(sid).length).toBe(seen);
  const refused: WireFrame[] = [
    await client.request(OP.history, [sid, 0, 10, 0]),
    await client.append(sid, 'late', 'late'),
  ];
  expect(refused.map((reply) => reply[2])).toEqual([301, 301]);
  expect((await client.sub([[sid]]))[0]).toEqual([sid, 3, 0, 0, 0, 0, 0]);
  expect(client.isOpen).toBe(true);
  await hostile.witness.chats();
}

describe.each(ENCODINGS)('%s', (encoding) => {
  test.each(Object.keys(WAYS).filter((name) => name !== 'a kick'))(
    'H30: %s, SUBEND within a second and nothing later',
    async (name) => {
      await revoked(WAYS[name]!, await fixture.client(ATTACKER, encoding));
    },
    30_000,
  );
});

test('H30: a kick, SUBEND within a second and nothing later', async () => {
  await revoked(WAYS['a kick']!, await fixture.client(ATTACKER));
}, 30_000);

test('H30: a login that is ended, 4507 within a second or two and nothing later', async () => {
  const login = await fixture.http.login(`user_${ATTACKER + 1}`);
  const client = await fixture.connect();
  await client.identify(login.accessToken);
  await client.sub([[fixture.sid]]);
  const busy = chatter(await fixture.client(0), fixture.sid);
  await until('traffic', 10_000, () => (client.events(fixture.sid).length > 5 ? true : undefined));
  await fixture.http.want(204, '/auth/logout', { body: { refreshToken: login.refreshToken } });
  const { code, reason } = await client.closed;
  expect({ code, reason }).toEqual({ code: 4507, reason: 'revoked' });
  await busy.stop();
  await hostile.witness.chats();
});

hostile.verdict('H30');
