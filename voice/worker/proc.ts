/**
 * What the kernel knows of a worker: its resident memory, and the datagrams that did not fit into its socket's buffer.
 * On systems without /proc both are 0.
 */
import { readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;

/** Resident memory of a process, 0 when it is gone. */
export function rssOf(pid: number): number {
  const pages = read(`/proc/${pid}/statm`).split(' ')[1];
  return Number(pages ?? 0) * PAGE_BYTES;
}

/** Datagrams dropped since the sockets were opened, by local port. */
export function dropsByPort(ports: ReadonlySet<number>): Map<number, number> {
  const drops = new Map<number, number>();
  for (const table of ['/proc/net/udp', '/proc/net/udp6'])
    for (const [port, count] of parseDrops(read(table)))
      if (ports.has(port)) drops.set(port, (drops.get(port) ?? 0) + count);
  return drops;
}

/** Rows of /proc/net/udp as [local port, drops]; rows that do not look like it are left out. */
export function parseDrops(text: string): [port: number, drops: number][] {
  return text.split('\n').flatMap((line): [number, number][] => {
    const fields = line.trim().split(/\s+/);
    const port = /:([0-9A-F]{4})$/.exec(fields[1] ?? '')?.[1];
    const drops = Number(fields[12]);
    return port === undefined || !Number.isInteger(drops)
      ? []
      : [[Number.parseInt(port, 16), drops]];
  });
}

/** Ends a process at once. @returns false when there is none any more */
export function killNow(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
}
