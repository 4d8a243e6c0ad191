/**
 * Metrics of the process, its threads and its disk, under the names that Prometheus clients use where there are such.
 * Declarations only; gateway threads, loaded at the first scrape.
 */
import type { Family, NodeFacts, NodeView, ProcessFacts, Sample } from './types.ts';

function known(value: number | undefined): readonly Sample[] {
  return value === undefined ? [] : [{ labels: {}, value }];
}

function fact(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  of: (facts: ProcessFacts) => number | undefined,
): Family {
  return { name, type, help, read: (view) => known(of(view.process)) };
}

function heap(
  name: string,
  help: string,
  field: 'usedBytes' | 'totalBytes' | 'externalBytes',
): Family {
  const read = ({ threads }: NodeView): Sample[] =>
    threads.flatMap(({ slot: thread, report }) =>
      report === undefined ? [] : [{ labels: { thread }, value: report.heap[field] }],
    );
  return { name, type: 'gauge', help, read };
}

function fromNode(read: (facts: NodeFacts) => readonly Sample[]) {
  return ({ threads }: NodeView): readonly Sample[] =>
    threads.flatMap(({ report }) => {
      const facts = report?.measures.node;
      return facts === undefined ? [] : read(facts);
    });
}

/** See families.ts. */
export const processFamilies: readonly Family[] = [
  fact(
    'process_cpu_user_seconds_total',
    'counter',
    'User CPU time of the process.',
    (p) => p.cpuUserS,
  ),
  fact(
    'process_cpu_system_seconds_total',
    'counter',
    'System CPU time of the process.',
    (p) => p.cpuSystemS,
  ),
  fact(
    'process_cpu_seconds_total',
    'counter',
    'User and system CPU time of the process.',
    (p) => p.cpuUserS + p.cpuSystemS,
  ),
  fact(
    'process_start_time_seconds',
    'gauge',
    'Start of the process, in seconds since 1970.',
    (p) => p.startedAtS,
  ),
  fact(
    'process_resident_memory_bytes',
    'gauge',
    'Resident memory of the process.',
    (p) => p.residentBytes,
  ),
  fact('process_open_fds', 'gauge', 'Open file descriptors.', (p) => p.openFiles),
  fact(
    'process_max_fds',
    'gauge',
    'Most file descriptors that may be open.',
    (p) => p.openFilesMax,
  ),
  heap('nodejs_heap_size_used_bytes', 'Heap in use, by thread.', 'usedBytes'),
  heap('nodejs_heap_size_total_bytes', 'Heap reserved, by thread.', 'totalBytes'),
  heap(
    'nodejs_external_memory_bytes',
    'Memory outside the heap that it keeps, by thread.',
    'externalBytes',
  ),
  fact(
    'driftway_disk_free_bytes',
    'gauge',
    'Free bytes on the disk of the data folder.',
    (p) => p.diskFreeBytes,
  ),
  fact(
    'driftway_disk_size_bytes',
    'gauge',
    'Size of the disk of the data folder.',
    (p) => p.diskBytes,
  ),
  fact('driftway_database_bytes', 'gauge', 'Size of the database file.', (p) => p.databaseBytes),
  fact(
    'driftway_database_wal_bytes',
    'gauge',
    'Size of the write-ahead log beside it.',
    (p) => p.walBytes,
  ),
  {
    name: 'driftway_build_info',
    type: 'gauge',
    help: 'Always 1; the labels tell the version of Driftway and of Node.',
    read: ({ process: { version, nodeVersion } }) => [
      { labels: { version, node: nodeVersion }, value: 1 },
    ],
  },
  {
    name: 'driftway_thread_up',
    type: 'gauge',
    help: '1 for a thread that answered this scrape, 0 for one that is being restarted or hangs.',
    read: ({ threads }) =>
      threads.map(({ slot, report }) => {
        return { labels: { thread: slot }, value: report === undefined ? 0 : 1 };
      }),
  },
  {
    name: 'driftway_thread_restarts_total',
    type: 'counter',
    help: 'Times that a thread was replaced.',
    read: fromNode(({ slots }) =>
      slots.map(({ name, incarnation }) => {
        return { labels: { thread: name }, value: incarnation - 1 };
      }),
    ),
  },
  {
    name: 'driftway_reports_total',
    type: 'counter',
    help: 'What the actor runtime reported, by kind: crash, hung, restartLimit, mailboxFull and so on.',
    read: fromNode(({ reports }) =>
      Object.entries(reports).map(([kind, value]) => ({ labels: { kind }, value })),
    ),
  },
];
