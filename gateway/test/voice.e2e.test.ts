/** Voice over a real socket and a real gateway thread, with rooms that the test plays. */
import { afterEach, describe, expect, test } from 'vitest';
import { ActorError } from '../../runtime/index.ts';
import type { VoiceErr } from '../../voice/index.ts';
import type { GatewayOptions } from '../gateway-options.ts';
import { Err, Op, VoiceKind, type WireValue } from '../protocol/index.ts';
import type { VoicePort } from '../voice-ops.ts';
import type { VoiceOut } from '../voice-out.ts';
import { createFakeRooms, type FakeRooms, joined } from './fake-rooms.ts';
import { Harness, type TestClient, token, until } from './harness.ts';

const SID = 70412;
const CAPS = '{"codecs":[]}';
const UP: VoicePort = { wake: () => Promise.resolve({ up: true }) };

let harness: Harness;
let rooms: FakeRooms;
afterEach(() => harness.stop());

async function start(overrides: Partial<GatewayOptions> = {}): Promise<void> {
  rooms = createFakeRooms();
  harness = await Harness.start({ voice: UP, voiceUpstream: () => rooms, ...overrides });
}

const voiceOut = (): VoiceOut => (harness.handle as unknown as { voice: VoiceOut }).voice;
const tell = (vsid: number, ver: number, kind: number, body: readonly unknown[] = []): void =>
  voiceOut().tell({ vsids: [vsid], ver, kind, body });
const join = (client: TestClient, sid = SID): Promise<readonly WireValue[]> =>
  client.ask(Op.V_JOIN, sid, CAPS, 0, 0);
const codeOf = (frame: readonly WireValue[]): WireValue | undefined => frame[2];

/** A connection whose session is `S`, each time with a higher number. */
function oneSession(): void {
  let connNo = 0;
  harness.shard.connectReply = () => {
    connNo += 1;
    return { ok: true, session: 'S', resumeKey: 'key', connNo, guilds: [] };
  };
}

/** Somebody in room SID with vsid 3. */
async function inRoom(): Promise<TestClient> {
  await start();
  rooms.answers.set('join', () => joined(3));
  const client = await harness.identified(5);
  await join(client);
  return client;
}

