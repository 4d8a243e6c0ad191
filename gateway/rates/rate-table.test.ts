/** Tests of rate-table.ts, keyed-hash.ts and limits.ts: a simple model with a fake clock. */
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Rng } from '../../runtime/index.ts';
import { type HashHalves, KeyedHash } from './keyed-hash.ts';
import {
  CONNECTION_LIMITS,
  COUNT_LIMITS,
  type CountLimit,
  RATE_LIMITS,
  type RateLimit,
  scaled,
  TokenBucket,
  TRUSTED_FACTOR,
} from './limits.ts';
import { createRateTableBuffer, RateTable } from './rate-table.ts';

function seededRng(seed: number): Rng {
  let state = seed >>> 0;
  const u32 = (): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return state;
  };
  return { u32, bytes: (n: number) => Uint8Array.from({ length: n }, () => u32() & 255) };
}

function makeTable(options: { bucketSlots?: number; counterSlots?: number; factor?: number } = {}) {
  const clock = { ms: 1_763_000_000_000, monotonic: () => clock.ms };
  const buffer = createRateTableBuffer(seededRng(7), {
    bucketSlots: options.bucketSlots ?? 1024,
    counterSlots: options.counterSlots ?? 1024,
  });
  return { clock, buffer, table: new RateTable(buffer, { clock, factor: options.factor ?? 1 }) };
}

const LIMIT: RateLimit = { space: 1, name: 'test', ratePerS: 1, burst: 5 };

