/** Child specs, supervisor flags and start functions: runtime.md 1.1 and 1.2, and the rows of section 4 on them. */
import { describe, expect, test } from 'vitest';
import {
  type AutoShutdown,
  type ChildSpec,
  call,
  checkChildSpecs,
  child,
  countChildren,
  defineDynamicSupervisor,
  defineSupervisor,
  getChildSpec,
  IGNORE,
  isAlive,
  name,
  processInfo,
  type StartFunction,
  type SupervisorP,
  spawn,
  startChild,
  startDynamicSupervisor,
  startSupervisor,
  whereis,
  whichChildren,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { at, kill, probe, SupervisorRig, scripted } from './supervisor-support.ts';
import { Probe, reasonOf } from './support.ts';

const rig = new SupervisorRig();

const start: StartFunction = () => spawn(Probe, {});
const raw = (spec: Record<string, unknown>): ChildSpec => spec as unknown as ChildSpec;

/** A bad field, and the name it is refused by. */
const BAD: readonly (readonly [string, Record<string, unknown>])[] = [
  ['id', { start }],
  ['id', { id: {}, start }],
  ['start', { id: 'a' }],
  ['start', { id: 'a', start: 'spawn' }],
  ['restart', { id: 'a', start, restart: 'sometimes' }],
  ['significant', { id: 'a', start, restart: 'transient', significant: 'yes' }],
  ['significant', { id: 'a', start, restart: 'permanent', significant: true }],
  ['shutdown', { id: 'a', start, shutdown: -1 }],
  ['shutdown', { id: 'a', start, shutdown: 1.5 }],
  ['shutdown', { id: 'a', start, shutdown: Number.NaN }],
  ['shutdown', { id: 'a', start, shutdown: 'soon' }],
  ['type', { id: 'a', start, type: 'manager' }],
  ['behaviour', { id: 'a', start, behaviour: 7 }],
  ['backoff.minMs', { id: 'a', start, backoff: { minMs: -1, maxMs: 5 } }],
  ['backoff.maxMs', { id: 'a', start, backoff: { minMs: 10, maxMs: 5 } }],
  ['backoff.jitter', { id: 'a', start, backoff: { minMs: 1, maxMs: 5, jitter: 2 } }],
];

describe('child specs', () => {
  test('S:sup_start_map_faulty_specs: missing id, missing start, no spec: named errors, nothing starts', async () => {
    const faulty: [string, unknown][] = [
      ['id', { start }],
      ['start', { id: 'a' }],
      ['spec', 17],
      ['spec', null],
      ['children', 'a'],
    ];
    for (const [field, spec] of faulty) {
      const children = (field === 'children' ? spec : [probe('never'), spec]) as ChildSpec[];
      expect(await reasonOf(startSupervisor({ children }))).toMatchObject({ field });
      expect(at('never')).toBeUndefined();
    }
    rig.expectNoneLeft();
  });

  test.each(BAD)(
    'S:child_specs: a bad %s is refused by name and value, in every way in',
    async (field, given) => {
      const reason = { field, value: field.includes('.') ? expect.anything() : given[field] };
      expect(checkChildSpecs([raw(given)])).toMatchObject({ ok: false, why: 'error', reason });
      const sup = await startSupervisor({ autoShutdown: 'anySignificant' });
      const result = await startChild(sup, raw(given));
      expect(result).toMatchObject({ ok: false, why: 'error', reason, spec: given });
      expect(await whichChildren(sup)).toEqual([]);
      await rig.end(sup);
    },
  );

  test('S:child_specs: the message names child, field and value', () => {
    const result = checkChildSpecs([{ id: 'a', start, shutdown: -1 }]);
    const message = expect.stringMatching(/^child a: shutdown: got -1, want .*Infinity/);
    expect(result).toMatchObject({ reason: { error: { name: 'SpecError', message } } });
  });

  test('S:child_specs: significant needs an autoShutdown, checked only where it is known', async () => {
    const spec = probe('s', {}, { restart: 'transient', significant: true });
    expect(checkChildSpecs([spec])).toEqual({ ok: true });
    expect(checkChildSpecs([spec], 'anySignificant')).toEqual({ ok: true });
    expect(checkChildSpecs([spec], 'allSignificant')).toEqual({ ok: true });
    const refused = { ok: false, reason: { field: 'significant', value: true } };
    expect(checkChildSpecs([spec], 'never')).toMatchObject(refused);
    expect(checkChildSpecs([], 'sometimes' as AutoShutdown)).toMatchObject({
      ok: false,
      reason: { field: 'autoShutdown', value: 'sometimes' },
    });
    const sup = await startSupervisor({ children: [] });
    expect(await startChild(sup, spec)).toMatchObject(refused);
    await rig.end(sup);
  });

  test('S:child_specs: every combination of valid values passes', () => {
    const specs: ChildSpec[] = [];
    for (const restart of ['permanent', 'transient', 'temporary'] as const) {
      for (const shutdown of [
        0,
        1000,
        Number.POSITIVE_INFINITY,
        'infinity',
        'brutalKill',
      ] as const) {
        for (const type of ['worker', 'supervisor'] as const) {
          for (const significant of restart === 'permanent' ? [false] : [false, true]) {
            specs.push({ id: specs.length, start, restart, shutdown, type, significant });
          }
        }
      }
    }
    expect(specs).toHaveLength(50);
    expect(checkChildSpecs(specs, 'allSignificant')).toEqual({ ok: true });
  });

  test('S:child_specs: a duplicate id rejects the whole list, nothing starts', async () => {
    const children = [probe('a'), probe('b'), probe('a')];
    const reason = { field: 'id', value: 'a', error: { message: expect.stringMatching(/dupl/) } };
    expect(checkChildSpecs(children)).toMatchObject({ ok: false, reason });
    expect(await reasonOf(startSupervisor({ children }))).toMatchObject(reason);
    expect(rig.reports.filter(({ kind }) => kind === 'progress')).toEqual([]);
    expect(
      checkChildSpecs([
        { id: 1, start },
        { id: '1', start },
      ]),
    ).toEqual({ ok: true });
  });

  test('S:child_specs_map: unknown fields are accepted and ignored; the rest is completed', async () => {
    const sup = await startSupervisor({ children: [raw({ id: 'a', start, hobby: 'chess' })] });
    expect(await getChildSpec(sup, 'a')).toEqual({
      ok: true,
      spec: {
        id: 'a',
        start,
        restart: 'permanent',
        significant: false,
        shutdown: 5000,
        type: 'worker',
        behaviour: 'start',
      },
    });
    expect(await getChildSpec(sup, 'b')).toEqual({ ok: false, why: 'notFound' });
    await rig.end(sup);
  });

  test('defaults: a supervisor has all the time, as behaviour and as start function', async () => {
    const inner = defineSupervisor(() => ({}));
    expect(child('i', inner, undefined)).toMatchObject({
      type: 'supervisor',
      shutdown: Number.POSITIVE_INFINITY,
      behaviour: 'supervisor',
    });
    const sup = await startSupervisor({
      children: [{ id: 'f', type: 'supervisor', start: () => startSupervisor({}) }],
    });
    expect(await getChildSpec(sup, 'f')).toMatchObject({
      spec: { shutdown: Number.POSITIVE_INFINITY },
    });
    expect(await countChildren(sup)).toEqual({ specs: 1, active: 1, supervisors: 1, workers: 0 });
    expect(child('w', Probe, {}, { shutdown: 'infinity', type: 'supervisor' })).toMatchObject({
      shutdown: Number.POSITIVE_INFINITY,
      type: 'supervisor',
    });
    await rig.end(sup);
  });

  test('child: a wrong option throws a TypeError that names it', () => {
    expect(() => child('a', Probe, {}, { shutdown: -1 })).toThrow(TypeError);
    expect(() => child('a', Probe, {}, { shutdown: -1 })).toThrow(/child a: shutdown: got -1/);
  });
});

describe('supervisor flags', () => {
  const flags: [string, unknown][] = [
    ['strategy', 'simpleOneForOne'],
    ['intensity', -1],
    ['intensity', 1.5],
    ['intensity', Number.POSITIVE_INFINITY],
    ['period', 0],
    ['period', 0.5],
    ['autoShutdown', 'always'],
    ['children', {}],
  ];
  test.each(flags)(
    'S:sup_flags: a bad %s (%j) is refused by name, nothing starts',
    async (field, value) => {
      const given = { children: [probe('never')], [field]: value };
      const outcome = await reasonOf(startSupervisor(given as never));
      expect(outcome).toMatchObject({
        field,
        value,
        error: { message: expect.stringContaining(field) },
      });
      expect(at('never')).toBeUndefined();
      rig.expectNoneLeft();
    },
  );

  const dynamic: [string, unknown][] = [
    ['strategy', 'oneForAll'],
    ['intensity', -1],
    ['period', 0],
    ['maxChildren', -1],
    ['maxChildren', 2.5],
    ['extraArguments', -1],
    ['autoShutdown', 'always'],
  ];
  test.each(dynamic)(
    'D:with non-ok init: a bad %s (%j) is refused by name',
    async (field, value) => {
      const outcome = await reasonOf(startDynamicSupervisor({ [field]: value } as never));
      expect(outcome).toMatchObject({ field, value });
      rig.expectNoneLeft();
    },
  );

  test('S:sup_flags: unexpected flags are ignored, no flag at all is fine', async () => {
    const sup = await startSupervisor({ colour: 'red' } as never);
    expect(await countChildren(sup)).toEqual({ specs: 0, active: 0, supervisors: 0, workers: 0 });
    await rig.end(sup);
    await rig.end(await startDynamicSupervisor({ colour: 'red' } as never));
  });

  test('S:sup_flags: the defaults are oneForOne, 3 restarts in 5 s, never', async () => {
    const sup = await startSupervisor({ children: [probe('a'), probe('b')] });
    const b = at('b');
    for (let i = 0; i < 3; i++) await kill('a');
    expect([isAlive(sup), at('b')]).toEqual([true, b]);
    await rig.clock.advance(5000);
    await kill('a');
    expect(isAlive(sup)).toBe(false);
    const other = await startSupervisor({ children: [probe('a')] });
    for (let i = 0; i < 3; i++) await kill('a');
    await rig.clock.advance(6000);
    await kill('a');
    expect(isAlive(other)).toBe(true);
    await rig.end(other);
  });
});

describe('init of a supervisor', () => {
  test('S:sup_start_ignore_init: start gives ignore, nothing lives, a trapping starter sees no exit', async () => {
    const log: unknown[] = [];
    const starter = await spawn(Probe, { log, trap: true });
    const dynamic = defineDynamicSupervisor(() => IGNORE);
    for (const behaviour of [defineSupervisor(() => IGNORE), dynamic as never]) {
      const outcome = await call(starter, 'run', (ctx) =>
        reasonOf(ctx.spawnLink(behaviour, undefined, { name: name('ignored') })),
      );
      expect(outcome).toBe('ignore');
      expect(whereis(name('ignored'))).toBeUndefined();
    }
    await settle();
    expect(log).toEqual([]);
    expect(processInfo(starter)?.links).toEqual([]);
    await rig.end(starter);
  });

  const rubbish: unknown[] = [17, 'invalid', null, undefined, []];
  test.each(rubbish)(
    'S:sup_start_error_return: init giving %j is a bad return that holds it',
    async (value) => {
      const reason = { field: 'flags', value, error: { name: 'BadReturnValue' } };
      const sup = defineSupervisor(() => value as never);
      expect(await reasonOf(spawn(sup, undefined, { name: name('s') }))).toMatchObject(reason);
      const dyn = defineDynamicSupervisor(() => value as never);
      expect(await reasonOf(spawn(dyn, undefined))).toMatchObject(reason);
      expect(whereis(name('s'))).toBeUndefined();
      rig.expectNoneLeft();
    },
  );

  test('S:sup_start_error_return: init throwing fails the start, without a stray exit for a trapping starter', async () => {
    const log: unknown[] = [];
    const starter = await spawn(Probe, { log, trap: true });
    const thrower = defineSupervisor(() => {
      throw new Error('no flags');
    });
    const outcome = await call(starter, 'run', (ctx) =>
      reasonOf(ctx.spawnLink(thrower, undefined, { name: name('thrower') })),
    );
    expect(outcome).toMatchObject({ error: { message: 'no flags' } });
    await settle();
    expect(log).toEqual([]);
    expect(whereis(name('thrower'))).toBeUndefined();
    await rig.end(starter);
  });

  test('init: flags depend on the argument and may come later', async () => {
    const behaviour = defineSupervisor(async (ids: readonly string[]) => {
      await Promise.resolve();
      return { children: ids.map((id) => probe(id)) };
    });
    const sup = await spawn(behaviour, ['x', 'y']);
    expect((await whichChildren(sup)).map(({ id }) => id)).toEqual(['y', 'x']);
    await rig.end(sup);
  });

  test('init: children start one after another, each after the init of the one before', async () => {
    const log: string[] = [];
    const slow = (id: string) =>
      probe(id, {
        init: async () => {
          log.push(`${id} begins`);
          for (let i = 0; i < 5; i++) await Promise.resolve();
          log.push(`${id} done`);
        },
      });
    const sup = await startSupervisor({ children: [slow('a'), slow('b')] });
    expect(log).toEqual(['a begins', 'a done', 'b begins', 'b done']);
    await rig.end(sup);
  });

  test('init: past its time limit it is killed with what it started, start gives timeout', async () => {
    const stuck = probe('stuck', { init: () => new Promise(() => {}) });
    const outcome = reasonOf(
      startSupervisor(
        { children: [probe('a'), stuck] },
        { name: name<SupervisorP>('top'), initTimeoutMs: 100 },
      ),
    );
    await rig.clock.advance(150);
    expect(await outcome).toBe('timeout');
    expect([at('a'), at('stuck'), whereis(name('top'))]).toEqual([undefined, undefined, undefined]);
    rig.expectNoneLeft();
  });

  test('init: a child past its time limit fails the start with timeout, wrapped', async () => {
    const stuck = probe('stuck', { init: () => new Promise(() => {}) }, { initTimeoutMs: 100 });
    const outcome = reasonOf(startSupervisor({ children: [probe('a'), stuck] }));
    await rig.clock.advance(150);
    expect(await outcome).toEqual({
      shutdown: { failedToStartChild: 'stuck', reason: 'timeout' },
    });
    rig.expectNoneLeft();
  });

  test('G:otp_7669: after a failed init the name is free when the start returns, 100 times', async () => {
    const flags = { children: [scripted('bad', ['error'])] };
    for (let i = 0; i < 100; i++) {
      const outcome = await reasonOf(startSupervisor(flags, { name: name<SupervisorP>('again') }));
      expect(outcome).toMatchObject({ shutdown: { failedToStartChild: 'bad' } });
    }
    rig.expectNoneLeft();
  });
});
