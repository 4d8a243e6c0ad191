/** What runtime.md 2.1 to 2.8 puts in the place of what JavaScript lacks, for one actor. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { erase } from '../core/api.ts';
import { startActor } from '../core/spawn.ts';
import {
  type Behaviour,
  type Clock,
  call,
  cast,
  configureRuntime,
  defineActor,
  exit,
  isAlive,
  processInfo,
  type Report,
  SnapshotKeeper,
  spawn,
  systemClock,
} from '../index.ts';
import { type FakeClock, settle } from '../testkit/index.ts';
import type { Ref } from '../types.ts';
import { onFakeClock, Probe, reasonOf } from './support.ts';

let reports: Report[];
let clock: FakeClock;
beforeEach(() => {
  ({ clock, reports } = onFakeClock());
});
afterEach(() =>
  configureRuntime({
    clock: systemClock,
    payloads: 'share',
    longHandlerMs: Number.POSITIVE_INFINITY,
  }),
);

const gate = () => {
  let open: () => void = () => {};
  const until = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { until, open: () => open() };
};

describe('postpone', () => {
  interface DoorP {
    enter(who: string): string;
    unlock(): void;
    note(what: string): void;
  }
  const Door = defineActor<DoorP, { open: boolean; log: string[] }, string[]>({
    init: (_ctx, log) => ({ open: false, log }),
    handle: {
      enter(s, who, ctx) {
        if (!s.open) {
          ctx.postpone();
          return '';
        }
        s.log.push(who);
        return `welcome ${who}`;
      },
      unlock(s, _a, ctx) {
        s.open = true;
        ctx.resumePostponed();
      },
      note: (s, what) => void s.log.push(what),
    },
    mailbox: { limit: 3 },
  });

  test('postponed messages come back in their order, before what is queued; calls are answered then', async () => {
    const log: string[] = [];
    const door = await spawn(Door, log);
    const ann = call(door, 'enter', 'ann');
    const bob = call(door, 'enter', 'bob');
    await settle();
    expect(processInfo(door)).toMatchObject({ postponed: 2, mailboxLength: 0 });
    cast(door, 'unlock');
    cast(door, 'note', 'after');
    expect(await Promise.all([ann, bob])).toEqual(['welcome ann', 'welcome bob']);
    await settle();
    expect(log).toEqual(['ann', 'bob', 'after']);
  });

  test('postpone is bounded by the mailbox limit; a postponed call whose time is over is not handled', async () => {
    const log: string[] = [];
    const door = await spawn(Door, log);
    const waiting = ['a', 'b', 'c'].map((who) =>
      reasonOf(call(door, 'enter', who, { timeoutMs: 50 })),
    );
    await clock.advance(60);
    expect(await Promise.all(waiting)).toEqual(['timeout', 'timeout', 'timeout']);
    const crash = await reasonOf(call(door, 'enter', 'd'));
    expect(crash).toMatchObject({
      error: { name: 'ActorError', message: /postpone: mailboxFull/ },
    });
    expect(isAlive(door)).toBe(false);
    expect(log).toEqual([]);
  });

  test('the actor ends: postponed calls fail with its reason', async () => {
    const door = await spawn(Door, []);
    const ann = reasonOf(call(door, 'enter', 'ann'));
    await settle();
    exit(door, 'kill');
    expect(await ann).toBe('killed');
  });

  test('postpone of a notice: TypeError', async () => {
    let seen: unknown;
    const Watcher = defineActor<{ watch(ref: Ref<unknown>): void }, null>({
      init: () => null,
      handle: { watch: (_s, ref, ctx) => void ctx.monitor(ref) },
      onDown(_s, _down, ctx) {
        try {
          ctx.postpone();
        } catch (error) {
          seen = error;
        }
      },
    });
    const watcher = await spawn(Watcher, undefined);
    const other = await spawn(Probe, {});
    await call(watcher, 'watch', other);
    exit(other, 'kill');
    await settle();
    expect(seen).toBeInstanceOf(TypeError);
  });
});

describe('concurrent ops', () => {
  interface StoreP {
    write(until: Promise<void>): void;
    read(): string;
    readSlow(until: Promise<void>): string;
    log(what: string): void;
    crashAside(): void;
  }
  const Store = defineActor<StoreP, string[], string[]>({
    init: (_ctx, log) => log,
    handle: {
      async write(log, until) {
        log.push('write');
        await until;
        log.push('written');
      },
      read: () => 'read',
      async readSlow(_log, until) {
        await until;
        return 'slow';
      },
      log: (log, what) => void log.push(what),
      crashAside() {
        throw new Error('aside');
      },
    },
    concurrent: ['read', 'readSlow', 'crashAside'],
  });

  test('a concurrent op runs while another awaits; an exclusive one waits', async () => {
    const log: string[] = [];
    const ref = await spawn(Store, log);
    const { until, open } = gate();
    const written = call(ref, 'write', until);
    expect(await call(ref, 'read')).toBe('read');
    cast(ref, 'log', 'exclusive');
    await settle();
    expect(log).toEqual(['write']);
    open();
    await written;
    await settle();
    expect(log).toEqual(['write', 'written', 'exclusive']);
  });

  test('it does not overtake an exclusive message queued before it', async () => {
    const log: string[] = [];
    const ref = await spawn(Store, log);
    const { until, open } = gate();
    cast(ref, 'write', until);
    cast(ref, 'log', 'first');
    const read = call(ref, 'read').then(() => log.push('read'));
    await settle();
    expect(log).toEqual(['write']);
    open();
    await read;
    expect(log).toEqual(['write', 'written', 'first', 'read']);
  });

  test('one that awaits itself keeps nobody out, each caller gets its own answer', async () => {
    const ref = await spawn(Store, []);
    const [one, two, hold] = [gate(), gate(), gate()];
    const writing = call(ref, 'write', hold.until);
    const first = call(ref, 'readSlow', one.until);
    const second = call(ref, 'readSlow', two.until);
    two.open();
    expect(await second).toBe('slow');
    hold.open();
    await writing;
    one.open();
    expect(await first).toBe('slow');
  });

  test('a crash aside ends the actor: the one that awaits and the slow reader are told', async () => {
    const ref = await spawn(Store, []);
    const hold = gate();
    const writing = reasonOf(call(ref, 'write', hold.until));
    const reading = reasonOf(call(ref, 'readSlow', hold.until));
    await settle();
    const crash = await reasonOf(call(ref, 'crashAside'));
    expect(crash).toMatchObject({ error: { message: 'aside' } });
    expect([await writing, await reading]).toEqual([crash, crash]);
  });

  test('an op that is none: TypeError that names it', () => {
    const bad = { init: () => null, handle: { a() {} }, concurrent: ['b'] };
    expect(() => defineActor(bad as unknown as Behaviour<{ a(): void }, null, undefined>)).toThrow(
      /concurrent: got b/,
    );
  });
});

describe('limits of handlers', () => {
  test('maxHandlerMs: an async handler over it is killed and reported, one that ends is not', async () => {
    const Limited = defineActor<{ wait(until: Promise<void>): void }, null>({
      name: 'limited',
      init: () => null,
      handle: { wait: (_s, until) => until },
      maxHandlerMs: 100,
    });
    const ref = await spawn(Limited, undefined);
    const { until, open } = gate();
    const quick = reasonOf(call(ref, 'wait', until));
    open();
    await clock.advance(500);
    expect(await quick).toBe('resolved');
    const slow = reasonOf(call(ref, 'wait', new Promise<void>(() => undefined)));
    await clock.advance(110);
    expect(await slow).toBe('killed');
    expect(reports).toMatchObject([{ kind: 'handlerTimeout', ref, op: 'wait', tookMs: 100 }]);
  });

  /** A clock that handlers can move: time passes while they run. */
  class WorkClock implements Clock {
    at = 5000;
    now = () => this.at;
    monotonic = () => this.at;
    setTimeout = () => ({}) as never;
    clearTimeout = () => undefined;
  }

  test('longHandlerMs: a synchronous handler over it is reported with actor and op, others are timed', async () => {
    const work = new WorkClock();
    configureRuntime({ clock: work, longHandlerMs: 50 });
    const ref = await spawn(Probe, {});
    await call(ref, 'run', () => {
      work.at += 20;
    });
    expect(reports).toEqual([]);
    await call(ref, 'run', () => {
      work.at += 70;
    });
    expect(reports).toMatchObject([
      { kind: 'longHandler', ref, actor: 'probe', op: 'run', tookMs: 70 },
    ]);
    expect(processInfo(ref)).toMatchObject({ handlerTimeMs: 90, longestHandlerMs: 70 });
    expect(() => configureRuntime({ longHandlerMs: 0 })).toThrow(RangeError);
  });
});

