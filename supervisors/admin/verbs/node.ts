/**
 * Verb `node`: who answers here. Reads plain numbers of the main thread.
 */
import { z } from 'zod';
import { defineVerb, done } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb } from '../types.ts';

const TIMEOUT_MS = 2_000;

export function nodeVerbs(deps: AdminDeps): readonly AdminVerb[] {
  const { clock, config, counters, node, nodeName, startedAt, version } = deps;
  return [
    defineVerb({
      name: 'node',
      about: 'The node: version, process, threads, and the counters of the admin side',
      effect: 'read',
      args: z.strictObject({}),
      timeoutMs: TIMEOUT_MS,
      run: async () =>
        done({
          node: nodeName,
          version,
          pid: process.pid,
          startedAt,
          uptimeMs: clock.now() - startedAt,
          url: config.publicUrl,
          dataDir: config.dataDir,
          threads: node.slots(),
          admin: { ...counters },
        }),
    }),
  ];
}
