/**
 * Owns what the launcher tells people: progress lines and the one-sentence errors.
 * Runs in the launcher process on any Node >= 18. Writes to stderr only, so that the standard output of a
 * command (`--json` above all) stays clean.
 */

/** Prints one progress line. */
export function say(text) {
  process.stderr.write(`driftway: ${text}\n`);
}

/** An error whose message is all that a person needs: printed without a stack, exit code 1. */
export class SetupError extends Error {
  name = 'SetupError';
}