describe('V_JOIN', () => {
  test('the room is asked as the session that asks, its answer is the OK', async () => {
    await start();
    const participants = [[6, 1, [[8, 1, false]]]] as const;
    const bundle = {
      send: { tid: 11, params: '{}' },
      receive: { tid: 12, params: '{}' },
      consumers: [{ pid: 8, cid: 20, media: 1 as const, rtp: '{}' }],
    };
    rooms.answers.set('join', () => joined(3, { ver: 7, epoch: 2, participants, bundle }));
    const client = await harness.identified(5, 'json');
    const reply = await client.ask(Op.V_JOIN, SID, CAPS, 5, 1);
    expect(reply.slice(2)).toEqual([
      ...[3, 7, CAPS, '[]', participants, 0, 2],
      ...[[11, '{}'], [12, '{}'], [[8, 20, 1, '{}']]],
    ]);
    expect(rooms.of('join')).toEqual([
      { uid: 5, session: 'session-5-1', gateway: 99, connNo: 1, rtpCaps: CAPS, flags: 5, e2e: 1 },
    ]);
    expect([...rooms.monitored.values()]).toEqual([4711]);
    expect(harness.handle.metrics()).toMatchObject({ voiceMembersNow: 1, voiceRoomsNow: 1 });
  });

  test('what the room tells before its answer, comes behind the OK and in order', async () => {
    await start();
    let answer: (value: unknown) => void = () => undefined;
    rooms.answers.set('join', () => new Promise((resolve) => (answer = resolve)));
    const client = await harness.identified(5);
    const asked = join(client);
    await until(() => rooms.of('join').length === 1, 'the join');
    tell(3, 2, VoiceKind.JOINED, [6, 0]);
    tell(3, 3, VoiceKind.LEFT, [6]);
    tell(4, 3, VoiceKind.LEFT, [6]);
    answer(joined(3));
    await asked;
    await client.find(([op, , ver]) => op === Op.VOICE && ver === 3);
    expect(client.frames.slice(-3).map(([op, , ver]) => [op, ver])).toEqual([
      [Op.OK, 3],
      [Op.VOICE, 2],
      [Op.VOICE, 3],
    ]);
    expect(harness.handle.metrics().voiceUnheard).toBe(1);
  });

  test('another room: joined first, then the one before is left; a refusal leaves nothing', async () => {
    const client = await inRoom();
    rooms.answers.set('join', () => ({ ok: false, error: 'voice_full' }));
    expect(codeOf(await join(client, 9))).toBe(Err.VOICE_FULL);
    expect(rooms.of('leave')).toEqual([]);
    rooms.answers.set('join', () => joined(4));
    expect(codeOf(await join(client, 9))).toBe(4);
    expect(rooms.heard.filter(({ op }) => op === 'leave')).toEqual([
      { op: 'leave', sid: SID, m: { vsid: 3, session: 'session-5-1' } },
    ]);
    expect(codeOf(await client.ask(Op.V_ICE, 3, 1))).toBe(Err.VOICE_GONE);
  });

  test('the same room again: the same membership, nothing is left', async () => {
    const client = await inRoom();
    expect(codeOf(await join(client))).toBe(3);
    expect(rooms.of('leave')).toEqual([]);
    expect(harness.handle.metrics()).toMatchObject({ voiceMembersNow: 1, voiceRoomsNow: 1 });
  });

  test('no voice on this server: ERR 502 without a time to come back', async () => {
    rooms = createFakeRooms();
    harness = await Harness.start({ voiceUpstream: () => rooms });
    const client = await harness.identified(5);
    expect((await join(client)).slice(2)).toEqual([502, 'unavailable']);
  });

  test('standby: the voice thread is woken, and asked again', async () => {
    let isUp = false;
    const wake = (): ReturnType<VoicePort['wake']> => {
      isUp = true;
      return Promise.resolve({ up: true });
    };
    await start({ voice: { wake } });
    rooms.answers.set('join', () => {
      if (!isUp) throw new ActorError('noconnection', 'call room.join');
      return joined(3);
    });
    const client = await harness.identified(5);
    expect(codeOf(await join(client))).toBe(3);
    expect(rooms.of('join')).toHaveLength(2);
  });

  test('not prepared yet: ERR 502 with the time to come back', async () => {
    await start({ voice: { wake: () => Promise.resolve({ up: false, retryMs: 1234 }) } });
    rooms.answers.set('join', () => {
      throw new ActorError('noconnection', 'call room.join');
    });
    const client = await harness.identified(5);
    expect((await join(client)).slice(2)).toEqual([502, 'unavailable', 1234]);
  });

  test('a connection that ends meanwhile: its membership is told as lost', async () => {
    await start();
    let answer: (value: unknown) => void = () => undefined;
    rooms.answers.set('join', () => new Promise((resolve) => (answer = resolve)));
    const client = await harness.identified(5);
    join(client).catch(() => undefined);
    await until(() => rooms.of('join').length === 1, 'the join');
    client.socket.terminate();
    await until(() => harness.handle.metrics().connectionsNow === 0, 'the end');
    answer(joined(3));
    await until(() => rooms.of('connectionLost').length === 1, 'connectionLost');
    expect(rooms.of('connectionLost')).toEqual([{ vsid: 3, session: 'session-5-1', connNo: 1 }]);
  });

  test('the eleventh at once: ERR 420 with a time; V_E2E has a rate of its own', async () => {
    await start({ limitsFactor: 1 });
    rooms.answers.set('join', () => joined(3));
    const client = await harness.identified(5);
    for (let i = 0; i < 10; i += 1) expect(codeOf(await join(client))).toBe(3);
    const refused = await join(client);
    expect(refused.slice(2, 4)).toEqual([420, 'rate']);
    expect(refused[4]).toBeGreaterThan(1000);
    for (let i = 0; i < 40; i += 1) await client.ask(Op.V_E2E, 3, null, 0, 'aGk=');
    const relay = await client.ask(Op.V_E2E, 3, null, 0, 'aGk=');
    expect(relay.slice(2, 4)).toEqual([420, 'rate']);
  });
});

