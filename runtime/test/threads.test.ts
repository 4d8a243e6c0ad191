/** Threads: lanes, names and entities across them, death and replacement, orderly stop. */
import { afterEach, describe, expect, test } from 'vitest';
import {
  ActorError,
  at,
  call,
  cast,
  defineActor,
  entity,
  type From,
  type NodeHandle,
  type NodeOptions,
  type Ref,
  type Report,
  reply,
  slotsOf,
  spawn,
  startNode,
  stop,
} from '../index.ts';
import { homeIndex } from '../names/home.ts';
import type { EchoP, SinkP, ThingP } from './fixtures/slot.ts';

const MODULE = new URL('./fixtures/slot.ts', import.meta.url);
const shard = (i: number): NodeOptions['slots'][number] => ({
  name: `shard-${i}`,
  group: 'shard',
  module: MODULE,
  onDown: 'restart',
});
const BASE: NodeOptions = {
  slots: [shard(0), shard(1)],
  entities: { thing: 'shard' },
  watchdog: false,
  report: () => {},
};

let node: NodeHandle | undefined;
afterEach(async () => {
  await node?.stop();
  node = undefined;
});

const echo0 = at<EchoP>('shard-0', 'echo');
const echo1 = at<EchoP>('shard-1', 'echo');

/** Reports seen, and a wait for the next one that fits. */
function reports(): {
  sink: (r: Report) => void;
  all: Report[];
  until: (fits: (r: Report) => boolean) => Promise<Report>;
} {
  const all: Report[] = [];
  const waiting: { fits: (r: Report) => boolean; done: (r: Report) => void }[] = [];
  return {
    all,
    sink(r) {
      all.push(r);
      for (const each of waiting) if (each.fits(r)) each.done(r);
    },
    until: (fits) => new Promise((done) => waiting.push({ fits, done })),
  };
}

/** Collects casts of other threads and waits for a count. */
async function sink(count: number): Promise<{ ref: Ref<SinkP>; all: Promise<unknown[]> }> {
  const got: unknown[] = [];
  let done: (all: unknown[]) => void = () => {};
  const all = new Promise<unknown[]>((resolve) => {
    done = resolve;
  });
  const note = (what: unknown): void => {
    got.push(what);
    if (got.length === count) done(got);
  };
  const Sink = defineActor<SinkP & { watch(ref: Ref<unknown>): void }, null>({
    init: (ctx) => {
      ctx.trapExit(true);
      return null;
    },
    handle: {
      item: (_s, n) => note(n),
      down: () => {},
      watch: (_s, ref, ctx) => void ctx.monitor(ref),
    },
    onDown: (_s, { reason }) => note({ down: reason }),
    onExit: (_s, { reason }) => note({ exit: reason }),
  });
  const ref = await spawn(Sink, undefined);
  return { ref, all };
}

const reason = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof ActorError ? error.reason : error),
  );

