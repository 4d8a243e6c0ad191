/**
 * A stream actor recorded in a simulation, with kills and a store that fails, and replayed without store,
 * guild and gateway: the same commits, publishes and answers from the same inputs, life by life.
 */
import { expect, test } from 'vitest';
import { type Entry, memorySink, openReplay, recordActor } from '../../runtime/record/index.ts';
import { simulate } from '../../runtime/testkit/index.ts';
import { streamRecordPlan, streamReplay } from '../stream-recording.ts';
import { jsonCodec } from './kit.ts';
import { append, buildStream, killing, type StreamWorld, stream } from './simulation-world.ts';

/** Records one schedule's stream actor through all of its lives. */
async function record(seed: number, kills: number): Promise<readonly Entry[]> {
  const sink = memorySink();
  await simulate({
    seed,
    steps: 200,
    setup: async (sim) => {
      const recording = recordActor(stream, { sink, ...streamRecordPlan });
      const world: StreamWorld = await buildStream(sim);
      killing(sim, kills);
      let writers = 3;
      for (const who of ['a', 'b', 'c']) {
        sim.client(who, async () => {
          for (let n = 0; n < 4; n++) await append(sim, world, 10, `${who}-${n}`);
          writers--;
          if (writers === 0) recording.stop();
        });
      }
    },
  });
  expect(sink.counters.dropped).toBe(0);
  return sink.entries();
}

test('stream: recorded over many schedules, every life replays to the same outputs', async () => {
  let lives = 0;
  const seen = new Set<string>();
  for (let seed = 1; seed <= 40; seed++) {
    const entries = await record(seed, seed % 2 === 0 ? 0.02 : 0);
    const starts = entries.filter(({ t }) => t === 'start').length;
    for (let life = 0; life < starts; life++) {
      const replay = openReplay(entries, { ...streamReplay(jsonCodec), life });
      const { divergence } = await replay.run();
      expect([seed, life, divergence]).toEqual([seed, life, undefined]);
      expect(replay.left).toBe(0);
    }
    lives += starts;
    for (const entry of entries) if (entry.t === 'use') seen.add(`${entry.port}.${entry.m}`);
  }
  expect(lives).toBeGreaterThan(40);
  for (const use of ['log.open', 'ctx.reply', 'ctx.cast', 'clock.monotonic']) {
    expect(seen).toContain(use);
  }
});

test('stream: an answer of the store that is changed in the record, the replay says that it leaves the record', async () => {
  const entries = await record(2, 0);
  const changed = entries.map((entry) =>
    entry.t === 'settled' && JSON.stringify(entry.v).includes('"fence"')
      ? (JSON.parse(JSON.stringify(entry).replace(/"head":(\d+)/, '"head":77')) as Entry)
      : entry,
  );
  const { divergence } = await openReplay(changed, {
    ...streamReplay(jsonCodec),
    life: 0,
  }).run();
  expect(divergence?.expected).toBeDefined();
});
