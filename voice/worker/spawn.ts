/**
 * Starts one media worker process. Loads mediasoup at the first start and never before: a server without voice does not pay for it.
 */
import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Writable } from 'node:stream';
import type { Worker } from 'mediasoup/types';
import type { Clock } from '../../runtime/index.ts';
import type { PortRange } from './listen.ts';

/** A worker is up in about 80 ms (voice.md 6); on a machine under heavy load in a few seconds. */
const START_MS_MAX = 10_000;
const LOG_LENGTH_MAX = 200;
/** Where Node tells of child processes; and mediasoup's stream of requests among the child's. */
const CHILDREN = 'child_process';
const REQUESTS = 3;

/**
 * Huge pages for the worker's memory: 10 % less CPU time per packet in calls of two, whose cost is cache misses (peers.md B2).
 */
const WORKER_ENVIRONMENT = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };

export type Started =
  | { readonly ok: true; readonly worker: Worker }
  | { readonly ok: false; readonly message: string };

export async function spawnWorker(
  path: string,
  links: PortRange,
  clock: Clock,
  onLog: (text: string) => void,
): Promise<Started> {
  const { createWorker, setLogEventListeners } = await import('mediasoup');
  setLogEventListeners({ onerror: (_space, text) => onLog(text.slice(0, LOG_LENGTH_MAX)) });
  const starting = inOwnEnvironment(() =>
    gathered(() =>
      createWorker({
        workerBin: path,
        logLevel: 'error',
        logTags: [],
        rtcMinPort: links.min,
        rtcMaxPort: links.max,
      }),
    ),
  );
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => {
      resolve({ ok: false, message: 'no answer from the new process' });
      // It may come up still: nobody waits for it then.
      void starting.then(
        (worker) => worker.close(),
        (error: unknown) => onLog(`late start failed: ${String(error)}`.slice(0, LOG_LENGTH_MAX)),
      );
    }, START_MS_MAX);
    const settle = (result: Started) => {
      clock.clearTimeout(timer);
      resolve(result);
    };
    starting.then(
      (worker) => settle({ ok: true, worker }),
      (error: unknown) => settle({ ok: false, message: textOf(error) }),
    );
  });
}

/**
 * mediasoup hands its process the whole environment of ours. The worker meets hostile packets, so it must not hold what the
 * environment may: secrets. mediasoup spawns before it returns, so nobody else sees the exchange.
 */
function inOwnEnvironment<T>(spawn: () => T): T {
  const own = process.env;
  process.env = { ...WORKER_ENVIRONMENT };
  try {
    return spawn();
  } finally {
    process.env = own;
  }
}

/**
 * Requests of one turn, as the consumers of a join, go to the process with one system call. mediasoup writes each by itself and
 * keeps the stream to itself, so its child is taken from what Node tells of new processes.
 */
function gathered<T>(spawn: () => T): T {
  let child: ChildProcess | undefined;
  const take = (message: unknown): void => {
    child = (message as { readonly process: ChildProcess }).process;
  };
  subscribe(CHILDREN, take);
  try {
    const spawned = spawn();
    if (child !== undefined) gather(child);
    return spawned;
  } finally {
    unsubscribe(CHILDREN, take);
  }
}

function gather({ stdio }: ChildProcess): void {
  const requests = stdio[REQUESTS] as Writable | null | undefined;
  if (requests == null) return;
  let isCorked = false;
  const write = requests.write.bind(requests) as (...args: readonly unknown[]) => boolean;
  requests.write = ((...args: readonly unknown[]): boolean => {
    if (!isCorked) {
      isCorked = true;
      requests.cork();
      process.nextTick(() => {
        isCorked = false;
        requests.uncork();
      });
    }
    return write(...args);
  }) as Writable['write'];
}

function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, LOG_LENGTH_MAX);
}
