/** V8: driftway-audio is killed while a call is recorded; with a real media worker and real WebRTC peers. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type Call,
  endCall,
  eventually,
  makeCall,
  makePool,
  openRoom,
  type TestPool,
  workerBinary,
} from '../worker/test/kit.ts';
import type { Manifest } from './manifest.ts';
import { audioProcess, makeAudio, type TestAudio } from './test/kit.ts';
import { readOpusFile } from './test/ogg.ts';

const BUILD_MS = 900_000;
const SAMPLES_PER_PACKET = 960;
const SECOND = 48_000;

let at: TestAudio;
let workers: TestPool;
let call: Call | undefined;

beforeAll(async () => {
  await Promise.all([audioProcess(), workerBinary()]);
}, BUILD_MS);

beforeEach(() => {
  at = makeAudio();
  workers = makePool();
});

afterEach(async () => {
  if (call !== undefined) endCall(call);
  await at.close();
  await workers.pool.close();
});

describe('a recorded call', () => {
  test('SIGKILL of driftway-audio: nobody loses a packet, and of the track at most a second and what was said until it is back', async () => {
    const { media } = await openRoom(workers.pool);
    call = await makeCall(media);
    const { talker, listener, consumer } = call;
    const answer = await at.audio.record({ room: 1, by: 2, onFailed: () => undefined });
    if (!answer.ok) throw new Error(answer.message);
    const recording = answer.value;
    recording.speaker(7, media, talker.producer);
    await recording.settled();
    await listener.more(consumer, 100);
    const folder = join(at.folder, 'recordings', recording.folder);
    await eventually(() => readdirSync(folder).includes('7.1.opus.part'));
    const up = at.next('up');
    const before = listener.of(consumer).timestamps.length;
    process.kill(at.audio.status().process.pid ?? 0, 'SIGKILL');
    await up;
    await recording.settled();
    await listener.more(consumer, 100);
    await recording.stop();
    const heard = listener.of(consumer).timestamps.slice(before);
    const steps = heard.slice(1).map((timestamp, i) => (timestamp - (heard[i] ?? 0)) >>> 0);
    expect(steps.filter((step) => step !== SAMPLES_PER_PACKET)).toEqual([]);
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
    const [left, after] = manifest.tracks[0]?.segments ?? [];
    expect([left?.end, after?.end]).toEqual(['recovered', 'stop']);
    expect(readOpusFile(readFileSync(join(folder, left?.file ?? ''))).hasEnd).toBe(true);
    const missing = (after?.offset ?? 0) - (left?.offset ?? 0) - (left?.samples ?? 0);
    // At most a second of a page that was not written, and 2 s until the job was back (voice.md, V8).
    expect(missing).toBeLessThan(3 * SECOND);
    expect(after?.samples).toBeGreaterThan(SECOND);
  });
});
