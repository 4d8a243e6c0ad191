/** `driftway doctor` on machines with planted faults: each is named with its remedy, and nothing else changes. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { type CliOptions, driftway } from './support/cli.ts';
import { freePort, REPO, ServerProcess } from './support/server-process.ts';

interface Finding {
  readonly id: string;
  readonly grade: 'ok' | 'warn' | 'fail';
  readonly what: string;
  readonly remedy: string | null;
}

interface Document {
  readonly ok: boolean;
  readonly counts: Readonly<Record<'ok' | 'warn' | 'fail', number>>;
  readonly checks: readonly Finding[];
}

const folders: string[] = [];
const listeners: Server[] = [];

afterEach(async () => {
  for (const listener of listeners.splice(0))
    await new Promise((resolve) => listener.close(resolve));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'driftway-doctor-'));
  folders.push(folder);
  return folder;
}

async function examine(dataDir: string, options: CliOptions = {}) {
  const run = await driftway(['doctor', '--json', '--data-dir', dataDir], options);
  const document = run.json<Document>();
  const of = (id: string): readonly Finding[] => document.checks.filter((one) => one.id === id);
  return { code: run.code, document, of };
}

/** A port that somebody else listens on. */
async function takenPort(): Promise<number> {
  const port = await freePort();
  const listener = createServer();
  listeners.push(listener);
  await new Promise<void>((resolve) => listener.listen(port, '127.0.0.1', resolve));
  return port;
}

const tlsFile = (name: string): string => join(REPO, 'gateway/test/fixtures', name);

describe('doctor', () => {
  test('port in use, 300 open files, a newer store, a foreign key: all four fail, each with its remedy', async () => {
    const dataDir = newFolder();
    const database = new DatabaseSync(join(dataDir, 'driftway.db'));
    database.exec('PRAGMA user_version = 99');
    database.close();
    const port = await takenPort();
    const [cert, key] = [tlsFile('a.cert.pem'), tlsFile('b.key.pem')];
    const env = {
      DRIFTWAY_PORT: String(port),
      DRIFTWAY_TLS_CERT: cert,
      DRIFTWAY_TLS_KEY: key,
    };
    const { code, document, of } = await examine(dataDir, { env, before: 'ulimit -n 300' });
    expect(code).toBe(1);
    expect(document.ok).toBe(false);
    const failed = document.checks.filter(({ grade }) => grade === 'fail');
    expect(failed.map(({ id }) => id).sort()).toEqual(['nofile', 'port', 'store', 'tls']);
    expect(failed.every(({ remedy }) => remedy !== null && remedy !== '')).toBe(true);
    expect(of('port')[0]).toMatchObject({
      what: expect.stringMatching(`port ${port} on 127.0.0.1 is in use by process ${process.pid} `),
      remedy: expect.stringContaining('DRIFTWAY_PORT'),
    });
    expect(of('nofile')[0]).toMatchObject({
      what: expect.stringContaining('300 open files'),
      remedy: expect.stringContaining('LimitNOFILE'),
    });
    expect(of('store')[0]).toMatchObject({
      what: expect.stringContaining('schema 99'),
      remedy: expect.stringContaining('install the version'),
    });
    expect(of('tls')[0]).toMatchObject({
      what: expect.stringContaining('belongs to another private key'),
      remedy: expect.stringContaining('DRIFTWAY_TLS_KEY'),
    });
    expect(readdirSync(dataDir)).toEqual(['driftway.db']);
  });

  test('a file where the data folder should be, a wrong setting: both fail, the text names the remedies', async () => {
    const file = join(newFolder(), 'data');
    writeFileSync(file, 'no folder');
    const env = { DRIFTWAY_PORT: '700000' };
    const run = await driftway(['doctor', '--data-dir', file], { env });
    expect(run.code).toBe(1);
    expect(run.stdout).toMatch(/FAIL {2}config +DRIFTWAY_PORT: got "?700000/);
    expect(run.stdout).toMatch(/FAIL {2}data +\S+ is a file, wanted a folder\n +-> remove it/);
    expect(run.stdout).toMatch(/\d+ ok, \d+ to look at, 2 to repair\n$/);
  });

  test('damaged database and keys, files open to others: named, and left as they are', async () => {
    const dataDir = newFolder();
    chmodSync(dataDir, 0o755);
    writeFileSync(join(dataDir, 'driftway.db'), 'x'.repeat(8192));
    writeFileSync(join(dataDir, 'keys.json'), '{"version":1');
    const { of } = await examine(dataDir);
    expect(of('data')[0]).toMatchObject({ grade: 'warn', remedy: `chmod 700 ${dataDir}` });
    expect(of('store')[0]).toMatchObject({
      grade: 'fail',
      remedy: expect.stringContaining('driftway restore'),
    });
    expect(of('keys')[0]).toMatchObject({
      grade: 'fail',
      what: expect.stringContaining('damaged'),
    });
  });

  test('beside a running server: its port is its own, nothing fails', async () => {
    const server = await ServerProcess.start({ env: { DRIFTWAY_HEART: 'off' } });
    try {
      const env = { DRIFTWAY_PORT: String(server.port) };
      const { document, of } = await examine(server.dataDir, { env });
      expect(of('port')[0]?.what).toContain(`the server runs as process ${server.serverPid}`);
      expect(of('database')[0]?.what).toContain('sound');
      expect(document.checks.filter(({ grade }) => grade === 'fail')).toEqual([]);
    } finally {
      await server.dispose();
    }
  });

  test('a port of voice that somebody else holds: fails, and with VOICE=off nobody asks for it', async () => {
    const port = await takenPort();
    const env = { DRIFTWAY_PORT: String(await freePort()), DRIFTWAY_VOICE_PORT: String(port) };
    const { code, of } = await examine(newFolder(), { env });
    expect(code).toBe(1);
    expect(of('voice-ports')[0]).toMatchObject({
      grade: 'fail',
      what: expect.stringContaining(`TCP ${port} (EADDRINUSE)`),
      remedy: expect.stringContaining('DRIFTWAY_VOICE_PORT'),
    });
    const without = await examine(newFolder(), { env: { ...env, DRIFTWAY_VOICE: 'off' } });
    expect(without.of('voice-ports')[0]).toMatchObject({ grade: 'ok', what: 'VOICE is off' });
    expect(without.of('media')[0]).toMatchObject({ grade: 'ok' });
  });

  test('an empty machine: a folder that is not there yet is no fault and is not made', async () => {
    const dataDir = join(newFolder(), 'a', 'b');
    // Voice's default ports may be the local ends of connections that other tests have.
    const env = { DRIFTWAY_PORT: String(await freePort()), DRIFTWAY_VOICE_PORT: '0' };
    const { code, document, of } = await examine(dataDir, { env });
    expect(document.checks.filter(({ grade }) => grade === 'fail')).toEqual([]);
    expect(code).toBe(0);
    expect(of('data')[0]?.what).toBe(`${dataDir} will be made`);
    expect(of('fsync')[0]?.what).toMatch(/^a flush takes \d/);
    expect(existsSync(join(dataDir, '..'))).toBe(false);
  });
});
