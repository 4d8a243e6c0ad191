/**
 * The verbs `backup` and `export`: one moment of the database, and one guild, into files on the server's machine. Main thread;
 * what takes long is done by the thread pool and the reader threads. One of each at a time.
 */
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { OperationResult, StepProgress } from '../../backup/types.ts';
import { defineVerb } from '../define.ts';
import type { AdminVerb, VerbCode, VerbContext, VerbResult } from '../types.ts';
import type { OperationsDeps } from './operations-deps.ts';

const BACKUP_MAX_MS = 6 * 3_600_000;
const EXPORT_MAX_MS = 3_600_000;

const path = z.string().min(1).max(4096).refine(isAbsolute, 'an absolute path is wanted');
const backupArgs = z
  .strictObject({
    to: path.optional(),
    /** Backups to keep in the data folder's own place, this one included. */
    keep: z.number().int().min(1).max(1_000).optional(),
  })
  .refine(
    ({ keep, to }) => keep === undefined || to === undefined,
    'keep and to exclude each other',
  );
const exportArgs = z.strictObject({ guild: z.number().int().positive(), to: path.optional() });

/** Both verbs. */
export function backupVerbs(deps: OperationsDeps): readonly AdminVerb[] {
  return [backupVerb(deps), exportVerb(deps)];
}

function backupVerb(deps: OperationsDeps): AdminVerb {
  const alone = oneAtATime('a backup is under way');
  return defineVerb({
    name: 'backup',
    about: 'copy the database as it is at this moment, with the keys, into a new folder',
    effect: 'act',
    args: backupArgs,
    timeoutMs: BACKUP_MAX_MS,
    run: ({ keep, to }, context) =>
      alone(async () => {
        if (to !== undefined && context.caller.via === 'remote') return notFromOutside();
        const { backUp, removeOld } = await import('../../backup/back-up.ts');
        const { stampOf } = await import('../../backup/files.ts');
        const { clock, config, version } = deps;
        const { dataDir } = config;
        const own = join(dataDir, 'backups');
        const folder = to ?? join(own, stampOf(clock.now()));
        const made = await backUp({ dataDir, to: folder, version, clock, ...watched(context) });
        const removed = made.ok && keep !== undefined ? await removeOld(own, keep) : [];
        return answer(made.ok ? { ok: true, value: { ...made.value, removed } } : made);
      }),
  });
}

function exportVerb(deps: OperationsDeps): AdminVerb {
  const alone = oneAtATime('an export is under way');
  return defineVerb({
    name: 'export',
    about: 'write one guild as JSON lines in a hash chain',
    effect: 'act',
    args: exportArgs,
    timeoutMs: EXPORT_MAX_MS,
    run: ({ guild: gid, to }, context) =>
      alone(async () => {
        if (to !== undefined && context.caller.via === 'remote') return notFromOutside();
        const { exportGuild } = await import('../../backup/export-guild.ts');
        const { stampOf } = await import('../../backup/files.ts');
        const { clock, config, store, version } = deps;
        const name = `guild-${gid}-${stampOf(clock.now())}.jsonl`;
        const file = to ?? join(config.dataDir, 'exports', name);
        const watching = watched(context);
        return answer(await exportGuild({ store, gid, to: file, version, clock, ...watching }));
      }),
  });
}

/** A token must not choose where on this machine is written. */
function notFromOutside(): VerbResult<never> {
  const message = 'to: got a path over the network, wanted none: files go to the data folder then';
  return { ok: false, code: 'forbidden', message };
}

function watched({ progress, signal }: VerbContext) {
  return { signal, onProgress: (step: StepProgress) => progress(step) };
}

const CODES: Readonly<Record<string, VerbCode>> = {
  conflict: 'conflict',
  not_found: 'not_found',
  no_space: 'not_available',
};

function answer<T>(result: OperationResult<T>): VerbResult<T> {
  if (result.ok) return result;
  return { ok: false, code: CODES[result.code] ?? 'internal', message: result.message };
}

/** Lets one call through; the others get `conflict`. */
function oneAtATime(
  message: string,
): <T>(work: () => Promise<VerbResult<T>>) => Promise<VerbResult<T>> {
  let isBusy = false;
  return async (work) => {
    if (isBusy) return { ok: false, code: 'conflict', message };
    isBusy = true;
    try {
      return await work();
    } finally {
      isBusy = false;
    }
  };
}
