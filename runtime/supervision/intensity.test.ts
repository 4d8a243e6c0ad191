/** The restart window as a pure function, against OTP's definition (runtime.md 1.6). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IntensityWindow } from './intensity.ts';

/** OTP's list: keep t >= now - period, add now, too many when more than intensity. */
function otp(intensity: number, period: number, times: readonly number[]): boolean[] {
  let kept: number[] = [];
  return times.map((ms) => {
    const now = Math.floor(ms / 1000);
    kept = [...kept.filter((t) => t >= now - period), now];
    return kept.length > intensity;
  });
}

describe('IntensityWindow', () => {
  test('add: any rising times, gives up exactly when OTP does', () => {
    fc.assert(
      fc.property(
        fc.nat(6),
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.nat(3000), { maxLength: 60 }),
        (intensity, period, gaps) => {
          let at = 123_456;
          const times = gaps.map((gap) => {
            at += gap;
            return at;
          });
          const window = new IntensityWindow(intensity, period);
          expect(times.map((ms) => window.add(ms))).toEqual(otp(intensity, period, times));
        },
      ),
    );
  });

  test('add: intensity 0 gives up at the first restart', () => {
    expect(new IntensityWindow(0, 5).add(0)).toBe(true);
  });

  test('add: the window is inclusive whole seconds, so up to period + 1 s', () => {
    const window = new IntensityWindow(1, 5);
    expect(window.add(999)).toBe(false);
    expect(window.add(5999)).toBe(true);
    expect(new IntensityWindow(1, 5).add(999)).toBe(false);
    const later = new IntensityWindow(1, 5);
    later.add(999);
    expect(later.add(6000)).toBe(false);
  });

  test('isOver and isEmpty: pass with the window', () => {
    const window = new IntensityWindow(1, 2);
    window.add(0);
    expect(window.isOver(0)).toBe(false);
    window.add(0);
    expect(window.isOver(2000)).toBe(true);
    expect(window.isOver(3000)).toBe(false);
    expect(window.isEmpty(3000)).toBe(true);
  });

  test('constructor: each bad value is named', () => {
    expect(() => new IntensityWindow(-1, 5)).toThrow(/intensity/);
    expect(() => new IntensityWindow(1.5, 5)).toThrow(/intensity/);
    expect(() => new IntensityWindow(1, 0)).toThrow(/period/);
  });
});
