/** Recordings that a killed server left: what its files say is what the manifest says afterwards. With the real driftway-audio. */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { MANIFEST, type Manifest } from './manifest.ts';
import { recoverParts } from './recover.ts';
import { audioProcess, FakeSpeaker, fakeMedia, makeAudio } from './test/kit.ts';
import { readOpusFile } from './test/ogg.ts';
import { finishRecording, mark, markedFolders, unmark } from './unfinished.ts';

const PACKETS = 200;
const SAMPLES = PACKETS * 960;

let program = '';
/** A whole recording of two speakers. */
let original = '';
let folder = '';

beforeAll(async () => {
  program = await audioProcess();
  const at = makeAudio();
  const answer = await at.audio.record({ room: 77, by: 1, onFailed: () => undefined });
  if (!answer.ok) throw new Error(answer.message);
  const speakers = [await FakeSpeaker.make(5), await FakeSpeaker.make(6)];
  const { media } = fakeMedia(speakers);
  for (const [i, { producer }] of speakers.entries()) answer.value.speaker(10 + i, media, producer);
  await answer.value.settled();
  for (const speaker of speakers) {
    await speaker.say(PACKETS);
    speaker.close();
  }
  await answer.value.stop();
  original = mkdtempSync(join(tmpdir(), 'driftway-left-'));
  const made = join(at.folder, 'recordings', answer.value.folder);
  for (const name of readdirSync(made)) copyFileSync(join(made, name), join(original, name));
  await at.close();
  return () => rmSync(original, { recursive: true });
}, 300_000);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'driftway-left-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

const recover = (paths: readonly string[]) => recoverParts(program, paths);
const manifestIn = (path: string) =>
  JSON.parse(readFileSync(join(path, MANIFEST), 'utf8')) as Manifest;

/** As a server leaves it that was killed before anything was told of its files. */
function leave(change: (file: string, bytes: Buffer) => [string, Buffer]): void {
  for (const name of readdirSync(original).filter((file) => file.endsWith('.opus'))) {
    const [file, bytes] = change(name, readFileSync(join(original, name)));
    writeFileSync(join(folder, file), bytes);
  }
  const left = { ...manifestIn(original), end: null, endedAt: null, tracks: [] };
  writeFileSync(join(folder, MANIFEST), JSON.stringify(left));
}

test('finishRecording: files that the process ended by itself, are in the manifest as they are', async () => {
  leave((file, bytes) => [file, bytes]);
  expect(await finishRecording(folder, recover)).toBe(2);
  const { end, endedAt, startedAt, tracks } = manifestIn(folder);
  const before = manifestIn(original);
  expect(end).toBe('recovered');
  const facts = (manifest: Pick<Manifest, 'tracks'>) =>
    manifest.tracks.map(({ uid, segments }) => [
      uid,
      // Not the offset: this test's speakers send faster than time passes, and the end of a stream tells it anew.
      segments.map(({ bytes, file, samples, sha256, ssrc }) => {
        return { bytes, file, samples, sha256, ssrc };
      }),
    ]);
  expect(facts({ tracks })).toEqual(facts(before));
  const ends = tracks.flatMap(({ segments }) => segments.map((s) => s.offset + s.samples));
  expect(Date.parse(endedAt ?? '')).toBe(
    Math.floor(Date.parse(startedAt) + Math.max(...ends) / 48),
  );
});

test('finishRecording: parts with a page cut off, are whole to the last second', async () => {
  leave((file, bytes) => [`${file}.part`, bytes.subarray(0, -40)]);
  expect(await finishRecording(folder, recover)).toBe(2);
  const { tracks } = manifestIn(folder);
  expect(tracks.map(({ uid }) => uid)).toEqual([10, 11]);
  for (const { segments } of tracks) {
    const [segment] = segments;
    expect(segment).toMatchObject({ end: 'recovered' });
    expect(segment?.samples).toBeGreaterThanOrEqual(SAMPLES - 48_000);
    expect(readOpusFile(readFileSync(join(folder, segment?.file ?? ''))).hasEnd).toBe(true);
  }
  expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('finishRecording: nothing was written yet, the manifest has its end all the same', async () => {
  leave((file) => [`${file}.part`, Buffer.alloc(0)]);
  expect(await finishRecording(folder, recover)).toBe(0);
  expect(manifestIn(folder)).toMatchObject({ end: 'recovered', tracks: [] });
  expect(manifestIn(folder).endedAt).toBe(manifestIn(folder).startedAt);
});

test('finishRecording: one that has its end, is not touched', async () => {
  leave((file, bytes) => [file, bytes]);
  copyFileSync(join(original, MANIFEST), join(folder, MANIFEST));
  expect(await finishRecording(folder, recover)).toBe(0);
  expect(manifestIn(folder)).toEqual(manifestIn(original));
});

test.each(['', '{', '{}', '[]', '{"format":"driftway-recording","version":2}'])(
  'finishRecording: a manifest of %j, null and nothing is changed',
  async (text) => {
    leave((file, bytes) => [file, bytes]);
    writeFileSync(join(folder, MANIFEST), text);
    const before = readdirSync(folder);
    expect(await finishRecording(folder, recover)).toBeNull();
    expect(readdirSync(folder)).toEqual(before);
  },
);

test('marks: what is marked is found again, until it is unmarked; other names are not', async () => {
  const marks = join(folder, 'marks');
  expect(await markedFolders(marks)).toEqual([]);
  await mark(marks, '77/1763694000000-1');
  await mark(marks, '78/1763694000000-2');
  mkdirSync(join(marks, 'lost+found'));
  expect([...(await markedFolders(marks))].sort()).toEqual([
    '77/1763694000000-1',
    '78/1763694000000-2',
  ]);
  await unmark(marks, '77/1763694000000-1');
  expect(await markedFolders(marks)).toEqual(['78/1763694000000-2']);
});

test('record: is marked while it is under way, and no longer', async () => {
  const at = makeAudio();
  const answer = await at.audio.record({ room: 77, by: 1, onFailed: () => undefined });
  if (!answer.ok) throw new Error(answer.message);
  const marks = join(at.folder, 'unfinished');
  expect(await markedFolders(marks)).toEqual([answer.value.folder]);
  await answer.value.stop();
  expect(await markedFolders(marks)).toEqual([]);
  await at.close();
});
