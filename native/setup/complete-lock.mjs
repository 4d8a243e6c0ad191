#!/usr/bin/env node
/**
 * Owns the completeness of package-lock.json over platforms: run it after every change of dependencies
 * (`node native/setup/complete-lock.mjs`; `--check` only reports). A developer's tool, never run by the launcher.
 *
 * `npm ci` refuses a lock file that lacks any optional package, those of other platforms included, and `npm install` cannot
 * record one that its registry (a mirror, say) does not carry. Such packages have a fixed version in their parent and say
 * their platform in their name, so their entries can be written without asking anybody. Only their integrity hash is missing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PLATFORM = /(aix|android|darwin|freebsd|linux|netbsd|openbsd|sunos|win32)-([a-z0-9]+)/;
const FIXED = /^\d+\.\d+\.\d+$/;

/** Adds the missing platform packages to the parsed lock file; returns the paths added. */
export function completeLock(lock) {
  const added = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === '') continue;
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const found = find(lock.packages, path, name)?.version;
      if (found === version || (found !== undefined && !FIXED.test(version))) continue;
      const top = `node_modules/${name}`;
      const at = top in lock.packages ? `${path}/${top}` : top;
      lock.packages[at] = entryFor(name, version, entry);
      added.push(at);
    }
  }
  lock.packages = Object.fromEntries(
    Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')),
  );
  return added;
}

function find(packages, from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const found = packages[at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`];
    if (found !== undefined || at === '') return found;
  }
}

function entryFor(name, version, parent) {
  const platform = PLATFORM.exec(name);
  if (platform === null || !FIXED.test(version)) {
    throw new Error(
      `cannot write a lock entry for ${name}@${version}: its name tells no platform or its version is no fixed one`,
    );
  }
  const entry = { version, cpu: [platform[2]] };
  if (parent.dev) entry.dev = true;
  if (platform[1] === 'linux') entry.libc = [name.endsWith('-musl') ? 'musl' : 'glibc'];
  Object.assign(entry, { license: parent.license, optional: true, os: [platform[1]] });
  const major = /^@uwsjs\/.*-(\d+)$/.exec(name);
  if (major) entry.engines = { node: `>=${major[1]}.0.0 <${Number(major[1]) + 1}.0.0` };
  return entry;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'package-lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const added = completeLock(lock);
  const check = process.argv.includes('--check');
  if (!check && added.length > 0) writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  process.stdout.write(`${added.length} missing${check || added.length === 0 ? '' : ', added'}\n`);
  process.exitCode = check && added.length > 0 ? 1 : 0;
}
