/**
 * The stream actor against a simulated store: delays in any order, unavailability, commits whose answer
 * is lost, other owners, and the death of the actor between a commit and its answer.
 */
import { expect, test, vi } from 'vitest';
import { call } from '../../runtime/index.ts';
import { explore, simulationSchedules, simulationTimeoutMs } from '../../runtime/testkit/index.ts';
import { decode } from './kit.ts';
import {
  append,
  buildStream,
  confirm,
  killing,
  SID,
  type StreamWorld,
  stream,
} from './simulation-world.ts';

vi.setConfig({ testTimeout: simulationTimeoutMs() });

/** The whole log: gapless, every nonce once, each writer's messages in the order of their sending. */
async function judge(
  world: StreamWorld,
  writers: readonly string[],
  messages: number,
): Promise<void> {
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
      const world = await buildStream(sim);
      killing(sim, sim.pick([0, 0.01, 0.03]));
      let done = 0;
      for (const [i, who] of writers.entries()) {
        sim.client(who, async () => {
          for (let n = 0; n < messages; n++) await append(sim, world, 10 + i, `${who}-${n}`);
          // A repetition long after: the same place.
          await append(sim, world, 10 + i, `${who}-${sim.int(messages)}`);
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
      const world = await buildStream(sim);
      killing(sim, 0.01);
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
