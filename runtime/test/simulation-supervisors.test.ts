/**
 * Supervisors under random crashes, slow and failing starts, slow ends and shutdowns, in random order:
 * what their rules promise holds after every step of every schedule.
 */
import { expect, test, vi } from 'vitest';
import {
  type AnyRef,
  call,
  cast,
  child,
  countChildren,
  defineSupervisor,
  deleteChild,
  exit,
  isAlive,
  type Ref,
  type Restart,
  restartChild,
  type SupervisorP,
  spawn,
  startChild,
  startDynamicChild,
  startDynamicSupervisor,
  startSupervisor,
  stop,
  terminateChild,
  terminateDynamicChild,
  whichChildren,
} from '../index.ts';
import {
  explore,
  type Simulation,
  simulationSchedules,
  simulationTimeoutMs,
} from '../testkit/index.ts';
import { expectDead, Family, isOver, Worker } from './simulation-support.ts';

vi.setConfig({ testTimeout: simulationTimeoutMs() });

const IDS = ['a', 'b', 'c', 'd', 'e'];
/** Ends a child at once when its time is up; virtual ms. */
const SHUTDOWNS = [5000, 50, 'brutalKill', Number.POSITIVE_INFINITY] as const;

/** Kills and crashes of random children, by themselves and by messages. */
function trouble(sim: Simulation, family: Family, rate: number): void {
  sim.killing('child', rate, () => family.any());
  for (const op of ['crash', 'finish', 'work'] as const) {
    sim.fault(op, rate, () => {
      const ref = family.any();
      if (ref === undefined) return false;
      cast(ref, op);
      return undefined;
    });
  }
}

/** Keeps a simulation going for a while without doing anything. */
function whileFor(sim: Simulation, ms: number): void {
  sim.client('time', async () => {
    for (let passed = 0; passed < ms; passed += 250) await sim.sleep(250);
  });
}

/** Never rejects: what became of a supervisor that may have given up is seen elsewhere. */
const quietly = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

test('supervisor: random crashes under every strategy, starts in order, one life each, no orphan, ends in reverse', async () => {
  await explore({
    seed: 1,
    schedules: simulationSchedules(0.12),
    steps: 120,
    setup: async (sim) => {
      const family = new Family(sim, { initFails: sim.pick([0, 0.05, 0.3]) });
      const strategy = sim.pick(['oneForOne', 'oneForAll', 'restForOne'] as const);
      const ids = IDS.slice(0, 2 + sim.int(4));
      if (strategy !== 'oneForOne') {
        family.onStart = (id) => {
          const later = ids.slice(ids.indexOf(id) + 1).filter((each) => family.isUp(each));
          if (later.length > 0) throw new Error(`${id} starts while ${later} runs`);
        };
      }
      const children = ids.map((id) =>
        child(id, Worker, { id, family }, { shutdown: sim.pick(SHUTDOWNS) }),
      );
      const sup = await startSupervisor({ strategy, children, intensity: 6, period: 5 }).catch(
        () => undefined,
      );
      if (sup === undefined) {
        expect(family.alive()).toEqual([]);
        return;
      }
      sim.always(() => {
        if (!isAlive(sup)) expect(family.alive()).toEqual([]);
      });
      trouble(sim, family, 0.01);
      whileFor(sim, 4000);
      sim.client('end', async () => {
        await sim.sleep(4100 + sim.int(100));
        sim.calm();
        family.behave();
        if (isAlive(sup)) await sim.sleep(6000);
        if (!isAlive(sup)) return;
        await settled(sup, ids, family);
        await orderlyEnd(sim, sup, ids, family);
      });
    },
  });
});

/** Nothing happens any more: every permanent child runs, and the supervisor says so. */
async function settled(sup: Ref<SupervisorP>, ids: readonly string[], family: Family) {
  const children = await call(sup, 'whichChildren', undefined, { timeoutMs: 60_000 });
  if (!isAlive(sup)) return;
  expect(children.map((each) => each.id)).toEqual([...ids].reverse());
  for (const { id, ref } of children) expect([id, ref]).toEqual([id, family.lives.get(String(id))]);
}

