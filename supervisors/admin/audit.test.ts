/** The audit log: chained, on the disk before the act, in the store afterwards, whatever the store does meanwhile. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type DocResult, type DocStore, memoryStore } from '../../channels/index.ts';
import { FakeClock } from '../../runtime/testkit/index.ts';
import type { Logger } from '../log.ts';
import { AuditLog } from './audit.ts';
import { auditArgs, brokenAt, type ChainedEntry } from './audit-chain.ts';
import { AuditSpill } from './audit-spill.ts';
import { createAdminCounters } from './counters.ts';
import { done, fail } from './define.ts';
import { ADMIN_LIMITS } from './limits.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftway-audit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const log = { warn: () => undefined, error: () => undefined } as unknown as Logger;
const ACT = { who: 'local', verb: 'kill', args: { id: 'n1/shard-0/stream/1' } };
let files = 0;

/** A store that can be made to refuse or to say nothing. */
class Store {
  mode: 'fine' | 'refuses' | 'silent' = 'fine';
  /** What a list has read is given out when this is over. */
  slowness: Promise<void> = Promise.resolve();
  readonly real = memoryStore({ rng: { u32: () => 1 } }).docs;

  readonly docs: DocStore = {
    get: (kind, keys) => this.#through(() => this.real.get(kind, keys)),
    find: (kind, unique) => this.real.find(kind, unique),
    list: (kind, prefix, after, limit) =>
      this.#through(async () => {
        const found = await this.real.list<never>(kind, prefix, after, limit);
        await this.slowness;
        return found;
      }),
    write: (batch): Promise<DocResult> =>
      this.mode === 'refuses'
        ? Promise.resolve({ ok: false, why: 'unavailable', retryMs: 1 })
        : this.#through(() => this.real.write(batch)),
  };

  #through<T>(act: () => Promise<T>): Promise<T> {
    return this.mode === 'silent' ? new Promise(() => undefined) : act();
  }

  async stored(): Promise<readonly ChainedEntry[]> {
    const found = await this.real.list<ChainedEntry>('adminAudit', '', undefined, 1000);
    return found.map(({ value }) => value);
  }
}

function setUp(store = new Store(), path = join(folder, `${++files}.jsonl`)) {
  const clock = new FakeClock();
  const counters = createAdminCounters();
  const open = () =>
    new AuditLog({ docs: store.docs, spill: new AuditSpill(path), counters, log, clock });
  return { store, path, clock, counters, open, audit: open() };
}

describe('AuditLog', () => {
  test('around: a record before the act and one after it, chained, in the store', async () => {
    const { audit, clock, path, store } = setUp();
    let seen = '';
    const result = await audit.around(ACT, async () => {
      seen = readFileSync(path, 'utf8');
      return done(5);
    });
    expect(result).toEqual(done(5));
    expect(JSON.parse(seen)).toMatchObject({ n: 1, verb: 'kill', phase: 'began' });
    await clock.advance(0);
    const entries = await store.stored();
    expect(entries.map(({ phase, outcome }) => [phase, outcome])).toEqual([
      ['began', ''],
      ['done', 'ok'],
    ]);
    expect(brokenAt(entries)).toBeUndefined();
    expect(entries[0]?.prev).toBe('0'.repeat(64));
  });

  test('around: an act that fails, is recorded with its code', async () => {
    const { audit, clock, store } = setUp();
    await audit.around(ACT, async () => fail('not_found', 'no such actor'));
    await clock.advance(0);
    expect((await store.stored())[1]).toMatchObject({
      phase: 'failed',
      outcome: 'not_found: no such actor',
    });
  });

  test('around: nothing can be written, the act does not happen', async () => {
    const { counters, open } = setUp(new Store(), join(folder, 'no-such-folder', 'x.jsonl'));
    let isDone = false;
    const result = await open().around(ACT, async () => {
      isDone = true;
      return done(null);
    });
    expect(result).toMatchObject({ ok: false, code: 'not_available' });
    expect(isDone).toBe(false);
    expect(counters.auditFailed).toBe(1);
  });

  test.each(['refuses', 'silent'] as const)(
    'around: a store that %s, the act happens and its records follow when the store is back',
    async (mode) => {
      const { audit, clock, counters, store } = setUp();
      await audit.around(ACT, async () => done(1));
      await clock.advance(0);
      store.mode = mode;
      await audit.around(ACT, async () => done(2));
      await clock.advance(ADMIN_LIMITS.auditWaitMs);
      expect(await store.stored()).toHaveLength(2);
      expect(counters.auditSpilled).toBeGreaterThan(0);
      store.mode = 'fine';
      await clock.advance(3 * ADMIN_LIMITS.auditWaitMs);
      const entries = await store.stored();
      expect(entries.map(({ n }) => n)).toEqual([1, 2, 3, 4]);
      expect(brokenAt(entries)).toBeUndefined();
    },
  );

  test('a crash before the store had it: the next life goes on from the file', async () => {
    const { audit, clock, open, path, store } = setUp();
    await audit.around(ACT, async () => done(1));
    await clock.advance(0);
    store.mode = 'refuses';
    await audit.record(ACT, 'began', '');
    appendFileSync(path, '{"n":4,"at":1,"cut sho');
    store.mode = 'fine';
    const next = open();
    await next.record(ACT, 'done', 'ok');
    await clock.advance(ADMIN_LIMITS.auditWaitMs);
    const entries = await store.stored();
    expect(entries.map(({ n }) => n)).toEqual([1, 2, 3, 4]);
    expect(brokenAt(entries)).toBeUndefined();
  });

  test('a store that is silent at the start, the chain goes on from the file all the same', async () => {
    const { audit, clock, open, store } = setUp();
    await audit.around(ACT, async () => done(1));
    await clock.advance(0);
    store.mode = 'silent';
    const next = open();
    const recorded = next.record(ACT, 'began', '');
    await clock.advance(ADMIN_LIMITS.auditWaitMs);
    expect(await recorded).toBe(true);
    store.mode = 'fine';
    await clock.advance(3 * ADMIN_LIMITS.auditWaitMs);
    const entries = await store.stored();
    expect(entries.map(({ n }) => n)).toEqual([1, 2, 3]);
    expect(brokenAt(entries)).toBeUndefined();
  });

  test('a file that is gone and a store that was silent, the entries are chained anew', async () => {
    const { audit, clock, open, path, store } = setUp();
    await audit.around(ACT, async () => done(1));
    await clock.advance(0);
    rmSync(path);
    store.mode = 'silent';
    const next = open();
    const recorded = next.record(ACT, 'began', '');
    await clock.advance(ADMIN_LIMITS.auditWaitMs);
    expect(await recorded).toBe(true);
    store.mode = 'fine';
    await clock.advance(3 * ADMIN_LIMITS.auditWaitMs);
    const entries = await store.stored();
    expect(entries.map(({ n }) => n)).toEqual([1, 2, 3]);
    expect(brokenAt(entries)).toBeUndefined();
  });

  test('a store that stays away, the bound is kept by refusing acts', async () => {
    const { audit, counters, store } = setUp();
    await audit.record(ACT, 'began', '');
    store.mode = 'refuses';
    const recorded: boolean[] = [];
    for (let i = 0; i < ADMIN_LIMITS.auditWaiting + 1; i += 1) {
      recorded.push(await audit.record(ACT, 'began', ''));
    }
    expect(recorded.at(-1)).toBe(false);
    expect(counters.auditFailed).toBeGreaterThan(0);
  }, 30_000);

  test('list and newest: what waits for the store is there too', async () => {
    const { audit, clock, store } = setUp();
    for (let i = 0; i < 3; i += 1) await audit.record(ACT, 'began', '');
    await clock.advance(0);
    const asked = audit.list(1, 10);
    expect((await asked).map(({ n }) => n)).toEqual([2, 3]);
    store.mode = 'refuses';
    await audit.record(ACT, 'began', '');
    expect((await audit.list(2, 10)).map(({ n }) => n)).toEqual([3, 4]);
    expect(await audit.newest()).toBe(4);
  });
});

