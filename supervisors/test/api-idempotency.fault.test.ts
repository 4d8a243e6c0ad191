/**
 * Idempotency-Key across gateway threads, kill -9 and restart: no key has two effects, what was answered
 * is answered again, and what nobody can know is said to be unknown.
 */
import { afterEach, expect, test } from 'vitest';
import { type HttpAnswer, HttpClient } from './support/http-client.ts';
import { Seeded } from './support/seeded.ts';
import { pause, ServerProcess } from './support/server-process.ts';

const ENV = {
  DRIFTWAY_HEART: 'off',
  DRIFTWAY_LIMITS: 'trusted',
  DRIFTWAY_GATEWAY_THREADS: '2',
  DRIFTWAY_SHARD_THREADS: '2',
};
const KILLS = 2;

interface GuildAnswer {
  readonly id: string;
  readonly name: string;
  readonly code?: string;
}

const servers: ServerProcess[] = [];
const clients: HttpClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const server of servers.splice(0)) await server.dispose();
});

async function start(
  reuse: { port?: number; dataDir?: string } = {},
): Promise<{ server: ServerProcess; http: HttpClient }> {
  const server = await ServerProcess.start({ env: ENV, ...reuse });
  servers.unshift(server);
  const http = new HttpClient(server.port, 8);
  clients.push(http);
  return { server, http };
}

function make(http: HttpClient, token: string, name: string): Promise<HttpAnswer> {
  const headers = { 'idempotency-key': name };
  return http.api('/guilds', { method: 'POST', token, headers, body: { name } });
}

/** Names of all guilds of the caller, sorted. */
async function names(http: HttpClient, token: string): Promise<string[]> {
  const all: string[] = [];
  for (let next: string | null = '0'; next !== null; ) {
    const page: { items: GuildAnswer[]; next: string | null } = await http.want(
      200,
      `/users/@me/guilds?after=${next}`,
      { token },
    );
    all.push(...page.items.map((guild) => guild.name));
    next = page.next;
  }
  return all.sort();
}

test('one key, many connections and two gateway threads: one guild, one answer', async () => {
  const { http } = await start();
  const { accessToken: token } = await http.register('many');
  const answers = await Promise.all(Array.from({ length: 24 }, () => make(http, token, 'only')));
  const made = answers.filter(({ status }) => status === 201);
  const waited = answers.filter(({ status }) => status === 409);
  expect(made.length).toBeGreaterThan(0);
  expect(made.length + waited.length).toBe(answers.length);
  expect(new Set(made.map(({ text }) => text)).size).toBe(1);
  expect(made.filter(({ headers }) => headers['idempotent-replayed'] === undefined)).toHaveLength(
    1,
  );
  for (const { body } of waited) expect(body).toMatchObject({ code: 'idempotency_in_progress' });
  expect(await names(http, token)).toEqual(['only']);
});

test(`kill -9 under keyed requests, ${KILLS} times: no key has two effects, answers hold`, async () => {
  const chance = Seeded.forTest('idempotency');
  let { server, http } = await start();
  const { accessToken: token } = await http.register('killed');
  const answered = new Map<string, string>();
  const asked: string[] = [];
  for (let round = 0; round < KILLS; round += 1) {
    const running = Array.from({ length: 12 }, async (_, i) => {
      const name = `r${round}-${i}`;
      asked.push(name);
      const answer = await make(http, token, name).catch(() => undefined);
      if (answer?.status === 201) answered.set(name, answer.text);
    });
    await pause(chance.between(2, 40));
    await server.killServer();
    await Promise.all(running);
    ({ server, http } = await start({ port: server.port, dataDir: server.dataDir }));
  }
  const unknown: string[] = [];
  const repeats = await Promise.all(
    asked.map(async (name) => ({ name, answer: await make(http, token, name) })),
  );
  for (const { name, answer } of repeats) {
    const first = answered.get(name);
    if (first !== undefined) {
      expect([name, answer.status, answer.text]).toEqual([name, 201, first]);
      expect(answer.headers['idempotent-replayed']).toBe('true');
    } else if (answer.status !== 201) {
      expect([409, 503]).toContain(answer.status);
      unknown.push(name);
    }
  }
  const there = await names(http, token);
  expect(new Set(there).size).toBe(there.length);
  const certain = asked.filter((name) => !unknown.includes(name));
  expect(there).toEqual(expect.arrayContaining(certain));
});
