/**
 * Sessions over two gateway threads and over the loss of what keeps them (protocol.md 2.6, 2.13): who is
 * fenced, who is not, and that the bound on a user's connections outlives the shard that counts them.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { FaultServer } from './support/fault-control.ts';
import { foreignAddress } from './support/hostile.ts';
import { HttpClient, type Login } from './support/http-client.ts';
import { RawClient } from './support/raw-client.ts';
import { until } from './support/server-process.ts';
import { OP, type WireValue } from './support/wire.ts';

const PER_USER_MAX = 10;
const FENCES = 12;

const servers: FaultServer[] = [];
const clients: RawClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.cut();
  for (const server of servers.splice(0)) await server.dispose();
});

async function begin(env: Readonly<Record<string, string>>): Promise<{
  readonly server: FaultServer;
  readonly login: Login;
}> {
  const server = await FaultServer.start(env);
  servers.push(server);
  const http = new HttpClient(server.process.port);
  const login = await http.register('alice');
  http.close();
  return { server, login };
}

/** Each from an address of its own: the kernel spreads them over the gateway threads. */
async function open(server: FaultServer): Promise<RawClient> {
  const localAddress = foreignAddress(clients.length);
  const client = await RawClient.open({ port: server.process.port, localAddress });
  clients.push(client);
  await client.first(OP.hello);
  return client;
}

async function session(server: FaultServer, login: Login): Promise<RawClient> {
  const client = await open(server);
  await client.identify(login.accessToken);
  return client;
}

/** The code of a connection that is one too many. */
async function refused(server: FaultServer, login: Login, resume: WireValue): Promise<number> {
  const client = await open(server);
  client.send([OP.identify, 1, login.accessToken, null, 'x', 0, resume]);
  return (await client.closed).code;
}

describe('sessions on two gateway threads', () => {
  test('resume again and again, over both: the one before is closed with 4505, the newest lives', async () => {
    const { login, server } = await begin({});
    let held = await session(server, login);
    const [id, key, first] = held.received()[1]!.slice(2) as [string, string, number];
    let connNo = first;
    for (let i = 0; i < FENCES; i += 1) {
      const next = await open(server);
      const result = await next.identify(login.accessToken, [id, key]);
      expect([result[0], result[1]]).toEqual([id, key]);
      expect(result[2]).toBeGreaterThan(connNo);
      connNo = result[2] as number;
      const { code, reason } = await held.closed;
      expect({ code, reason }).toEqual({ code: 4505, reason: 'session_replaced' });
      held = next;
    }
    expect((await held.request(OP.time, []))[0]).toBe(OP.ok);
  }, 60_000);

  test('two that resume at once: one of them lives, the session is one', async () => {
    const { login, server } = await begin({});
    const old = await session(server, login);
    const [id, key] = old.received()[1]!.slice(2) as [string, string];
    const rivals = await Promise.all([open(server), open(server), open(server)]);
    await Promise.allSettled(rivals.map((one) => one.identify(login.accessToken, [id, key])));
    await until('one of them to be left', 5000, () =>
      rivals.filter((one) => one.isOpen).length === 1 ? true : undefined,
    );
    expect(old.isOpen).toBe(false);
    const [left] = rivals.filter((one) => one.isOpen);
    expect((await left!.request(OP.time, []))[0]).toBe(OP.ok);
  }, 60_000);
});

describe('the bound on the connections of a user', () => {
  test('ten, also after the shard that counts them was lost; room when one goes', async () => {
    const { login, server } = await begin({ DRIFTWAY_LIMITS: 'public' });
    const held: RawClient[] = [];
    for (let i = 0; i < PER_USER_MAX; i += 1) held.push(await session(server, login));
    expect(await refused(server, login, null)).toBe(4508);
    for (const slot of ['shard-0', 'shard-1']) {
      const before = await server.incarnation(slot);
      await server.do({ op: 'terminate', slot });
      await until(`another ${slot}`, 20_000, async () =>
        (await server.incarnation(slot)) > before ? true : undefined,
      );
    }
    for (const client of held) expect((await client.request(OP.time, []))[0]).toBe(OP.ok);
    // At once, before anybody could have told the new shard who is there.
    expect(await refused(server, login, null)).toBe(4508);
    held[0]!.socket.close(1000);
    await held[0]!.closed;
    await until('room', 5000, async () => {
      const client = await open(server);
      client.send([OP.identify, 1, login.accessToken, null, 'x', 0, null]);
      const answer = await client.waitFor((frame) => frame[1] === 1, 'the answer');
      return answer[0] === OP.ok ? true : undefined;
    });
  }, 90_000);
});
