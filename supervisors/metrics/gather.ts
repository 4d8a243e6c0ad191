/**
 * Asks every thread and the system for what a page of metrics is made of. Gateway threads, at a scrape; costs one call per
 * thread, which waits for METRICS_TIMEOUT_MS at most.
 */
import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { at, call, slotsOf } from '../../runtime/index.ts';
import { METRICS_TIMEOUT_MS } from '../policies.ts';
import { THREAD_COUNTERS, type ThreadCountersP } from './thread.ts';
import type { NodeView, ProcessFacts, ThreadView } from './types.ts';

const GROUPS = ['store', 'reader', 'shard', 'voice', 'gateway'] as const;

/** What the page needs to know of the process. */
export interface GatherOptions {
  readonly dataDir: string;
  readonly databasePath: string;
  readonly version: string;
  /** Ms since 1970. */
  readonly startedAt: number;
}

/** The node at this moment. */
export async function gatherView(options: GatherOptions): Promise<NodeView> {
  const slots = ['main', ...GROUPS.flatMap((group) => slotsOf(group))];
  const [threads, process] = await Promise.all([
    Promise.all(slots.map(viewOf)),
    processFacts(options),
  ]);
  return { threads: withoutStandby(threads), process };
}

/** A thread in standby is not there, so nobody is to be told that it does not answer. */
function withoutStandby(threads: readonly ThreadView[]): readonly ThreadView[] {
  const facts = threads.find(({ report }) => report?.measures.node !== undefined)?.report;
  const wanted = facts?.measures.node?.slots.map(({ name }) => name);
  return threads.filter(
    ({ report, slot }) => report !== undefined || wanted?.includes(slot) !== false,
  );
}

async function viewOf(slot: string): Promise<ThreadView> {
  try {
    const report = await call(at<ThreadCountersP>(slot, THREAD_COUNTERS), 'read', undefined, {
      timeoutMs: METRICS_TIMEOUT_MS,
    });
    return { slot, report };
  } catch {
    return { slot, report: undefined }; // it is being restarted, or hangs
  }
}

async function processFacts(options: GatherOptions): Promise<ProcessFacts> {
  const { databasePath, dataDir, startedAt, version } = options;
  const { user, system } = process.cpuUsage();
  const [disk, database, wal, openFiles, openFilesMax] = await Promise.all([
    statfs(dataDir).catch(() => undefined),
    sizeOf(databasePath),
    sizeOf(`${databasePath}-wal`),
    countOpenFiles(),
    readOpenFilesMax(),
  ]);
  return {
    startedAtS: startedAt / 1000,
    cpuUserS: user / 1e6,
    cpuSystemS: system / 1e6,
    residentBytes: process.memoryUsage.rss(),
    openFiles,
    openFilesMax,
    diskFreeBytes: disk === undefined ? undefined : disk.bavail * disk.bsize,
    diskBytes: disk === undefined ? undefined : disk.blocks * disk.bsize,
    databaseBytes: database,
    walBytes: wal,
    version,
    nodeVersion: process.version,
  };
}

async function sizeOf(path: string): Promise<number> {
  const facts = await stat(path).catch(() => undefined);
  return facts?.size ?? 0;
}

/** Linux says the number as the size of the folder from 6.2 on; before, it is counted. */
async function countOpenFiles(): Promise<number | undefined> {
  const folder = join('/proc', String(process.pid), 'fd');
  const size = await sizeOf(folder);
  if (size > 0) return size;
  const names = await readdir(folder).catch(() => undefined);
  return names?.length;
}

async function readOpenFilesMax(): Promise<number | undefined> {
  const text = await readFile('/proc/self/limits', 'latin1').catch(() => '');
  const soft = /^Max open files\s+(\d+)/m.exec(text)?.[1];
  return soft === undefined ? undefined : Number(soft);
}
