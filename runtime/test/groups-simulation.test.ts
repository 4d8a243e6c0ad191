/**
 * Two scopes that know each other as those of two threads do, over mailboxes that the schedule empties in any
 * order: members join, leave and die, scopes are killed and started again; in the end both agree.
 */
import { expect, test } from 'vitest';
import {
  type AnyRef,
  cast,
  exit,
  type Groups,
  groups,
  isAlive,
  name,
  type Ref,
  spawn,
  startGroups,
  whereis,
} from '../index.ts';
import type { ScopeP } from '../names/scope.ts';
import { explore, type Simulation, simulationSchedules } from '../testkit/index.ts';
import { Probe, type ProbeP } from './support.ts';

const SCOPES = ['left', 'right'] as const;
type Side = (typeof SCOPES)[number];
const KEYS = ['a', 'b'] as const;

const scopeRef = (side: Side): Ref<ScopeP> | undefined => whereis(name<ScopeP>(side));
const count = (refs: readonly AnyRef[]): string[] => refs.map(String).sort();

class World {
  readonly members: Record<Side, Ref<ProbeP>[]> = { left: [], right: [] };
  /** Members by side and group, as often as they joined; emptied when their scope dies. */
  readonly joined: Record<Side, Map<string, Ref<ProbeP>[]>> = {
    left: new Map(),
    right: new Map(),
  };
  restarts = 0;

  expected(side: Side, key: string): Ref<ProbeP>[] {
    return (this.joined[side].get(key) ?? []).filter(isAlive);
  }

  /** After every choice: what a scope says of its own members is exact. */
  look(): void {
    for (const side of SCOPES) {
      if (scopeRef(side) === undefined) continue;
      for (const key of KEYS) {
        const own = groups(side).group<ProbeP>(key).localMembers();
        expect(count(own)).toEqual(count(this.expected(side, key)));
      }
    }
  }
}

/** As scopes of two threads do when one starts. */
async function start(world: World, side: Side): Promise<Groups> {
  world.joined[side].clear();
  const scope = await startGroups(side);
  const [self, other] = [scopeRef(side), scopeRef(side === 'left' ? 'right' : 'left')];
  if (self !== undefined && other !== undefined) cast(other, 'discover', self);
  return scope;
}

async function act(sim: Simulation, world: World): Promise<void> {
  const side = sim.pick(SCOPES);
  const key = sim.pick(KEYS);
  const living = world.members[side].filter(isAlive);
  const what = sim.int(8);
  if (scopeRef(side) === undefined) {
    world.restarts++;
    await start(world, side).catch((error: unknown) => {
      // The other client was faster, or it was killed while it started.
      if (!(error instanceof Error) || error.name !== 'ActorError') throw error;
    });
  } else if (living.length === 0 || what === 0) world.members[side].push(await spawn(Probe, {}));
  else {
    const member = sim.pick(living);
    const group = groups(side).group<ProbeP>(key);
    const list = world.joined[side].get(key) ?? [];
    world.joined[side].set(key, list);
    if (what < 5) {
      group.join([member, member]);
      list.push(member, member);
    } else if (what < 7) {
      const at = list.indexOf(member);
      expect(group.leave(member)).toBe(at >= 0);
      if (at >= 0) list.splice(at, 1);
    } else exit(member, 'kill');
    await sim.io('a pause');
  }
}

test('groups: members and scopes die at every point, two scopes agree in the end', async () => {
  let world = new World();
  let restarts = 0;
  await explore({
    seed: 82,
    schedules: simulationSchedules(0.05),
    steps: 150,
    setup: async (sim) => {
      world = new World();
      for (const side of SCOPES) await start(world, side);
      sim.always(() => world.look());
      sim.killing('scope', 0.01, () => scopeRef('left'));
      sim.killing('member', 0.02, () => world.members.right.find(isAlive));
      for (const who of ['first', 'second']) {
        sim.client(who, async () => {
          for (let i = 0; i < 20; i++) await act(sim, world);
        });
      }
    },
    check: () => {
      restarts += world.restarts;
      const up = SCOPES.filter((side) => scopeRef(side) !== undefined);
      for (const side of up) {
        for (const key of KEYS) {
          const all = up.flatMap((each) => world.expected(each, key));
          expect(count(groups(side).group(key).members())).toEqual(count(all));
        }
      }
      for (const side of up) exit(scopeRef(side) as AnyRef, 'kill');
    },
  });
  expect(restarts).toBeGreaterThan(0);
});
