/** State machines: the rules of runtime.md 1.17 (gen_statem) one by one. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  call,
  cast,
  configureRuntime,
  defineMachine,
  exit,
  isAlive,
  type MachineCtx,
  type Ref,
  type Report,
  spawn,
  stop,
  sys,
  systemClock,
} from '../index.ts';
import { type FakeClock, settle } from '../testkit/index.ts';
import { onFakeClock, Probe, reasonOf } from './support.ts';

let reports: Report[];
let clock: FakeClock;
beforeEach(() => {
  ({ clock, reports } = onFakeClock());
});
afterEach(() => configureRuntime({ clock: systemClock }));

/** Does what an event's argument says, and logs what happened where. */
interface BoxP {
  run(fn: (ctx: BoxCtx) => unknown): unknown;
  mark(what: unknown): void;
  onlyOpen(): string;
}
type BoxState = 'closed' | 'open';
type BoxCtx = MachineCtx<BoxP, BoxState>;
interface BoxArg {
  readonly log: unknown[];
  readonly onEnter?: (ctx: BoxCtx) => void;
  readonly first?: BoxState;
}
const mark = (data: BoxArg, what: unknown, ctx: BoxCtx): void =>
  void data.log.push(`${String(what)} in ${ctx.state}`);
const run = (_data: BoxArg, fn: (ctx: BoxCtx) => unknown, ctx: BoxCtx): unknown => fn(ctx);
const enter = (data: BoxArg, from: BoxState, ctx: BoxCtx): void => {
  data.log.push(`enter ${ctx.state} from ${from}`);
  data.onEnter?.(ctx);
};
const Box = defineMachine<BoxP, BoxArg, BoxState, BoxArg>({
  name: 'box',
  init: (_ctx, data) => ({ state: data.first ?? 'closed', data }),
  states: {
    closed: { enter, handle: { mark } },
    open: { enter, handle: { mark, onlyOpen: () => 'opened' } },
  },
  handle: { run },
  onDown: (data, _down, ctx) => {
    data.log.push(`down in ${ctx.state}`);
    ctx.nextState('open');
  },
});

const boxed = async (over: Partial<BoxArg> = {}) => {
  const log: unknown[] = [];
  const ref = await spawn(Box, { log, ...over });
  const at = async (fn: (ctx: BoxCtx) => unknown): Promise<unknown> => {
    const result = await call(ref, 'run', fn);
    await settle();
    return result;
  };
  log.length = 0;
  return { ref, log, at };
};
const to = (state: BoxState) => (ctx: BoxCtx) => ctx.nextState(state);

describe('states', () => {
  test('enter: at start with the state itself, at each change with the one before', async () => {
    const log: unknown[] = [];
    const ref = await spawn(Box, { log });
    await call(ref, 'run', to('open'));
    await call(ref, 'run', to('closed'));
    expect(log).toEqual([
      'enter closed from closed',
      'enter open from closed',
      'enter closed from open',
    ]);
  });

  test('the same state is no change, repeatState is one', async () => {
    const { log, at } = await boxed();
    await at(to('closed'));
    expect(log).toEqual([]);
    await at((ctx) => ctx.repeatState());
    expect(log).toEqual(['enter closed from closed']);
  });

  test('the change takes effect after the handler, an async one included', async () => {
    const { log, at } = await boxed();
    const seen = await at(async (ctx) => {
      ctx.nextState('open');
      await Promise.resolve();
      return ctx.state;
    });
    expect(seen).toBe('closed');
    await at((ctx) => log.push(ctx.state));
    expect(log).toEqual(['enter open from closed', 'open']);
  });

  test('an event that neither the state nor the machine handles: a crash that names both', async () => {
    const { ref } = await boxed();
    const outcome = await reasonOf(call(ref, 'onlyOpen'));
    expect(outcome).toMatchObject({ error: { message: 'box: no handler for onlyOpen in closed' } });
    expect(reports).toMatchObject([{ kind: 'crash', actor: 'box', op: 'onlyOpen' }]);
  });

  test('enter may not change the state, postpone or insert events', async () => {
    for (const bad of [
      (ctx: BoxCtx) => ctx.nextState('closed'),
      (ctx: BoxCtx) => ctx.repeatState(),
      (ctx: BoxCtx) => ctx.postpone(),
      (ctx: BoxCtx) => ctx.nextEvent('mark', 1),
    ]) {
      const outcome = await reasonOf(spawn(Box, { log: [], onEnter: bad }));
      expect(outcome).toMatchObject({ error: { name: 'TypeError', message: /not in enter/ } });
    }
  });

  test('unknown states: nextState RangeError, init badReturnValue', async () => {
    const { at } = await boxed();
    expect(await reasonOf(at(to('ajar' as BoxState)))).toMatchObject({
      error: { name: 'RangeError' },
    });
    const first = 'ajar' as BoxState;
    expect(await reasonOf(spawn(Box, { log: [], first }))).toMatchObject({
      error: { name: 'badReturnValue' },
    });
  });

  test('notices are events: a down notice may change the state', async () => {
    const { log, at } = await boxed();
    const other = await spawn(Probe, {});
    await at((ctx) => ctx.monitor(other));
    exit(other, 'kill');
    await settle();
    expect(log).toEqual(['down in closed', 'enter open from closed']);
  });
});

