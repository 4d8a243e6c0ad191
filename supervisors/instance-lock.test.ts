/** Tests of the claims on folder and port, with real second processes. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { loadUws } from '../native/index.ts';
import { takeFileLock } from './file-lock.ts';
import { claimDataDir, dataDirHolder } from './instance-lock.ts';
import { readPidFile, removePidFile, writePidFile } from './pid-file.ts';
import { claimPort } from './port-claim.ts';
import { Child } from './test/support/child.ts';
import { NODE_FLAGS } from './test/support/server-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftway lock '));
afterAll(() => rmSync(folder, { recursive: true }));
let dataDir = '';
let number = 0;
beforeEach(() => {
  dataDir = join(folder, `data ${++number}`, 'inner');
});

/** A process that claims `dataDir`, says so, and stays. Memory that it has touched makes its end take longer. */
function claimant(memoryMiB = 0): Child {
  const code = `
    const memory = Buffer.alloc(${memoryMiB} * 2 ** 20, 1);
    const { claimDataDir } = await import(${JSON.stringify(new URL('./instance-lock.ts', import.meta.url).href)});
    const claim = claimDataDir({ dataDir: ${JSON.stringify(dataDir)}, heartPid: 4711 });
    console.log(claim.ok ? 'claimed' : claim.message);
    setInterval(() => undefined, 1000);
  `;
  return new Child(process.execPath, [...NODE_FLAGS, '--input-type=module', '-e', code]);
}

function claimed(heartPid: number | null = null) {
  const claim = claimDataDir({ dataDir, heartPid });
  if (!claim.ok) throw new Error(claim.message);
  return claim.instance;
}

test('claimDataDir: a new folder, is made with mode 0700 and both pid files', () => {
  const instance = claimed(4711);
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  expect(readFileSync(join(dataDir, 'server.pid'), 'utf8')).toBe(`${process.pid}\n`);
  expect(readFileSync(join(dataDir, 'heart.pid'), 'utf8')).toBe('4711\n');
  expect(instance.afterCrash).toBe(false);
  instance.release();
  instance.release();
  expect(readdirSync(dataDir).filter((name) => name.endsWith('.pid'))).toEqual([]);
});

test('claimDataDir: another process holds it, names that process', async () => {
  await using other = claimant();
  await other.line(/claimed/);
  const claim = claimDataDir({ dataDir, heartPid: null });
  expect(claim.ok ? '' : claim.message).toContain(`is in use by process ${other.pid}: stop it`);
  expect(dataDirHolder(dataDir)).toBe(other.pid);
  expect(readPidFile(join(dataDir, 'server.pid'))?.pid).toBe(other.pid);
});

test('claimDataDir: the holder was killed by SIGKILL, succeeds at once and knows of the crash', async () => {
  await using other = claimant();
  await other.line(/claimed/);
  other.process.kill('SIGKILL');
  await other.ended;
  expect(readPidFile(join(dataDir, 'server.pid'))).toEqual({ pid: other.pid, alive: false });
  const instance = claimed();
  expect(instance.afterCrash).toBe(true);
  expect(existsSync(join(dataDir, 'heart.pid'))).toBe(false);
  instance.release();
});

test('claimDataDir: the holder was killed this instant and is not gone yet, waits for it', async () => {
  await using other = claimant(512);
  await other.line(/claimed/);
  other.process.kill('SIGKILL');
  const instance = claimed();
  expect(instance.afterCrash).toBe(true);
  instance.release();
  await other.ended;
});

test('claimDataDir: the dead holder left the pid of a living process, succeeds', () => {
  claimed().release();
  writeFileSync(join(dataDir, 'server.pid'), `${process.ppid}\n`);
  claimed().release();
});

test('claimDataDir: six processes at once, one gets it and the others name it', async () => {
  const all = Array.from({ length: 6 }, () => claimant());
  try {
    const said = await Promise.all(all.map((child) => child.line(/claimed|in use by [a-z]+ ?\d*/)));
    const winners = all.filter((_child, i) => said[i]?.[0] === 'claimed');
    expect(winners).toHaveLength(1);
    expect(dataDirHolder(dataDir)).toBe(winners[0]?.pid);
  } finally {
    await Promise.all(all.map((child) => child[Symbol.asyncDispose]()));
  }
});

test('claimDataDir: the folder cannot be made, says why', () => {
  dataDir = join(folder, 'file', 'data');
  writeFileSync(join(folder, 'file'), '');
  const claim = claimDataDir({ dataDir, heartPid: null });
  expect(claim.ok ? '' : claim.message).toMatch(/cannot be used \(.*ENOTDIR.*DRIFTWAY_DATA_DIR/);
});

test('takeFileLock: held in this process, is refused to a second taker and free after release', () => {
  const path = join(folder, 'one.db');
  const lock = takeFileLock(path);
  expect(lock).not.toBeNull();
  expect(takeFileLock(path)).toBeNull();
  lock?.release();
  lock?.release();
  const again = takeFileLock(path);
  expect(again).not.toBeNull();
  again?.release();
});

test('removePidFile: a successor has written its own, leaves it', () => {
  const path = join(folder, 'x.pid');
  writePidFile(path, 4711);
  removePidFile(path, 4712);
  expect(readPidFile(path)?.pid).toBe(4711);
  writeFileSync(path, 'rubbish');
  expect(readPidFile(path)).toBeNull();
});

test('claimPort: port 0, gives a free one that can be listened on', async () => {
  const result = await claimPort('127.0.0.1', 0);
  if (!result.ok) throw new Error(result.message);
  expect(result.claim.port).toBeGreaterThan(0);
  result.claim.release();
});

test('claimPort: its listener was killed this instant and is not gone yet, waits for it', async () => {
  const code = `
    const memory = Buffer.alloc(512 * 2 ** 20, 1);
    require('node:net').createServer().listen(0, '127.0.0.1', function () { console.log('port', this.address().port); });
  `;
  await using other = new Child(process.execPath, ['-e', code]);
  const port = Number((await other.line(/port (\d+)/))[1]);
  other.process.kill('SIGKILL');
  const result = await claimPort('127.0.0.1', port);
  expect(result).toMatchObject({ ok: true });
  if (result.ok) result.claim.release();
  await other.ended;
});

test('claimPort: claimed but not yet listened on, is refused to the next', async () => {
  const first = await claimPort('127.0.0.1', 0);
  if (!first.ok) throw new Error(first.message);
  const second = await claimPort('127.0.0.1', first.claim.port);
  expect(second.ok).toBe(process.platform !== 'linux');
  first.claim.release();
});

test('claimPort: a uWebSockets.js listener that shares its port, is found and named', async () => {
  const uws = loadUws();
  const app = uws.App();
  const port = await new Promise<number>((resolve) => {
    app.listen('127.0.0.1', 0, (socket) => resolve(socket ? uws.us_socket_local_port(socket) : 0));
  });
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    const result = await claimPort(host, port);
    expect(result.ok ? '' : result.message).toContain(
      `port ${port} on ${host} is in use by process ${process.pid}`,
    );
  }
  app.close();
});

test('claimPort: an address of another machine, is refused in one sentence', async () => {
  const result = await claimPort('192.0.2.1', 7000);
  expect(result.ok ? '' : result.message).toContain(
    'port 7000 on 192.0.2.1 cannot be listened on (EADDRNOTAVAIL)',
  );
});
