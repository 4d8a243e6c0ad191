/** Locks of a registry: one holder per key, released in every way of leaving. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type AnyRef,
  call,
  exit,
  name,
  type Ref,
  type Registry,
  spawn,
  startRegistry,
  stop,
  task,
  whereis,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { collectReports, Probe, type ProbeP, reasonOf } from './support.ts';

let shelf: Registry<ProbeP, null>;
let a: Ref<ProbeP>;
let b: Ref<ProbeP>;
let log: string[];
let open: () => void;
let gate: Promise<void>;

describe.each([
  { keys: 'unique', partitions: 1 },
  { keys: 'duplicate', partitions: 8 },
] as const)('lock, $keys keys, $partitions partitions', (options) => {
  beforeEach(async () => {
    collectReports();
    shelf = await startRegistry({ name: 'shelf', ...options });
    [a, b] = [await spawn(Probe, {}), await spawn(Probe, {})];
    log = [];
    gate = new Promise((resolve) => {
      open = resolve;
    });
  });
  afterEach(async () => {
    const ref = whereis(name('shelf'));
    if (ref !== undefined) await reasonOf(stop(ref, 'shutdown'));
  });

  const held = (owner: AnyRef, key: string, text: string): Promise<string> =>
    shelf.lock(owner, key, async () => {
      log.push(text);
      await gate;
      return text;
    });
  const free = (key = 'k'): Promise<string> => shelf.lock(b, key, () => 'free');

  test('R:does not lock when using different keys', async () => {
    const both = Promise.all([held(a, 'one', 'first'), held(b, 'two', 'second')]);
    await settle();
    expect(log).toEqual(['first', 'second']);
    open();
    expect(await both).toEqual(['first', 'second']);
    expect([await free('one'), await free('two')]).toEqual(['free', 'free']);
  });

  test('R:locks when using the same key: those who wait are served in order', async () => {
    const first = held(a, 'k', 'first');
    const rest = ['second', 'third'].map((text) => held(b, 'k', text));
    await settle();
    expect(log).toEqual(['first']);
    open();
    expect(await first).toBe('first');
    expect(await Promise.all(rest)).toEqual(['second', 'third']);
    expect(log).toEqual(['first', 'second', 'third']);
    expect(await free()).toBe('free');
  });

  test('R:locks when the one holding the lock raises', async () => {
    const first = shelf.lock(a, 'k', async () => {
      await gate;
      throw new Error('oops');
    });
    const second = held(b, 'k', 'second');
    open();
    await expect(first).rejects.toThrow('oops');
    expect(await second).toBe('second');
    await expect(
      shelf.lock(a, 'k', () => {
        throw new Error('at once');
      }),
    ).rejects.toThrow('at once');
    expect(await free()).toBe('free');
  });

  test('R:locks when the one holding the lock terminates', async () => {
    const holder = task(() => new Promise(() => {}));
    void held(holder.ref, 'k', 'first');
    const second = shelf.lock(b, 'k', () => 'second');
    await settle();
    expect(await holder.shutdown('brutalKill')).toBeUndefined();
    expect(await second).toBe('second');
    // What the dead holder goes on to do releases nothing that is not its own any more.
    const third = shelf.lock(b, 'k', async () => {
      await settle();
      return [...log];
    });
    const fourth = held(b, 'k', 'fourth');
    open();
    expect(await third).toEqual(['first']);
    await fourth;
  });

  test('R:locks when the one waiting for the lock terminates', async () => {
    const first = held(a, 'k', 'first');
    const waiting = reasonOf(held(b, 'k', 'never'));
    const last = shelf.lock(a, 'k', () => 'last');
    await settle();
    exit(b, 'kill');
    expect(await waiting).toBe('noproc');
    open();
    expect([await first, await last, log]).toEqual(['first', 'last', ['first']]);
  });

  test('lock: granted and killed before it could run, the next one gets it', async () => {
    const first = shelf.lock(a, 'k', () => gate);
    const doomed = reasonOf(held(b, 'k', 'never'));
    const last = shelf.lock(a, 'k', () => 'last');
    await settle();
    const killed = gate.then(() => exit(b, 'kill'));
    open();
    await Promise.all([first, killed]);
    expect([await doomed, await last, log]).toEqual(['noproc', 'last', []]);
  });

  test('lock: runs in the caller; the registry gone, who waits is told', async () => {
    expect(await call(a, 'run', (ctx) => shelf.lock(ctx.self, 'k', () => ctx.self))).toBe(a);
    const trapping = await spawn(Probe, { trap: true });
    const holding = held(trapping, 'k', 'first');
    const waiting = reasonOf(held(trapping, 'k', 'never'));
    await stop(whereis(name('shelf')) as Ref<unknown>, 'shutdown');
    expect(await waiting).toBe('noproc');
    open();
    expect(await holding).toBe('first');
  });

  test('lock: a dead owner is refused', async () => {
    exit(a, 'kill');
    await expect(shelf.lock(a, 'k', () => 1)).rejects.toThrow(TypeError);
    expect(await free()).toBe('free');
  });
});