describe('lanes', () => {
  test('call: plain data of every kind, arrives as sent, Uint8Array as Uint8Array', async () => {
    node = await startNode(BASE);
    const bytes = new Uint8Array([1, 2, 3, 255]);
    const value = {
      n: 2 ** 52 + 1,
      f: 0.1,
      neg: -7,
      s: 'žluť 🐎',
      t: true,
      u: undefined,
      nul: null,
      list: [1, [2, { three: 3 }]],
      bytes,
      date: new Date(1_700_000_000_123),
      set: new Set([1, 'a']),
      big: 2n ** 60n,
    };
    const back = (await call(echo0, 'echo', value)) as typeof value;
    expect(back).toEqual(value);
    expect(Object.getPrototypeOf(back.bytes)).toBe(Uint8Array.prototype);
    expect(back.bytes.buffer.byteLength).toBe(4);
    const frames = Array.from({ length: 50 }, (_, i) => new Uint8Array(i * 100).fill(i));
    expect(await call(echo1, 'echo', frames)).toEqual(frames);
  });

  test('call: something that cannot be encoded, that call fails, the others of its batch go through', async () => {
    node = await startNode(BASE);
    const [a, b, c] = await Promise.all([
      call(echo0, 'echo', 1),
      reason(call(echo0, 'echo', Symbol('no'))),
      call(echo0, 'echo', 3),
    ]);
    expect([a, c]).toEqual([1, 3]);
    expect(b).toHaveProperty('error');
  });

  test('cast: order per pair, messages then the down signal of a sender that dies', async () => {
    node = await startNode(BASE);
    const { ref, all } = await sink(2001);
    const worker = await call(echo0, 'self');
    cast(ref as unknown as Ref<{ watch(r: Ref<unknown>): void }>, 'watch', worker);
    await call(worker, 'where');
    cast(worker, 'burst', { to: ref, count: 2000, signals: false, thenDie: true });
    expect(await all).toEqual([...Array.from({ length: 2000 }, (_, i) => i), { down: 'normal' }]);
  });

  test('cast: order per pair, messages and exit signals mixed', async () => {
    node = await startNode(BASE);
    const { ref, all } = await sink(1001);
    const worker = await call(echo1, 'self');
    cast(ref as unknown as Ref<{ watch(r: Ref<unknown>): void }>, 'watch', worker);
    await call(worker, 'where');
    cast(worker, 'burst', { to: ref, count: 500, signals: true, thenDie: true });
    const mixed = Array.from({ length: 500 }, (_, i) => [i, { exit: { shutdown: i } }]).flat();
    expect(await all).toEqual([...mixed, { down: 'normal' }]);
  });

  test('forward: a call from thread to thread through a third actor', async () => {
    node = await startNode(BASE);
    expect(await call(echo0, 'forward', { to: echo1, value: 'x' })).toBe('x');
    expect(await call(echo1, 'where')).toBe('shard-1');
    expect(slotsOf('shard')).toEqual(['shard-0', 'shard-1']);
  });

  test('reply: a call taken with NOREPLY is answered from another thread', async () => {
    node = await startNode(BASE);
    const held = call(echo0, 'hold');
    const from = (await call(echo0, 'held')) as From;
    cast(echo1, 'answer', { from, value: 42 });
    expect(await held).toBe(42);
    const second = call(echo0, 'hold');
    reply((await call(echo0, 'held')) as From, 43);
    expect(await second).toBe(43);
  });

  test('call: timeout, unknown name and unknown slot', async () => {
    node = await startNode(BASE);
    expect(await reason(call(echo0, 'wait', undefined, { timeoutMs: 30 }))).toBe('timeout');
    expect(await reason(call(at<EchoP>('shard-0', 'nobody'), 'where'))).toBe('noproc');
    expect(await reason(call(at<EchoP>('nowhere', 'echo'), 'where'))).toBe('noproc');
    expect(await reason(stop(at('shard-0', 'echo')))).toBe('resolved');
    expect(await reason(call(echo0, 'where'))).toBe('noproc');
  });

  test('links and monitors: work across threads, unlink is final', async () => {
    node = await startNode(BASE);
    const trapper = at<EchoP>('shard-1', 'trapper');
    const victim = await call(echo0, 'self');
    await call(trapper, 'linkTo', victim);
    await call(trapper, 'watch', victim);
    await call(trapper, 'watch', at('shard-0', 'nobody'));
    await reason(call(victim, 'crash'));
    // From shard-1 through shard-0 and back: behind the signals of the victim.
    await call(echo1, 'forward', { to: at<EchoP>('shard-0', 'trapper'), value: 0 });
    const exits = (await call(trapper, 'exits')) as { from: number; reason: unknown }[];
    expect(exits).toHaveLength(1);
    expect(exits[0]?.from).toBe(victim);
    expect(await call(trapper, 'downs')).toHaveLength(2);
    const other = await call(at<EchoP>('shard-0', 'trapper'), 'self');
    await call(trapper, 'linkTo', other);
    await call(trapper, 'unlinkFrom', other);
    await stop(other);
    expect(await call(trapper, 'exits')).toHaveLength(1);
    await call(trapper, 'linkTo', other);
    await reason(call(echo1, 'forward', { to: at<EchoP>('shard-0', 'nobody'), value: 0 }));
    expect(await call(trapper, 'exits')).toHaveLength(2);
  });

  test('lanes: gatherMs holds the second flush back, the first leaves at once', async () => {
    node = await startNode({ ...BASE, lanes: [{ from: 'main', to: 'shard', gatherMs: 20 }] });
    for (let i = 0; i < 200; i++) await Promise.resolve().then(() => cast(echo0, 'echo', i));
    await call(echo0, 'where');
    const main = (await node.counters()).main;
    const lane = main?.lanes.find(({ to }) => to === 'shard-0');
    expect(lane?.messagesOut).toBeGreaterThan(200);
    expect(lane?.flushes).toBeLessThan(10);
  });

  test('lanes: a thread that takes nothing in, casts beyond the bound are dropped and calls refused', async () => {
    const seen = reports();
    node = await startNode({
      ...BASE,
      laneLimits: { inFlightBytes: 100_000 },
      report: seen.sink,
    });
    cast(echo0, 'spin', 300);
    const payload = new Uint8Array(60_000);
    const sent = Promise.all(
      Array.from({ length: 12 }, () => reason(call(echo0, 'echo', payload))),
    );
    const results = await sent;
    expect(results.filter((each) => each === 'mailboxFull').length).toBeGreaterThan(5);
    expect(results.filter((each) => each === 'resolved').length).toBeGreaterThan(0);
    expect(seen.all.some(({ kind }) => kind === 'laneFull')).toBe(true);
    expect(await call(echo0, 'echo', 1)).toBe(1);
  });
});

