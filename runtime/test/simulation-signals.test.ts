/**
 * Calls, monitors and links between actors that are killed, stop and crash at random: one notice per
 * monitor, exits along links, each answer to the call it belongs to and none too late.
 */
import { expect, test, vi } from 'vitest';
import {
  ActorError,
  type AnyRef,
  type Behaviour,
  call,
  counters,
  type DownNotice,
  defineActor,
  type From,
  isAlive,
  type MonitorId,
  NOREPLY,
  type Ref,
  reply,
  spawn,
} from '../index.ts';
import {
  explore,
  type Simulation,
  simulationSchedules,
  simulationTimeoutMs,
} from '../testkit/index.ts';

vi.setConfig({ testTimeout: simulationTimeoutMs() });

interface NodeP {
  watch(to: Ref<NodeP>): void;
  unwatch(): void;
  link(to: Ref<NodeP>): void;
  unlink(to: Ref<NodeP>): void;
  /** 'normal': the exit that peers ignore. */
  end(reason: 'normal' | 'shutdown'): void;
}

interface Watching {
  readonly holder: AnyRef;
  readonly target: AnyRef;
  readonly id: MonitorId;
  notices: number;
  ended: boolean;
}

const pairOf = (a: AnyRef, b: AnyRef) => (a < b ? `${a} ${b}` : `${b} ${a}`);

/** What must be, kept beside the actors. */
class World {
  readonly nodes: Ref<NodeP>[] = [];
  readonly trapping = new Set<AnyRef>();
  readonly endedNormal = new Set<AnyRef>();
  readonly watchings: Watching[] = [];
  readonly links = new Map<string, readonly [AnyRef, AnyRef]>();
  /** Exit notices that a trapping actor is owed, by pair. */
  readonly owed = new Map<string, number>();

  alive(): Ref<NodeP>[] {
    return this.nodes.filter(isAlive);
  }

  link(self: AnyRef, to: AnyRef): void {
    if (self === to) return;
    if (isAlive(to)) this.links.set(pairOf(self, to), [self, to]);
    else if (this.trapping.has(self)) this.owe(self, to, 1);
  }
  owe(holder: AnyRef, from: AnyRef, by: number): void {
    const key = `${holder} from ${from}`;
    const owed = (this.owed.get(key) ?? 0) + by;
    if (owed === 0) this.owed.delete(key);
    else this.owed.set(key, owed);
  }

  /** Links whose one side has died: the other is dead as well, traps exits, or the end was normal. */
  settleLinks(): void {
    for (const [key, [a, b]] of this.links) {
      for (const [dead, other] of [
        [a, b],
        [b, a],
      ] as const) {
        if (isAlive(dead) || !this.links.has(key)) continue;
        this.links.delete(key);
        if (!isAlive(other)) continue;
        if (this.trapping.has(other)) this.owe(other, dead, 1);
        else if (!this.endedNormal.has(dead)) throw new Error(`${other} outlived its link ${dead}`);
      }
    }
  }
}

function node(world: World, sim: Simulation): Behaviour<NodeP, null, undefined> {
  return {
    name: 'node',
    init: (ctx) => {
      const traps = sim.chance(0.5);
      ctx.trapExit(traps);
      if (traps) world.trapping.add(ctx.self);
      return null;
    },
    handle: {
      watch: (_s, target, ctx) => {
        const id = ctx.monitor(target);
        world.watchings.push({ holder: ctx.self, target, id, notices: 0, ended: false });
      },
      unwatch: (_s, _arg, ctx) => {
        const open = world.watchings.find((w) => w.holder === ctx.self && !w.ended);
        if (open === undefined) return;
        open.ended = true;
        ctx.demonitor(open.id);
      },
      link: (_s, to, ctx) => {
        world.settleLinks();
        world.link(ctx.self, to);
        ctx.link(to);
      },
      unlink: (_s, to, ctx) => {
        world.settleLinks();
        world.links.delete(pairOf(ctx.self, to));
        ctx.unlink(to);
      },
      end: (_s, reason, ctx) => {
        if (reason === 'normal') world.endedNormal.add(ctx.self);
        return ctx.stop(reason);
      },
    },
    onDown: (_s, { monitor, ref }: DownNotice, ctx) => {
      const found = world.watchings.find((w) => w.id === monitor);
      if (found === undefined || found.holder !== ctx.self) throw new Error('a notice of nobody');
      if (found.ended) throw new Error('a notice after demonitor');
      if (isAlive(ref)) throw new Error('a notice of the living');
      found.notices++;
      if (found.notices > 1) throw new Error('a second notice');
    },
    onExit: (_s, { from }, ctx) => {
      world.settleLinks();
      world.owe(ctx.self, from, -1);
    },
  };
}

