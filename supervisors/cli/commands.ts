/**
 * Owns the table of all commands, in the order of `--help`. One line each; the command is a file in commands/, loaded when it
 * is asked for.
 */
import type { CliEntry } from './types.ts';

/** What the groups are about: names that have commands below them. */
export const GROUPS: Readonly<Record<string, string>> = {
  keys: 'signing keys of access tokens',
};

export const COMMANDS: readonly CliEntry[] = [
  {
    name: 'tree',
    about: 'print the supervision tree',
    load: async () => (await import('./commands/tree.ts')).tree,
  },
  {
    name: 'call',
    about: 'call any verb of the admin socket',
    load: async () => (await import('./commands/call.ts')).call,
  },
  {
    name: 'verbs',
    about: 'list the verbs of the connected server',
    load: async () => (await import('./commands/verbs.ts')).verbs,
  },
  {
    name: 'keys rotate',
    about: 'make a new signing key; tokens of the old one stay valid',
    load: async () => (await import('./commands/keys-rotate.ts')).keysRotate,
  },
  {
    name: 'completion',
    about: 'print the script that completes driftway in a shell',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
];
