/** Names as destinations: through a registry and through a name service of the user; starting with them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  at,
  call,
  cast,
  child,
  counters,
  defineActor,
  defineNameService,
  exit,
  IGNORE,
  isAlive,
  type Key,
  type Name,
  name,
  type Ref,
  type Registry,
  registryAt,
  spawn,
  startRegistry,
  startSupervisor,
  stop,
  terminateChild,
  via,
  whereis,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { collectReports, Probe, type ProbeP, reasonOf } from './support.ts';

interface CounterP {
  inc(by: number): void;
  get(): number;
  crash(): void;
}
let inits = 0;
const Counter = defineActor<CounterP, { n: number }, number>({
  name: 'counter',
  init(_ctx, n) {
    inits++;
    return { n };
  },
  handle: {
    inc: (s, by) => {
      s.n += by;
    },
    get: (s) => s.n,
    crash() {
      throw new Error('counter crashed');
    },
  },
});

let rooms: Registry<CounterP, string | undefined>;
beforeEach(async () => {
  collectReports();
  inits = 0;
  rooms = await startRegistry({ name: 'rooms', keys: 'unique', partitions: 4 });
});
afterEach(async () => {
  const ref = whereis(name('rooms'));
  if (ref !== undefined) await reasonOf(stop(ref, 'shutdown'));
});

describe('registry names', () => {
  test('R:via callbacks: register, whereis, send, unregister', async () => {
    const lobby = rooms.name('lobby');
    expect(whereis(lobby)).toBeUndefined();
    const c = await spawn(Counter, 1);
    rooms.register(c, 'lobby', undefined);
    expect(whereis(lobby)).toBe(c);
    cast(lobby, 'inc', 2);
    expect(await call(lobby, 'get')).toBe(3);
    rooms.unregister(c, 'lobby');
    expect(whereis(lobby)).toBeUndefined();
    expect(await reasonOf(call(lobby, 'get'))).toBe('noproc');
    const before = counters().deadLetters;
    cast(lobby, 'inc', 1);
    expect(counters().deadLetters).toBe(before + 1);
    expect(isAlive(c)).toBe(true);
  });

  test('R:via callbacks: the name is plain data', async () => {
    const c = await spawn(Counter, 5, { name: rooms.name('lobby') });
    const copy = JSON.parse(JSON.stringify(rooms.name('lobby'))) as Name<CounterP>;
    expect(await call(copy, 'get')).toBe(5);
    expect(whereis(registryAt('main', 'rooms', 'lobby'))).toBe(c);
    expect(await reasonOf(call(registryAt<CounterP>('main', 'none', 'lobby'), 'get'))).toBe(
      'noproc',
    );
    expect(await reasonOf(call(registryAt<CounterP>('no-slot', 'rooms', 'x'), 'get'))).toBe(
      'noproc',
    );
  });

  test('R:via callbacks: monitor and stop by the name, the notice carries it', async () => {
    await spawn(Counter, 1, { name: rooms.name('lobby') });
    const downs: unknown[] = [];
    const Watcher = defineActor<{ go(): void }, null>({
      init(ctx) {
        ctx.monitor(rooms.name('lobby'));
        ctx.monitor(rooms.name('nobody'));
        return null;
      },
      handle: { go() {} },
      onDown: (_s, { name: given, reason }) => void downs.push([given?.key, reason]),
    });
    await spawn(Watcher, undefined);
    await stop(rooms.name('lobby'));
    await settle();
    expect(downs).toEqual([
      ['nobody', 'noproc'],
      ['lobby', 'normal'],
    ]);
    expect(rooms.count()).toBe(0);
    expect(await reasonOf(stop(rooms.name('lobby')))).toBe('noproc');
  });

  test('spawn: a taken registry name, alreadyStarted(ref) and init never runs', async () => {
    const c = await spawn(Counter, 1, { name: rooms.name('lobby', 'the value') });
    expect(rooms.lookup('lobby')).toEqual([{ key: 'lobby', ref: c, value: 'the value' }]);
    expect(await reasonOf(spawn(Counter, 2, { name: rooms.name('lobby') }))).toEqual({
      alreadyStarted: c,
    });
    expect(inits).toBe(1);
    await stop(c);
    const next = await spawn(Counter, 2, { name: rooms.name('lobby') });
    expect([whereis(rooms.name('lobby')), inits]).toEqual([next, 2]);
  });

  test('G:otp_7669 after ignore or a failed init the registry name is free when start returns, 100 times', async () => {
    const options = { name: rooms.name('lobby') };
    const seen: unknown[] = [];
    const Failing = defineActor<CounterP, { n: number }, 'ignore' | 'throw' | 'stop'>({
      init(ctx, how) {
        seen.push(whereis(rooms.name('lobby')) === ctx.self);
        if (how === 'throw') throw new Error('no');
        if (how === 'stop') ctx.stop('shutdown');
        return IGNORE;
      },
      handle: Counter.handle,
    });
    for (let i = 0; i < 100; i++) {
      const how = (['ignore', 'throw', 'stop'] as const)[i % 3] ?? 'ignore';
      const reason = await reasonOf(spawn(Failing, how, options));
      expect(reason).not.toHaveProperty('alreadyStarted');
      expect(rooms.count()).toBe(0);
    }
    expect(seen).toEqual(Array(100).fill(true));
  });

  test('S:already_started_outside_supervisor: a child whose registry name is taken is refused, nothing kept', async () => {
    const c = await spawn(Counter, 1, { name: rooms.name('lobby') });
    const spec = child('c', Counter, 1, { name: rooms.name('lobby') });
    const failure = (await reasonOf(startSupervisor({ children: [spec] }))) as object;
    expect(JSON.stringify(failure)).toContain(`"alreadyStarted":${c}`);
    expect([isAlive(c), inits]).toEqual([true, 1]);
  });

  test('S:simple_global_supervisor: a named child comes back under its registry name with a new ref', async () => {
    const spec = child('c', Counter, 7, { name: rooms.name('lobby') });
    const sup = await startSupervisor({ children: [spec] });
    const first = whereis(rooms.name('lobby')) as Ref<CounterP>;
    cast(first, 'crash');
    await settle();
    const second = whereis(rooms.name('lobby'));
    expect(second).not.toBe(first);
    expect(await call(rooms.name('lobby'), 'get')).toBe(7);
    await terminateChild(sup, 'c');
    expect(whereis(rooms.name('lobby'))).toBeUndefined();
    await stop(sup, 'shutdown');
  });

  test('spawn: names that nobody can be started with are refused before anything is', async () => {
    await expect(spawn(Counter, 1, { name: at('shard-0', 'c') })).rejects.toThrow(
      /got one made by at/,
    );
    const elsewhere = registryAt<CounterP>('shard-0', 'rooms', 'c');
    await expect(spawn(Counter, 1, { name: elsewhere })).rejects.toThrow(/made by registry/);
    const unknown = registryAt<CounterP>('main', 'none', 'c');
    await expect(spawn(Counter, 1, { name: unknown })).rejects.toThrow(/unknown registry/);
    expect(() => child('c', Counter, 1, { name: at('shard-0', 'c') })).toThrow(/made by at/);
    expect(inits).toBe(0);
  });

  test('call: by a registry name of oneself, callingSelf at once', async () => {
    const probes = rooms as unknown as Registry<ProbeP, undefined>;
    const p = await spawn(Probe, {}, { name: probes.name('me') });
    const outcome = await call(p, 'run', (ctx) => reasonOf(ctx.call(probes.name('me'), 'echo', 1)));
    expect(outcome).toBe('callingSelf');
  });
});

describe('name services', () => {
  const taken = new Map<Key, Ref<unknown>>();
  let log: unknown[];
  beforeEach(() => {
    taken.clear();
    log = [];
    defineNameService('own', {
      register(key, ref) {
        log.push(['register', key]);
        if (key === 'refused') return false;
        taken.set(key, ref as Ref<unknown>);
        return true;
      },
      unregister(key) {
        log.push(['unregister', key]);
        taken.delete(key);
        if (key === 'bad') throw new Error('service failed');
      },
      whereis: (key) => taken.get(key),
    });
  });

  test('R:via callbacks: a service of the user is asked by spawn, call, cast, whereis, stop and the end', async () => {
    const c = await spawn(Counter, 1, { name: via<CounterP>('own', 'c') });
    expect(whereis(via('own', 'c'))).toBe(c);
    cast(via<CounterP>('own', 'c'), 'inc', 4);
    expect(await call(via<CounterP>('own', 'c'), 'get')).toBe(5);
    expect(await reasonOf(spawn(Counter, 1, { name: via('own', 'c') }))).toEqual({
      alreadyStarted: c,
    });
    expect(inits).toBe(1);
    await stop(via('own', 'c'));
    expect(log).toEqual([
      ['register', 'c'],
      ['unregister', 'c'],
    ]);
    expect(await reasonOf(call(via<CounterP>('own', 'c'), 'get'))).toBe('noproc');
    expect(await reasonOf(stop(via('own', 'c')))).toBe('noproc');
  });

  test('R:clean up registry on process crash: who dies by its link finds the entry gone already', async () => {
    const seen: unknown[] = [];
    const a = await spawn(Counter, 1, { name: rooms.name('lobby') });
    defineNameService('spy', {
      register: () => true,
      unregister: () => void seen.push(rooms.lookup('lobby'), whereis(rooms.name('lobby'))),
      whereis: () => undefined,
    });
    const b = await spawn(Probe, {}, { name: via('spy', 'b') });
    await call(b, 'link', a);
    exit(a, 'kill');
    expect([isAlive(b), seen]).toEqual([false, [[], undefined]]);
  });

  test('via: send takes the casts when the service has one', async () => {
    const sent: unknown[] = [];
    defineNameService('posting', {
      register: () => true,
      unregister: () => {},
      whereis: () => undefined,
      send: (key, op, arg) => void sent.push([key, op, arg]),
    });
    cast(via<CounterP>('posting', 'c'), 'inc', 4);
    expect(sent).toEqual([['c', 'inc', 4]]);
  });

  test('via: a service that refuses or throws, alreadyStarted without init, a report', async () => {
    const reports = collectReports();
    const refused = await reasonOf(spawn(Counter, 1, { name: via('own', 'refused') }));
    expect(refused).toHaveProperty('alreadyStarted');
    expect(inits).toBe(0);
    const bad = await spawn(Counter, 1, { name: via('own', 'bad') });
    exit(bad, 'kill');
    expect(isAlive(bad)).toBe(false);
    expect(reports).toMatchObject([{ kind: 'crash', actor: 'name service own', op: 'unregister' }]);
    await expect(spawn(Counter, 1, { name: via('unknown', 'c') })).rejects.toThrow(/unknown name/);
    expect(() => defineNameService('', {} as never)).toThrow(TypeError);
    const before = counters().deadLetters;
    cast(via<CounterP>('unknown', 'c'), 'inc', 1);
    cast(via<CounterP>('own', 'nobody'), 'inc', 1);
    expect(counters().deadLetters).toBe(before + 2);
  });
});
