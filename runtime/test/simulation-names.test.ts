/**
 * Registries, their locks, and groups, while their actors are killed at random: the tables are what a
 * model says after every step, and the dead are in none of them.
 */
import { expect, test, vi } from 'vitest';
import {
  ActorError,
  type AnyRef,
  call,
  configureRuntime,
  counters,
  defineActor,
  exit,
  isAlive,
  type Ref,
  spawn,
  startGroups,
  startRegistry,
} from '../index.ts';
import {
  explore,
  type Simulation,
  simulationSchedules,
  simulationTimeoutMs,
} from '../testkit/index.ts';

vi.setConfig({ testTimeout: simulationTimeoutMs() });

interface MemberP {
  hear(n: number): void;
}
const KEYS = ['red', 'green', 'blue'];

/** Actors that come and are killed. */
class Crowd {
  readonly sim: Simulation;
  readonly heard = new Map<AnyRef, number[]>();
  refs: Ref<MemberP>[] = [];

  constructor(sim: Simulation) {
    this.sim = sim;
    sim.killing('member', 0.05, () => this.alive()[0]);
  }
  alive(): Ref<MemberP>[] {
    this.refs = this.refs.filter(isAlive);
    return this.refs;
  }
  /** One of those that live; started if there are few. */
  async any(): Promise<Ref<MemberP>> {
    if (this.alive().length < 4) {
      const started = await this.#start();
      this.refs.push(started);
      return started;
    }
    return this.sim.pick(this.refs);
  }
  #start(): Promise<Ref<MemberP>> {
    const { heard } = this;
    const Member = defineActor<MemberP, number[]>({
      name: 'member',
      init: (ctx) => {
        const own: number[] = [];
        heard.set(ctx.self, own);
        return own;
      },
      handle: {
        hear: (s, n) => {
          s.push(n);
        },
      },
    });
    return spawn(Member, undefined);
  }
}

test('registry: owners register, update, leave and are killed, a key has one live owner or none', async () => {
  await explore({
    seed: 41,
    schedules: simulationSchedules(0.04),
    steps: 200,
    setup: async (sim) => {
      const crowd = new Crowd(sim);
      const table = await startRegistry<MemberP, number>({ name: 'colours', keys: 'unique' });
      const model = new Map<string, { ref: Ref<MemberP>; value: number }>();
      const owner = (key: string) => {
        const entry = model.get(key);
        return entry !== undefined && isAlive(entry.ref) ? entry : undefined;
      };
      for (const who of ['x', 'y']) {
        sim.client(who, async () => {
          for (let n = 0; n < 15; n++) {
            const ref = await crowd.any();
            const key = sim.pick(KEYS);
            const held = owner(key);
            const what = sim.int(4);
            if (what < 2) {
              const result = table.register(ref, key, n);
              if (!result.ok) expect(result).toMatchObject({ why: 'alreadyRegistered' });
              expect(result.ok).toBe(held === undefined);
              if (result.ok) model.set(key, { ref, value: n });
            } else if (what === 2) {
              table.unregister(ref, key);
              if (held?.ref === ref) model.delete(key);
            } else {
              const updated = table.update(ref, key, (value) => value + 100);
              expect(updated?.old).toBe(held?.ref === ref ? held.value : undefined);
              if (held !== undefined && updated !== undefined) held.value = updated.value;
            }
            await sim.io('pause');
          }
        });
      }
      sim.always(() => {
        let entries = 0;
        for (const key of KEYS) {
          const held = owner(key);
          if (held !== undefined) entries++;
          expect(table.whereis(key)).toBe(held?.ref);
          expect(table.lookup(key).map(({ value }) => value)).toEqual(held ? [held.value] : []);
        }
        expect(table.count()).toBe(entries);
      });
    },
  });
});

