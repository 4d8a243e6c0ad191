/** Tasks: await, yield, shutdown, ignore, links and owners. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type Ctx,
  call,
  completedTask,
  configureRuntime,
  counters,
  exit,
  isAlive,
  processInfo,
  type Ref,
  type Report,
  spawn,
  startSupervisor,
  stop,
  systemClock,
  type Task,
  type TaskP,
  task,
  taskChild,
  whichChildren,
} from '../index.ts';
import { type FakeClock, settle } from '../testkit/index.ts';
import { onFakeClock, Probe, type ProbeCtx, type ProbeP, reasonOf } from './support.ts';

let clock: FakeClock;
let reports: Report[];
beforeEach(() => {
  ({ clock, reports } = onFakeClock());
});
afterEach(() => configureRuntime({ clock: systemClock }));

const forever = (): Promise<never> => new Promise(() => {});
/** A task that ends when the test says so. */
function gated<T>(options?: { link: boolean }): {
  task: Task<T>;
  done: (value: T) => void;
  fail: (error: Error) => void;
} {
  let done: (value: T) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const gate = new Promise<T>((resolve, reject) => {
    done = resolve;
    fail = reject;
  });
  return { task: task(() => gate, options), done, fail };
}
const inActor = <T>(ref: Ref<ProbeP>, fn: (ctx: ProbeCtx) => T): Promise<Awaited<T>> =>
  call(ref, 'run', fn) as Promise<Awaited<T>>;

describe('start', () => {
  test('T:async/1: a linked actor that runs the function in its own turn', async () => {
    const owner = await spawn(Probe, { trap: true });
    let ran = false;
    const made = await inActor(owner, () => {
      const t = task(() => {
        ran = true;
        return forever();
      });
      return { t, at: ran };
    });
    expect(made.at).toBe(false);
    expect([ran, made.t.owner]).toEqual([true, owner]);
    expect(processInfo(owner)?.links).toEqual([made.t.ref]);
    expect(processInfo(made.t.ref)).toMatchObject({ behaviour: 'task', parent: owner });
    await stop(owner);
  });

  test('T:async/1: the crash of the owner ends the task, its normal end does not', async () => {
    const [a, b] = [await spawn(Probe, {}), await spawn(Probe, {})];
    const [ta, tb] = [await inActor(a, () => task(forever)), await inActor(b, () => task(forever))];
    exit(a, 'kill');
    await stop(b);
    expect([isAlive(ta.ref), isAlive(tb.ref)]).toEqual([false, true]);
    exit(tb.ref, 'kill');
  });

  test('T:async/1: the crash of the task ends the owner, unless link is false', async () => {
    const [a, b] = [await spawn(Probe, {}), await spawn(Probe, {})];
    const crash = (): never => {
      throw new Error('task crashed');
    };
    await inActor(a, () => void task(crash));
    await inActor(b, () => void task(crash, { link: false }));
    await settle();
    expect([isAlive(a), isAlive(b)]).toEqual([false, true]);
    expect(reports.filter(({ kind }) => kind === 'crash')).toHaveLength(2);
  });

  test('task: the context is that of its own actor', async () => {
    const t = task((ctx: Ctx<TaskP>) => {
      ctx.label('counting');
      return ctx.self;
    });
    expect(await t.await()).toBe(t.ref);
    expect(t.owner).toBe(0);
  });

  test('T:completed/1: has its result and no actor', async () => {
    expect(completedTask('done').ref).toBe(0);
    expect(await completedTask('done').await()).toBe('done');
    expect(await completedTask('done').yield(0)).toEqual({ ok: true, value: 'done' });
    expect(await completedTask('done').shutdown()).toEqual({ ok: true, value: 'done' });
    expect(completedTask('done').ignore()).toEqual({ ok: true, value: 'done' });
  });

  test('T:can be supervised directly; child_spec: temporary unless asked otherwise', async () => {
    let runs = 0;
    const sup = await startSupervisor({
      children: [
        taskChild('once', () => void runs++),
        taskChild('waiting', forever, { restart: 'permanent' }),
      ],
    });
    await settle();
    expect(runs).toBe(1);
    expect((await whichChildren(sup)).map(({ id }) => id)).toEqual(['waiting']);
    expect(taskChild('x', forever).restart).toBe('temporary');
    await stop(sup, 'shutdown');
  });
});

