/** Clients of the admin socket that break its rules, over both ways in, while the server stays well and its memory bounded. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AdminLimits } from '../../../gateway/admin-wire/index.ts';
import { HttpClient } from '../../test/support/http-client.ts';
import { ServerProcess, until } from '../../test/support/server-process.ts';
import { signedToken } from '../../test/support/signed-token.ts';
import { AdminClient } from '../index.ts';
import { ADMIN_LIMITS } from '../limits.ts';
import { RawAdmin, type RawAdminOptions } from './raw-admin.ts';

const ENV = { DRIFTWAY_HEART: 'off', DRIFTWAY_LIMITS: 'trusted', DRIFTWAY_LOG_LEVEL: 'debug' };
const MIB = 1024 * 1024;

let server: ServerProcess;
let witness: AdminClient;
const open: RawAdmin[] = [];

beforeAll(async () => {
  server = await ServerProcess.start({ env: ENV });
  witness = await AdminClient.connect({ socketPath: join(server.dataDir, 'admin.sock') });
});
afterEach(async () => {
  for (const raw of open.splice(0)) {
    raw.cut();
    await raw.closed;
  }
  expect(await witness.call('node')).toMatchObject({ pid: server.serverPid });
});
afterAll(async () => {
  await witness.close();
  await server.dispose();
});

interface NodeFacts {
  readonly admin: Readonly<Record<string, number>>;
}

const counters = async () => (await witness.call<NodeFacts>('node')).admin;

function residentBytes(): number {
  const status = readFileSync(`/proc/${server.serverPid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

const WAYS = ['local', 'remote'] as const;

async function connect(
  way: (typeof WAYS)[number],
  options: Partial<RawAdminOptions> = {},
): Promise<RawAdmin> {
  const { dataDir, port } = server;
  const remote = {
    url: `ws://127.0.0.1:${port}/admin`,
    token: signedToken({ dataDir, uid: 5, scope: 'admin' }),
  };
  const local = { url: `ws+unix:${join(dataDir, 'admin.sock')}:/admin` };
  const raw = await RawAdmin.open({ ...(way === 'local' ? local : remote), ...options });
  open.push(raw);
  await raw.frame(([op]) => op === 96);
  return raw;
}

describe.each(WAYS)('%s', (way) => {
  test.each<[string, (raw: RawAdmin) => void]>([
    ['garbage', (raw) => raw.sendBytes(Uint8Array.of(0xc1, 0xff, 0), true)],
    ['nothing', (raw) => raw.sendBytes(new Uint8Array(0), true)],
    ['no array', (raw) => raw.sendBytes(Uint8Array.of(5), true)],
    ["an opcode of the chat's socket", (raw) => raw.sendBytes(Uint8Array.of(0x92, 32, 1), true)],
    ["a frame of the server's", (raw) => raw.send([98, 1, null])],
    ['an opcode of a later version', (raw) => raw.send([110, 1])],
    ['a request without number', (raw) => raw.send([100])],
    [
      'two frames in one message',
      (raw) => raw.sendBytes(Uint8Array.of(0x92, 100, 1, 0x92, 100, 1), true),
    ],
  ])('%s: ERR invalid with rid 0, then 4500', async (_what, spoil) => {
    const raw = await connect(way);
    spoil(raw);
    expect(await raw.closed).toBe(4500);
    expect(raw.frames.at(-1)?.slice(0, 3)).toEqual([99, 0, 'invalid']);
  });

  test('text on a msgpack connection, bytes on a JSON one: 4500', async () => {
    const mp = await connect(way);
    mp.sendBytes('[100,1,"node",{}]', false);
    expect(await mp.closed).toBe(4500);
    const json = await connect(way, { encoding: 'json' });
    json.sendBytes(new TextEncoder().encode('[100,1,"node",{}]'), true);
    expect(await json.closed).toBe(4500);
  });

  test('a frame over 64 KiB: the connection ends; one of that size is read', async () => {
    const fits = await connect(way, { encoding: 'json' });
    const frame = (size: number): string => `[100,1,"node",${' '.repeat(size - 17)}{}]`;
    expect(frame(AdminLimits.inboundBytesMax)).toHaveLength(AdminLimits.inboundBytesMax);
    fits.sendBytes(frame(AdminLimits.inboundBytesMax), false);
    expect((await fits.frame(([, rid]) => rid === 1))[0]).toBe(98);
    const big = await connect(way, { encoding: 'json' });
    big.sendBytes(frame(AdminLimits.inboundBytesMax + 1), false);
    expect([1006, 1009]).toContain(await big.closed);
  });

  test('any frame at all: answered, or the end by 4500; never anything else', async () => {
    const frames = fc.sample(
      fc.tuple(fc.integer({ min: 90, max: 128 }), fc.anything({ maxDepth: 2 }), fc.anything()),
      { numRuns: 60, seed: 7 },
    );
    for (const frame of frames) {
      const raw = await connect(way);
      raw.send(frame);
      raw.send([100, 4_000_000_000, 'node', {}]);
      const isAnswered = raw.frame(([op, rid]) => op === 98 && rid === 4_000_000_000);
      expect(
        await Promise.race([
          raw.closed,
          isAnswered.then(
            () => 0,
            () => raw.closed,
          ),
        ]),
      ).toSatisfy((end) => end === 0 || end === 4500);
      raw.cut();
      await raw.closed;
    }
  }, 60_000);

  test('a reader that stops: memory bounded, events dropped and told, others unharmed', async () => {
    const raw = await connect(way, { encoding: 'json' });
    for (let rid = 1; rid <= ADMIN_LIMITS.subscriptions; rid += 1) {
      const answer = await raw.request([101, rid, 'log', { level: 'debug' }]);
      expect(answer[0]).toBe(98);
    }
    const [bytes, before] = [residentBytes(), await counters()];
    raw.socket.pause();
    const http = new HttpClient(server.port);
    await until('events dropped', 25_000, async () => {
      await Promise.all(Array.from({ length: 50 }, () => http.api('/users/@me')));
      return (await counters()).eventsDropped! > before.eventsDropped! || undefined;
    });
    expect(residentBytes() - bytes).toBeLessThan(96 * MIB);
    raw.socket.resume();
    await raw.frame(([op, , , kind]) => op === 103 && kind === 'dropped');
    http.close();
  }, 60_000);
});

test('connections that come and go: nothing is left behind', async () => {
  const before = await counters();
  for (let i = 0; i < 30; i += 1) {
    const raw = await connect(i % 2 === 0 ? 'local' : 'remote');
    await raw.request([101, 1, 'rates', {}]);
    raw.cut();
    await raw.closed;
  }
  await until('the counts', 5_000, async () => {
    const now = await counters();
    // Fewer is well: a client of the test before may have been counted until its end was seen.
    const isLeft = (
      ['localConnectionsNow', 'remoteConnectionsNow', 'subscriptionsNow'] as const
    ).some((name) => now[name]! > before[name]!);
    return !isLeft || undefined;
  });
});
