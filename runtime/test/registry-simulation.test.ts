/**
 * A registry whose owners register, start with names, lock and are killed at every point of every schedule:
 * no entry of a dead actor is ever seen, a key has one owner, a lock one living holder, nobody is left out.
 */
import { expect, test } from 'vitest';
import {
  ActorError,
  type AnyRef,
  exit,
  isAlive,
  type Ref,
  type Registry,
  type RegistryListenerP,
  spawn,
  startRegistry,
  whereis,
} from '../index.ts';
import { explore, type Simulation, simulationSchedules } from '../testkit/index.ts';
import { Probe, type ProbeP } from './support.ts';

const KEYS = ['a', 'b', 'c'] as const;

/** What must be, kept beside the registry. */
class World {
  rooms: Registry<ProbeP, number>;
  readonly owners: Ref<ProbeP>[] = [];
  readonly holders = new Map<string, Set<AnyRef>>();
  /** As a listener hears it: key and owner. */
  readonly heard = new Set<string>();
  locked = 0;
  refused = 0;

  constructor(rooms: Registry<ProbeP, number>) {
    this.rooms = rooms;
  }

  alive(): Ref<ProbeP>[] {
    return this.owners.filter(isAlive);
  }

  /** After every choice of the schedule. */
  look(): void {
    const entries = this.rooms.select((entry) => entry);
    const keys = new Set(entries.map(({ key }) => key));
    if (keys.size !== entries.length) throw new Error('a key has two owners');
    if (entries.length !== this.rooms.count()) throw new Error('the count is wrong');
    for (const { ref, key } of entries) {
      if (!isAlive(ref)) throw new Error(`${key} is of the dead ${ref}`);
      if (whereis(this.rooms.name(key)) !== ref) throw new Error(`${key} leads elsewhere`);
      if (!this.rooms.keys(ref).includes(key)) throw new Error(`${ref} does not know of ${key}`);
    }
    for (const [key, holders] of this.holders) {
      if ([...holders].filter(isAlive).length > 1) throw new Error(`two hold the lock ${key}`);
    }
  }
}

async function lock(sim: Simulation, world: World, owner: Ref<ProbeP>, key: string): Promise<void> {
  const { rooms, holders } = world;
  const held = rooms.lock(owner, key, async () => {
    if (!isAlive(owner)) throw new Error(`the dead ${owner} got the lock ${key}`);
    const all = holders.get(key) ?? new Set();
    holders.set(key, all.add(owner));
    world.locked++;
    if (sim.chance(0.7)) await sim.io(`work under ${key}`);
    all.delete(owner);
    if (sim.chance(0.2)) throw new RangeError('work failed');
  });
  await held.catch((error: unknown) => {
    if (error instanceof RangeError) return;
    if (error instanceof ActorError && error.reason === 'noproc' && !isAlive(owner)) return;
    throw error;
  });
}

async function act(sim: Simulation, world: World): Promise<void> {
  const { rooms, owners } = world;
  const key = sim.pick(KEYS);
  const living = world.alive();
  const owner = living.length === 0 ? undefined : sim.pick(living);
  const what = sim.int(10);
  if (owner === undefined || what === 0) owners.push(await spawn(Probe, {}));
  else if (what < 3) {
    const named = { name: rooms.name(key, 0) };
    const started = await spawn(Probe, {}, named).catch((error: unknown) => {
      if (!(error instanceof ActorError) || typeof error.reason === 'string') throw error;
      world.refused++;
    });
    if (typeof started === 'number') owners.push(started);
  } else if (what < 6) rooms.register(owner, key, sim.int(9));
  else if (what === 6) rooms.unregister(owner, key);
  else if (what === 7) exit(owner, sim.pick(['kill', { shutdown: 'simulated' }] as const));
  else await lock(sim, world, owner, `${key} lock`);
}

test('registry: owners die at every point, no dead entry, one owner per key, one holder per lock', async () => {
  let world: World | undefined;
  let [locked, refused] = [0, 0];
  await explore({
    seed: 81,
    schedules: simulationSchedules(0.05),
    steps: 150,
    setup: async (sim) => {
      const options = { name: 'rooms', keys: 'unique', partitions: sim.pick([1, 4]) } as const;
      const made = new World(await startRegistry(options));
      world = made;
      const listener = await spawn<RegistryListenerP, null, undefined>(
        {
          init: () => null,
          handle: {
            registryChange: (_s, { kind, key, ref }) => {
              const entry = `${key} ${ref}`;
              if (kind === 'register' && made.heard.has(entry)) throw new Error('told twice');
              if (kind === 'register') made.heard.add(entry);
              else if (!made.heard.delete(entry)) throw new Error('an end without a beginning');
            },
          },
        },
        undefined,
      );
      made.rooms.onChange(listener);
      sim.always(() => made.look());
      sim.killing('owner', 0.05, () => made.alive()[0]);
      for (const who of ['first', 'second', 'third']) {
        sim.client(who, async () => {
          for (let i = 0; i < 15; i++) await act(sim, made);
        });
      }
    },
    check: async () => {
      if (world === undefined) return;
      const entries = world.rooms.select(({ key, ref }) => `${key} ${ref}`);
      expect([...world.heard].sort()).toEqual([...entries].sort());
      for (const ref of world.alive()) exit(ref, 'kill');
      expect(world.rooms.count()).toBe(0);
      for (const key of KEYS) {
        const owner = await spawn(Probe, {});
        expect(await world.rooms.lock(owner, `${key} lock`, () => 'free')).toBe('free');
        exit(owner, 'kill');
      }
      locked += world.locked;
      refused += world.refused;
    },
  });
  expect([locked > 0, refused > 0]).toEqual([true, true]);
});
