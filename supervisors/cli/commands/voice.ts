/**
 * Owns the commands `voice`: how far voice is, its media workers and rooms, and `voice drain`: another process for a media worker.
 */
import { callVerb, wrongValue } from '../ask.ts';
import { outline } from '../outline.ts';
import type { CliCommand } from '../types.ts';

export const voice: CliCommand = {
  run: (context) => callVerb(context, 'voice', {}, outline),
};

export const voiceDrain: CliCommand = {
  args: [{ name: 'slot', about: 'of the media worker, as `voice` lists it' }],
  options: [
    {
      name: 'within',
      about: 'seconds that its rooms have; a call that has not moved by then begins anew',
      kind: 'number',
      min: 1,
      max: 120,
      fallback: 15,
    },
  ],
  run: async (context, given) => {
    const slot = Number(given.arg('slot'));
    if (!Number.isInteger(slot)) return wrongValue('slot', given.arg('slot'), 'a number');
    const withinMs = (given.number('within') ?? 15) * 1_000;
    const show = () => `worker ${slot} was replaced\n`;
    return callVerb(context, 'voice.drain', { slot, withinMs }, show);
  },
};
