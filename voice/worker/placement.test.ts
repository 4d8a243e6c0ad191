/** Where media goes: predictions, choices, relief. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  expectedPps,
  leastLoaded,
  loadOf,
  pickRelief,
  placeTransport,
  predictPps,
  RATED_PPS,
} from './placement.ts';

describe('predictPps', () => {
  test.each([
    ['a call of two, both count as talking', 2, 2, null, 200],
    ['ten who were not measured, three talk', 10, 90, null, 1500],
    ['ten of whom one and a half talk', 10, 90, 1.5, 750],
    ['a stage of one and 500', 1, 500, null, 25_050],
    ['a room where nobody talked lately, one may begin', 10, 90, 0, 500],
    ['nobody who sends', 0, 0, null, 0],
  ] as const)('predictPps: %s', (_what, producers, consumers, talkers, pps) => {
    expect(predictPps({ producers, consumers, talkers })).toBe(pps);
  });

  test('expectedPps: one more person, never less than before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), (people) => {
        expect(expectedPps(people + 1)).toBeGreaterThan(expectedPps(people));
      }),
    );
  });
});

const worker = (predictedPps: number, cpu = 0) => ({ predictedPps, cpu });

describe('choices', () => {
  test('loadOf: a worker that uses more than was predicted, counts by what it uses', () => {
    expect(loadOf(worker(10_000, 0.6))).toBe(1);
    expect(loadOf(worker(RATED_PPS, 0.1))).toBe(1);
  });

  test('leastLoaded: workers of any load, never one that is fuller than another', () => {
    const load = fc.record({
      predictedPps: fc.integer({ min: 0, max: 200_000 }),
      cpu: fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100),
    });
    fc.assert(
      fc.property(fc.array(load, { minLength: 1, maxLength: 8 }), (workers) => {
        const best = leastLoaded(workers);
        expect(best).not.toBeNull();
        if (best !== null) expect(Math.min(...workers.map(loadOf))).toBe(loadOf(best));
      }),
    );
    expect(leastLoaded([])).toBeNull();
  });

  test('placeTransport: home until it is full, then the emptiest, if that gains a quarter', () => {
    const home = worker(RATED_PPS);
    const [close, far] = [worker(0.8 * RATED_PPS), worker(0.2 * RATED_PPS)];
    expect(placeTransport(worker(0.9 * RATED_PPS), [far])).not.toBe(far);
    expect(placeTransport(home, [close])).toBe(home);
    expect(placeTransport(home, [close, far])).toBe(far);
    expect(placeTransport(home, [])).toBe(home);
  });
});

describe('pickRelief', () => {
  const rooms = (...pps: number[]) => pps.map((predictedPps) => ({ predictedPps }));
  const full = { predictedPps: 1.5 * RATED_PPS, cpu: 0.8 };

  test('pickRelief: a full worker beside an empty one, gives away its largest room that fits', () => {
    const tenants = rooms(100_000, 30_000, 20_000);
    const picked = pickRelief([
      { ...full, tenants },
      { predictedPps: 0, cpu: 0, tenants: [] },
    ]);
    expect(picked).toBe(tenants[1]);
  });

  test.each([
    ['one room only', rooms(150_000), 0],
    ['no room that would not tip the scales', rooms(100_000, 90_000), 0],
    ['no other worker with room', rooms(50_000, 50_000, 50_000), 0.9 * RATED_PPS],
  ])('pickRelief: %s, gives nothing away', (_what, tenants, other) => {
    const workers = [
      { ...full, tenants },
      { predictedPps: other, cpu: 0, tenants: [] },
    ];
    expect(pickRelief(workers)).toBeNull();
  });
});