describe('events', () => {
  /** Postpones `mark` while closed. */
  const Gate = defineMachine<BoxP, BoxArg, BoxState, BoxArg>({
    init: (_ctx, data) => ({ state: 'closed', data }),
    states: {
      closed: { handle: { mark: (_d, _w, ctx) => ctx.postpone() } },
      open: { handle: { mark } },
    },
    handle: { run },
  });

  test('postpone: retried after the next change, before newer events, in order', async () => {
    const log: unknown[] = [];
    const ref = await spawn(Gate, { log });
    cast(ref, 'mark', 1);
    cast(ref, 'mark', 2);
    cast(ref, 'run', to('open'));
    cast(ref, 'mark', 3);
    await settle();
    expect(log).toEqual(['1 in open', '2 in open', '3 in open']);
  });

  test('postpone: keeping the state does not retry, repeatState does', async () => {
    const log: unknown[] = [];
    let tries = 0;
    const Tries = defineMachine<BoxP, BoxArg, 'only', BoxArg>({
      init: (_ctx, data) => ({ state: 'only', data }),
      states: {
        only: {
          handle: {
            mark: (_d, _w, ctx) => {
              tries++;
              ctx.postpone();
            },
            run: (_d, fn, ctx) => fn(ctx as unknown as BoxCtx),
          },
        },
      },
    });
    const ref = await spawn(Tries, { log });
    cast(ref, 'mark', 1);
    await call(ref, 'run', () => 0);
    await call(ref, 'run', (ctx) => ctx.nextState('only' as BoxState));
    await settle();
    expect(tries).toBe(1);
    await call(ref, 'run', (ctx) => ctx.repeatState());
    await settle();
    expect(tries).toBe(2);
  });

  test('postpone together with a change: the event itself is retried in the new state', async () => {
    const log: unknown[] = [];
    const Turn = defineMachine<BoxP, BoxArg, BoxState, BoxArg>({
      init: (_ctx, data) => ({ state: 'closed', data }),
      states: {
        closed: {
          handle: {
            mark: (_d, _w, ctx) => {
              ctx.postpone();
              ctx.nextState('open');
            },
          },
        },
        open: { handle: { mark } },
      },
    });
    const ref = await spawn(Turn, { log });
    cast(ref, 'mark', 1);
    cast(ref, 'mark', 2);
    await settle();
    expect(log).toEqual(['1 in open', '2 in open']);
  });

  test('nextEvent: before everything queued and before what was postponed, several in order, the inner ones first', async () => {
    const { ref, log, at } = await boxed();
    await at((ctx) => {
      cast(ref, 'mark', 'queued');
      ctx.nextEvent('run', (inner) => inner.nextEvent('mark', 1));
      ctx.nextEvent('mark', 2);
    });
    expect(log).toEqual(['1 in closed', '2 in closed', 'queued in closed']);
  });

  test('a postponed call is answered when it is handled', async () => {
    const Ask = defineMachine<{ ask(): string; open(): void }, null, BoxState>({
      init: () => ({ state: 'closed', data: null }),
      states: {
        closed: {
          handle: {
            ask: (_d, _a, ctx) => {
              ctx.postpone();
              return '';
            },
            open: (_d, _a, ctx) => ctx.nextState('open'),
          },
        },
        open: { handle: { ask: () => 'now' } },
      },
    });
    const ref = await spawn(Ask, undefined);
    const asked = call(ref, 'ask');
    cast(ref, 'open');
    expect(await asked).toBe('now');
  });
});

