/** The store as its threads boot it: start, crash of an actor, shutdown. */
import { afterEach, describe, expect, test } from 'vitest';
import {
  configureRuntime,
  exit,
  name,
  type Ref,
  type SupervisorP,
  stop,
  whereis,
} from '../../runtime/index.ts';
import type { Store } from '../types.ts';
import {
  bootReaderThread,
  bootStoreThread,
  LOG_READER,
  LOG_WRITER,
  type StoreThreadHooks,
} from './boot.ts';
import { CommitMeter } from './commit-meter.ts';
import { connectStore } from './connect.ts';
import type { LogReaderP } from './log-reader.ts';
import type { LogWriterP } from './log-writer.ts';
import { freshPath, messagesCommit } from './test/fixtures.ts';

// Actors are killed here on purpose.
configureRuntime({ report: () => undefined });

const writer = name<LogWriterP>(LOG_WRITER);
const reader = name<LogReaderP>(LOG_READER);
const supervisors: Ref<SupervisorP>[] = [];

afterEach(async () => {
  for (const ref of supervisors.splice(0).reverse()) await stop(ref, 'shutdown');
});

async function boot(path: string, hooks: StoreThreadHooks = {}): Promise<Store> {
  supervisors.push(await bootStoreThread({ path }, hooks));
  supervisors.push(await bootReaderThread({ path }));
  return connectStore({ writer, readers: [reader] });
}

/** Kills the actor behind a name and waits until its supervisor has started another one. */
async function killAndAwait(target: typeof writer | typeof reader): Promise<void> {
  const before = whereis<unknown>(target)!;
  exit(before, 'kill');
  while (whereis<unknown>(target) === undefined || whereis<unknown>(target) === before) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('bootStoreThread and bootReaderThread', () => {
  test('writer and reader killed in turn, started again and nothing acknowledged is lost', async () => {
    const store = await boot(freshPath());
    const opened = await store.log.open(1);
    expect(await store.log.commit(messagesCommit(opened, 0, 3))).toEqual({ ok: true, head: 3 });
    await killAndAwait(writer);
    expect(await store.log.commit(messagesCommit(opened, 3, 1))).toEqual({ ok: true, head: 4 });
    await killAndAwait(reader);
    expect(await store.log.replay(1, 0, 10, 1e6)).toHaveLength(4);
  });

  test('writer killed with commits in flight, each answered ok or rejected, and the log agrees', async () => {
    const store = await boot(freshPath());
    const streams = await Promise.all([1, 2, 3].map((sid) => store.log.open(sid)));
    const commits = streams.map((opened) => store.log.commit(messagesCommit(opened, 0, 2)));
    const killed = killAndAwait(writer);
    const results = await Promise.allSettled(commits);
    await killed;
    for (const [i, result] of results.entries()) {
      const [head] = await store.log.heads([i + 1]);
      if (result.status === 'fulfilled' && result.value.ok) expect(head?.head).toBe(2);
      if (result.status === 'fulfilled' && !result.value.ok) expect(head?.head).toBe(0);
    }
  });

  test('CommitMeter: groups before and after a kill of the writer, all are measured', async () => {
    const meter = new CommitMeter();
    const groups = (): number => meter.measures().commitS.counts.reduce((a, b) => a + b, 0);
    const store = await boot(freshPath(), { meter });
    const opened = await store.log.open(1);
    await store.log.commit(messagesCommit(opened, 0, 3));
    const before = groups();
    expect(before).toBeGreaterThanOrEqual(2);
    expect(meter.measures().writer).toMatchObject({ groups: before, healthy: true, waiting: 0 });
    await killAndAwait(writer);
    await store.log.commit(messagesCommit(opened, 3, 1));
    expect(groups()).toBe(before + 1);
    expect(meter.measures().changes.sum).toBeGreaterThanOrEqual(before + 1);
    expect(meter.measures().writer).toMatchObject({ groups: 1 });
  });

  test('store that cannot be opened, rejects', async () => {
    await expect(bootStoreThread({ path: '/dev/null/driftway.db' })).rejects.toThrow();
    await expect(bootReaderThread({ path: freshPath() })).rejects.toThrow();
  });
});
