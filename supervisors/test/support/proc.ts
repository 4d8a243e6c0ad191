/** What the kernel says about another process: memory and CPU time. Reads /proc, so Linux only. Test processes only. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const MIB = 1024 * 1024;
let ticks = 0;

/** Resident memory of a process in MiB; 0 when it is gone. */
export function residentMib(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024) / MIB;
  } catch {
    return 0;
  }
}

/** User and system time of a process so far, all threads, in ms (resolution 10 ms); 0 when it is gone. */
export function cpuMs(pid: number): number {
  if (ticks === 0) ticks = Number(execFileSync('getconf', ['CLK_TCK']).toString()) || 100;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name may hold spaces: fields are counted from the last ')'. utime is field 14, stime 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticks;
  } catch {
    return 0;
  }
}

/**
 * Time that the threads of a process which live now have had on a processor, in ms, to the microsecond; by cpuMs() where the kernel
 * does not say. For differences over a time in which no thread ends.
 */
export function threadsCpuMs(pid: number): number {
  try {
    const tasks = `/proc/${pid}/task`;
    const ns = readdirSync(tasks).map((task) =>
      Number(readFileSync(`${tasks}/${task}/schedstat`, 'latin1').split(' ')[0]),
    );
    return ns.reduce((sum, one) => sum + one, 0) / 1e6;
  } catch {
    return cpuMs(pid);
  }
}
