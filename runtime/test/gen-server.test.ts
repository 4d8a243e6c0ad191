/** OTP's gen_server cases and Elixir's GenServer ones for one actor (runtime.md 1.12 to 1.14, section 4, rows G: and GS:). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  call,
  cast,
  configureRuntime,
  counters,
  defineActor,
  exit,
  IGNORE,
  isAlive,
  name,
  processInfo,
  type Reason,
  type Ref,
  type Report,
  send,
  spawn,
  stop,
  sys,
  systemClock,
  whereis,
} from '../index.ts';
import { type FakeClock, settle } from '../testkit/index.ts';
import { onFakeClock, Probe, reasonOf } from './support.ts';

let reports: Report[];
let clock: FakeClock;
beforeEach(() => {
  ({ clock, reports } = onFakeClock());
});
afterEach(() => configureRuntime({ clock: systemClock }));

const crashes = () => reports.filter((r) => r.kind === 'crash');

/** Runs scripts: most rules need one that says what its handlers do. */
interface ScriptP {
  run(fn: (ctx: ScriptCtx, s: ScriptState) => unknown): unknown;
  mark(what: unknown): unknown;
  idle(): void;
}
/** An op that nobody has. */
interface NopeP {
  nope(n: number): void;
}
type ScriptCtx = import('../index.ts').Ctx<ScriptP>;
interface ScriptState {
  log: unknown[];
}
interface ScriptArg {
  readonly log?: unknown[];
  readonly init?: (ctx: ScriptCtx) => void;
  readonly secret?: string;
}
const Script = defineActor<ScriptP, ScriptState, ScriptArg>({
  name: 'script',
  init(ctx, { log, init }) {
    init?.(ctx);
    return { log: log ?? [] };
  },
  handle: {
    run: (s, fn, ctx) => fn(ctx, s),
    mark: (s, what) => {
      s.log.push(what);
      return what;
    },
    idle: (s) => void s.log.push('idle'),
  },
  onDown: (s, _down, ctx) => {
    s.log.push('down');
    ctx.next('mark', 'after down');
  },
});

describe('start', () => {
  test('G:start: second start of a name gives the owner; init that stops gives its reason', async () => {
    const owner = await spawn(Script, {}, { name: name('g-start') });
    const again = spawn(Script, {}, { name: name('g-start') });
    expect(await reasonOf(again)).toEqual({ alreadyStarted: owner });
    const init = (ctx: ScriptCtx): void => ctx.stop({ shutdown: 'not now' });
    expect(await reasonOf(spawn(Script, { init }))).toEqual({ shutdown: 'not now' });
    expect(crashes()).toEqual([]);
    await stop(owner);
  });

  test('G:start: init over its limit is killed, start gives timeout, the name is free', async () => {
    const Slow = defineActor<{ op(): void }, null>({
      init: () => new Promise<null>(() => undefined),
      handle: { op() {} },
    });
    const started = reasonOf(spawn(Slow, undefined, { initTimeoutMs: 1000, name: name('g-slow') }));
    await clock.advance(990);
    expect(whereis(name('g-slow'))).toBeDefined();
    await clock.advance(20);
    expect(await started).toBe('timeout');
    expect(whereis(name('g-slow'))).toBeUndefined();
  });

  test('G:otp_7669: after ignore or stop in init the name is free when start returns, 100 times', async () => {
    const key = name<ScriptP>('otp-7669');
    for (let i = 0; i < 100; i++) {
      const Ignoring = defineActor<{ op(): void }, null>({
        init: (ctx) => (i % 2 === 0 ? IGNORE : ctx.stop('shutdown')),
        handle: { op() {} },
      });
      const outcome = await reasonOf(spawn(Ignoring, undefined, { name: key as never }));
      expect(outcome).toBe(i % 2 === 0 ? 'ignore' : 'shutdown');
      expect(whereis(key)).toBeUndefined();
    }
  });
});

