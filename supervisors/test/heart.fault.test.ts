/** Starting, stopping and refusing to start as api.md says, seen from outside with signals and exit codes. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { makeMembers } from './support/crowd.ts';
import { RawClient } from './support/raw-client.ts';
import {
  freePort,
  NODE_FLAGS,
  pause,
  pidAlive,
  pidGone,
  REPO,
  type ServerOptions,
  ServerProcess,
  until,
} from './support/server-process.ts';
import { OP } from './support/wire.ts';

const STOP_LIMIT_MS = 10_000;
const servers: ServerProcess[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.dispose();
});

async function start(options: ServerOptions = {}): Promise<ServerProcess> {
  const server = await ServerProcess.start(options);
  servers.push(server);
  return server;
}

/** Both processes gone in time, exit 0, no pid file left. */
async function expectCleanStop(server: ServerProcess, pids: readonly number[]): Promise<void> {
  const exit = await server.exit;
  expect(exit).toEqual({ code: 0, signal: null });
  for (const pid of pids) await pidGone(pid, STOP_LIMIT_MS);
  expect(existsSync(join(server.dataDir, 'server.pid'))).toBe(false);
  expect(existsSync(join(server.dataDir, 'heart.pid'))).toBe(false);
}

function pidsOf(server: ServerProcess): { heart: number; sockets: number } {
  const heart = server.pidIn('heart.pid');
  if (heart === undefined) throw new Error('heart.pid is missing');
  return { heart, sockets: server.serverPid };
}

describe('a wish to stop', () => {
  test('SIGTERM to the heart: exit 0, the server too, pid files gone', async () => {
    const server = await start();
    const { heart, sockets } = pidsOf(server);
    expect(heart).toBe(server.child.pid);
    expect(sockets).not.toBe(heart);
    server.signal('SIGTERM', heart);
    await expectCleanStop(server, [heart, sockets]);
  });

  test('SIGTERM to the server: the heart exits 0 too and starts nothing', async () => {
    const server = await start();
    const { heart, sockets } = pidsOf(server);
    server.signal('SIGTERM', sockets);
    await expectCleanStop(server, [heart, sockets]);
    expect(await server.isReady()).toBe(false);
  });

  test('SIGINT to the heart: exit 0', async () => {
    const server = await start();
    const { heart, sockets } = pidsOf(server);
    server.signal('SIGINT', heart);
    await expectCleanStop(server, [heart, sockets]);
  });

  test('SIGTERM to npm start: exit 0 everywhere', async () => {
    const server = await start({ args: ['native/launch.mjs', 'start'] });
    const { heart, sockets } = pidsOf(server);
    server.child.kill('SIGTERM');
    await expectCleanStop(server, [heart, sockets]);
  });

  test('SIGTERM without a heart: exit 0', async () => {
    const server = await start({ env: { DRIFTWAY_HEART: 'off' } });
    expect(server.pidIn('heart.pid')).toBeUndefined();
    expect(server.serverPid).toBe(server.child.pid);
    server.child.kill('SIGTERM');
    await expectCleanStop(server, [server.child.pid!]);
  });

  test('SIGTERM with a connected client: RECONNECT, then 4001 within the limit', async () => {
    const server = await start({ env: { DRIFTWAY_STOP_TIMEOUT_MS: '3000' } });
    const { logins } = await makeMembers(server.port, 1, 1);
    const client = await RawClient.open({ port: server.port });
    await client.first(OP.hello);
    await client.identify(logins[0]!.accessToken);
    server.child.kill('SIGTERM');
    const reconnect = await client.first(OP.reconnect);
    expect(reconnect[4]).toBe('drain');
    expect((await client.closed).code).toBe(4001);
    expect((await server.exit).code).toBe(0);
  });

  test('SIGTERM with two gateway threads: they drain side by side, everybody gets RECONNECT and 4001', async () => {
    const env = {
      DRIFTWAY_STOP_TIMEOUT_MS: '8000',
      DRIFTWAY_GATEWAY_THREADS: '2',
      DRIFTWAY_LIMITS: 'trusted',
    };
    const server = await start({ env });
    const { logins } = await makeMembers(server.port, 1, 1);
    // So many that the kernel gives some to each thread.
    const clients = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const client = await RawClient.open({ port: server.port });
        await client.first(OP.hello);
        await client.identify(logins[0]!.accessToken);
        return client;
      }),
    );
    server.child.kill('SIGTERM');
    let gone = 0;
    let goneBeforeLastIsTold = 0;
    const ends = clients.map(async (client) => {
      const [, , maxMs, , reason] = await client.first(OP.reconnect);
      goneBeforeLastIsTold = gone;
      const { code } = await client.closed;
      gone += 1;
      return { maxMs, reason, code };
    });
    expect(await Promise.all(ends)).toEqual(
      clients.map(() => ({ maxMs: 4000, reason: 'drain', code: 4001 })),
    );
    // One after the other: all of the first thread, about half.
    expect(goneBeforeLastIsTold).toBeLessThan(6);
    expect((await server.exit).code).toBe(0);
  });

  test('a second signal: the processes are gone at once', async () => {
    const server = await start({ env: { DRIFTWAY_STOP_TIMEOUT_MS: '60000' } });
    const { logins } = await makeMembers(server.port, 1, 1);
    const client = await RawClient.open({ port: server.port });
    await client.first(OP.hello);
    await client.identify(logins[0]!.accessToken);
    const { heart, sockets } = pidsOf(server);
    server.signal('SIGTERM', heart);
    await client.first(OP.reconnect);
    // Two signals at nearly the same time are one Ctrl-C that the terminal and npm both deliver.
    await pause(600);
    server.signal('SIGTERM', heart);
    await pidGone(heart, 5000);
    await pidGone(sockets, 5000);
  });
});