describe('RateTable buckets', () => {
  test('take: burst then refused with the exact wait, then one per interval', () => {
    const { clock, table } = makeTable();
    for (let i = 0; i < 5; i++) expect(table.take(LIMIT, 'a')).toBe(0);
    expect(table.take(LIMIT, 'a')).toBe(1000);
    clock.ms += 999;
    expect(table.take(LIMIT, 'a')).toBe(1);
    clock.ms += 1;
    expect(table.take(LIMIT, 'a')).toBe(0);
    expect(table.take(LIMIT, 'a')).toBe(1000);
    expect(table.stats().denied).toBe(3);
  });

  test('take: key, key type and key space are apart', () => {
    const { table } = makeTable();
    const other = { ...LIMIT, space: 2 };
    for (let i = 0; i < 5; i++) table.take(LIMIT, 1);
    expect(table.take(LIMIT, 1)).toBeGreaterThan(0);
    expect(table.take(LIMIT, '1')).toBe(0);
    expect(table.take(LIMIT, [1, 0])).toBe(0);
    expect(table.take(LIMIT, [0, 1])).toBe(0);
    expect(table.take(other, 1)).toBe(0);
    expect(table.take(LIMIT, 1 + 2 ** 32)).toBe(0);
  });

  test('take: two views of one buffer share buckets', () => {
    const { buffer, clock, table } = makeTable();
    const second = new RateTable(buffer, { clock });
    for (let i = 0; i < 5; i++) table.take(LIMIT, 'x');
    expect(second.take(LIMIT, 'x')).toBe(1000);
  });

  test('take: cost above the burst is a RangeError, and trusted multiplies rate and burst', () => {
    const { clock, table } = makeTable({ factor: TRUSTED_FACTOR });
    expect(() => table.take(LIMIT, 'a', 0)).toThrow(RangeError);
    expect(() => makeTable().table.take(LIMIT, 'a', 6)).toThrow(RangeError);
    for (let i = 0; i < 50_000; i++) expect(table.take(LIMIT, 'a')).toBe(0);
    expect(table.take(LIMIT, 'a')).toBe(1);
    clock.ms += 1;
    for (let i = 0; i < 10; i++) expect(table.take(LIMIT, 'a')).toBe(0);
    expect(table.take(LIMIT, 'a')).toBe(1);
  });

  test('take: across a multiple of 2^32 us, where both halves of a time change, exact waits', () => {
    const { clock, table } = makeTable();
    clock.ms = (2 ** 32 * 410_000) / 1000 - 2500;
    for (let i = 0; i < 5; i++) expect(table.take(LIMIT, 'a')).toBe(0);
    expect(table.take(LIMIT, 'a')).toBe(1000);
    expect(table.allowance(LIMIT, 'a')).toEqual({ limit: 5, remaining: 0, resetS: 5 });
    clock.ms += 2999;
    expect([table.take(LIMIT, 'a', 3), table.take(LIMIT, 'a', 2)]).toEqual([1, 0]);
    clock.ms += 1;
    expect(table.take(LIMIT, 'a')).toBe(0);
    expect(table.take(LIMIT, 'a')).toBe(1000);
  });

  test('take: the time as the caller has just read it', () => {
    const { clock, table } = makeTable();
    for (let i = 0; i < 5; i++) table.take(LIMIT, 'a');
    expect(table.take(LIMIT, 'a', 1, clock.ms + 999)).toBe(1);
    expect(table.take(LIMIT, 'a', 1, clock.ms + 1000)).toBe(0);
  });

  test('refusals: by this thread and limit, zero where nothing was refused', () => {
    const { buffer, clock, table } = makeTable();
    const other = new RateTable(buffer, { clock });
    for (let i = 0; i < 7; i++) table.take({ ...RATE_LIMITS.loginPerIp, burst: 5 }, 'key');
    table.noteRefusal(CONNECTION_LIMITS.frames);
    for (let i = 0; i < 2; i++) table.claim({ ...COUNT_LIMITS.unauthenticated, max: 1 }, 0);
    const refusals = table.refusals();
    expect(refusals).toMatchObject({ 'login-ip': 2, frames: 1, unauthenticated: 1, pings: 0 });
    expect(Object.values(other.refusals()).every((count) => count === 0)).toBe(true);
    const limits = [RATE_LIMITS, CONNECTION_LIMITS, COUNT_LIMITS].flatMap(Object.keys);
    expect(Object.keys(refusals)).toHaveLength(limits.length);
  });

  test('allowance: tells limit, remaining and reset without taking', () => {
    const { clock, table } = makeTable();
    expect(table.allowance(LIMIT, 'a')).toEqual({ limit: 5, remaining: 5, resetS: 0 });
    table.take(LIMIT, 'a', 3);
    expect(table.allowance(LIMIT, 'a')).toEqual({ limit: 5, remaining: 2, resetS: 3 });
    clock.ms += 1500;
    expect(table.allowance(LIMIT, 'a')).toEqual({ limit: 5, remaining: 3, resetS: 2 });
  });

  test('take: agrees with a map of exact buckets over random traffic', () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 40 }),
      cost: fc.integer({ min: 1, max: 5 }),
      advanceMs: fc.integer({ min: 0, max: 900 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { clock, table } = makeTable();
        const tat = new Map<number, number>();
        for (const { key, cost, advanceMs } of steps) {
          clock.ms += advanceMs;
          const next = Math.max(tat.get(key) ?? 0, clock.ms) + cost * 1000;
          const waitMs = Math.max(0, next - clock.ms - 5000);
          expect(table.take(LIMIT, key, cost)).toBe(waitMs);
          if (waitMs === 0) tat.set(key, next);
        }
        expect(table.stats().evicted).toBe(0);
      }),
    );
  });

  test('take: a full neighbourhood gives up the bucket that would be free soonest, and counts it', () => {
    const { clock, table } = makeTable({ bucketSlots: 32 });
    const slow: RateLimit = { space: 9, name: 'slow', ratePerS: 0.001, burst: 10 };
    for (let key = 0; key < 31; key++) expect(table.take(slow, key, 10)).toBe(0);
    expect(table.take(LIMIT, 'soon')).toBe(0);
    expect(table.stats().evicted).toBe(0);
    expect(table.take(LIMIT, 'newcomer', 5)).toBe(0);
    expect(table.stats().evicted).toBe(1);
    for (let key = 0; key < 31; key++) expect(table.take(slow, key)).toBeGreaterThan(0);
    clock.ms += 5001;
    expect(table.take(LIMIT, 'later')).toBe(0);
    expect(table.stats().evicted).toBe(1);
  });

  test('take: never admits more than burst + rate x time per key, whatever else happens', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 400 }), (keys) => {
        const { clock, table } = makeTable({ bucketSlots: 64 });
        const startMs = clock.ms;
        const admitted = new Map<number, number>();
        for (const key of keys) {
          clock.ms += 50;
          if (table.take(LIMIT, key) === 0) admitted.set(key, (admitted.get(key) ?? 0) + 1);
        }
        const most = 5 + (clock.ms - startMs) / 1000;
        for (const count of admitted.values()) expect(count).toBeLessThanOrEqual(most);
      }),
    );
  });
});

