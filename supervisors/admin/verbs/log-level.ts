/**
 * Verb `log.level`: how much a thread, or every thread, logs; for a time, then as configured.
 */
import { z } from 'zod';
import { askAgent, targetOf } from '../agent-ask.ts';
import { defineVerb, done, fail } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb, VerbResult } from '../types.ts';
import { rowId, span } from './args.ts';

const TIMEOUT_MS = 5_000;
const ASK = { timeoutMs: 2_000 } as const;
const DEFAULT_MS = 15 * 60_000;
const MAX_MS = 24 * 3_600_000;
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** What `log.level` did to one thread. */
interface Changed {
  readonly thread: string;
  /** Its level before; absent where it did not answer. */
  readonly before?: string;
  readonly why?: string;
}

export function logLevelVerbs(deps: AdminDeps): readonly AdminVerb[] {
  const { clock, node, nodeName } = deps;
  return [
    defineVerb({
      name: 'log.level',
      about: 'Sets how much a thread or the whole node logs, for a time (default 15 min)',
      effect: 'act',
      args: z.strictObject({
        level: z.enum(LEVELS),
        id: rowId.default(nodeName),
        forMs: span(DEFAULT_MS, MAX_MS),
      }),
      timeoutMs: TIMEOUT_MS,
      run: async ({ forMs, id, level }): Promise<VerbResult> => {
        const target = targetOf(deps, id);
        if (!target.ok) return target;
        const { value } = target;
        if (value.kind !== 'node' && value.kind !== 'thread') {
          return fail('invalid', `${id} is neither a thread nor the node`);
        }
        const slots = value.kind === 'thread' ? [value.slot] : node.slots().map(({ name }) => name);
        const threads = await Promise.all(
          slots.map(async (thread): Promise<Changed> => {
            const set = await askAgent(thread, 'logLevel', { level, forMs }, ASK);
            return set.ok ? { thread, ...set.value } : { thread, why: set.message };
          }),
        );
        if (threads.every(({ before }) => before === undefined)) {
          return fail('not_available', `${id} does not answer`);
        }
        return done({ id, level, until: clock.now() + forMs, threads });
      },
    }),
  ];
}
