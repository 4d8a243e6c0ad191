/** One measured window on one side, whether the machine disturbed it, and what several of them come to. */
import type { Crowd } from './crowd.ts';
import type { Generator } from './generator.ts';
import { coreTimes, cpuOfAll, mediaWorkers, treeOf } from './proc-tree.ts';
import type { CoreReport, WindowReport } from './types.ts';

/** A pause of a core that is longer than this voids the window: it would be in the tail of the latencies. */
const GAP_MAX_US = 10_000;
/** And so does this much time in all pauses over 2 ms. */
const GAP_SUM_MAX_SHARE = 0.005;
/** Work of others on the server's core. */
const FOREIGN_MAX_SHARE = 0.2;
const STOLEN_MAX_SHARE = 0.05;
/** A generator that sends more than this late is itself what is measured. */
const LATE_MAX_SHARE = 0.005;

export interface Window {
  readonly ms: number;
  /** CPU of the server's process tree. */
  readonly cpuUs: number;
  /** Of it, what is not the media worker's. */
  readonly restUs: number;
  /** Share of the server's core that neither the server nor nobody had; 0 where the server is not bound to one. */
  readonly foreignShare: number;
  readonly stolenShare: number;
  readonly report: WindowReport;
}

/** Why a window does not count; empty when it does. */
export function voidReason(window: Window): string {
  const { foreignShare, ms, report, stolenShare } = window;
  const isPaused = ({ independent, longestUs, sumUs }: CoreReport) =>
    independent && (longestUs > GAP_MAX_US || sumUs > ms * 1000 * GAP_SUM_MAX_SHARE);
  if (report.cores.some(isPaused)) return 'a core paused';
  if (stolenShare > STOLEN_MAX_SHARE) return 'time stolen';
  if (foreignShare > FOREIGN_MAX_SHARE) return 'foreign work';
  if (report.sent > 0 && report.late > report.sent * LATE_MAX_SHARE) return 'generator late';
  if (report.refused > 0) return 'generator refused';
  return '';
}

/** Middle value; the mean of the two middle ones where their number is even; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/** Value at a share (0 to 1) of the sorted values: the smallest that at least that share does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Medians over the windows that count; over all of them where none does, for a look only. */
export interface Summary {
  readonly windows: number;
  readonly valid: number;
  /** CPU per packet that reached a listener. */
  readonly usPerPacket: number;
  /** Of it, what is not the media worker's. */
  readonly restUsPerPacket: number;
  /** Share of one core. */
  readonly cpuShare: number;
  readonly packetsPerS: number;
  readonly lossPercent: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Longest time between two packets of a stream, over all of these windows. */
  readonly gapMs: number;
  /** Why windows were left out. */
  readonly reasons: readonly string[];
}

export function summarize(windows: readonly Window[]): Summary {
  const valid = windows.filter((window) => voidReason(window) === '');
  const judged = valid.length === 0 ? windows : valid;
  const over = (what: (window: Window) => number) => median(judged.map(what));
  return {
    windows: windows.length,
    valid: valid.length,
    usPerPacket: over(({ cpuUs, report }) => cpuUs / report.received),
    restUsPerPacket: over(({ restUs, report }) => restUs / report.received),
    cpuShare: over(({ cpuUs, ms }) => cpuUs / (ms * 1000)),
    packetsPerS: over(({ ms, report }) => (report.received * 1000) / ms),
    lossPercent: over(({ report }) => 100 * (1 - report.received / report.expected)),
    p50Ms: over(({ report }) => report.p50Us / 1000),
    p99Ms: over(({ report }) => report.p99Us / 1000),
    p999Ms: over(({ report }) => report.p999Us / 1000),
    gapMs: Math.max(0, ...judged.map(({ report }) => report.gapUs / 1000)),
    reasons: windows.map(voidReason).filter((reason) => reason !== ''),
  };
}

/** Lets a crowd talk for one window. The driving process sleeps meanwhile: what the servers say waits in the kernel. */
export async function measure(
  generator: Generator,
  crowd: Crowd,
  ms: number,
  serverCore: number | undefined,
): Promise<Window> {
  const pids = treeOf(crowd.side.pid);
  const workers = mediaWorkers(crowd.side.pid);
  const times = () =>
    serverCore === undefined ? { busyUs: 0, stolenUs: 0 } : coreTimes(serverCore);
  crowd.hold(true);
  crowd.talk(true);
  let before = { cpuUs: 0, workerUs: 0, core: times(), at: 0 };
  let after = before;
  const read = () => ({
    ...{ cpuUs: cpuOfAll(pids), workerUs: cpuOfAll(workers) },
    ...{ core: times(), at: performance.now() },
  });
  let report: WindowReport;
  try {
    report = await generator.window(ms, () => {
      before = read();
      setTimeout(() => {
        after = read();
      }, ms);
    });
  } finally {
    // Also for whoever clears up after a failure: a held connection gets no answers.
    crowd.talk(false);
    crowd.hold(false);
  }
  const elapsedUs = (after.at - before.at) * 1000;
  const scale = (ms * 1000) / elapsedUs;
  const cpuUs = (after.cpuUs - before.cpuUs) * scale;
  const restUs = cpuUs - (after.workerUs - before.workerUs) * scale;
  const busyUs = after.core.busyUs - before.core.busyUs;
  const foreignUs = serverCore === undefined ? 0 : busyUs - (after.cpuUs - before.cpuUs);
  return {
    ...{ ms, cpuUs, restUs, report },
    foreignShare: Math.max(0, foreignUs / elapsedUs),
    stolenShare: (after.core.stolenUs - before.core.stolenUs) / elapsedUs,
  };
}
