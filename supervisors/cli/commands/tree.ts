/**
 * Owns the command `tree`: one snapshot of the supervision tree, as an indented list or as nested JSON.
 */
import { withAdmin } from '../ask.ts';
import { failed } from '../outcome.ts';
import type { CliCommand } from '../types.ts';

export const tree: CliCommand = {
  run: (context) =>
    withAdmin(context, async () => failed('not_available', 'not in this version yet')),
};
