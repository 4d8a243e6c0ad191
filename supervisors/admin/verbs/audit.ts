/**
 * Verb `audit`: pages of the audit log, with the verdict on their chain. Reads from a reader thread's connection.
 */
import { z } from 'zod';
import { brokenAt, type ChainedEntry } from '../audit-chain.ts';
import { defineVerb, done, fail } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb, VerbResult } from '../types.ts';

const TIMEOUT_MS = 30_000;
const LIMIT_MAX = 200;
const LIMIT = 50;
const VERIFY_PAGE = 500;

/** What `audit` gives. */
export interface AuditPage {
  readonly entries: readonly ChainedEntry[];
  /** Number of the newest entry of all. */
  readonly newest: number;
  /** Give it back as `after`; null: there is nothing newer. */
  readonly next: number | null;
}

/** What `audit.verify` gives. */
export interface AuditVerdict {
  readonly checked: number;
  /** Number of the first entry that does not fit; null: the whole chain fits. */
  readonly brokenAt: number | null;
}

export function auditVerbs({ audit }: AdminDeps): readonly AdminVerb[] {
  const page = defineVerb({
    name: 'audit',
    about: 'Acts of operators: the newest ones, or those after a number',
    effect: 'read',
    args: z.strictObject({
      after: z.number().int().min(0).optional(),
      limit: z.number().int().min(1).max(LIMIT_MAX).default(LIMIT),
    }),
    timeoutMs: TIMEOUT_MS,
    run: async ({ after, limit }): Promise<VerbResult<AuditPage>> => {
      const newest = await audit.newest();
      const from = after ?? Math.max(0, newest - limit);
      const entries = await audit.list(from, limit).catch(() => undefined);
      if (entries === undefined) return fail('not_available', 'the store does not answer');
      const last = entries.at(-1)?.n ?? newest;
      return done({ entries, newest, next: last < newest ? last : null });
    },
  });
  const verify = defineVerb({
    name: 'audit.verify',
    about: 'Checks the hashes of the whole audit log',
    effect: 'read',
    args: z.strictObject({}),
    timeoutMs: TIMEOUT_MS,
    run: async (_args, { progress, signal }): Promise<VerbResult<AuditVerdict>> => {
      let tail: readonly ChainedEntry[] = [];
      let checked = 0;
      while (!signal.aborted) {
        const entries = await audit.list(tail.at(-1)?.n ?? 0, VERIFY_PAGE).catch(() => undefined);
        if (entries === undefined) return fail('not_available', 'the store does not answer');
        if (entries.length === 0) break;
        const broken = brokenAt([...tail, ...entries]);
        checked += entries.length;
        if (broken !== undefined) return done({ checked, brokenAt: broken });
        tail = entries.slice(-1);
        progress({ checked });
      }
      return done({ checked, brokenAt: null });
    },
  });
  return [page, verify];
}