describe('stop', () => {
  test('G:stop1..stop7: normal and other reasons, by ref and by name; the dead and the unknown are noproc', async () => {
    const key = name<ScriptP>('g-stop');
    for (const reason of [
      'normal',
      'shutdown',
      { shutdown: 1 },
      { error: { name: 'E', message: 'm' } },
    ]) {
      const ref = await spawn(Script, {}, { name: key });
      expect(await reasonOf(stop(key, reason as Reason))).toBe('resolved');
      expect(isAlive(ref)).toBe(false);
      expect(await reasonOf(stop(ref))).toBe('noproc');
    }
    expect(await reasonOf(stop(key))).toBe('noproc');
    expect(crashes()).toHaveLength(1);
  });

  test('G:stop bad timeout: RangeError and it lives; a short one rejects timeout', async () => {
    const ref = await spawn(Probe, {});
    for (const bad of [0, -1, Number.NaN])
      expect(() => stop(ref, 'normal', bad)).toThrow(RangeError);
    expect(isAlive(ref)).toBe(true);
    cast(ref, 'block', { until: new Promise(() => {}), after: 0 });
    await settle();
    const stopped = reasonOf(stop(ref, 'normal', 100));
    await clock.advance(110);
    expect(await stopped).toBe('timeout');
    exit(ref, 'kill');
  });

  test('GS:stop/3: of oneself in a handler fails callingSelf at once', async () => {
    const ref = await spawn(Script, {});
    expect(await call(ref, 'run', (ctx) => reasonOf(stop(ctx.self)))).toBe('callingSelf');
    expect(isAlive(ref)).toBe(true);
  });

  test('stop with a reply: terminate first, then the reply, then the end; also when terminate throws', async () => {
    const order: unknown[] = [];
    for (const fails of [false, true]) {
      const terminate = (): void => {
        order.push('terminate');
        if (fails) throw new Error('in terminate');
      };
      const ref = await spawn(Probe, { terminate });
      const answered = call(ref, 'run', (ctx) => ctx.stop('normal', 'bye')).then((reply) => {
        order.push(reply);
      });
      await answered;
      expect(isAlive(ref)).toBe(false);
    }
    expect(order).toEqual(['terminate', 'bye', 'terminate', 'bye']);
    expect(crashes()).toHaveLength(1);
  });

  test('stop without a reply: the caller fails with the reason', async () => {
    const ref = await spawn(Probe, {});
    expect(await reasonOf(call(ref, 'run', (ctx) => ctx.stop('shutdown')))).toBe('shutdown');
  });
});

describe('crash', () => {
  test('G:crash: normal-class ends give no report, a crash exactly one with last message, state and caller', async () => {
    for (const reason of ['normal', 'shutdown', { shutdown: 'x' }] as const) {
      await reasonOf(call(await spawn(Probe, {}), 'stop', reason));
    }
    expect(crashes()).toEqual([]);
    const caller = await spawn(Script, {});
    const ref = await spawn(Script, { log: ['s'] });
    const boom = (): never => {
      throw new Error('boom');
    };
    await call(caller, 'run', (ctx) => reasonOf(ctx.call(ref, 'run', boom)));
    expect(crashes()).toHaveLength(1);
    const [report] = crashes();
    expect(report).toMatchObject({ ref, actor: 'script', op: 'run', caller });
    expect(report?.lastMessage).toEqual({ op: 'run', arg: boom });
    expect(report?.state).toEqual({ log: ['s'] });
    expect(report?.reason).toMatchObject({ error: { name: 'Error', message: 'boom' } });
  });

  test('crash report: message and state are not enumerable, so no copy and no JSON holds them', async () => {
    const ref = await spawn(Probe, {});
    const secret = (): never => {
      throw new Error('x');
    };
    await reasonOf(call(ref, 'run', secret));
    const [report] = crashes();
    expect(Object.keys(report ?? {})).not.toContain('lastMessage');
    expect(JSON.stringify(report)).not.toMatch(/lastMessage|state/);
    expect(structuredClone(report)).not.toHaveProperty('state');
  });

  test('G:crash of an async handler: the last message is its own', async () => {
    const ref = await spawn(Script, {});
    const late = async (): Promise<never> => {
      await Promise.resolve();
      throw new Error('late');
    };
    await reasonOf(call(ref, 'run', late));
    expect(crashes()[0]?.lastMessage).toEqual({ op: 'run', arg: late });
  });

  test('G:error_format_status: the report shows what formatStatus makes of the state', async () => {
    const Secret = defineActor<{ boom(): void }, { password: string }>({
      init: () => ({ password: 'hunter2' }),
      handle: {
        boom() {
          throw new Error('b');
        },
      },
      formatStatus: () => 'hidden',
    });
    cast(await spawn(Secret, undefined), 'boom');
    await settle();
    expect(crashes()[0]?.state).toBe('hidden');
  });

  test('G:terminate_crash_format, undef_in_terminate: an error in terminate replaces the reason, with one report', async () => {
    const ref = await spawn(Probe, {
      terminate: () => {
        throw new TypeError('undefined function');
      },
    });
    const ended = await reasonOf(stop(ref, 'shutdown'));
    expect(ended).toMatchObject({ error: { name: 'TypeError' } });
    expect(crashes()).toHaveLength(1);
    expect(crashes()[0]).toMatchObject({ op: 'terminate', reason: ended });
  });

  test('G:undef_handle_call / _cast: a missing handler crashes and names the op', async () => {
    const ref = await spawn(Script, {});
    const outcome = await reasonOf(call(ref as unknown as Ref<NopeP>, 'nope', 1));
    expect(outcome).toMatchObject({ error: { name: 'TypeError', message: /no handler.*nope/ } });
    const other = await spawn(Script, {});
    cast(other as unknown as Ref<NopeP>, 'nope', 1);
    await settle();
    expect(isAlive(other)).toBe(false);
    expect(crashes()).toHaveLength(2);
  });

  test('G:undef_handle_info: a plain message that nobody knows is reported and ignored', async () => {
    const ref = await spawn(Script, {});
    await send(ref as unknown as Ref<NopeP>, 'nope', 1);
    expect(await call(ref, 'mark', 1)).toBe(1);
    expect(reports).toMatchObject([{ kind: 'unknownMessage', ref, op: 'nope' }]);
  });

  test('G:info: unknown messages reach onUnknown, however they were sent', async () => {
    const seen: unknown[] = [];
    const Info = defineActor<{ known(): void }, null>({
      init: () => null,
      handle: { known() {} },
      onUnknown: (_s, op, arg) => {
        seen.push([op, arg]);
        return 'answer';
      },
    });
    const ref = (await spawn(Info, undefined)) as unknown as Ref<{ x(n: number): string }>;
    await send(ref, 'x', 1);
    cast(ref, 'x', 2);
    expect(await call(ref, 'x', 3)).toBe('answer');
    expect(seen).toEqual([
      ['x', 1],
      ['x', 2],
      ['x', 3],
    ]);
    expect(reports).toEqual([]);
  });
});