const MEMBER = { vsid: 3, session: 'session-5-1' };

describe('within a membership', () => {
  const OPS: readonly (readonly [
    string,
    number,
    readonly WireValue[],
    string,
    object,
    unknown,
    readonly WireValue[],
  ])[] = [
    [
      'V_TRANSPORT',
      Op.V_TRANSPORT,
      [3, 2],
      'transport',
      { dir: 2 },
      { tid: 12, params: '{}' },
      [12, '{}'],
    ],
    ['V_CONNECT', Op.V_CONNECT, [3, 12, '{}'], 'connect', { tid: 12, dtls: '{}' }, null, []],
    [
      'V_PRODUCE',
      Op.V_PRODUCE,
      [3, 12, 'n', 1, '{}', 1],
      'produce',
      { tid: 12, cnonce: 'n', media: 1, rtp: '{}', flags: 1 },
      { pid: 8 },
      [8],
    ],
    [
      'V_CONSUME',
      Op.V_CONSUME,
      [3, 12, 8],
      'consume',
      { tid: 12, pid: 8 },
      { pid: 8, cid: 20, media: 1, rtp: '{}' },
      [20, 1, '{}'],
    ],
    ['V_PAUSE', Op.V_PAUSE, [3, 20, false], 'pause', { id: 20, paused: false }, null, []],
    ['V_CLOSE', Op.V_CLOSE, [3, 20], 'close', { id: 20 }, null, []],
    ['V_STATE', Op.V_STATE, [3, true, false], 'state', { mute: true, deaf: false }, null, []],
    [
      'V_STATE with flags',
      Op.V_STATE,
      [3, false, false, 2],
      'state',
      { mute: false, deaf: false, hand: false, talk: true },
      null,
      [],
    ],
    ['V_ICE', Op.V_ICE, [3, 12], 'ice', { tid: 12 }, { ice: '{}' }, ['{}']],
    ['V_E2E', Op.V_E2E, [3, 6, 1, 'aGk='], 'e2e', { to: 6, type: 1, data: 'aGk=' }, null, []],
  ];
  test.each(OPS)('%s: asked and answered', async (_name, op, args, name, m, value, result) => {
    const client = await inRoom();
    rooms.answers.set(name, () => ({ ok: true, value }));
    expect((await client.ask(op, ...args)).slice(2)).toEqual(result);
    expect(rooms.of(name)).toEqual([{ ...MEMBER, ...m }]);
  });

  test('V_SYNC: the room tells this thread from now on', async () => {
    const client = await inRoom();
    const lost = { lostTids: [1], lostPids: [], lostCids: [2] };
    const value = { ver: 9, participants: [[5, 0, []]], ...lost, room: 4711 };
    rooms.answers.set('sync', () => ({ ok: true, value }));
    const reply = await client.ask(Op.V_SYNC, 3, [1], [], [2]);
    expect(reply.slice(2)).toEqual([9, [[5, 0, []]], [1], [], [2]]);
    const asked = { gateway: 99, connNo: 1, tids: [1], pids: [], cids: [2] };
    expect(rooms.of('sync')).toEqual([{ ...MEMBER, ...asked }]);
  });

  test('V_LEAVE: the membership is over', async () => {
    const client = await inRoom();
    expect((await client.ask(Op.V_LEAVE, 3)).slice(2)).toEqual([]);
    expect(codeOf(await client.ask(Op.V_LEAVE, 3))).toBe(Err.VOICE_GONE);
    expect(harness.handle.metrics()).toMatchObject({ voiceMembersNow: 0, voiceRoomsNow: 0 });
    expect(rooms.monitored.size).toBe(0);
  });

  test('a vsid of nobody or of another session: 601, and no room is asked', async () => {
    await inRoom();
    const other = await harness.identified(6);
    for (const vsid of [3, 4]) {
      expect(codeOf(await other.ask(Op.V_TRANSPORT, vsid, 1))).toBe(Err.VOICE_GONE);
    }
    expect(rooms.of('transport')).toEqual([]);
  });

  const CODES: readonly (readonly [VoiceErr, number])[] = [
    ['not_found', 301],
    ['forbidden', 303],
    ['invalid', 101],
    ['voice_gone', 601],
    ['voice_full', 602],
    ['voice_rejected', 603],
    ['e2e_required', 604],
    ['unavailable', 502],
  ];
  test.each(CODES)('%s: ERR %i', async (error, code) => {
    const client = await inRoom();
    rooms.answers.set('produce', () => ({ ok: false, error }));
    const reply = await client.ask(Op.V_PRODUCE, 3, 1, 'n', 1, '{}', 0);
    expect(reply.slice(0, 1).concat(reply.slice(2, 3))).toEqual([Op.ERR, code]);
    expect(reply[4] === undefined).toBe(code !== 502);
  });

  test('a room that is gone: 601; one that does not answer: 502', async () => {
    const client = await inRoom();
    for (const [reason, code] of [
      ['noproc', 601],
      ['noconnection', 601],
      ['timeout', 502],
      ['mailboxFull', 502],
    ] as const) {
      rooms.answers.set('ice', () => {
        throw new ActorError(reason, 'call room.ice');
      });
      expect(codeOf(await client.ask(Op.V_ICE, 3, 1))).toBe(code);
    }
  });
});

