/**
 * Verb `voice`: how far voice is, its media workers and its rooms. `voice.drain`: another process for a media worker. Both ask the voice
 * thread, where there is one.
 */
import { z } from 'zod';
import { at, call } from '../../../runtime/index.ts';
import { VOICE_SLOT, VOICE_THREAD, type VoiceThreadP } from '../../voice/types.ts';
import { defineVerb, done, fail } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb } from '../types.ts';

const TIMEOUT_MS = 2_000;
/** Clients make their new ways in a second, and the room drops what they forgot after 10 s. */
const DRAIN_MS = { least: 1_000, most: 120_000, unlessTold: 15_000 } as const;
/** The new process, after the last room has gone. */
const REPLACE_MS = 5_000;

export function voiceVerbs(deps: Pick<AdminDeps, 'voice'>): readonly AdminVerb[] {
  return [
    defineVerb({
      name: 'voice',
      about: 'Voice: the program of the media workers, the workers themselves, and rooms',
      effect: 'read',
      args: z.strictObject({}),
      timeoutMs: TIMEOUT_MS,
      run: async () => done(await deps.voice.look()),
    }),
    defineVerb({
      name: 'voice.drain',
      about: 'A media worker: its rooms move to another one while people talk, then it is replaced',
      effect: 'act',
      args: z.strictObject({
        slot: z.int().min(0).max(64),
        withinMs: z.int().min(DRAIN_MS.least).max(DRAIN_MS.most).default(DRAIN_MS.unlessTold),
      }),
      timeoutMs: DRAIN_MS.most + 2 * REPLACE_MS,
      run: async ({ slot, withinMs }) => {
        const { thread } = await deps.voice.look();
        if (thread !== 'up') return fail('not_available', `the voice thread is ${thread}`);
        const wait = { timeoutMs: withinMs + REPLACE_MS };
        const rooms = at<VoiceThreadP>(VOICE_SLOT, VOICE_THREAD);
        const isReplaced = await call(rooms, 'drainWorker', { slot, withinMs }, wait);
        return isReplaced
          ? done({ slot })
          : fail('not_found', `there is no worker ${slot} to replace`);
      },
    }),
  ];
}
