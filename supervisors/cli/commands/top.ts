/**
 * Owns the command `top`: the live view of the supervision tree. Loads the terminal library when it runs.
 */

import { refused, rowId } from '../ask.ts';
import { failed, misuse, streamed } from '../outcome.ts';
import type { CliCommand } from '../types.ts';

export const top: CliCommand = {
  args: [
    { name: 'id', about: 'row to begin with; the node without', optional: true, complete: 'row' },
  ],
  options: [
    {
      name: 'sort',
      kind: 'text',
      about: 'order of rows below the same row',
      choices: ['rate', 'mailbox', 'restarts', 'memory', 'name'],
      fallback: 'rate',
    },
    { name: 'filter', kind: 'text', about: 'only rows whose name, label or id contains it' },
    {
      name: 'every-ms',
      kind: 'number',
      about: 'time between refreshes',
      min: 250,
      max: 60_000,
      fallback: 1_000,
    },
    { name: 'depth', kind: 'number', about: 'levels to ask for', min: 1, max: 16, fallback: 3 },
  ],
  more: 'Keys are shown at the bottom and by ?. Goes on by itself when the server comes back after a crash.',
  examples: ['top', 'top shard-0 --sort mailbox', 'top --filter 4711'],
  run: async (context, given) => {
    if (context.json)
      return misuse('top: got --json, wanted a terminal; `tree --json` prints rows');
    if (!context.terminal.isTerminal || context.terminal.stdin.isTTY !== true)
      return misuse('top: got a pipe or a file, wanted a terminal; `tree` prints rows');
    const connected = await context.connect();
    if (!connected.ok) return refused(connected);
    const { admin } = connected;
    const { setProductionMode } = await import('../../config-mode.ts');
    setProductionMode();
    const { runTop } = await import('../top/run-top.ts');
    const id = given.text('id');
    const [filter, sort] = [given.text('filter'), given.text('sort')];
    const why = await runTop({
      admin,
      terminal: context.terminal,
      clock: context.clock,
      signal: context.signal,
      connect: () => context.connect(),
      view: {
        everyMs: given.number('every-ms') ?? 1_000,
        depth: given.number('depth') ?? 3,
        sort: SORTS.find((key) => key === sort) ?? 'rate',
        ...(filter === null ? {} : { filter }),
        ...(id === null ? {} : { root: rowId(admin, id) }),
      },
    });
    return why === null ? streamed() : failed('not_available', why);
  },
};

const SORTS = ['rate', 'mailbox', 'restarts', 'memory', 'name'] as const;
