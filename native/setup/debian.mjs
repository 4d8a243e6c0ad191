/**
 * Owns what tests need from Debian. Runs in the launcher process before `npm test`, never before `npm start`.
 * Installs only what is missing, only as root, only where apt is; otherwise the tests that need it say so themselves.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { say } from './say.mjs';

/**
 * One row per program: `program` is looked for on PATH, `packages` are installed when it is missing.
 * @type {{ program: string, packages: string[] }[]}
 */
export const NEEDED = [
  { program: 'chromium', packages: ['chromium'] },
  { program: 'turnserver', packages: ['coturn'] },
  { program: 'opusinfo', packages: ['opus-tools'] },
  { program: 'espeak-ng', packages: ['espeak-ng'] },
  { program: 'wasm2c', packages: ['wabt'] },
];

/** Installs the Debian packages of `rows` whose program is not there; returns the packages it asked apt for. */
export function ensureDebianPackages(rows = NEEDED) {
  const missing = rows.filter((row) => !onPath(row.program)).flatMap((row) => row.packages);
  if (missing.length === 0 || process.getuid?.() !== 0 || !onPath('apt-get')) return [];
  say(`installing ${missing.join(', ')} (apt)`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', ['update', '-qq'], { env, stdio: 'inherit' });
  spawnSync('apt-get', ['install', '-qq', '-y', '--no-install-recommends', ...missing], {
    env,
    stdio: 'inherit',
  });
  return missing;
}

function onPath(program) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => existsSync(join(folder, program)));
}
