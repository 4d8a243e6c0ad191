/** Copies of a database that is written to, and what makes a copy fit to be served. */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { NEWEST_SCHEMA, stampEpochs, verifyDatabase } from './restore.ts';
import { openSnapshot } from './snapshot.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { bytes, countingRng, freshPath, messagesCommit, StillClock } from './test/fixtures.ts';

const STREAMS = [1, 2, 3];

/** A store with three streams of 400 events, large enough for several steps of a copy. */
async function filled(path: string) {
  const store = openSqliteStore({ path, clock: new StillClock(), rng: countingRng() });
  const opened = await Promise.all(STREAMS.map((sid) => store.log.open(sid)));
  const content = 'x'.repeat(12_000);
  for (const one of opened) {
    await store.log.commit(messagesCommit(one, 0, 400, () => ({ frame: bytes(content) })));
  }
  return { store, opened };
}

const marked = (frame: Uint8Array, epoch: number): Uint8Array => bytes(`${frame.length}:${epoch}`);

describe('openSnapshot', () => {
  test('copyTo: commits during the copy, the copy is the moment of the pin and whole', async () => {
    const [path, to] = [freshPath(), freshPath()];
    const { store, opened } = await filled(path);
    const snapshot = openSnapshot(path);
    const shares: number[] = [];
    const later: Promise<unknown>[] = [];
    await snapshot.copyTo(to, {
      onProgress: (share) => {
        shares.push(share);
        const one = opened[0]!;
        later.push(store.log.commit(messagesCommit(one, 400 + later.length, 1)));
      },
    });
    await Promise.all(later);
    snapshot.close();
    expect(snapshot.facts).toMatchObject({ schema: NEWEST_SCHEMA, streams: 3, events: 1200 });
    expect(later.length).toBeGreaterThan(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(verifyDatabase(to)).toEqual([]);
    const copy = openSqliteStore({ path: to, clock: new StillClock(), rng: countingRng() });
    expect((await copy.log.heads(STREAMS)).map(({ head }) => head)).toEqual([400, 400, 400]);
    expect((await store.log.heads([1]))[0]?.head).toBe(400 + later.length);
    await Promise.all([copy.close(), store.close()]);
  });

  test('copyTo: aborted on the way, rejects with the reason', async () => {
    const path = freshPath();
    const { store } = await filled(path);
    const snapshot = openSnapshot(path);
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error('enough'));
    const copied = snapshot.copyTo(freshPath(), { onProgress, signal: stop.signal });
    await expect(copied).rejects.toThrow('enough');
    snapshot.close();
    await store.close();
  });
});

describe('stampEpochs', () => {
  test('every head has another epoch, every frame has that of its stream, nothing else changes', async () => {
    const path = freshPath();
    const { store, opened } = await filled(path);
    await store.log.drop(3);
    await store.close();
    const rng = countingRng(99);
    expect(stampEpochs({ path, rng, withEpoch: marked })).toEqual({ streams: 2, events: 800 });
    expect(existsSync(`${path}-wal`)).toBe(false);
    expect(verifyDatabase(path)).toEqual([]);
    const again = openSqliteStore({ path, clock: new StillClock(), rng: countingRng() });
    for (const { sid, epoch } of opened.slice(0, 2)) {
      const [head] = await again.log.heads([sid]);
      expect(head?.epoch).not.toBe(epoch);
      const events = await again.log.replay(sid, 0, 1000, 1e9);
      expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
      const text = `12000:${head?.epoch}`;
      expect(new Set(events.map(({ frame }) => Buffer.from(frame).toString()))).toEqual(
        new Set([text]),
      );
    }
    await again.close();
  });
});

describe('verifyDatabase', () => {
  test.each([
    ['DELETE FROM log WHERE sid = 2 AND seq = 200', 'not gapless'],
    ['UPDATE heads SET head_ts = 1 WHERE sid = 1', 'another time'],
    ["INSERT INTO tallies VALUES (1, 1, 'x', 2, 1)", 'count of reactions'],
    ["INSERT INTO docs VALUES ('k', 'a', 1, '{')", 'not JSON'],
    ["INSERT INTO uniques VALUES ('k', 'v', 'gone')", 'not there'],
  ])('after %s: names the fault', async (sql, fault) => {
    const path = freshPath();
    const { store } = await filled(path);
    await store.close();
    const database = new DatabaseSync(path);
    database.exec(sql);
    database.close();
    expect(verifyDatabase(path).join('\n')).toContain(fault);
  });
});
