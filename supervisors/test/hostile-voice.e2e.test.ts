/**
 * H34 of protocol.md 3, and what else somebody with a session can try on voice: hostile JSON values, requests out of order, media
 * without the right, joins and leaves by the thousand; while a healthy witness keeps chatting, and two residents of a room stay in it
 * with the media they have.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { Chorus, KIND, opusCapabilities, opusParameters, V } from '../../voice/test/index.ts';
import { ATTACKER, useHostile } from './support/hostile.ts';
import { MediaWorkers } from './support/media-workers.ts';
import { ENCODINGS, type RawClient } from './support/raw-client.ts';
import { until } from './support/server-process.ts';
import { joinWhenReady, newVoiceChannel, VoiceClient } from './support/voice-client.ts';
import { OP, type WireFrame } from './support/wire.ts';

const J_MAX = 24 * 1024;
const BUNDLED = 4;
const PERM_SPEAK = 1 << 7;
const JOINS = 1000;
const GOOD = JSON.stringify(opusCapabilities());
const REJECTED = [OP.err, 603, 'voice_rejected'];

const hostile = useHostile({ users: ATTACKER + 4, env: { DRIFTWAY_VOICE_PORT: '0' }, keepsMb: 32 });
const { fixture } = hostile;
const RESIDENTS = [ATTACKER + 2, ATTACKER + 3];

let sid = 0;
const residents: VoiceClient[] = [];
const chorus = new Chorus();

beforeAll(async () => {
  const binary = await mediaWorkerBinary();
  if (!binary.ok) throw new Error(binary.message);
  sid = await newVoiceChannel(fixture.http, fixture.token(0), fixture.gid);
  for (const user of RESIDENTS) {
    const client = await VoiceClient.open({ port: fixture.port, token: fixture.token(user) });
    residents.push(client);
    await joinWhenReady(client, sid, 120_000);
    chorus.add(client.peer);
  }
  hostile.remember();
}, 600_000);

afterAll(() => {
  chorus.stop();
  for (const client of residents) client.close();
});

/** Nothing has happened to those who were there before. */
async function residentsHear(): Promise<void> {
  const [a, b] = residents as [VoiceClient, VoiceClient];
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const before = one.peer.heardOf(other.peer.pid)?.packets ?? 0;
    await until('a resident hears the other', 10_000, () =>
      (one.peer.heardOf(other.peer.pid)?.packets ?? 0) > before + 5 ? true : undefined,
    );
    expect(one.peer.events.filter(({ kind }) => kind === KIND.epoch)).toEqual([]);
  }
}

/** The parts of a reply that do not change: opcode, code and name of an ERR. */
async function refused(client: RawClient, op: number, args: WireFrame): Promise<unknown[]> {
  const [first, , ...rest] = await client.request(op, args);
  return first === OP.err ? [first, ...rest.slice(0, 2)] : [first];
}

async function joined(client: RawClient, flags = 0): Promise<readonly unknown[]> {
  const reply = await client.request(V.join, [sid, GOOD, flags, 0]);
  expect(reply[0]).toBe(OP.ok);
  return reply.slice(2);
}

/** As JSON each quote takes one more byte, and the frame has 32 KiB. */
const NESTED_MAX = 20 * 1024;
const filled = (text: string): string => text.repeat(Math.floor(NESTED_MAX / text.length));
const codec = opusCapabilities() as { codecs: object[]; headerExtensions: object[] };

const HOSTILE_J: Readonly<Record<string, string>> = {
  nothing: '',
  'no JSON': 'codecs',
  null: 'null',
  'a number': '1e999',
  'nested arrays, 24 KiB': '['.repeat(J_MAX),
  'nested objects, 20 KiB': filled('{"a":'),
  'nested arrays that end': '['.repeat(J_MAX / 2) + ']'.repeat(J_MAX / 2),
  'the key __proto__': '{"__proto__":{"codecs":[{"kind":"audio"}]},"codecs":[]}',
  '__proto__ in a codec': GOOD.replace('"parameters":{}', '"parameters":{"__proto__":{"a":1}}'),
  constructor: '{"constructor":{"prototype":{"codecs":[]}}}',
  '2,000 codecs': `{"codecs":[${Array<string>(2000).fill('{}').join()}]}`,
  '101 codecs': JSON.stringify({
    ...codec,
    codecs: Array<object>(101).fill(codec.codecs[0] ?? {}),
  }),
  'codecs that are no list': '{"codecs":{"length":4294967295}}',
  'wrong types': '{"codecs":[{"kind":1,"mimeType":[],"clockRate":"x"}]}',
  'one key many times': `{${Array<string>(2000).fill('"codecs":[]').join()}}`,
  'a lone surrogate': '{"codecs":[{"kind":"audio","mimeType":"\\ud800"}]}',
  'NUL and control characters': '{"codecs":"\\u0000\\u0001"}',
};

