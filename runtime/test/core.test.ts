/** Actors on one thread: messages, calls, exits, links, monitors, timers, names (runtime.md 1.10 to 1.15). */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  call,
  cast,
  configureRuntime,
  counters,
  defineActor,
  exit,
  type From,
  formatRef,
  IGNORE,
  isAlive,
  NOREPLY,
  name,
  processInfo,
  type Ref,
  reply,
  spawn,
  stop,
  systemClock,
  tree,
  whereis,
} from '../index.ts';
import { FakeClock, settle } from '../testkit/index.ts';
import { collectReports, Probe, type ProbeP, reasonOf } from './support.ts';

beforeEach(() => {
  collectReports(); // Failures are meant here: they are not printed.
});

describe('spawn', () => {
  test('init throws: ActorError with the error, name free again, a hundred times', async () => {
    const init = (): never => {
      throw new Error('no');
    };
    for (let i = 0; i < 100; i++) {
      const outcome = await reasonOf(spawn(Probe, { init }, { name: name('again') }));
      expect(outcome).toMatchObject({ error: { message: 'no' } });
      expect(whereis(name('again'))).toBeUndefined();
    }
  });

  test('init IGNORE: reason ignore, nothing lives', async () => {
    const Shy = defineActor<Pick<ProbeP, 'log'>, null>({
      init: () => IGNORE,
      handle: { log: () => {} },
    });
    const before = counters().actors;
    expect(await reasonOf(spawn(Shy, undefined))).toBe('ignore');
    expect(counters().actors).toBe(before);
  });

  test('name taken: alreadyStarted with the owner, init does not run', async () => {
    const owner = await spawn(Probe, {}, { name: name('one') });
    let ran = false;
    const second = spawn(
      Probe,
      {
        init: () => {
          ran = true;
        },
      },
      { name: name('one') },
    );
    expect(await reasonOf(second)).toEqual({ alreadyStarted: owner });
    expect(ran).toBe(false);
    await stop(owner);
    const next = await spawn(Probe, {}, { name: name('one') });
    expect(whereis(name('one'))).toBe(next);
    await stop(next);
  });

  test('initTimeoutMs: an init that takes longer is killed, start fails timeout', async () => {
    const init = (): Promise<never> => new Promise(() => {});
    expect(await reasonOf(spawn(Probe, { init }, { initTimeoutMs: 20 }))).toBe('timeout');
  });

  test('async init: messages sent meanwhile wait', async () => {
    const log: unknown[] = [];
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const started = spawn(Probe, { log, init: () => gate }, { name: name('slow-start') });
    cast(name<ProbeP>('slow-start'), 'log', 1);
    await settle();
    expect(log).toEqual([]);
    open();
    await call(await started, 'echo', 0);
    expect(log).toEqual([1]);
  });

  test('ctx.next in init: runs before a message that was queued first', async () => {
    const log: unknown[] = [];
    const init = (ctx: { next(op: 'log', value: unknown): void; self: Ref<ProbeP> }): void => {
      cast(ctx.self, 'log', 'queued');
      ctx.next('log', 'next');
    };
    const ref = await spawn(Probe, { log, init });
    await call(ref, 'echo', 0);
    expect(log).toEqual(['next', 'queued']);
  });
});

describe('call', () => {
  test('timeout: rejects, the late reply is dropped and counted', async () => {
    const ref = await spawn(Probe, {});
    let from: From | undefined;
    const hold = (ctx: { from: From | undefined }): unknown => {
      from = ctx.from;
      return NOREPLY;
    };
    const late = counters().lateReplies;
    expect(await reasonOf(call(ref, 'run', hold, { timeoutMs: 20 }))).toBe('timeout');
    reply(from as From, 1);
    expect(counters().lateReplies).toBe(late + 1);
    expect(await call(ref, 'echo', 2)).toBe(2);
  });

  test('NOREPLY: answered later by another actor, other calls are served meanwhile', async () => {
    const a = await spawn(Probe, {});
    const b = await spawn(Probe, {});
    const held = call(a, 'run', (ctx) => {
      const from = ctx.from as From;
      cast(b, 'run', () => reply(from, 'from b'));
      return NOREPLY;
    });
    expect(await call(a, 'echo', 'served')).toBe('served');
    expect(await held).toBe('from b');
  });

  test('callee ends: queued, running and deferred calls fail with its reason', async () => {
    const ref = await spawn(Probe, {});
    const deferred = reasonOf(call(ref, 'run', () => NOREPLY));
    const running = reasonOf(call(ref, 'block', { until: new Promise(() => {}), after: 0 }));
    const queued = reasonOf(call(ref, 'echo', 1));
    await settle();
    exit(ref, 'kill');
    expect(await Promise.all([deferred, running, queued])).toEqual(['killed', 'killed', 'killed']);
    expect(await reasonOf(call(ref, 'echo', 1))).toBe('noproc');
  });

  test('callingSelf, bad timeout, abort signal', async () => {
    const ref = await spawn(Probe, {});
    const self = await call(ref, 'run', (ctx) => reasonOf(ctx.call(ctx.self, 'echo', 1)));
    expect(self).toBe('callingSelf');
    expect(() => call(ref, 'echo', 1, { timeoutMs: 0 })).toThrow(RangeError);
    const abort = new AbortController();
    const pending = reasonOf(call(ref, 'run', () => NOREPLY, { signal: abort.signal }));
    abort.abort();
    expect(await pending).toBe('aborted');
    expect(await reasonOf(call(ref, 'echo', 1, { signal: abort.signal }))).toBe('aborted');
  });

  test('a request whose caller gave up while it was queued is not handled', async () => {
    await settle();
    const log: unknown[] = [];
    const ref = await spawn(Probe, { log });
    let open: () => void = () => {};
    cast(ref, 'block', {
      until: new Promise<void>((r) => {
        open = r;
      }),
      after: 'first',
    });
    const expired = counters().expired;
    expect(await reasonOf(call(ref, 'log', 'never', { timeoutMs: 10 }))).toBe('timeout');
    open();
    await call(ref, 'echo', 0);
    expect(log).toEqual(['first']);
    expect(counters().expired).toBe(expired + 1);
  });

  test('500 000 queued messages do not make a caller slower to be answered', async () => {
    const Deep = defineActor<
      { go(): void; noise(): void },
      { to: Ref<ProbeP>; answered: number },
      Ref<ProbeP>
    >({
      init: (_ctx, to) => ({ to, answered: 0 }),
      handle: {
        noise() {},
        async go(s, _a, ctx) {
          for (let i = 0; i < 1000; i++) s.answered += (await ctx.call(s.to, 'echo', 1)) as number;
        },
      },
      mailbox: { limit: 1_000_000 },
    });
    const server = await spawn(Probe, {});
    const ref = await spawn(Deep, server);
    for (let i = 0; i < 500_000; i++) cast(ref, 'noise');
    await call(ref, 'go');
    expect(processInfo(ref)?.mailboxLength).toBe(0);
    await stop(ref);
  });
});

