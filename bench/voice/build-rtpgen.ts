/**
 * Makes rtpgen, the generator of voice load, from its sources beside this file: one call of the C++ compiler against OpenSSL, kept
 * under .cache by a digest of the sources. Bench processes and their tests.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SOURCES = fileURLToPath(new URL('rtpgen', import.meta.url));
const CACHE = fileURLToPath(new URL('../../.cache/rtpgen', import.meta.url));
const COMPILER = 'g++';
const FLAGS = ['-std=c++20', '-O2', '-Wall', '-Wextra', '-Werror', '-pthread'];
const LIBRARIES = ['-lssl', '-lcrypto'];
const NEEDED = 'apt-get install -y g++ libssl-dev';
const HINT_CHARS = 400;

/** Path of the generator, compiled (about 10 s) where it is not there. Throws with the command that installs what is missing. */
export async function rtpgenBinary(): Promise<string> {
  const names = readdirSync(SOURCES).sort();
  const digest = createHash('sha256').update([COMPILER, ...FLAGS, ...LIBRARIES].join(' '));
  for (const name of names) digest.update(`\0${name}\0`).update(readFileSync(join(SOURCES, name)));
  const path = join(CACHE, `rtpgen-${digest.digest('hex').slice(0, 16)}`);
  if (existsSync(path)) return path;
  mkdirSync(CACHE, { recursive: true });
  const units = names.filter((name) => name.endsWith('.cc')).map((name) => join(SOURCES, name));
  // Two runs at once compile twice; the rename makes either result whole.
  const unfinished = `${path}.${process.pid}`;
  try {
    await promisify(execFile)(COMPILER, [...FLAGS, ...units, ...LIBRARIES, '-o', unfinished]);
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, HINT_CHARS) : String(error);
    throw new Error(`rtpgen: cannot be compiled (it needs: ${NEEDED}): ${why}`);
  }
  renameSync(unfinished, path);
  return path;
}