test('AuditLog.list: an entry that moves to the store during the read, is there', async () => {
  const { audit, clock, store } = setUp();
  await audit.record(ACT, 'began', '');
  await clock.advance(0);
  store.mode = 'refuses';
  await audit.record(ACT, 'done', 'ok');
  const gate = Promise.withResolvers<void>();
  store.slowness = gate.promise;
  const asked = audit.list(0, 10);
  await clock.advance(0);
  store.mode = 'fine';
  await clock.advance(3 * ADMIN_LIMITS.auditWaitMs);
  gate.resolve();
  expect((await asked).map(({ n }) => n)).toEqual([1, 2]);
});

describe('brokenAt', () => {
  async function chain(): Promise<ChainedEntry[]> {
    const { audit } = setUp();
    const entries: ChainedEntry[] = [];
    audit.listen((entry) => entries.push(entry));
    for (let i = 0; i < 5; i += 1) await audit.record(ACT, 'began', String(i));
    return entries;
  }

  test('a chain as written: nothing is broken, from any entry on', async () => {
    const entries = await chain();
    expect(brokenAt(entries)).toBeUndefined();
    expect(brokenAt(entries.slice(2))).toBeUndefined();
  });

  test.each<[string, (entries: ChainedEntry[]) => void, number]>([
    ['changed', (e) => e.splice(2, 1, { ...(e[2] as ChainedEntry), who: 'nobody' }), 3],
    ['missing', (e) => e.splice(2, 1), 4],
    ['twice', (e) => e.splice(2, 0, e[2] as ChainedEntry), 3],
    ['swapped', (e) => e.splice(1, 2, e[2] as ChainedEntry, e[1] as ChainedEntry), 3],
  ])('an entry that is %s: found', async (_what, spoil, n) => {
    const entries = await chain();
    spoil(entries);
    expect(brokenAt(entries)).toBe(n);
  });
});

describe('auditArgs', () => {
  test('secrets: hidden at any depth', () => {
    const args = { id: 'x', password: 'p', deep: { accessToken: 't', list: [{ secret: 's' }] } };
    expect(JSON.stringify(auditArgs(args))).toBe(
      '{"id":"x","password":"[hidden]","deep":{"accessToken":"[hidden]","list":[{"secret":"[hidden]"}]}}',
    );
  });

  test('long, deep and wide: cut', () => {
    const deep = { a: { b: { c: { d: { e: 1 } } } } };
    expect(JSON.stringify(auditArgs(deep))).toBe('{"a":{"b":{"c":{"d":"..."}}}}');
    expect(String(auditArgs('x'.repeat(10_000))).length).toBeLessThan(300);
    expect(auditArgs(new Array(1000).fill(1))).toHaveLength(32);
  });
});
