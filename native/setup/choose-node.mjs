/**
 * Owns the choice of the Node that runs Driftway: which major fits this platform, and whether the running one does.
 * Runs in the launcher process on any Node >= 18. Pure but for `readGlibc`; never touches the network.
 *
 * Two pairs exist (architecture.md, toolchain facts): Node 22 + uWebSockets.js 20.51.4, which needs glibc >= 2.27, and
 * Node 24 + uWebSockets.js 20.69.0, which needs glibc >= 2.38.
 */
import { spawnSync } from 'node:child_process';

/** The oldest release of each usable major; 22.18 is the first that runs TypeScript without a flag. */
export const MINIMUM = { 22: [22, 18, 0], 24: [24, 0, 0] };

const GLIBC_FOR_22 = [2, 27];
const GLIBC_FOR_24 = [2, 38];
const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/** `v22.23.3`, `2.36` and the like as numbers. */
export function parseVersion(text) {
  return text
    .replace(/^v/, '')
    .split('.')
    .map((part) => Number.parseInt(part, 10) || 0);
}

/** True when version `a` is at least version `b`, part by part. */
export function atLeast(a, b) {
  for (let i = 0; i < b.length; i++) {
    const difference = (a[i] ?? 0) - b[i];
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** The C library's version as text, or null where it is not glibc (musl) or the platform has none. */
export function readGlibc() {
  if (process.platform !== 'linux') return null;
  // getconf takes 2 ms; Node's own report, which also knows, takes up to 100 ms where host names resolve slowly.
  const asked = spawnSync('getconf', ['GNU_LIBC_VERSION'], { encoding: 'utf8' });
  const found = /^glibc (\d+\.\d+)/.exec(asked.stdout ?? '');
  if (found) return found[1];
  return process.report?.getReport()?.header?.glibcVersionRuntime ?? null;
}

/** True when a Node of this version runs Driftway, given the majors that this platform can use. */
export function nodeFits(version, majors) {
  const parsed = parseVersion(version);
  return majors.includes(parsed[0]) && atLeast(parsed, MINIMUM[parsed[0]]);
}

/**
 * Which Node majors can run here, best first.
 * Returns `{ ok: true, majors }` or `{ ok: false, why }`, `why` being one sentence that says what to do.
 */
export function usableMajors({ platform, arch, glibc }) {
  if (!PLATFORMS.includes(`${platform}-${arch}`)) {
    const known = PLATFORMS.join(', ');
    return {
      ok: false,
      why: `no socket library exists for ${platform}-${arch}: run Driftway on one of ${known} (on Windows: in WSL)`,
    };
  }
  if (platform !== 'linux') return { ok: true, majors: [24, 22] };
  if (glibc === null) {
    return {
      ok: false,
      why: 'the socket library needs glibc, and this system has another C library: run Driftway on Debian, Ubuntu, Fedora or another glibc system',
    };
  }
  const version = parseVersion(glibc);
  if (atLeast(version, GLIBC_FOR_24)) return { ok: true, majors: [24, 22] };
  if (atLeast(version, GLIBC_FOR_22)) return { ok: true, majors: [22] };
  return {
    ok: false,
    why: `glibc ${glibc} is too old for the socket library: it needs 2.27 or newer (Debian 10, Ubuntu 18.04)`,
  };
}
