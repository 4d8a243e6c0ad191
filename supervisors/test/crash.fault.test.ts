/**
 * kill -9 of the real server process under a crowd of writers and observers: nothing acknowledged is
 * lost, nothing doubled, nothing reordered (protocol.md 4). LONG=1 makes the heart's variant as long as ours.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { Crowd, expectClean } from './support/crowd.ts';
import { Seeded } from './support/seeded.ts';
import { pause, pidGone, ServerProcess, until } from './support/server-process.ts';

const LONG = process.env.LONG === '1';
const KILLS = 20;
/** The heart backs off 1, 2, 4 s ... after quick deaths (api.md), so its variant has fewer in the short form. */
const HEART_KILLS = LONG ? 20 : 2;
/** Readiness after which the heart starts again at once. */
const HEART_FORGIVES_MS = 10_500;

const ENV = {
  DRIFTWAY_LIMITS: 'trusted',
  DRIFTWAY_GATEWAY_THREADS: '2',
  DRIFTWAY_SHARD_THREADS: '2',
};

const servers: ServerProcess[] = [];
const crowds: Crowd[] = [];

afterEach(async () => {
  for (const crowd of crowds.splice(0)) await crowd.stop();
  for (const server of servers.splice(0)) await server.dispose();
});

async function gather(port: number, chance: Seeded): Promise<Crowd> {
  const crowd = await Crowd.create({
    port,
    writers: 20,
    observers: 20,
    channels: 5,
    chance,
    gapMs: 150,
  });
  crowds.push(crowd);
  return crowd;
}

describe('crash of the server process', () => {
  test(`server: SIGKILL at ${KILLS} random moments and restarts, the checker is clean`, async () => {
    const chance = Seeded.forTest('crash');
    let server = await ServerProcess.start({ env: { ...ENV, DRIFTWAY_HEART: 'off' } });
    servers.push(server);
    const { port, dataDir } = server;
    const crowd = await gather(port, chance);
    crowd.write();
    for (let kill = 0; kill < KILLS; kill += 1) {
      await pause(chance.between(20, 700));
      await server.killServer();
      server = await ServerProcess.start({ env: { ...ENV, DRIFTWAY_HEART: 'off' }, port, dataDir });
      servers.unshift(server);
      expectClean(await crowd.lostSoFar());
    }
    await crowd.resumed();
    await pause(500);
    expectClean(await crowd.verdict());
    console.log(`crash: ${crowd.summary()}`);
    expect(crowd.acknowledged).toBeGreaterThan(KILLS);
    expect(crowd.observers.every((observer) => observer.traces.length > 1)).toBe(true);
  }, 240_000);

  test(`heart: the server dies by SIGABRT and SIGKILL ${HEART_KILLS} times, clients resume by cursor`, async () => {
    const chance = Seeded.forTest('heart crash');
    const server = await ServerProcess.start({ env: ENV });
    servers.push(server);
    const crowd = await gather(server.port, chance);
    const heart = server.pidIn('heart.pid');
    crowd.write();
    for (let kill = 0; kill < HEART_KILLS; kill += 1) {
      await pause(chance.between(20, 700) + (LONG && kill > 0 ? HEART_FORGIVES_MS : 0));
      await replaced(server, kill % 2 === 0 ? 'SIGABRT' : 'SIGKILL');
      await crowd.resumed();
    }
    expectClean(await crowd.verdict());
    expect(server.pidIn('heart.pid')).toBe(heart);
    for (const observer of crowd.observers) {
      expect(observer.traces.length).toBeGreaterThan(HEART_KILLS);
      expect(observer.repairs).toBe(0);
    }
    console.log(`heart crash: ${crowd.summary()}`);
  }, 480_000);

  test('server: SIGSTOP and SIGCONT, nothing is lost or doubled', async () => {
    const chance = Seeded.forTest('stop');
    const server = await ServerProcess.start({ env: ENV });
    servers.push(server);
    const crowd = await gather(server.port, chance);
    crowd.write();
    await pause(400);
    server.signal('SIGSTOP');
    await pause(LONG ? 20_000 : 2500);
    server.signal('SIGCONT');
    await pause(1000);
    await crowd.resumed();
    expectClean(await crowd.verdict());
    console.log(`stop: ${crowd.summary()}, closes ${JSON.stringify(crowd.closes)}`);
  }, 90_000);
});

/** Ends the server process and waits until the heart has another one ready. */
async function replaced(server: ServerProcess, signal: NodeJS.Signals): Promise<void> {
  const pid = server.serverPid;
  server.signal(signal, pid);
  await pidGone(pid, 10_000);
  await until('a new server.pid', 60_000, () => {
    const now = server.pidIn('server.pid');
    return now !== undefined && now !== pid ? now : undefined;
  });
  await server.ready(60_000);
}
