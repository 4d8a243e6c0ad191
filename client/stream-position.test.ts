/** Tests of the gap algorithm of protocol.md 2.7. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StreamEvent } from '../gateway/protocol/index.ts';
import { StreamPosition, type UnknownRange } from './index.ts';

const SID = 7;
const EPOCH = 9;
const ev = (seq: number, epoch = EPOCH): StreamEvent => ({
  sid: SID,
  epoch,
  seq,
  ts: seq * 10,
  kind: 1,
  actor: 1,
  body: [],
});
const at = (seq: number, epoch = EPOCH) => ({ epoch, seq, ts: seq * 10 });
const gap = (reason: number, from: number, to: number, epoch = EPOCH) => ({
  sid: SID,
  reason,
  epoch,
  from,
  to,
  ts: to * 10,
});
const seqs = (events: readonly StreamEvent[]): number[] => events.map((event) => event.seq);

describe('StreamPosition.onEvent', () => {
  test('next seq: position moves, then delivered', () => {
    const position = new StreamPosition(SID, at(5));
    expect(position.onEvent(ev(6))).toEqual({ gap: null, deliver: [ev(6)], hasHole: false });
    expect(position.at).toEqual(at(6));
  });
  test('seq at or before the position: discarded', () => {
    const position = new StreamPosition(SID, at(5));
    expect(position.onEvent(ev(5)).deliver).toEqual([]);
    expect(position.onEvent(ev(1)).hasHole).toBe(false);
    expect(position.at).toEqual(at(5));
  });
  test('a later seq: held, a hole; delivered in order when it closes', () => {
    const position = new StreamPosition(SID, at(5));
    expect(position.onEvent(ev(8))).toEqual({ gap: null, deliver: [], hasHole: true });
    expect(position.onEvent(ev(7)).hasHole).toBe(true);
    expect(position.isBehind).toBe(true);
    expect(seqs(position.onEvent(ev(6)).deliver)).toEqual([6, 7, 8]);
    expect([position.isBehind, position.heldCount]).toEqual([false, 0]);
  });
  test('another epoch: a hole, never adopted', () => {
    const position = new StreamPosition(SID, at(5));
    expect(position.onEvent(ev(6, 10)).hasHole).toBe(true);
    expect(position.at).toEqual(at(5));
  });
  test('before the first answer to SUB: discarded', () => {
    expect(new StreamPosition(SID, null).onEvent(ev(6))).toMatchObject({
      deliver: [],
      hasHole: false,
    });
  });
  test('more than 256 behind a hole: the bound holds', () => {
    const position = new StreamPosition(SID, at(0));
    for (let seq = 2; seq < 400; seq += 1) position.onEvent(ev(seq));
    expect(position.heldCount).toBe(256);
    expect(position.onEvent(ev(1)).deliver.length).toBe(257);
    expect([position.at?.seq, position.isBehind]).toEqual([257, true]);
  });
});

describe('StreamPosition.onGap', () => {
  test('at position + 1: range told, position at its end', () => {
    const position = new StreamPosition(SID, at(5));
    expect(position.onGap(gap(1, 6, 20)).gap).toEqual({
      sid: SID,
      epoch: EPOCH,
      from: 6,
      to: 20,
      reason: 1,
      isVoid: false,
    });
    expect(position.at).toEqual(at(20));
    expect(seqs(position.onEvent(ev(21)).deliver)).toEqual([21]);
  });
  test('reasons 2 to 4: everything void, the new epoch adopted, an empty range legal', () => {
    for (const reason of [2, 3, 4]) {
      const position = new StreamPosition(SID, at(5));
      position.onEvent(ev(8));
      expect(position.onGap(gap(reason, 1, 0, 44)).gap).toMatchObject({
        isVoid: true,
        from: 1,
        to: 0,
      });
      expect(position.at).toEqual({ epoch: 44, seq: 0, ts: 0 });
      expect([position.heldCount, position.isBehind]).toEqual([0, false]);
    }
  });
  test('beyond a hole: not taken, the hole is to be repaired', () => {
    const position = new StreamPosition(SID, at(5));
    expect(position.onGap(gap(8, 8, 9))).toEqual({ gap: null, deliver: [], hasHole: true });
    expect(position.at).toEqual(at(5));
  });
  test('behind the position (second connection): ignored; overlapping: the rest only', () => {
    const position = new StreamPosition(SID, at(5));
    expect(position.onGap(gap(7, 2, 5))).toEqual({ gap: null, deliver: [], hasHole: false });
    expect(position.onGap(gap(7, 4, 8)).gap).toMatchObject({ from: 6, to: 8 });
  });
  test('held events after the range: delivered', () => {
    const position = new StreamPosition(SID, at(5));
    position.onEvent(ev(9));
    expect(seqs(position.onGap(gap(8, 6, 8)).deliver)).toEqual([9]);
  });
  test('before any position: adopted', () => {
    const position = new StreamPosition(SID, null);
    position.onGap(gap(5, 1, 30));
    expect(position.at).toEqual(at(30));
  });
});

describe('StreamPosition.onSub, onHead', () => {
  const result = (status: number, seq: number, head: number, epoch = EPOCH) => ({
    sid: SID,
    status,
    ...at(seq, epoch),
    first: 1,
    head,
  });
  test('first answer: the position of the server', () => {
    const position = new StreamPosition(SID, null);
    expect(position.onSub(result(0, 12, 12))).toBeNull();
    expect(position.at).toEqual(at(12));
  });
  test('status 1: position kept, behind until the replay is through', () => {
    const position = new StreamPosition(SID, at(5));
    position.onSub(result(1, 5, 7));
    expect([position.at?.seq, position.isBehind]).toEqual([5, true]);
  });
  test('a second connection answers late: no step back', () => {
    const position = new StreamPosition(SID, at(5));
    position.onEvent(ev(6));
    position.onSub(result(1, 5, 5));
    expect(position.at).toEqual(at(6));
  });
  test('status 0 with a head beyond the position: never skipped, a hole', () => {
    const position = new StreamPosition(SID, at(5));
    position.onSub(result(0, 8, 8));
    expect([position.at?.seq, position.isBehind]).toEqual([5, true]);
  });
  test('status 2: the GAP moves the position', () => {
    const position = new StreamPosition(SID, at(5));
    position.onSub(result(2, 20, 30));
    expect(position.at).toEqual(at(5));
  });
  test('another epoch without a GAP: void', () => {
    const position = new StreamPosition(SID, at(5));
    expect(position.onSub(result(0, 2, 2, 44))).toMatchObject({ isVoid: true, epoch: 44 });
  });
  test('HEAD ahead or of another epoch: true until reached', () => {
    const position = new StreamPosition(SID, at(5));
    expect([position.onHead(at(5)), position.onHead(at(6)), position.onHead(at(1, 8))]).toEqual([
      false,
      true,
      true,
    ]);
    position.onEvent(ev(6));
    expect([position.hasReached(at(6)), position.hasReached(at(6, 8))]).toEqual([true, false]);
  });
});

test('StreamPosition: any loss, doubling and reordering, then a repair: each seq once, in order', () => {
  const run = fc.record({
    start: fc.nat(5),
    count: fc.integer({ min: 1, max: 60 }),
    arrivals: fc.array(fc.nat(59), { maxLength: 150 }),
    gapAt: fc.option(fc.tuple(fc.nat(59), fc.nat(5))),
  });
  fc.assert(
    fc.property(run, ({ start, count, arrivals, gapAt }) => {
      const position = new StreamPosition(SID, at(start));
      const got: number[] = [];
      const lost: UnknownRange[] = [];
      const take = (outcome: ReturnType<StreamPosition['onEvent']>): void => {
        if (outcome.gap !== null) lost.push(outcome.gap);
        for (const event of outcome.deliver) {
          // The position is there before the event is delivered.
          expect(position.at?.seq).toBeGreaterThanOrEqual(event.seq);
          got.push(event.seq);
        }
      };
      const head = start + count;
      for (const [index, offset] of arrivals.entries()) {
        take(position.onEvent(ev(start + 1 + (offset % count))));
        if (gapAt !== null && index === gapAt[0]) {
          const from = start + 1 + (gapAt[0] % count);
          take(position.onGap(gap(7, from, Math.min(head, from + gapAt[1]))));
        }
      }
      // The repair SUB replays everything after the position.
      for (let seq = (position.at?.seq ?? 0) + 1; seq <= head; seq += 1) {
        if (seq > (position.at?.seq ?? 0)) take(position.onEvent(ev(seq)));
      }
      const all = [...got, ...lost.flatMap(({ from, to }) => range(from, to))].sort(
        (a, b) => a - b,
      );
      expect(all).toEqual(range(start + 1, head));
      expect(got).toEqual([...got].sort((a, b) => a - b));
      expect([position.isBehind, position.heldCount]).toEqual([false, 0]);
    }),
    { numRuns: 300 },
  );
});

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}
