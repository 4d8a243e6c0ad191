/**
 * Owns the ends that a command can come to. Pure.
 */
import type { CliOutcome } from './types.ts';

/** Done. `text` is for people, `document` for --json. */
export function done(document: unknown, text: string): CliOutcome {
  return { exit: 0, document, text };
}

/** Done by a command that has written its output itself. */
export function streamed(): CliOutcome {
  return { exit: 0, document: undefined, text: '' };
}

/** It did not work: exit code 1, the message on stderr, or `{ error: { code, message } }` with --json. */
export function failed(code: string, message: string): CliOutcome {
  return { exit: 1, document: { error: { code, message } }, text: message, channel: 'stderr' };
}

/** It was asked for in a wrong way: exit code 2, otherwise as `failed`. */
export function misuse(message: string): CliOutcome {
  return { ...failed('misuse', message), exit: 2 };
}
