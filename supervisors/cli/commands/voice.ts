/**
 * Owns the command `voice`: how far voice is, its media workers and rooms.
 */
import { callVerb } from '../ask.ts';
import { outline } from '../outline.ts';
import type { CliCommand } from '../types.ts';

export const voice: CliCommand = {
  run: (context) => callVerb(context, 'voice', {}, outline),
};
