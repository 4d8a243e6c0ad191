/** The Unix socket of a real server: who is greeted, verbs, topics, the audit log over a crash, limits, and the end. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HttpClient } from '../../test/support/http-client.ts';
import { ServerProcess, until } from '../../test/support/server-process.ts';
import { signedToken } from '../../test/support/signed-token.ts';
import type { ChainedEntry } from '../audit-chain.ts';
import { AdminClient, type AdminEvent } from '../index.ts';
import { ADMIN_LIMITS } from '../limits.ts';
import { RawAdmin, Refused } from './raw-admin.ts';

const ENV = { DRIFTWAY_HEART: 'off', DRIFTWAY_LIMITS: 'trusted', DRIFTWAY_LOG_LEVEL: 'debug' };

let server: ServerProcess;
const clients: AdminClient[] = [];

beforeAll(async () => {
  server = await ServerProcess.start({ env: ENV });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(() => server.dispose());

const socketPath = (of = server): string => join(of.dataDir, 'admin.sock');
const unixUrl = (path = '/admin'): string => `ws+unix:${socketPath()}:${path}`;

async function connect(of = server): Promise<AdminClient> {
  const client = await AdminClient.connect({ socketPath: socketPath(of), client: 'test' });
  clients.push(client);
  return client;
}

/** Asks for an upgrade, and is gone in the same moment. */
function leaveEarly([path, headers]: readonly string[]): Promise<void> {
  const key = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n';
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath(), () => {
      socket.write(
        `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n${key}${headers}\r\n`,
        () => socket.destroy(),
      );
    });
    socket.on('error', reject);
    socket.on('close', () => resolve());
  });
}

/** Subscribes and collects. */
async function watch(client: AdminClient, topic: string, options: object = {}) {
  const events: AdminEvent[] = [];
  const subscription = await client.subscribe(topic, options, (event) => events.push(event));
  const first = (fits: (event: AdminEvent) => boolean): Promise<AdminEvent> =>
    until(`an event of ${topic}`, 10_000, () => events.find(fits));
  return { events, subscription, first };
}

interface AuditPage {
  readonly entries: readonly ChainedEntry[];
  readonly newest: number;
  readonly next: number | null;
}

