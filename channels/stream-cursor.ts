/**
 * Judges a client's cursor against a stream: live, replay or GAP, with reason and range, to the
 * letter of protocol.md 2.7 and 2.17 items 2 to 8. Pure functions, no state.
 */
import type { Cursor, Gap, Ms, Seq } from './types.ts';

/** What a stream retains. An empty stream has first 1, head 0, headTs 0. */
export interface Extent {
  readonly epoch: number;
  readonly first: Seq;
  readonly head: Seq;
  readonly headTs: Ms;
}

export const GAP_TOO_FAR = 1;
export const GAP_EPOCH = 2;
export const GAP_FORK = 3;
export const GAP_AHEAD = 4;
export const GAP_NO_HISTORY = 5;
export const GAP_TRIMMED = 6;
export const GAP_SLOW = 7;

export interface Verdict {
  /** 0 live, 1 replaying from `at`, 2 the gap follows. */
  readonly status: 0 | 1 | 2;
  /** Position of the client after the OK and the gap. */
  readonly at: Cursor;
  readonly gap?: Gap;
}

export interface JudgeOptions {
  readonly mayReadHistory: boolean;
  /** Most events replayed, at least 0. */
  readonly replayMax: number;
}

/** Seqs whose ts `judgeCursor` needs to know; at most two, each in first..head. */
export function seqsToKnow(
  extent: Extent,
  cursor: Cursor | undefined,
  options: JudgeOptions,
): Seq[] {
  if (cursor === undefined || cursor.epoch !== extent.epoch || cursor.seq > extent.head) return [];
  const seqs: Seq[] = [];
  if (cursor.seq >= extent.first) seqs.push(cursor.seq);
  const to = extent.head - options.replayMax;
  if (to > cursor.seq && to >= extent.first && options.mayReadHistory) seqs.push(to);
  return seqs.filter((seq) => seq !== extent.head && seq > 0);
}

/**
 * Judges a cursor.
 * @param cursor undefined is `[sid]`, from now
 * @param tsOf ts of the seqs that `seqsToKnow` names; undefined means that the log has no such event
 */
export function judgeCursor(
  extent: Extent,
  cursor: Cursor | undefined,
  options: JudgeOptions,
  tsOf: (seq: Seq) => Ms | undefined,
): Verdict {
  const head: Cursor = { epoch: extent.epoch, seq: extent.head, ts: extent.headTs };
  if (cursor === undefined) return { status: 0, at: head };
  if (cursor.epoch !== extent.epoch) return lost(extent, GAP_EPOCH);
  if (cursor.seq > extent.head) return lost(extent, GAP_AHEAD);
  const ts = (seq: Seq): Ms | undefined => (seq === extent.head ? extent.headTs : tsOf(seq));
  // Below `first` there is nothing left to compare with; seq 0 is the start, whatever its ts says.
  if (cursor.seq > 0 && cursor.seq >= extent.first && ts(cursor.seq) !== cursor.ts) {
    return lost(extent, GAP_FORK);
  }
  if (cursor.seq === extent.head) return { status: 0, at: head };
  if (!options.mayReadHistory) return skip(extent, GAP_NO_HISTORY, cursor.seq, head.seq, head.ts);
  const trimmedTo = extent.first - 1;
  const farTo = extent.head - options.replayMax;
  if (farTo > cursor.seq && farTo > trimmedTo) {
    return skip(extent, GAP_TOO_FAR, cursor.seq, farTo, ts(farTo) ?? 0);
  }
  if (trimmedTo > cursor.seq) return skip(extent, GAP_TRIMMED, cursor.seq, trimmedTo, 0);
  return { status: 1, at: { epoch: extent.epoch, seq: cursor.seq, ts: cursor.ts } };
}

/** Reasons 2 to 4: everything cached is void, the range is the whole stream. */
export function wholeGap(extent: Extent, reason: number): Gap {
  return { reason, epoch: extent.epoch, from: 1, to: extent.head, ts: extent.headTs };
}

function lost(extent: Extent, reason: number): Verdict {
  const at = { epoch: extent.epoch, seq: extent.head, ts: extent.headTs };
  return { status: 2, at, gap: wholeGap(extent, reason) };
}

function skip(extent: Extent, reason: number, after: Seq, to: Seq, ts: Ms): Verdict {
  const gap: Gap = { reason, epoch: extent.epoch, from: after + 1, to, ts };
  return { status: 2, at: { epoch: extent.epoch, seq: to, ts }, gap };
}
