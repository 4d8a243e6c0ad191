/** spawn({ at }): actors started on another thread, their names, links, monitors and refusals. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  at,
  call,
  cast,
  defineActor,
  hostActor,
  type NodeHandle,
  name,
  type Ref,
  spawn,
  startNode,
  startSupervisor,
  stop,
  thisSlot,
} from '../index.ts';
import { Counter, type CounterP } from './fixtures/spawn-slot.ts';
import { reasonOf } from './support.ts';

const SLOT = 'shard-0';
let node: NodeHandle;
beforeEach(async () => {
  const module = new URL('./fixtures/spawn-slot.ts', import.meta.url);
  const slots = [{ name: SLOT, module, onDown: 'restart' as const }];
  node = await startNode({ slots, entities: {}, watchdog: false, report: () => undefined });
});
afterEach(() => node.stop());

/** Starts a counter over there and notes how it ends. */
interface StarterP {
  start(how: { link: boolean; monitor: boolean }): Ref<CounterP>;
  ended(): Promise<readonly unknown[]>;
}
const Starter = defineActor<StarterP, { seen: unknown[]; tell: ((seen: unknown[]) => void)[] }>({
  name: 'starter',
  init(ctx) {
    ctx.trapExit(true);
    return { seen: [], tell: [] };
  },
  handle: {
    start: (_state, how, ctx) => ctx.spawn(Counter, 1, { at: SLOT, ...how }),
    ended: (state) =>
      state.seen.length > 0
        ? Promise.resolve(state.seen)
        : new Promise((resolve) => state.tell.push(resolve)),
  },
  concurrent: ['ended'],
  onExit: (state, { reason }) => note(state, ['exit', kindOf(reason)]),
  onDown: (state, { reason }) => note(state, ['down', kindOf(reason)]),
});

function note(
  state: { seen: unknown[]; tell: ((seen: unknown[]) => void)[] },
  what: unknown,
): void {
  state.seen.push(what);
  for (const tell of state.tell.splice(0)) tell(state.seen);
}

function kindOf(reason: unknown): unknown {
  return typeof reason === 'object' && reason !== null && 'error' in reason ? 'error' : reason;
}

describe('spawn with at', () => {
  test('another slot: runs there, answers here, init has its argument', async () => {
    const counter = await spawn(Counter, 40, { at: SLOT });
    expect(await call(counter, 'where')).toBe(SLOT);
    expect(await call(counter, 'add', 2)).toBe(42);
  });

  test('this slot: as without at, hosted or not', async () => {
    const counter = await spawn(Counter, 1, { at: thisSlot() });
    expect(await call(counter, 'where')).toBe('main');
  });

  test('name: taken there; a second start is refused with who has it', async () => {
    const counter = await spawn(Counter, 1, { at: SLOT, name: name<CounterP>('tally') });
    expect(await call(at<CounterP>(SLOT, 'tally'), 'add', 1)).toBe(2);
    const second = spawn(Counter, 1, { at: SLOT, name: name<CounterP>('tally') });
    expect(await reasonOf(second)).toEqual({ alreadyStarted: counter });
  });

  test('init that ignores, throws or takes too long: rejects as on this thread', async () => {
    expect(await reasonOf(spawn(Counter, 'ignore', { at: SLOT }))).toBe('ignore');
    expect(await reasonOf(spawn(Counter, 'throw', { at: SLOT }))).toMatchObject({
      error: { message: 'no start' },
    });
    const late = spawn(Counter, 'never', { at: SLOT, initTimeoutMs: 20 });
    expect(await reasonOf(late)).toBe('timeout');
  });

  test('thread that dies during init, no such slot: noconnection', async () => {
    const starting = reasonOf(spawn(Counter, 'never', { at: SLOT }));
    cast(await spawn(Counter, 1, { at: SLOT }), 'escape');
    expect(await starting).toBe('noconnection');
    expect(await reasonOf(spawn(Counter, 1, { at: 'shard-9' }))).toBe('noconnection');
  });

  test('behaviour that is not hosted there: says so', async () => {
    const Stranger = defineActor<CounterP, null>({ ...Starter, name: 'stranger' } as never);
    expect(await reasonOf(spawn(Stranger, undefined, { at: SLOT }))).toMatchObject({
      error: { message: expect.stringContaining('stranger: not hosted on shard-0') },
    });
  });

  test('name of a registry, link outside of an actor, behaviour without a name: TypeError', async () => {
    const taken = { at: SLOT, name: { via: 'registry', of: '@rooms', key: 'lobby' } as never };
    await expect(spawn(Counter, 1, taken)).rejects.toThrow(TypeError);
    await expect(spawn(Counter, 1, { at: SLOT, link: true })).rejects.toThrow(TypeError);
    const Nameless = defineActor<CounterP, null>({ ...Starter, name: undefined } as never);
    await expect(spawn(Nameless, undefined, { at: SLOT })).rejects.toThrow(TypeError);
    expect(() => hostActor(Nameless)).toThrow(TypeError);
  });

  test.each([
    ['link', { link: true, monitor: false }, ['exit', 'error']],
    ['monitor', { link: false, monitor: true }, ['down', 'error']],
  ])('%s: the starter hears of the end', async (_what, how, expected) => {
    const starter = await spawn(Starter, undefined);
    const counter = await call(starter, 'start', how);
    cast(counter, 'crash');
    expect(await call(starter, 'ended')).toEqual([expected]);
  });

  test('child of a supervisor: started again there when it crashes, and after its thread died', async () => {
    const lives: number[] = [];
    let next: () => void = () => undefined;
    const start = async () => {
      const ref = await spawn(Counter, 1, { at: SLOT, name: name<CounterP>('child') });
      lives.push(ref);
      next();
      return { ref };
    };
    const children = [{ id: 'far', start }];
    const supervisor = await startSupervisor({ intensity: 20, children });
    const again = (): Promise<void> =>
      new Promise((resolve) => {
        next = resolve;
      });
    const restarted = again();
    cast(at<CounterP>(SLOT, 'child'), 'crash');
    await restarted;
    expect(new Set(lives).size).toBe(2);
    const back = again();
    cast(at<CounterP>(SLOT, 'child'), 'escape');
    await back;
    expect(await call(at<CounterP>(SLOT, 'child'), 'add', 1)).toBe(2);
    await stop(supervisor, 'shutdown');
  });
});