describe('payload modes', () => {
  test('clone: sender and receiver share nothing, replies neither; functions go by reference', async () => {
    configureRuntime({ payloads: 'clone' });
    const log: unknown[] = [];
    const ref = await spawn(Probe, { log });
    const sent = { list: [1], map: new Map([['k', { deep: 1 }]]), bytes: new Uint8Array([1]) };
    cast(ref, 'log', sent);
    sent.list.push(2);
    const answer = (await call(ref, 'echo', sent)) as typeof sent;
    expect(log[0]).toEqual({ ...sent, list: [1] });
    expect(answer).toEqual(sent);
    expect(answer.map.get('k')).not.toBe(sent.map.get('k'));
    const fn = () => 1;
    expect(await call(ref, 'echo', fn)).toBe(fn);
  });

  test('clone: circles and shared parts keep their shape', async () => {
    configureRuntime({ payloads: 'clone' });
    const ref = await spawn(Probe, {});
    const circle: { self?: unknown; a: object; b: object } = { a: {}, b: {} };
    circle.b = circle.a;
    circle.self = circle;
    const answer = (await call(ref, 'echo', circle)) as typeof circle;
    expect(answer).not.toBe(circle);
    expect(answer.self).toBe(answer);
    expect(answer.b).toBe(answer.a);
  });

  test('freeze: a change after sending throws, for the sender and the receiver', async () => {
    configureRuntime({ payloads: 'freeze' });
    const ref = await spawn(Probe, {});
    const sent = { deep: { n: 1 } };
    cast(ref, 'log', sent);
    expect(() => {
      sent.deep.n = 2;
    }).toThrow(TypeError);
    expect(Object.isFrozen(await call(ref, 'echo', { a: [1] }))).toBe(true);
  });
});