test('links and monitors: actors end in every way, each death is told once to whom it concerns', async () => {
  let told = 0;
  let world = new World();
  await explore({
    seed: 21,
    schedules: simulationSchedules(0.08),
    steps: 200,
    setup: async (sim) => {
      world = new World();
      const grow = async () => {
        world.nodes.push(await spawn(node(world, sim), undefined));
      };
      for (let i = 0; i < 4; i++) await grow();
      sim.always(() => world.settleLinks());
      sim.killing('node', 0.02, () => world.alive()[0]);
      for (const who of ['a', 'b']) {
        sim.client(who, async () => {
          for (let i = 0; i < 25; i++) {
            const nodes = world.alive();
            if (nodes.length < 3) await grow();
            await act(sim, sim.pick(world.alive()), sim.pick(world.nodes));
          }
        });
      }
    },
    check: () => {
      // Nothing is under way: who lives has heard everything that it is owed.
      for (const { holder, target, notices, ended } of world.watchings) {
        if (!isAlive(holder) || ended) continue;
        expect(notices).toBe(isAlive(target) ? 0 : 1);
        told += notices;
      }
      for (const [key, owed] of world.owed) {
        if (isAlive(Number(key.split(' ')[0]) as AnyRef)) expect([key, owed]).toEqual([key, 0]);
      }
    },
  });
  expect(told).toBeGreaterThan(0);
});

/** One random thing; the actor may end meanwhile. */
async function act(sim: Simulation, self: Ref<NodeP>, other: Ref<NodeP>): Promise<void> {
  const what = sim.int(11);
  const done =
    what < 3
      ? call(self, 'watch', other)
      : what < 5
        ? call(self, 'unwatch')
        : what < 8
          ? call(self, 'link', other)
          : what < 10
            ? call(self, 'unlink', other)
            : call(self, 'end', sim.pick(['normal', 'shutdown'] as const));
  await done.catch((error: unknown) => {
    if (!(error instanceof ActorError)) throw error;
  });
}

interface ServerP {
  echo(m: Request): number;
  /** Answers later, maybe never. */
  later(m: Request): number;
  /** Another actor answers. */
  forward(m: Request): number;
  slow(m: Request): Promise<number>;
}
interface Request {
  readonly id: number;
}
interface ClerkP {
  answer(m: { readonly from: From; readonly id: number }): void;
}
const Clerk = defineActor<ClerkP, null>({
  name: 'clerk',
  init: () => null,
  handle: { answer: (_s, { from, id }, ctx) => ctx.reply(from, id) },
});
const OPS = ['echo', 'later', 'forward', 'slow'] as const;

/** Calls whose caller has heard that they failed. */
type GivenUp = ReadonlySet<number>;

function server(
  sim: Simulation,
  givenUp: GivenUp,
  clerk: Ref<ClerkP>,
): Behaviour<ServerP, null, undefined> {
  const begin = ({ id }: Request): number => {
    if (givenUp.has(id)) throw new Error(`request ${id} is handled after its caller gave up`);
    return id;
  };
  const answerLater = (from: From | undefined, id: number): typeof NOREPLY => {
    if (from !== undefined) {
      // Twice, for the second one must fall on deaf ears.
      void sim.io(`answer ${id}`).then(() => reply(from, id));
      void sim.sleep(sim.int(200)).then(() => reply(from, -id));
    }
    return NOREPLY;
  };
  return {
    name: 'server',
    init: () => null,
    handle: {
      echo: (_s, m) => begin(m),
      later: (_s, m, ctx) => answerLater(ctx.from, begin(m)),
      forward: (_s, m, ctx) => {
        begin(m);
        const { from } = ctx;
        if (from !== undefined) ctx.cast(clerk, 'answer', { from, id: m.id });
        return NOREPLY;
      },
      slow: async (_s, m) => {
        const id = begin(m);
        await sim.io(`slow ${id}`);
        return id;
      },
    },
  };
}

test('call: servers are slow, answer late, twice, through others, and die, each caller hears its own answer once', async () => {
  const outcomes = new Map<string, number>();
  await explore({
    seed: 22,
    schedules: simulationSchedules(0.09),
    steps: 250,
    setup: async (sim) => {
      const givenUp = new Set<number>();
      const before = counters().callsPending;
      const clerk = await spawn(Clerk, undefined);
      let live = await spawn(server(sim, givenUp, clerk), undefined);
      sim.killing('server', 0.02, () => live);
      let ids = 0;
      const ask = async () => {
        const id = ++ids;
        const timeoutMs = sim.pick([5, 50, 5000]);
        const start = sim.clock.monotonic();
        try {
          const answer = await call(live, sim.pick(OPS), { id }, { timeoutMs });
          // The second answer of `later` may be the first to come.
          expect(Math.abs(answer)).toBe(id);
          count(outcomes, 'answered');
        } catch (error) {
          if (!(error instanceof ActorError)) throw error;
          givenUp.add(id);
          expect(['timeout', 'noproc', 'killed']).toContain(error.reason);
          count(outcomes, String(error.reason));
          if (error.reason === 'timeout') {
            expect(sim.clock.monotonic() - start).toBeGreaterThanOrEqual(timeoutMs);
          }
        }
      };
      for (const who of ['a', 'b', 'c']) {
        sim.client(who, async () => {
          for (let i = 0; i < 10; i++) {
            if (!isAlive(live)) live = await spawn(server(sim, givenUp, clerk), undefined);
            await (sim.chance(0.3) ? Promise.all([ask(), ask(), ask()]) : ask());
          }
          if (who === 'a') await sim.sleep(10_000);
        });
      }
      sim.always(() => expect(counters().callsPending - before).toBeLessThanOrEqual(9));
    },
  });
  expect([...outcomes.keys()]).toEqual(expect.arrayContaining(['answered', 'killed', 'timeout']));
});

function count(outcomes: Map<string, number>, outcome: string): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}
