/**
 * Owns the command `completion`: the script that teaches a shell to complete `driftway`. Prints only, by the library's own hand.
 */
import { script } from '@bomb.sh/tab';
import { misuse, streamed } from '../outcome.ts';
import type { CliCommand } from '../types.ts';

/** The library's script asks the package bash-completion for the words of the line; without it bash knows them too. */
const BASH_WORDS = `if ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref() {
        words=("\${COMP_WORDS[@]}")
        cword=$COMP_CWORD
        cur="\${words[cword]}"
        prev="\${words[cword - 1]}"
    }
fi
`;

export const completion: CliCommand = {
  args: [{ name: 'shell', about: 'which shell', choices: ['bash', 'zsh', 'fish', 'powershell'] }],
  more: [
    'Load it in the running shell with source <(driftway completion bash), or from the file that the shell reads at its start.',
    'Where only the project folder is there: driftway() { npm run --silent driftway -- "$@"; }',
  ].join('\n'),
  examples: ['completion bash', 'completion zsh > ~/.driftway-completion.zsh'],
  run: async (context, given) => {
    if (context.json) return misuse('completion: got --json, wanted none: a script is no document');
    const shell = given.arg('shell');
    if (shell === 'bash') context.write(BASH_WORDS);
    script(shell, 'driftway', 'driftway');
    return streamed();
  },
};
