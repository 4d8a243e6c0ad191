/**
 * The monitor thread: looks at the heartbeats of all threads, main included, and tells main who has
 * been silent. It calls into no thread. Only when main itself hangs it acts: it writes the culprit to
 * stderr and aborts the process, so that whatever started it starts it again.
 */
import { writeSync } from 'node:fs';
import { setInterval } from 'node:timers';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import type { Silence } from './types.ts';
import type { WatchdogData } from './watchdog.ts';

const INTS = 4;
const DOUBLES = 2;
const STDERR = 2;

const { slowMs, hungMs, intervalMs, abortOnMainHang, threads, ...memory } =
  workerData as WatchdogData;
const ints = new Int32Array(memory.ints);
const doubles = new Float64Array(memory.doubles);
const beats = new Int32Array(threads);
const silentMs = new Float64Array(threads);
/** 0 alive, 1 reported slow, 2 reported hung. */
const levels = new Uint8Array(threads);
const mainNames = new Map<number, string>();
let last = systemClock.monotonic();

parentPort?.on('message', ([number, name]: [number, string]) => mainNames.set(number, name));

function silenceOf(kind: Silence['kind'], thread: number): Silence {
  return {
    kind,
    thread,
    silentMs: Math.round(silentMs[thread] ?? 0),
    ref: doubles[thread * DOUBLES] ?? 0,
    op: ints[thread * INTS + 1] ?? 0,
    type: ints[thread * INTS + 2] ?? 0,
    key: doubles[thread * DOUBLES + 1] ?? 0,
  };
}

function tell(silence: Silence): void {
  parentPort?.postMessage(silence);
  if (silence.kind !== 'hung' || silence.thread !== 0 || !abortOnMainHang) return;
  const op = mainNames.get(silence.op) ?? '';
  writeSync(
    STDERR,
    `main thread hung for ${silence.silentMs} ms: actor ${silence.ref} op "${op}"; aborting\n`,
  );
  process.kill(process.pid, 'SIGABRT');
}

function look(): void {
  const now = systemClock.monotonic();
  // When this thread itself was late (machine asleep, process stopped), the others were too.
  const passed = Math.min(now - last, 2 * intervalMs);
  last = now;
  for (let thread = 0; thread < threads; thread++) {
    const beat = ints[thread * INTS] ?? 0;
    if (ints[thread * INTS + 3] !== 1 || beat !== beats[thread]) {
      beats[thread] = beat;
      silentMs[thread] = 0;
      levels[thread] = 0;
      continue;
    }
    const silent = (silentMs[thread] ?? 0) + passed;
    silentMs[thread] = silent;
    if (silent >= slowMs && levels[thread] === 0) {
      levels[thread] = 1;
      tell(silenceOf('slow', thread));
    }
    if (silent >= hungMs && levels[thread] === 1) {
      levels[thread] = 2;
      tell(silenceOf('hung', thread));
    }
  }
}

setInterval(look, intervalMs);
