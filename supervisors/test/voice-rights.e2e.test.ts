/**
 * Rights and speakers in a voice room of a real server: of whoever is muted or loses a right nothing is heard that they say from then on,
 * nor by who is deafened (V11); who talks is told, and that they stopped (V12). Thin clients. How soon: `npm run evidence -- voice`.
 */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { KIND, readRtp, V, type VoiceEvent } from '../../voice/test/index.ts';
import { useServer } from './support/fixture.ts';
import { until } from './support/server-process.ts';
import { joinWhenReady, newVoiceChannel, VoiceClient } from './support/voice-client.ts';

const SPEAK = 1 << 7;
const CONNECT = 1 << 6;
/** Packets that would have brought what must not be heard. */
const LATER = 10;

beforeAll(async () => {
  const binary = await mediaWorkerBinary();
  if (!binary.ok) throw new Error(binary.message);
}, 600_000);

const fixture = useServer({ users: 4, env: { DRIFTWAY_VOICE_PORT: '0' } });
const clients: VoiceClient[] = [];
const timers = new Set<NodeJS.Timeout>();

afterEach(() => {
  for (const timer of timers) clearInterval(timer);
  timers.clear();
  for (const client of clients.splice(0)) client.close();
});

async function room(users: readonly number[]): Promise<{ sid: number; people: VoiceClient[] }> {
  const sid = await newVoiceChannel(fixture.http, fixture.token(0), fixture.gid);
  const people: VoiceClient[] = [];
  for (const user of users) {
    const client = await VoiceClient.open({ port: fixture.port, token: fixture.token(user) });
    clients.push(client);
    people.push(client);
    await joinWhenReady(client, sid);
  }
  return { sid, people };
}

/** Talks until the returned function is called. */
function talk({ peer }: VoiceClient, everyMs = 20): () => void {
  const timer = setInterval(() => peer.say(), everyMs);
  timers.add(timer);
  return () => {
    clearInterval(timer);
    timers.delete(timer);
  };
}

/** Resolves when `one` has heard so many packets more of `other`. */
async function hears(one: VoiceClient, other: VoiceClient, packets = 5): Promise<void> {
  const before = one.peer.heardOf(other.peer.pid)?.packets ?? 0;
  await until('is heard', 10_000, () =>
    (one.peer.heardOf(other.peer.pid)?.packets ?? 0) > before + packets ? true : undefined,
  );
}

interface Silencing {
  /** Hears the talker before, and nothing of it behind `told`. */
  readonly one: VoiceClient;
  readonly talker: VoiceClient;
  /** What `one` is told of it. */
  readonly told: (event: VoiceEvent) => boolean;
  readonly act: () => Promise<unknown>;
  /** Shows that packets go on meanwhile: this one hears that one. */
  readonly others: readonly [VoiceClient, VoiceClient];
}

/** Does `act`; of what the talker says once it is told, nothing is heard. */
async function expectSilence({ act, one, others, talker, told }: Silencing): Promise<void> {
  await hears(one, talker);
  let lastHeard = 0;
  one.peer.onPacket = (pid, packet) => {
    const { timestamp = 0 } = readRtp(packet) ?? {};
    if (one.peer.ownerOf(pid) === talker.uid) lastHeard = Math.max(lastHeard, timestamp);
  };
  await hears(one, talker);
  const event = one.peer.next(told);
  await act();
  await event;
  // The media worker does one thing after another: when this is done, so is what came before it.
  await one.peer.ask(V.ice, one.peer.tids[0]);
  const from = talker.peer.stream.timestamp;
  await hears(...others, LATER);
  expect(talker.peer.stream.timestamp).toBeGreaterThan(from);
  expect(lastHeard).toBeGreaterThan(0);
  expect(lastHeard).toBeLessThan(from);
}

const owner = () => ({ token: fixture.token(0) });
const moderate = (sid: number, user: number, body: Record<string, unknown>) =>
  fixture.http.want(204, `/channels/${sid}/voice/${fixture.user(user).id}`, {
    ...owner(),
    method: 'PATCH',
    body,
  });
