/** The rules of runtime.md 1.10 and 1.11 one by one: exits, links, monitors, aliases (OTP's and Elixir's cases). */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type AnyRef,
  call,
  cast,
  defineActor,
  exit,
  isAlive,
  name,
  processInfo,
  type Reason,
  type Ref,
  type Report,
  spawn,
  stop,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { collectReports, Probe, type ProbeCtx, type ProbeP, reasonOf } from './support.ts';

let reports: Report[];
beforeEach(() => {
  reports = collectReports();
});

const run = <T>(ref: Ref<ProbeP>, fn: (ctx: ProbeCtx) => T): Promise<T> =>
  call(ref, 'run', fn as (ctx: ProbeCtx) => unknown) as Promise<T>;

describe('exits', () => {
  test('PR:exit(pid, normal) does not exit the target; exit(self, normal) does', async () => {
    const a = await spawn(Probe, {});
    const b = await spawn(Probe, {});
    await run(a, (ctx) => ctx.exit(b, 'normal'));
    expect(isAlive(b)).toBe(true);
    expect(await reasonOf(run(a, (ctx) => ctx.exit(ctx.self, 'normal')))).toBe('normal');
  });

  test('exit normal: one that traps gets it as a message, from another and from itself', async () => {
    const log: unknown[] = [];
    const a = await spawn(Probe, { log, trap: true });
    const b = await spawn(Probe, {});
    await run(b, (ctx) => ctx.exit(a, 'normal'));
    await run(a, (ctx) => ctx.exit(ctx.self, 'normal'));
    await call(a, 'echo', 0);
    expect(log).toEqual([
      { exit: 'normal', from: b },
      { exit: 'normal', from: a },
    ]);
  });

  test('an actor that ends itself with kill: an ordinary reason, peers see kill and may trap it', async () => {
    const log: unknown[] = [];
    const trapping = await spawn(Probe, { log, trap: true });
    const plain = await spawn(Probe, {});
    const ref = await spawn(Probe, {});
    await call(trapping, 'link', ref);
    await call(plain, 'link', ref);
    expect(await reasonOf(call(ref, 'stop', 'kill' as Reason))).toBe('kill');
    await call(trapping, 'echo', 0);
    expect(log).toEqual([{ exit: 'kill', from: ref }]);
    expect(isAlive(plain)).toBe(false);
  });

  test('exit of oneself in the middle of a handler: what comes after has no effect', async () => {
    const log: unknown[] = [];
    const other = await spawn(Probe, { log });
    const ref = await spawn(Probe, {});
    const outcome = run(ref, (ctx) => {
      ctx.exit(ctx.self, 'shutdown');
      ctx.cast(other, 'log', 'zombie');
    });
    expect(await reasonOf(outcome)).toBe('shutdown');
    await call(other, 'echo', 0);
    expect(log).toEqual([]);
  });

  test('G:spec_init_local_registered_parent: parent known by name dies, terminate of a trapping child runs', async () => {
    const ends: unknown[] = [];
    const log: unknown[] = [];
    const parent = await spawn(Probe, {}, { name: name('the-parent') });
    const started = await run(parent, (ctx) =>
      ctx.spawnLink(Probe, { trap: true, log, terminate: (r) => void ends.push(r) }),
    );
    exit(parent, 'kill');
    await settle();
    expect(isAlive(started)).toBe(false);
    expect(ends).toEqual(['killed']);
    expect(log).toEqual([]);
  });

  test('a starter that is not linked is no parent: its exit signal is a message like any other', async () => {
    const log: unknown[] = [];
    const starter = await spawn(Probe, {});
    const ref = await run(starter, (ctx) => ctx.spawn(Probe, { trap: true, log }));
    await run(starter, (ctx) => ctx.exit(ref, 'shutdown'));
    await call(ref, 'echo', 0);
    expect(log).toEqual([{ exit: 'shutdown', from: starter }]);
    exit(starter, 'kill');
    await settle();
    expect(isAlive(ref)).toBe(true);
  });

  test('parent dies while the child awaits: terminate runs after the handler, ahead of what is queued', async () => {
    const log: unknown[] = [];
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const parent = await spawn(Probe, {});
    const ref = await run(parent, (ctx) =>
      ctx.spawnLink(Probe, { trap: true, log, terminate: (r) => void log.push(['end', r]) }),
    );
    cast(ref, 'block', { until: gate, after: 'done' });
    cast(ref, 'log', 'queued');
    await settle();
    exit(parent, 'shutdown');
    await settle();
    expect(log).toEqual([]);
    open();
    await settle();
    expect(log).toEqual(['done', ['end', 'shutdown']]);
  });
});

