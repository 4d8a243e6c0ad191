/** Registries with duplicate keys: several entries per key and owner, dispatch over partitions. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  exit,
  name,
  processInfo,
  type Ref,
  type Registry,
  type RegistryEntry,
  type Report,
  spawn,
  startRegistry,
  stop,
  whereis,
} from '../index.ts';
import { collectReports, Probe, type ProbeP, reasonOf } from './support.ts';

const CASES = [
  { partitions: 1, partitionBy: 'owner' },
  { partitions: 8, partitionBy: 'owner' },
  { partitions: 1, partitionBy: 'key' },
  { partitions: 8, partitionBy: 'key' },
] as const;

let topics: Registry<ProbeP, unknown>;
let reports: Report[];
const actor = (): Promise<Ref<ProbeP>> => spawn(Probe, {});
const values = (entries: readonly RegistryEntry<ProbeP, unknown>[]): unknown[] =>
  entries.map(({ value }) => value).sort();

describe.each(CASES)('duplicate, $partitions partitions by $partitionBy', (options) => {
  const { partitions, partitionBy } = options;
  beforeEach(async () => {
    reports = collectReports();
    topics = await startRegistry({ name: 'topics', keys: 'duplicate', ...options });
  });
  afterEach(async () => {
    const ref = whereis(name('topics'));
    if (ref !== undefined) await reasonOf(stop(ref, 'shutdown'));
  });

  test('R:has duplicate registrations: also of one owner', async () => {
    const a = await actor();
    for (const key of ['hello', 'hello', 'world']) {
      expect(topics.register(a, key, key)).toEqual({ ok: true });
    }
    expect(topics.keys(a)).toEqual(['hello', 'hello', 'world']);
    expect(topics.values('hello', a)).toEqual(['hello', 'hello']);
    expect([topics.count(), topics.lookup('hello').length]).toEqual([3, 2]);
  });

  test('R:has duplicate registrations across processes: each sees its own', async () => {
    const [a, b] = [await actor(), await actor()];
    topics.register(a, 'hello', 1);
    expect(topics.keys(b)).toEqual([]);
    topics.register(b, 'hello', 2);
    expect([topics.values('hello', a), topics.values('hello', b)]).toEqual([[1], [2]]);
    expect(values(topics.lookup('hello'))).toEqual([1, 2]);
  });

  test('R:unregisters by key: all entries of the caller for that key only', async () => {
    const [a, b] = [await actor(), await actor()];
    for (const key of ['hello', 'hello', 'world']) topics.register(a, key, 'a');
    topics.register(b, 'hello', 'b');
    topics.unregister(a, 'hello');
    expect([topics.keys(a), topics.keys(b)]).toEqual([['world'], ['hello']]);
    expect(values(topics.lookup('hello'))).toEqual(['b']);
    topics.unregister(a, 'nothing');
    expect(topics.count()).toBe(2);
  });

  test('R:links and unlinks on register/unregister', async () => {
    const a = await actor();
    const self = whereis(name('topics')) as Ref<unknown>;
    for (const key of ['hello', 'hello', 'world']) topics.register(a, key, 1);
    topics.unregister(a, 'hello');
    expect(processInfo(a)?.links).toEqual([self]);
    topics.unregister(a, 'world');
    expect(processInfo(a)?.links).toEqual([]);
  });

  test('R:clean up registry on process crash: all entries of the dead one, no others', async () => {
    const [a, b] = [await actor(), await actor()];
    for (let i = 0; i < 50; i++) topics.register(i % 2 === 0 ? a : b, `key ${i % 7}`, i);
    exit(a, 'kill');
    expect([topics.count(), topics.keys(a), topics.keys(b).length]).toEqual([25, [], 25]);
    expect(topics.select(({ ref }) => (ref === a ? ref : undefined))).toEqual([]);
    exit(b, 'kill');
    expect([topics.count(), topics.select((entry) => entry)]).toEqual([0, []]);
  });

  test('R:dispatches to multiple keys in serial: every entry once, in the caller', async () => {
    const actors = await Promise.all(Array.from({ length: 20 }, actor));
    for (const [i, ref] of actors.entries()) topics.register(ref, i % 2 === 0 ? 'even' : 'odd', i);
    const seen: number[] = [];
    let calls = 0;
    topics.dispatch('even', (entries) => {
      calls++;
      seen.push(...entries.map(({ value }) => value as number));
    });
    expect(seen.sort((x, y) => x - y)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    if (partitionBy === 'key' || partitions === 1) expect(calls).toBe(1);
    else expect(calls).toBeGreaterThan(1);
    expect(() =>
      topics.dispatch('odd', () => {
        throw new Error('dispatch failed');
      }),
    ).toThrow('dispatch failed');
    expect(topics.count()).toBe(20);
  });

  test('R:dispatches to multiple keys in parallel: every entry once, a throw in one is reported', async () => {
    const actors = await Promise.all(Array.from({ length: 20 }, actor));
    for (const [i, ref] of actors.entries()) topics.register(ref, 'all', i);
    const seen: number[] = [];
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let running = 0;
    const done = topics.dispatch(
      'all',
      async (entries) => {
        running++;
        await gate;
        seen.push(...entries.map(({ value }) => value as number));
        if (entries.some(({ value }) => value === 7)) throw new Error('dispatch failed');
      },
      { parallel: true },
    );
    open();
    expect(await reasonOf(done)).toMatchObject({ error: { message: 'dispatch failed' } });
    // Those beside the failing one ran to their end.
    expect(seen.sort((x, y) => x - y)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(reports.filter(({ kind }) => kind === 'crash')).toHaveLength(1);
    if (partitionBy === 'owner' && partitions === 8) expect(running).toBeGreaterThan(1);
    else expect(running).toBe(1);
    expect(topics.count()).toBe(20);
  });

  test('R:supports match patterns and guards, count_match, unregister_match', async () => {
    const a = await actor();
    for (const n of [1, 2, 3]) topics.register(a, 'hello', n);
    expect(values(topics.match('hello', (v) => (v as number) < 3))).toEqual([1, 2]);
    expect(topics.countMatch('hello', (v) => (v as number) > 1)).toBe(2);
    topics.unregisterMatch(a, 'hello', (v) => v === 2);
    expect(topics.values('hello', a)).toEqual([1, 3]);
  });

  test('R:select all, count_select', async () => {
    const [a, b] = [await actor(), await actor()];
    topics.register(a, 'hello', 1);
    topics.register(a, 'hello', 1);
    topics.register(b, 'world', 2);
    expect(topics.select(({ key }) => key)).toHaveLength(3);
    expect(topics.countSelect(({ key }) => key === 'hello')).toBe(2);
  });

  test('R:update_value is not supported; raises if attempt to be used on via', async () => {
    const a = await actor();
    topics.register(a, 'hello', 1);
    expect(() => topics.update(a, 'hello', (v) => v)).toThrow(TypeError);
    expect(() => topics.whereis('hello')).toThrow(TypeError);
    expect(() => topics.name('hello')).toThrow(/not with duplicate keys/);
    const named = { via: 'registry', of: '@topics', key: 'hello' } as const;
    await expect(spawn(Probe, {}, { name: named })).rejects.toThrow(/not with duplicate keys/);
  });
});
