/**
 * Owns `node_modules`: installed by `npm ci`, with the Node that will run it, when what is there is not what the lock file asks for.
 * Runs in the launcher process. Never asks the network when the installed packages are right already.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { runNpm } from './npm.mjs';
import { SetupError, say } from './say.mjs';

const STAMP = '.driftway-stamp';

/** Makes `<root>/node_modules` what package-lock.json says, for the Node `{ path, major }`. */
export async function ensurePackages(root, node) {
  const lockText = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const wanted = stampOf(lockText, node.major);
  if (readStamp(root) === wanted) return;
  const cache = join(root, '.cache');
  await mkdir(cache, { recursive: true });
  const waiting = () => say('waiting for another start, which is installing packages');
  await withLock(join(cache, 'packages.lock'), waiting, async () => {
    if (readStamp(root) === wanted) return;
    if (!isInstalled(root, lockText, node.major)) await install(root, node);
    await writeStamp(root, wanted);
  });
}

async function install(root, node) {
  const started = Date.now();
  say('installing packages (npm ci); this takes some seconds, once');
  await rm(join(root, 'node_modules', STAMP), { force: true });
  await runNpm({
    nodePath: node.path,
    cwd: root,
    // No package needs its install script: native/ gets what is native. Development packages too: `npm test` needs them.
    args: ['ci', '--ignore-scripts', '--prefer-offline', '--include=dev', '--include=optional'],
    what: 'installing packages',
  });
  if (!existsSync(join(root, 'node_modules')))
    throw new SetupError('installing packages: npm left no node_modules behind');
  say(`packages are installed (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

function stampOf(lockText, major) {
  const hash = createHash('sha256').update(lockText).digest('hex');
  return `${hash} node-${major} ${process.platform}-${process.arch}`;
}

function readStamp(root) {
  try {
    return readFileSync(join(root, 'node_modules', STAMP), 'utf8');
  } catch {
    return null; // nothing installed, or not by this launcher
  }
}

async function writeStamp(root, text) {
  const path = join(root, 'node_modules', STAMP);
  const beside = `${path}.${process.pid}`;
  await writeFile(beside, text);
  await rename(beside, path);
}

/** True when npm's own record of what it installed (by hand, say) has all that the lock file asks for. */
function isInstalled(root, lockText, major) {
  const installed = readInstalled(root);
  if (installed === null) return false;
  for (const [path, entry] of Object.entries(JSON.parse(lockText).packages)) {
    if (path === '') continue;
    const there = installed[path];
    if (there === undefined && (entry.optional || entry.devOptional)) continue;
    if (there?.version !== entry.version || !existsSync(join(root, path))) return false;
  }
  return hasSocketBinary(root, major);
}

function readInstalled(root) {
  try {
    return JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8'))
      .packages;
  } catch {
    return null; // never installed, or interrupted
  }
}

/** npm chooses uWebSockets.js's binary by the Node that ran it: one installed under another Node is not the one needed. */
function hasSocketBinary(root, major) {
  const binary = join('node_modules', '@uwsjs', `${process.platform}-${process.arch}-${major}`);
  return (
    existsSync(join(root, 'node_modules', `uws-node${major}`, binary)) ||
    existsSync(join(root, binary))
  );
}