describe.each(ENCODINGS)('%s', (encoding) => {
  test.each(Object.entries(HOSTILE_J))('H34: V_JOIN with %s, ERR 603', async (_name, json) => {
    const client = await fixture.client(ATTACKER, encoding);
    expect(await refused(client, V.join, [sid, json, 0, 0])).toEqual(REJECTED);
    expect((await client.request(OP.time, []))[0]).toBe(OP.ok);
  });

  test('H34: a J beyond 24 KiB, ERR 111', async () => {
    const client = await fixture.client(ATTACKER, encoding);
    const long = ' '.repeat(J_MAX + 1);
    expect((await client.request(V.join, [sid, long, 0, 0])).slice(2, 4)).toEqual([
      111,
      'too_large',
    ]);
  });

  test('H34: hostile V_CONNECT and V_PRODUCE, ERR 603, the good ones after them are taken', async () => {
    const client = await fixture.client(ATTACKER, encoding);
    const [vsid, , , , , , , send] = await joined(client, BUNDLED);
    const [tid] = send as readonly [number, string];
    for (const json of Object.values(HOSTILE_J)) {
      expect(await refused(client, V.connect, [vsid as number, tid, json])).toEqual(REJECTED);
      const produce = [vsid as number, tid, 'n', 1, json, 0];
      expect(await refused(client, V.produce, produce)).toEqual(REJECTED);
    }
    const opus = opusParameters(77, 'attacker') as { codecs: object[]; encodings: object[] };
    const wrong = [
      { ...opus, codecs: [{ ...opus.codecs[0], mimeType: 'video/VP8', clockRate: 90_000 }] },
      { ...opus, encodings: [{ ssrc: 1 }, { ssrc: 2 }] },
      { ...opus, encodings: [{ ssrc: -1 }] },
      { ...opus, encodings: [{ ssrc: 4294967296 }] },
      { ...opus, codecs: [] },
    ];
    for (const value of wrong) {
      const produce = [vsid as number, tid, 'n', 1, JSON.stringify(value), 0];
      expect(await refused(client, V.produce, produce)).toEqual(REJECTED);
    }
    for (const media of [2, 3]) {
      const produce = [vsid as number, tid, 'n', media, JSON.stringify(opus), 0];
      expect(await refused(client, V.produce, produce)).toEqual(REJECTED);
    }
    const good = [vsid as number, tid, 'n', 1, JSON.stringify(opus), 0];
    const [ok, , pid] = await client.request(V.produce, good);
    expect(ok).toBe(OP.ok);
    expect((await client.request(V.produce, good))[2]).toBe(pid);
    await client.request(V.leave, [vsid as number]);
    await residentsHear();
    await hostile.witness.chats();
  });

  test('out of order: named errors, and the membership goes on', async () => {
    const client = await fixture.client(ATTACKER, encoding);
    const [vsid, , , , , , , send, receive, consumers] = await joined(client, BUNDLED);
    const [out] = send as readonly [number, string];
    const [into] = receive as readonly [number, string];
    const [[pid, cid]] = consumers as readonly (readonly [number, number])[] as [[number, number]];
    const member = vsid as number;
    const rtp = JSON.stringify(opusParameters(78, 'attacker'));
    const gone = [OP.err, 601, 'voice_gone'];
    const expected: readonly (readonly [string, number, WireFrame, readonly unknown[][]])[] = [
      [
        'produce on the way to receive',
        V.produce,
        [member, into, 'o', 1, rtp, 0],
        [REJECTED, gone],
      ],
      ['consume on the way to send', V.consume, [member, out, pid], [REJECTED, gone]],
      ['consume what is not there', V.consume, [member, into, 999_999], [gone]],
      ['pause of somebody else', V.pause, [member, pid, true], [gone, REJECTED]],
      ['close of somebody else', V.close, [member, pid], [gone, REJECTED]],
      ['a transport that is not there', V.connect, [member, 999_999, '{}'], [gone, REJECTED]],
      ['ice of a consumer', V.ice, [member, cid], [gone, REJECTED]],
      ['a membership that is not there', V.leave, [999_999_999], [gone]],
      ["a resident's membership", V.leave, [residents[0]?.peer.vsid ?? 0], [gone]],
    ];
    for (const [what, op, args, allowed] of expected) {
      expect([what, allowed.map(String)]).toEqual([
        what,
        expect.arrayContaining([String(await refused(client, op, args))]),
      ]);
    }
    expect((await client.request(V.sync, [member, [out, into], [], [cid]]))[0]).toBe(OP.ok);
    expect((await client.request(V.leave, [member]))[0]).toBe(OP.ok);
    expect(await refused(client, V.transport, [member, 1])).toEqual(gone);
    await residentsHear();
    await hostile.witness.chats();
  });

  test('media without the right to speak, ERR 303; without the right to connect, 303; hidden, 301', async () => {
    const client = await fixture.client(ATTACKER, encoding);
    const uid = String(fixture.user(ATTACKER).id);
    const path = `/channels/${sid}/overwrites/${uid}`;
    const token = fixture.token(0);
    const deny = async (bits: number): Promise<void> => {
      const body = { type: 'member', allow: '0', deny: String(bits) };
      await fixture.http.want(200, path, { token, method: 'PUT', body });
    };
    await deny(PERM_SPEAK);
    const [vsid, , , , , , , send] = await joined(client, BUNDLED);
    const rtp = JSON.stringify(opusParameters(79, 'attacker'));
    const [tid] = (send as readonly [number, string] | null) ?? [0];
    const produce = [vsid as number, tid, 'p', 1, rtp, 0];
    const refusal = await refused(client, V.produce, produce);
    expect([303, 601]).toContain(refusal[1]);
    await client.request(V.leave, [vsid as number]);
    await deny(1 << 6);
    expect((await refused(client, V.join, [sid, GOOD, 0, 0]))[1]).toBe(303);
    await deny(1);
    expect((await refused(client, V.join, [sid, GOOD, 0, 0]))[1]).toBe(301);
    expect((await refused(client, V.join, [sid - 2 ** 32, GOOD, 0, 0]))[1]).toBe(301);
    expect((await refused(client, V.join, [fixture.sid, GOOD, 0, 0]))[1]).toBe(301);
    await fixture.http.want(204, path, { token, method: 'DELETE' });
    await residentsHear();
  });
});

