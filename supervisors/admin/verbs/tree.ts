/**
 * Verb `tree`: the rows of the live tree once, for scripts and for who needs no subscription. Main thread; reads what threads have
 * published.
 */
import { z } from 'zod';
import { defineVerb } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb, TreeOptions } from '../types.ts';

/** An answer is one frame: 256 KiB, a row takes 0.5 KB, 1 KB with a long reason. */
const ROWS_MAX = 250;
const RATE_MS_MAX = 10_000;
const TIMEOUT_MS = 15_000;

export function treeVerbs({ tree }: AdminDeps): readonly AdminVerb[] {
  return [
    defineVerb<TreeOptions & { readonly rateMs?: number }, unknown>({
      name: 'tree',
      about: 'Rows of the live tree, once',
      effect: 'read',
      args: z.strictObject({
        root: z.string().optional(),
        depth: z.number().optional(),
        limit: z.number().int().min(1).max(ROWS_MAX).default(ROWS_MAX),
        sort: z.enum(['name', 'mailbox', 'rate', 'restarts', 'memory']).optional(),
        filter: z.string().optional(),
        /** Rates are over about this time; 0: at once and without. */
        rateMs: z.number().int().min(0).max(RATE_MS_MAX).optional(),
      }) as z.ZodType<TreeOptions & { readonly rateMs?: number }>,
      timeoutMs: TIMEOUT_MS,
      run: ({ rateMs, ...options }) => tree.snapshot(options, rateMs),
    }),
  ];
}