describe('links', () => {
  test('link to the dead while trapping: an exit notice noproc, the actor lives', async () => {
    const log: unknown[] = [];
    const dead = await spawn(Probe, {});
    await stop(dead);
    const ref = await spawn(Probe, { log, trap: true });
    await call(ref, 'link', dead);
    await call(ref, 'echo', 0);
    expect(log).toEqual([{ exit: 'noproc', from: dead }]);
  });

  test('a peer that ends normal: no signal to one that does not trap, and the link is gone', async () => {
    const a = await spawn(Probe, {});
    const b = await spawn(Probe, {});
    await call(a, 'link', b);
    expect(processInfo(b)?.links).toEqual([a]);
    await stop(b);
    expect(isAlive(a)).toBe(true);
    expect(processInfo(a)?.links).toEqual([]);
  });

  test('unlink: a notice already queued stays; with flush it goes too', async () => {
    for (const flush of [false, true]) {
      const log: unknown[] = [];
      const a = await spawn(Probe, { log, trap: true });
      const b = await spawn(Probe, {});
      await call(a, 'link', b);
      await run(a, (ctx) => {
        exit(b, 'kill');
        ctx.unlink(b, { flush });
      });
      await call(a, 'echo', 0);
      expect(log).toEqual(flush ? [] : [{ exit: 'killed', from: b }]);
    }
  });

  test('unlink by the peer: removes the link at both ends', async () => {
    const a = await spawn(Probe, {});
    const b = await spawn(Probe, {});
    await call(a, 'link', b);
    await call(b, 'unlink', a);
    exit(b, 'kill');
    await settle();
    expect(isAlive(a)).toBe(true);
    expect(processInfo(a)?.links).toEqual([]);
  });

  test('spawn with link and monitor: both stand; outside of an actor TypeError', async () => {
    const log: unknown[] = [];
    const a = await spawn(Probe, { log, trap: true });
    const b = await run(a, (ctx) => ctx.spawn(Probe, {}, { link: true, monitor: true }));
    expect(processInfo(b)).toMatchObject({ links: [a], monitoredBy: 1, parent: a });
    exit(b, 'kill');
    await call(a, 'echo', 0);
    expect(log).toEqual([
      { exit: 'killed', from: b },
      { down: 'killed', ref: b },
    ]);
    await expect(spawn(Probe, {}, { link: true })).rejects.toThrow(TypeError);
  });
});

describe('monitors', () => {
  test('by name: the notice tells the name as given, with the ref; a free name is noproc', async () => {
    const seen: unknown[] = [];
    const key = name<ProbeP>('watched');

    const Watcher = defineActor<{ watch(): void }, null>({
      init: () => null,
      handle: { watch: (_s, _a, ctx) => void ctx.monitor(key) },
      onDown: (_s, { ref, name: given, reason }) => void seen.push({ ref, given, reason }),
    });
    const w = await spawn(Watcher, undefined);
    const b = await spawn(Probe, {}, { name: key });
    await call(w, 'watch');
    await stop(b);
    await call(w, 'watch');
    await settle();
    expect(seen).toEqual([
      { ref: b, given: key, reason: 'normal' },
      { ref: 0, given: key, reason: 'noproc' },
    ]);
  });

  test('demonitor without flush: a notice already queued stays, one not yet sent never comes', async () => {
    const log: unknown[] = [];
    const a = await spawn(Probe, { log });
    const [b, c] = await Promise.all([spawn(Probe, {}), spawn(Probe, {})]);
    await run(a, (ctx) => {
      const first = ctx.monitor(b);
      const second = ctx.monitor(c);
      exit(b, 'kill');
      ctx.demonitor(first, { flush: false });
      ctx.demonitor(second, { flush: false });
      exit(c, 'kill');
    });
    await call(a, 'echo', 0);
    expect(log).toEqual([{ down: 'killed', ref: b }]);
  });

  test("demonitor of another's monitor: nothing happens", async () => {
    const log: unknown[] = [];
    const a = await spawn(Probe, { log });
    const thief = await spawn(Probe, {});
    const b = await spawn(Probe, {});
    const id = await run(a, (ctx) => ctx.monitor(b));
    await run(thief, (ctx) => ctx.demonitor(id));
    exit(b, 'kill');
    await call(a, 'echo', 0);
    expect(log).toEqual([{ down: 'killed', ref: b }]);
  });

  test('two monitors of one, one taken back: exactly one notice', async () => {
    const log: unknown[] = [];
    const a = await spawn(Probe, { log });
    const b = await spawn(Probe, {});
    await run(a, (ctx) => {
      const first = ctx.monitor(b);
      expect(ctx.monitor(b)).not.toBe(first);
      ctx.demonitor(first);
    });
    exit(b, 'shutdown');
    await call(a, 'echo', 0);
    expect(log).toEqual([{ down: 'shutdown', ref: b }]);
  });
});

describe('aliases', () => {
  test('PR:simple alias and unalias: messages come through it until it is switched off', async () => {
    const log: unknown[] = [];
    const a = await spawn(Probe, { log });
    const alias = (await run(a, (ctx) => ctx.alias())) as Ref<ProbeP>;
    expect(alias).not.toBe(a);
    cast(alias, 'log', 1);
    expect(await call(alias, 'echo', 2)).toBe(2);
    expect(await run(a, (ctx) => [ctx.unalias(alias), ctx.unalias(alias)])).toEqual([true, false]);
    cast(alias, 'log', 3);
    expect(await reasonOf(call(alias, 'echo', 4))).toBe('noproc');
    expect(log).toEqual([1]);
  });

  test('PR:reply option: takes one message, then it is gone', async () => {
    const log: unknown[] = [];
    const a = await spawn(Probe, { log });
    const alias = (await run(a, (ctx) => ctx.alias({ reply: true }))) as Ref<ProbeP>;
    cast(alias, 'log', 1);
    cast(alias, 'log', 2);
    await call(a, 'echo', 0);
    expect(log).toEqual([1]);
    expect(await run(a, (ctx) => ctx.unalias(alias))).toBe(false);
  });

  test("unalias of another's alias: false and it stands; the owner's death ends it", async () => {
    const log: unknown[] = [];
    const a = await spawn(Probe, { log });
    const b = await spawn(Probe, {});
    const alias = (await run(a, (ctx) => ctx.alias())) as Ref<ProbeP>;
    expect(await run(b, (ctx) => ctx.unalias(alias as AnyRef))).toBe(false);
    cast(alias, 'log', 1);
    await call(a, 'echo', 0);
    expect(log).toEqual([1]);
    await stop(a);
    expect(await reasonOf(call(alias, 'echo', 0))).toBe('noproc');
    expect(reports).toEqual([]);
  });
});
