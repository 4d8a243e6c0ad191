/** LogWriter, LogReader and connectStore on one thread: contract suites, groups, bounds, faults, restarts. */
import { afterEach, describe, expect, test } from 'vitest';
import {
  call,
  cast,
  configureRuntime,
  name,
  type Ref,
  spawn,
  stop,
  systemClock,
} from '../../runtime/index.ts';
import type { CommitResult, Store } from '../types.ts';
import { channelLogContract } from './channel-log.contract.ts';
import { channelLogReadsContract } from './channel-log-reads.contract.ts';
import { CommitQueue } from './commit-queue.ts';
import { connectStore } from './connect.ts';
import { docStoreContract } from './doc-store.contract.ts';
import { nodeSqliteDriver } from './driver.ts';
import { LogReader, type LogReaderP } from './log-reader.ts';
import { LogWriter, type LogWriterOptions, type LogWriterP } from './log-writer.ts';
import { SqliteReader } from './reader.ts';
import { FaultSwitch, faultDriver, SQLITE_FULL } from './test/fault-driver.ts';
import { countingRng, freshPath, messagesCommit } from './test/fixtures.ts';
import type { StoreHarness } from './test/harness.ts';
import type { Outcome } from './types.ts';
import { SqliteWriter } from './writer.ts';

// One test crashes a writer on purpose.
configureRuntime({ report: () => undefined });

const WRITER = name<LogWriterP>('log-writer');
const READERS = [name<LogReaderP>('log-reader-0'), name<LogReaderP>('log-reader-1')];

interface Running {
  readonly store: Store;
  readonly writer: Ref<LogWriterP>;
  readonly readers: readonly Ref<LogReaderP>[];
  stop(): Promise<void>;
}

const running = new Set<() => Promise<void>>();
afterEach(async () => {
  for (const stopAll of running) await stopAll();
});

async function start(path: string, options: Partial<LogWriterOptions> = {}): Promise<Running> {
  const all = { path, clock: systemClock, rng: countingRng(), ...options };
  const writer = await spawn(LogWriter, all, { name: WRITER });
  const readers = await Promise.all(
    READERS.map((one) => spawn(LogReader, { path }, { name: one })),
  );
  const store = connectStore({ writer: WRITER, readers: READERS });
  const stopAll = async (): Promise<void> => {
    running.delete(stopAll);
    await store.close();
    await Promise.all([writer, ...readers].map((ref) => stop(ref, 'shutdown').catch(() => null)));
  };
  running.add(stopAll);
  return { store, writer, readers, stop: stopAll };
}

/** Contract harness: closing the store also stops its actors. */
function harness(): StoreHarness {
  const path = freshPath();
  const open = async (): Promise<Store> => {
    const { store, stop: stopAll } = await start(path);
    return { log: store.log, docs: store.docs, close: stopAll };
  };
  return { open, reopen: open };
}

describe('ChannelLog by actors', () => {
  channelLogContract(harness);
  channelLogReadsContract(harness);
});
describe('DocStore by actors', () => docStoreContract(harness));