describe('RateTable counters', () => {
  const COUNT: CountLimit = { space: 70, name: 'c', max: 3 };

  test('claim and release: up to max, each release makes room, extra releases do nothing', () => {
    const { table } = makeTable();
    expect([1, 2, 3, 4].map(() => table.claim(COUNT, 'ip'))).toEqual([true, true, true, false]);
    table.release(COUNT, 'ip');
    expect(table.count(COUNT, 'ip')).toBe(2);
    expect(table.claim(COUNT, 'ip')).toBe(true);
    for (let i = 0; i < 10; i++) table.release(COUNT, 'ip');
    expect(table.count(COUNT, 'ip')).toBe(0);
    expect(table.stats().refusedClaims).toBe(1);
  });

  test('claim: agrees with a map of counts', () => {
    const step = fc.record({ key: fc.integer({ min: 0, max: 30 }), claim: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const { table } = makeTable();
        const model = new Map<number, number>();
        for (const { key, claim } of steps) {
          const count = model.get(key) ?? 0;
          if (claim) {
            expect(table.claim(COUNT, key)).toBe(count < 3);
            model.set(key, Math.min(3, count + 1));
          } else {
            table.release(COUNT, key);
            model.set(key, Math.max(0, count - 1));
          }
          expect(table.count(COUNT, key)).toBe(model.get(key));
        }
      }),
    );
  });

  test('claim: a full table admits without counting, and says so', () => {
    const { table } = makeTable({ counterSlots: 32 });
    for (let key = 0; key < 32; key++) expect(table.claim(COUNT, key)).toBe(true);
    expect(table.claim(COUNT, 99)).toBe(true);
    expect(table.stats().uncounted).toBe(1);
    table.release(COUNT, 99);
    for (let key = 0; key < 32; key++) expect(table.count(COUNT, key)).toBe(1);
  });
});