const deny = (sid: number, user: number, bits: number) =>
  fixture.http.want(200, `/channels/${sid}/overwrites/${fixture.user(user).id}`, {
    ...owner(),
    method: 'PUT',
    body: { type: 'member', allow: '0', deny: String(bits) },
  });
const about =
  (kind: number, what: number) =>
  (event: VoiceEvent): boolean =>
    event.kind === kind && event.body[0] === what;

describe('who may not speak or hear', () => {
  async function three(
    talks: number,
  ): Promise<{ sid: number; three: [VoiceClient, VoiceClient, VoiceClient] }> {
    const { people, sid } = await room([0, talks, 1]);
    for (const person of people) talk(person);
    return { sid, three: people as [VoiceClient, VoiceClient, VoiceClient] };
  }

  test('server mute and its end: silent at once, heard again', async () => {
    const made = await three(2);
    const [one, talker, other] = made.three;
    await expectSilence({
      ...{ one, talker, others: [one, other], told: about(KIND.state, talker.uid) },
      act: () => moderate(made.sid, 2, { muted: true }),
    });
    await moderate(made.sid, 2, { muted: false });
    await hears(one, talker);
  });

  test('server deafen: the deafened one hears nobody, the others go on', async () => {
    const made = await three(2);
    const [talker, one, other] = made.three;
    await expectSilence({
      ...{ one, talker, others: [other, talker], told: about(KIND.state, one.uid) },
      act: () => moderate(made.sid, 2, { deafened: true }),
    });
  });

  test('the right to speak is lost: silent at once', async () => {
    const made = await three(2);
    const [one, talker, other] = made.three;
    await expectSilence({
      ...{ one, talker, others: [one, other] },
      told: about(KIND.producerClosed, talker.peer.pid),
      act: () => deny(made.sid, 2, SPEAK),
    });
  });

  test('the right to connect is lost: silent at once', async () => {
    const made = await three(2);
    const [one, talker, other] = made.three;
    await expectSilence({
      ...{ one, talker, others: [one, other], told: about(KIND.left, talker.uid) },
      act: () => deny(made.sid, 2, CONNECT),
    });
  });

  test('membership of the guild is lost: silent at once', async () => {
    const [one, talker, other] = (await three(3)).three;
    const path = `/guilds/${fixture.gid}/members/${fixture.user(3).id}`;
    await expectSilence({
      ...{ one, talker, others: [one, other], told: about(KIND.left, talker.uid) },
      act: () => fixture.http.want(204, path, { ...owner(), method: 'DELETE' }),
    });
  });
});

describe('who speaks', () => {
  const isSpeaking = (uid: number, on: boolean) => (event: VoiceEvent) => {
    if (event.kind !== KIND.speaking) return false;
    const list = event.body[0] as readonly (readonly [number, number])[];
    const level = list.find(([who]) => who === uid)?.[1];
    return on ? (level ?? 0) > 0 : level === 0;
  };

  test.each([
    ['without DTX', 0],
    ['with DTX', 400],
  ])('%s: known soon, dominant, and silent again', async (_what, dtxMs) => {
    const { people } = await room([0, 1, 2]);
    const [listener, talker, other] = people as [VoiceClient, VoiceClient, VoiceClient];
    const hum = setInterval(() => other.peer.say(127), 400);
    timers.add(hum);
    const { peer } = listener;
    const dominant = peer.next(
      ({ body, kind }) => kind === KIND.dominant && body[0] === talker.uid,
    );
    const known = peer.next(isSpeaking(talker.uid, true));
    const stop = talk(talker);
    const [first] = await Promise.all([known, dominant]);
    await hears(listener, talker);
    const silent = peer.next(isSpeaking(talker.uid, false));
    stop();
    // With DTX a packet now and then, which says that there is silence.
    if (dtxMs > 0) timers.add(setInterval(() => talker.peer.say(127), dtxMs));
    const last = await silent;
    expect(peer.events.indexOf(first)).toBeLessThan(peer.events.indexOf(last));
    const between = peer.events.slice(peer.events.indexOf(first), peer.events.indexOf(last));
    expect(between.filter(isSpeaking(talker.uid, false))).toEqual([]);
  });
});
