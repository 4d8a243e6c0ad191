/** The agent of a thread: what it refuses, that each fault ends without anybody, and what an actor that lost messages does then. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeSqliteDriver } from '../../../channels/store/index.ts';
import {
  call,
  cast,
  child,
  configureRuntime,
  defineActor,
  type Name,
  name,
  startSupervisor,
  stop,
  systemClock,
  systemRng,
  whereis,
} from '../../../runtime/index.ts';
import { FakeClock, settle } from '../../../runtime/testkit/index.ts';
import { ThreadChaos } from './agent.ts';
import { EndWord } from './end-word.ts';
import { StoreFault } from './store-fault.ts';

interface TallyP {
  add(n: number): void;
  sum(): number;
}

const Tally = defineActor<TallyP, { sum: number }>({
  name: 'tally',
  init: () => ({ sum: 0 }),
  handle: {
    add: (state, n) => {
      state.sum += n;
    },
    sum: (state) => state.sum,
  },
});
const tally: Name<TallyP> = name('tally');

let clock: FakeClock;
let word: EndWord;
let chaos: ThreadChaos;
let supervisor: Awaited<ReturnType<typeof startSupervisor>>;
beforeEach(async () => {
  clock = new FakeClock();
  configureRuntime({ clock, report: () => {} });
  word = new EndWord(new SharedArrayBuffer(4));
  chaos = new ThreadChaos({ clock, rng: systemRng, word });
  supervisor = await startSupervisor({
    children: [child('tally', Tally, undefined, { name: tally, restart: 'permanent' })],
  });
});
afterEach(async () => {
  await stop(supervisor, 'shutdown');
  configureRuntime({ clock: systemClock });
});

const slow = { effect: 'mailbox', path: 'tally', delayMs: 400, share: 0 } as const;
const lossy = { effect: 'mailbox', path: 'tally', delayMs: 0, share: 1 } as const;

async function sum(): Promise<number> {
  const answer = call(tally, 'sum');
  await settle();
  return answer;
}

describe('ThreadChaos', () => {
  test('look: an actor, what keeps others alive, and nobody', async () => {
    expect(await chaos.look('tally')).toEqual({ ok: true, value: { actors: 1, connections: 0 } });
    const kept = await startSupervisor({ children: [] }, { name: name('kept') });
    expect(await chaos.look('kept')).toMatchObject({ ok: false, code: 'forbidden' });
    expect(await chaos.look('stream/4711')).toMatchObject({ ok: false, code: 'not_found' });
    await stop(kept, 'shutdown');
  });

  test('begin: a slow mailbox, is slow until its time is over, and one fault at a time', async () => {
    expect(chaos.begin(1, 1000, slow)).toMatchObject({ ok: true });
    expect(chaos.begin(2, 1000, slow)).toMatchObject({ ok: false, code: 'conflict' });
    cast(tally, 'add', 1);
    await settle();
    expect(chaos.state()).toMatchObject({ isActive: true, delayed: 1 });
    await clock.advance(1020);
    expect(chaos.state().isActive).toBe(false);
    expect(await sum()).toBe(1);
    expect(chaos.begin(2, 1000, slow)).toMatchObject({ ok: true });
    chaos.end(2);
  });

  test('begin: a mailbox that loses, ends with a new life of its actor', async () => {
    cast(tally, 'add', 1);
    await settle();
    const before = whereis(tally);
    chaos.begin(1, 1000, lossy);
    cast(tally, 'add', 1);
    await clock.advance(1020);
    expect(chaos.state()).toMatchObject({ isActive: false, dropped: 1 });
    expect(whereis(tally)).not.toBe(before);
    expect(await sum()).toBe(0);
  });

  test('end: a later run ends an earlier fault, an earlier one does not end a later', async () => {
    chaos.begin(5, 1000, slow);
    chaos.end(4);
    expect(chaos.state().isActive).toBe(true);
    chaos.end(5);
    expect(chaos.state().isActive).toBe(false);
  });

  test('begin: what is not of this thread, is refused', () => {
    expect(chaos.begin(1, 1000, { effect: 'freeze' })).toMatchObject({ code: 'not_available' });
    expect(chaos.begin(1, 1000, { effect: 'hold', to: 'shard-0' })).toMatchObject({
      code: 'not_found',
    });
    expect(chaos.begin(1, 1000, { ...slow, path: 'nobody' })).toMatchObject({ code: 'not_found' });
  });

  test('begin: a full disk where much of the database is free inside, is refused until little is', () => {
    const store = new StoreFault(clock, word);
    const own = new ThreadChaos({ clock, rng: systemRng, word, store });
    const database = nodeSqliteDriver.open(':memory:', { readOnly: false, busyTimeoutMs: 0 });
    database.exec('CREATE TABLE t (b BLOB)');
    database.exec('INSERT INTO t (b) VALUES (zeroblob(20 * 1024 * 1024))');
    database.exec('DELETE FROM t');
    store.follow(database);
    expect(own.begin(1, 1000, { effect: 'full' })).toMatchObject({
      code: 'not_available',
      message: expect.stringContaining('20 MiB'),
    });
    expect(own.state().isActive).toBe(false);
    database.exec('VACUUM');
    expect(own.begin(1, 1000, { effect: 'full' })).toMatchObject({ ok: true });
    expect(own.state().isActive).toBe(true);
    database.close();
  });

  test('begin: a stall, ends by the word on a thread that hears nothing', async () => {
    chaos.begin(1, 1e9, { effect: 'stall' });
    expect(chaos.state().isActive).toBe(true);
    word.endAll(1);
    await clock.advance(10);
    expect(chaos.state().isActive).toBe(false);
  });
});
