/**
 * The stream actor against a simulated store: delays in any order, unavailability, commits whose answer
 * is lost, other owners, and the death of the actor between a commit and its answer.
 */
import { expect, test } from 'vitest';
import {
  ActorError,
  type AnyRef,
  call,
  cast,
  entity,
  hostEntity,
  type Ref,
  spawn,
  whereis,
} from '../../runtime/index.ts';
import { explore, type Simulation, simulationSchedules } from '../../runtime/testkit/index.ts';
import { pad } from '../ids.ts';
import { memoryStore } from '../store/index.ts';
import { createAbsentSids, Stream, type StreamEnvironment } from '../stream.ts';
import { newStreamCounters, STREAM_LIMITS } from '../stream-ports.ts';
import type { ChannelLog, Id, StreamP } from '../types.ts';
import { decode, jsonCodec } from './kit.ts';
import {
  type GatewayP,
  gatewayOf,
  guildOf,
  type LogFault,
  simulatedDocs,
  simulatedLog,
  Truth,
} from './simulation-kit.ts';

const SID: Id = 500;
const GID: Id = 400;
const stream = entity<StreamP>('stream', SID);

interface World {
  readonly truth: Truth;
  /** The log without delays and faults. */
  readonly log: ChannelLog;
  readonly gateway: Ref<GatewayP>;
  /** Seq by nonce, as acknowledged. */
  readonly acknowledged: Map<string, number>;
}

async function build(sim: Simulation): Promise<World> {
  const truth = new Truth();
  const store = memoryStore({ rng: sim.rng });
  await store.docs.write([
    { kind: 'stream', key: pad(SID), expect: 'any', value: { type: 'channel', gid: GID } },
  ]);
  const faults = sim.pick<readonly LogFault[]>([
    ['none'],
    ['none', 'none', 'none', 'unavailable', 'lost', 'answerLost', 'usurped'],
    ['none', 'answerLost'],
  ]);
  const environment: StreamEnvironment = {
    log: simulatedLog(sim, store.log, truth, () => sim.pick(faults)),
    docs: simulatedDocs(sim, store.docs),
    codec: jsonCodec,
    clock: sim.clock,
    limits: { ...STREAM_LIMITS, batchEventsMax: 3, appendQueueMax: 8, chunkEventsMax: 3 },
    counters: newStreamCounters(),
    absentSids: createAbsentSids(sim.clock),
  };
  await hostEntity('guild', { behaviour: guildOf(sim), arg: (gid) => gid, idleMs: 60_000 });
  await hostEntity('stream', {
    behaviour: Stream,
    arg: (sid) => ({ sid, environment }),
    idleMs: sim.pick([400, 60_000]),
    intensity: 1000,
  });
  const gateway = await spawn(gatewayOf(SID, truth), undefined);
  cast(gateway, 'join');
  return { truth, log: store.log, gateway, acknowledged: new Map() };
}

/** Sends until the outcome is known, as a client does: the same nonce each time. */
async function sendUntilKnown(sim: Simulation, world: World, uid: Id, nonce: string) {
  for (;;) {
    const m = { uid, nonce, kind: 1, body: [nonce] };
    const reply = await call(stream, 'append', m).catch((error: unknown) => {
      if (!(error instanceof ActorError)) throw error;
      return undefined;
    });
    if (reply?.ok === true) {
      await confirm(world, reply.seq, reply.ts, nonce);
      return;
    }
    if (reply !== undefined && reply.code !== 501) expect(reply.retryMs).toBeGreaterThan(0);
    await sim.sleep(1 + sim.int(100));
  }
}

/** An OK: the event is in the log, at that place, now and for every repetition. */
async function confirm(
  { truth, log, acknowledged }: World,
  seq: number,
  ts: number,
  nonce: string,
) {
  expect(truth.head).toBeGreaterThanOrEqual(seq);
  const [event] = await log.get(SID, [seq]);
  expect([event?.seq, event?.ts, event?.nonce]).toEqual([seq, ts, nonce]);
  expect(acknowledged.get(nonce) ?? seq).toBe(seq);
  acknowledged.set(nonce, seq);
}

/** The whole log: gapless, every nonce once, each writer's messages in the order of their sending. */
async function judge(world: World, writers: readonly string[], messages: number): Promise<void> {
  const events = await world.log.replay(SID, 0, 10_000, Number.MAX_SAFE_INTEGER);
  const log = events.map(({ frame }) => decode(frame));
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, i) => i + 1));
  const nonces = log.map(({ body }) => String(body[0]));
  for (const who of writers) {
    const want = Array.from({ length: messages }, (_, i) => `${who}-${i}`);
    expect(nonces.filter((nonce) => nonce.startsWith(`${who}-`))).toEqual(want);
  }
  for (const [nonce, seq] of world.acknowledged) expect(nonces[seq - 1]).toBe(nonce);
  const served = await call(world.gateway, 'pullAll', undefined, { timeoutMs: 600_000 });
  expect(served).toEqual(log.map((event) => world.truth.frames.get(event.seq)));
  expect(served.map((text) => JSON.parse(text).seq)).toEqual(log.map(({ seq }) => seq));
}

test('stream: slow and failing store, kills between commit and answer, no message lost, doubled or moved', async () => {
  let commits = 0;
  const messages = 4;
  const writers = ['a', 'b', 'c'];
  await explore({
    seed: 31,
    schedules: simulationSchedules(0.1),
    steps: 400,
    setup: async (sim) => {
      const world = await build(sim);
      const owner = (): AnyRef | undefined => whereis(stream);
      sim.killing('stream', sim.pick([0, 0.01, 0.03]), owner);
      sim.killing('guild', 0.002, () => whereis(entity('guild', GID)));
      let done = 0;
      for (const [i, who] of writers.entries()) {
        sim.client(who, async () => {
          for (let n = 0; n < messages; n++)
            await sendUntilKnown(sim, world, 10 + i, `${who}-${n}`);
          // A repetition long after: the same place.
          await sendUntilKnown(sim, world, 10 + i, `${who}-${sim.int(messages)}`);
          done++;
          if (done < writers.length) return;
          sim.calm();
          commits += world.truth.head;
          // The gateway's own retry brings it back to a stream that was killed.
          await sim.sleep(2500);
          await judge(world, writers, messages);
        });
      }
    },
  });
  expect(commits).toBeGreaterThanOrEqual(simulationSchedules(0.1) * messages * writers.length);
});

test('stream: many appends at once beyond its queue, each is answered, what is confirmed is there once', async () => {
  await explore({
    seed: 32,
    schedules: simulationSchedules(0.05),
    steps: 300,
    setup: async (sim) => {
      const world = await build(sim);
      sim.killing('stream', 0.01, () => whereis(stream));
      for (const [i, who] of ['a', 'b'].entries()) {
        sim.client(who, async () => {
          const uid = 10 + i;
          const all = Array.from({ length: 12 }, async (_, n) => {
            const nonce = `${who}-${n}`;
            const m = { uid, nonce, kind: 1, body: [nonce] };
            const reply = await call(stream, 'append', m).catch(() => undefined);
            if (reply?.ok === true) await confirm(world, reply.seq, reply.ts, nonce);
          });
          await Promise.all(all);
          const events = await world.log.replay(SID, 0, 10_000, Number.MAX_SAFE_INTEGER);
          const nonces = events.map(({ nonce }) => nonce);
          expect(new Set(nonces).size).toBe(nonces.length);
        });
      }
    },
  });
});
