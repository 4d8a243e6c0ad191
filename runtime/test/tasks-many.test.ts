/** Several tasks: awaitMany, yieldMany, asyncStream. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  asyncStream,
  awaitMany,
  call,
  configureRuntime,
  counters,
  exit,
  isAlive,
  processInfo,
  type Ref,
  type StreamResult,
  spawn,
  systemClock,
  type Task,
  task,
  yieldMany,
} from '../index.ts';
import { type FakeClock, settle } from '../testkit/index.ts';
import { onFakeClock, Probe, type ProbeCtx, type ProbeP, reasonOf } from './support.ts';

let clock: FakeClock;
let actors: number;
beforeEach(() => {
  ({ clock } = onFakeClock());
  actors = counters().actors;
});
afterEach(() => configureRuntime({ clock: systemClock }));

/** Tasks whose ends the test decides: open[i] resolves the i-th. */
function gatedTasks(count: number): { tasks: Task<string>[]; open: ((value: string) => void)[] } {
  const open: ((value: string) => void)[] = [];
  const tasks = Array.from({ length: count }, (_, i) =>
    task(
      () =>
        new Promise<string>((resolve) => {
          open[i] = resolve;
        }),
    ),
  );
  return { tasks, open };
}
const kill = (tasks: readonly Task<unknown>[]): void => {
  for (const { ref } of tasks) exit(ref, 'kill');
};
const stopWith = (reason: 'normal' | { shutdown: string }): Task<never> =>
  task<never>((ctx) => ctx.stop(reason));
const foreign = async (): Promise<Task<unknown>> => {
  const owner = await spawn(Probe, {});
  return (await call(owner, 'run', () => task(() => new Promise(() => {})))) as Task<unknown>;
};
const ok = <T>(value: T): { ok: true; value: T } => ({ ok: true, value });

describe('awaitMany', () => {
  test('T:await_many/2 returns replies in input order ignoring response order', async () => {
    const { tasks, open } = gatedTasks(3);
    const all = awaitMany(tasks);
    await settle();
    for (const i of [1, 2, 0]) {
      open[i]?.(`value ${i}`);
      await settle();
    }
    expect(await all).toEqual(['value 0', 'value 1', 'value 2']);
    expect(await awaitMany([])).toEqual([]);
    expect(counters().actors).toBe(actors);
  });

  test('T:await_many/2 exits immediately when any task exits, crashes, throws', async () => {
    const failing: [() => Task<unknown>, unknown][] = [
      [() => stopWith('normal'), 'normal'],
      [() => stopWith({ shutdown: 'unknown' }), { shutdown: 'unknown' }],
      [
        () =>
          task(() => {
            throw new Error('oops');
          }),
        expect.objectContaining({ error: expect.objectContaining({ message: 'oops' }) }),
      ],
    ];
    for (const [fail, reason] of failing) {
      const { tasks } = gatedTasks(1);
      expect(await reasonOf(awaitMany<unknown>([...tasks, fail()]))).toEqual(reason);
      // The other one goes on, but nobody waits for it any more.
      expect(isAlive((tasks[0] as Task<string>).ref)).toBe(true);
      expect(await reasonOf((tasks[0] as Task<string>).await())).toBe('timeout');
      kill(tasks);
    }
  });

  test('T:await_many/2 exits on timeout', async () => {
    const { tasks, open } = gatedTasks(2);
    const outcome = reasonOf(awaitMany(tasks));
    await settle();
    open[0]?.('early');
    await clock.advance(5020);
    expect(await outcome).toBe('timeout');
    kill(tasks);
    const zero = gatedTasks(1).tasks;
    expect(await reasonOf(awaitMany(zero, 0))).toBe('timeout');
    kill(zero);
    await expect(awaitMany([], -1)).rejects.toThrow(RangeError);
  });

  test('T:await_many/2, yield_many/2 raises when invoked from a non-owner process', async () => {
    const { tasks, open } = gatedTasks(1);
    const bad = await foreign();
    await expect(awaitMany<unknown>([...tasks, bad])).rejects.toThrow(/must be asked by its owner/);
    await expect(yieldMany<unknown>([...tasks, bad])).rejects.toThrow(/must be asked by its owner/);
    open[0]?.('kept');
    expect(await awaitMany(tasks)).toEqual(['kept']);
  });
});

