/** Entities on one thread: activation, passivation, crash and restart intensity. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type AnyRef,
  call,
  cast,
  configureRuntime,
  defineActor,
  entity,
  exit,
  hostEntity,
  NOREPLY,
  type Report,
  stop,
  systemClock,
  whereis,
} from '../index.ts';
import { type FakeClock, settle } from '../testkit/index.ts';
import { onFakeClock, reasonOf } from './support.ts';

interface RoomP {
  add(n: number): number;
  leave(): void;
  crash(): void;
  hold(): number;
  slow(until: Promise<unknown>): void;
}

let reports: Report[];
let clock: FakeClock;
let host: AnyRef | undefined;
let log: unknown[];
beforeEach(() => {
  ({ clock, reports } = onFakeClock());
  log = [];
});
afterEach(async () => {
  if (host !== undefined) await stop(host).catch(() => undefined);
  configureRuntime({ clock: systemClock });
});

interface Options {
  readonly init?: (key: number) => unknown;
  readonly terminate?: () => void | Promise<void>;
  readonly keep?: boolean;
  readonly intensity?: number;
  readonly period?: number;
}

const hostRooms = async (options: Options = {}): Promise<void> => {
  const Room = defineActor<RoomP, { n: number }, number>({
    name: 'room',
    async init(ctx, key) {
      log.push(['init', key]);
      ctx.trapExit(true);
      await options.init?.(key);
      return { n: 0 };
    },
    handle: {
      add(s, n) {
        s.n += n;
        return s.n;
      },
      leave: (_s, _a, ctx) => ctx.stop('normal'),
      crash() {
        throw new Error('room crashed');
      },
      hold: () => NOREPLY,
      async slow(_s, until) {
        await until;
      },
    },
    terminate(s, reason) {
      log.push(['end', s.n, typeof reason === 'string' ? reason : 'error']);
      return options.terminate?.();
    },
    mayPassivate: () => options.keep !== true,
  });
  const { intensity = 3, period = 5 } = options;
  host = await hostEntity('room', {
    behaviour: Room,
    arg: (key) => key,
    idleMs: 1000,
    intensity,
    period,
  });
};
const room = (key: number) => entity<RoomP>('room', key);

describe('activation', () => {
  test('first use starts it, messages during its init wait, there is one activation per key', async () => {
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    await hostRooms({ init: () => gate });
    const calls = Promise.all(Array.from({ length: 50 }, () => call(room(1), 'add', 1)));
    cast(room(2), 'add', 1);
    await settle();
    open();
    expect((await calls).at(-1)).toBe(50);
    expect(log).toEqual([
      ['init', 1],
      ['init', 2],
    ]);
  });

  test('a type nobody hosts: noproc; hosted twice: alreadyStarted', async () => {
    expect(await reasonOf(call(entity<RoomP>('nothing', 1), 'add', 1))).toBe('noproc');
    await hostRooms();
    const again = hostRooms();
    expect(await reasonOf(again)).toHaveProperty('alreadyStarted');
  });

  test('host stopped: its entities end through terminate, the type is free again', async () => {
    await hostRooms();
    await call(room(1), 'add', 7);
    await stop(host as AnyRef);
    expect(log).toEqual([
      ['init', 1],
      ['end', 7, 'shutdown'],
    ]);
    expect(await reasonOf(call(room(1), 'add', 1))).toBe('noproc');
    await hostRooms();
    expect(await call(room(1), 'add', 1)).toBe(1);
  });
});

describe('passivation', () => {
  test('idle: ends normal, the next message starts it again', async () => {
    await hostRooms();
    await call(room(1), 'add', 3);
    await clock.advance(900);
    expect(whereis(room(1))).toBeDefined();
    await clock.advance(600);
    expect(whereis(room(1))).toBeUndefined();
    expect(await call(room(1), 'add', 1)).toBe(1);
    expect(log).toEqual([
      ['init', 1],
      ['end', 3, 'normal'],
      ['init', 1],
    ]);
  });

  test('not while a call waits for its answer, a handler runs or mayPassivate refuses', async () => {
    await hostRooms();
    const held = reasonOf(call(room(1), 'hold', undefined, { timeoutMs: 60_000 }));
    cast(room(2), 'slow', new Promise(() => {}));
    await clock.advance(5000);
    expect(whereis(room(1))).toBeDefined();
    expect(whereis(room(2))).toBeDefined();
    exit(whereis(room(1)) as AnyRef, 'kill');
    exit(whereis(room(2)) as AnyRef, 'kill');
    expect(await held).toBe('killed');
    await stop(host as AnyRef);
    await hostRooms({ keep: true });
    await call(room(3), 'add', 1);
    await clock.advance(5000);
    expect(whereis(room(3))).toBeDefined();
  });

  test('messages that arrive while it ends go to the next activation, in order', async () => {
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    await hostRooms({ terminate: () => gate });
    await call(room(1), 'add', 5);
    const left = reasonOf(call(room(1), 'leave'));
    await settle();
    const later = [call(room(1), 'add', 10), call(room(1), 'add', 1)];
    await settle();
    open();
    expect(await Promise.all(later)).toEqual([10, 11]);
    expect(await left).toBe('normal');
    expect(log).toEqual([
      ['init', 1],
      ['end', 5, 'normal'],
      ['init', 1],
    ]);
    expect(reports).toEqual([]);
  });

  test('an init that stops normal with mail waiting does not start over and over', async () => {
    const Shy = defineActor<{ hi(): void }, null, null>({
      init: (ctx) => ctx.stop('normal'),
      handle: { hi() {} },
    });
    host = await hostEntity('shy', { behaviour: Shy, arg: () => null, idleMs: 1000 });
    expect(await reasonOf(call(entity<{ hi(): void }>('shy', 1), 'hi'))).toBe('normal');
  });
});

describe('crash', () => {
  test('starts again with the next message; callers of the crash get its reason', async () => {
    await hostRooms();
    await call(room(1), 'add', 3);
    expect(await reasonOf(call(room(1), 'crash'))).toMatchObject({
      error: { message: 'room crashed' },
    });
    expect(await call(room(1), 'add', 1)).toBe(1);
  });

  test('one that is killed is reported as a failed child of its host', async () => {
    await hostRooms();
    await call(room(3), 'add', 1);
    exit(whereis(room(3)) as AnyRef, 'kill');
    const failed = reports.filter(({ kind }) => kind === 'childFailed');
    expect(failed).toMatchObject([
      { supervisor: 'room', child: '3', phase: 'exit', reason: 'killed' },
    ]);
  });

  test('over its intensity a key is unavailable until the window has passed, others are not', async () => {
    await hostRooms({ intensity: 2, period: 5 });
    for (let i = 0; i < 3; i++) await reasonOf(call(room(1), 'crash'));
    expect(await reasonOf(call(room(1), 'add', 1))).toBe('unavailable');
    expect(await call(room(2), 'add', 1)).toBe(1);
    expect(reports.filter(({ kind }) => kind === 'entityUnavailable')).toMatchObject([
      { type: 'room', key: 1 },
    ]);
    await clock.advance(7000);
    expect(await call(room(1), 'add', 1)).toBe(1);
  });

  test('an init that fails counts too, and fails its callers with the reason', async () => {
    let fail = true;
    await hostRooms({
      intensity: 1,
      init: () => {
        if (fail) throw new Error('store away');
      },
    });
    for (let i = 0; i < 2; i++) {
      expect(await reasonOf(call(room(1), 'add', 1))).toMatchObject({
        error: { message: 'store away' },
      });
    }
    expect(await reasonOf(call(room(1), 'add', 1))).toBe('unavailable');
    fail = false;
    await clock.advance(7000);
    expect(await call(room(1), 'add', 1)).toBe(1);
  });
});