test('RateTable, four threads on one buffer: no token is given twice and counters return to zero', async () => {
  const buffer = createRateTableBuffer(seededRng(3), { bucketSlots: 256, counterSlots: 256 });
  const source = new URL('./rate-table.ts', import.meta.url).href;
  // The times of the buckets pass a multiple of 2^32 us.
  const nowMs = (2 ** 32 * 410_000) / 1000 - 500_000;
  const table = new RateTable(buffer, { clock: { monotonic: () => nowMs } });
  // The buckets are there before the threads race: while one is being inserted, another key may take
  // over its slot together with a token (see the head of rate-table.ts), which is no token given twice.
  const shared = { space: 1, name: 'shared', ratePerS: 1, burst: 1000 };
  for (let key = 0; key < 4; key++) expect(table.take(shared, key)).toBe(0);
  const script = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { RateTable } = await import(workerData.source);
    const table = new RateTable(workerData.buffer, { clock: { monotonic: () => workerData.nowMs } });
    const limit = workerData.shared;
    const count = { space: 70, name: 'c', max: 1000000 };
    let taken = 0;
    for (let i = 0; i < 2000; i++) {
      if (table.take(limit, i % 4) === 0) taken++;
      table.claim(count, i % 8);
      if (i % 3 === 0) table.take(limit, 'noise' + (i % 50));
      table.release(count, i % 8);
    }
    parentPort.postMessage(taken);`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
  const totals = await Promise.all(
    [0, 1, 2, 3].map(
      () =>
        new Promise<number>((resolve, reject) => {
          const worker = new Worker(url, { workerData: { source, buffer, nowMs, shared } });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  // 4 threads x 2000 attempts on 4 keys of 1000 tokens each, of which one is gone.
  expect(totals.reduce((a, b) => a + b, 0)).toBe(3996);
  for (let key = 0; key < 8; key++)
    expect(table.count({ space: 70, name: 'c', max: 9 }, key)).toBe(0);
});

test('createRateTableBuffer: sizes that are no power of two are a RangeError', () => {
  expect(() => createRateTableBuffer(seededRng(1), { bucketSlots: 1000 })).toThrow(RangeError);
  expect(() => createRateTableBuffer(seededRng(1), { counterSlots: 16 })).toThrow(RangeError);
});

test('KeyedHash: depends on seed, space and key; neighbours spread', () => {
  const out: HashHalves = { low: 0, high: 0 };
  const read = (hash: KeyedHash, space: number, key: number | string): string => {
    hash.into(out, space, key);
    return `${out.high}:${out.low}`;
  };
  const a = new KeyedHash(1, 2);
  expect(read(a, 1, 'k')).toBe(read(new KeyedHash(1, 2), 1, 'k'));
  expect(read(a, 1, 'k')).not.toBe(read(new KeyedHash(1, 3), 1, 'k'));
  const seen = new Set<string>();
  const cells = new Array<number>(64).fill(0);
  for (let i = 0; i < 6400; i++) {
    seen.add(read(a, 1, i));
    seen.add(read(a, 1, `u${i}`));
    a.into(out, 1, i);
    cells[out.low & 63] = (cells[out.low & 63] as number) + 1;
  }
  expect(seen.size).toBe(12_800);
  expect(Math.max(...cells)).toBeLessThan(170);
  expect(read(a, 1, 'ab')).not.toBe(read(a, 1, 'ab\0'));
});

test('TokenBucket: agrees with the definition, and a step back of time gives nothing', () => {
  const bucket = new TokenBucket(CONNECTION_LIMITS.frames, 0);
  for (let i = 0; i < 60; i++) expect(bucket.take(0)).toBe(0);
  expect(bucket.take(0)).toBe(50);
  expect(bucket.take(49)).toBe(1);
  expect(bucket.take(50)).toBe(0);
  expect(bucket.take(10)).toBe(50);
  expect(bucket.take(60)).toBe(0);
  const entries = new TokenBucket(scaled(CONNECTION_LIMITS.subEntries, 10), 0);
  expect(entries.take(0, 10_000)).toBe(0);
  expect(entries.take(0, 100)).toBe(100);
});

test('limits: key spaces are unique and the figures are those of protocol.md 2.13 and api.md', () => {
  const all = [RATE_LIMITS, CONNECTION_LIMITS, COUNT_LIMITS].flatMap((group) =>
    Object.values(group),
  );
  expect(new Set(all.map((limit) => limit.space)).size).toBe(all.length);
  const perWindow = (limit: RateLimit, windowS: number) => [limit.burst, limit.ratePerS * windowS];
  expect(perWindow(RATE_LIMITS.appendPerUserStream, 5)).toEqual([5, 5]);
  expect(perWindow(RATE_LIMITS.appendPerUser, 5)).toEqual([20, 20]);
  expect(perWindow(RATE_LIMITS.connectPerIp, 10)).toEqual([20, 20]);
  expect(perWindow(RATE_LIMITS.loginPerAccount, 900)).toEqual([10, 10]);
  expect(perWindow(RATE_LIMITS.loginPerIp, 900)).toEqual([30, 30]);
  expect(perWindow(RATE_LIMITS.registerPerIp, 3600)).toEqual([10, 10]);
  expect(perWindow(RATE_LIMITS.httpPerUser, 1)).toEqual([100, 50]);
  expect(COUNT_LIMITS.connectionsPerIp.max).toBe(200);
  expect(COUNT_LIMITS.unauthenticated.max).toBe(2000);
});
