/** Fairness, bounds and memory: the own cases of runtime.md 4 on one thread. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  call,
  cast,
  configureRuntime,
  counters,
  defineActor,
  exit,
  isAlive,
  type Overflow,
  processInfo,
  type Ref,
  type Report,
  spawn,
  stop,
  systemClock,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { collectReports, Probe, reasonOf } from './support.ts';

let reports: Report[];
beforeEach(() => {
  reports = collectReports();
});
afterEach(() => configureRuntime({ clock: systemClock }));

interface StormP {
  go(): void;
  count(): number;
}
/** Sends to itself for ever. */
const Storm = defineActor<StormP, { n: number }>({
  name: 'storm',
  init: () => ({ n: 0 }),
  handle: {
    go(s, _a, ctx) {
      s.n++;
      ctx.cast(ctx.self, 'go');
    },
    count: (s) => s.n,
  },
});

/** The event that these tests wait for: the event loop serves a timer. */
const timerFires = (): Promise<void> =>
  new Promise((resolve) => systemClock.setTimeout(resolve, 1));

describe('fairness', () => {
  test('a quiet actor is served within 64 messages of each flooded one', async () => {
    const order: number[] = [];
    const Loud = defineActor<{ m(n: number): void }, null>({
      init: () => null,
      handle: { m: (_s, n) => void order.push(n) },
    });
    const loud = await Promise.all([1, 2, 3].map(() => spawn(Loud, undefined)));
    const quiet = await spawn(Loud, undefined);
    for (const [i, ref] of loud.entries()) for (let n = 0; n < 5000; n++) cast(ref, 'm', i);
    cast(quiet, 'm', -1);
    await call(quiet, 'm', -2);
    expect(order.indexOf(-1)).toBeLessThanOrEqual(3 * 64);
    for (const ref of [...loud, quiet]) exit(ref, 'kill');
  });

  test('sockets and timers are served under a storm of actors that send to themselves', async () => {
    const storms = await Promise.all(Array.from({ length: 20 }, () => spawn(Storm, undefined)));
    for (const ref of storms) cast(ref, 'go');
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as { port: number }).port, '127.0.0.1');
    await once(client, 'connect');
    for (let i = 0; i < 20; i++) {
      client.write(`ping ${i}`);
      const [data] = (await once(client, 'data')) as [Buffer];
      expect(data.toString()).toBe(`ping ${i}`);
      await timerFires();
    }
    const counts = await Promise.all(storms.map((ref) => call(ref, 'count')));
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(processInfo(storms[0] as Ref<StormP>)?.mailboxLength).toBeLessThan(3);
    for (const ref of storms) exit(ref, 'kill');
    client.destroy();
    server.close();
  });

  test('actors that await each other in a circle do not starve the event loop', async () => {
    const a = await spawn(Probe, {});
    let turns = 0;
    let running = true;
    const loop = (async () => {
      while (running) await call(a, 'echo', turns);
    })();
    for (; turns < 5; turns++) await timerFires();
    running = false;
    await loop;
    expect(turns).toBe(5);
  });
});

describe('mailbox bounds', () => {
  const bounded = async (overflow: Overflow) => {
    const log: unknown[] = [];
    const Bounded = defineActor<
      { put(n: unknown): unknown; stuck(until: Promise<void>): void },
      null
    >({
      name: 'bounded',
      init: () => null,
      handle: {
        put: (_s, n) => void log.push(n),
        stuck: (_s, until) => until,
      },
      mailbox: { limit: 4, overflow },
    });
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const ref = await spawn(Bounded, undefined);
    cast(ref, 'stuck', gate);
    await settle();
    return { ref, log, open };
  };

  test('reject: the new one is refused, a call fails mailboxFull, reported at 1, 2, 4 ...', async () => {
    const { ref, log, open } = await bounded('reject');
    for (let n = 0; n < 10; n++) cast(ref, 'put', n);
    expect(await reasonOf(call(ref, 'put', 'call'))).toBe('mailboxFull');
    open();
    await settle();
    await call(ref, 'put', 'last');
    expect(log).toEqual([0, 1, 2, 3, 'last']);
    const full = reports.filter((r) => r.kind === 'mailboxFull');
    expect(full.map((r) => r.dropped)).toEqual([1, 2, 4]);
    expect(processInfo(ref)?.dropped).toBe(7);
  });

  test('dropNewest: the same in silence', async () => {
    const { ref, log, open } = await bounded('dropNewest');
    for (let n = 0; n < 10; n++) cast(ref, 'put', n);
    open();
    await settle();
    await call(ref, 'put', 'last');
    expect(log).toEqual([0, 1, 2, 3, 'last']);
    expect(reports).toEqual([]);
  });

  test('dropOldest: the oldest goes, its caller is told; signals are never dropped', async () => {
    const { ref, log, open } = await bounded('dropOldest');
    const first = reasonOf(call(ref, 'put', 'first'));
    for (let n = 0; n < 10; n++) cast(ref, 'put', n);
    expect(await first).toBe('mailboxFull');
    open();
    await settle();
    expect(log).toEqual([6, 7, 8, 9]);
    expect(counters().dropped).toBeGreaterThanOrEqual(7);
  });

  test('exit and down notices pass a full mailbox', async () => {
    const log: unknown[] = [];
    const Full = defineActor<
      { m(): void; watch(ref: Ref<unknown>): void; stuck(p: Promise<void>): void },
      null
    >({
      init: () => null,
      handle: {
        m() {},
        watch: (_s, ref, ctx) => void ctx.monitor(ref),
        stuck: (_s, until) => until,
      },
      onDown: () => void log.push('down'),
      mailbox: { limit: 1 },
    });
    const ref = await spawn(Full, undefined);
    const other = await spawn(Probe, {});
    await call(ref, 'watch', other);
    let open: () => void = () => {};
    cast(
      ref,
      'stuck',
      new Promise<void>((resolve) => {
        open = resolve;
      }),
    );
    await settle();
    for (let i = 0; i < 5; i++) cast(ref, 'm');
    exit(other, 'kill');
    open();
    await settle();
    expect(log).toEqual(['down']);
  });

  test('bad limit: RangeError that names it', () => {
    expect(() => defineActor({ ...Storm, mailbox: { limit: 0 } })).toThrow(/limit/);
  });
});

describe('memory', () => {
  test('300 000 actors started and ended leave the heap flat and nothing behind', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const log: unknown[] = [];
    const keeper = await spawn(Probe, { trap: true, log });
    const round = async (n: number): Promise<number> => {
      for (let i = 0; i < n; i++) {
        const ref = await spawn(Probe, {});
        if (i % 4 === 0) cast(keeper, 'link', ref);
        if (i % 4 === 1) cast(keeper, 'watch', ref);
        if (i % 4 === 2) cast(ref, 'log', i);
        if (i % 16 === 3) await call(ref, 'echo', i);
        exit(ref, 'kill');
        if (i % 1000 === 0) await settle();
      }
      await call(keeper, 'run', () => 0);
      log.length = 0;
      gc();
      return process.memoryUsage().heapUsed;
    };
    const before = counters().actors;
    const warm = await round(50_000);
    const after = await round(250_000);
    expect(counters().actors).toBe(before);
    expect(processInfo(keeper)).toMatchObject({ links: [], monitors: 0 });
    // 100 bytes left per actor would be 25 MB.
    expect(after - warm).toBeLessThan(5_000_000);
    await stop(keeper);
    expect(isAlive(keeper)).toBe(false);
  });
});