describe('yieldMany', () => {
  test('T:yield_many/2 returns results from multiple tasks, nothing for those without', async () => {
    const { tasks, open } = gatedTasks(2);
    const [first, second] = tasks as [Task<string>, Task<string>];
    const third = stopWith('normal');
    const all = [first, second, third];
    await settle();
    open[0]?.('result');
    const asked = yieldMany<string>(all, { timeoutMs: 100 });
    await clock.advance(120);
    expect(await asked).toEqual([
      [first, ok('result')],
      [second, undefined],
      [third, { ok: false, reason: 'normal' }],
    ]);
    const again = yieldMany([second], { timeoutMs: Number.POSITIVE_INFINITY });
    open[1]?.('later');
    expect(await again).toEqual([[second, ok('later')]]);
  });

  test('T:yield_many/2 returns results from multiple tasks with limit', async () => {
    const { tasks, open } = gatedTasks(3);
    await settle();
    open[0]?.('a');
    open[2]?.('c');
    await settle();
    const limited = { limit: 1, timeoutMs: Number.POSITIVE_INFINITY };
    const results = async (of: Task<string>[]): Promise<unknown[]> =>
      (await yieldMany(of, limited)).map(([, result]) => result);
    expect(await results(tasks)).toEqual([ok('a'), undefined, undefined]);
    expect(await results(tasks.slice(1))).toEqual([undefined, ok('c')]);
    open[1]?.('b');
    const more = { ...limited, limit: 2 };
    expect((await yieldMany(tasks.slice(1, 2), more))[0]?.[1]).toEqual(ok('b'));
    await expect(yieldMany(tasks, { limit: 0 })).rejects.toThrow(RangeError);
  });

  test('T:yield_many/2 shuts down on timeout when configured, unless the limit was reached', async () => {
    const { tasks, open } = gatedTasks(2);
    const slow = tasks[0] as Task<string>;
    await settle();
    open[1]?.('done');
    await settle();
    const how = { onTimeout: 'killTask', limit: 1 } as const;
    expect((await yieldMany(tasks, how)).map(([, result]) => result)).toEqual([
      undefined,
      ok('done'),
    ]);
    expect(isAlive(slow.ref)).toBe(true);
    expect(await yieldMany([slow], { ...how, timeoutMs: 0 })).toEqual([[slow, undefined]]);
    expect(isAlive(slow.ref)).toBe(false);
  });

  test('T:yield_many/2 ignores on timeout when configured', async () => {
    const { tasks, open } = gatedTasks(1);
    const [t] = tasks as [Task<string>];
    await settle();
    expect(await yieldMany([t], { timeoutMs: 0, onTimeout: 'ignore' })).toEqual([[t, undefined]]);
    expect(isAlive(t.ref)).toBe(true);
    open[0]?.('late');
    await settle();
    expect(await t.yield(0)).toBeUndefined();
  });
});

