/** The timer wheel under a fake clock, against a sorted list. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock, TimerHandle } from '../clock.ts';
import { FakeClock } from '../testkit/index.ts';
import { Wheel, WheelNode } from './wheel.ts';

class Note extends WheelNode {
  readonly dueMs: number;
  readonly #fired: (note: Note) => void;
  constructor(dueMs: number, fired: (note: Note) => void) {
    super();
    this.dueMs = dueMs;
    this.#fired = fired;
  }
  fire(): void {
    this.#fired(this);
  }
}

describe('Wheel', () => {
  test('add, remove: any mix fires once, never early, at most a slot late', async () => {
    const step = fc.record({
      afterMs: fc.oneof(fc.nat(200), fc.nat(30_000)),
      removed: fc.boolean(),
      waitMs: fc.nat(50),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const clock = new FakeClock();
        const wheel = new Wheel(() => clock);
        const fired = new Set<Note>();
        const kept: Note[] = [];
        for (const { afterMs, removed, waitMs } of steps) {
          const now = clock.monotonic();
          const note = new Note(now + afterMs, (each) => {
            expect(fired.has(each)).toBe(false);
            expect(clock.monotonic()).toBeGreaterThanOrEqual(each.dueMs);
            expect(clock.monotonic()).toBeLessThanOrEqual(each.dueMs + 21);
            fired.add(each);
          });
          wheel.add(note, note.dueMs, now);
          if (removed) wheel.remove(note);
          else kept.push(note);
          await clock.advance(waitMs);
        }
        await clock.advance(31_000);
        expect(fired.size).toBe(kept.length);
        expect(wheel.count).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  test('fire: a node that removes or adds another is respected', async () => {
    const clock = new FakeClock();
    const wheel = new Wheel(() => clock);
    const log: string[] = [];
    const now = clock.monotonic();
    const second = new Note(now + 50, () => log.push('second'));
    const again = new Note(now + 70, () => log.push('again'));
    const first = new Note(now + 50, () => {
      log.push('first');
      wheel.remove(second);
      wheel.add(again, again.dueMs, clock.monotonic());
    });
    wheel.add(second, second.dueMs, now);
    wheel.add(first, first.dueMs, now);
    await clock.advance(100);
    expect(log.at(-1)).toBe('again');
    expect(log).toContain('first');
  });

  test('an empty wheel does not keep its thread alive; one with a node does', () => {
    let held = true;
    const handle: TimerHandle = {
      ref: () => {
        held = true;
      },
      unref: () => {
        held = false;
      },
    };
    const clock: Clock = {
      now: () => 0,
      monotonic: () => 0,
      setTimeout: () => handle,
      clearTimeout: () => {},
    };
    const wheel = new Wheel(() => clock);
    const note = new Note(100, () => {});
    wheel.add(note, 100, 0);
    expect(held).toBe(true);
    wheel.remove(note);
    expect(held).toBe(false);
    wheel.add(note, 200, 0);
    expect(held).toBe(true);
  });
});
