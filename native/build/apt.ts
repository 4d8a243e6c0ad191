/**
 * Owns what builds need from Debian: which packages are missing, the one line that installs them, and installing them as root.
 * Runs in the child process of a build. Never installs without root, and nothing that was not named.
 */
import { existsSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { runUnbroken } from './run.ts';
import type { NeededPackage, ToolResult } from './types.ts';

const INSTALL = ['install', '-y', '--no-install-recommends'];
/** Another apt (unattended upgrades, a second start) may hold the lock for a while. */
const LOCK = ['-o', 'DPkg::Lock::Timeout=180'];

/** The packages of `rows` that are not there; some stats, no process. */
export function missingPackages(rows: readonly NeededPackage[]): string[] {
  return rows.filter(({ provides }) => !isThere(provides)).map((row) => row.package);
}

function isThere(provides: string): boolean {
  if (isAbsolute(provides)) return existsSync(provides);
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.some((folder) => folder !== '' && existsSync(join(folder, provides)));
}

/** What a person types to install `packages`. */
export function aptLine(packages: readonly string[]): string {
  return `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/** True where `installPackages` can work. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && isThere('apt-get');
}

/** Installs `packages` as root with apt, after an update of its lists. What has begun is never cut off: dpkg would need mending by hand. */
export async function installPackages(
  packages: readonly string[],
  at: { readonly cwd: string; readonly log: string; readonly signal?: AbortSignal },
): Promise<ToolResult> {
  const apt = (args: readonly string[]) =>
    runUnbroken({ ...at, command: 'apt-get', args, env: { DEBIAN_FRONTEND: 'noninteractive' } });
  const updated = await apt([...LOCK, '-q', 'update']);
  const installed = await apt([...LOCK, '-q', ...INSTALL, ...packages]);
  return installed.ok || updated.ok ? installed : updated;
}
