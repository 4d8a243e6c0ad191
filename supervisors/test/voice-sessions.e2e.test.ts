/**
 * A membership in a voice room over the end of connections: a session that is resumed, on whichever gateway thread, is in the room as
 * before and hears what happens there; who says good-bye is gone at once. No media: that has its own tests.
 */
import { beforeAll, expect, test } from 'vitest';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { KIND, opusCapabilities, V } from '../../voice/test/index.ts';
import { useServer } from './support/fixture.ts';
import type { RawClient } from './support/raw-client.ts';
import { until } from './support/server-process.ts';
import { newVoiceChannel } from './support/voice-client.ts';
import { OP, type WireFrame } from './support/wire.ts';

/** With two threads, all of them on one is one run in 128. */
const ROUNDS = 8;
const CAPS = JSON.stringify(opusCapabilities());

const fixture = useServer({
  users: 3,
  env: { DRIFTWAY_VOICE_PORT: '0', DRIFTWAY_GATEWAY_THREADS: '2' },
});

beforeAll(async () => {
  const binary = await mediaWorkerBinary();
  if (!binary.ok) throw new Error(binary.message);
}, 600_000);

/** Joins; waits while the media part is being prepared. */
async function join(client: RawClient, sid: number): Promise<number> {
  const reply = await until('the join', 60_000, async () => {
    const answer = await client.request(V.join, [sid, CAPS, 0, 0]);
    return answer[0] === OP.err && answer[2] === 502 ? undefined : answer;
  });
  expect(reply[0]).toBe(OP.ok);
  return reply[2] as number;
}

const voiceOf = (client: RawClient): WireFrame[] =>
  client.received().filter((frame) => frame[0] === V.voice);

/** The next VOICE of this kind, from now on. */
const next = (client: RawClient, kind: number): Promise<WireFrame> =>
  client.waitFor((frame) => frame[0] === V.voice && frame[3] === kind, `VOICE ${kind}`);

const usersOf = (participants: unknown): number[] =>
  (participants as WireFrame[]).map(([uid]) => uid as number).sort((a, b) => a - b);

test('resumed again and again on two gateway threads: always in the room, nobody is told of it', async () => {
  const sid = await newVoiceChannel(fixture.http, fixture.token(0), fixture.gid);
  const [watcher, other] = [await fixture.client(0), await fixture.client(2)];
  const watching = await join(watcher, sid);
  await join(other, sid);
  let client = await fixture.connect();
  let identity = await client.identify(fixture.token(1));
  const vsid = await join(client, sid);
  for (let round = 0; round < ROUNDS; round += 1) {
    // In turn: the old connection is dead before, or is fenced by the new one.
    if (round % 2 === 0) client.socket.cut();
    const resume = [identity[0] as string, identity[1] as string];
    client = await fixture.connect();
    identity = await client.identify(fixture.token(1), resume);
    expect(identity[0]).toBe(resume[0]);
    const [ver, participants, lostTids] = await client.ask(V.sync, [vsid, [], [], []]);
    expect(usersOf(participants)).toEqual(
      [watcher.uid, client.uid, other.uid].sort((a, b) => a - b),
    );
    expect([typeof ver, lostTids]).toEqual(['number', []]);
    const told = next(client, KIND.state);
    await watcher.ask(V.state, [watching, round % 2 === 0, false]);
    expect((await told).slice(0, 2)).toEqual([V.voice, vsid]);
  }
  const kinds = voiceOf(watcher).map((frame) => frame[3]);
  expect(kinds.filter((kind) => kind === KIND.left)).toEqual([]);
  expect(kinds.filter((kind) => kind === KIND.joined)).toHaveLength(2);
}, 120_000);

test('good-bye, and another room: told at once as gone', async () => {
  const [first, second] = [
    await newVoiceChannel(fixture.http, fixture.token(0), fixture.gid),
    await newVoiceChannel(fixture.http, fixture.token(0), fixture.gid),
  ];
  const watcher = await fixture.client(0);
  await join(watcher, first);
  const mover = await fixture.client(1);
  await join(mover, first);
  const left = next(watcher, KIND.left);
  await join(mover, second);
  expect((await left)[4]).toBe(mover.uid);
  await join(mover, first);
  const gone = next(watcher, KIND.left);
  mover.socket.close(1000);
  expect((await gone)[4]).toBe(mover.uid);
});

test('a session that begins anew is not in the room of the one before', async () => {
  const sid = await newVoiceChannel(fixture.http, fixture.token(0), fixture.gid);
  const client = await fixture.client(1);
  const vsid = await join(client, sid);
  const other = await fixture.client(1);
  expect((await other.request(V.sync, [vsid, [], [], []])).slice(2, 4)).toEqual([
    601,
    'voice_gone',
  ]);
  const ended = next(client, 9);
  await join(other, sid);
  expect((await ended).slice(4)).toEqual(['replaced']);
});
