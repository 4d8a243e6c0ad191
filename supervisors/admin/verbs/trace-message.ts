/**
 * Verbs `trace.message` and `trace.sample`: where a message went, from the spans of its trace; and how many messages are followed
 * that way. Reads what the main thread keeps; threads are asked for what they have finished, never an actor of the chat.
 */
import { z } from 'zod';
import { defineVerb, done, fail } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb } from '../types.ts';
import { chatId } from './args.ts';

const TIMEOUT_MS = 10_000;
/** An operator may forget: sampling ends by itself. */
const SAMPLE_MS_MAX = 3_600_000;

export function traceMessageVerbs({ tracing }: AdminDeps): readonly AdminVerb[] {
  return [
    defineVerb({
      name: 'trace.message',
      about: 'Where a sampled message went: accepted, stored, fanned out to N sockets on M threads',
      effect: 'read',
      args: z.strictObject({ sid: chatId, seq: chatId }),
      timeoutMs: TIMEOUT_MS,
      run: async ({ seq, sid }) => {
        const path = await tracing.message(sid, seq);
        if (path !== undefined) return done(path);
        const { isOn, ratio } = tracing.sampling;
        const why = isOn
          ? `it was not sampled (ratio ${ratio}), or is older than what is kept`
          : 'tracing is off: `driftway trace sample` turns it on for a time';
        return fail('not_found', `no trace of message ${seq} of channel ${sid}: ${why}`);
      },
    }),
    defineVerb({
      name: 'trace.sample',
      about: 'Sets the share of requests that are traced, for a time',
      effect: 'act',
      args: z.strictObject({
        ratio: z.number().min(0).max(1),
        forMs: z.number().int().min(1000).max(SAMPLE_MS_MAX),
      }),
      timeoutMs: TIMEOUT_MS,
      run: async ({ forMs, ratio }) => {
        const before = tracing.sampling;
        await tracing.sample(ratio, forMs);
        return done({ before, now: tracing.sampling, forMs });
      },
    }),
  ];
}
