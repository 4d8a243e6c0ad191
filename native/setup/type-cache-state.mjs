/**
 * Owns when the cache of stripped types is filled: before a start, when a source is newer than the last filling.
 * Runs in the launcher process; costs a stat per source, some ms in all.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { say } from './say.mjs';

const FOLDERS = [
  'runtime',
  'native',
  'channels',
  'voice',
  'gateway',
  'client',
  'supervisors',
  'bench',
];

/** Every TypeScript file but tests. */
export function sourceFiles(root) {
  return FOLDERS.flatMap((folder) => below(join(root, folder)));
}

function below(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'test' ? [] : below(path);
    return entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

/** Fills the cache for the Node `{ path }` if a source has changed. A failure is no fault: threads strip for themselves then. */
export function ensureTypeCache(root, node, env) {
  const stamp = join(root, '.cache', 'stripped', `filled-${node.major}`);
  const files = sourceFiles(root);
  const newest = Math.max(...files.map((path) => statSync(path).mtimeMs));
  const state = `${files.length} ${newest} ${statSync(node.path).mtimeMs}`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return;
  const script = join(root, 'native', 'setup', 'fill-type-cache.mjs');
  const { status } = spawnSync(node.path, [script], { env, stdio: 'inherit' });
  if (status !== 0) {
    say('the cache of stripped types could not be filled: starts will be slower');
    return;
  }
  mkdirSync(join(root, '.cache', 'stripped'), { recursive: true });
  writeFileSync(stamp, state);
}
