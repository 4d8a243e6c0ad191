/**
 * How many files and sockets this process may have open, and how many of them clients get: the database,
 * HTTP and the next accept need theirs, and a process without descriptors cannot even refuse. Any thread.
 */
import { readFileSync } from 'node:fs';

/** Share of the descriptors that WebSocket connections may take. A guess. */
const CLIENT_SHARE = 0.8;

/**
 * The most connections of one gateway thread.
 * @param threads gateway threads of this process
 * @param limits text of /proc/self/limits; '' where there is none
 * @returns Infinity where the system does not say
 */
export function connectionsMaxOf(threads: number, limits: string = readLimits()): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  if (soft === undefined || soft === 'unlimited') return Number.POSITIVE_INFINITY;
  return Math.max(1, Math.floor((Number(soft) * CLIENT_SHARE) / threads));
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return ''; // no Linux
  }
}