describe('snapshots', () => {
  interface CountP {
    inc(): void;
    get(): number;
    keep(): boolean;
    crash(): void;
    stop(): void;
  }
  const behaviour = (over: object = {}) =>
    defineActor<CountP, { n: number }, number>({
      init: (_ctx, n) => ({ n }),
      handle: {
        inc: (s) => void s.n++,
        get: (s) => s.n,
        keep: (_s, _a, ctx) => ctx.snapshot(),
        crash() {
          throw new Error('crash');
        },
        stop: (_s, _a, ctx) => ctx.stop('normal'),
      },
      snapshot: (s) => ({ n: s.n }),
      restore: (_ctx, _arg, snap) => ({ n: (snap as { n: number }).n }),
      ...over,
    });
  const start = (from: ReturnType<typeof behaviour>, keeper: SnapshotKeeper) =>
    startActor(erase(from), 0, { snapshots: keeper }).ref as Ref<CountP>;

  test('snapshotEvery.messages: after a crash restore runs with the latest instead of init', async () => {
    const keeper = new SnapshotKeeper();
    const Count = behaviour({ snapshotEvery: { messages: 2 } });
    const ref = start(Count, keeper);
    for (let i = 0; i < 5; i++) await call(ref, 'inc');
    expect(keeper.kept).toEqual([{ n: 4 }, { n: 2 }]);
    await reasonOf(call(ref, 'crash'));
    expect(await call(start(Count, keeper), 'get')).toBe(4);
  });

  test('snapshotEvery.ms: with the first message after the time', async () => {
    const keeper = new SnapshotKeeper();
    const ref = start(behaviour({ snapshotEvery: { ms: 100 } }), keeper);
    await call(ref, 'inc');
    expect(keeper.kept).toEqual([]);
    await clock.advance(110);
    await call(ref, 'inc');
    await call(ref, 'inc');
    expect(keeper.kept).toEqual([{ n: 2 }]);
  });

  test('on request; what is no plain data is not kept; without a keeper false', async () => {
    const keeper = new SnapshotKeeper();
    expect(await call(start(behaviour(), keeper), 'keep')).toBe(true);
    expect(keeper.kept).toEqual([{ n: 0 }]);
    const odd = start(behaviour({ snapshot: () => () => 1 }), keeper);
    expect(await call(odd, 'keep')).toBe(false);
    expect(keeper.kept).toEqual([{ n: 0 }]);
    expect(await call(await spawn(behaviour(), 0), 'keep')).toBe(false);
  });

  test('restore that fails: the older one, then plain init; the start succeeds', async () => {
    const keeper = new SnapshotKeeper();
    keeper.put({ n: 1 });
    keeper.put({ n: 2 });
    const picky = (least: number) =>
      behaviour({
        restore: async (_ctx: unknown, _arg: unknown, snap: { n: number }) => {
          if (snap.n >= least) throw new Error('bad snapshot');
          return { n: snap.n };
        },
      });
    expect(await call(start(picky(2), keeper), 'get')).toBe(1);
    expect(await call(start(picky(1), keeper), 'get')).toBe(0);
  });

  test('a wanted end clears them: the next life begins with init', async () => {
    const keeper = new SnapshotKeeper();
    const ref = start(behaviour(), keeper);
    await call(ref, 'keep');
    await reasonOf(call(ref, 'stop'));
    expect(keeper.kept).toEqual([]);
  });
});
