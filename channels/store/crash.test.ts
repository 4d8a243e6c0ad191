/** The SQLite store under SIGKILL: what was acknowledged is there, nothing is torn, nothing is doubled. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { SqliteReader } from './reader.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { countingRng, freshPath, StillClock } from './test/fixtures.ts';
import { SqliteWriter } from './writer.ts';

const ROUNDS = 20;
const CHILD = new URL('./test/crash-child.ts', import.meta.url).pathname;

/** What the launcher gives to Node: without the cache each child strips the types again. */
const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--import',
  new URL('../../native/type-cache.mjs', import.meta.url).href,
];

const WORKER = new URL('./test/endless-writer.ts', import.meta.url);

type Ack = readonly [sid: number, head: number, nonce: string];

/** Runs the child until it has acknowledged `acks` commits, then kills it; returns all it acknowledged. */
async function killAfter(path: string, round: number, acks: number): Promise<Ack[]> {
  const child = spawn(process.execPath, [...NODE_FLAGS, decodeURI(CHILD), path, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const seen: Ack[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    seen.push(JSON.parse(line) as Ack);
    if (seen.length === acks) {
      child.kill('SIGKILL');
    }
  }
  expect(await exited).toEqual([null, 'SIGKILL']);
  return seen;
}

test('openSqliteStore: writer killed 20 times, every acknowledged commit whole and once', async () => {
  const path = freshPath();
  const random = countingRng(Number(process.env.VITEST_SEED ?? 20_261_121));
  const acknowledged: Ack[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    acknowledged.push(...(await killAfter(path, round, 1 + (random.u32() % 150))));
    const store = openSqliteStore({ path, clock: new StillClock(), rng: countingRng() });
    for (let sid = 1; sid <= 5; sid += 1) {
      const events = await store.log.replay(sid, 0, 10_000, 1e9);
      const [head] = await store.log.heads([sid]);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
      expect(head?.head ?? 0).toBe(events.length);
      const nonces = events.map(({ nonce }) => nonce);
      expect(new Set(nonces).size).toBe(nonces.length);
      for (const [index, nonce] of nonces.entries()) {
        const [of, n, i, size] = nonce.split('-').map(Number);
        // A torn commit would lack its last part, or its first.
        const expectNext = i! + 1 < size! ? `${of}-${n}-${i! + 1}-${size}` : undefined;
        if (expectNext !== undefined) expect(nonces[index + 1]).toBe(expectNext);
        if (i! > 0) expect(nonces[index - 1]).toBe(`${of}-${n}-${i! - 1}-${size}`);
      }
      for (const [, seq, nonce] of acknowledged.filter((ack) => ack[0] === sid)) {
        expect(nonces[seq - 1]).toBe(nonce);
      }
    }
    await store.close();
  }
  expect(acknowledged.length).toBeGreaterThan(ROUNDS);
}, 60_000);

test('SqliteWriter: thread terminated 10 times in mid-transaction, the next one writes at once', async () => {
  const path = freshPath();
  const random = countingRng(7);
  let head = 0;
  for (let round = 0; round < 10; round += 1) {
    const shared = new SharedArrayBuffer(4);
    const acknowledged = new Int32Array(shared);
    const worker = new Worker(WORKER, { workerData: { path, shared } });
    const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
    for (let left = 1 + (random.u32() % 20); left > 0; left -= 1) {
      const wait = Atomics.waitAsync(acknowledged, 0, Atomics.load(acknowledged, 0));
      await Promise.race([wait.value, failed]);
    }
    await worker.terminate();
    // No lock may be left behind: waiting for one would fail this writer.
    const options = { path, clock: new StillClock(), rng: countingRng(), busyTimeoutMs: 0 };
    const writer = new SqliteWriter(options);
    expect(writer.run([{ op: 'open', sid: 1 }])[0]).toMatchObject({ status: 'done' });
    writer.close();
    const reader = new SqliteReader({ path });
    const seqs = reader.replay(1, 0, 100_000, 1e9).map(({ seq }) => seq);
    reader.close();
    expect(seqs).toEqual(seqs.map((_, i) => i + 1));
    expect(seqs.length % 20).toBe(0);
    expect(seqs.length).toBeGreaterThanOrEqual(Atomics.load(acknowledged, 0));
    expect(seqs.length).toBeGreaterThan(head);
    head = seqs.length;
  }
}, 60_000);