async function orderlyEnd(sim: Simulation, sup: AnyRef, ids: readonly string[], family: Family) {
  const first = ids.filter((id) => family.isUp(id));
  let left = first.length;
  sim.always(() => {
    const alive = first.filter((id) => family.isUp(id));
    expect(alive).toEqual(first.slice(0, alive.length));
    expect(alive.length).toBeLessThanOrEqual(left);
    left = alive.length;
  });
  await stop(sup, 'shutdown');
  expect(family.alive()).toEqual([]);
}

test('supervisor: restarts, are never more than the intensity allows and never given up too early', async () => {
  let given = 0;
  await explore({
    seed: 2,
    schedules: simulationSchedules(0.07),
    steps: 150,
    setup: async (sim) => {
      const family = new Family(sim, { slowInit: 0.1, slowEnd: 0.1 });
      const intensity = sim.int(5);
      const period = 1 + sim.int(3);
      const children = IDS.slice(0, 3).map((id) => child(id, Worker, { id, family }));
      const sup = await startSupervisor({ intensity, period, children });
      const initial = family.starts.length;
      sim.killing('child', 0.05, () => family.any());
      whileFor(sim, 5000);
      sim.always(() => {
        const restarts = family.starts.slice(initial).map(({ at }) => at);
        for (const [i, at] of restarts.entries()) {
          if (isOver(restarts.slice(0, i), at, intensity, period)) throw new Error('one too many');
        }
        const limit = sim.reports.find(({ kind }) => kind === 'restartLimit');
        if (limit === undefined) expect(isAlive(sup)).toBe(true);
        else {
          given++;
          expect(isOver(restarts, limit.at, intensity, period)).toBe(true);
        }
      });
    },
  });
  expect(given).toBeGreaterThan(0);
});

test('supervisor: administration amid crashes, every request is answered and no child has two lives', async () => {
  await explore({
    seed: 3,
    schedules: simulationSchedules(0.06),
    steps: 120,
    setup: async (sim) => {
      const family = new Family(sim, { initFails: 0.1 });
      const spec = (id: string) =>
        child(
          id,
          Worker,
          { id, family },
          {
            restart: sim.pick<Restart>(['permanent', 'transient', 'temporary']),
            shutdown: sim.pick(SHUTDOWNS),
          },
        );
      const sup = await startSupervisor({ children: [], intensity: 20, period: 5 });
      trouble(sim, family, 0.01);
      for (const name of ['x', 'y']) {
        sim.client(name, async () => {
          for (let i = 0; i < 12; i++) {
            await quietly(administer(sim, sup, spec, sim.pick(IDS)));
            await sim.sleep(sim.int(40));
          }
        });
      }
      sim.always(() => {
        if (!isAlive(sup)) expect(family.alive()).toEqual([]);
      });
    },
  });
});

async function administer(
  sim: Simulation,
  sup: Ref<SupervisorP>,
  spec: (id: string) => ReturnType<typeof child>,
  id: string,
): Promise<void> {
  const what = sim.int(6);
  if (what <= 1) {
    const result = await startChild(sup, spec(id));
    if (!result.ok) expect(['alreadyStarted', 'alreadyPresent', 'error']).toContain(result.why);
  } else if (what === 2) {
    const result = await terminateChild(sup, id);
    if (!result.ok) expect(result.why).toBe('notFound');
  } else if (what === 3) await restartChild(sup, id);
  else if (what === 4) await deleteChild(sup, id);
  else {
    const counts = await countChildren(sup);
    expect(counts.active).toBeLessThanOrEqual(counts.specs);
    const ids = (await whichChildren(sup)).map((each) => each.id);
    expect(new Set(ids).size).toBe(ids.length);
  }
}

