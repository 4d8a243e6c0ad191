/** Who is forwarded: everybody in small rooms, a few in large ones, without flapping. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FORWARDING_LIMITS, Forwarding } from './forwarding.ts';

const { allHeardAgain, allHeardMax, holdMs, speakersMax } = FORWARDING_LIMITS;

function forwarding(producers: number, people: number): Forwarding {
  const it = new Forwarding();
  it.setPeople(people);
  for (let pid = 1; pid <= producers; pid += 1) it.set(pid, false);
  it.choose(0);
  return it;
}

function forwarded(it: Forwarding, producers: number): number[] {
  return Array.from({ length: producers }, (_, i) => i + 1).filter((pid) => it.isForwarded(pid));
}

describe('Forwarding', () => {
  test('up to 25 people, everybody is forwarded', () => {
    const it = forwarding(25, allHeardMax);
    expect(it.isChoosing).toBe(false);
    expect(forwarded(it, 25)).toHaveLength(25);
  });

  test('the 26th, leaves those who spoke last', () => {
    const it = forwarding(20, allHeardMax);
    for (let pid = 1; pid <= 20; pid += 1) it.heard(pid, pid);
    it.setPeople(allHeardMax + 1);
    expect(it.choose(100)).toBe(true);
    expect(forwarded(it, 20)).toEqual([13, 14, 15, 16, 17, 18, 19, 20]);
  });

  test('people at the edge, do not switch the room to and fro', () => {
    const it = forwarding(3, allHeardMax + 1);
    it.setPeople(allHeardMax);
    expect(it.isChoosing).toBe(true);
    it.setPeople(allHeardAgain + 1);
    expect(it.isChoosing).toBe(true);
    it.setPeople(allHeardAgain);
    expect(it.isChoosing).toBe(false);
    it.choose(1);
    expect(forwarded(it, 3)).toHaveLength(3);
  });

  test('a newcomer, takes the place of who has been silent for longest, after the hold', () => {
    const it = forwarding(9, 30);
    for (let pid = 1; pid <= speakersMax; pid += 1) it.heard(pid, pid * 10);
    it.heard(9, 500);
    expect(it.choose(500)).toBe(false);
    expect(it.isForwarded(9)).toBe(false);
    const due = 10 + holdMs;
    it.heard(9, due);
    expect(it.choose(due)).toBe(true);
    expect(it.isForwarded(9)).toBe(true);
    expect(it.isForwarded(1)).toBe(false);
  });

  test('one that speaks on, keeps its place', () => {
    const it = forwarding(9, 30);
    for (let now = 0; now <= 20_000; now += 250) {
      for (let pid = 1; pid <= 9; pid += 1) it.heard(pid, now);
      it.choose(now);
    }
    expect(forwarded(it, 9)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('a priority speaker, comes in at once', () => {
    const it = forwarding(9, 30);
    for (let pid = 1; pid <= 9; pid += 1) it.heard(pid, 100);
    it.set(9, true);
    expect(it.choose(101)).toBe(true);
    expect(it.isForwarded(9)).toBe(true);
  });

  test('a speaker that leaves, gives its place to the next', () => {
    const it = forwarding(9, 30);
    it.heard(9, 5);
    expect(it.isForwarded(9)).toBe(false);
    it.delete(3);
    expect(it.choose(6)).toBe(true);
    expect(it.isForwarded(9)).toBe(true);
    expect(it.isForwarded(3)).toBe(false);
  });

  test('whatever happens, never more than 8 and none that was chosen or spoke within the hold goes out unasked', () => {
    const step = fc.record({
      pid: fc.integer({ min: 1, max: 30 }),
      what: fc.constantFrom('heard', 'heard', 'heard', 'set', 'delete'),
      afterMs: fc.integer({ min: 0, max: 900 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const it = new Forwarding();
        it.setPeople(100);
        const present = new Set<number>();
        const protectedUntil = new Map<number, number>();
        let now = 0;
        for (const { afterMs, pid, what } of steps) {
          now += afterMs;
          if (what === 'delete') {
            it.delete(pid);
            present.delete(pid);
            protectedUntil.delete(pid);
          } else if (what === 'set') {
            it.set(pid, false);
            present.add(pid);
          } else if (present.has(pid)) {
            it.heard(pid, now);
            if (it.isForwarded(pid)) protectedUntil.set(pid, now + holdMs);
          }
          const before = [...present].filter((one) => it.isForwarded(one));
          it.choose(now);
          const after = [...present].filter((one) => it.isForwarded(one));
          expect(after.length).toBe(Math.min(speakersMax, present.size));
          for (const one of before) {
            if (!after.includes(one)) expect(protectedUntil.get(one) ?? 0).toBeLessThanOrEqual(now);
          }
          for (const one of after) {
            if (!before.includes(one)) protectedUntil.set(one, now + holdMs);
          }
        }
      }),
    );
  });
});
