/**
 * Owns the command `restore`: a backup back into the data folder, with new epochs. Refuses under a running server.
 */
import { resolve } from 'node:path';
import type { Restored } from '../../backup/restore.ts';
import { done, failed } from '../outcome.ts';
import { noteSteps } from '../steps.ts';
import type { CliCommand } from '../types.ts';

export const restore: CliCommand = {
  args: [{ name: 'folder', about: 'folder of the backup' }],
  options: [
    {
      name: 'despite-faults',
      about: 'go on when the database in the backup is not sound; it says what is wrong',
      kind: 'flag',
    },
  ],
  more: 'Stop the server first. Every hash is checked before anything changes; what is there now is put aside in the data folder. All streams get new epochs: clients that had seen more than the backup has are told so, and fetch again.',
  examples: ['restore /mnt/backups/driftway-monday'],
  run: async (context, given) => {
    const { systemRng: rng } = await import('../../../runtime/index.ts');
    const { restore: restoreFrom } = await import('../../backup/restore.ts');
    const { clock, dataDir, sources } = context;
    const from = resolve(sources.cwd, given.arg('folder'));
    const onProgress = noteSteps(context);
    const isDespiteFaults = given.flag('despite-faults');
    const result = await restoreFrom({ from, dataDir, clock, rng, onProgress, isDespiteFaults });
    return result.ok
      ? done({ dataDir, ...result.value }, summary(dataDir, result.value))
      : failed(result.code, result.message);
  },
};

function summary(dataDir: string, { aside, events, faults, manifest, streams }: Restored): string {
  const from = new Date(manifest.createdAt).toISOString();
  const lines = [`${dataDir}: ${events} events of ${streams} streams as of ${from}, new epochs`];
  if (aside !== null) lines.push(`what was there before is in ${aside}`);
  lines.push(...faults.map((fault) => `accepted: ${fault}`));
  return lines.join('\n');
}
