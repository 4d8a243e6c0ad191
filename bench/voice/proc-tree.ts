/** What the kernel says about a server's whole process tree and about a core. Reads /proc, so Linux only. Driving process. */
import { readdirSync, readFileSync } from 'node:fs';
import { cpuTimeUs, residentBytes } from '../proc.ts';

const TICK_US = 10_000;

/** The process and all its descendants that live now. Reads all of /proc: not for the middle of a measurement. */
export function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

function parentOf(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === '') return undefined;
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** Empty for a process that has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (error instanceof Error) return '';
    throw error;
  }
}

/** User + system time of processes so far; one that has ended takes its own away. */
export function cpuOfAll(pids: readonly number[]): number {
  return sumOf(pids, cpuTimeUs);
}

export function residentOfAll(pids: readonly number[]): number {
  return sumOf(pids, residentBytes);
}

function sumOf(pids: readonly number[], what: (pid: number) => number): number {
  const living = pids.filter((pid) => read(`/proc/${pid}/stat`) !== '');
  return living.reduce((sum, pid) => sum + what(pid), 0);
}

/** Media workers of a server, the one that has worked most first. */
export function mediaWorkers(root: number): number[] {
  return treeOf(root)
    .filter((pid) => read(`/proc/${pid}/comm`).startsWith('mediasoup-worke'))
    .sort((a, b) => cpuTimeUs(b) - cpuTimeUs(a));
}

export interface CoreTimes {
  readonly busyUs: number;
  /** Taken by the hypervisor. */
  readonly stolenUs: number;
}

/** Times of one core since the system started. */
export function coreTimes(core: number): CoreTimes {
  const line = read('/proc/stat')
    .split('\n')
    .find((one) => one.startsWith(`cpu${core} `));
  const [user, nice, system, , , irq, softirq, steal] = (line ?? '')
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) * TICK_US);
  const sum = [user, nice, system, irq, softirq].reduce<number>((all, one) => all + (one ?? 0), 0);
  return { busyUs: sum, stolenUs: steal ?? 0 };
}
