/**
 * Owns the folder of built binaries, shared by all clones of a user: `<cache>/driftway/<kind>/<hash>/`, where the hash covers all
 * that the binary depends on. A folder appears there by one rename, complete and accepted. Any process may read it; builders hold a
 * lock. Never written by the server itself.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, utimesSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { withLock } from '../setup/lock.mjs';

const HASH_CHARS = 24;
const UNUSED_MS = 30 * 24 * 3_600_000;

/** `$XDG_CACHE_HOME/driftway/<kind>`, else `~/.cache/driftway/<kind>`. Need not exist. */
export function cacheFolder(kind: string): string {
  const asked = process.env.XDG_CACHE_HOME ?? '';
  return join(isAbsolute(asked) ? asked : join(homedir(), '.cache'), 'driftway', kind);
}

/** A name for what all `parts` make together. */
export function contentHash(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest('hex').slice(0, HASH_CHARS);
}

/** System, processor and release: a binary linked here runs where this is the same. */
export function hostIdentity(): string {
  const release = process.platform === 'linux' ? osRelease() : '';
  return `${process.platform} ${process.arch} ${release}`.trim();
}

function osRelease(): string {
  try {
    const lines = readFileSync('/etc/os-release', 'utf8').split('\n');
    return lines.filter((line) => /^(ID|VERSION_ID|VERSION_CODENAME)=/.test(line)).join(' ');
  } catch {
    return 'unknown'; // a system without the file: its binaries still differ by platform
  }
}

/** The path of `program` in a folder of the cache, if it is there; that counts as a use of the folder. */
export function cachedProgram(folder: string, program: string): string | undefined {
  const path = join(folder, program);
  if (!existsSync(path)) return undefined;
  touch(folder);
  return path;
}

/** The time of last use decides what may go when the cache is full. */
function touch(folder: string): void {
  const now = new Date();
  try {
    utimesSync(folder, now, now);
  } catch {
    return; // a cache that is not ours to write: it is used all the same
  }
}

/** Runs `work` as the only builder of `<folder>/<name>`; `onWait` is called once when there is another one to wait for. */
export async function withBuildLock<T>(
  folder: string,
  name: string,
  onWait: () => void,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return withLock(join(folder, `${name}.lock`), onWait, work);
}

/** What a cache that cannot be written is refused with; `EEXIST`: a file lies where a folder should. */
const CACHE_FAULTS: ReadonlySet<string> = new Set([
  ...['EACCES', 'EEXIST', 'EPERM', 'EROFS', 'ENOSPC', 'ENOTDIR', 'EDQUOT'],
]);

/**
 * The program from the cache, else from `make`, by one process at a time.
 * @param what for messages: `the media worker`
 * @returns `cache` where the folder cannot be written; rejects for all else
 */
export async function getOnce<R>(m: {
  readonly folder: string;
  readonly name: string;
  readonly what: string;
  readonly cached: () => string | undefined;
  readonly onWait: () => void;
  readonly make: () => Promise<R>;
}): Promise<
  | R
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly code: 'cache'; readonly message: string }
> {
  const { cached, folder, make, name, onWait, what } = m;
  try {
    return await withBuildLock(folder, name, onWait, async () => {
      const path = cached();
      return path === undefined ? await make() : { ok: true, path };
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!CACHE_FAULTS.has(code ?? '')) throw error;
    const text = `the cache of ${what}, ${folder}, cannot be written: ${message}`;
    return { ok: false, code: 'cache', message: text };
  }
}

/** Moves the finished folder `from` to `<folder>/<name>`; a reader sees all of it or nothing. */
export async function accept(from: string, folder: string, name: string): Promise<void> {
  const target = join(folder, name);
  await rm(target, { recursive: true, force: true });
  await rename(from, target);
}

/**
 * Bounds the cache: beyond the `keep` entries used last, those unused for 30 days go, with what belongs to them (`<name>.*`).
 * Returns how many went. `name` itself always stays.
 */
export async function keepNewest(
  folder: string,
  name: string,
  keep: number,
  nowMs: number = Date.now(),
): Promise<number> {
  const names = (await readdir(folder)).filter((entry) => /^[0-9a-f]+$/.test(entry));
  const found = await Promise.all(
    names.map(async (entry) => ({ entry, usedMs: (await stat(join(folder, entry))).mtimeMs })),
  );
  const old = found
    .filter(({ entry }) => entry !== name)
    .sort((a, b) => b.usedMs - a.usedMs)
    .slice(Math.max(0, keep - 1))
    .filter(({ usedMs }) => nowMs - usedMs > UNUSED_MS);
  const all = await readdir(folder);
  for (const { entry } of old) {
    const theirs = all.filter((other) => other === entry || other.startsWith(`${entry}.`));
    for (const path of theirs) await rm(join(folder, path), { recursive: true, force: true });
  }
  return old.length;
}
