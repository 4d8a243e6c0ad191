/**
 * Verb `voice`: how far voice is, its media workers and its rooms. Asks the voice thread, where there is one.
 */
import { z } from 'zod';
import { defineVerb, done } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb } from '../types.ts';

const TIMEOUT_MS = 2_000;

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
  ];
}
