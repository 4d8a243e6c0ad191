/**
 * Entities and names under random idleness, crashes and kills: one activation per key, mail that outlives
 * passivation, order per sender, names that never lead to the dead.
 */
import { expect, test, vi } from 'vitest';
import {
  ActorError,
  type AnyRef,
  type Behaviour,
  call,
  cast,
  entity,
  exit,
  hostEntity,
  isAlive,
  name,
  type Ref,
  spawn,
  stop,
  whereis,
} from '../index.ts';
import {
  explore,
  type Simulation,
  simulationSchedules,
  simulationTimeoutMs,
} from '../testkit/index.ts';

vi.setConfig({ testTimeout: simulationTimeoutMs() });

interface MailP {
  mail(m: Letter): void;
  count(m: Letter): number;
  /** Ends by itself, as an idle entity does. */
  rest(): void;
}
interface Letter {
  readonly from: string;
  readonly n: number;
}

const TYPE = 'mailbox';
const KEYS = [1, 2, 3];
const box = (key: number) => entity<MailP>(TYPE, key);

/** What the entities of one simulation did. */
class Post {
  readonly sim: Simulation;
  /** Handled letters by key and sender, over all activations. */
  readonly handled = new Map<string, number[]>();
  readonly active = new Map<number, AnyRef>();
  activations = 0;

  constructor(sim: Simulation) {
    this.sim = sim;
  }
  take(key: number, { from, n }: Letter): number {
    const id = `${key} ${from}`;
    const list = this.handled.get(id) ?? [];
    this.handled.set(id, list);
    if (n <= (list.at(-1) ?? -1)) throw new Error(`${id}: ${n} after ${list.at(-1)}`);
    list.push(n);
    return list.length;
  }
  began(key: number, ref: AnyRef): void {
    const old = this.active.get(key);
    if (old !== undefined && isAlive(old)) throw new Error(`two activations of ${key}`);
    this.active.set(key, ref);
    this.activations++;
  }
  anyActive(): AnyRef | undefined {
    const alive = [...this.active.values()].filter(isAlive);
    return alive.length === 0 ? undefined : this.sim.pick(alive);
  }
}

function mailbox(post: Post, slow: number): Behaviour<MailP, number, number> {
  const { sim } = post;
  return {
    name: TYPE,
    init: (ctx, key) => {
      post.began(key, ctx.self);
      ctx.trapExit(sim.chance(0.5));
      return sim.chance(slow) ? sim.io(`init ${key}`).then(() => key) : key;
    },
    handle: {
      mail: (key, letter) => {
        post.take(key, letter);
      },
      count: async (key, letter) => {
        const count = post.take(key, letter);
        if (sim.chance(slow)) await sim.io(`count ${key}`);
        return count;
      },
      rest: (_key, _arg, ctx) => ctx.stop('normal'),
    },
    terminate: async (key) => {
      if (sim.chance(slow)) await sim.io(`end ${key}`);
    },
  };
}

async function openPost(sim: Simulation): Promise<Post> {
  const post = new Post(sim);
  await hostEntity(TYPE, {
    behaviour: mailbox(post, sim.pick([0, 0.3])),
    arg: (key) => key,
    idleMs: sim.pick([10, 100, Number.POSITIVE_INFINITY]),
    intensity: 50,
    period: 1,
  });
  return post;
}

/** Sends letters to random keys; gives what was sent, by key. */
async function send(sim: Simulation, who: string, letters: number): Promise<Map<number, number[]>> {
  const sent = new Map<number, number[]>();
  for (let n = 0; n < letters; n++) {
    const key = sim.pick(KEYS);
    sent.set(key, [...(sent.get(key) ?? []), n]);
    if (sim.chance(0.6)) cast(box(key), 'mail', { from: who, n });
    else await call(box(key), 'count', { from: who, n }, { timeoutMs: 600_000 });
    if (sim.chance(0.1)) cast(box(sim.pick(KEYS)), 'rest');
    if (sim.chance(0.3)) await sim.sleep(sim.int(150));
  }
  return sent;
}