describe('death of a thread', () => {
  test('terminateSlot: calls, monitors and links fail noconnection; the slot comes back with new refs', async () => {
    const seen = reports();
    node = await startNode({ ...BASE, report: seen.sink });
    const { ref, all } = await sink(1);
    const stale = await call(echo0, 'self');
    cast(ref as unknown as Ref<{ watch(r: Ref<unknown>): void }>, 'watch', stale);
    await call(at<EchoP>('shard-1', 'trapper'), 'linkTo', stale);
    const hanging = reason(call(echo0, 'wait'));
    await call(echo0, 'where');
    const up = seen.until((r) => r.kind === 'threadUp' && r.thread === 'shard-0');
    node.terminateSlot('shard-0');
    expect(await hanging).toBe('noconnection');
    expect(await all).toEqual([{ down: 'noconnection' }]);
    await up;
    expect(await call(at<EchoP>('shard-1', 'trapper'), 'exits')).toEqual([
      { from: stale, reason: 'noconnection' },
    ]);
    const fresh = await call(echo0, 'self');
    expect(fresh).toBeGreaterThan(stale);
    expect(await reason(call(stale, 'where'))).toBe('noproc');
    cast(stale, 'crash');
    expect(await call(fresh, 'alive', stale)).toBe(false);
    expect(node.slots().find(({ name }) => name === 'shard-0')?.incarnation).toBe(2);
    expect(await call(echo1, 'forward', { to: echo0, value: 'mesh' })).toBe('mesh');
    const down = seen.all.find(({ kind }) => kind === 'threadDown');
    expect(down).toMatchObject({ thread: 'shard-0', reason: { name: 'ThreadTerminated' } });
  });

  test('an exception outside any actor ends the thread, the slot is replaced', async () => {
    const seen = reports();
    node = await startNode({ ...BASE, report: seen.sink });
    const up = seen.until((r) => r.kind === 'threadUp' && r.incarnation === 2);
    cast(echo1, 'escape');
    await up;
    expect(await call(echo1, 'where')).toBe('shard-1');
    expect(seen.all.find(({ kind }) => kind === 'threadDown')).toMatchObject({
      thread: 'shard-1',
      reason: { message: 'escaped' },
    });
  });

  test('restart limit: beyond it the node fails, once', async () => {
    const failures: unknown[] = [];
    let failed: () => void = () => {};
    const over = new Promise<void>((resolve) => {
      failed = resolve;
    });
    const seen = reports();
    node = await startNode({
      ...BASE,
      restart: { intensity: 1, period: 60 },
      report: seen.sink,
      fatal: (failure) => {
        failures.push(failure);
        failed();
      },
    });
    const up = seen.until((r) => r.kind === 'threadUp' && r.incarnation === 2);
    node.terminateSlot('shard-0');
    await up;
    node.terminateSlot('shard-0');
    await over;
    await node.stop();
    expect(failures).toMatchObject([{ why: 'restartLimit' }]);
  });

  test('fatal slot: what escapes its actors reaches fatal and the thread is not terminated', async () => {
    let failed: (failure: unknown) => void = () => {};
    const failure = new Promise((resolve) => {
      failed = resolve;
    });
    const slot = { ...shard(0), onDown: 'fatal' as const };
    node = await startNode({ ...BASE, slots: [slot], fatal: (each) => failed(each) });
    cast(echo0, 'escape');
    expect(await failure).toMatchObject({ slot: 'shard-0', why: 'threadDown' });
    expect(await call(echo0, 'where')).toBe('shard-0');
    expect(() => node?.terminateSlot('shard-0')).toThrow(RangeError);
  });
});

