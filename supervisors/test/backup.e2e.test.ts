/**
 * Backup under traffic, restore, and what clients with old cursors are told (protocol.md 2.7, case 19): real server processes,
 * the real command line, the outsider's clients.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StreamHistory } from './checker.ts';
import { driftway } from './support/cli.ts';
import { Crowd, expectClean, readHistory } from './support/crowd.ts';
import { RawClient } from './support/raw-client.ts';
import { Seeded } from './support/seeded.ts';
import { ServerProcess, until } from './support/server-process.ts';
import { OP, type WireFrame } from './support/wire.ts';

const ENV = { DRIFTWAY_HEART: 'off', DRIFTWAY_LIMITS: 'trusted' };
const EPOCH_CHANGED = 2;
const STATUS_GAP = 2;

interface Manifest {
  readonly createdAt: number;
  readonly streams: number;
  readonly events: number;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

/** What an entry of SUB may ask for: a position in a stream. */
interface Cursor {
  readonly epoch: number;
  readonly seq: number;
  readonly ts: number;
}

const root = mkdtempSync(join(tmpdir(), 'driftway-backup-'));
const folder = join(root, 'monday');
let server: ServerProcess;
let crowd: Crowd;
/** The whole log of each channel, as it was when the first server ended. */
const full = new Map<number, StreamHistory>();
/** From before and after the backup, by stream. */
const early = new Map<number, Cursor>();
const late = new Map<number, Cursor>();
let manifest: Manifest;
let acknowledgedBefore = 0;
let acknowledgedAfter = 0;

const cli = (words: readonly string[]) => driftway([...words, '--data-dir', server.dataDir]);

async function reader(index = 0): Promise<RawClient> {
  const client = await RawClient.open({ port: server.port });
  await client.first(OP.hello);
  await client.identify(crowd.members.logins[index]!.accessToken);
  return client;
}

function cursorsNow(): Map<number, Cursor> {
  const [observer] = crowd.observers;
  return new Map([...observer!.cursors].map(([sid, cursor]) => [sid, { ...cursor }]));
}

beforeAll(async () => {
  server = await ServerProcess.start({ env: ENV, dataDir: join(root, 'data') });
  crowd = await Crowd.create({
    port: server.port,
    writers: 6,
    observers: 2,
    channels: 4,
    chance: Seeded.forTest('backup'),
    inFlight: 4,
    gapMs: 4,
  });
  crowd.write();
  await until('traffic', 20_000, () => crowd.acknowledged > 400 || undefined);
  for (const [sid, cursor] of cursorsNow()) early.set(sid, cursor);
  acknowledgedBefore = crowd.acknowledged;
  const run = await cli(['backup', folder, '--json']);
  acknowledgedAfter = crowd.acknowledged;
  ({ manifest } = run.json<{ manifest: Manifest }>());
  await until(
    'more traffic',
    20_000,
    () => crowd.acknowledged > acknowledgedAfter + 300 || undefined,
  );
  expectClean(await crowd.verdict());
  const client = await reader();
  for (const sid of crowd.members.sids) full.set(sid, await readHistory(client, sid));
  client.socket.cut();
  for (const [sid, cursor] of cursorsNow()) late.set(sid, cursor);
  // The other one stays, as clients do that know nothing of a restore.
  await crowd.observers[0]!.stop();
}, 120_000);

afterAll(async () => {
  await crowd?.stop();
  await server?.dispose();
  rmSync(root, { recursive: true, force: true });
}, 30_000);

/** An EV frame without its epoch. */
const timeless = (frame: WireFrame): WireFrame => [...frame.slice(0, 2), ...frame.slice(3)];

