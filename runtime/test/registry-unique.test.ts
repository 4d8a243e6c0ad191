/** Registries with unique keys: registration, ownership, values, listeners, the death of owners. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  call,
  defineActor,
  exit,
  isAlive,
  name,
  processInfo,
  type Ref,
  type Registry,
  type RegistryChange,
  type RegistryListenerP,
  registry,
  registryChild,
  spawn,
  startRegistry,
  startSupervisor,
  stop,
  whereis,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { collectReports, Probe, type ProbeP, reasonOf } from './support.ts';

type Value = unknown;
let rooms: Registry<ProbeP, Value>;
const actor = (): Promise<Ref<ProbeP>> => spawn(Probe, {});
const refs = (entries: readonly { readonly ref: number }[]): number[] =>
  entries.map((each) => each.ref);

describe.each([1, 8])('unique, %i partitions', (partitions) => {
  beforeEach(async () => {
    collectReports();
    rooms = await startRegistry({ name: 'rooms', keys: 'unique', partitions });
  });
  afterEach(async () => {
    const ref = whereis(name('rooms'));
    if (ref !== undefined) await reasonOf(stop(ref, 'shutdown'));
  });

  test('R:starts configured number of partitions', () => {
    expect(rooms.partitions).toBe(partitions);
  });

  test('R:counts the number of keys in a registry', async () => {
    const a = await actor();
    expect(rooms.count()).toBe(0);
    rooms.register(a, 'hello', 1);
    rooms.register(a, 'world', 2);
    expect(rooms.count()).toBe(2);
  });

  test('R:has unique registrations: the same owner and key again is an error too', async () => {
    const a = await actor();
    expect(rooms.register(a, 'hello', 'value')).toEqual({ ok: true });
    expect(rooms.keys(a)).toEqual(['hello']);
    expect(rooms.values('hello', a)).toEqual(['value']);
    const again = rooms.register(a, 'hello', 'other');
    expect(again).toEqual({ ok: false, why: 'alreadyRegistered', ref: a });
    expect(rooms.values('hello', a)).toEqual(['value']);
    rooms.register(a, 'world', 'value');
    expect(rooms.keys(a)).toEqual(['hello', 'world']);
    expect(rooms.count()).toBe(2);
  });

  test('R:has unique registrations across processes: refused with the owner', async () => {
    const [a, b] = [await actor(), await actor()];
    rooms.register(a, 'hello', 1);
    expect(rooms.register(b, 'hello', 2)).toEqual({
      ok: false,
      why: 'alreadyRegistered',
      ref: a,
    });
    expect([rooms.keys(b), rooms.values('hello', b)]).toEqual([[], []]);
    expect(rooms.lookup('hello')).toEqual([{ key: 'hello', ref: a, value: 1 }]);
    expect(rooms.whereis('hello')).toBe(a);
    expect(rooms.count()).toBe(1);
  });

  test('R:clean up registry on process crash: after a kill both tables are empty, before any signal', async () => {
    const seen: unknown[] = [];
    const [a, b] = [await actor(), await actor()];
    const Watcher = defineActor<{ go(): void }, null>({
      init(ctx) {
        ctx.trapExit(true);
        ctx.monitor(a);
        ctx.link(b);
        return null;
      },
      handle: { go() {} },
      onDown: () => void seen.push(['down', rooms.lookup('hello'), rooms.keys(a)]),
      onExit: () => void seen.push(['exit', rooms.lookup('world')]),
    });
    await spawn(Watcher, undefined);
    rooms.register(a, 'hello', 1);
    rooms.register(b, 'world', 1);
    exit(a, 'kill');
    // Nothing has had a turn since: the entry went inside the death.
    expect([rooms.lookup('hello'), rooms.keys(a), rooms.count()]).toEqual([[], [], 1]);
    exit(b, { shutdown: 'test' });
    expect([rooms.lookup('world'), rooms.count()]).toEqual([[], 0]);
    await settle();
    expect(seen).toEqual([
      ['down', [], []],
      ['exit', []],
    ]);
    expect(rooms.select((entry) => entry)).toEqual([]);
  });

  test('R:has unique registrations even if partition is delayed: a dead owner does not block a new one', async () => {
    const [a, b] = [await actor(), await actor()];
    rooms.register(a, 'hello', 1);
    exit(a, 'kill');
    expect(rooms.register(b, 'hello', 2)).toEqual({ ok: true });
    expect(rooms.lookup('hello')).toEqual([{ key: 'hello', ref: b, value: 2 }]);
    expect(rooms.register(a, 'other', 1)).toEqual({ ok: false, why: 'noproc' });
  });

  test('R:compares using ===: a number and its text are two keys', async () => {
    const a = await actor();
    rooms.register(a, 1, 'number');
    rooms.register(a, '1', 'text');
    expect(rooms.values(1, a)).toEqual(['number']);
    expect(rooms.values('1', a)).toEqual(['text']);
  });

  test('R:updates current process value: by its owner only', async () => {
    const [a, b] = [await actor(), await actor()];
    const never = (): number => {
      throw new Error('never called');
    };
    expect(rooms.update(a, 'hello', never)).toBeUndefined();
    rooms.register(b, 'hello', 1);
    expect(rooms.update(a, 'hello', never)).toBeUndefined();
    expect(rooms.update(b, 'hello', (n) => (n as number) + 1)).toEqual({ value: 2, old: 1 });
    expect(() => rooms.update(b, 'hello', never)).toThrow('never called');
    expect(rooms.lookup('hello')).toEqual([{ key: 'hello', ref: b, value: 2 }]);
  });

  test('R:dispatches to a single key: never called without entries', async () => {
    const a = await actor();
    const calls: unknown[] = [];
    rooms.dispatch('hello', () => calls.push('never'));
    await rooms.dispatch('hello', () => void calls.push('never'), { parallel: true });
    rooms.register(a, 'hello', 'value');
    rooms.dispatch('hello', (entries) => calls.push(entries));
    expect(calls).toEqual([[{ key: 'hello', ref: a, value: 'value' }]]);
  });

  test('R:unregisters process by key: other keys stay, of the caller only', async () => {
    const [a, b] = [await actor(), await actor()];
    rooms.unregister(a, 'hello');
    rooms.register(a, 'hello', 1);
    rooms.register(a, 'world', 1);
    rooms.register(b, 'other', 1);
    rooms.unregister(a, 'other');
    rooms.unregister(a, 'hello');
    expect([rooms.keys(a), rooms.keys(b)]).toEqual([['world'], ['other']]);
    rooms.unregister(a, 'world');
    expect([rooms.keys(a), rooms.count()]).toEqual([[], 1]);
    exit(a, 'kill');
    expect(rooms.count()).toBe(1);
  });

  test('R:links and unlinks on register/unregister: only the last one drops the link', async () => {
    const a = await actor();
    const self = whereis(name('rooms')) as Ref<unknown>;
    const linked = (): boolean => processInfo(a)?.links.includes(self) === true;
    expect(linked()).toBe(false);
    rooms.register(a, 'hello', 1);
    rooms.register(a, 'world', 1);
    rooms.unregister(a, 'hello');
    expect(linked()).toBe(true);
    rooms.unregister(a, 'world');
    expect(linked()).toBe(false);
  });

  test('registry: its crash ends the owners, who have lost their entries', async () => {
    const [a, b, trapping] = [await actor(), await actor(), await spawn(Probe, { trap: true })];
    rooms.register(a, 'hello', 1);
    rooms.register(trapping, 'kept', 1);
    exit(whereis(name('rooms')) as Ref<unknown>, 'kill');
    await settle();
    expect([isAlive(a), isAlive(b), isAlive(trapping)]).toEqual([false, true, true]);
    expect(() => rooms.lookup('hello')).toThrow(/unknown registry: got rooms/);
    rooms = await startRegistry({ name: 'rooms', keys: 'unique', partitions });
    expect(rooms.register(trapping, 'kept', 2)).toEqual({ ok: true });
    expect(rooms.count()).toBe(1);
  });

  test('R:supports match patterns, guard conditions and count_match', async () => {
    const a = await actor();
    const value = [1, 'atom', 2];
    rooms.register(a, 'hello', value);
    const at = (i: number, fits: (v: unknown) => boolean) => (v: unknown) =>
      fits((v as unknown[])[i]);
    expect(
      refs(
        rooms.match(
          'hello',
          at(0, (v) => v === 1),
        ),
      ),
    ).toEqual([a]);
    expect(
      rooms.match(
        'hello',
        at(2, (v) => (v as number) > 2),
      ),
    ).toEqual([]);
    expect(rooms.match('other', () => true)).toEqual([]);
    expect(
      rooms.countMatch(
        'hello',
        at(1, (v) => v === 'atom'),
      ),
    ).toBe(1);
    expect(
      rooms.countMatch(
        'hello',
        at(1, (v) => v === 'other'),
      ),
    ).toBe(0);
  });

  test('R:unregister_match supports patterns: only what fits goes', async () => {
    const a = await actor();
    rooms.register(a, 'hello', [1]);
    rooms.unregisterMatch(a, 'hello', (v) => (v as number[])[0] === 2);
    expect(rooms.count()).toBe(1);
    rooms.unregisterMatch(a, 'hello', (v) => (v as number[])[0] === 1);
    expect(rooms.count()).toBe(0);
  });

  test('R:select supports full match specs, count_select counts', async () => {
    const [a, b] = [await actor(), await actor()];
    expect(rooms.select((entry) => entry)).toEqual([]);
    rooms.register(a, 'hello', 1);
    rooms.register(b, 'world', 2);
    expect([...rooms.select(({ key }) => key)].sort()).toEqual(['hello', 'world']);
    expect(rooms.select(({ ref, key }) => (ref === b ? key : undefined))).toEqual(['world']);
    expect(rooms.countSelect(({ value }) => (value as number) > 1)).toBe(1);
  });

  test('R:allows listeners: told of register, unregister and of the end by death, in order', async () => {
    const log: RegistryChange[] = [];
    const Listener = defineActor<RegistryListenerP, null>({
      init: () => null,
      handle: { registryChange: (_s, change) => void log.push(change) },
    });
    const [early, late] = [await spawn(Listener, undefined), await spawn(Listener, undefined)];
    const [a, b] = [await actor(), await actor()];
    const stopTelling = rooms.onChange(early);
    rooms.register(a, 'hello', 'world');
    rooms.register(b, 'world', 1);
    rooms.unregister(b, 'world');
    exit(a, 'kill');
    await settle();
    const at = { registry: 'rooms', key: 'hello', ref: a };
    const other = { registry: 'rooms', key: 'world', ref: b };
    expect(log).toEqual([
      { kind: 'register', ...at, value: 'world' },
      { kind: 'register', ...other, value: 1 },
      { kind: 'unregister', ...other },
      { kind: 'unregister', ...at },
    ]);
    stopTelling();
    rooms.onChange(late);
    exit(late, 'kill');
    rooms.register(b, 'again', 1);
    await settle();
    expect(log).toHaveLength(4);
  });
});

describe('start', () => {
  afterEach(async () => {
    const ref = whereis(name('rooms'));
    if (ref !== undefined) await reasonOf(stop(ref, 'shutdown'));
  });

  test('R:raises on unknown registry name', () => {
    const none = registry<ProbeP>('nowhere');
    expect(() => none.count()).toThrow(expect.objectContaining({ code: 'DRIFT_RUNTIME_REGISTRY' }));
    expect(() => none.name('x')).toThrow(/unknown registry/);
  });

  test('R:expected :keys to be one of: bad options are refused by name, nothing is started', async () => {
    const bad = { name: 'rooms', keys: 'unique' } as const;
    await expect(startRegistry({ ...bad, keys: 'some' as 'unique' })).rejects.toThrow(
      /keys: got some/,
    );
    await expect(startRegistry({ ...bad, partitions: 0 })).rejects.toThrow(/partitions: got 0/);
    await expect(startRegistry({ ...bad, partitionBy: 'owner' })).rejects.toThrow(/partitionBy/);
    await expect(startRegistry({ ...bad, name: '' })).rejects.toThrow(/name/);
    expect(whereis(name('rooms'))).toBeUndefined();
  });

  test('startRegistry: a taken name, alreadyStarted with the ref of the running one', async () => {
    rooms = await startRegistry({ name: 'rooms', keys: 'unique' });
    const ref = whereis(name('rooms'));
    expect(await reasonOf(startRegistry({ name: 'rooms', keys: 'duplicate' }))).toEqual({
      alreadyStarted: ref,
    });
  });

  test('registryChild: under a supervisor, comes back empty after a crash', async () => {
    collectReports();
    const listener = await spawn(Probe, { trap: true });
    const options = { name: 'rooms', keys: 'unique', meta: { site: 1 } } as const;
    const sup = await startSupervisor({ children: [registryChild(options)] });
    rooms = registry('rooms');
    rooms.register(listener, 'hello', 1);
    exit(whereis(name('rooms')) as Ref<unknown>, 'kill');
    await settle();
    expect([rooms.count(), rooms.meta('site')]).toEqual([0, 1]);
    await stop(sup, 'shutdown');
    expect(() => rooms.count()).toThrow(/unknown registry/);
  });

  test('R:allows listeners: given at the start, by a name that may be taken later', async () => {
    const log: RegistryChange[] = [];
    const listener = name<RegistryListenerP>('listener');
    rooms = await startRegistry({ name: 'rooms', keys: 'unique', listeners: [listener] });
    const a = await actor();
    rooms.register(a, 'early', 1);
    const heard = await spawn<RegistryListenerP, null, undefined>(
      { init: () => null, handle: { registryChange: (_s, change) => void log.push(change) } },
      undefined,
      { name: listener },
    );
    rooms.register(a, 'late', 1);
    await settle();
    expect(log.map(({ kind, key }) => [kind, key])).toEqual([['register', 'late']]);
    await stop(heard);
  });

  test('R:can get, put and delete metadata', async () => {
    rooms = await startRegistry({ name: 'rooms', keys: 'unique', meta: { first: 'a' } });
    expect([rooms.meta('first'), rooms.meta('second')]).toEqual(['a', undefined]);
    rooms.putMeta('first', 'b');
    rooms.putMeta('second', [1]);
    expect([rooms.meta('first'), rooms.meta('second')]).toEqual(['b', [1]]);
    rooms.deleteMeta('first');
    expect(rooms.meta('first')).toBeUndefined();
  });

  test('register: from inside a handler with ctx.self', async () => {
    rooms = await startRegistry({ name: 'rooms', keys: 'unique' });
    const a = await actor();
    const result = await call(a, 'run', (ctx) => rooms.register(ctx.self, 'me', 1));
    expect(result).toEqual({ ok: true });
    expect(rooms.whereis('me')).toBe(a);
  });
});
