/**
 * Verbs `record`, `record.stop` and `record.list`: everything that goes into one channel and comes out of it, into a file in
 * DATA_DIR/records, for `driftway replay`. The recording is the shard thread's and ends there by itself, at its time or size.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { actorOf, askAgent, askFor } from '../agent-ask.ts';
import type { RecordingInfo } from '../agent-types.ts';
import { defineVerb, done, fail } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb, VerbResult } from '../types.ts';
import { rowId, span } from './args.ts';
import { fileTime } from './file-time.ts';

const TIMEOUT_MS = 15_000;
const ASK = { timeoutMs: 10_000 } as const;
const DEFAULT_MS = 60_000;
const MAX_MS = 3_600_000;
const MIB = 1024 * 1024;
const BYTES_DEFAULT = 16 * MIB;
const BYTES_MAX = 256 * MIB;
const FILES_MAX = 20;

/** A recording and where it runs. */
type Listed = RecordingInfo & { readonly thread: string };

export function recordVerbs(deps: AdminDeps): readonly AdminVerb[] {
  const { clock, config, node } = deps;
  const folder = join(config.dataDir, 'records');

  const all = async (): Promise<readonly Listed[]> => {
    const shards = node.slots().filter(({ group, up }) => group === 'shard' && up);
    const lists = await Promise.all(
      shards.map(async ({ name: thread }) => {
        const found = await askAgent(thread, 'recordings', undefined, ASK);
        return found.ok ? found.value.map((each) => ({ ...each, thread })) : [];
      }),
    );
    return lists.flat();
  };

  const start = async (m: z.output<typeof startArgs>): Promise<VerbResult> => {
    const target = actorOf(deps, m.id);
    if (!target.ok) return target;
    const { value } = target;
    if (value.kind !== 'entity') return fail('invalid', `${m.id} is no entity`);
    const { key, slot, type } = value;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const running = (await all()).map(({ file }) => basename(file));
    removeOldest(folder, FILES_MAX - 1, new Set(running));
    const file = join(folder, `${fileTime(clock.now())}-${type}-${key}.jsonl`);
    const { bytesMax, content, forMs } = m;
    const order = { type, key, file, forMs, bytesMax, content };
    const started = await askFor(askAgent(slot, 'recordStart', order, ASK));
    return started.ok ? done({ id: m.id, thread: slot, ...started.value }) : started;
  };

  return [
    defineVerb({
      name: 'record',
      about: 'Records what goes in and out of a channel into DATA_DIR/records, for a time',
      effect: 'danger',
      args: startArgs,
      timeoutMs: TIMEOUT_MS,
      run: start,
    }),
    defineVerb({
      name: 'record.stop',
      about: 'Ends a recording before its time',
      effect: 'act',
      args: z.strictObject({ file: z.string().min(1).max(512) }),
      timeoutMs: TIMEOUT_MS,
      run: async ({ file }) => {
        const found = (await all()).find((each) => basename(each.file) === basename(file));
        if (found === undefined) return fail('not_found', 'no recording writes this file');
        const stopped = askAgent(found.thread, 'recordStop', { file: found.file }, ASK);
        return askFor(stopped);
      },
    }),
    defineVerb({
      name: 'record.list',
      about: 'Recordings that run, and the files there are',
      effect: 'read',
      args: z.strictObject({}),
      timeoutMs: TIMEOUT_MS,
      run: async () => done({ running: await all(), folder, files: filesIn(folder) }),
    }),
  ];
}

const startArgs = z.strictObject({
  id: rowId,
  forMs: span(DEFAULT_MS, MAX_MS),
  bytesMax: z
    .number()
    .int()
    .min(64 * 1024)
    .max(BYTES_MAX)
    .default(BYTES_DEFAULT),
  /** False: shapes only, which a replay cannot run from. */
  content: z.boolean().default(true),
});

/** Names begin with the time: sorted, the oldest first. */
function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith('.jsonl'))
      .sort();
  } catch {
    return []; // nothing was ever recorded
  }
}

function removeOldest(folder: string, kept: number, running: ReadonlySet<string>): void {
  const idle = filesIn(folder).filter((file) => !running.has(file));
  const room = Math.max(0, kept - running.size);
  for (const file of idle.slice(0, Math.max(0, idle.length - room))) {
    rmSync(join(folder, file), { force: true });
  }
}
