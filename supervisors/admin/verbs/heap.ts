/**
 * Verb `heap.snapshot`: the heap of one thread into DATA_DIR/heap, for Chrome's DevTools. Holds the thread for as long as it
 * takes; holds what people wrote, so the folder is 0700. The oldest files go.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { askAgent, askFor, targetOf } from '../agent-ask.ts';
import { defineVerb, done, fail } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb } from '../types.ts';
import { rowId } from './args.ts';
import { fileTime } from './file-time.ts';

const TIMEOUT_MS = 60_000;
const ASK = { timeoutMs: 55_000 } as const;
const FILES_MAX = 5;

export function heapVerbs(deps: AdminDeps): readonly AdminVerb[] {
  const { clock, config } = deps;
  const folder = join(config.dataDir, 'heap');
  let isBusy = false;
  return [
    defineVerb({
      name: 'heap.snapshot',
      about: `Heap of a thread into DATA_DIR/heap (the last ${FILES_MAX} are kept); holds the thread meanwhile`,
      effect: 'danger',
      args: z.strictObject({ id: rowId }),
      timeoutMs: TIMEOUT_MS,
      run: async ({ id }) => {
        const target = targetOf(deps, id);
        if (!target.ok) return target;
        const { value } = target;
        if (value.kind !== 'thread') return fail('invalid', `${id} is no thread`);
        if (isBusy) return fail('conflict', 'another snapshot is being taken');
        isBusy = true;
        try {
          mkdirSync(folder, { recursive: true, mode: 0o700 });
          const file = join(folder, `${fileTime(clock.now())}-${value.slot}.heapsnapshot`);
          const removed = removeOldest(folder, FILES_MAX - 1);
          const taken = await askFor(askAgent(value.slot, 'heapSnapshot', { file }, ASK));
          return taken.ok ? done({ id, file, ...taken.value, removed }) : taken;
        } finally {
          isBusy = false;
        }
      },
    }),
  ];
}

/** Leaves the newest `kept` snapshots; the names begin with the time. */
function removeOldest(folder: string, kept: number): readonly string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.heapsnapshot'));
  const old = files.sort().slice(0, Math.max(0, files.length - kept));
  for (const file of old) rmSync(join(folder, file), { force: true });
  return old;
}