test('dynamic supervisor: children come, crash and go, the limit holds and nobody is left behind', async () => {
  await explore({
    seed: 4,
    schedules: simulationSchedules(0.06),
    steps: 120,
    setup: async (sim) => {
      const family = new Family(sim, { initFails: 0.05 });
      const maxChildren = 2 + sim.int(4);
      const sup = await startDynamicSupervisor({ maxChildren, intensity: 5, period: 3 });
      trouble(sim, family, 0.01);
      let serial = 0;
      for (const name of ['x', 'y']) {
        sim.client(name, async () => {
          for (let i = 0; i < 8; i++) {
            const id = `${name}${serial++}`;
            const restart = sim.pick<Restart>(['permanent', 'transient', 'temporary']);
            const shutdown = sim.pick(SHUTDOWNS);
            await quietly(startDynamicChild(sup, Worker, { id, family }, { restart, shutdown }));
            const ref = sim.chance(0.3) ? family.any() : undefined;
            if (ref !== undefined) await quietly(terminateDynamicChild(sup, ref));
            await sim.sleep(sim.int(60));
          }
        });
      }
      sim.client('end', async () => {
        await sim.sleep(800 + sim.int(800));
        if (isAlive(sup)) await quietly(stop(sup, 'shutdown'));
      });
      sim.always(() => {
        const alive = family.alive();
        expect(alive.length).toBeLessThanOrEqual(maxChildren);
        if (!isAlive(sup)) expect(alive).toEqual([]);
      });
    },
  });
});

test('supervisor tree: a branch gives up or is killed, it comes back whole and leaves no orphan', async () => {
  await explore({
    seed: 5,
    schedules: simulationSchedules(0.06),
    steps: 150,
    setup: async (sim) => {
      const family = new Family(sim, { slowInit: 0.2, slowEnd: 0.2 });
      const branches: AnyRef[] = [];
      const Branch = defineSupervisor<string>((name) => ({
        strategy: sim.pick(['oneForOne', 'oneForAll', 'restForOne'] as const),
        intensity: 1,
        period: 2,
        children: ['1', '2'].map((n) => child(name + n, Worker, { id: name + n, family })),
      }));
      const root = await startSupervisor({
        strategy: sim.pick(['oneForOne', 'restForOne'] as const),
        intensity: 4,
        period: 3,
        children: [child('l', Branch, 'l'), child('r', Branch, 'r')],
      });
      const branch = () => branches.find(isAlive);
      sim.killing('child', 0.02, () => family.any());
      sim.killing('branch', 0.005, branch);
      sim.killing('root', 0.002, () => root);
      sim.client('look', async () => {
        for (let i = 0; i < 10; i++) {
          await sim.sleep(300);
          const children = await call(root, 'whichChildren').catch(() => []);
          for (const { ref } of children) if (typeof ref === 'number') branches.push(ref);
        }
      });
      sim.client('end', async () => {
        await sim.sleep(4000);
        sim.calm();
        if (isAlive(root)) await quietly(stop(root, 'shutdown'));
        // A root that was killed could not wait for those that trap exits.
        await sim.sleep(20_000);
        expect(family.alive()).toEqual([]);
        for (const each of branches) expectDead(each, 'a branch');
      });
    },
  });
});

test('supervisor: its parent actor is killed in the middle of a start, everything below it ends', async () => {
  await explore({
    seed: 6,
    schedules: simulationSchedules(0.03),
    steps: 60,
    setup: async (sim) => {
      const family = new Family(sim, { slowInit: 0.7 });
      interface OwnerP {
        start(): Promise<AnyRef>;
      }
      let sup: Ref<SupervisorP> | undefined;
      const Sup = defineSupervisor(() => ({
        children: IDS.map((id) => child(id, Worker, { id, family })),
      }));
      const owner: Ref<OwnerP> = await spawn<OwnerP, null, undefined>(
        {
          name: 'owner',
          init: () => null,
          handle: {
            start: async (_s, _arg, ctx) => {
              sup = await ctx.spawnLink(Sup, undefined);
              return sup;
            },
          },
        },
        undefined,
      );
      sim.client('starter', async () => {
        await quietly(call(owner, 'start', undefined, { timeoutMs: 60_000 }));
      });
      sim.client('killer', async () => {
        await sim.sleep(sim.int(3) * 10);
        for (let i = sim.int(8); i > 0; i--) await sim.io('wait');
        exit(owner, 'kill');
        await sim.sleep(60_000);
        expect(family.alive()).toEqual([]);
        if (sup !== undefined) expectDead(sup, 'the supervisor');
      });
    },
  });
});