describe('await', () => {
  test('T:await/2: the value of a sync and of an async function', async () => {
    const later = task(async () => {
      await Promise.resolve();
      return 2;
    });
    expect([await task(() => 1).await(), await later.await()]).toEqual([1, 2]);
    await settle();
    expect(isAlive(later.ref)).toBe(false);
    expect(reports).toEqual([]);
  });

  test('T:await/2 exits on timeout: default 5000 ms, the task goes on, its late result is dropped', async () => {
    const { task: t, done } = gated<number>();
    const outcome = reasonOf(t.await());
    await clock.advance(4980);
    let settled = false;
    void outcome.then(() => {
      settled = true;
    });
    await settle();
    expect(settled).toBe(false);
    await clock.advance(40);
    expect(await outcome).toBe('timeout');
    expect(isAlive(t.ref)).toBe(true);
    done(1);
    await settle();
    expect(isAlive(t.ref)).toBe(false);
    expect(await reasonOf(t.await())).toBe('timeout');
    expect(await t.yield()).toBeUndefined();
  });

  test('T:await/2 with timeout 0: only what is there already', async () => {
    const t = task(forever);
    expect(await reasonOf(t.await(0))).toBe('timeout');
    exit(t.ref, 'kill');
    const u = task(() => 1);
    await settle();
    expect(await u.await(0)).toBe(1);
    expect(await reasonOf(u.await(0))).toBe('timeout');
    await expect(u.await(-1)).rejects.toThrow(RangeError);
    await expect(u.await(Number.NaN)).rejects.toThrow(RangeError);
  });

  test('T:await/2 exits on normal exit: a task that did not return', async () => {
    const t = task((ctx) => ctx.stop('normal'));
    expect(await reasonOf(t.await())).toBe('normal');
  });

  test('T:await/2 exits on task throw, error, exit: with its reason', async () => {
    const thrown = task(() => {
      throw 'unknown';
    });
    const failed = task(async () => {
      await Promise.resolve();
      throw new RangeError('oops');
    });
    const stopped = task((ctx) => ctx.stop({ shutdown: 'unknown' }));
    const killed = task(forever);
    exit(killed.ref, 'kill');
    expect(await reasonOf(thrown.await())).toMatchObject({ error: { message: 'unknown' } });
    expect(await reasonOf(failed.await())).toMatchObject({ error: { name: 'RangeError' } });
    expect(await reasonOf(stopped.await())).toEqual({ shutdown: 'unknown' });
    expect(await reasonOf(killed.await())).toBe('killed');
  });

  test('T:raises when invoked from a non-owner process: each function, whoever asks', async () => {
    const [owner, other] = [await spawn(Probe, { trap: true }), await spawn(Probe, {})];
    const t = await inActor(owner, () => task(forever));
    const asks = [
      (): unknown => t.await(1),
      (): unknown => t.yield(1),
      (): unknown => t.shutdown(),
      async (): Promise<unknown> => t.ignore(),
    ];
    for (const ask of asks) {
      expect(await inActor(other, () => reasonOf(ask() as Promise<unknown>))).toBeInstanceOf(
        TypeError,
      );
      await expect(ask()).rejects.toThrow(/must be asked by its owner/);
    }
    const free = task(forever);
    const asked = await inActor(other, () => reasonOf(free.await(1)));
    expect(asked).toBeInstanceOf(TypeError);
    exit(free.ref, 'kill');
    await stop(owner);
  });

  test('await: by its owner, also behind an await of the handler', async () => {
    const owner = await spawn(Probe, {});
    const value = await inActor(owner, async (ctx) => {
      await Promise.resolve();
      const t = task(() => 41, { owner: ctx.self });
      await Promise.resolve();
      return (await t.await()) + 1;
    });
    expect(value).toBe(42);
  });

  test('await: a killed task that goes on in JavaScript has no further effect', async () => {
    const { task: t, done } = gated<number>();
    await settle();
    exit(t.ref, 'kill');
    const zombies = counters().zombieErrors;
    done(1);
    await settle();
    expect(await reasonOf(t.await())).toBe('killed');
    expect(counters().zombieErrors).toBe(zombies);
  });
});

describe('yield', () => {
  test('T:yield/2 returns nothing on timeout, and may be asked again', async () => {
    const { task: t, done } = gated<string>();
    const first = t.yield(100);
    await clock.advance(120);
    expect(await first).toBeUndefined();
    expect(await t.yield(0)).toBeUndefined();
    const second = t.yield(100);
    done('late');
    expect(await second).toEqual({ ok: true, value: 'late' });
    expect(await t.yield()).toBeUndefined();
  });

  test('T:yield/2 return exit on normal exit, on a crash, and the reply when there are both', async () => {
    const normal = task((ctx) => ctx.stop('normal'));
    expect(await normal.yield()).toEqual({ ok: false, reason: 'normal' });
    const crashed = task(() => {
      throw new Error('oops');
    });
    expect(await crashed.yield()).toMatchObject({ ok: false, reason: { error: {} } });
    const replied = task(() => 'result');
    await settle();
    expect(isAlive(replied.ref)).toBe(false);
    expect(await replied.yield(0)).toEqual({ ok: true, value: 'result' });
  });
});

