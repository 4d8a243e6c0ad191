/**
 * Verb `voice`: how far voice is, its media workers and its rooms. `voice.drain`: another process for a media worker. Both ask the voice
 * thread, where there is one. `voice.selfcall`: the server's side of a call to itself, for the doctor; it has the thread started.
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
/** The start of the thread and of the workers, on a busy machine. */
const SELF_CALL_MS = 20_000;
const DTLS_CHARS_MAX = 4_096;

const dtls = z.string().max(DTLS_CHARS_MAX);
const callId = z.int().min(1);

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
    defineVerb({
      name: 'voice.selfcall',
      about: 'A call of the server to itself, step by step: open, connect, close; for the doctor',
      effect: 'act',
      args: z.discriminatedUnion('step', [
        z.strictObject({ step: z.literal('open') }),
        z.strictObject({ step: z.literal('connect'), id: callId, send: dtls, receive: dtls }),
        z.strictObject({ step: z.literal('close'), id: callId }),
      ]),
      timeoutMs: 2 * SELF_CALL_MS,
      run: async (step) => {
        const woken = await deps.voice.wake();
        if (!woken.up) return fail('not_available', woken.why);
        const rooms = at<VoiceThreadP>(VOICE_SLOT, VOICE_THREAD);
        const answer = await call(rooms, 'selfCall', step, { timeoutMs: SELF_CALL_MS });
        return answer.ok ? done(answer.value) : fail('not_available', answer.message);
      },
    }),
  ];
}
