/** When a user's presence is told: debounce of offline, collapse of changes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Shown, Status } from './types.ts';
import { PRESENCE_TIMES, UserPresence } from './user-presence.ts';

/** A presence that is looked at whenever it asks to be. */
class Rig {
  readonly presence = new UserPresence(PRESENCE_TIMES);
  readonly told: { readonly at: number; readonly shown: Shown }[] = [];
  now = 1000;
  #due = 0;

  look(): void {
    const { tell, at } = this.presence.step(this.now);
    if (tell !== undefined) this.told.push({ at: this.now, shown: tell });
    this.#due = at;
  }

  advance(ms: number): void {
    const until = this.now + ms;
    while (this.#due !== 0 && this.#due <= until) {
      this.now = Math.max(this.now, this.#due);
      this.look();
    }
    this.now = until;
  }

  connect(count: number): void {
    this.presence.connections(count, this.now);
    this.look();
  }

  choose(status: Status, activity: string | null = null): void {
    this.presence.choose({ status, activity });
    this.look();
  }

  get times(): readonly (readonly [number, Status])[] {
    return this.told.map(({ at, shown }) => [at - 1000, shown.status] as const);
  }
}

test('step: online at once, offline 10 s after the last connection ended', () => {
  const rig = new Rig();
  rig.connect(1);
  rig.advance(60_000);
  rig.connect(2);
  rig.connect(1);
  rig.connect(0);
  expect(rig.presence.isQuiet).toBe(false);
  rig.advance(9_999);
  expect(rig.times).toEqual([[0, 1]]);
  rig.advance(1);
  expect(rig.times).toEqual([
    [0, 1],
    [70_000, 0],
  ]);
  expect(rig.presence.isQuiet).toBe(true);
});

test('step: a connection within the 10 s, nobody sees it offline', () => {
  const rig = new Rig();
  rig.connect(1);
  rig.choose(3, 'work');
  rig.advance(10_000);
  rig.connect(0);
  rig.advance(9_000);
  rig.connect(1);
  rig.advance(60_000);
  expect(rig.times).toEqual([
    [0, 1],
    [5000, 3],
  ]);
});

test('step: changes within 5 s, one of them told; there and back, none', () => {
  const rig = new Rig();
  rig.connect(1);
  rig.advance(1000);
  rig.choose(2);
  rig.advance(1000);
  rig.choose(3);
  rig.advance(3000);
  expect(rig.times.slice(1)).toEqual([[5000, 3]]);
  rig.advance(1000);
  rig.choose(1);
  rig.advance(1000);
  rig.choose(3);
  rig.advance(20_000);
  expect(rig.times).toHaveLength(2);
});

test('choose: status 0 looks offline, and is forgotten when the user is gone', () => {
  const rig = new Rig();
  rig.connect(1);
  rig.choose(0, 'hidden');
  rig.advance(5000);
  expect(rig.told.at(-1)?.shown).toEqual({ status: 0, activity: null });
  rig.connect(0);
  rig.advance(10_000);
  rig.connect(1);
  expect(rig.told.at(-1)?.shown).toEqual({ status: 1, activity: null });
});

test('forget: what holds is told again; without a connection only after the 10 s', () => {
  const rig = new Rig();
  rig.presence.forget(rig.now);
  rig.look();
  rig.advance(9_999);
  expect(rig.told).toEqual([]);
  rig.advance(1);
  expect(rig.times).toEqual([[10_000, 0]]);
  const other = new Rig();
  other.presence.forget(other.now);
  other.connect(1);
  expect(other.times).toEqual([[0, 1]]);
});

const act = fc.oneof(
  fc.record({ op: fc.constant('connect' as const), count: fc.integer({ min: 0, max: 2 }) }),
  fc.record({ op: fc.constant('choose' as const), status: fc.constantFrom<Status>(0, 1, 2, 3) }),
  fc.record({ op: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 12_000 }) }),
);

test('step: any sequence, told at most each 5 s, never offline early, right in the end', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const rig = new Rig();
      let connected = false;
      let lostAt = 0;
      let hidden = false;
      for (const step of acts) {
        if (step.op === 'connect') {
          if (connected && step.count === 0) lostAt = rig.now;
          connected = step.count > 0;
          rig.connect(step.count);
        } else if (step.op === 'choose') {
          hidden ||= step.status === 0;
          rig.choose(step.status);
        } else {
          const before = rig.told.length;
          rig.advance(step.ms);
          for (const { at, shown } of rig.told.slice(before)) {
            if (shown.status > 0 || hidden) continue;
            expect(connected).toBe(false);
            expect(at).toBeGreaterThanOrEqual(lostAt + 10_000);
          }
        }
      }
      rig.advance(30_000);
      const seen = rig.told.at(-1)?.shown.status ?? 0;
      expect(seen === 0).toBe(!connected || rig.presence.told.status === 0);
      expect(seen).toBe(rig.presence.told.status);
      if (!connected) expect(rig.presence.isQuiet).toBe(true);
      for (const [i, { at }] of rig.told.entries()) {
        const before = rig.told[i - 1];
        if (before !== undefined) expect(at - before.at).toBeGreaterThanOrEqual(5000);
      }
    }),
  );
});