describe('continue', () => {
  const queued = (ctx: ScriptCtx): void => cast(ctx.self, 'mark', 'queued');
  const asked = (ctx: ScriptCtx): void => {
    queued(ctx);
    ctx.next('mark', 'continued');
  };

  test.each(['init', 'call', 'cast', 'continue'] as const)(
    'G:continue: from %s it runs before any queued message',
    async (where) => {
      const log: unknown[] = [];
      const ref = await spawn(Script, where === 'init' ? { log, init: asked } : { log });
      if (where === 'call') await call(ref, 'run', asked);
      if (where === 'cast') cast(ref, 'run', asked);
      if (where === 'continue') {
        cast(ref, 'run', (ctx) => {
          queued(ctx);
          ctx.next('run', (inner) => inner.next('mark', 'continued'));
        });
      }
      await settle();
      expect(log).toEqual(['continued', 'queued']);
    },
  );

  test('G:continue: from info (a down notice); several keep their order; one that continues goes first', async () => {
    const log: unknown[] = [];
    const ref = await spawn(Script, { log });
    const dead = await spawn(Probe, {});
    await stop(dead);
    cast(ref, 'run', (ctx) => {
      ctx.monitor(dead);
      queued(ctx);
    });
    await settle();
    expect(log).toEqual(['down', 'after down', 'queued']);
    log.length = 0;
    cast(ref, 'run', (ctx) => {
      ctx.next('run', (inner) => inner.next('mark', 1.5));
      ctx.next('mark', 2);
      queued(ctx);
    });
    await settle();
    expect(log).toEqual([1.5, 2, 'queued']);
  });

  test('G:continue: it can stop; from init the starter has been told before', async () => {
    const init = (ctx: ScriptCtx): void => ctx.next('run', (inner) => inner.stop('shutdown'));
    const ref = await spawn(Script, { init });
    await settle();
    expect(isAlive(ref)).toBe(false);
    expect(crashes()).toEqual([]);
  });
});

