/**
 * Owns the command `backup`: the database at this moment, the keys and a manifest in a new folder, by the running server or
 * without one.
 */
import { resolve } from 'node:path';
import type { Backup } from '../../backup/back-up.ts';
import { ended } from '../ask.ts';
import { done, failed } from '../outcome.ts';
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
  more: 'The server goes on meanwhile. The backup holds the keys that sign access tokens: keep it as safe as the data folder, and on another disk.',
  examples: ['backup', 'backup /mnt/backups/driftway-monday'],
  run: async (context, given) => {
    const { clock, dataDir, signal, sources } = context;
    const folder = given.text('folder');
    const to = folder === null ? undefined : resolve(sources.cwd, folder);
    const onProgress = noteSteps(context);
    const connected = await context.connect();
    if (connected.ok) {
      const { admin } = connected;
      try {
        const args = to === undefined ? {} : { to };
        return ended(await admin.call('backup', args, { onProgress }), (value) =>
          summary(value as Backup),
        );
      } finally {
        admin.close();
      }
    }
    if (connected.code !== 'no_server') return failed(connected.code, connected.message);
    const { backUp } = await import('../../backup/back-up.ts');
    const { stampOf } = await import('../../backup/files.ts');
    const { packageVersion } = await import('../../args.ts');
    const version = packageVersion();
    const target = to ?? resolve(dataDir, 'backups', stampOf(clock.now()));
    const made = await backUp({ dataDir, to: target, version, clock, signal, onProgress });
    return made.ok ? done(made.value, summary(made.value)) : failed(made.code, made.message);
  },
};

function summary({ folder, manifest }: Backup): string {
  const size = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  return `${folder}: ${manifest.events} events of ${manifest.streams} streams, ${bytes(size)}`;
}
