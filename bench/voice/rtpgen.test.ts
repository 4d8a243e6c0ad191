/** The generator against a real media worker: two people of the bare server hear each other, and packets are counted right. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { rtpgenBinary } from './build-rtpgen.ts';
import { Crowd } from './crowd.ts';
import { Generator } from './generator.ts';
import { mediaWorkers } from './proc-tree.ts';
import { startBareSide } from './sides.ts';
import type { Side } from './types.ts';
import { measure } from './window.ts';

const BUILD_TIMEOUT_MS = 600_000;
const SHAPE = { rooms: 2, perRoom: 3, talkers: 2, spread: 'even' } as const;
const WINDOW_MS = 400;

let generator: Generator;
let side: Side;

beforeAll(async () => {
  const worker = await mediaWorkerBinary();
  if (!worker.ok) throw new Error(worker.message);
  generator = await Generator.start({ binary: await rtpgenBinary(), watched: [] });
  side = await startBareSide({ worker: worker.path, people: 0, rooms: 0 });
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  await side?.stop();
  await generator?.stop();
});

test('rtpgen: two rooms with two talkers, every packet is sent, heard by the others, and authentic', async () => {
  const crowd = await Crowd.open(side, generator, SHAPE);
  try {
    await crowd.join();
    const { report } = await measure(generator, crowd, WINDOW_MS, undefined);
    // 4 talkers, 50 packets/s, one more or less at the borders; each is heard by two.
    expect(report.sent).toBeGreaterThan(4 * 20 - 8);
    expect(report.sent).toBeLessThan(4 * 20 + 8);
    expect(report.expected).toBe(report.sent * 2);
    expect(report.received).toBe(report.expected);
    expect(generator.forged).toBe(0);
  } finally {
    await crowd.close();
  }
});

test('rtpgen: a killed media worker, everybody hears again from the next one', async () => {
  const crowd = await Crowd.open(side, generator, SHAPE);
  try {
    await crowd.join();
    crowd.talk(true);
    const again = crowd.people.map((person) => person.hearsAgain());
    process.kill(mediaWorkers(side.pid)[0]!, 'SIGKILL');
    const firsts = await Promise.all(again);
    expect(firsts.map(({ authentic }) => authentic)).toEqual(crowd.people.map(() => true));
  } finally {
    await crowd.close();
  }
});

test('rtpgen: an address beyond loopback, is refused', async () => {
  const other = await Generator.start({ binary: await rtpgenBinary(), watched: [] });
  other.peer({ key: '', address: '192.0.2.1', port: 9, ufrag: 'u', password: 'p' });
  await expect(other.connected(1)).rejects.toThrow('127.0.0.0/8');
  await other.stop();
});
