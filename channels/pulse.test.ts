/** Coalescing by periods. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pulse } from './pulse.ts';

class Rig {
  now = 0;
  readonly beats: number[] = [];
  left = 0;
  #timers: { readonly at: number; readonly run: () => void }[] = [];

  pulse(gatherMs: number): Pulse {
    return new Pulse({
      gatherMs,
      periodMs: 2000,
      timer: (ms, run) => this.#timers.push({ at: this.now + ms, run }),
      beat: () => {
        this.beats.push(this.now);
        this.left -= 1;
        return this.left > 0;
      },
    });
  }

  advance(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const due = this.#timers.filter((t) => t.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.splice(this.#timers.indexOf(due), 1);
      this.now = due.at;
      due.run();
    }
    this.now = until;
  }

  get armed(): number {
    return this.#timers.length;
  }
}

test('mark: the first beat after the gathering, what comes later with the next', () => {
  const rig = new Rig();
  const pulse = rig.pulse(100);
  pulse.mark();
  pulse.mark();
  rig.advance(150);
  expect(rig.beats).toEqual([100]);
  pulse.mark();
  expect(pulse.isDue).toBe(true);
  rig.advance(5000);
  expect(rig.beats).toEqual([100, 2100]);
  expect(rig.armed).toBe(0);
});

test('mark: gathering 0, the first beat at once', () => {
  const rig = new Rig();
  rig.pulse(0).mark();
  expect(rig.beats).toEqual([0]);
});

test('beat: something is left, it goes on by itself', () => {
  const rig = new Rig();
  rig.left = 3;
  rig.pulse(100).mark();
  rig.advance(60_000);
  expect(rig.beats).toEqual([100, 2100, 4100]);
});

test('mark: at any times, beats keep the period and every mark is followed by one', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 30 }), (pauses) => {
      const rig = new Rig();
      const pulse = rig.pulse(100);
      let lastMark = -1;
      for (const pause of pauses) {
        rig.advance(pause);
        pulse.mark();
        lastMark = rig.now;
      }
      rig.advance(10_000);
      for (const [i, at] of rig.beats.entries()) {
        if (i > 0) expect(at - (rig.beats[i - 1] ?? 0)).toBeGreaterThanOrEqual(2000);
      }
      if (lastMark >= 0) {
        const after = rig.beats.find((at) => at >= lastMark) ?? Number.POSITIVE_INFINITY;
        expect(after - lastMark).toBeLessThanOrEqual(2000);
      }
      expect(rig.armed).toBe(0);
    }),
  );
});
