/**
 * Owns the command `inspect`: what a node, thread or actor is and does.
 */
import { callVerb, rowId } from '../ask.ts';
import { outline } from '../outline.ts';
import type { CliCommand } from '../types.ts';

export const inspect: CliCommand = {
  args: [{ name: 'id', about: 'row of the tree; . is the node', complete: 'row' }],
  options: [
    {
      name: 'raw',
      kind: 'flag',
      about: 'the state as it is, which may show what people wrote; recorded in the audit log',
    },
  ],
  more: 'The actor is looked at without a message: one that hangs or is suspended can be inspected too.',
  examples: ['inspect shard-0', 'inspect shard-0/stream/4711', 'inspect gateway-0/fan-out --json'],
  run: (context, given) => {
    const verb = given.flag('raw') ? 'inspect.raw' : 'inspect';
    return callVerb(context, verb, (admin) => ({ id: rowId(admin, given.arg('id')) }), outline);
  },
};
