/**
 * Verbs `trace` and `trace.raw`: what one actor takes, sends and answers, as progress while it lasts. Sampled, limited in time and
 * events; it ends on the actor's thread also when nobody listens any more.
 */
import { z } from 'zod';
import { actorOf, askAgent, askFor } from '../agent-ask.ts';
import { AGENT_LIMITS } from '../agent-limits.ts';
import type { TraceNews } from '../agent-types.ts';
import { defineVerb, done } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb, VerbContext, VerbResult } from '../types.ts';
import { rowId, span } from './args.ts';

const READ_MS = 250;
const DEFAULT_MS = 10_000;
const DEFAULT_EVENTS = 500;
const ASK = { timeoutMs: 6_000 } as const;

const args = z.strictObject({
  id: rowId,
  /** One of so many messages. */
  sample: z.number().int().min(1).max(1_000_000).default(1),
  forMs: span(DEFAULT_MS, AGENT_LIMITS.traceMaxMs),
  events: z.number().int().min(1).max(AGENT_LIMITS.traceEventsMax).default(DEFAULT_EVENTS),
});

/** What is left to say when a trace has ended; its events went as progress. */
export type TraceSummary = Omit<TraceNews, 'events'> & { readonly events: number };

export function traceVerbs(deps: AdminDeps): readonly AdminVerb[] {
  const { clock } = deps;
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      clock.setTimeout(resolve, READ_MS);
    });

  const follow = async (
    slot: string,
    trace: number,
    { progress, signal }: VerbContext,
  ): Promise<VerbResult<TraceSummary>> => {
    let events = 0;
    try {
      for (;;) {
        await pause();
        const read = await askFor(askAgent(slot, 'traceRead', { trace }, ASK));
        if (!read.ok) return read;
        const { value } = read;
        if (value.events.length > 0) progress({ events: value.events });
        events += value.events.length;
        if (value.ended !== null || signal.aborted) return done({ ...value, events });
      }
    } finally {
      // One that has ended is forgotten there already.
      await askAgent(slot, 'traceStop', { trace }, ASK);
    }
  };

  const run =
    (raw: boolean) =>
    async (
      { events: eventsMax, forMs, id, sample }: z.output<typeof args>,
      context: VerbContext,
    ): Promise<VerbResult<TraceSummary>> => {
      const target = actorOf(deps, id);
      if (!target.ok) return target;
      const { path, slot } = target.value;
      const order = { path, sample, forMs, eventsMax, raw };
      const started = await askFor(askAgent(slot, 'traceStart', order, ASK));
      return started.ok ? follow(slot, started.value.trace, context) : started;
    };

  const common = { args, timeoutMs: AGENT_LIMITS.traceMaxMs + 10_000 } as const;
  return [
    defineVerb({
      ...common,
      name: 'trace',
      about: 'Messages of one actor as they come, without content; sampled and for a time',
      effect: 'act',
      run: run(false),
    }),
    defineVerb({
      ...common,
      name: 'trace.raw',
      about: 'The same with content, cut at a size: may show what people write',
      effect: 'danger',
      run: run(true),
    }),
  ];
}
