/**
 * Main's side of the watchdog: runs the monitor thread and turns its numbers into names.
 */
import { url as debuggerUrl } from 'node:inspector';
import { Worker } from 'node:worker_threads';
import { onName } from '../core/cell.ts';
import type { AnyRef } from '../types.ts';
import type { Mesh } from './mesh.ts';
import type { NamedSilence, Silence, WatchdogOptions } from './types.ts';

const SLOW_MS = 250;
const HUNG_MS = 5000;
const INTERVAL_MS = 100;
const ENTRY = new URL('./watchdog-entry.ts', import.meta.url);

/** Starts the monitor thread; the returned function ends it. Off under a debugger. */
export function startWatchdog(
  options: WatchdogOptions | false,
  mesh: Mesh,
  onSilence: (silence: NamedSilence) => void,
): () => Promise<void> {
  if (options === false || debuggerUrl() !== undefined) return () => Promise.resolve();
  const workerData: WatchdogData = {
    ints: mesh.shared.pulseInts,
    doubles: mesh.shared.pulseDoubles,
    threads: mesh.topology.slots.length,
    slowMs: options.slowMs ?? SLOW_MS,
    hungMs: options.hungMs ?? HUNG_MS,
    intervalMs: options.intervalMs ?? INTERVAL_MS,
    abortOnMainHang: options.abortOnMainHang ?? true,
  };
  if (!(workerData.hungMs > workerData.slowMs && workerData.slowMs > workerData.intervalMs)) {
    throw new RangeError('watchdog: want intervalMs < slowMs < hungMs');
  }
  const worker = new Worker(ENTRY, {
    workerData,
    name: 'watchdog',
    ...mesh.flags,
    resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
  });
  worker.unref();
  // The monitor alone can name what hangs main, so it learns main's names; others' come to the mesh.
  onName((number, name) => {
    mesh.learnName(0, number, name);
    worker.postMessage([number, name]);
  });
  worker.on('message', (silence: Silence) => onSilence(named(mesh, silence)));
  return async () => {
    await worker.terminate();
  };
}

/** What the monitor thread is given. */
export interface WatchdogData {
  readonly ints: SharedArrayBuffer;
  readonly doubles: SharedArrayBuffer;
  readonly threads: number;
  readonly slowMs: number;
  readonly hungMs: number;
  readonly intervalMs: number;
  readonly abortOnMainHang: boolean;
}

function named(mesh: Mesh, silence: Silence): NamedSilence {
  const { kind, thread, silentMs, ref, op, type, key } = silence;
  const entity = { type: mesh.nameOf(thread, type), key };
  return {
    kind,
    thread,
    silentMs,
    culprit: {
      ref: ref as AnyRef,
      op: mesh.nameOf(thread, op),
      ...(type === 0 ? {} : { entity }),
    },
  };
}
