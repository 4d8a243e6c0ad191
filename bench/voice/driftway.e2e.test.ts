/** The bench's people on a real Driftway: compact joins, and media that come back by themselves when the media worker is killed. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { rtpgenBinary } from './build-rtpgen.ts';
import { Crowd } from './crowd.ts';
import { Generator } from './generator.ts';
import { mediaWorkers } from './proc-tree.ts';
import { type DriftwaySide, startDriftwaySide } from './sides.ts';
import { measure } from './window.ts';

const BUILD_TIMEOUT_MS = 600_000;
const SHAPE = { rooms: 2, perRoom: 3, talkers: 2, spread: 'even' } as const;
const WINDOW_MS = 400;

let generator: Generator;
let side: DriftwaySide;

beforeAll(async () => {
  const worker = await mediaWorkerBinary();
  if (!worker.ok) throw new Error(worker.message);
  generator = await Generator.start({ binary: await rtpgenBinary(), watched: [] });
  side = await startDriftwaySide({ worker: worker.path, people: 6, rooms: 2 });
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  await side?.stop();
  await generator?.stop();
});

test('compact: every packet is heard over one transport each, and again after the worker is killed', async () => {
  const crowd = await Crowd.open(side, generator, SHAPE);
  try {
    await crowd.join();
    const before = await measure(generator, crowd, WINDOW_MS, undefined);
    expect(before.report.sent).toBeGreaterThan(4 * 20 - 8);
    expect(before.report.received).toBe(before.report.expected);
    crowd.talk(true);
    const again = crowd.people.map((person) => person.hearsAgain());
    const [worker] = mediaWorkers(side.pid);
    if (worker === undefined) throw new Error('no media worker found');
    process.kill(worker, 'SIGKILL');
    const firsts = await Promise.all(again);
    expect(firsts.map(({ authentic }) => authentic)).toEqual(crowd.people.map(() => true));
    expect(crowd.people.map(({ failures }) => failures)).toEqual(crowd.people.map(() => 0));
  } finally {
    await crowd.close();
  }
});