describe('backup', () => {
  test('while clients write: writes go on, the folder is private and whole', async () => {
    expect(acknowledgedAfter).toBeGreaterThan(acknowledgedBefore);
    expect(readdirSync(folder).sort()).toEqual(['driftway.db', 'keys.json', 'manifest.json']);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder))
      expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600);
    expect(existsSync(`${folder}.partial`)).toBe(false);
    const verified = await driftway(['verify', folder]);
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('whole') });
  });

  test('each channel: a prefix of the log, beyond what was seen before it and short of the end', () => {
    const database = new DatabaseSync(join(folder, 'driftway.db'), { readOnly: true });
    const heads = database.prepare('SELECT head FROM heads WHERE sid = ?');
    for (const [sid, { head }] of full) {
      const stored = Number(heads.get(sid)?.head);
      expect(stored).toBeGreaterThanOrEqual(early.get(sid)!.seq);
      expect(stored).toBeLessThan(head);
    }
    database.close();
    for (const tail of ['-wal', '-shm'])
      rmSync(join(folder, `driftway.db${tail}`), { force: true });
  });

  test('into a folder that has something in it: refused, nothing is touched', async () => {
    const before = readFileSync(join(folder, 'manifest.json'), 'utf8');
    const run = await cli(['backup', folder]);
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('wanted a new folder') });
    expect(readFileSync(join(folder, 'manifest.json'), 'utf8')).toBe(before);
  });
});

describe('backup without a folder', () => {
  test('--keep: a new one in the data folder, the oldest go, what is not ours stays', async () => {
    const own = join(server.dataDir, 'backups');
    for (const name of [
      '2001-01-01T00-00-00Z',
      '2001-01-02T00-00-00Z',
      'mine',
      '2001-01-03T00-00-00Z.partial',
    ])
      mkdirSync(join(own, name), { recursive: true });
    const run = await cli(['backup', '--keep', '2', '--json']);
    const { folder: made, removed } = run.json<{ folder: string; removed: string[] }>();
    expect(removed).toEqual(['2001-01-01T00-00-00Z', '2001-01-03T00-00-00Z.partial']);
    expect(readdirSync(own).sort()).toEqual(['2001-01-02T00-00-00Z', basename(made), 'mine']);
    expect((await cli(['backup', join(root, 'x'), '--keep', '2'])).code).toBe(2);
  });
});

describe('restore', () => {
  test('under a running server: refused, with its process', async () => {
    const run = await cli(['restore', folder, '--json']);
    expect(run.code).toBe(1);
    const { error } = run.json<{ error: { code: string; message: string } }>();
    expect(error.code).toBe('conflict');
    expect(error.message).toContain(`process ${server.serverPid}: stop the server first`);
  });

  test('from a backup with one byte changed, or cut off: damaged, the data folder is as it was', async () => {
    await server.stop();
    const before = readdirSync(server.dataDir).sort();
    const bad = mkdtempSync(join(root, 'bad-'));
    for (const name of readdirSync(folder)) copyFileSync(join(folder, name), join(bad, name));
    const bytes = readFileSync(join(bad, 'driftway.db'));
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    for (const content of [bytes, bytes.subarray(0, bytes.length - 4096)]) {
      writeFileSync(join(bad, 'driftway.db'), content);
      const run = await cli(['restore', bad, '--json']);
      expect(run.code).toBe(1);
      expect(run.json<{ error: { code: string } }>().error.code).toBe('damaged');
    }
    rmSync(join(bad, 'manifest.json'));
    const run = await cli(['restore', bad, '--json']);
    expect(run.json<{ error: { code: string } }>().error.code).toBe('not_found');
    expect(readdirSync(server.dataDir).sort()).toEqual(before);
  });

  test('into the same folder: the same events under new epochs, what was there is put aside', async () => {
    const run = await cli(['restore', folder, '--json']);
    expect(run.code).toBe(0);
    const restored = run.json<{ streams: number; events: number; aside: string }>();
    expect(restored).toMatchObject({ streams: manifest.streams, events: manifest.events });
    expect(readdirSync(restored.aside).sort()).toEqual(['driftway.db', 'keys.json']);
    const { port, dataDir } = server;
    server = await ServerProcess.start({ env: ENV, port, dataDir });
    const client = await reader();
    for (const [sid, before] of full) {
      const { epoch, events, head } = await readHistory(client, sid);
      expect(epoch).not.toBe(before.epoch);
      expect(new Set(events.map((frame) => frame[2]))).toEqual(new Set([epoch]));
      expect(events.map(timeless)).toEqual(before.events.slice(0, head).map(timeless));
    }
    client.socket.cut();
  });

  test('cursors of before, within the backup and beyond it: GAP reason 2 to the head, then live', async () => {
    const client = await reader(1);
    const sids = [...full.keys()];
    for (const cursors of [late, early]) {
      for (const sid of sids) {
        const { epoch, seq, ts } = cursors.get(sid)!;
        const [entry] = await client.sub([[sid, epoch, seq, ts]]);
        const [, status, now, at, , , head] = entry as readonly number[];
        expect([status, at]).toEqual([STATUS_GAP, head]);
        expect(now).not.toBe(epoch);
        const isHere = (frame: WireFrame): boolean => frame[0] === OP.gap && frame[1] === sid;
        const gap = client.received().findLast(isHere) ?? (await client.waitFor(isHere, 'GAP'));
        expect(gap.slice(2, 6)).toEqual([EPOCH_CHANGED, now, 1, head]);
      }
      await client.ask(OP.unsub, [sids]);
    }
    const [sid] = sids as [number];
    const [entry] = await client.sub([[sid]]);
    const [, , epoch, seq] = entry as readonly number[];
    const event = client.waitFor((frame) => frame[0] === OP.ev && frame[1] === sid, 'EV');
    const ok = await client.append(sid, 'after-restore', 'after the restore');
    expect(ok.slice(2, 4)).toEqual([epoch, seq! + 1]);
    expect((await event).slice(2, 4)).toEqual([epoch, seq! + 1]);
    client.socket.cut();
  });

  test('a client that was connected all the time: told once for each stream, then it has everything', async () => {
    const observer = crowd.observers[1]!;
    await observer.subscribed();
    const [client, sids] = [await reader(), [...full.keys()]];
    for (const sid of sids) {
      const ok = await client.append(sid, `all-${sid}`, 'for everybody');
      await observer.reached(sid, ok[3] as number, 10_000);
      expect(observer.cursors.get(sid)?.epoch).toBe(ok[2]);
    }
    client.socket.cut();
    const gaps = observer.traces
      .at(-1)!
      .entries.flatMap(({ dir, frame }) =>
        dir === 'received' && frame[0] === OP.gap ? [[frame[1], frame[2]]] : [],
      );
    expect(gaps.sort()).toEqual(sids.map((sid) => [sid, EPOCH_CHANGED]).sort());
    await observer.stop();
  });
});

