/**
 * A server whose disk quota is used up while a crowd writes and reads. The kernel refuses it every byte beyond the present end of its
 * log (RLIMIT_FSIZE), so that SQLite meets a real error, and lets it go on later.
 */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Crowd, expectClean, readHistory } from './support/crowd.ts';
import { Seeded } from './support/seeded.ts';
import { ServerProcess, until } from './support/server-process.ts';
import { OP } from './support/wire.ts';

let server: ServerProcess | undefined;
let crowd: Crowd | undefined;

afterEach(async () => {
  await crowd?.stop();
  await server?.dispose();
});

/** From now on no file of the process grows beyond that. */
function limitFiles(pid: number, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
}

test('quota used up: ERR 502 with retry_ms, never a wrong OK, no process or socket ends, and it goes on with room', async () => {
  server = await ServerProcess.start({ env: { DRIFTWAY_LIMITS: 'trusted' } });
  const { dataDir, port, serverPid } = server;
  const chance = Seeded.forTest('disk quota');
  crowd = await Crowd.create({ port, writers: 4, observers: 4, channels: 2, chance });
  const { members, observers } = crowd;
  const [sid] = members.sids;
  const { client } = observers[0]!;
  crowd.write();
  const progress = (what: string): Promise<true> => {
    const target = crowd!.acknowledged + 20;
    return until(what, 30_000, () => crowd!.acknowledged >= target || undefined);
  };
  await progress('messages before');
  limitFiles(serverPid, statSync(join(dataDir, 'driftway.db-wal')).size);
  let sends = 0;
  const send = () => client!.append(sid!, `full-${sends}`, 'while full');
  const refused = await until('a refusal', 20_000, async () => {
    sends += 1;
    const answer = await send();
    return answer[0] === OP.err ? answer : undefined;
  });
  expect(refused.slice(2, 4)).toEqual([502, 'unavailable']);
  expect(refused[4]).toBeGreaterThan(0);
  await until('refused writers', 20_000, () => (crowd!.retried.get(502) ?? 0) > 0 || undefined);
  const { events, head } = await readHistory(client!, sid!);
  expect(events).toHaveLength(head);
  limitFiles(serverPid, 'unlimited');
  await progress('messages afterwards');
  const again = await send();
  expect([again[0], again[5]]).toEqual([OP.ok, false]);
  expect(crowd.closes).toEqual([]);
  expectClean(await crowd.verdict());
  expect([...crowd.retried.keys()].filter((code) => code !== 501 && code !== 502)).toEqual([]);
  expect(server.serverPid).toBe(serverPid);
}, 90_000);
