/**
 * Verbs of chaos: the menu, start, stop, status, results. Main thread.
 */
import { z } from 'zod';
import { chaosOf } from '../chaos/chaos.ts';
import { CHAOS_LIMITS } from '../chaos/limits.ts';
import { chaosMenu } from '../chaos/menu.ts';
import { CHAOS_ITEMS, type ChaosResult, type ChaosSummary } from '../chaos/types.ts';
import { defineVerb, done, fail } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb, VerbResult } from '../types.ts';

const TIMEOUT_MS = 5_000;
const ID_CHARS = 200;
const RESULTS_MAX = 50;
const RESULTS = 10;
const { agentMs, forMsMax, graceMs, recoveryMs, wellMs } = CHAOS_LIMITS;
/** All phases at their longest. */
const START_MS = wellMs + forMsMax + recoveryMs + 2 * graceMs + 6 * agentMs;

const START = z.strictObject({
  item: z.enum(CHAOS_ITEMS),
  id: z.string().min(1).max(ID_CHARS).optional(),
  to: z.string().min(1).max(ID_CHARS).optional(),
  mode: z.enum(['hold', 'break']).default('hold'),
  forMs: z.number().int().min(1).max(forMsMax).default(CHAOS_LIMITS.forMsDefault),
  delayMs: z
    .number()
    .int()
    .min(1)
    .max(CHAOS_LIMITS.delayMsMax)
    .default(CHAOS_LIMITS.delayMsDefault),
  share: z.number().gt(0).max(1).default(CHAOS_LIMITS.shareDefault),
  limit: z
    .number()
    .int()
    .min(1)
    .max(CHAOS_LIMITS.affectedMax)
    .default(CHAOS_LIMITS.affectedDefault),
  wait: z.boolean().default(false),
});

/** What `chaos.start` gives without `wait`. */
export interface ChaosBegun {
  readonly run: number;
  /** Ms since 1970; null: over as soon as it has happened. */
  readonly endsAt: number | null;
}

/** What `chaos.results` gives without a name. */
export interface ChaosList {
  readonly results: readonly ChaosSummary[];
}

export function chaosVerbs(deps: AdminDeps): readonly AdminVerb[] {
  return [...readVerbs(deps), ...actVerbs(deps)];
}

function readVerbs(deps: AdminDeps): readonly AdminVerb[] {
  const chaos = chaosOf(deps);
  const menu = defineVerb({
    name: 'chaos.menu',
    about: 'What can be broken on purpose, and its bounds',
    effect: 'read',
    args: z.strictObject({}),
    timeoutMs: TIMEOUT_MS,
    run: async () => done({ enabled: chaos.isEnabled, items: chaosMenu(), limits: CHAOS_LIMITS }),
  });
  const status = defineVerb({
    name: 'chaos.status',
    about: 'What is broken on purpose now',
    effect: 'read',
    args: z.strictObject({}),
    timeoutMs: TIMEOUT_MS,
    run: async () => done(chaos.status()),
  });
  const results = defineVerb({
    name: 'chaos.results',
    about: 'Written results, the newest first, or one by its name',
    effect: 'read',
    args: z.strictObject({
      result: z.string().max(ID_CHARS).optional(),
      last: z.number().int().min(1).max(RESULTS_MAX).default(RESULTS),
    }),
    timeoutMs: TIMEOUT_MS,
    run: async ({ last, result }): Promise<VerbResult<ChaosResult | ChaosList>> => {
      if (result !== undefined) {
        const found = chaos.results.read(result);
        return found === undefined
          ? fail('not_found', `there is no result ${result}`)
          : done(found);
      }
      const names = chaos.results.names().slice(0, last);
      return done({ results: names.flatMap((name) => summaryOf(chaos.results.read(name))) });
    },
  });
  return [menu, status, results];
}

function actVerbs(deps: AdminDeps): readonly AdminVerb[] {
  const chaos = chaosOf(deps);
  const start = defineVerb({
    name: 'chaos.start',
    about: 'Breaks something on purpose, for a time; the result is written to DATA_DIR/chaos',
    effect: 'danger',
    args: START,
    timeoutMs: START_MS,
    run: async (args, { caller, progress }): Promise<VerbResult<ChaosResult | ChaosBegun>> => {
      const unlisten = args.wait ? chaos.listen(({ data }) => progress(data)) : () => {};
      try {
        const started = await chaos.start(args, caller.who);
        if (!started.ok) return started;
        const { endsAt, finished, run } = started.value;
        return args.wait ? await finished : done({ run, endsAt });
      } finally {
        unlisten();
      }
    },
  });
  const stop = defineVerb({
    name: 'chaos.stop',
    about: 'Ends the present fault now; its result is written all the same',
    effect: 'act',
    args: z.strictObject({}),
    timeoutMs: TIMEOUT_MS,
    run: async () => chaos.stop(),
  });
  return [start, stop];
}

function summaryOf(result: ChaosResult | undefined): readonly ChaosSummary[] {
  if (result === undefined) return [];
  const { affected: _a, canary: _c, effect: _e, tree: _t, v: _v, ...summary } = result;
  return [summary];
}