/** What the media worker of the residents carries. */
async function carried(workers: MediaWorkers): Promise<unknown> {
  const { pid } = await workers.active();
  const found = (await workers.pool()).workers.find((one) => one.pid === pid);
  return { pid, transports: found?.transports, producers: found?.producers, rooms: found?.rooms };
}

test(`${JOINS} joins and leaves: nobody and nothing is left, the same worker carries the residents`, async () => {
  const client = await fixture.client(ATTACKER);
  const workers = await MediaWorkers.of(fixture.server);
  const before = await carried(workers);
  const round = async (i: number): Promise<void> => {
    const [vsid] = await joined(client, i % 4 === 0 ? BUNDLED : 0);
    expect((await client.request(V.leave, [vsid as number]))[0]).toBe(OP.ok);
  };
  // What a first few hundred leave behind is the heap at work.
  for (let i = 0; i < JOINS / 2; i += 1) await round(i);
  hostile.remember();
  for (let i = JOINS / 2; i < JOINS; i += 1) await round(i);
  const roster = await fixture.http.want<{ items: { userId: string }[] }>(
    200,
    `/channels/${sid}/voice`,
    { token: fixture.token(0) },
  );
  expect(await carried(workers)).toEqual(before);
  expect(before).toMatchObject({ transports: 2 * residents.length, producers: residents.length });
  expect((await workers.pool()).counters).toMatchObject({ died: 0, hung: 0 });
  await workers.close();
  const there = roster.items.map(({ userId }) => Number(userId)).sort();
  expect(there).toEqual(residents.map(({ uid }) => uid).sort());
  await residentsHear();
  await hostile.witness.chats();
}, 180_000);

hostile.verdict('H34');