test('registry locks: holders and waiters are killed, one holds a key and everybody gets it or learns why not', async () => {
  await explore({
    seed: 42,
    schedules: simulationSchedules(0.03),
    steps: 200,
    setup: async (sim) => {
      const crowd = new Crowd(sim);
      const table = await startRegistry<MemberP>({ name: 'locks', keys: 'unique' });
      const holders = new Map<string, AnyRef>();
      for (const who of ['x', 'y', 'z']) {
        sim.client(who, async () => {
          for (let n = 0; n < 6; n++) {
            const ref = await crowd.any();
            const key = sim.pick(KEYS.slice(0, 2));
            const work = async (): Promise<void> => {
              const other = holders.get(key);
              // The lock of a holder that was killed is free, whatever its code still does.
              if (other !== undefined && other !== ref && isAlive(other))
                throw new Error('two hold');
              holders.set(key, ref);
              await sim.io('work');
              if (holders.get(key) === ref) holders.delete(key);
            };
            await table.lock(ref, key, work).catch((error: unknown) => {
              if (!(error instanceof ActorError) && !(error instanceof TypeError)) throw error;
            });
          }
        });
      }
    },
  });
});

test('groups: members join, leave and are killed, each publish reaches who is in as often as it joined', async () => {
  let judge = () => {};
  await explore({
    seed: 43,
    schedules: simulationSchedules(0.03),
    steps: 200,
    setup: async (sim) => {
      const crowd = new Crowd(sim);
      const scope = await startGroups('colours');
      const group = scope.group<MemberP>('red');
      let joined: Ref<MemberP>[] = [];
      const due = new Map<AnyRef, number[]>();
      for (const who of ['x', 'y']) {
        sim.client(who, async () => {
          for (let n = 0; n < 15; n++) {
            const ref = await crowd.any();
            const what = sim.int(3);
            if (what === 0) {
              group.join(ref);
              joined.push(ref);
            } else if (what === 1) {
              const at = joined.indexOf(ref);
              expect(group.leave(ref)).toBe(at >= 0);
              if (at >= 0) joined.splice(at, 1);
            } else {
              for (const member of joined.filter(isAlive)) {
                due.set(member, [...(due.get(member) ?? []), n]);
              }
              group.publish('hear', n);
            }
            await sim.io('pause');
          }
        });
      }
      sim.always(() => {
        joined = joined.filter(isAlive);
        const sorted = (refs: readonly AnyRef[]) => [...refs].sort((a, b) => a - b);
        expect(sorted(group.members())).toEqual(sorted(joined));
        for (const [ref, heard] of crowd.heard) {
          expect(heard).toEqual((due.get(ref) ?? []).slice(0, heard.length));
        }
      });
      judge = () => {
        for (const ref of crowd.alive()) expect(crowd.heard.get(ref)).toEqual(due.get(ref) ?? []);
        for (const ref of crowd.alive()) exit(ref, 'kill');
        expect(scope.whichGroups()).toEqual([]);
      };
    },
    check: () => judge(),
  });
});

test('payloads cloned: actors that talk by plain data, run the same schedules to the same end', async () => {
  configureRuntime({ payloads: 'clone' });
  const before = counters().actors;
  try {
    await explore({
      seed: 44,
      schedules: simulationSchedules(0.005),
      steps: 100,
      setup: async (sim) => {
        interface P {
          take(m: { readonly list: number[] }): readonly number[];
        }
        const Taker = defineActor<P, null>({
          name: 'taker',
          init: () => null,
          handle: {
            take: (_s, { list }) => {
              list.push(9);
              return list;
            },
          },
        });
        const taker = await spawn(Taker, undefined);
        sim.client('c', async () => {
          for (let n = 0; n < 5; n++) {
            const list = [n];
            expect(await call(taker, 'take', { list }, { timeoutMs: 600_000 })).toEqual([n, 9]);
            expect(list).toEqual([n]);
          }
        });
      },
    });
  } finally {
    configureRuntime({ payloads: 'share' });
  }
  expect(counters().actors).toBe(before);
});