describe('deaths', () => {
  test('SIGKILL to the heart: the server notices and exits', async () => {
    const server = await start();
    const { heart, sockets } = pidsOf(server);
    server.signal('SIGKILL', heart);
    await pidGone(sockets, 15_000);
  });

  test('SIGKILL to the server: the heart starts another, stale pid files do no harm', async () => {
    const server = await start();
    const { heart, sockets } = pidsOf(server);
    server.signal('SIGKILL', sockets);
    const next = await until('another server', 15_000, () => {
      const pid = server.pidIn('server.pid');
      return pid !== undefined && pid !== sockets && pidAlive(pid) ? pid : undefined;
    });
    await server.ready();
    expect(pidsOf(server)).toEqual({ heart, sockets: next });
  });

  test('SIGTERM while the heart waits to start the server again: exit 0, nothing left', async () => {
    const server = await start();
    const { heart } = pidsOf(server);
    // The second quick death leads to a pause of a second, in which there is no server.
    for (let death = 0; death < 2; death += 1) {
      const pid = await until('a ready server', 15_000, async () => {
        const now = server.pidIn('server.pid');
        return now !== undefined && pidAlive(now) && (await server.isReady()) ? now : undefined;
      });
      server.signal('SIGKILL', pid);
      await pidGone(pid, 5000);
    }
    server.signal('SIGTERM', heart);
    await expectCleanStop(server, [heart]);
    expect(await server.isReady()).toBe(false);
  });

  test('both killed: a new start on the same folder works', async () => {
    const first = await start();
    const { heart, sockets } = pidsOf(first);
    first.signal('SIGKILL', heart);
    first.signal('SIGKILL', sockets);
    await pidGone(heart, 5000);
    await pidGone(sockets, 5000);
    expect(existsSync(join(first.dataDir, 'server.pid'))).toBe(true);
    const second = await ServerProcess.start({ dataDir: first.dataDir, port: first.port });
    servers.unshift(second);
    expect(second.serverPid).not.toBe(sockets);
  });
});

