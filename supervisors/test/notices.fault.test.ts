/**
 * kill -9 of the real server process between the commit of a message and what follows from it: mentions
 * come once, in the inbox of somebody who never looks at the channel, and read markers never go back.
 */
import { afterEach, expect, test } from 'vitest';
import { HttpClient, type Login } from './support/http-client.ts';
import { nowMs, RawClient } from './support/raw-client.ts';
import { pause, ServerProcess, until } from './support/server-process.ts';
import { OP } from './support/wire.ts';

const ENV = {
  DRIFTWAY_LIMITS: 'trusted',
  DRIFTWAY_HEART: 'off',
  DRIFTWAY_GATEWAY_THREADS: '1',
  DRIFTWAY_SHARD_THREADS: '2',
};
const KILLS = 3;
const KIND_MENTION = 44;
const MARK = 37;

const servers: ServerProcess[] = [];
const clients: HttpClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const server of servers.splice(0)) await server.dispose();
});

async function start(of?: ServerProcess): Promise<ServerProcess> {
  const again = of === undefined ? {} : { port: of.port, dataDir: of.dataDir };
  const server = await ServerProcess.start({ env: ENV, ...again });
  servers.unshift(server);
  return server;
}

interface Home {
  readonly http: HttpClient;
  readonly owner: Login;
  readonly member: Login;
  readonly sid: number;
}

/** A guild of two with one channel. */
async function home(port: number): Promise<Home> {
  const http = new HttpClient(port);
  clients.push(http);
  const [owner, member] = [await http.register('owner'), await http.register('member')];
  const { gid, sids } = await http.guild(owner.accessToken, 1);
  await http.join(owner.accessToken, gid, [member.accessToken]);
  return { http, owner, member, sid: sids[0] as number };
}

async function connected(port: number, { accessToken }: Login): Promise<RawClient> {
  const client = await RawClient.open({ port });
  await client.identify(accessToken);
  return client;
}

/** Seqs of the mentions of one channel in the own inbox. */
async function mentions(client: RawClient, sid: number): Promise<number[]> {
  const result = await client.ask(OP.history, [client.userSid, 0, 200, 0]);
  const events = result[3] as (readonly unknown[])[];
  return events
    .filter((event) => event[5] === KIND_MENTION && event[7] === sid)
    .map((event) => event[8] as number);
}

test(`server: SIGKILL ${KILLS} times at the OK of a mention, each comes once, nobody opens the channel`, async () => {
  let server = await start();
  const { owner, member, sid } = await home(server.port);
  const wanted: number[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const writer = await connected(server.port, owner);
    const reply = await writer.append(sid, `n-${kill}`, `hello <@${member.id}>`);
    expect(reply[0]).toBe(OP.ok);
    wanted.push(reply[3] as number);
    await server.killServer();
    server = await start(server);
    const reader = await connected(server.port, member);
    await until('the mention', 15_000, async () => {
      return (await mentions(reader, sid)).length >= wanted.length || undefined;
    });
    expect(await mentions(reader, sid)).toEqual(wanted);
  }
}, 120_000);

test('server: SIGKILL while somebody reads on, the marker is at most 2 s behind and never goes back', async () => {
  let server = await start();
  const { http, owner, member, sid } = await home(server.port);
  const writer = await connected(server.port, owner);
  for (let i = 0; i < 40; i += 1) await writer.append(sid, `n-${i}`, 'x');
  const reader = await connected(server.port, member);
  const acknowledged: { readonly at: number; readonly seq: number }[] = [];
  for (let seq = 1; seq <= 30; seq += 1) {
    const [holds] = await reader.ask(MARK, [sid, seq]);
    expect(holds).toBe(seq);
    acknowledged.push({ at: nowMs(), seq });
    await pause(100);
  }
  const killedAt = nowMs();
  await server.killServer();
  server = await start(server);
  const path = `/channels/${sid}/marker`;
  const { seq } = await http.want<{ seq: number }>(200, path, { token: member.accessToken });
  const safe = acknowledged.filter(({ at }) => at <= killedAt - 2000).at(-1)?.seq ?? 0;
  expect(seq).toBeGreaterThanOrEqual(safe);
  const again = await connected(server.port, member);
  expect(await again.ask(MARK, [sid, 1])).toEqual([seq]);
}, 60_000);