describe('timeouts', () => {
  test('state timeout: runs in its state, a change cancels it, one set with the change belongs to the new state', async () => {
    const { log, at } = await boxed();
    await at((ctx) => ctx.stateTimeout(100, 'mark', 'late'));
    await clock.advance(110);
    await at((ctx) => ctx.stateTimeout(100, 'mark', 'cancelled'));
    await at(to('open'));
    await clock.advance(200);
    await at((ctx) => {
      ctx.stateTimeout(100, 'mark', 'new');
      ctx.nextState('closed');
    });
    await clock.advance(110);
    expect(log).toEqual([
      'late in closed',
      'enter open from closed',
      'enter closed from open',
      'new in closed',
    ]);
  });

  test('state timeout: other events do not cancel it, set again replaces, Infinity cancels', async () => {
    const { ref, log, at } = await boxed();
    await at((ctx) => ctx.stateTimeout(100, 'mark', 'first'));
    await at((ctx) => ctx.stateTimeout(200, 'mark', 'second'));
    cast(ref, 'mark', 'event');
    await clock.advance(150);
    expect(log).toEqual(['event in closed']);
    await clock.advance(100);
    expect(log).toEqual(['event in closed', 'second in closed']);
    await at((ctx) => ctx.stateTimeout(50, 'mark', 'never'));
    await at((ctx) => ctx.stateTimeout(Number.POSITIVE_INFINITY, 'mark', 'never'));
    await clock.advance(200);
    expect(log).toHaveLength(2);
  });

  test('event timeout: any event cancels it, an inserted one too; a change of state does not', async () => {
    const { ref, log, at } = await boxed();
    await at((ctx) => ctx.eventTimeout(100, 'mark', 'quiet'));
    await clock.advance(110);
    await at((ctx) => ctx.eventTimeout(100, 'mark', 'never'));
    cast(ref, 'mark', 'event');
    await clock.advance(200);
    await at((ctx) => {
      ctx.eventTimeout(100, 'mark', 'never');
      ctx.nextEvent('mark', 'inserted');
    });
    await clock.advance(200);
    await at((ctx) => {
      ctx.eventTimeout(100, 'mark', 'after change');
      ctx.nextState('open');
    });
    await clock.advance(110);
    expect(log).toEqual([
      'quiet in closed',
      'event in closed',
      'inserted in closed',
      'enter open from closed',
      'after change in open',
    ]);
  });

  test('generic timeouts: several by name, neither events nor changes cancel them', async () => {
    const { ref, log, at } = await boxed();
    await at((ctx) => {
      ctx.genericTimeout('a', 100, 'mark', 'a');
      ctx.genericTimeout('b', 100, 'mark', 'b');
      ctx.genericTimeout('c', 100, 'mark', 'c');
      ctx.genericTimeout('b', Number.POSITIVE_INFINITY, 'mark', 'b');
      ctx.genericTimeout('c', 300, 'mark', 'c later');
      ctx.nextState('open');
    });
    cast(ref, 'mark', 'event');
    await clock.advance(110);
    expect(log).toEqual(['enter open from closed', 'event in open', 'a in open']);
    await clock.advance(200);
    expect(log.at(-1)).toBe('c later in open');
  });

  test('timeouts set in enter: the state timeout of the state entered', async () => {
    const { log } = await boxed({ onEnter: (ctx) => ctx.stateTimeout(50, 'mark', 'from enter') });
    await clock.advance(60);
    expect(log).toEqual(['from enter in closed']);
  });
});

describe('an ordinary behaviour', () => {
  test('sys sees state and data and may replace them; terminate and stop as elsewhere', async () => {
    const { ref, log, at } = await boxed();
    expect(await sys.getState(ref)).toMatchObject({ state: 'closed' });
    await sys.replaceState<object>(ref, (m) => ({ ...m, state: 'open' }));
    expect(await call(ref as Ref<BoxP>, 'onlyOpen')).toBe('opened');
    expect(await at((ctx) => ctx.state)).toBe('open');
    expect(log).toEqual([]);
    expect(await call(ref, 'run', (ctx) => ctx.stop('normal', 'bye'))).toBe('bye');
    expect(isAlive(ref)).toBe(false);
  });

  test('terminate gets the data and the reason; formatStatus hides it in reports', async () => {
    const ends: unknown[] = [];
    const Safe = defineMachine<{ boom(): void }, { secret: string }, 'on'>({
      init: () => ({ state: 'on', data: { secret: 's' } }),
      states: {
        on: {
          handle: {
            boom() {
              throw new Error('boom');
            },
          },
        },
      },
      terminate: (data, reason, ctx) => void ends.push([data.secret, reason, ctx.state]),
      formatStatus: ({ state }) => state,
    });
    await stop(await spawn(Safe, undefined), 'shutdown');
    expect(ends).toEqual([['s', 'shutdown', 'on']]);
    cast(await spawn(Safe, undefined), 'boom');
    await settle();
    expect(reports.find((r) => r.kind === 'crash')).toHaveProperty('state', 'on');
  });
});
