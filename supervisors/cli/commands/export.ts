/**
 * Owns the command `export`: one guild as JSON lines in a hash chain, by the running server or without one.
 */
import { join, resolve } from 'node:path';
import type { Exported } from '../../backup/export-guild.ts';
import { ended } from '../ask.ts';
import { done, failed, misuse } from '../outcome.ts';
import { noteSteps } from '../steps.ts';
import type { CliCommand, CliContext, CliOutcome } from '../types.ts';

export const exportGuild: CliCommand = {
  args: [{ name: 'guild', about: 'id of the guild' }],
  options: [
    {
      name: 'out',
      about: 'file to write; default a new one in exports/',
      kind: 'text',
      value: 'FILE',
    },
  ],
  more: 'Every line holds the SHA-256 of the line before; the hash that is printed is that of the last one. Keep it apart from the file: with it, `verify` proves the file complete and unchanged.',
  examples: ['export 4711 --out home.jsonl'],
  run: async (context, given) => {
    const guild = Number(given.arg('guild'));
    if (!Number.isSafeInteger(guild) || guild < 1)
      return misuse(`guild: got "${given.arg('guild')}", wanted the id of a guild`);
    const out = given.text('out');
    const to = out === null ? undefined : resolve(context.sources.cwd, out);
    const connected = await context.connect();
    if (!connected.ok && connected.code === 'no_server') return offline(context, guild, to);
    if (!connected.ok) return failed(connected.code, connected.message);
    const { admin } = connected;
    try {
      const args = { guild, ...(to === undefined ? {} : { to }) };
      const answer = await admin.call('export', args, { onProgress: noteSteps(context) });
      return ended(answer, (value) => summary(value as Exported));
    } finally {
      admin.close();
    }
  },
};

async function offline(
  context: CliContext,
  gid: number,
  out: string | undefined,
): Promise<CliOutcome> {
  const { clock, dataDir, signal } = context;
  const { existsSync } = await import('node:fs');
  const path = join(dataDir, 'driftway.db');
  if (!existsSync(path)) return failed('not_found', `${path}: there is nothing to export from`);
  const { openStoreForReading } = await import('../../../channels/store/index.ts');
  const { exportGuild: write } = await import('../../backup/export-guild.ts');
  const { stampOf } = await import('../../backup/files.ts');
  const { packageVersion } = await import('../../args.ts');
  const to = out ?? join(dataDir, 'exports', `guild-${gid}-${stampOf(clock.now())}.jsonl`);
  const store = openStoreForReading({ path });
  try {
    const version = packageVersion();
    const onProgress = noteSteps(context);
    const made = await write({ store, gid, to, version, clock, signal, onProgress });
    return made.ok ? done(made.value, summary(made.value)) : failed(made.code, made.message);
  } finally {
    await store.close();
  }
}

function summary({ events, file, head, lines }: Exported): string {
  return `${file}: ${events} events, ${lines} lines\n${head}`;
}
