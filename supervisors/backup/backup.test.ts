/** Backups and exports that are cut off, refused or tampered with, on small real files. */
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { openSqliteStore } from '../../channels/store/index.ts';
import { encodeEvent } from '../../gateway/protocol/index.ts';
import { systemClock, systemRng } from '../../runtime/index.ts';
import { backUp } from './back-up.ts';
import { ChainWriter, verifyChain } from './chain.ts';
import { checkFiles, type Manifest, readManifest } from './manifest.ts';
import { restore } from './restore.ts';

const root = mkdtempSync(join(tmpdir(), 'driftway-backup-unit-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const clock = { now: () => Date.UTC(2026, 10, 21) };
let counter = 0;

function freshFolder(): string {
  counter += 1;
  const folder = join(root, String(counter));
  mkdirSync(folder);
  return folder;
}

/** A data folder with one stream of `count` events. */
async function dataFolder(count = 50): Promise<string> {
  const dataDir = freshFolder();
  const path = join(dataDir, 'driftway.db');
  const store = openSqliteStore({ path, clock: systemClock, rng: systemRng });
  const { epoch, fence, sid } = await store.log.open(7);
  const events = Array.from({ length: count }, (_, i) => {
    const fields = { seq: i + 1, ts: 1000 + i, kind: 1, actor: 9, body: ['x'.repeat(5_000)] };
    const frame = encodeEvent(sid, epoch, fields);
    const rest = { target: 0, emoji: '', nonce: '', digest: new Uint8Array(0) };
    return { ...fields, ...rest, frame };
  });
  await store.log.commit({ sid, fence, after: 0, events, rewrites: [] });
  await store.close();
  return dataDir;
}

const make = (dataDir: string, to: string, extra: Partial<Parameters<typeof backUp>[0]> = {}) =>
  backUp({ dataDir, to, version: '1', clock, ...extra });

describe('backUp', () => {
  test('aborted during the copy: failed, nothing is left', async () => {
    const [dataDir, to] = [await dataFolder(2_000), join(freshFolder(), 'b')];
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error('enough'));
    const made = await make(dataDir, to, { onProgress, signal: stop.signal });
    expect(made).toMatchObject({
      ok: false,
      code: 'failed',
      message: expect.stringMatching('enough'),
    });
    expect(readdirSync(join(to, '..'))).toEqual([]);
  });

  test('the WAL grows beyond its bound meanwhile: failed, nothing is left', async () => {
    const [dataDir, to] = [await dataFolder(2_000), join(freshFolder(), 'b')];
    const writer = new DatabaseSync(join(dataDir, 'driftway.db'));
    writer.exec('PRAGMA wal_autocheckpoint = 0; CREATE TABLE filler (content BLOB)');
    const onProgress = () => writer.exec('INSERT INTO filler VALUES (zeroblob(3000000))');
    const made = await make(dataDir, to, { onProgress, walGrowthMax: 1_000_000 });
    writer.close();
    expect(made).toMatchObject({ code: 'failed', message: expect.stringMatching('WAL grew') });
    expect(readdirSync(join(to, '..'))).toEqual([]);
  });

  test('a folder without a database: not_found', async () => {
    const made = await make(freshFolder(), join(root, 'never'));
    expect(made).toMatchObject({ ok: false, code: 'not_found' });
    expect(existsSync(join(root, 'never'))).toBe(false);
  });

  test('what an earlier one left behind when it was cut off: replaced', async () => {
    const [dataDir, to] = [await dataFolder(), join(freshFolder(), 'b')];
    mkdirSync(`${to}.partial`);
    writeFileSync(join(`${to}.partial`, 'driftway.db'), 'half');
    const made = await make(dataDir, to);
    expect(made).toMatchObject({ ok: true, value: { manifest: { events: 50, streams: 1 } } });
    expect(readdirSync(join(to, '..'))).toEqual(['b']);
  });
});

describe('restore', () => {
  const from = async (change: (manifest: Manifest) => object): Promise<string> => {
    const to = join(freshFolder(), 'b');
    const made = await make(await dataFolder(), to);
    if (!made.ok) throw new Error(made.message);
    writeFileSync(join(to, 'manifest.json'), JSON.stringify(change(made.value.manifest)));
    return to;
  };
  const back = (folder: string, dataDir: string) =>
    restore({ from: folder, dataDir, clock, rng: systemRng });

  test.each<[string, (manifest: Manifest) => object, string]>([
    ['a newer schema', (m) => ({ ...m, schema: 99 }), 'newer'],
    ['a newer format', (m) => ({ ...m, format: 2 }), 'newer'],
    ['no files', (m) => ({ ...m, files: [] }), 'damaged'],
    [
      'a name that leads out',
      (m) => ({ ...m, files: [{ ...m.files[0], name: '../x' }] }),
      'damaged',
    ],
    ['another size', (m) => ({ ...m, files: [{ ...m.files[0], bytes: 1 }] }), 'damaged'],
    ['no database', (m) => ({ ...m, files: [{ ...m.files[0], name: 'keys.json' }] }), 'damaged'],
  ])('a manifest with %s: refused, no data folder is made', async (_what, change, code) => {
    const dataDir = join(root, `none-${counter}`);
    expect(await back(await from(change), dataDir)).toMatchObject({ ok: false, code });
    expect(existsSync(dataDir)).toBe(false);
  });

  test('a database that is not gapless: damaged, the present data stays; taken when that is wanted', async () => {
    const source = await dataFolder();
    const database = new DatabaseSync(join(source, 'driftway.db'));
    database.exec('DELETE FROM log WHERE seq = 20');
    database.close();
    const to = join(freshFolder(), 'b');
    expect((await make(source, to)).ok).toBe(true);
    const dataDir = await dataFolder();
    const before = readdirSync(dataDir);
    const result = await back(to, dataDir);
    expect(result).toMatchObject({
      code: 'damaged',
      message: expect.stringMatching('are not gapless .*: 7'),
    });
    expect(readdirSync(dataDir).filter((name) => name !== 'lock.db')).toEqual(before);
    const options = { from: to, dataDir, clock, rng: systemRng, isDespiteFaults: true };
    const accepted = await restore(options);
    expect(accepted).toMatchObject({
      ok: true,
      value: { events: 49, faults: [expect.stringMatching('gapless')] },
    });
  });

  test('by root into the folder of another user: everything there is that user’s', async () => {
    const to = join(freshFolder(), 'b');
    const source = await dataFolder();
    writeFileSync(join(source, 'keys.json'), '{}');
    expect((await make(source, to)).ok).toBe(true);
    const dataDir = await dataFolder();
    // Nobody else can give files away; for them it is their own folder.
    const uid = process.getuid?.() === 0 ? 4711 : statSync(dataDir).uid;
    chownSync(dataDir, uid, statSync(dataDir).gid);
    const result = await back(to, dataDir);
    if (!result.ok) throw new Error(result.message);
    const names = ['driftway.db', 'keys.json', 'lock.db', basename(result.value.aside!)];
    expect(readdirSync(dataDir).sort()).toEqual(names.sort());
    for (const name of names) expect(statSync(join(dataDir, name)).uid, name).toBe(uid);
  });

  test('twice in a row: other epochs each time, and each present folder is put aside', async () => {
    const to = join(freshFolder(), 'b');
    const made = await make(await dataFolder(), to);
    if (!made.ok) throw new Error(made.message);
    const dataDir = freshFolder();
    const epochs: number[] = [];
    for (let i = 0; i < 2; i += 1) {
      const at = { now: () => clock.now() + i * 1000 };
      const result = await restore({ from: to, dataDir, clock: at, rng: systemRng });
      expect(result.ok && result.value.aside === null).toBe(i === 0);
      const path = join(dataDir, 'driftway.db');
      const store = openSqliteStore({ path, clock: systemClock, rng: systemRng });
      epochs.push((await store.log.heads([7]))[0]!.epoch);
      await store.close();
    }
    expect(epochs[0]).not.toBe(epochs[1]);
    const whole = readManifest(to);
    expect(whole.ok && (await checkFiles(to, whole.value)).ok).toBe(true);
  });
});

describe('verifyChain', () => {
  async function chainFile(): Promise<string> {
    const path = join(freshFolder(), 'chain.jsonl');
    const file = await open(path, 'wx');
    const chain = new ChainWriter(file);
    for (let i = 0; i < 20; i += 1) await chain.line('event', { seq: i, body: [`text ${i} äöü`] });
    await chain.end({ events: 20 });
    await file.close();
    return path;
  }

  test('any line changed, dropped, doubled or moved: damaged', async () => {
    const path = await chainFile();
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(await verifyChain(path)).toMatchObject({ ok: true, value: { lines: 21, events: 20 } });
    const at = fc.integer({ min: 0, max: lines.length - 1 });
    const change = fc.constantFrom('drop', 'double', 'swap', 'edit');
    await fc.assert(
      fc.asyncProperty(at, change, async (i, how) => {
        const copy = [...lines];
        const line = copy[i]!;
        if (how === 'drop') copy.splice(i, 1);
        else if (how === 'double') copy.splice(i, 0, line);
        else if (how === 'swap') copy.push(...copy.splice(i === 20 ? 0 : i, 1));
        else copy[i] = line.replace(/"type":"/, '"type":"x');
        writeFileSync(path, `${copy.join('\n')}\n`);
        expect(await verifyChain(path)).toMatchObject({ ok: false, code: 'damaged' });
      }),
      { numRuns: 60 },
    );
    writeFileSync(path, `${lines.join('\n')}\n`);
    appendFileSync(path, `${lines[0]}\n`);
    expect((await verifyChain(path)).ok).toBe(false);
    expect(await verifyChain(join(root, 'nothing'))).toMatchObject({ code: 'not_found' });
  });
});
