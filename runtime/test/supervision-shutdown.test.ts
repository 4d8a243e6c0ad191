/** How supervisors end their children: order, limits, kill, reports (runtime.md 1.7). */
import { describe, expect, test } from 'vitest';
import {
  type AnyRef,
  type ChildOptions,
  call,
  child,
  defineActor,
  exit,
  isAlive,
  type Reason,
  type Ref,
  type Report,
  type Restart,
  type Shutdown,
  spawn,
  startSupervisor,
  stop,
  terminateChild,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { at, probe, SupervisorRig } from './supervisor-support.ts';
import { Probe, type ProbeArg, type ProbeP } from './support.ts';

const rig = new SupervisorRig();
const FOREVER = (): Promise<void> => new Promise(() => {});

const shutdownErrors = (): unknown[] =>
  rig.reports
    .filter((each): each is Extract<Report, { kind: 'childFailed' }> => each.kind === 'childFailed')
    .filter(({ phase }) => phase === 'shutdown')
    .map(({ child, reason }) => [child, reason]);

describe('order and limits', () => {
  test('S:sup_stop_timeout: in reverse start order, one after another, each with its own time', async () => {
    const log: string[] = [];
    const arg = (id: string, work?: () => Promise<void>): ProbeArg => ({
      trap: true,
      terminate: () => {
        log.push(id);
        return work?.();
      },
    });
    const sup = await startSupervisor({
      children: [
        probe('a', arg('a'), { shutdown: 100 }),
        probe('b', arg('b', FOREVER), { shutdown: 300 }),
        probe('c', arg('c', FOREVER), { shutdown: 200 }),
      ],
    });
    const done = stop(sup, 'shutdown');
    await rig.clock.advance(190);
    expect(log).toEqual(['c']);
    await rig.clock.advance(30);
    expect([log, at('c')]).toEqual([['c', 'b'], undefined]);
    await rig.clock.advance(270);
    expect(at('b')).toBeDefined();
    await rig.clock.advance(50);
    await done;
    expect(log).toEqual(['c', 'b', 'a']);
    expect(shutdownErrors()).toEqual([
      ['c', 'killed'],
      ['b', 'killed'],
    ]);
    rig.expectNoneLeft();
  });

  test('S:sup_stop_infinity: an infinite limit waits as long as it takes', async () => {
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const sup = await startSupervisor({
      children: [probe('slow', { trap: true, terminate: () => gate }, { shutdown: 'infinity' })],
    });
    const done = stop(sup, 'shutdown');
    await rig.clock.advance(3_600_000);
    expect(at('slow')).toBeDefined();
    release();
    await done;
    expect(shutdownErrors()).toEqual([]);
    rig.expectNoneLeft();
  });

  test('shutdown 5000: the default limit of a worker', async () => {
    const sup = await startSupervisor({
      children: [probe('stubborn', { trap: true, terminate: FOREVER })],
    });
    const done = stop(sup, 'shutdown');
    await rig.clock.advance(4980);
    expect(at('stubborn')).toBeDefined();
    await rig.clock.advance(50);
    await done;
    rig.expectNoneLeft();
  });

  test('S:sup_stop_brutal_kill: killed at once, terminate does not run', async () => {
    const log: Reason[] = [];
    const watcher = await spawn(Probe, { log });
    const arg: ProbeArg = { trap: true, terminate: (reason) => void log.push(reason) };
    const sup = await startSupervisor({ children: [probe('b', arg, { shutdown: 'brutalKill' })] });
    const ref = at('b') as AnyRef;
    await call(watcher, 'watch', ref);
    await terminateChild(sup, 'b');
    await settle();
    expect(log).toEqual([{ down: 'killed', ref }]);
    expect(shutdownErrors()).toEqual([]);
    await stop(watcher);
    await rig.end(sup);
  });

  test('a child that unlinked itself is waited for on the monitor', async () => {
    const arg: ProbeArg = { trap: true, terminate: FOREVER };
    const sup = await startSupervisor({ children: [probe('naughty', arg, { shutdown: 100 })] });
    await call(at('naughty') as Ref<ProbeP>, 'unlink', sup);
    const done = terminateChild(sup, 'naughty');
    await rig.clock.advance(150);
    expect(await done).toEqual({ ok: true });
    expect(at('naughty')).toBeUndefined();
    await rig.end(sup);
  });

  test('an end of the supervisor that takes long ends it once; its name stays taken until then', async () => {
    const sup = await startSupervisor({
      children: [probe('stubborn', { trap: true, terminate: FOREVER }, { shutdown: 100 })],
    });
    const both = [stop(sup, 'shutdown'), stop(sup, 'shutdown')];
    await rig.clock.advance(50);
    expect(isAlive(sup)).toBe(true);
    await rig.clock.advance(100);
    await Promise.all(both);
    rig.expectNoneLeft();
  });
});

describe('what is reported', () => {
  /** Ends with the reason it was given, whatever it is asked to end with. */
  const Wilful = defineActor<{ ping(): void }, Reason, Reason>({
    init(ctx, reason) {
      ctx.trapExit(true);
      return reason;
    },
    handle: { ping() {} },
    terminate: (reason, _asked, ctx) => ctx.stop(reason),
  });

  async function endWith(reason: Reason, options: ChildOptions<unknown>): Promise<unknown[]> {
    const spec = child('x', Wilful, reason, options as ChildOptions<{ ping(): void }>);
    const sup = await startSupervisor({ children: [spec] });
    await terminateChild(sup, 'x');
    await rig.end(sup);
    return shutdownErrors();
  }

  const odd: Reason = { error: { name: 'Error', message: 'odd' } };
  const cases: [Reason, Restart, Shutdown, boolean][] = [
    ['shutdown', 'permanent', 1000, false],
    ['normal', 'permanent', 1000, true],
    [{ shutdown: 'x' }, 'permanent', 1000, true],
    [odd, 'permanent', 1000, true],
    ['shutdown', 'transient', 1000, false],
    ['normal', 'transient', 1000, false],
    [{ shutdown: 'x' }, 'transient', 1000, false],
    [odd, 'transient', 1000, true],
    ['normal', 'temporary', 1000, false],
    [odd, 'temporary', 'infinity', true],
    ['timeout', 'transient', 'infinity', true],
  ];
  test.each(cases)(
    'end with %j of a %s child (shutdown %j): an error %s',
    async (reason, restart, shutdown, error) => {
      const errors = await endWith(reason, { restart, shutdown });
      expect(errors).toEqual(error ? [['x', reason]] : []);
    },
  );

  test('a different reason does not stop the sequence', async () => {
    const log: string[] = [];
    const crashes: ProbeArg = {
      trap: true,
      terminate: () => {
        throw new Error('terminate failed');
      },
    };
    const sup = await startSupervisor({
      children: [
        probe('a', { trap: true, terminate: () => void log.push('a') }),
        probe('bad', crashes),
      ],
    });
    await rig.end(sup);
    expect(log).toEqual(['a']);
    expect(shutdownErrors()).toMatchObject([['bad', { error: { message: 'terminate failed' } }]]);
  });

  test('dead before it was told to: the reason of the pending exit notice is reported', async () => {
    const sup = await startSupervisor({ children: [probe('a'), probe('b')] });
    // Queued in this order: b's exit notice comes to the supervisor behind the request.
    const done = terminateChild(sup, 'b');
    exit(at('b') as AnyRef, { error: { name: 'Error', message: 'just before' } });
    expect(await done).toEqual({ ok: true });
    expect(shutdownErrors()).toMatchObject([['b', { error: { message: 'just before' } }]]);
    await settle();
    expect([at('a') !== undefined, at('b')]).toEqual([true, undefined]);
    await rig.end(sup);
  });

  test('unlinked and dead before it was told to: noproc is reported', async () => {
    const sup = await startSupervisor({ children: [probe('b')] });
    await call(at('b') as Ref<ProbeP>, 'unlink', sup);
    exit(at('b') as AnyRef, 'kill');
    expect(await terminateChild(sup, 'b')).toEqual({ ok: true });
    expect(shutdownErrors()).toEqual([['b', 'noproc']]);
    await rig.end(sup);
  });
});