describe('what rooms tell', () => {
  test('kind 8 and 9: sent, and the membership is over', async () => {
    for (const kind of [VoiceKind.MOVED, VoiceKind.ENDED]) {
      const client = await inRoom();
      tell(3, 5, kind, [1]);
      const frame = await client.find(([op]) => op === Op.VOICE);
      expect(frame).toEqual([Op.VOICE, 3, 5, kind, 1]);
      expect(codeOf(await client.ask(Op.V_ICE, 3, 1))).toBe(Err.VOICE_GONE);
      expect(rooms.monitored.size).toBe(0);
      if (kind === VoiceKind.MOVED) await harness.stop();
    }
  });

  test('the end of a room: kind 9 failed to everybody in it', async () => {
    const client = await inRoom();
    const [monitor] = [...rooms.monitored.keys()];
    tell(3, 6, VoiceKind.JOINED, [6, 0]);
    voiceOut().down(monitor as never);
    const frame = await client.find(([op, , , kind]) => op === Op.VOICE && kind === 9);
    expect(frame).toEqual([Op.VOICE, 3, 6, 9, 'failed']);
    expect(harness.handle.metrics()).toMatchObject({ voiceMembersNow: 0, voiceRoomsLost: 1 });
  });
});

describe('connections', () => {
  test('lost: the room hears of it; back by resume, V_SYNC finds the membership', async () => {
    await start();
    oneSession();
    rooms.answers.set('join', () => joined(3));
    const first = await harness.identified(5);
    await join(first);
    first.socket.terminate();
    await until(() => rooms.of('connectionLost').length === 1, 'connectionLost');
    tell(3, 2, VoiceKind.JOINED, [6, 0]);
    const second = await harness.identified(5);
    const value = {
      ver: 2,
      participants: [],
      lostTids: [],
      lostPids: [],
      lostCids: [],
      room: 4711,
    };
    rooms.answers.set('sync', () => ({ ok: true, value }));
    expect(codeOf(await second.ask(Op.V_SYNC, 3, [], [], []))).toBe(2);
    expect(rooms.of('sync')).toMatchObject([{ vsid: 3, session: 'S', connNo: 2 }]);
    tell(3, 3, VoiceKind.LEFT, [6]);
    expect(await second.find(([op]) => op === Op.VOICE)).toEqual([Op.VOICE, 3, 3, 2, 6]);
  });

  test('fenced by a resume: the late end of the old connection changes nothing', async () => {
    await start();
    oneSession();
    rooms.answers.set('join', () => joined(3));
    const first = await harness.identified(5);
    await join(first);
    const second = await harness.identified(5);
    rooms.answers.set('ice', () => ({ ok: true, value: { ice: '{}' } }));
    expect((await second.ask(Op.V_ICE, 3, 1)).slice(2)).toEqual(['{}']);
    first.socket.terminate();
    await until(() => harness.handle.metrics().connectionsNow === 1, 'the end of the first');
    expect(rooms.of('connectionLost')).toEqual([]);
  });

  test('good-bye: the room is left at once', async () => {
    const client = await inRoom();
    client.socket.close(1000);
    await until(() => rooms.of('leave').length === 1, 'leave');
    expect(rooms.of('leave')).toEqual([MEMBER]);
    expect(rooms.of('connectionLost')).toEqual([]);
  });

  test('resumed on another thread: the membership is taken from there', async () => {
    await start();
    const client = await harness.identified(5);
    rooms.elsewhere.set(3, SID);
    rooms.answers.set('ice', () => ({ ok: true, value: { ice: '{}' } }));
    expect((await client.ask(Op.V_ICE, 3, 12)).slice(2)).toEqual(['{}']);
    expect(rooms.heard.find(({ op }) => op === 'ice')).toMatchObject({ sid: SID });
  });

  test('the session has gone to another thread: the membership is given, to its session only', async () => {
    await inRoom();
    const wrong = { vsid: 3, session: 'another', uid: 5 };
    expect(voiceOut().give(wrong)).toBe(undefined);
    expect(voiceOut().give({ ...MEMBER, uid: 6 })).toBe(undefined);
    expect(voiceOut().give({ ...MEMBER, uid: 5 })).toBe(SID);
    expect(voiceOut().give({ ...MEMBER, uid: 5 })).toBe(undefined);
    expect(rooms.of('leave')).toEqual([]);
  });

  test('the session joined elsewhere: another room is left, the same one is not', async () => {
    await inRoom();
    voiceOut().joinedElsewhere({ session: 'session-5-1', vsid: 8, sid: 9 });
    expect(rooms.of('leave')).toEqual([MEMBER]);
    const client = await harness.identified(7);
    await join(client);
    voiceOut().joinedElsewhere({ session: 'session-7-2', vsid: 3, sid: SID });
    expect(rooms.of('leave')).toHaveLength(1);
    expect(harness.handle.metrics().voiceMembersNow).toBe(0);
  });

  test('a lost membership is forgotten after its time', async () => {
    const client = await inRoom();
    client.socket.terminate();
    await until(() => rooms.of('connectionLost').length === 1, 'connectionLost');
    harness.clock.warp(64_000);
    voiceOut().tick();
    expect(harness.handle.metrics().voiceMembersNow).toBe(1);
    harness.clock.warp(2_000);
    voiceOut().tick();
    expect(harness.handle.metrics()).toMatchObject({ voiceMembersNow: 0, voiceForgotten: 1 });
  });
});

test('the actor starts anew: rooms are told who listens now', async () => {
  await start();
  rooms.answers.set('join', () => joined(3));
  const client = await harness.identified(5);
  await join(client);
  const gone = await harness.connect();
  await gone.identify(token(6));
  voiceOut().rebind();
  expect(rooms.of('sync')).toEqual([
    { ...MEMBER, gateway: 99, connNo: 1, tids: [], pids: [], cids: [] },
  ]);
  tell(3, 2, VoiceKind.LEFT, [6]);
  await client.find(([op]) => op === Op.VOICE);
});
