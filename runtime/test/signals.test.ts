/** Exit signals, links and monitors on one thread (runtime.md 1.10, 1.11). */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  call,
  cast,
  counters,
  exit,
  isAlive,
  processInfo,
  type Ref,
  type Report,
  spawn,
  stop,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { collectReports, Probe, type ProbeP, reasonOf } from './support.ts';

let reports: Report[];
beforeEach(() => {
  reports = collectReports();
});

describe('exits', () => {
  test('normal rule: exit(ref, normal) leaves another alone, ends oneself', async () => {
    const ref = await spawn(Probe, {});
    exit(ref, 'normal');
    expect(await call(ref, 'echo', 1)).toBe(1);
    expect(await reasonOf(call(ref, 'run', (ctx) => exit(ctx.self, 'normal')))).toBe('normal');
    expect(isAlive(ref)).toBe(false);
  });

  test('kill cannot be trapped, peers see killed; a plain exit is trapped as a message', async () => {
    const log: unknown[] = [];
    const trapping = await spawn(Probe, { log, trap: true });
    const victim = await spawn(Probe, { trap: true });
    await call(trapping, 'link', victim);
    exit(trapping, 'shutdown');
    exit(victim, 'kill');
    await call(trapping, 'echo', 1);
    expect(log).toEqual([
      { exit: 'shutdown', from: 0 },
      { exit: 'killed', from: victim },
    ]);
  });

  test('crash: peers linked get the reason, one report with op and no argument', async () => {
    const log: unknown[] = [];
    const watcher = await spawn(Probe, { log, trap: true });
    const ref = await spawn(Probe, {});
    const dying = await spawn(Probe, {});
    await call(watcher, 'link', ref);
    await call(dying, 'link', ref);
    const outcome = await reasonOf(call(ref, 'crash'));
    expect(outcome).toMatchObject({ error: { message: 'crash on request' } });
    await call(watcher, 'echo', 0);
    expect(log).toEqual([{ exit: outcome, from: ref }]);
    expect(isAlive(dying)).toBe(false);
    const crashes = reports.filter(({ kind }) => kind === 'crash');
    expect(crashes).toMatchObject([{ ref, actor: 'probe', op: 'crash' }]);
  });

  test('normal-class ends give no report; terminate runs on stop, ctx.stop and crash, not on kill', async () => {
    const ends: unknown[] = [];
    const terminate = (reason: unknown): void => void ends.push(reason);
    for (const reason of ['normal', 'shutdown', { shutdown: 'x' }] as const) {
      await stop(await spawn(Probe, { terminate }), reason);
      await reasonOf(call(await spawn(Probe, { terminate }), 'stop', reason));
    }
    expect(reports).toEqual([]);
    expect(ends).toEqual([
      'normal',
      'normal',
      'shutdown',
      'shutdown',
      { shutdown: 'x' },
      { shutdown: 'x' },
    ]);
    await reasonOf(call(await spawn(Probe, { terminate }), 'crashAsync'));
    expect(ends).toHaveLength(7);
    exit(await spawn(Probe, { terminate }), 'kill');
    exit(await spawn(Probe, { terminate }), 'shutdown');
    await settle();
    expect(ends).toHaveLength(7);
  });

  test('terminate throws: its reason wins; stop rejects with it', async () => {
    const ref = await spawn(Probe, {
      terminate: () => {
        throw new Error('in terminate');
      },
    });
    expect(await reasonOf(stop(ref))).toMatchObject({ error: { message: 'in terminate' } });
    expect(await reasonOf(stop(ref))).toBe('noproc');
  });

  test('parent dies: a trapping child ends through terminate and never sees the signal', async () => {
    const ends: unknown[] = [];
    const log: unknown[] = [];
    const parent = await spawn(Probe, {});
    const children = (await call(parent, 'run', (ctx) =>
      Promise.all([
        ctx.spawnLink(Probe, { trap: true, log, terminate: (r) => void ends.push(['trap', r]) }),
        ctx.spawnLink(Probe, { terminate: (r) => void ends.push(['plain', r]) }),
      ]),
    )) as Ref<ProbeP>[];
    await reasonOf(call(parent, 'crash'));
    await settle();
    expect(children.map(isAlive)).toEqual([false, false]);
    expect(ends).toMatchObject([['trap', { error: { message: 'crash on request' } }]]);
    expect(log).toEqual([]);
  });

  test('kill during an await: the abandoned handler has no effect, its failure is counted only', async () => {
    const log: unknown[] = [];
    const other = await spawn(Probe, { log });
    const ref = await spawn(Probe, {});
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    cast(ref, 'run', async (ctx) => {
      const { signal } = ctx;
      await gate;
      log.push(signal.aborted);
      ctx.cast(other, 'log', 'zombie');
    });
    await settle();
    const zombies = counters().zombieErrors;
    exit(ref, 'kill');
    open();
    await settle();
    await call(other, 'echo', 0);
    expect(log).toEqual([true]);
    expect(counters().zombieErrors).toBe(zombies + 1);
  });

  test('a chain of 20 000 linked actors dies without nesting', async () => {
    const before = counters().actors;
    let last = await spawn(Probe, {});
    const first = last;
    for (let i = 0; i < 20_000; i++) {
      const next = await spawn(Probe, {});
      cast(next, 'link', last);
      last = next;
    }
    await call(last, 'echo', 0);
    exit(first, 'shutdown');
    expect(counters().actors).toBe(before);
  });
});

describe('links and monitors', () => {
  test('link to the dead: exit signal noproc', async () => {
    const dead = await spawn(Probe, {});
    exit(dead, 'kill');
    const ref = await spawn(Probe, {});
    expect(await reasonOf(call(ref, 'link', dead))).toBe('noproc');
  });

  test('linking twice is one link; after unlink nothing comes', async () => {
    const log: unknown[] = [];
    const a = await spawn(Probe, { log, trap: true });
    const b = await spawn(Probe, {});
    await call(a, 'link', b);
    await call(a, 'link', b);
    expect(processInfo(a)?.links).toEqual([b]);
    await call(a, 'unlink', b);
    exit(b, 'kill');
    await call(a, 'echo', 0);
    expect(log).toEqual([]);
  });

  test('monitors stack, give one notice each, in order behind earlier messages', async () => {
    const log: unknown[] = [];
    const a = await spawn(Probe, { log });
    const b = await spawn(Probe, {});
    await call(a, 'watch', b);
    await call(a, 'watch', b);
    await reasonOf(
      call(b, 'run', (ctx) => {
        ctx.cast(a, 'log', 'result');
        ctx.stop('normal');
      }),
    );
    await call(a, 'watch', b);
    await call(a, 'echo', 0);
    const down = { down: 'normal', ref: b };
    expect(log).toEqual(['result', down, down, { down: 'noproc', ref: b }]);
    expect(processInfo(a)?.monitors).toBe(0);
  });

  test('demonitor: flushes a notice already queued; unknown id is nothing', async () => {
    const log: unknown[] = [];
    const a = await spawn(Probe, { log });
    const b = await spawn(Probe, {});
    await call(a, 'run', (ctx) => {
      const id = ctx.monitor(b);
      exit(b, 'kill');
      ctx.demonitor(id);
      ctx.demonitor(id);
    });
    await call(a, 'echo', 0);
    expect(log).toEqual([]);
  });
});