describe('LogWriter', () => {
  test('write: 40 streams with 25 commits in flight, few transactions and chores afterwards', async () => {
    const { store, writer } = await start(freshPath());
    const streams = await Promise.all(Array.from({ length: 40 }, (_, i) => store.log.open(1 + i)));
    await Promise.all(
      streams.flatMap((stream) =>
        Array.from({ length: 25 }, (_, n) => store.log.commit(messagesCommit(stream, n, 1))),
      ),
    );
    const stats = await call(writer, 'stats');
    expect(stats).toMatchObject({ events: 1_000, waiting: 0, waitingBytes: 0, refused: 0 });
    expect(stats.groups).toBeLessThan(60);
    await store.log.drop(1);
    // Each chore is one message to itself, queued before the next look.
    for (let swept = 0; swept < 25; swept = (await call(writer, 'stats')).sweptRows);
  });

  test('write: queue full, unavailable at once and the rest is written', async () => {
    const limits = { queueChangesMax: 10, groupChangesMax: 1_000 };
    const { store, writer } = await start(freshPath(), limits);
    const opened = await store.log.open(1);
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, n) => store.log.commit(messagesCommit(opened, n, 1))),
    );
    const why = results.map((result: CommitResult) => (result.ok ? 'ok' : result.why));
    expect(why).toEqual([...Array(10).fill('ok'), ...Array(20).fill('unavailable')]);
    expect((await call(writer, 'stats')).refused).toBe(20);
    expect(await store.log.commit(messagesCommit(opened, 10, 1))).toEqual({ ok: true, head: 11 });
  });

  test('write: group larger than its caps, several transactions in order', async () => {
    const { store } = await start(freshPath(), { groupChangesMax: 3 });
    const opened = await store.log.open(1);
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) => store.log.commit(messagesCommit(opened, n, 1))),
    );
    expect(results).toEqual(results.map((_, n) => ({ ok: true, head: n + 1 })));
  });

  test('terminate: with changes gathered, they are written and answered, then the file is closed', () => {
    const path = freshPath();
    const writer = new SqliteWriter({ path, clock: systemClock, rng: countingRng() });
    const queue = new CommitQueue((group) => writer.run(group), { groupChangesMax: 1 });
    const answers: Outcome['status'][] = [];
    for (const sid of [1, 2, 3]) {
      queue.push({ op: 'open', sid }, ({ status }) => answers.push(status));
    }
    void LogWriter.terminate?.(
      { writer, queue, group: { tookMs: 0, changes: 0 }, flushing: true },
      'shutdown',
      undefined as never,
    );
    expect(answers).toEqual(['done', 'done', 'done']);
    const reader = new SqliteReader({ path });
    expect(reader.heads([1, 2, 3])).toHaveLength(3);
    reader.close();
    expect(() => writer.run([])).toThrow('closed');
  });

  test('disk full, unavailable with retry; reads go on; on again when there is room', async () => {
    const faults = new FaultSwitch();
    const driver = faultDriver(nodeSqliteDriver, faults);
    const { store } = await start(freshPath(), { driver, reopenMs: 1 });
    const opened = await store.log.open(1);
    await store.log.commit(messagesCommit(opened, 0, 2));
    faults.set('commit', SQLITE_FULL);
    const result = await store.log.commit(messagesCommit(opened, 2, 1));
    expect(result).toEqual({ ok: false, why: 'unavailable', retryMs: expect.any(Number) });
    expect(
      await store.docs.write([{ kind: 'k', key: 'a', expect: 'any', value: 1 }]),
    ).toMatchObject({ ok: false, why: 'unavailable' });
    const unavailable = { code: 'DRIFT_CHANNELS_STORE_UNAVAILABLE' };
    await expect(store.log.open(2)).rejects.toMatchObject(unavailable);
    expect(await store.log.replay(1, 0, 10, 1e6)).toHaveLength(2);
    faults.clear();
    let again = result;
    while (!again.ok) again = await store.log.commit(messagesCommit(opened, 2, 1));
    expect(again).toEqual({ ok: true, head: 3 });
  });

  test('COMMIT that lies, the commit rejects as unknown and the log shows it', async () => {
    const faults = new FaultSwitch();
    const driver = faultDriver(nodeSqliteDriver, faults);
    const { store } = await start(freshPath(), { driver });
    const opened = await store.log.open(1);
    faults.set('committed', 10, 1);
    const unknown = { code: 'DRIFT_CHANNELS_STORE_UNKNOWN' };
    await expect(store.log.commit(messagesCommit(opened, 0, 1))).rejects.toMatchObject(unknown);
    expect((await store.log.heads([1]))[0]?.head).toBe(1);
  });
});

describe('connectStore', () => {
  test('write: no writer, unavailable since nobody saw it', async () => {
    const store = connectStore({ writer: name('nobody'), readers: READERS });
    const commit = messagesCommit({ sid: 1, fence: 1 }, 0, 1);
    expect(await store.log.commit(commit)).toMatchObject({ ok: false, why: 'unavailable' });
  });

  test('write: writer dies with the change in hand, rejects as unknown', async () => {
    const { store, writer } = await start(freshPath());
    const opened = await store.log.open(1);
    const commit = store.log.commit(messagesCommit(opened, 0, 1));
    // An op that it does not know is a bug, so it crashes; terminate still writes what was gathered.
    cast(writer as unknown as Ref<{ nonsense(): void }>, 'nonsense');
    const outcome = await commit.catch((error: { code: string }) => error.code);
    expect(['DRIFT_CHANNELS_STORE_UNKNOWN', { ok: true, head: 1 }]).toContainEqual(outcome);
  });

  test('read: one reader gone, the other answers; both gone, rejects as unavailable', async () => {
    const { store, readers } = await start(freshPath());
    await store.log.open(1);
    await stop(readers[0]!);
    expect(await Promise.all([1, 1, 1].map((sid) => store.log.heads([sid])))).toHaveLength(3);
    await stop(readers[1]!);
    const unavailable = { code: 'DRIFT_CHANNELS_STORE_UNAVAILABLE' };
    await expect(store.log.heads([1])).rejects.toMatchObject(unavailable);
  });

  test('connectStore: no readers, RangeError', () => {
    expect(() => connectStore({ writer: WRITER, readers: [] })).toThrow(RangeError);
  });
});