describe('a second server', () => {
  test('same folder: exit 1, names the process, the first goes on', async () => {
    const first = await start();
    const second = await start({ dataDir: first.dataDir, wait: false });
    expect((await second.exit).code).toBe(1);
    const { heart, sockets } = pidsOf(first);
    expect(second.output()).toMatch(new RegExp(`\\b(${heart}|${sockets})\\b`));
    expect(await first.isReady()).toBe(true);
    expect(pidsOf(first)).toEqual({ heart, sockets });
  });

  test('same port: exit 1, the first goes on', async () => {
    const first = await start();
    const second = await start({ port: first.port, wait: false });
    expect((await second.exit).code).toBe(1);
    expect(second.output()).toContain(String(first.port));
    expect(await first.isReady()).toBe(true);
    expect(existsSync(join(second.dataDir, 'server.pid'))).toBe(false);
  });

  test('same port, no heart on either side: exit 1', async () => {
    const first = await start({ env: { DRIFTWAY_HEART: 'off' } });
    const second = await start({
      port: first.port,
      env: { DRIFTWAY_HEART: 'off' },
      wait: false,
    });
    expect((await second.exit).code).toBe(1);
    expect(await first.isReady()).toBe(true);
  });
});

describe('configuration', () => {
  const refused: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    ['a bad port', { DRIFTWAY_PORT: 'seventy' }, /PORT.*seventy/s],
    ['a port out of range', { DRIFTWAY_PORT: '70000' }, /PORT.*70000/s],
    [
      'a word that is not allowed',
      { DRIFTWAY_REGISTRATION: 'maybe' },
      /REGISTRATION.*maybe.*invite/s,
    ],
    ['an unknown key', { DRIFTWAY_PROT: '7001' }, /DRIFTWAY_PROT.*PORT/s],
    ['too short a token life', { DRIFTWAY_ACCESS_TOKEN_TTL_S: '5' }, /ACCESS_TOKEN_TTL_S.*5/s],
  ];
  test.each(refused)('%s: exit 2, nothing opened', async (_what, env, text) => {
    const port = await freePort();
    const server = await start({ port, env, wait: false });
    expect((await server.exit).code).toBe(2);
    expect(server.output()).toMatch(text);
    expect(existsSync(join(server.dataDir, 'server.pid'))).toBe(false);
  });

  test('a bad value in the file: exit 2', async () => {
    const probe = await start({ wait: false, env: { DRIFTWAY_PORT: 'x' } });
    await probe.exit;
    const file = join(probe.dataDir, 'driftway.config.json');
    writeFileSync(file, JSON.stringify({ registration: 'perhaps' }));
    const server = await start({ wait: false, env: { DRIFTWAY_CONFIG: file } });
    expect((await server.exit).code).toBe(2);
    expect(server.output()).toMatch(/registration.*perhaps/is);
  });

  test('a DRIFTWAY_TEST_ key and a camelCase file: the server starts, the environment wins', async () => {
    const probe = await start({ wait: false, env: { DRIFTWAY_PORT: 'x' } });
    await probe.exit;
    const file = join(probe.dataDir, 'driftway.config.json');
    writeFileSync(file, JSON.stringify({ port: 1, gatewayThreads: 1, registration: 'closed' }));
    const server = await start({ env: { DRIFTWAY_CONFIG: file, DRIFTWAY_TEST_ANYTHING: 'x' } });
    expect(await server.isReady()).toBe(true);
  });

  test('--help: exit 0 and says how to start', async () => {
    const args = [...NODE_FLAGS, 'supervisors/main.ts', '--help'];
    const child = spawn(process.execPath, args, { cwd: REPO });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(0);
    expect(text).toContain('DRIFTWAY_PORT');
  });
});

describe('the data folder', () => {
  test('first start: folder 0700, keys 0600, pid files decimal', async () => {
    const parent = await start({ wait: false, env: { DRIFTWAY_PORT: 'x' } });
    await parent.exit;
    const dataDir = join(parent.dataDir, 'with a space', 'data');
    const server = await start({ dataDir });
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(server.serverPid).toBeGreaterThan(1);
    const keys = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /key/i.test(name),
    );
    expect(keys.length).toBeGreaterThan(0);
    for (const name of keys) {
      const { mode, size } = statSync(join(dataDir, name));
      // An empty lock file holds no secret.
      if (size === 0) continue;
      expect(mode & 0o077).toBe(0);
    }
  });
});
