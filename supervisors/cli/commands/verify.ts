/**
 * Owns the command `verify`: whether a backup or an export is whole. Reads only.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { done, failed } from '../outcome.ts';
import type { CliCommand, CliOutcome } from '../types.ts';

export const verify: CliCommand = {
  args: [{ name: 'path', about: 'folder of a backup, or file of an export' }],
  examples: ['verify /mnt/backups/driftway-monday', 'verify guild-4711.jsonl'],
  run: async ({ sources }, given) => {
    const path = resolve(sources.cwd, given.arg('path'));
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return failed('not_found', `${path}: there is nothing`);
    return found.isDirectory() ? verifyBackup(path) : verifyExport(path);
  },
};

async function verifyBackup(folder: string): Promise<CliOutcome> {
  const { checkFiles, readManifest } = await import('../../backup/manifest.ts');
  const manifest = readManifest(folder);
  if (!manifest.ok) return failed(manifest.code, manifest.message);
  const checked = await checkFiles(folder, manifest.value);
  if (!checked.ok) return failed(checked.code, checked.message);
  const { createdAt, events, streams } = manifest.value;
  const text = `${folder}: whole, ${events} events of ${streams} streams as of ${new Date(createdAt).toISOString()}`;
  return done({ folder, manifest: manifest.value }, text);
}

async function verifyExport(file: string): Promise<CliOutcome> {
  const { verifyChain } = await import('../../backup/chain.ts');
  const chain = await verifyChain(file);
  if (!chain.ok) return failed(chain.code, chain.message);
  const { events, head, lines } = chain.value;
  return done(
    { file, ...chain.value },
    `${file}: whole, ${lines} lines, ${events} events, ${head}`,
  );
}
