/**
 * Owns the command `verbs`: what the connected server can be told to do, from its greeting.
 */
import { withAdmin } from '../ask.ts';
import { done } from '../outcome.ts';
import { table } from '../text.ts';
import type { CliCommand } from '../types.ts';

export const verbs: CliCommand = {
  run: (context) =>
    withAdmin(context, async ({ hello }) => {
      const rows = hello.verbs.map(({ name, effect, about }) => [name, effect, about]);
      return done({ verbs: hello.verbs }, table(['VERB', 'EFFECT', 'ABOUT'], rows));
    }),
};
