/**
 * Rights and speakers in a voice room of a real server: whoever is muted, deafened or loses a right is not heard any more within 300 ms
 * (V11), and who talks is known within 600 ms and silent again within 1.5 s (V12). Thin clients.
 */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { KIND, type VoiceEvent } from '../../voice/test/index.ts';
import { useServer } from './support/fixture.ts';
import { pause, until } from './support/server-process.ts';
import { joinWhenReady, newVoiceChannel, VoiceClient } from './support/voice-client.ts';

/** V11. */
const SILENT_MS = 300;
/** V12. */
const KNOWN_MS = 600;
const UNKNOWN_MS = 1_500;
/** Long enough for a packet that should not come. */
const LISTEN_MS = 600;
const SPEAK = 1 << 7;
const CONNECT = 1 << 6;

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

async function hears(one: VoiceClient, other: VoiceClient): Promise<void> {
  const before = one.peer.heardOf(other.peer.pid)?.packets ?? 0;
  await until('is heard', 10_000, () =>
    (one.peer.heardOf(other.peer.pid)?.packets ?? 0) > before + 5 ? true : undefined,
  );
}

/** What it takes from the beginning of `act` to the last packet that `one` hears of `other`. */
async function silenceAfter(
  one: VoiceClient,
  other: VoiceClient,
  act: () => Promise<unknown>,
): Promise<number> {
  const { pid } = other.peer;
  const heard = one.peer.heardOf(pid);
  if (heard === undefined) throw new Error('nothing was heard before');
  const fromMs = performance.now();
  await act();
  await pause(LISTEN_MS);
  return heard.lastMs - fromMs;
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

describe('who may not speak or hear', () => {
  test('server mute and its end: silent at once, heard again', async () => {
    const { people, sid } = await room([0, 1]);
    const [listener, talker] = people as [VoiceClient, VoiceClient];
    talk(talker);
    await hears(listener, talker);
    const ms = await silenceAfter(listener, talker, () => moderate(sid, 1, { muted: true }));
    expect(ms).toBeLessThan(SILENT_MS);
    await moderate(sid, 1, { muted: false });
    await hears(listener, talker);
  });

  test('server deafen: the deafened one hears nobody', async () => {
    const { people, sid } = await room([0, 1]);
    const [talker, listener] = people as [VoiceClient, VoiceClient];
    talk(talker);
    await hears(listener, talker);
    const ms = await silenceAfter(listener, talker, () => moderate(sid, 1, { deafened: true }));
    expect(ms).toBeLessThan(SILENT_MS);
  });

  test.each([
    ['the right to speak', (sid: number) => deny(sid, 2, SPEAK)],
    ['the right to connect', (sid: number) => deny(sid, 2, CONNECT)],
    [
      'membership of the guild',
      () =>
        fixture.http.want(204, `/guilds/${fixture.gid}/members/${fixture.user(3).id}`, {
          ...owner(),
          method: 'DELETE',
        }),
    ],
  ] as const)('%s is lost: silent at once', async (what, lose) => {
    const user = what.startsWith('membership') ? 3 : 2;
    const { people, sid } = await room([0, user]);
    const [listener, talker] = people as [VoiceClient, VoiceClient];
    talk(talker);
    await hears(listener, talker);
    expect(await silenceAfter(listener, talker, () => lose(sid))).toBeLessThan(SILENT_MS);
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
    const fromMs = performance.now();
    const dominant = peer.next(
      ({ body, kind }) => kind === KIND.dominant && body[0] === talker.uid,
    );
    const known = peer.next(isSpeaking(talker.uid, true));
    const stop = talk(talker);
    expect((await known).atMs - fromMs).toBeLessThan(KNOWN_MS);
    expect((await dominant).atMs - fromMs).toBeLessThan(2 * KNOWN_MS);
    await hears(listener, talker);
    const silent = peer.next(isSpeaking(talker.uid, false));
    const stoppedMs = performance.now();
    stop();
    // With DTX a packet now and then, which says that there is silence.
    if (dtxMs > 0) timers.add(setInterval(() => talker.peer.say(127), dtxMs));
    expect((await silent).atMs - stoppedMs).toBeLessThan(UNKNOWN_MS);
  });
});
