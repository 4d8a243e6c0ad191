/** The store on threads of its own: contract suites, a full disk, the death of its threads. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { at, call, configureRuntime, type NodeHandle, startNode } from '../../runtime/index.ts';
import type { CommitResult, OpenedLog, Store } from '../types.ts';
import { LOG_READER, LOG_WRITER } from './boot.ts';
import { channelLogContract } from './channel-log.contract.ts';
import { channelLogReadsContract } from './channel-log-reads.contract.ts';
import { connectStore } from './connect.ts';
import { docStoreContract } from './doc-store.contract.ts';
import type { LogReaderP } from './log-reader.ts';
import type { LogWriterP } from './log-writer.ts';
import { FaultSwitch, SQLITE_FULL } from './test/fault-driver.ts';
import { freshPath, messagesCommit } from './test/fixtures.ts';
import type { StoreHarness } from './test/harness.ts';
import { type FixtureArg, fixtureAt } from './test/store-slot.ts';

const MODULE = new URL('./test/store-slot.ts', import.meta.url);
const READERS = ['reader-0', 'reader-1'];
const ALL = ['store', ...READERS];

const faults = new FaultSwitch();
let node: NodeHandle;

// Threads are terminated here on purpose.
configureRuntime({ report: () => undefined });

async function startThreads(path?: string): Promise<NodeHandle> {
  return startNode({
    slots: ALL.map((name) => {
      const role = name === 'store' ? 'store' : 'reader';
      const arg: FixtureArg = { role, faults: faults.buffer, ...(path !== undefined && { path }) };
      return { name, group: role, module: MODULE, arg, onDown: 'restart' as const };
    }),
    restart: { intensity: 20, period: 5 },
    watchdog: false,
    report: () => undefined,
  });
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function connect(): Store {
  return connectStore({
    writer: at<LogWriterP>('store', LOG_WRITER),
    readers: READERS.map((slot) => at<LogReaderP>(slot, LOG_READER)),
  });
}

function harness(): StoreHarness {
  const path = freshPath();
  const open = async (): Promise<Store> => {
    for (const slot of ALL) await call(fixtureAt(slot), 'start', path);
    const store = connect();
    const close = async (): Promise<void> => {
      await store.close();
      for (const slot of ALL) await call(fixtureAt(slot), 'stop');
    };
    return { log: store.log, docs: store.docs, close };
  };
  return { open, reopen: open };
}

describe('on threads', () => {
  beforeAll(async () => {
    node = await startThreads();
  });
  afterAll(() => node.stop());

  describe('ChannelLog', () => {
    channelLogContract(harness);
    channelLogReadsContract(harness);
  });
  describe('DocStore', () => docStoreContract(harness));

  test('disk full, unavailable and never ok; reads go on; on again when there is room', async () => {
    const store = await harness().open();
    const opened = await store.log.open(1);
    await store.log.commit(messagesCommit(opened, 0, 2));
    faults.set('commit', SQLITE_FULL);
    const results = await Promise.all(
      Array.from({ length: 20 }, () => store.log.commit(messagesCommit(opened, 2, 1))),
    );
    expect(results.every((one) => !one.ok && one.why === 'unavailable')).toBe(true);
    expect(await store.log.replay(1, 0, 10, 1e6)).toHaveLength(2);
    faults.clear();
    let result: CommitResult = results[0]!;
    while (!result.ok) {
      await turn();
      result = await store.log.commit(messagesCommit(opened, 2, 1));
    }
    expect(result).toEqual({ ok: true, head: 3 });
    await store.close();
  });
});

describe('threads that die', () => {
  beforeAll(async () => {
    node = await startThreads(freshPath());
  });
  afterAll(() => node.stop());

  /** Commits as an owner does, through every death, until the head is at least `until`. */
  async function keepCommitting(store: Store, sid: number, until: number): Promise<number[]> {
    const acknowledged: number[] = [];
    let opened: OpenedLog | undefined;
    let head = 0;
    while (head < until) {
      try {
        if (opened === undefined) {
          opened = await store.log.open(sid);
          head = opened.head;
        }
        const result = await store.log.commit(messagesCommit(opened, head, 1));
        if (result.ok) {
          head = result.head;
          acknowledged.push(head);
        } else {
          expect(result.why).toBe('unavailable');
        }
      } catch (error) {
        // Outcome unknown: open again and look.
        expect(error).toMatchObject({ name: 'StoreError' });
        opened = undefined;
      }
      // Failures that are known at once must not keep the event loop from running.
      await turn();
    }
    return acknowledged;
  }

  test('store thread terminated 3 times under load, heals and every acknowledged commit is there', async () => {
    const store = connect();
    const owners = [1, 2, 3, 4].map((sid) => keepCommitting(store, sid, 400));
    for (let death = 1; death <= 3; death += 1) {
      const [reached] = await store.log.heads([1]);
      const goal = (reached?.head ?? 0) + 20;
      while (((await store.log.heads([1]))[0]?.head ?? 0) < Math.min(goal, 400));
      node.terminateSlot('store');
      while (node.slots().find(({ name }) => name === 'store')?.incarnation !== death + 1) {
        await turn();
      }
    }
    for (const [i, acknowledged] of (await Promise.all(owners)).entries()) {
      const seqs = (await store.log.replay(1 + i, 0, 1_000, 1e9)).map(({ seq }) => seq);
      expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, n) => n + 1));
      expect(new Set(acknowledged).size).toBe(acknowledged.length);
      expect(seqs.length).toBeGreaterThanOrEqual(acknowledged.at(-1) ?? 0);
    }
    await store.close();
  });

  test('reader thread terminated, the other one answers and it comes back', async () => {
    const store = connect();
    node.terminateSlot('reader-0');
    const reads = await Promise.all(Array.from({ length: 50 }, () => store.log.heads([1])));
    expect(reads.every(([head]) => head?.sid === 1)).toBe(true);
    const reader = at<LogReaderP>('reader-0', LOG_READER);
    let reply: unknown;
    while (reply === undefined) {
      await turn();
      reply = await call(reader, 'read', { op: 'heads', sids: [1] }).catch(() => undefined);
    }
    expect(reply).toMatchObject({ ok: true });
    await store.close();
  });
});