describe('asyncStream', () => {
  async function collect<I, T>(
    stream: AsyncIterable<StreamResult<I, T>>,
    most = Number.POSITIVE_INFINITY,
  ): Promise<StreamResult<I, T>[]> {
    const all: StreamResult<I, T>[] = [];
    for await (const each of stream) {
      all.push(each);
      if (all.length >= most) break;
    }
    return all;
  }
  /** Runs items that end when the test opens them, and notes how many run at a time. */
  function gates(): {
    run: (i: number) => Promise<number>;
    open: (i: number) => Promise<void>;
    started: number[];
  } {
    const waiting = new Map<number, () => void>();
    const started: number[] = [];
    return {
      started,
      run: (i) =>
        new Promise((resolve) => {
          started.push(i);
          waiting.set(i, () => resolve(i));
        }),
      async open(i) {
        waiting.get(i)?.();
        await settle();
      },
    };
  }

  test.each([2, 4, 8])(
    'T:async_stream/2 max_concurrency %i: results in the order of the input',
    async (maxConcurrency) => {
      const results = await collect(
        asyncStream([1, 2, 3, 4], async (n) => n * 2, { maxConcurrency }),
      );
      expect(results).toEqual([2, 4, 6, 8].map(ok));
      await settle();
      expect(counters().actors).toBe(actors);
    },
  );

  test('T:async_stream/2 with slowest first: at most max_concurrency at a time, order kept', async () => {
    const { run, open, started } = gates();
    const all = collect(asyncStream([1, 2, 3, 4], run, { maxConcurrency: 2 }));
    await settle();
    expect(started).toEqual([1, 2]);
    await open(2);
    // Its result waits for the first one, and holds its place.
    expect(started).toEqual([1, 2]);
    await open(1);
    expect(started).toEqual([1, 2, 3, 4]);
    await open(4);
    await open(3);
    expect(await all).toEqual([1, 2, 3, 4].map(ok));
  });

  test('T:async_stream/2 streams an enumerable with ordered: false, also from an async source', async () => {
    const { run, open } = gates();
    async function* source(): AsyncGenerator<number> {
      yield* [1, 2, 3];
    }
    const all = collect(asyncStream(source(), run, { ordered: false }));
    await settle();
    for (const i of [3, 1, 2]) await open(i);
    expect(await all).toEqual([3, 1, 2].map(ok));
  });

  test('T:async_stream/2 streams an enumerable with exits, zip_input_on_exit', async () => {
    const fail = (n: number): number => {
      if (n % 2 === 0) throw new Error(`fails ${n}`);
      return n;
    };
    const results = await collect(asyncStream([1, 2], fail));
    expect(results).toMatchObject([
      ok(1),
      { ok: false, reason: { error: { message: 'fails 2' } } },
    ]);
    expect(results[1]).not.toHaveProperty('input');
    const zipped = await collect(asyncStream([1, 2], fail, { zipInputOnExit: true }));
    expect(zipped[1]).toMatchObject({ ok: false, input: 2 });
  });

  test('T:async_stream/2 timeout: exits, or kills the task and goes on', async () => {
    const { run } = gates();
    const exiting = reasonOf(collect(asyncStream([1, 2], run, { timeoutMs: 50 })));
    await clock.advance(60);
    expect(await exiting).toBe('timeout');
    const how = { timeoutMs: 50, onTimeout: 'killTask' } as const;
    const some = (n: number): Promise<number> => (n === 1 ? run(n) : Promise.resolve(n));
    const killing = collect(asyncStream([1, 2], some, how));
    await clock.advance(60);
    expect(await killing).toEqual([{ ok: false, reason: 'timeout' }, ok(2)]);
    await settle();
    expect(counters().actors).toBe(actors);
  });

  test('T:async_stream/2 shuts down unused tasks: the loop is left, nothing runs on, no more input', async () => {
    const { run, open, started } = gates();
    const first = collect(asyncStream([1, 2, 3, 4, 5], run, { maxConcurrency: 3 }), 1);
    await settle();
    await open(1);
    expect(await first).toEqual([ok(1)]);
    expect(started).toEqual([1, 2, 3]);
    expect(counters().actors).toBe(actors);
  });

  test('asyncStream: a crash reaches the linked owner; the owner ends, its tasks are killed', async () => {
    const trapping = await spawn(Probe, { trap: true });
    const inActor = (ref: Ref<ProbeP>, fn: (ctx: ProbeCtx) => unknown): Promise<unknown> =>
      call(ref, 'run', fn);
    const fail = (): never => {
      throw new Error('oops');
    };
    const results = await inActor(trapping, () => collect(asyncStream([1], fail)));
    expect(results).toMatchObject([{ ok: false }]);
    const plain = await spawn(Probe, {});
    const outcome = await reasonOf(inActor(plain, () => collect(asyncStream([1], fail))));
    expect(outcome).toMatchObject({ error: { message: 'oops' } });
    const owner = await spawn(Probe, {});
    const { run, started } = gates();
    void reasonOf(inActor(owner, () => collect(asyncStream([1, 2], run))));
    await settle();
    expect([started, processInfo(owner)?.links.length]).toEqual([[1, 2], 2]);
    exit(owner, 'normal');
    exit(owner, { shutdown: 'test' });
    await settle();
    // Of the three owners only the trapping one is left.
    expect(counters().actors).toBe(actors + 1);
  });

  test('T:async_stream/2 does not allow streaming with max_concurrency = 0, bad timeout or on_timeout', () => {
    const none = (): number => 0;
    expect(() => asyncStream([1], none, { maxConcurrency: 0 })).toThrow(RangeError);
    expect(() => asyncStream([1], none, { timeoutMs: 0 })).toThrow(RangeError);
    expect(() => asyncStream([1], none, { onTimeout: 'unknown' as 'exit' })).toThrow(TypeError);
  });
});
