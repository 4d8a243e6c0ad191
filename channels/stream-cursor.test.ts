/** The judgement of a cursor against a brute-force reading of protocol.md 2.7. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Extent,
  GAP_AHEAD,
  GAP_EPOCH,
  GAP_FORK,
  GAP_NO_HISTORY,
  GAP_TOO_FAR,
  GAP_TRIMMED,
  judgeCursor,
  seqsToKnow,
} from './stream-cursor.ts';
import type { Cursor } from './types.ts';

const EPOCH = 7;
const tsOf = (seq: number): number => 1000 + seq * 10;
const OPTIONS = { mayReadHistory: true, replayMax: 100 };

function extent(first: number, head: number): Extent {
  return { epoch: EPOCH, first, head, headTs: head === 0 ? 0 : tsOf(head) };
}

test('judgeCursor: no cursor, live at the head', () => {
  expect(judgeCursor(extent(1, 5), undefined, OPTIONS, tsOf)).toEqual({
    status: 0,
    at: { epoch: EPOCH, seq: 5, ts: tsOf(5) },
  });
});

test('judgeCursor: empty stream and seq 0, live whatever the ts says', () => {
  const verdict = judgeCursor(extent(1, 0), { epoch: EPOCH, seq: 0, ts: 99 }, OPTIONS, tsOf);
  expect(verdict).toEqual({ status: 0, at: { epoch: EPOCH, seq: 0, ts: 0 } });
});

test('judgeCursor: empty stream and another epoch, an empty range', () => {
  const verdict = judgeCursor(extent(1, 0), { epoch: 1, seq: 9, ts: 9 }, OPTIONS, tsOf);
  expect(verdict.gap).toEqual({ reason: GAP_EPOCH, epoch: EPOCH, from: 1, to: 0, ts: 0 });
});

test('judgeCursor: several reasons, 2 before 4 before 3', () => {
  const reason = (cursor: Cursor) => judgeCursor(extent(1, 5), cursor, OPTIONS, tsOf).gap?.reason;
  expect(reason({ epoch: 1, seq: 9, ts: 1 })).toBe(GAP_EPOCH);
  expect(reason({ epoch: EPOCH, seq: 9, ts: 1 })).toBe(GAP_AHEAD);
  expect(reason({ epoch: EPOCH, seq: 3, ts: 1 })).toBe(GAP_FORK);
});

test('judgeCursor: no right to history, joins at the head with reason 5', () => {
  const options = { mayReadHistory: false, replayMax: 100 };
  const verdict = judgeCursor(extent(1, 5), { epoch: EPOCH, seq: 2, ts: tsOf(2) }, options, tsOf);
  expect(verdict).toEqual({
    status: 2,
    at: { epoch: EPOCH, seq: 5, ts: tsOf(5) },
    gap: { reason: GAP_NO_HISTORY, epoch: EPOCH, from: 3, to: 5, ts: tsOf(5) },
  });
});

test('judgeCursor: any cursor, as a brute-force reading of protocol.md 2.7', () => {
  const cases = fc.record({
    head: fc.nat(60),
    first: fc.integer({ min: 1, max: 61 }),
    epoch: fc.constantFrom(EPOCH, 8),
    seq: fc.nat(70),
    tsRight: fc.boolean(),
    mayReadHistory: fc.boolean(),
    replayMax: fc.nat(30),
  });
  fc.assert(
    fc.property(cases, (c) => {
      const first = Math.min(c.first, c.head + 1);
      const at = extent(first, c.head);
      const cursor = { epoch: c.epoch, seq: c.seq, ts: c.tsRight ? tsOf(c.seq) : 1 };
      const options = { mayReadHistory: c.mayReadHistory, replayMax: c.replayMax };
      const known = new Set([...seqsToKnow(at, cursor, options), c.head]);
      const verdict = judgeCursor(at, cursor, options, (seq) => {
        if (!known.has(seq)) throw new Error(`asked for ts of ${seq}, which was not announced`);
        return tsOf(seq);
      });

      // What the client has: a prefix of this log, or not.
      const forked = c.seq >= first && c.seq > 0 && !c.tsRight;
      const reasons = new Set<number>();
      if (c.epoch !== EPOCH) reasons.add(GAP_EPOCH);
      else if (c.seq > c.head) reasons.add(GAP_AHEAD);
      else if (forked) reasons.add(GAP_FORK);
      if (reasons.size > 0) {
        expect(verdict.gap).toMatchObject({ reason: [...reasons][0], from: 1, to: c.head });
        expect(verdict.at.seq).toBe(c.head);
        return;
      }
      // Gap and replay tile (seq, head], and the replay is what is retained, allowed and not too much.
      const start = verdict.gap === undefined ? c.seq : verdict.gap.to;
      if (verdict.gap !== undefined) expect(verdict.gap.from).toBe(c.seq + 1);
      expect(verdict.at.seq).toBe(start);
      const replayed = c.head - start;
      const missed = c.head - c.seq;
      const retained = c.head - Math.max(c.seq, first - 1);
      const allowed = c.mayReadHistory ? Math.min(retained, c.replayMax) : 0;
      expect(replayed).toBe(allowed);
      expect(verdict.status).toBe(missed === 0 ? 0 : allowed === missed ? 1 : 2);
      if (verdict.gap !== undefined) {
        const trimmed = retained === allowed;
        const reason = c.mayReadHistory ? (trimmed ? GAP_TRIMMED : GAP_TOO_FAR) : GAP_NO_HISTORY;
        expect(verdict.gap.reason).toBe(reason);
      }
    }),
    { numRuns: 3000 },
  );
});
