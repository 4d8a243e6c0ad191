/** Tests of the reconnect delays: protocol.md 2.14 as numbers. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Backoff, repairDelayMs } from './index.ts';

const lost = (code: number, upMs: number | null, isLocal = false) => ({
  code,
  isLocal,
  onlineAt: upMs === null ? null : 1_000_000 - upMs,
  now: 1_000_000,
});
/** Upper end of the range that a delay is drawn from. */
function ceiling(backoff: Backoff, ...args: Parameters<Backoff['next']>): number {
  return backoff.next(...args);
}
const top = (): Backoff => new Backoff(() => 1);

describe('Backoff', () => {
  test('attempt n: random(0, min(60 s, 1 s x 2^n))', () => {
    const backoff = top();
    const delays = Array.from({ length: 9 }, () => ceiling(backoff, lost(1006, null), 5000));
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((s) => s * 1000));
  });
  test('first attempt after a stable connection ended by the server: inside max(1 s, herd_ms), with time left to connect', () => {
    for (const code of [1006, 4000, 4001, 4002]) {
      expect(ceiling(top(), lost(code, 61_000), 30_000)).toBe(29_500);
      expect(ceiling(top(), lost(code, 61_000), 10)).toBe(750);
    }
  });
  test('after silence, a network change, or another code: the plain delay', () => {
    expect(ceiling(top(), lost(1006, 61_000, true), 30_000)).toBe(1000);
    expect(ceiling(top(), lost(4003, 61_000), 30_000)).toBe(1000);
    expect(ceiling(top(), lost(1006, 59_000), 30_000)).toBe(1000);
  });
  test('n returns to 0 only after 60 s of stable connection', () => {
    const backoff = top();
    for (let i = 0; i < 3; i += 1) backoff.next(lost(1006, null), 0);
    expect(ceiling(backoff, lost(4003, 59_000), 0)).toBe(8000);
    expect(ceiling(backoff, lost(4003, 61_000), 0)).toBe(1000);
    expect(backoff.attempt).toBe(1);
  });
  test('4006 at least 10 s, 4008 at least 30 s', () => {
    expect(new Backoff(() => 0).next(lost(4006, null), 0)).toBe(10_000);
    expect(new Backoff(() => 0).next(lost(4008, null), 0)).toBe(30_000);
  });
  test('any history: inside 0 and the ceiling', () => {
    const end = fc.tuple(
      fc.constantFrom(1006, 4000, 4001, 4003),
      fc.option(fc.nat(120_000)),
      fc.boolean(),
    );
    fc.assert(
      fc.property(fc.array(end), fc.nat(120_000), fc.noShrink(fc.nat()), (ends, herdMs, seed) => {
        let state = seed;
        const backoff = new Backoff(() => {
          state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
          return state / 2 ** 31;
        });
        for (const [code, upMs, isLocal] of ends) {
          const delayMs = backoff.next(lost(code, upMs, isLocal), herdMs);
          expect(delayMs).toBeGreaterThanOrEqual(0);
          expect(delayMs).toBeLessThan(Math.max(60_000, herdMs) + 1);
        }
      }),
    );
  });
  test('within: the window of RECONNECT', () => {
    expect(new Backoff(() => 0).within(100, 900)).toBe(100);
    expect(new Backoff(() => 0.5).within(100, 900)).toBe(500);
    expect(new Backoff(() => 0.5).within(900, 100)).toBe(900);
  });
});

test('repairDelayMs: 1, 2, 4 ... 30 s', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 99].map(repairDelayMs)).toEqual(
    [1, 2, 4, 8, 16, 30, 30, 30].map((s) => s * 1000),
  );
});