describe('inactivity timeout', () => {
  test('G:start_event_timeout, handle_event_timeout: after init and after a handler, once', async () => {
    const log: unknown[] = [];
    const ref = await spawn(Script, { log, init: (ctx) => ctx.timeout(100, 'idle') });
    await clock.advance(90);
    expect(log).toEqual([]);
    await clock.advance(20);
    expect(log).toEqual(['idle']);
    await call(ref, 'run', (ctx) => ctx.timeout(50, 'mark', 'second'));
    await clock.advance(500);
    expect(log).toEqual(['idle', 'second']);
  });

  test('G:handle_event_timeout: any message cancels it, a timer and a notice too', async () => {
    const log: unknown[] = [];
    const ref = await spawn(Script, { log });
    const set = (): Promise<unknown> => call(ref, 'run', (ctx) => ctx.timeout(100, 'idle'));
    await set();
    await clock.advance(50);
    await call(ref, 'mark', 'message');
    await clock.advance(200);
    await set();
    await call(ref, 'run', (ctx) => {
      ctx.timeout(100, 'idle');
      ctx.timer('t', 50, 'mark', 'timer');
    });
    await clock.advance(300);
    const other = await spawn(Probe, {});
    await call(ref, 'run', (ctx) => {
      ctx.monitor(other);
      ctx.timeout(100, 'idle');
    });
    exit(other, 'kill');
    await clock.advance(300);
    expect(log).toEqual(['message', 'timer', 'down', 'after down']);
  });

  test('G:handle_event_timeout_zero: runs when the mailbox is empty, a queued message cancels it', async () => {
    const log: unknown[] = [];
    const ref = await spawn(Script, { log });
    await call(ref, 'run', (ctx) => ctx.timeout(0, 'idle'));
    await settle();
    expect(log).toEqual(['idle']);
    await call(ref, 'run', (ctx) => {
      cast(ctx.self, 'mark', 'queued');
      ctx.timeout(0, 'idle');
    });
    await settle();
    expect(log).toEqual(['idle', 'queued']);
  });

  test('timeout: sys requests do not use it up, it starts anew; Infinity cancels; a bad one is a RangeError', async () => {
    const log: unknown[] = [];
    const ref = await spawn(Script, { log });
    await call(ref, 'run', (ctx) => ctx.timeout(100, 'idle'));
    await clock.advance(60);
    await sys.getState(ref);
    await clock.advance(60);
    expect(log).toEqual([]);
    await clock.advance(60);
    expect(log).toEqual(['idle']);
    await call(ref, 'run', (ctx) => {
      ctx.timeout(10, 'idle');
      ctx.timeout(Number.POSITIVE_INFINITY, 'idle');
      expect(() => ctx.timeout(-1, 'idle')).toThrow(RangeError);
    });
    await clock.advance(100);
    expect(log).toEqual(['idle']);
  });

  test('timeout of an async handler: counts from its end', async () => {
    const log: unknown[] = [];
    const ref = await spawn(Script, { log });
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    cast(ref, 'run', async (ctx) => {
      ctx.timeout(100, 'idle');
      await gate;
    });
    await clock.advance(500);
    open();
    await clock.advance(90);
    expect(log).toEqual([]);
    await clock.advance(20);
    expect(log).toEqual(['idle']);
  });
});

describe('hibernation', () => {
  const Sleepy = defineActor<{ sleep(): void; work(): number }, null>({
    init: () => null,
    handle: { sleep: (_s, _a, ctx) => ctx.hibernate(), work: () => 1 },
    hibernateAfter: 100,
  });

  test('G:hibernate: on request, wakes on a message, stays so over suspend and resume', async () => {
    const ref = await spawn(Sleepy, undefined);
    await call(ref, 'sleep');
    expect(processInfo(ref)?.status).toBe('hibernated');
    await sys.suspend(ref);
    expect(processInfo(ref)?.status).toBe('suspended');
    await sys.resume(ref);
    expect(processInfo(ref)?.status).toBe('hibernated');
    expect(await call(ref, 'work')).toBe(1);
    expect(processInfo(ref)?.status).toBe('idle');
  });

  test('G:hibernate: with a message queued it does not', async () => {
    const ref = await spawn(Sleepy, undefined);
    cast(ref, 'sleep');
    expect(await call(ref, 'work')).toBe(1);
    expect(processInfo(ref)?.status).toBe('idle');
  });

  test('G:auto_hibernate: after idle time, from start and from the last message', async () => {
    const ref = await spawn(Sleepy, undefined);
    await clock.advance(110);
    expect(processInfo(ref)?.status).toBe('hibernated');
    await call(ref, 'work');
    await clock.advance(60);
    await call(ref, 'work');
    await clock.advance(60);
    expect(processInfo(ref)?.status).toBe('idle');
    await clock.advance(60);
    expect(processInfo(ref)?.status).toBe('hibernated');
    expect(counters().actors).toBeGreaterThan(0);
  });
});

describe('cast', () => {
  test('G:cast, cast_fast: in order, and at once to what cannot be reached', async () => {
    const log: unknown[] = [];
    const ref = await spawn(Script, { log });
    for (let i = 0; i < 100; i++) cast(ref, 'mark', i);
    await call(ref, 'idle');
    expect(log.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    const before = counters().deadLetters;
    cast((2 ** 47 + 5) as Ref<ScriptP>, 'idle');
    cast(name<ScriptP>('nobody'), 'idle');
    expect(counters().deadLetters).toBe(before + 2);
  });
});
