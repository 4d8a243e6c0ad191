/**
 * Owns the command `completion`: the script that teaches a shell to complete `driftway`. Prints only.
 */
import { script } from '@bomb.sh/tab';
import { streamed } from '../outcome.ts';
import type { CliCommand } from '../types.ts';

export const completion: CliCommand = {
  args: [{ name: 'shell', about: 'which shell', choices: ['bash', 'zsh', 'fish', 'powershell'] }],
  more: 'Load it in the running shell with source <(...), or from the file that the shell reads at its start.',
  examples: ['completion bash', 'completion zsh > ~/.driftway-completion.zsh'],
  run: async (_context, given) => {
    script(given.arg('shell'), 'driftway', 'driftway');
    return streamed();
  },
};