test('entity: passivated at every moment, keeps one life and loses, doubles and reorders no mail', async () => {
  let activations = 0;
  await explore({
    seed: 11,
    schedules: simulationSchedules(0.08),
    steps: 1000,
    setup: async (sim) => {
      const post = await openPost(sim);
      for (const who of ['a', 'b', 'c']) {
        sim.client(who, async () => {
          const sent = await send(sim, who, 12);
          // A last request to each key: everything before it has been handled when it is answered.
          for (const key of KEYS) {
            await call(box(key), 'count', { from: who, n: 100 }, { timeoutMs: 600_000 });
            const want = [...(sent.get(key) ?? []), 100];
            expect(post.handled.get(`${key} ${who}`)).toEqual(want);
          }
          activations += post.activations;
        });
      }
    },
  });
  expect(activations).toBeGreaterThan(simulationSchedules(0.08) * 3);
});

test('entity: killed and crashed at every moment, has one life and doubles and reorders no mail', async () => {
  await explore({
    seed: 12,
    schedules: simulationSchedules(0.05),
    steps: 300,
    setup: async (sim) => {
      const post = await openPost(sim);
      sim.killing('entity', 0.03, () => post.anyActive());
      let asked = 0;
      for (const who of ['a', 'b', 'c']) {
        sim.client(who, async () => {
          for (let n = 0; n < 12; n++) {
            const key = sim.pick(KEYS);
            if (sim.chance(0.5)) cast(box(key), 'mail', { from: who, n });
            else {
              asked++;
              await call(box(key), 'count', { from: who, n }).catch(expectReason);
            }
            if (sim.chance(0.3)) await sim.sleep(sim.int(50));
          }
        });
      }
      sim.client('end', async () => {
        await sim.sleep(3000);
        sim.calm();
        // The restart intensity has passed: every key serves again.
        for (const key of KEYS) {
          await call(box(key), 'count', { from: 'end', n: asked }, { timeoutMs: 600_000 });
        }
      });
    },
  });
});

function expectReason(error: unknown): void {
  if (!(error instanceof ActorError)) throw error;
  expect(['killed', 'timeout', 'noproc', 'unavailable', 'shutdown', 'normal']).toContain(
    error.reason,
  );
}

test('entity host: stopped amid traffic, every activation ends and every call is answered', async () => {
  await explore({
    seed: 13,
    schedules: simulationSchedules(0.02),
    steps: 300,
    setup: async (sim) => {
      const post = new Post(sim);
      const host = await hostEntity(TYPE, {
        behaviour: mailbox(post, 0.3),
        arg: (key) => key,
        idleMs: 50,
      });
      for (const who of ['a', 'b']) {
        sim.client(who, async () => {
          for (let n = 0; n < 8; n++) {
            const key = sim.pick(KEYS);
            await call(box(key), 'count', { from: who, n }).catch(expectReason);
          }
        });
      }
      sim.client('stop', async () => {
        for (let i = sim.int(12); i > 0; i--) await sim.io('wait');
        await stop(host, 'shutdown');
        expect([...post.active.values()].filter(isAlive)).toEqual([]);
        await expect(call(box(1), 'count', { from: 'late', n: 0 })).rejects.toMatchObject({
          reason: 'noproc',
        });
      });
    },
  });
});

test('name: owners start, end and are killed in a race, it leads to one live owner or to none', async () => {
  interface OwnerP {
    who(): number;
  }
  const KEY = 'the-name';
  const where = name<OwnerP>(KEY);
  await explore({
    seed: 14,
    schedules: simulationSchedules(0.03),
    steps: 200,
    setup: async (sim) => {
      const started: Ref<OwnerP>[] = [];
      const owner = (n: number): Behaviour<OwnerP, number, undefined> => ({
        name: 'owner',
        init: async (ctx) => {
          if (whereis(where) !== ctx.self) throw new Error('the name is there before init');
          if (sim.chance(0.5)) await sim.io(`init ${n}`);
          if (sim.chance(0.2)) throw new Error('init on request');
          return n;
        },
        handle: { who: (s) => s },
      });
      sim.killing('owner', 0.05, () => whereis(where));
      for (const who of [1, 2, 3]) {
        sim.client(`owner ${who}`, async () => {
          for (let i = 0; i < 6; i++) {
            const ref = await spawn(owner(who), undefined, { name: where }).catch(() => undefined);
            if (ref !== undefined) started.push(ref);
            const seen = await call(where, 'who').catch(() => 0);
            expect([0, 1, 2, 3]).toContain(seen);
            if (ref !== undefined && sim.chance(0.5)) exit(ref, 'kill');
          }
        });
      }
      sim.always(() => {
        const ref = whereis(where);
        if (ref !== undefined) expect(isAlive(ref)).toBe(true);
        expect(started.filter(isAlive).length).toBeLessThanOrEqual(1);
      });
    },
  });
});
