/**
 * Owns the command `backup`: the database at this moment, the keys and a manifest in a new folder, by the running server or
 * without one.
 */
import { resolve } from 'node:path';
import type { Backup } from '../../backup/back-up.ts';
import { ended } from '../ask.ts';
import { done, failed, misuse } from '../outcome.ts';
import { noteSteps } from '../steps.ts';
import { bytes } from '../text.ts';
import type { CliCommand } from '../types.ts';

export const backup: CliCommand = {
  args: [
    {
      name: 'folder',
      about: 'folder to make; default a new one in backups/ of the data folder',
      optional: true,
    },
  ],
  options: [
    {
      name: 'keep',
      about: 'remove the oldest in backups/ of the data folder beyond so many',
      kind: 'number',
      min: 1,
      max: 1000,
    },
  ],
  more: 'The server goes on meanwhile. The backup holds the keys that sign access tokens: keep it as safe as the data folder, and on another disk.',
  examples: ['backup --keep 7', 'backup /mnt/backups/driftway-monday'],
  run: async (context, given) => {
    const { clock, dataDir, signal, sources } = context;
    const folder = given.text('folder');
    const to = folder === null ? undefined : resolve(sources.cwd, folder);
    const keep = given.number('keep');
    if (keep !== null && to !== undefined)
      return misuse('--keep: got it with a folder, wanted one of them');
    const onProgress = noteSteps(context);
    const connected = await context.connect();
    if (connected.ok) {
      const { admin } = connected;
      try {
        const args = { ...(to === undefined ? {} : { to }), ...(keep === null ? {} : { keep }) };
        return ended(await admin.call('backup', args, { onProgress }), (value) =>
          summary(value as Backup),
        );
      } finally {
        admin.close();
      }
    }
    if (connected.code !== 'no_server') return failed(connected.code, connected.message);
    const { backUp, removeOld } = await import('../../backup/back-up.ts');
    const { stampOf } = await import('../../backup/files.ts');
    const { packageVersion } = await import('../../args.ts');
    const version = packageVersion();
    const own = resolve(dataDir, 'backups');
    const target = to ?? resolve(own, stampOf(clock.now()));
    const made = await backUp({ dataDir, to: target, version, clock, signal, onProgress });
    if (!made.ok) return failed(made.code, made.message);
    const removed = keep === null ? [] : await removeOld(own, keep);
    return done({ ...made.value, removed }, summary(made.value));
  },
};

function summary({ folder, manifest }: Backup): string {
  const size = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  return `${folder}: ${manifest.events} events of ${manifest.streams} streams, ${bytes(size)}`;
}