describe('shutdown', () => {
  test('T:shutdown/2 returns nil on shutting down task: the owner is unlinked first', async () => {
    const owner = await spawn(Probe, {});
    const result = await inActor(owner, async () => {
      const t = task(forever);
      await Promise.resolve();
      return [await t.shutdown(), isAlive(t.ref)];
    });
    expect(result).toEqual([undefined, false]);
    expect(isAlive(owner)).toBe(true);
    expect(processInfo(owner)?.links).toEqual([]);
  });

  test('T:shutdown/2 returns {:ok, result} when reply and DOWN: the reply wins over a later death', async () => {
    const done = task(() => 'result');
    await settle();
    expect(await done.shutdown()).toEqual({ ok: true, value: 'result' });
    const brutal = task(() => 'result');
    await settle();
    expect(await brutal.shutdown('brutalKill')).toEqual({ ok: true, value: 'result' });
  });

  test('T:shutdown/2 a trapping task finishes and replies within the time', async () => {
    const owner = await spawn(Probe, {});
    let done: (value: string) => void = () => {};
    const gate = new Promise<string>((resolve) => {
      done = resolve;
    });
    const result = inActor(owner, () => {
      const t = task((ctx) => {
        ctx.trapExit(true);
        return gate;
      });
      return settle().then(() => t.shutdown(1000));
    });
    await settle();
    await settle();
    done('in time');
    expect(await result).toEqual({ ok: true, value: 'in time' });
  });

  test('T:shutdown/2 returns exit on killing task after shutdown timeout', async () => {
    const owner = await spawn(Probe, {});
    const result = inActor(owner, () => {
      const t = task((ctx) => {
        ctx.trapExit(true);
        return forever();
      });
      return settle().then(() => t.shutdown(100));
    });
    await settle();
    await settle();
    await clock.advance(120);
    expect(await result).toEqual({ ok: false, reason: 'killed' });
  });

  test('T:shutdown/2 with :brutal_kill: nil for killed by it, otherwise the reason', async () => {
    expect(await task(forever).shutdown('brutalKill')).toBeUndefined();
    const ended = async (reason: 'shutdown' | 'normal'): Promise<Task<never>> => {
      const t = task<never>((ctx) => ctx.stop(reason));
      await settle();
      return t;
    };
    expect(await (await ended('shutdown')).shutdown('brutalKill')).toEqual({
      ok: false,
      reason: 'shutdown',
    });
    expect(await (await ended('shutdown')).shutdown()).toBeUndefined();
    expect(await (await ended('normal')).shutdown()).toEqual({ ok: false, reason: 'normal' });
    const killed = task(forever);
    exit(killed.ref, 'kill');
    expect(await killed.shutdown()).toEqual({ ok: false, reason: 'killed' });
  });

  test('T:shutdown/2 returns {:exit, :noproc} if task handled', async () => {
    const t = task(() => 1);
    await t.await();
    expect(await t.shutdown()).toEqual({ ok: false, reason: 'noproc' });
    expect(await t.shutdown('brutalKill')).toEqual({ ok: false, reason: 'noproc' });
    await expect(t.shutdown(-1)).rejects.toThrow(RangeError);
  });
});

describe('ignore', () => {
  test('T:ignore/1 discards on time replies and failures, gives them back once', async () => {
    const t = task(() => 'ok');
    const crashed = task((ctx) => ctx.stop({ shutdown: 'oops' }));
    await settle();
    expect(t.ignore()).toEqual({ ok: true, value: 'ok' });
    expect(crashed.ignore()).toEqual({ ok: false, reason: { shutdown: 'oops' } });
    expect(await reasonOf(t.await(0))).toBe('timeout');
  });

  test('T:ignore/1 discards late replies, the owner is unlinked', async () => {
    const owner = await spawn(Probe, {});
    let fail: (error: Error) => void = () => {};
    const ignored = await inActor(owner, () => {
      const t = task(
        () =>
          new Promise((_resolve, reject) => {
            fail = reject;
          }),
      );
      return { result: t.ignore(), ref: t.ref };
    });
    expect([ignored.result, isAlive(ignored.ref)]).toEqual([undefined, true]);
    fail(new Error('late'));
    await settle();
    expect([isAlive(ignored.ref), isAlive(owner)]).toEqual([false, true]);
  });
});
