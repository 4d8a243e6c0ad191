/** What runs on a voice thread: rooms by their key, what killed ones leave behind, and when the thread is of no use any more. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  call,
  configureRuntime,
  entity,
  exit,
  type Ref,
  spawn,
  whereis,
} from '../runtime/index.ts';
import { FakeClock, settle } from '../runtime/testkit/index.ts';
import { type HostedVoice, hostVoice, type VoiceHostOptions } from './host.ts';
import { FakePool } from './room/test/fake-media.ts';
import { CAPS, Ear, FakeGuilds, type Heard, SID, value } from './room/test/kit.ts';
import {
  JOIN_BUNDLED,
  type JoinRequest,
  PART_SERVER_MUTED,
  type RoomP,
  type VoiceOutP,
} from './types.ts';

const room = (sid = SID) => entity<RoomP>('room', sid);
const silent = { info: () => {}, warn: () => {}, error: () => {} };

let clock: FakeClock;
let pool: FakePool;
let voice: HostedVoice;
let heard: Heard[];
let gateway: Ref<VoiceOutP>;
let idle: number;
/** Thrown in the middle of the next join. */
let crash: Error | undefined;

const options = (): VoiceHostOptions => ({
  ...{ binary: 'none', workers: 1, turn: null, slotNumber: 3, clock, log: silent },
  listen: { host: '127.0.0.1', port: 0, announcedIpv4: null, announcedIpv6: null },
  docs: { get: async () => [] },
  onIdle: () => {
    idle += 1;
  },
  parts: {
    pool: () => pool,
    guilds: new FakeGuilds(),
    iceServers: () => {
      if (crash) throw crash;
      return '[]';
    },
  },
});

beforeEach(async () => {
  clock = new FakeClock();
  configureRuntime({ clock, report: () => {} });
  pool = new FakePool();
  idle = 0;
  heard = [];
  gateway = await spawn(Ear, heard);
  voice = await hostVoice(options());
});

afterEach(async () => {
  await voice.close();
});

const request = (uid: number, more: Partial<JoinRequest> = {}): JoinRequest => ({
  ...{ uid, session: `s${uid}`, gateway, connNo: 1 },
  ...{ rtpCaps: CAPS, flags: JOIN_BUNDLED, e2e: 0, ...more },
});

const join = async (uid: number, sid = SID) => value(await call(room(sid), 'join', request(uid)));

describe('hostVoice', () => {
  test('two channels, are two rooms, counted together', async () => {
    await join(1);
    await join(2, 701);
    expect(voice.counters).toMatchObject({ roomsNow: 2, participantsNow: 2, joins: 2 });
    expect(voice.status().rooms.map(({ sid, people }) => [sid, people])).toEqual([
      [SID, 1],
      [701, 1],
    ]);
    expect(voice.status().audio).toBeNull();
  });

  test('numbers of memberships, differ between lives and slots of a thread', async () => {
    const { vsid: first } = await join(1);
    expect(first % 64).toBe(3);
    await voice.close();
    await clock.advance(1000);
    pool = new FakePool();
    voice = await hostVoice(options());
    const { vsid: second } = await join(1);
    expect(second).toBeGreaterThan(first);
    expect(Number.isSafeInteger(second)).toBe(true);
  });

  test('a slot number out of range, is refused', async () => {
    await expect(hostVoice({ ...options(), slotNumber: 64 })).rejects.toThrow(RangeError);
  });

  test('a killed room, leaves nothing in the media workers, and can be joined again', async () => {
    const { vsid } = await join(1);
    const live = whereis(room());
    if (live === undefined) throw new Error('no room');
    exit(live, 'kill');
    await settle();
    expect(pool.room.closed).toBe(true);
    expect(voice.counters).toMatchObject({ roomsNow: 0, participantsNow: 0, leftovers: 1 });
    expect((await join(1)).vsid).not.toBe(vsid);
    expect(voice.counters).toMatchObject({ roomsNow: 1, participantsNow: 1 });
  });

  test('a room that crashes, tells its members, and its next life knows what moderators decided', async () => {
    const { vsid } = await join(1);
    await call(room(), 'moderate', { by: 9, target: 1, act: { kind: 'mute', on: true } });
    crash = new Error('a bug');
    await expect(call(room(), 'join', request(2))).rejects.toThrow();
    crash = undefined;
    await settle();
    expect(heard.find(({ kind }) => kind === 9)).toMatchObject({ vsids: [vsid], body: ['failed'] });
    expect(pool.room.closed).toBe(true);
    expect((await join(1)).participants).toEqual([[1, PART_SERVER_MUTED, []]]);
    expect(pool.rooms).toHaveLength(2);
  });

  test('close, tells everybody, then ends the workers', async () => {
    const { vsid } = await join(1);
    await voice.close();
    await settle();
    expect(heard.at(-1)).toMatchObject({ vsids: [vsid], kind: 9, body: ['moving'] });
    expect(pool.room.closed).toBe(true);
  });

  test('no media worker, kills none', () => {
    expect(voice.killWorker()).toBeUndefined();
  });

  test('nobody for 10 minutes and workers in standby, tells once that the thread may end', async () => {
    const { vsid } = await join(1);
    value(await call(room(), 'leave', { vsid, session: 's1' }));
    await clock.advance(9 * 60_000);
    pool.state = 'standby';
    expect(idle).toBe(0);
    await clock.advance(3 * 60_000);
    expect(idle).toBe(1);
    await clock.advance(30 * 60_000);
    expect(idle).toBe(1);
  });

  test('somebody there, the thread is of use', async () => {
    await join(1);
    pool.state = 'standby';
    await clock.advance(30 * 60_000);
    expect(idle).toBe(0);
  });

  test('a room that sleeps, wakes with the next join, and moderators were not forgotten before', async () => {
    const { vsid } = await join(1);
    await call(room(), 'moderate', { by: 9, target: 1, act: { kind: 'mute', on: true } });
    value(await call(room(), 'leave', { vsid, session: 's1' }));
    await clock.advance(5 * 60_000);
    expect((await join(1)).participants).toEqual([[1, PART_SERVER_MUTED, []]]);
  });
});
