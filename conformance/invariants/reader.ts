/**
 * What one reader must have at the end: I2 (nothing lost in silence), I8 (events and gaps tile what was missed), I14 (nothing after a revocation),
 * I18 (no herd). Pure.
 */
import type { Event, Gap } from '../peer/log.ts';
import type { Violation } from './walk.ts';

/** What a reader delivered and which ranges it knows to be missing, over all its connections. */
export interface Delivered {
  readonly client: string;
  readonly sid: number;
  readonly delivered: readonly Event[];
  readonly gaps: readonly Gap[];
}

/** I2 and I3: every seq of `from..to` is delivered once, or in a gap. */
export function noSilentLoss(reader: Delivered, from: number, to: number): Violation[] {
  const { client, sid, delivered, gaps } = reader;
  const found: Violation[] = [];
  const seen = new Set<number>();
  for (const { seq } of delivered) {
    if (seen.has(seq)) found.push({ invariant: 'I3', client, sid, what: `delivered ${seq} twice` });
    seen.add(seq);
  }
  const isKnown = (seq: number) => gaps.some((gap) => seq >= gap.from && seq <= gap.to);
  const lost: number[] = [];
  for (let seq = from; seq <= to; seq += 1) if (!seen.has(seq) && !isKnown(seq)) lost.push(seq);
  if (lost.length > 0) {
    const what = `${lost.length} of ${from}..${to} lost in silence, the first is ${lost[0]}`;
    found.push({ invariant: 'I2', client, sid, what });
  }
  return found;
}

/** I8: between position `after` and `to` the wire brought events and gaps that tile the range, each seq once. */
export function tiles(
  pieces: { readonly events: readonly Event[]; readonly gaps: readonly Gap[] },
  after: number,
  to: number,
): string | undefined {
  const ranges = [
    ...pieces.events.map(({ seq }) => ({ from: seq, to: seq })),
    ...pieces.gaps.map(({ from, to: end }) => ({ from, to: end })),
  ].sort((a, b) => a.from - b.from);
  let at = after;
  for (const range of ranges) {
    if (range.from > to) break;
    if (range.from !== at + 1) return `${range.from} follows ${at}`;
    at = range.to;
  }
  return at >= to ? undefined : `ends at ${at}, wanted ${to}`;
}

/** I14: no event later than a second after the view right was taken away at server time `revokedAt`. */
export function revoked(client: string, events: readonly Event[], revokedAt: number): Violation[] {
  return events
    .filter(({ ts }) => ts > revokedAt + 1000)
    .map(({ sid, seq, ts }) => {
      const what = `EV ${seq} is from ${ts - revokedAt} ms after the revocation`;
      return { invariant: 'I14', client, sid, what };
    });
}

/** I18: the largest share of `times` in any window of one second; 0 without times. */
export function worstSecond(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  let most = 0;
  let from = 0;
  for (const [i, at] of sorted.entries()) {
    while (at - sorted[from]! >= 1000) from += 1;
    most = Math.max(most, i - from + 1);
  }
  return sorted.length === 0 ? 0 : most / sorted.length;
}