describe('node', () => {
  test('startNode: a boot that fails, rejects and leaves nothing running; a second start works', async () => {
    const failing = { ...shard(1), arg: { fail: true } };
    await expect(startNode({ ...BASE, slots: [shard(0), failing] })).rejects.toMatchObject({
      reason: { shutdown: { failedToStartChild: 'shard-1' } },
    });
    node = await startNode(BASE);
    expect(await call(echo1, 'where')).toBe('shard-1');
  });

  test('stop: each slot is stopped by its hook, once; calls fail afterwards', async () => {
    const log = new SharedArrayBuffer(8);
    const fatal = { ...shard(0), onDown: 'fatal' as const, arg: { log } };
    node = await startNode({ ...BASE, slots: [fatal, { ...shard(1), arg: { log } }] });
    await Promise.all([node.stop(), node.stop()]);
    expect([...new Int32Array(log)]).toEqual([2, 2]);
    expect(await reason(call(echo0, 'where'))).toBe('noproc');
  });

  test('startNode: bad options are named', async () => {
    await expect(startNode({ ...BASE, slots: [shard(0), shard(0)] })).rejects.toThrow(/slot name/);
    await expect(startNode({ ...BASE, entities: { x: 'nope' } })).rejects.toThrow(/nope/);
  });

  test('tree and counters: every thread answers', async () => {
    node = await startNode(BASE);
    const tree = await node.tree();
    expect(Object.keys(tree).sort()).toEqual(['main', 'shard-0', 'shard-1']);
    expect(tree['shard-0']?.map(({ name, behaviour }) => name ?? behaviour)).toContain('echo');
  });
});

describe('entities', () => {
  const thing = (key: number) => entity<ThingP>('thing', key);
  const keyOn = (slot: number): number => {
    for (let key = 1; ; key++) if (homeIndex(key, 2) === slot) return key;
  };

  test('entity: starts once on its home shard, whoever asks', async () => {
    node = await startNode(BASE);
    const keys = Array.from({ length: 40 }, (_, i) => i + 1000);
    const lives = await Promise.all(keys.map((key) => call(thing(key), 'life')));
    expect(new Set(lives.map(({ slot }) => slot))).toEqual(new Set(['shard-0', 'shard-1']));
    for (const [i, life] of lives.entries()) {
      expect(life.key).toBe(keys[i]);
      expect(life.slot).toBe(`shard-${homeIndex(life.key, 2)}`);
    }
    await Promise.all(Array.from({ length: 100 }, () => call(thing(7), 'add', 1)));
    expect(await call(thing(7), 'add', 0)).toBe(100);
    const [a, b] = [keyOn(0), keyOn(1)];
    expect(await call(thing(a), 'ask', b)).toBe(1);
    expect(await call(thing(b), 'add', 1)).toBe(2);
  });

  test('entity: after the death of its thread it starts again with the next message', async () => {
    const seen = reports();
    node = await startNode({ ...BASE, report: seen.sink });
    const key = keyOn(0);
    await call(thing(key), 'add', 5);
    const up = seen.until((r) => r.kind === 'threadUp' && r.incarnation === 2);
    node.terminateSlot('shard-0');
    expect(await reason(call(thing(key), 'add', 1))).toBe('noconnection');
    await up;
    expect(await call(thing(key), 'add', 1)).toBe(1);
  });
});
