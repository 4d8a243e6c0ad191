/**
 * A file played into a room over real media workers and the real driftway-audio, heard by clients with real ICE, DTLS and SRTP: it goes
 * on when either process is killed, and when the room moves to another worker.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { cachedMediaWorker, mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { call, entity, systemClock, systemRng } from '../../runtime/index.ts';
import { type HostedVoice, hostVoice } from '../host.ts';
import { audioProcess, FakeSpeaker, fakeMedia, makeAudio } from '../record/test/kit.ts';
import { closeRtc, KIND, VoicePeer } from '../test/index.ts';
import { type RoomP, VOICE_PLAYBACK } from '../types.ts';
import { FakeGuilds, SID } from './test/kit.ts';
import { RoomSignal } from './test/room-signal.ts';

const room = entity<RoomP>('room', SID);
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const DJ = 9;
const MINUTES_5 = 15_000;

let binary = '';
let song = '';
let voice: HostedVoice;
let folder = '';
const folders: string[] = [];
const peers: VoicePeer[] = [];

/** A file of five minutes, made by recording a stream. */
async function makeSong(): Promise<string> {
  const studio = makeAudio();
  const speaker = await FakeSpeaker.make(7);
  const answer = await studio.audio.record({ room: 1, by: 1, onFailed: () => undefined });
  if (!answer.ok) throw new Error(answer.message);
  answer.value.speaker(10, fakeMedia([speaker]).media, speaker.producer);
  await answer.value.settled();
  await speaker.say(MINUTES_5);
  await answer.value.stop();
  speaker.close();
  const path = join(newFolder(), 'song.opus');
  copyFileSync(join(studio.folder, 'recordings', answer.value.folder, '10.1.opus'), path);
  await studio.close();
  return path;
}

function newFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'driftway-playback-'));
  folders.push(made);
  return made;
}

beforeAll(async () => {
  await audioProcess();
  const cached = cachedMediaWorker();
  const made = cached === undefined ? await mediaWorkerBinary({}) : { ok: true, path: cached };
  if (!made.ok) throw new Error('message' in made ? made.message : '');
  binary = 'path' in made ? made.path : '';
  song = await makeSong();
}, 600_000);

beforeEach(async () => {
  folder = newFolder();
  mkdirSync(join(folder, 'library'));
  copyFileSync(song, join(folder, 'library', 'song.opus'));
  voice = await hostVoice({
    ...{ binary, workers: 1, turn: null, slotNumber: 0, clock: systemClock, log: quiet },
    listen: { host: '127.0.0.1', port: 0, announcedIpv4: null, announcedIpv6: null },
    docs: { get: async () => [] },
    audio: {
      ...{ folder, marks: join(folder, 'unfinished'), rng: systemRng },
      binary: async () => ({ ok: true, path: await audioProcess() }),
    },
    parts: { guilds: new FakeGuilds() },
  });
});

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close();
  await voice.close();
});

afterAll(() => {
  closeRtc();
  for (const made of folders) rmSync(made, { recursive: true, force: true });
});

async function listener(uid: number): Promise<VoicePeer> {
  const signal = new RoomSignal(uid);
  const peer = new VoicePeer(signal, { name: `p${uid}`, ssrc: 1000 + uid, isListener: true });
  peers.push(peer);
  await peer.join(SID);
  return peer;
}

const play = (file: string | null) =>
  call(room, 'moderate', { by: DJ, target: DJ, act: { kind: 'play', file } });

/** Counts what comes from anybody. */
function meter(peer: VoicePeer): { packets: number } {
  const count = { packets: 0 };
  peer.onPacket = () => {
    count.packets += 1;
  };
  return count;
}

async function more(count: { packets: number }, packets = 25): Promise<void> {
  const before = count.packets;
  await expect
    .poll(() => count.packets, { timeout: 15_000, interval: 20 })
    .toBeGreaterThanOrEqual(before + packets);
}

test('a file is played: everybody sees it and hears it, and no more when it is ended', async () => {
  const people = [await listener(1), await listener(2)];
  const meters = people.map(meter);
  expect(await play('song.opus')).toEqual({ ok: true, value: null });
  await Promise.all(meters.map((count) => more(count)));
  for (const { events } of people) {
    expect(events.find(({ kind }) => kind === VOICE_PLAYBACK)?.body).toEqual(['song.opus', DJ]);
  }
  const late = await listener(3);
  await more(meter(late));
  const over = people[0]?.next(({ kind, body }) => kind === VOICE_PLAYBACK && body[0] === '');
  expect(await play(null)).toEqual({ ok: true, value: null });
  await over;
  expect(await call(room, 'playback', { uid: 1 })).toMatchObject({ value: { now: null } });
  expect(voice.status().rooms[0]).toMatchObject({ people: 3, producers: 0, consumers: 0 });
});

test('a file that is not there, or no Opus: nothing is played', async () => {
  await listener(1);
  copyFileSync(join(import.meta.dirname, 'playback.ts'), join(folder, 'library', 'text.opus'));
  expect(await play('none.opus')).toEqual({ ok: false, error: 'not_found' });
  expect(await play('../../x.opus')).toEqual({ ok: false, error: 'not_found' });
  expect(await play('text.opus')).toEqual({ ok: false, error: 'invalid' });
});

test('SIGKILL of driftway-audio: the file goes on for everybody, in the same stream', async () => {
  const one = await listener(1);
  const count = meter(one);
  await play('song.opus');
  await more(count, 75);
  process.kill(voice.status().audio?.process.pid ?? 0, 'SIGKILL');
  await expect.poll(() => voice.status().audio?.process.starts, { timeout: 10_000 }).toBe(2);
  await more(count);
  expect(one.events.filter(({ kind }) => kind === KIND.producer)).toHaveLength(1);
});

test('SIGKILL of the media worker: who is back hears the file go on', async () => {
  const one = await listener(1);
  const count = meter(one);
  await play('song.opus');
  await more(count);
  const epoch = one.next(({ kind }) => kind === KIND.epoch);
  voice.killWorker();
  await epoch;
  await more(count);
  expect(await call(room, 'playback', { uid: 1 })).toMatchObject({
    value: { now: { file: 'song.opus', by: DJ } },
  });
});

test('a planned move: the file goes along, and the old worker is given free', async () => {
  const one = await listener(1);
  const count = meter(one);
  await play('song.opus');
  await more(count);
  expect(await voice.drainWorker(voice.status().rooms[0]?.workers[0] ?? 0, 15_000)).toMatchObject({
    ok: true,
  });
  await more(count);
  expect(voice.counters.epochs).toBe(0);
});
