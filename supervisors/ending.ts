/**
 * Owns the question whether a process is about to be gone. A killed process with many threads holds its locks and ports until
 * the last of them has ended, some milliseconds to seconds after `kill` returned: whoever starts the next server at once should
 * wait for that instead of being told of a process that is no more.
 */
import { readFileSync } from 'node:fs';

/** How long a start waits for the one before it to be gone. A guess: freeing some GiB takes well under a second. */
export const ENDING_WAIT_MS = 5000;

/** SIGKILL in the hexadecimal signal masks of /proc. */
const SIGKILL_BIT = 1n << 8n;

/** True when the kernel has begun to end this process, or has ended it: a zombie, or SIGKILL on its way. Linux; false elsewhere. */
export function isEnding(pid: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    if (/^State:\s+[ZX]/m.test(status)) return true;
    const masks = status.matchAll(/^(?:SigPnd|ShdPnd):\s+([0-9a-f]+)/gm);
    return [...masks].some(([, mask]) => (BigInt(`0x${mask}`) & SIGKILL_BIT) !== 0n);
  } catch {
    return true; // nothing of it is left
  }
}
