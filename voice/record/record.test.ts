/** Recordings, playbacks and mixes with the real driftway-audio; the media worker is a socket of the test. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readRtp } from '../test/index.ts';
import type { Manifest } from './manifest.ts';
import { audioProcess, FakeSpeaker, fakeMedia, makeAudio, type TestAudio } from './test/kit.ts';
import { readOpusFile } from './test/ogg.ts';
import type { Recording } from './types.ts';

const ROOM = 77;
const BUILD_MS = 300_000;

let at: TestAudio;
const speakers: FakeSpeaker[] = [];

beforeAll(async () => {
  await audioProcess();
}, BUILD_MS);

beforeEach(() => {
  at = makeAudio();
});

afterEach(async () => {
  for (const speaker of speakers.splice(0)) speaker.close();
  await at.close();
});

async function speaker(ssrc: number): Promise<FakeSpeaker> {
  const made = await FakeSpeaker.make(ssrc);
  speakers.push(made);
  return made;
}

async function record(failures: string[] = []): Promise<Recording> {
  const answer = await at.audio.record({ room: ROOM, by: 1, onFailed: () => failures.push('x') });
  if (!answer.ok) throw new Error(answer.message);
  return answer.value;
}

const folderOf = (recording: Recording) => join(at.folder, 'recordings', recording.folder);
const manifestOf = (recording: Recording) =>
  JSON.parse(readFileSync(join(folderOf(recording), 'manifest.json'), 'utf8')) as Manifest;
const fileOf = (recording: Recording, name: string) =>
  readFileSync(join(folderOf(recording), name));

/** Tapped, and known to the process: its first packet counts. */
async function settled(recording: Recording, all: readonly FakeSpeaker[]): Promise<void> {
  const { media } = fakeMedia(all);
  all.forEach((one, i) => {
    recording.speaker(10 + i, media, one.producer);
  });
  await recording.settled();
}

