/**
 * On which worker media goes: predicted packets per second, corrected by the CPU time that workers really use. Pure.
 *
 * Origin of the figures: a worker core carries about 180,000 plain packets/s and is rated at 100,000 (in and out), where it uses
 * 50 to 60 % of a core (voice.md 4.4).
 */

/** Packets/s in and out that a worker is meant to carry. */
export const RATED_PPS = 100_000;
/** Share of a core at which a worker counts as full. */
export const RATED_CPU = 0.6;
/** Opus frames of 20 ms. */
const PACKETS_PER_S = 50;
/** How many talk at once where nothing is measured: in a group two listen to one, and a third falls in. */
const TALKERS_GUESS = 3;
/** A full worker is left only for one that is this much emptier: a move costs a pipe. */
const GAIN_MIN = 0.25;

/** A worker above this gives a room away, if another one is below RELIEVE_TO. */
const RELIEVE_ABOVE = 1.3;
const RELIEVE_TO = 0.6;

/** What one worker carries for one room; paused ones do not count. */
export interface Flow {
  /** With those that come by a pipe. */
  readonly producers: number;
  readonly consumers: number;
  /** Heard lately (moving average); null where nothing is measured. */
  readonly talkers: number | null;
}

/** Packets/s in and out. In pairs everybody counts as talking. */
export function predictPps({ producers, consumers, talkers }: Flow): number {
  if (producers === 0) return 0;
  const guess = talkers ?? Math.min(producers, TALKERS_GUESS);
  const share = producers <= 2 ? 1 : Math.min(1, Math.max(1, guess) / producers);
  return PACKETS_PER_S * share * (producers + consumers);
}

/** Packets/s of a room that is only expected. */
export function expectedPps(people: number): number {
  const talkers = Math.min(people, TALKERS_GUESS);
  return PACKETS_PER_S * (talkers + talkers * Math.max(0, people - 1));
}

export interface Candidate {
  readonly predictedPps: number;
  /** Share of one core. */
  readonly cpu: number;
}

/** 0 is idle, 1 is full. */
export function loadOf({ predictedPps, cpu }: Candidate): number {
  return Math.max(predictedPps / RATED_PPS, cpu / RATED_CPU);
}

/** The least loaded; the first of equals. */
export function leastLoaded<T extends Candidate>(candidates: readonly T[]): T | null {
  let best: T | null = null;
  for (const candidate of candidates)
    if (best === null || loadOf(candidate) < loadOf(best)) best = candidate;
  return best;
}

/**
 * Where the next transport of a room goes: its present worker until that is full, then the emptiest other one, if that gains enough.
 */
export function placeTransport<T extends Candidate>(home: T, others: readonly T[]): T {
  if (loadOf(home) < 1) return home;
  const other = leastLoaded(others);
  return other !== null && loadOf(other) < loadOf(home) - GAIN_MIN ? other : home;
}

export interface Loaded<R> extends Candidate {
  readonly tenants: readonly R[];
}

/**
 * One room that should leave a worker which is more than full, if another one has room: the largest that does not tip the scales
 * the other way. A worker with a single room is left as it is: that room spreads by itself.
 */
export function pickRelief<R extends { readonly predictedPps: number }>(
  workers: readonly Loaded<R>[],
): R | null {
  const emptiest = leastLoaded(workers);
  for (const worker of workers) {
    if (emptiest === null || loadOf(worker) < RELIEVE_ABOVE || loadOf(emptiest) > RELIEVE_TO)
      continue;
    const gap = worker.predictedPps - emptiest.predictedPps;
    const fitting = worker.tenants.filter(
      ({ predictedPps }) => predictedPps > 0 && predictedPps <= gap / 2,
    );
    const largest = fitting.reduce<R | null>(
      (best, room) => (best === null || room.predictedPps > best.predictedPps ? room : best),
      null,
    );
    if (worker.tenants.length > 1 && largest !== null) return largest;
  }
  return null;
}