describe('names', () => {
  test('a name is free inside the death of its owner, before any signal', async () => {
    const log: unknown[] = [];
    const owner = await spawn(Probe, {}, { name: name('n') });
    const Watcher = defineActor<{ go(ref: Ref<unknown>): void }, null>({
      init: () => null,
      handle: { go: (_s, ref, ctx) => void ctx.monitor(ref) },
      onDown: () => void log.push(whereis(name('n'))),
    });
    const watcher = await spawn(Watcher, undefined);
    await call(watcher, 'go', owner);
    exit(owner, 'kill');
    expect(whereis(name('n'))).toBeUndefined();
    await settle();
    expect(log).toEqual([undefined]);
    const dead = counters().deadLetters;
    cast(name<ProbeP>('n'), 'log', 1);
    expect(counters().deadLetters).toBe(dead + 1);
  });

  test('formatRef, processInfo, tree: show an actor under its parent', async () => {
    const parent = await spawn(Probe, {}, { name: name('root') });
    const kid = (await call(parent, 'run', (ctx) => {
      ctx.label('the root');
      return ctx.spawnLink(Probe, {});
    })) as Ref<ProbeP>;
    const node = tree().find(({ ref }) => ref === parent);
    expect(node).toMatchObject({
      name: 'root',
      label: 'the root',
      children: [{ ref: kid, parent }],
    });
    expect(formatRef(kid)).toBe(`<0.0.${kid}>`);
    await stop(parent);
    expect(processInfo(parent)).toBeUndefined();
  });
});

describe('timers', () => {
  test('ctx.timer: replaced by key, cancelled also when queued; every does not pile up', async () => {
    const clock = new FakeClock();
    configureRuntime({ clock });
    try {
      const log: unknown[] = [];
      const ref = await spawn(Probe, { log });
      await call(ref, 'run', (ctx) => {
        ctx.timer('a', 50, 'log', 'old');
        ctx.timer('a', 100, 'log', 'a');
        ctx.timer('b', 30, 'log', 'b');
        ctx.cancel('b');
        ctx.every('tick', 40, 'log', 'tick');
      });
      await clock.advance(99);
      expect(log).toEqual(['tick', 'tick']);
      await clock.advance(11);
      expect(log).toEqual(['tick', 'tick', 'a']);
      let open: () => void = () => {};
      const gate = new Promise<void>((resolve) => {
        open = resolve;
      });
      cast(ref, 'run', async (ctx) => {
        ctx.timer('c', 10, 'log', 'c');
        await gate;
        ctx.cancel('c');
      });
      await clock.advance(400);
      open();
      await settle();
      expect(log.slice(3)).toEqual(['tick']);
      await stop(ref);
      await clock.advance(1000);
      expect(log).toHaveLength(4);
    } finally {
      configureRuntime({ clock: systemClock });
    }
  });

  test('ctx.timer: hours are kept, never early', async () => {
    const clock = new FakeClock();
    configureRuntime({ clock });
    try {
      const log: unknown[] = [];
      const ref = await spawn(Probe, { log });
      await call(ref, 'run', (ctx) => ctx.timer('late', 3_600_000, 'log', 'hour'));
      await clock.advance(3_599_999);
      expect(log).toEqual([]);
      await clock.advance(11);
      expect(log).toEqual(['hour']);
      await stop(ref);
    } finally {
      configureRuntime({ clock: systemClock });
    }
  });

  test('guard and wrap: foreign failure is the actor’s, nothing happens after death', async () => {
    const ref = await spawn(Probe, {});
    const guarded = reasonOf(
      call(ref, 'run', (ctx) => ctx.guard(Promise.reject(new Error('foreign')))),
    );
    expect(await guarded).toMatchObject({ error: { message: 'foreign' } });
    const other = await spawn(Probe, {});
    let callback: () => void = () => {};
    const ran: string[] = [];
    await call(other, 'run', (ctx) => {
      callback = ctx.wrap(() => {
        ran.push('once');
        throw new Error('in callback');
      });
    });
    callback();
    callback();
    expect(ran).toEqual(['once']);
    expect(isAlive(other)).toBe(false);
  });
});
