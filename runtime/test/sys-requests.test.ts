/** sys and processInfo (runtime.md 1.16; section 4: G:get_state, call_format_status, suspend and resume). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  call,
  cast,
  configureRuntime,
  counters,
  defineActor,
  exit,
  isAlive,
  name,
  processInfo,
  type Ref,
  type Report,
  type SystemEvent,
  spawn,
  stop,
  sys,
  systemClock,
  tree,
} from '../index.ts';
import { type FakeClock, settle } from '../testkit/index.ts';
import { onFakeClock, Probe, type ProbeP, reasonOf } from './support.ts';

let reports: Report[];
let clock: FakeClock;
beforeEach(() => {
  ({ clock, reports } = onFakeClock());
});
afterEach(() => configureRuntime({ clock: systemClock }));

interface CountP {
  inc(by: number): number;
  get(): number;
  tell(to: Ref<ProbeP>): void;
  wait(until: Promise<void>): void;
}
interface CountState {
  n: number;
  secret?: string;
}
const Count = defineActor<CountP, CountState, number>({
  name: 'count',
  init: (_ctx, n) => ({ n, secret: 'hunter2' }),
  handle: {
    inc: (s, by) => {
      s.n += by;
      return s.n;
    },
    get: (s) => s.n,
    tell: (_s, to, ctx) => ctx.cast(to, 'log', 'told'),
    wait: (_s, until) => until,
  },
  formatStatus: (s) => ({ n: s.n }),
});

describe('state', () => {
  test('G:get_state: by ref and by name, also while suspended', async () => {
    const ref = await spawn(Count, 1, { name: name('counted') });
    expect(await sys.getState(ref)).toMatchObject({ n: 1 });
    await sys.suspend(ref);
    expect(await sys.getState(name('counted'))).toMatchObject({ n: 1 });
    await stop(ref);
  });

  test('replaceState: the function gives the new state, also while suspended', async () => {
    const ref = await spawn(Count, 1);
    await sys.suspend(ref);
    expect(await sys.replaceState<CountState>(ref, (s) => ({ n: s.n + 10 }))).toEqual({ n: 11 });
    await sys.resume(ref);
    expect(await call(ref, 'get')).toBe(11);
  });

  test('replaceState: a throw is callbackFailed and leaves the state and the actor as they were', async () => {
    const ref = await spawn(Count, 1);
    const failed = await reasonOf(
      sys.replaceState(ref, () => {
        throw new Error('oops');
      }),
    );
    expect(failed).toMatchObject({ error: { name: 'callbackFailed', message: 'oops' } });
    expect(await call(ref, 'get')).toBe(1);
    expect(reports).toEqual([]);
  });

  test('G:call_format_status, getStatus: who it is, running or suspended, state through formatStatus', async () => {
    const ref = await spawn(Count, 1, { name: name('counted') });
    await sys.log(ref, 'on');
    const status = await sys.getStatus(ref);
    expect(status).toEqual({
      ref,
      name: 'counted',
      behaviour: 'count',
      status: 'running',
      parent: 0,
      debug: ['log'],
      state: { n: 1 },
    });
    await sys.suspend(ref);
    expect((await sys.getStatus(ref)).status).toBe('suspended');
    await stop(ref);
  });
});

describe('requests', () => {
  test('they go ahead of a full mailbox', async () => {
    const ref = await spawn(Count, 0);
    for (let i = 0; i < 5000; i++) cast(ref, 'inc', 1);
    // The state itself goes on changing; formatStatus made a copy.
    expect((await sys.getStatus(ref)).state).toEqual({ n: 0 });
    expect(await call(ref, 'get')).toBe(5000);
  });

  test('while a handler awaits they wait for its end; their time limit is kept', async () => {
    const ref = await spawn(Count, 3);
    let open: () => void = () => {};
    cast(
      ref,
      'wait',
      new Promise<void>((resolve) => {
        open = resolve;
      }),
    );
    await settle();
    const short = reasonOf(sys.getState(ref, { timeoutMs: 50 }));
    const long = sys.getState(ref);
    await clock.advance(60);
    expect(await short).toBe('timeout');
    open();
    expect(await long).toMatchObject({ n: 3 });
    expect(() => sys.getState(ref, { timeoutMs: 0 })).toThrow(RangeError);
  });

  test('the dead are noproc; one that ends with requests waiting fails them with its reason', async () => {
    const ref = await spawn(Count, 0);
    cast(ref, 'wait', new Promise<void>(() => undefined));
    await settle();
    const waiting = reasonOf(sys.getState(ref));
    exit(ref, 'kill');
    expect(await waiting).toBe('killed');
    expect(await reasonOf(sys.getState(ref))).toBe('noproc');
    expect(await reasonOf(sys.suspend(name('nobody')))).toBe('noproc');
  });

  test('of oneself: callingSelf', async () => {
    const ref = await spawn(Probe, {});
    expect(await call(ref, 'run', (ctx) => reasonOf(sys.getState(ctx.self)))).toBe('callingSelf');
  });

  test('terminate: through terminate with its reason, also while suspended', async () => {
    const ends: unknown[] = [];
    const ref = await spawn(Probe, { terminate: (r) => void ends.push(r) });
    await sys.suspend(ref);
    await sys.terminate(ref, 'shutdown');
    await settle();
    expect(isAlive(ref)).toBe(false);
    expect(ends).toEqual(['shutdown']);
  });
});

describe('suspend and resume', () => {
  test('the mailbox keeps filling, nothing is handled; suspend twice is one suspend', async () => {
    const ref = await spawn(Count, 0);
    await sys.suspend(ref);
    await sys.suspend(ref);
    for (let i = 0; i < 3; i++) cast(ref, 'inc', 1);
    const got = call(ref, 'get');
    await settle();
    expect(processInfo(ref)).toMatchObject({ mailboxLength: 4, status: 'suspended' });
    // Nor does it keep the scheduler busy with what it must not handle.
    const { drains } = counters();
    await settle();
    expect(counters().drains).toBe(drains);
    await sys.resume(ref);
    expect(await got).toBe(3);
  });

  test('signals and the death of the parent act while suspended; timers wait', async () => {
    const log: unknown[] = [];
    const ref = await spawn(Probe, { log });
    await call(ref, 'run', (ctx) => ctx.timer('t', 10, 'log', 'tick'));
    await sys.suspend(ref);
    await clock.advance(100);
    expect(log).toEqual([]);
    await sys.resume(ref);
    await settle();
    expect(log).toEqual(['tick']);
    const ends: unknown[] = [];
    const parent = await spawn(Probe, {});
    const child = (await call(parent, 'run', (ctx) =>
      ctx.spawnLink(Probe, { trap: true, terminate: (r) => void ends.push(r) }),
    )) as Ref<ProbeP>;
    await sys.suspend(child);
    await sys.suspend(ref);
    exit(ref, 'shutdown');
    exit(parent, 'kill');
    await settle();
    expect([isAlive(ref), isAlive(child)]).toEqual([false, false]);
    expect(ends).toEqual(['killed']);
  });

  test('stop works on a suspended actor', async () => {
    const ref = await spawn(Count, 0);
    await sys.suspend(ref);
    await stop(ref, 'shutdown');
    expect(isAlive(ref)).toBe(false);
  });

  test('replaceBehaviour: only while suspended; state converted, messages go to the new one', async () => {
    const ref = await spawn(Count, 5);
    const Next = defineActor<CountP, { total: number }, number>({
      name: 'count-2',
      init: (_ctx, total) => ({ total }),
      handle: {
        inc: (s, by) => {
          s.total += by * 100;
          return s.total;
        },
        get: (s) => s.total,
        tell() {},
        wait: (_s, until) => until,
      },
    });
    const convert = (s: unknown) => ({ total: (s as { n: number }).n });
    const refused = await reasonOf(sys.replaceBehaviour(ref, Next, convert));
    expect(refused).toMatchObject({ error: { name: 'notSuspended' } });
    await sys.suspend(ref);
    const bad = sys.replaceBehaviour(ref, Next, () => {
      throw new Error('no');
    });
    expect(await reasonOf(bad)).toMatchObject({ error: { name: 'callbackFailed' } });
    expect((await sys.getStatus(ref)).behaviour).toBe('count');
    await sys.replaceBehaviour(ref, Next, convert);
    await sys.resume(ref);
    expect(await call(ref, 'inc', 1)).toBe(105);
    expect(processInfo(ref)?.behaviour).toBe('count-2');
  });
});

describe('debugging', () => {
  test('statistics: on, get, off', async () => {
    const ref = await spawn(Count, 0);
    const probe = await spawn(Probe, {});
    expect(await sys.statistics(ref, 'get')).toBe('noStatistics');
    expect(await sys.statistics(ref, true)).toBe('ok');
    const startTime = clock.now();
    await call(ref, 'inc', 1);
    cast(ref, 'tell', probe);
    await clock.advance(1000);
    const got = await sys.statistics(ref, 'get');
    expect(got).toMatchObject({ startTime, messagesIn: 2, messagesOut: 2, reductions: 0 });
    expect((got as { currentTime: number }).currentTime).toBe(startTime + 1000);
    await sys.statistics(ref, 'off');
    expect(await sys.statistics(ref, 'get')).toBe('noStatistics');
  });

  test('log: the last events, 10 by default, n if asked; off forgets them', async () => {
    const ref = await spawn(Count, 0);
    await sys.log(ref, 3);
    await call(ref, 'inc', 1);
    await call(ref, 'inc', 2);
    const events = await sys.log(ref, 'get');
    expect(events.map(({ kind }) => kind)).toEqual(['in', 'reply', 'state']);
    expect(events[0]).toEqual({ kind: 'in', op: 'inc', arg: 2, isCall: true });
    await sys.log(ref, 'on');
    for (let i = 0; i < 20; i++) await call(ref, 'get');
    expect(await sys.log(ref, 'get')).toHaveLength(10);
    await sys.log(ref, false);
    expect(await sys.log(ref, 'get')).toEqual([]);
    expect(() => sys.log(ref, 0)).toThrow(RangeError);
  });

  test('trace: each message in and out and each state is reported, until it is off', async () => {
    const ref = await spawn(Count, 0);
    const probe = await spawn(Probe, {});
    await sys.trace(ref, true);
    cast(ref, 'tell', probe);
    await settle();
    const told = reports.filter((r) => r.kind === 'trace').map((r) => r.event);
    expect(told).toEqual([
      expect.stringMatching(/^in tell/),
      expect.stringMatching(/^out log "told" to/),
      expect.stringMatching(/^state /),
    ]);
    await sys.trace(ref, false);
    await call(ref, 'get');
    expect(reports).toHaveLength(3);
  });

  test('install: sees events with its state, done and a throw remove it, remove takes it away', async () => {
    const ref = await spawn(Count, 0);
    const seen: unknown[] = [];
    const counting = (n: number, event: SystemEvent): number | 'done' => {
      seen.push([n, event.kind]);
      return n === 2 ? 'done' : n + 1;
    };
    await sys.install(ref, counting, 0);
    await sys.install(ref, counting, 0);
    await call(ref, 'get');
    await call(ref, 'get');
    expect(seen).toEqual([
      [0, 'in'],
      [1, 'reply'],
      [2, 'state'],
    ]);
    const failing = (): never => {
      throw new Error('debug');
    };
    await sys.install(ref, failing, null);
    expect(await call(ref, 'get')).toBe(0);
    expect((await sys.getStatus(ref)).debug).toEqual([]);
    seen.length = 0;
    await sys.install(ref, counting, 0, { id: 'mine' });
    await sys.remove(ref, 'mine');
    await call(ref, 'get');
    expect(seen).toEqual([]);
  });
});

describe('processInfo', () => {
  test('every key of an actor and its ancestors; undefined for the dead', async () => {
    const grandparent = await spawn(Probe, {});
    const parent = (await call(grandparent, 'run', (ctx) => ctx.spawn(Probe, {}))) as Ref<ProbeP>;
    const ref = (await call(parent, 'run', (ctx) =>
      ctx.spawnLink(Probe, { trap: true }, { name: name('info') }),
    )) as Ref<ProbeP>;
    const other = await spawn(Probe, {});
    await call(ref, 'run', (ctx) => {
      ctx.label('a label');
      ctx.monitor(other);
      ctx.cast(other, 'log', 1);
    });
    expect(processInfo(ref)).toMatchObject({
      ref,
      name: 'info',
      label: 'a label',
      behaviour: 'probe',
      parent,
      ancestors: [parent, grandparent],
      links: [parent],
      monitors: 1,
      monitoredBy: 0,
      trapExit: true,
      status: 'idle',
      mailboxLength: 0,
      mailboxLimit: 10_000,
      dropped: 0,
      messagesIn: 1,
      messagesOut: 1,
      thread: 'main',
      startedAt: clock.now(),
      restarts: 0,
      currentOpAgeMs: 0,
    });
    expect(processInfo(ref)?.memoryBytes).toBeGreaterThan(0);
    const root = tree().find((node) => node.ref === grandparent);
    expect(root).toMatchObject({ children: [{ children: [{ ref }] }] });
    await stop(ref);
    expect(processInfo(ref)).toBeUndefined();
  });

  test('status: awaiting with the op and its age, runnable while queued', async () => {
    const ref = await spawn(Count, 0);
    cast(ref, 'wait', new Promise<void>(() => undefined));
    expect(processInfo(ref)?.status).toBe('runnable');
    await settle();
    await clock.advance(500);
    expect(processInfo(ref)).toMatchObject({
      status: 'awaiting',
      currentOp: 'wait',
      currentOpAgeMs: 500,
    });
    exit(ref, 'kill');
    expect(counters().actors).toBeGreaterThanOrEqual(0);
  });
});
