/** The ring against a plain map. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ring } from './stream-ring.ts';
import type { LogEvent } from './types.ts';

function event(seq: number, bytes: number, kind = 1, target = 0): LogEvent {
  const frame = new Uint8Array(bytes).fill(seq % 251);
  const digest = new Uint8Array();
  return { seq, ts: 1000 + seq, kind, actor: 1, target, emoji: '', nonce: '', digest, frame };
}

test('Ring: any pushes and rewrites, the newest events within both bounds and nothing overwritten', () => {
  const step = fc.oneof(
    fc.record({ op: fc.constant('push' as const), bytes: fc.integer({ min: 1, max: 40 }) }),
    fc.record({
      op: fc.constant('rewrite' as const),
      at: fc.nat(),
      bytes: fc.integer({ min: 1, max: 60 }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.nat(20), (steps, floor) => {
      const options = { eventsMax: 10, bytesMax: 200 };
      const ring = new Ring(floor, 500, options);
      const model = new Map<number, LogEvent>();
      let head = floor;
      for (const s of steps) {
        if (s.op === 'push') {
          head += 1;
          const next = event(head, s.bytes);
          ring.push(next);
          model.set(head, next);
        } else if (head > floor) {
          const seq = floor + 1 + (s.at % (head - floor));
          const frame = new Uint8Array(s.bytes).fill(255);
          ring.rewrite({ seq, kind: 0, frame, editedAt: 0 });
          model.set(seq, { ...(model.get(seq) as LogEvent), kind: 0, frame });
        }
        expect(ring.head).toBe(head);
        expect(ring.size).toBeLessThanOrEqual(options.eventsMax);
        expect(ring.bytes).toBeLessThanOrEqual(options.bytesMax);
        const served = ring.after(ring.floor, 1000, Number.POSITIVE_INFINITY);
        expect(served.map((e) => e.seq)).toEqual(range(ring.floor + 1, head));
        for (const { frame, ...e } of served) {
          const { nonce, digest, frame: bytes, ...wanted } = model.get(e.seq) as LogEvent;
          expect(e).toEqual(wanted);
          expect([frame.buffer, frame.byteOffset]).toEqual([bytes.buffer, bytes.byteOffset]);
          expect(frame).toEqual(bytes);
        }
        expect(ring.bytes).toBe(served.reduce((sum, e) => sum + e.frame.byteLength, 0));
      }
    }),
  );
});

test('Ring.prepend: older events, as many of the newest as fit and only those that join', () => {
  const ring = new Ring(20, 1020, { eventsMax: 8, bytesMax: 1000 });
  ring.push(event(21, 10));
  ring.prepend([event(18, 10), event(19, 10)]);
  expect(ring.floor).toBe(20);
  ring.prepend(range(5, 20).map((seq) => event(seq, 10)));
  expect([ring.floor, ring.size, ring.floorTs]).toEqual([13, 8, 1013]);
  expect(ring.tsOf(13)).toBe(1013);
  expect(ring.get(14)?.seq).toBe(14);
});

test('Ring.after: bounds, at least one event and never more than the limit', () => {
  const ring = new Ring(0, 0);
  for (const seq of range(1, 9)) ring.push(event(seq, 100));
  expect(ring.after(0, 3, 1000).length).toBe(3);
  expect(ring.after(0, 100, 50).map((e) => e.seq)).toEqual([1]);
  expect(ring.after(0, 100, 250).map((e) => e.seq)).toEqual([1, 2]);
  expect(ring.after(9, 100, 250)).toEqual([]);
});

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}