describe('without a server', () => {
  test('backup of a folder whose server was killed: what only the WAL has is in it', async () => {
    const [sid] = crowd.members.sids as [number];
    const client = await reader();
    const ok = await client.append(sid, 'last-words', 'last words');
    const { socket } = client;
    socket.cut();
    await server.killServer();
    const to = join(root, 'after-crash');
    const run = await cli(['backup', to, '--json']);
    expect(run.code).toBe(0);
    const empty = join(root, 'elsewhere');
    const restored = await driftway(['restore', to, '--json', '--data-dir', empty]);
    expect(restored.json<{ aside: null }>().aside).toBeNull();
    const database = new DatabaseSync(join(empty, 'driftway.db'), { readOnly: true });
    const head = database.prepare('SELECT head FROM heads WHERE sid = ?').get(sid)?.head;
    database.close();
    expect(head).toBe(ok[3]);
    expect(statSync(empty).mode & 0o777).toBe(0o700);
  });

  test('restore killed at each of its steps: the folder is as it was, and the next one works', async () => {
    const dataDir = join(root, 'elsewhere');
    const path = join(dataDir, 'driftway.db');
    const epochsOf = (): string => {
      const database = new DatabaseSync(path, { readOnly: true });
      const sound = database.prepare('PRAGMA integrity_check').get()?.integrity_check;
      const rows = database.prepare('SELECT sid, epoch FROM heads ORDER BY sid').all();
      database.close();
      expect(sound).toBe('ok');
      return JSON.stringify(rows);
    };
    const before = epochsOf();
    const words = ['restore', folder, '--data-dir', dataDir];
    for (const killAt of ['copy', 'verify', 'stamp']) {
      const run = await driftway(words, { killAt });
      expect(run.stderr).toContain(killAt);
      // The kill may come too late: then it is wholly done.
      if (run.code === null) expect(epochsOf()).toBe(before);
    }
    expect((await driftway(words)).code).toBe(0);
    expect(epochsOf()).not.toBe(before);
    expect(readdirSync(dataDir).filter((name) => name.includes('restoring'))).toEqual([]);
  });
});
