/**
 * What the kernel says about another process: CPU time of all its threads and resident memory.
 * Reads /proc, so Linux only. Used by the bench processes.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

let cachedTicks = 0;

/** Clock ticks per second of the times in /proc (100 nearly everywhere). */
function ticksPerSecond(): number {
  if (cachedTicks === 0)
    cachedTicks = Number(execFileSync('getconf', ['CLK_TCK']).toString()) || 100;
  return cachedTicks;
}

/** User + system time of a process so far, all threads, in microseconds (resolution 10 ms). */
export function cpuTimeUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name may hold spaces: fields are counted from the last ')'. utime is field 14, stime 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / ticksPerSecond();
}

/** Resident set size in bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}
