/**
 * Owns the command `node`: who answers, its threads and the counters of the admin side.
 */
import { callVerb } from '../ask.ts';
import { outline } from '../outline.ts';
import type { CliCommand } from '../types.ts';

export const node: CliCommand = {
  run: (context) => callVerb(context, 'node', {}, outline),
};