describe('the door', () => {
  test('clients that are gone before their answer, at the first connection too: the server lives', async () => {
    const protocol = 'sec-websocket-protocol: driftway.admin.v1.mp\r\n';
    const wanted = [
      ['/other', protocol],
      ['/admin', ''],
      ['/admin', protocol],
    ];
    await Promise.all(Array.from({ length: 8 }, () => wanted.map(leaveEarly)).flat());
    const client = await connect();
    await Promise.all(Array.from({ length: 8 }, () => wanted.map(leaveEarly)).flat());
    expect(await client.call('node')).toMatchObject({ pid: server.serverPid });
    expect(server.child.exitCode).toBeNull();
  });

  test('admin.sock: belongs to the owner alone', () => {
    expect(statSync(socketPath()).mode & 0o777).toBe(0o600);
  });

  test.each(['mp', 'json'] as const)(
    'HELLO over %s: says what there is, wants no token',
    async (encoding) => {
      const raw = await RawAdmin.open({ url: unixUrl(), encoding });
      const hello = await raw.frame(([op]) => op === 96);
      expect(hello[1]).toMatchObject({ v: 1, node: 'n1', pid: server.serverPid, auth: false });
      const { topics, verbs } = hello[1] as { topics: string[]; verbs: { name: string }[] };
      expect(verbs.map(({ name }) => name)).toEqual(expect.arrayContaining(['node', 'audit']));
      expect(topics).toEqual(expect.arrayContaining(['tree', 'reports', 'log', 'rates', 'audit']));
      raw.cut();
    },
  );

  test('another path or subprotocol: refused', async () => {
    await expect(RawAdmin.open({ url: unixUrl('/other') })).rejects.toMatchObject({ status: 404 });
    const wrong = RawAdmin.open({ url: unixUrl(), protocols: ['driftway.v1.mp'] });
    await expect(wrong).rejects.toBeInstanceOf(Refused);
  });

  test('plain HTTP: 426', async () => {
    const status = await new Promise((resolve, reject) => {
      request({ socketPath: socketPath(), path: '/admin' }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(426);
  });

  test('nobody there: unreachable', async () => {
    const nowhere = AdminClient.connect({ socketPath: join(server.dataDir, 'none.sock') });
    await expect(nowhere).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('verbs and topics', () => {
  test('node: tells of this process', async () => {
    const client = await connect();
    expect(await client.call('node')).toMatchObject({ node: 'n1', pid: server.serverPid });
  });

  test('describe: every verb and topic of HELLO with what it takes', async () => {
    const client = await connect();
    interface Described {
      readonly name: string;
      readonly args?: { readonly type: string };
      readonly options?: { readonly type: string };
    }
    const { topics, verbs } = await client.call<{ verbs: Described[]; topics: Described[] }>(
      'describe',
    );
    expect(verbs.map(({ name }) => name)).toEqual(client.hello.verbs.map(({ name }) => name));
    expect(topics.map(({ name }) => name)).toEqual(client.hello.topics);
    expect(await client.call('describe', { name: 'audit' })).toMatchObject({
      verbs: [{ args: { type: 'object', properties: { limit: { maximum: 200 } } } }],
      topics: [{ name: 'audit', onSlow: 'drop' }],
    });
    await expect(client.call('describe', { name: 'nothing' })).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  test('wrong requests: named codes, the connection stays', async () => {
    const client = await connect();
    const code = (asked: Promise<unknown>) =>
      asked.then(
        () => 'ok',
        (error) => error.code,
      );
    expect(await code(client.call('no-such-verb'))).toBe('unknown_verb');
    expect(await code(client.call('audit', { limit: 0 }))).toBe('invalid');
    expect(await code(client.call('audit', { unknown: 1 }))).toBe('invalid');
    expect(await code(client.call('audit', 'text'))).toBe('invalid');
    expect(await code(client.subscribe('no-such-topic', {}, () => undefined))).toBe('not_found');
    expect(await code(client.subscribe('log', { level: 'loud' }, () => undefined))).toBe('invalid');
    expect(await client.call('node')).toMatchObject({ node: 'n1' });
  });

  test('reports: the last ones first', async () => {
    const client = await connect();
    const { first } = await watch(client, 'reports', { last: 100 });
    const event = await first(({ data }) => (data as { kind: string }).kind === 'threadUp');
    expect(event).toMatchObject({ kind: 'report', data: { slot: 'main' } });
  });

  test('log: lines of another thread, from a level on; none after the end', async () => {
    const client = await connect();
    const debug = await watch(client, 'log', { level: 'debug', threads: ['gateway-0'] });
    const warn = await watch(client, 'log', { level: 'warn', threads: ['gateway-0'] });
    const http = new HttpClient(server.port);
    await until('a line of the gateway', 10_000, async () => {
      await http.api('/users/@me');
      return debug.events.find(({ kind }) => kind === 'line');
    });
    expect(debug.events[0]).toMatchObject({ n: 1, kind: 'line', data: { slot: 'gateway-0' } });
    expect(
      warn.events.filter(({ data }) => Number((data as { level: number }).level) < 40),
    ).toEqual([]);
    await debug.subscription.close();
    const before = debug.events.length;
    await http.api('/users/@me');
    await client.call('node');
    expect(debug.events.length).toBe(before);
    http.close();
  });

  test('rates: of the node and of each thread', async () => {
    const client = await connect();
    const { first } = await watch(client, 'rates');
    const event = await first(({ data }) => (data as { intervalMs: number }).intervalMs > 0);
    const { threads } = event.data as { threads: { thread: string; up: boolean }[] };
    expect(new Set(threads.map(({ thread }) => thread)).size).toBe(threads.length);
    expect(threads.map(({ thread }) => thread)).toEqual(
      expect.arrayContaining(['main', 'store', 'shard-0', 'gateway-0']),
    );
  });
});

describe('limits', () => {
  test('calls: beyond the burst refused with a time to wait, each answered', async () => {
    const client = await connect();
    const codes = await Promise.all(
      Array.from({ length: ADMIN_LIMITS.calls.burst + 40 }, () =>
        client.call('node').then(
          () => 'ok',
          (error) => (error.retryAfterMs > 0 ? error.code : ''),
        ),
      ),
    );
    expect(new Set(codes)).toEqual(new Set(['ok', 'rate_limited']));
  });

  test('subscriptions: 32, one that ends makes room', async () => {
    const client = await connect();
    const all = [];
    for (let i = 0; i < ADMIN_LIMITS.subscriptions; i += 1) all.push(await watch(client, 'audit'));
    await expect(watch(client, 'audit')).rejects.toMatchObject({ code: 'too_large' });
    await all[0]?.subscription.close();
    await watch(client, 'audit');
  });
});

describe('the audit log', () => {
  test('an act: recorded before and after, told to subscribers, there after kill -9, whole', async () => {
    const own = await ServerProcess.start({ env: ENV });
    try {
      const client = await AdminClient.connect({
        socketPath: socketPath(own),
        client: 'cli, pid 7',
      });
      const { first } = await watch(client, 'audit');
      await client.call('log.level', { level: 'info', forMs: 60_000 });
      await first(({ n }) => n === 2);
      await own.killServer();
      await client.closed;
      const { dataDir, port } = own;
      const again = await ServerProcess.start({ env: ENV, dataDir, port });
      try {
        const next = await connect(again);
        const page = await next.call<AuditPage>('audit');
        expect(page.entries.map(({ n, phase, verb, who }) => [n, phase, verb, who])).toEqual([
          [1, 'began', 'log.level', 'local, says cli, pid 7'],
          [2, 'done', 'log.level', 'local, says cli, pid 7'],
        ]);
        await next.call('log.level', { level: 'info', forMs: 60_000 });
        expect(await next.call('audit.verify')).toEqual({ checked: 4, brokenAt: null });
        expect((await next.call<AuditPage>('audit', { after: 1, limit: 2 })).next).toBe(3);
      } finally {
        await again.dispose();
      }
    } finally {
      await own.dispose();
    }
  });
});

describe('begin and end', () => {
  test('a folder with a long name, and a socket left by a kill: the next server is there', async () => {
    const root = mkdtempSync(join(tmpdir(), 'driftway-long-'));
    const dataDir = join(root, 'x'.repeat(100));
    mkdirSync(dataDir);
    try {
      const first = await ServerProcess.start({ env: ENV, dataDir });
      await connect(first);
      await first.killServer();
      expect(existsSync(socketPath(first))).toBe(true);
      await first.dispose();
      const second = await ServerProcess.start({ env: ENV, dataDir });
      const client = await connect(second);
      expect(await client.call('node')).toMatchObject({ pid: second.serverPid });
      const token = signedToken({ dataDir, uid: 1, scope: 'admin' });
      const remote = await AdminClient.connect({ url: `http://127.0.0.1:${second.port}`, token });
      expect((await second.stop()).code).toBe(0);
      expect([await client.closed, await remote.closed]).toEqual([4001, 4001]);
      expect(existsSync(join(dataDir, 'admin.sock'))).toBe(false);
      await second.dispose();
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