describe('record', () => {
  test('two speakers: ten minutes of one and a minute of the other, are two files bit for bit', async () => {
    const [one, two] = [await speaker(5000), await speaker(6000)];
    const recording = await record();
    await settled(recording, [one, two]);
    await one.say(30_000);
    await two.say(3_000);
    await recording.stop();
    const files = readdirSync(folderOf(recording)).sort();
    expect(files).toEqual(['10.1.opus', '11.1.opus', 'manifest.json']);
    const manifest = manifestOf(recording);
    expect(manifest).toMatchObject({ room: ROOM, by: 1, end: 'stop' });
    expect(manifest.tracks.map(({ uid }) => uid)).toEqual([10, 11]);
    for (const [i, { sent }] of [one, two].entries()) {
      const segment = manifest.tracks[i]?.segments[0];
      const bytes = fileOf(recording, segment?.file ?? '');
      const file = readOpusFile(bytes);
      expect(file).toMatchObject({ preSkip: 312, channels: 1, hasEnd: true });
      expect(file.packets.map((packet) => packet.toString('hex'))).toEqual(
        sent.map((packet) => packet.toString('hex')),
      );
      expect(segment).toMatchObject({
        lost: 0,
        filled: 0,
        end: 'stop',
        samples: sent.length * 960,
      });
      expect(file.granule).toBe(sent.length * 960);
      expect(segment?.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });

  test('pauses and lost packets: are filled, and the players of others take the file', async () => {
    const one = await speaker(65_000);
    const recording = await record();
    await settled(recording, [one]);
    for (let i = 0; i < 100; i++) {
      await one.say(20);
      if (i % 10 === 9) one.stream.next();
      one.stream.skip(30);
    }
    await recording.stop();
    const [segment] = manifestOf(recording).tracks[0]?.segments ?? [];
    expect(segment).toMatchObject({
      packets: 2_000,
      lost: 9,
      samples: (100 * 20 + 9 + 99 * 30) * 960,
    });
    const path = join(folderOf(recording), segment?.file ?? '');
    const file = readOpusFile(readFileSync(path));
    expect(file.packets.filter((packet) => packet.length === 1)).toHaveLength(9 + 99 * 30);
    const report = execFileSync('opusinfo', [path], { encoding: 'utf8' });
    expect(report).toContain('Playback length: 1m:39.57');
    expect(report).not.toMatch(/warning|error/i);
  });

  test('a speaker who leaves and comes back: is a second segment of the same track', async () => {
    const [one, again] = [await speaker(7000), await speaker(7001)];
    const recording = await record();
    const { media } = fakeMedia([one, again]);
    recording.speaker(10, media, one.producer);
    await recording.settled();
    await one.say(50);
    recording.gone(one.producer);
    recording.speaker(10, media, again.producer);
    await recording.settled();
    await again.say(50);
    await recording.stop();
    const { tracks } = manifestOf(recording);
    expect(tracks).toHaveLength(1);
    expect(tracks[0]?.segments.map(({ file }) => file)).toEqual(['10.1.opus', '10.2.opus']);
  });

  test('SIGKILL of the process: the recording goes on by itself, and what was written is whole', async () => {
    const [one, two] = [await speaker(8000), await speaker(9000)];
    const recording = await record();
    await settled(recording, [one, two]);
    await one.say(500);
    await two.say(500);
    const part = join(folderOf(recording), '10.1.opus.part');
    await until(() => readdirSync(folderOf(recording)).includes('11.1.opus.part'));
    await until(() => readFileSync(part).length > 400 * 80);
    const up = at.next('up');
    process.kill(at.audio.status().process.pid ?? 0, 'SIGKILL');
    await up;
    await recording.settled();
    expect([one.taps, two.taps]).toEqual([1, 1]);
    await one.say(100);
    await two.say(100);
    await recording.stop();
    const manifest = manifestOf(recording);
    expect(manifest.end).toBe('stop');
    expect(manifest.tracks).toHaveLength(2);
    for (const { segments } of manifest.tracks) {
      // Their order is that of their offsets, which a test that sends faster than time passes does not keep.
      expect(segments.map(({ end }) => end).sort()).toEqual(['recovered', 'stop']);
      const left = segments.find(({ end }) => end === 'recovered');
      const file = readOpusFile(fileOf(recording, left?.file ?? ''));
      // Pages are given to the kernel each second at the latest: 50 packets, and one is held back.
      expect(file.packets.length).toBeGreaterThanOrEqual(500 - 51);
      expect(file.hasEnd).toBe(true);
      expect(segments.find(({ end }) => end === 'stop')?.samples).toBe(100 * 960);
    }
    expect(at.audio.status().counters.recovered).toBe(2);
    expect(readdirSync(folderOf(recording)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('no binary: is unavailable, and leaves no folder', async () => {
    const none = makeAudio({ binary: async () => ({ ok: false, message: 'not built' }) });
    const answer = await none.audio.record({ room: ROOM, by: 1, onFailed: () => undefined });
    expect(answer).toEqual({ ok: false, code: 'unavailable', message: 'not built' });
    expect(readdirSync(join(none.folder, 'recordings', String(ROOM)))).toEqual([]);
    await none.close();
  });

  test('the process dies again and again: the recording ends, its owner is told, its files are whole', async () => {
    const failures: string[] = [];
    const one = await speaker(4000);
    const recording = await record(failures);
    await settled(recording, [one]);
    await one.say(100);
    await until(() => readdirSync(folderOf(recording)).some((name) => name.endsWith('.part')));
    const down = at.next('down');
    const killer = setInterval(() => {
      const { pid } = at.audio.status().process;
      if (pid !== null) process.kill(pid, 'SIGKILL');
    }, 20);
    await down;
    clearInterval(killer);
    await recording.stop();
    expect(failures).toEqual(['x']);
    expect(manifestOf(recording).end).toBe('failed');
    expect(readdirSync(folderOf(recording))).toContain('10.1.opus');
  });
});

describe('play', () => {
  test('a recorded file: comes out packet by packet, paused and to its end', async () => {
    const one = await speaker(5000);
    const recording = await record();
    await settled(recording, [one]);
    await one.say(60);
    await recording.stop();
    const library = join(at.folder, 'library');
    mkdirSync(library, { recursive: true });
    copyFileSync(join(folderOf(recording), '10.1.opus'), join(library, 'a.opus'));
    const { media, feeds } = fakeMedia([]);
    const done = new Promise<string>((resolve) => {
      void at.audio
        .play({
          room: ROOM,
          media,
          file: 'a.opus',
          owner: 0,
          onDone: resolve,
          onProducer: () => {},
        })
        .then((answer) => expect(answer.ok).toBe(true));
    });
    expect(await done).toBe('end');
    const [feed] = feeds;
    await feed?.until(60);
    const heads = (feed?.packets ?? []).map((packet) => readRtp(packet));
    expect(heads).toHaveLength(60);
    heads.forEach((head, i) => {
      expect(head?.timestamp).toBe(i * 960);
    });
    expect(feed?.packets.map((packet) => packet.subarray(12).toString('hex'))).toEqual(
      one.sent.map((packet) => packet.toString('hex')),
    );
  });

  test('a file that is not there or no Opus: says so', async () => {
    const { media } = fakeMedia([]);
    const wish = { room: ROOM, media, owner: 0, onDone: () => {}, onProducer: () => {} };
    expect(await at.audio.play({ ...wish, file: 'none.opus' })).toMatchObject({
      code: 'not_found',
    });
    expect(await at.audio.play({ ...wish, file: '../manifest.json' })).toMatchObject({
      code: 'not_found',
    });
  });
});

describe('library', () => {
  test('names: of Ogg/Opus files only, in their order', async () => {
    expect(await at.audio.library()).toEqual([]);
    const library = join(at.folder, 'library');
    mkdirSync(library, { recursive: true });
    for (const name of ['b.ogg', 'a.opus', '.hidden.opus', 'text.txt', 'a b.opus']) {
      writeFileSync(join(library, name), '');
    }
    expect(await at.audio.library()).toEqual(['a.opus', 'b.ogg']);
  });
});

describe('mix', () => {
  test('two speakers: are one stream, also after a SIGKILL of the process', async () => {
    const [one, two] = [await speaker(5000), await speaker(6000)];
    const { media, feeds } = fakeMedia([one, two]);
    const answer = await at.audio.mix({
      ...{ room: ROOM, media, owner: 0, onFailed: () => undefined },
      settings: { bitrate: 32_000, noise: false, gain: false },
    });
    if (!answer.ok) throw new Error(answer.message);
    const mix = answer.value;
    mix.speaker(10, media, one.producer);
    mix.speaker(11, media, two.producer);
    await until(() => one.taps === 1 && two.taps === 1);
    const talk = setInterval(() => {
      void one.say(1);
      void two.say(1);
    }, 20);
    await feeds[0]?.until(20);
    const before = readRtp(feeds[0]?.packets.at(-1) ?? Buffer.alloc(0));
    const up = at.next('up');
    process.kill(at.audio.status().process.pid ?? 0, 'SIGKILL');
    await up;
    await feeds[0]?.until((feeds[0]?.packets.length ?? 0) + 20);
    clearInterval(talk);
    const after = readRtp(feeds[0]?.packets.at(-1) ?? Buffer.alloc(0));
    expect(feeds).toHaveLength(1);
    expect(after?.ssrc).toBe(before?.ssrc);
    expect(((after?.sequence ?? 0) - (before?.sequence ?? 0) + 65_536) % 65_536).toBeLessThan(
      3_000,
    );
    mix.stop();
  });
});

/** For what nothing tells of. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
