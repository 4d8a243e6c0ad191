/**
 * Owns the command `where`: on which thread a channel, message or user is, and who hears it.
 */
import { callVerb } from '../ask.ts';
import { misuse } from '../outcome.ts';
import { outline } from '../outline.ts';
import type { CliCommand } from '../types.ts';

export const where: CliCommand = {
  args: [
    { name: 'what', about: 'what to look for', choices: ['channel', 'message', 'user'] },
    { name: 'id', about: 'id of the channel or user; of a message its channel' },
    { name: 'seq', about: 'number of the message in its channel', optional: true },
  ],
  examples: ['where channel 4711', 'where message 4711 42', 'where user 815'],
  run: async (context, given) => {
    const what = given.arg('what');
    const id = given.arg('id');
    const seq = given.text('seq');
    if ((what === 'message') !== (seq !== null))
      return misuse(
        what === 'message'
          ? 'seq: got none, wanted the number of the message'
          : `seq: got "${seq}", wanted none for a ${what}`,
      );
    if (!/^\d{1,16}$/.test(id) || (seq !== null && !/^\d{1,16}$/.test(seq)))
      return misuse(
        `id and seq: got "${id}${seq === null ? '' : ` ${seq}`}", wanted decimal numbers`,
      );
    const args =
      what === 'user' ? { what, uid: id } : { what, sid: id, ...(seq === null ? {} : { seq }) };
    return callVerb(context, 'where', args, outline);
  },
};
