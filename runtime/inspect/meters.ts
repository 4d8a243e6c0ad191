/**
 * What this thread's runtime measures of itself beside its counters: how late it is, who is restarted how often, and how its
 * actors stand by kind. Reads only, but for the two notes that are taken here. O(actors), when somebody asks.
 */
import { allCells, rt } from '../core/thread.ts';
import { Histogram, type HistogramData } from './histogram.ts';

/** Actors of one kind: an entity's type, else the name of the behaviour. */
export interface KindLoad {
  readonly kind: string;
  actors: number;
  /** Messages that wait, in all of them and in the one with the most. */
  waiting: number;
  waitingMax: number;
}

/** Restarts of one child of one supervisor; for entities starts after a crash are meant. */
export interface RestartCount {
  readonly supervisor: string;
  readonly child: string;
  count: number;
}

/** Plain data, so that it crosses threads. */
export interface RuntimeMeters {
  /** Seconds that the beat of each 100 ms came late. */
  readonly delay: HistogramData;
  readonly restarts: readonly RestartCount[];
  readonly kinds: readonly KindLoad[];
}

/** Kinds, and pairs of supervisor and child, that are told apart; the others are counted as `other`. */
const LABELS_MAX = 64;
const OTHER = 'other';
/** Seconds. Below 1 ms it is the timer's own grain; the watchdog speaks of 5 s. */
const DELAY_BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

const delay = new Histogram(DELAY_BOUNDS);
const restarts = new Map<string, RestartCount>();
let lastBeatMs = -1;

/** A beat of the pulse, due `everyMs` after the one before. */
export function noteBeat(everyMs: number): void {
  const now = rt.clock.monotonic();
  if (lastBeatMs >= 0) delay.record(Math.max(0, now - lastBeatMs - everyMs) / 1000);
  lastBeatMs = now;
}

/** A supervisor starts a child anew. */
export function noteRestart(supervisor: string, child: string): void {
  const key = `${supervisor}\n${child}`;
  let found = restarts.get(key) ?? (restarts.size < LABELS_MAX ? undefined : restarts.get(OTHER));
  if (found === undefined) {
    const isFull = restarts.size >= LABELS_MAX;
    found = isFull
      ? { supervisor: OTHER, child: OTHER, count: 0 }
      : { supervisor, child, count: 0 };
    restarts.set(isFull ? OTHER : key, found);
  }
  found.count++;
}

/** The thread as it is now. */
export function meters(): RuntimeMeters {
  return { delay: delay.data(), restarts: [...restarts.values()], kinds: kinds() };
}

function kinds(): KindLoad[] {
  const byKind = new Map<string, KindLoad>();
  for (const cell of allCells()) {
    const load = loadOf(byKind, cell.entity?.type ?? cell.compiled.name);
    const waiting = cell.mailbox?.count ?? 0;
    load.actors++;
    load.waiting += waiting;
    if (waiting > load.waitingMax) load.waitingMax = waiting;
  }
  return [...byKind.values()];
}

function loadOf(byKind: Map<string, KindLoad>, name: string): KindLoad {
  const kind = byKind.has(name) || byKind.size < LABELS_MAX ? name : OTHER;
  let load = byKind.get(kind);
  if (load === undefined) {
    load = { kind, actors: 0, waiting: 0, waitingMax: 0 };
    byKind.set(kind, load);
  }
  return load;
}
