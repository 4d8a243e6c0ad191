/** Ids and keys: order and uniqueness over any clock. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ID_EPOCH_MS, IdAllocator, idTime, pad, unpad } from './ids.ts';
import { HandClock } from './test/kit.ts';

test('IdAllocator: clock that stands, jumps and steps back, ids rise and never repeat', () => {
  const steps = fc.array(fc.integer({ min: -5000, max: 5000 }), { maxLength: 40 });
  fc.assert(
    fc.property(steps, fc.nat(63), (jumps, slot) => {
      let now = ID_EPOCH_MS + 1_000_000;
      const clock = Object.assign(new HandClock(), { now: () => now });
      const ids = new IdAllocator(slot, clock);
      let last = -1;
      for (const jump of jumps) {
        now = Math.max(ID_EPOCH_MS, now + jump);
        for (let i = 0; i < 70; i += 1) {
          const id = ids.next();
          expect(id).toBeGreaterThan(last);
          expect(Math.floor(id / 64) % 64).toBe(slot);
          expect(Number.isSafeInteger(id)).toBe(true);
          last = id;
        }
      }
    }),
  );
});

test('IdAllocator: two slots in one millisecond, no id in common', () => {
  const clock = new HandClock();
  const [a, b] = [new IdAllocator(0, clock), new IdAllocator(63, clock)];
  const ids = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? a : b).next());
  expect(new Set(ids).size).toBe(200);
});

test('idTime: id of now, its millisecond', () => {
  const clock = new HandClock();
  expect(idTime(new IdAllocator(5, clock).next())).toBe(clock.now());
});

test('pad: any u53, orders as the numbers do and reads back', () => {
  const u53 = fc.nat(Number.MAX_SAFE_INTEGER);
  fc.assert(
    fc.property(u53, u53, (a, b) => {
      expect(pad(a) < pad(b)).toBe(a < b);
      expect(unpad(pad(a))).toBe(a);
    }),
  );
});

test('pad: negative or fractional, RangeError', () => {
  expect(() => pad(-1)).toThrow(RangeError);
  expect(() => pad(1.5)).toThrow(RangeError);
});
