/**
 * Owns the flags of Node that the server's process and its threads run with. Tiny: the heart imports it. Any thread.
 */

/** Keeps Node's type stripper, about 25 MB and 100 ms, out of every thread (native/type-cache.mjs). */
const TYPE_CACHE = new URL('../native/type-cache.mjs', import.meta.url).href;
/** node:sqlite is what it warns of, once per thread; its version is checked at start (channels/store). */
const QUIET = '--disable-warning=ExperimentalWarning';

/** For the threads. V8's own flags hold for the whole process; a Worker refuses to be given them. */
export const THREAD_FLAGS: readonly string[] = [QUIET, '--import', TYPE_CACHE];

/** For the server's process: the flags of this one, and ours where they are missing. */
export function nodeFlags(): string[] {
  const flags = [...process.execArgv];
  if (!flags.includes(QUIET)) flags.push(QUIET);
  if (!flags.some((flag) => flag.includes('type-cache.mjs'))) flags.push('--import', TYPE_CACHE);
  return flags;
}
