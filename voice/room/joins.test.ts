/** How sessions get into a room, in again, and out: rights, bounds, order of events, nobody left behind. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PERM_CONNECT, PERM_VIEW } from '../../channels/index.ts';
import { call } from '../../runtime/index.ts';
import { settle } from '../../runtime/testkit/index.ts';
import {
  JOIN_BUNDLED,
  JOIN_COMPACT,
  JOIN_DEAF,
  JOIN_LISTEN,
  JOIN_MUTED,
  PART_DEAF,
  PART_MUTED,
  VOICE_CONSUMER,
  VOICE_ENDED,
  VOICE_JOINED,
  VOICE_LEFT,
} from '../types.ts';
import { CAPS, DTLS, MODERATOR, RoomRig, value } from './test/kit.ts';

let rig: RoomRig;

beforeEach(async () => {
  rig = await new RoomRig({ peopleMax: 5 }).start();
});

afterEach(async () => {
  await rig.stop();
});

describe('join', () => {
  test('the first, gets media, the roster with itself, and no event of its own', async () => {
    const { joined } = await rig.join(1, { flags: JOIN_MUTED | JOIN_DEAF });
    expect(joined).toMatchObject({ epoch: 1, iceServers: '[]', e2e: 0, room: rig.room });
    expect(joined.participants).toEqual([[1, PART_MUTED | PART_DEAF, []]]);
    expect(JSON.parse(joined.routerCaps)).toEqual({ codecs: [], headerExtensions: [] });
    expect(joined.bundle).toBeUndefined();
    expect(rig.main.heard).toEqual([]);
    expect(rig.pool.room.options).toMatchObject({ key: 700, people: 1, bitrate: 40_000 });
  });

  test('the second, is told to the first, with the next ver', async () => {
    const one = await rig.join(1);
    const two = await rig.join(2);
    expect(rig.heardBy(one)).toEqual([
      { vsids: [one.vsid], ver: one.joined.ver + 1, kind: VOICE_JOINED, body: [2, 0] },
    ]);
    expect(two.joined.ver).toBe(one.joined.ver + 1);
    expect(two.joined.participants.map(([uid]) => uid)).toEqual([1, 2]);
  });

  test('bundled, brings transports and a paused consumer of who sends', async () => {
    const one = await rig.joinTalking(1);
    const two = await rig.join(2);
    const { bundle } = two.joined;
    expect(JSON.parse(bundle?.send?.params ?? '')).toEqual({ id: expect.any(String) });
    expect(bundle?.receive.tid).toEqual(expect.any(Number));
    expect(bundle?.consumers).toEqual([
      { pid: one.pid, cid: expect.any(Number), media: 1, rtp: '{"codecs":[]}' },
    ]);
    expect(rig.pool.room.consumers.map(({ paused }) => paused)).toEqual([true]);
  });

  test('compact, brings one transport for both directions, and consumers that flow', async () => {
    const one = await rig.joinTalking(1);
    const { joined } = await rig.join(2, { flags: JOIN_BUNDLED | JOIN_COMPACT, dtls: DTLS });
    const { bundle } = joined;
    expect(bundle?.send).toEqual(bundle?.receive);
    expect(bundle?.consumers.map(({ pid }) => pid)).toEqual([one.pid]);
    expect(rig.pool.room.consumers.map(({ paused }) => paused)).toEqual([false]);
    const [both] = rig.pool.room.transports.slice(-1);
    expect(both).toMatchObject({ direction: 'both', state: 'connected' });
    const two = { uid: 2, session: 's2', vsid: joined.vsid, joined };
    await rig.produce(two);
    expect(rig.pool.room.openTransports).toHaveLength(3);
    expect(rig.heardBy(one, VOICE_CONSUMER)).toHaveLength(1);
  });

  test('compact and deaf, hears nothing until it is not', async () => {
    await rig.joinTalking(1);
    const flags = JOIN_BUNDLED | JOIN_COMPACT | JOIN_DEAF;
    const two = await rig.join(2, { flags });
    const paused = () => rig.pool.room.consumers.map((one) => one.paused);
    expect(paused()).toEqual([true]);
    await rig.ask(two, 'state', { mute: false, deaf: false });
    await settle();
    expect(paused()).toEqual([false]);
  });

  test('bundled with DTLS, both transports need no V_CONNECT', async () => {
    await rig.join(1, { dtls: DTLS });
    expect(rig.pool.room.transports.map(({ state }) => state)).toEqual(['connected', 'connected']);
  });

  test('bundled listener, has no transport to send', async () => {
    const { joined } = await rig.join(1, { flags: JOIN_BUNDLED | JOIN_LISTEN });
    expect(joined.bundle?.send).toBeNull();
    expect(rig.pool.room.transports.map(({ direction }) => direction)).toEqual(['receive']);
  });

  test('a producer that comes while somebody joins, reaches it in the answer or behind it', async () => {
    const one = await rig.join(1);
    rig.pool.hold();
    const joining = rig.tryJoin(2);
    await settle();
    const producing = rig.tryProduce(one);
    await settle();
    rig.pool.release();
    const joined = value(await joining);
    const { pid } = value(await producing);
    await settle();
    const two = { uid: 2, session: 's2', vsid: joined.vsid, joined };
    const told = rig.heardBy(two, VOICE_CONSUMER).map(({ body }) => body[0]);
    const bundled = joined.bundle?.consumers.map((offer) => offer.pid) ?? [];
    expect([...told, ...bundled]).toEqual([pid]);
  });

  test.each([
    ['no right to view', 0, 'not_found'],
    ['no right to connect', PERM_VIEW, 'forbidden'],
    ['no right to view but to connect', PERM_CONNECT, 'not_found'],
  ])('%s, is refused before any media', async (_what, perms, error) => {
    rig.guilds.perms.set(1, perms);
    expect(await rig.tryJoin(1)).toMatchObject({ ok: false, error });
    expect(rig.pool.rooms).toEqual([]);
  });

  test.each([
    ['no such channel', { isGone: true }, 'not_found'],
    ['a guild that nobody can ask', { isDown: true }, 'unavailable'],
  ])('%s, is refused', async (_what, guild, error) => {
    Object.assign(rig.guilds, guild);
    expect(await rig.tryJoin(1)).toMatchObject({ ok: false, error });
  });

  test.each([
    ['capabilities that are no JSON', { rtpCaps: '{' }, 'voice_rejected'],
    ['no Opus', { rtpCaps: '{"codecs":[]}' }, 'voice_rejected'],
    ['unknown flags', { flags: 32 }, 'invalid'],
    ['DTLS parameters that are none', { dtls: '{}' }, 'voice_rejected'],
  ])('%s, is refused', async (_what, more, error) => {
    expect(await rig.tryJoin(1, more)).toMatchObject({ ok: false, error });
  });

  test('a client without the encryption of the room, is refused', async () => {
    rig.guilds.settled = { ...rig.guilds.settled, e2e: 1 };
    expect(await rig.tryJoin(1)).toMatchObject({ ok: false, error: 'e2e_required' });
    expect((await rig.join(1, { e2e: 1 })).joined.e2e).toBe(1);
  });

  test('no media worker, answers when to try again', async () => {
    rig.pool.refuses = 'unavailable';
    expect(await rig.tryJoin(1)).toEqual({ ok: false, error: 'unavailable', retryMs: 700 });
    rig.pool.refuses = undefined;
    await rig.join(1);
  });

  test('the user limit, holds for members but not for moderators', async () => {
    rig.guilds.settled = { ...rig.guilds.settled, userLimit: 1 };
    rig.guilds.perms.set(3, MODERATOR);
    await rig.join(1);
    expect(await rig.tryJoin(2)).toMatchObject({ ok: false, error: 'voice_full' });
    await rig.join(3);
  });

  test('several at once for the last place, give it to exactly one', async () => {
    rig.guilds.settled = { ...rig.guilds.settled, userLimit: 1 };
    const results = await Promise.all([1, 2, 3, 4].map((uid) => rig.tryJoin(uid)));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(results.filter((result) => !result.ok && result.error === 'voice_full')).toHaveLength(3);
  });

  test('the bound of a room, holds for everybody', async () => {
    for (let uid = 1; uid <= 5; uid += 1) await rig.join(uid);
    rig.guilds.perms.set(6, MODERATOR);
    expect(await rig.tryJoin(6)).toMatchObject({ ok: false, error: 'voice_full' });
  });

  test('a right that goes while the media are made, counts', async () => {
    rig.pool.hold();
    const joining = rig.tryJoin(1);
    await settle();
    rig.guilds.change(1, PERM_VIEW);
    rig.pool.release();
    expect(await joining).toMatchObject({ ok: false, error: 'forbidden' });
    expect(rig.pool.room.openTransports).toEqual([]);
  });

  test('a worker that dies while somebody joins, costs nothing but a second try', async () => {
    await rig.join(1);
    rig.pool.hold();
    const joining = rig.tryJoin(2);
    await settle();
    rig.pool.room.die();
    rig.pool.release();
    const joined = value(await joining);
    expect(joined.epoch).toBe(2);
    expect(rig.pool.rooms).toHaveLength(2);
    expect(rig.pool.room.openTransports).toHaveLength(2);
  });

  test('a caller that has given up, leaves no member behind', async () => {
    const one = await rig.join(1);
    rig.pool.hold();
    const late = call(rig.room, 'join', rig.request(2), { timeoutMs: 1000 });
    const outcome = expect(late).rejects.toMatchObject({ reason: 'timeout' });
    await rig.advance(1000);
    await outcome;
    rig.pool.release();
    await settle();
    expect(rig.heardBy(one)).toEqual([]);
    expect(rig.pool.room.openTransports.every(({ owner }) => owner === one.vsid)).toBe(true);
    await rig.join(2);
  });

  test('the same user from another session, takes the place of the first', async () => {
    const one = await rig.join(1);
    const other = await rig.join(2);
    const again = await rig.join(1, { session: 'elsewhere' });
    expect(again.vsid).not.toBe(one.vsid);
    expect(rig.heardBy(one, VOICE_ENDED).map(({ body }) => body)).toEqual([['replaced']]);
    expect(again.joined.participants.map(([uid]) => uid)).toEqual([2, 1]);
    expect(rig.heardBy(other).map(({ kind }) => kind)).toEqual([VOICE_LEFT, VOICE_JOINED]);
    expect(await rig.ask(one, 'state', { mute: true, deaf: false })).toMatchObject({
      error: 'voice_gone',
    });
  });

  test('the session of somebody else, is refused', async () => {
    await rig.join(1);
    expect(await rig.tryJoin(2, { session: 's1' })).toMatchObject({ error: 'invalid' });
  });
});

describe('join again', () => {
  test('the same session, keeps its vsid and its mute, with new media', async () => {
    const one = await rig.joinTalking(1);
    const two = await rig.join(2);
    await rig.ask(one, 'state', { mute: true, deaf: false });
    const again = await rig.join(1);
    expect(again.vsid).toBe(one.vsid);
    expect(again.joined.participants[0]).toEqual([1, PART_MUTED, []]);
    expect(again.joined.bundle?.send?.tid).not.toBe(one.joined.bundle?.send?.tid);
    expect(rig.pool.room.openTransports).toHaveLength(4);
    expect(rig.pool.room.producers).toEqual([]);
    expect(rig.heardBy(two, VOICE_JOINED)).toEqual([]);
    expect(rig.counters).toMatchObject({ joins: 2, rejoins: 1 });
  });

  test('twice at once, makes one membership', async () => {
    const [first, second] = await Promise.all([rig.tryJoin(1), rig.tryJoin(1)]);
    expect(value(second).vsid).toBe(value(first).vsid);
    expect(value(second).participants).toHaveLength(1);
    expect(rig.pool.room.openTransports).toHaveLength(2);
  });

  test('ver, rises by one with each event that changes the roster', async () => {
    const one = await rig.join(1);
    const two = await rig.joinTalking(2);
    await rig.ask(two, 'state', { mute: true, deaf: true });
    await rig.ask(two, 'pause', { id: two.pid, paused: true });
    await rig.ask(two, 'close', { id: two.pid });
    await rig.ask(two, 'leave', {});
    await settle();
    const vers = rig
      .heardBy(one)
      .filter(({ kind }) => kind <= 5 || kind === 7)
      .map(({ ver }) => ver);
    expect(vers).toEqual([1, 2, 3, 4, 5, 6].map((n) => one.joined.ver + n));
  });
});

describe('leave', () => {
  test('closes everything of the member, and tells the others once', async () => {
    const one = await rig.joinTalking(1);
    const two = await rig.joinTalking(2);
    expect(await rig.ask(one, 'leave', {})).toEqual({ ok: true, value: null });
    expect(rig.pool.room.openTransports.every(({ owner }) => owner === two.vsid)).toBe(true);
    expect(rig.pool.room.consumers).toEqual([]);
    await settle();
    expect(rig.heardBy(two).at(-1)).toMatchObject({ kind: VOICE_LEFT, body: [1] });
    expect(await rig.ask(one, 'leave', {})).toMatchObject({ error: 'voice_gone' });
  });

  test('while an op of the member runs, undoes what the op makes', async () => {
    const one = await rig.join(1);
    rig.pool.hold();
    const producing = rig.tryProduce(one);
    await settle();
    await rig.ask(one, 'leave', {});
    rig.pool.release();
    expect(await producing).toMatchObject({ error: 'voice_gone' });
    expect(rig.pool.room.producers).toEqual([]);
  });

  test('another session with the same vsid, is nobody', async () => {
    const one = await rig.join(1);
    const stranger = { ...one, session: 'stranger' };
    expect(await rig.ask(stranger, 'leave', {})).toMatchObject({ error: 'voice_gone' });
  });

  test('the last, gives back the media after a while', async () => {
    const one = await rig.join(1);
    await rig.ask(one, 'leave', {});
    await rig.advance(29_000);
    expect(rig.pool.room.closed).toBe(false);
    await rig.advance(2000);
    expect(rig.pool.room.closed).toBe(true);
    expect(rig.guilds.isWatched).toBe(false);
    const again = await rig.join(1);
    expect(again.joined.bundle?.send?.tid).toBeGreaterThan(one.joined.bundle?.send?.tid ?? 0);
    expect(rig.guilds.isWatched).toBe(true);
  });

  test('1,000 joins and leaves, leave nothing behind', async () => {
    for (let i = 1; i <= 1000; i += 1) {
      const uid = (i % 7) + 1;
      const joined = value(await rig.tryJoin(uid, { session: `s${i}` }));
      const who = { uid, session: `s${i}`, vsid: joined.vsid, joined };
      value(await rig.tryProduce(who));
      value(await rig.ask(who, 'leave', {}));
    }
    await settle();
    expect(rig.pool.room.openTransports).toEqual([]);
    expect(rig.registry.figures()).toEqual({
      ...{ roomsNow: 0, participantsNow: 0, producersNow: 0, consumersNow: 0 },
    });
    expect(rig.counters).toMatchObject({ joins: 1000, leaves: 1000 });
  });
});

describe('connectionLost', () => {
  test('and back in time, keeps the membership and its media', async () => {
    const one = await rig.joinTalking(1);
    const two = await rig.join(2);
    rig.tell(one, 'connectionLost', { connNo: 1 });
    await rig.advance(59_000);
    const other = await rig.gateway();
    const { tid } = one.joined.bundle?.receive ?? { tid: 0 };
    const synced = value(
      await rig.ask(one, 'sync', {
        ...{ gateway: other.ref, connNo: 2, tids: [tid, 999], pids: [one.pid], cids: [998] },
      }),
    );
    expect(synced).toMatchObject({ lostTids: [999], lostPids: [], lostCids: [998] });
    expect(synced.participants.map(([uid]) => uid)).toEqual([1, 2]);
    await rig.advance(10_000);
    await rig.ask(two, 'state', { mute: true, deaf: false });
    await settle();
    expect(other.heard.map(({ kind, vsids }) => [kind, vsids])).toEqual([[3, [one.vsid]]]);
  });

  test('and not back, ends the membership after 60 s', async () => {
    const one = await rig.joinTalking(1);
    const two = await rig.join(2);
    rig.tell(one, 'connectionLost', { connNo: 1 });
    await rig.advance(60_100);
    expect(rig.heardBy(two, VOICE_LEFT).map(({ body }) => body)).toEqual([[1]]);
    expect(rig.pool.room.producers).toEqual([]);
    expect(rig.counters.expired).toBe(1);
  });

  test('of an older connection, changes nothing', async () => {
    const one = await rig.join(1);
    const sync = { gateway: rig.main.ref, connNo: 2, tids: [], pids: [], cids: [] };
    value(await rig.ask(one, 'sync', sync));
    rig.tell(one, 'connectionLost', { connNo: 1 });
    await rig.advance(61_000);
    expect(value(await call(rig.room, 'roster', { uid: 1 }))).toHaveLength(1);
    expect(await rig.ask(one, 'sync', { ...sync, connNo: 1 })).toMatchObject({
      error: 'voice_gone',
    });
  });

  test('meanwhile, consumers go on to be made and are told behind the sync', async () => {
    const one = await rig.join(1);
    rig.tell(one, 'connectionLost', { connNo: 1 });
    const two = await rig.joinTalking(2);
    expect(rig.heardBy(one)).toEqual([]);
    value(
      await rig.ask(one, 'sync', {
        ...{ gateway: rig.main.ref, connNo: 2, tids: [], pids: [], cids: [] },
      }),
    );
    await settle();
    expect(rig.heardBy(one, VOICE_CONSUMER).map(({ body }) => body[0])).toEqual([two.pid]);
  });

  test('the end of a gateway thread, is the loss of all its connections', async () => {
    const other = await rig.gateway();
    const one = await rig.join(1, { gateway: other.ref });
    const two = await rig.join(2);
    await rig.endGateway(other);
    await rig.advance(60_100);
    expect(rig.heardBy(two, VOICE_LEFT).map(({ body }) => body)).toEqual([[1]]);
    expect(await rig.ask(one, 'leave', {})).toMatchObject({ error: 'voice_gone' });
  });
});

describe('roster', () => {
  test('who may view, sees it; who may not, does not', async () => {
    await rig.join(1);
    rig.guilds.perms.set(8, PERM_VIEW);
    rig.guilds.perms.set(9, 0);
    expect(value(await call(rig.room, 'roster', { uid: 8 }))).toEqual([[1, 0, []]]);
    expect(await call(rig.room, 'roster', { uid: 9 })).toMatchObject({ error: 'not_found' });
    rig.guilds.isDown = true;
    expect(await call(rig.room, 'roster', { uid: 8 })).toMatchObject({ error: 'unavailable' });
  });
});

describe('room', () => {
  test('an orderly end, is told to everybody', async () => {
    const one = await rig.join(1);
    await rig.stop();
    await settle();
    expect(rig.heardBy(one, VOICE_ENDED).map(({ body }) => body)).toEqual([['moving']]);
    expect(rig.pool.room.closed).toBe(true);
  });

  test('a killed actor, leaves its media to the registry', async () => {
    await rig.join(1);
    rig.kill();
    await settle();
    expect(rig.pool.room.closed).toBe(false);
    expect(rig.registry.ended(700, rig.room)).toBe(true);
    expect(rig.pool.room.closed).toBe(true);
  });

  test('hostile capabilities, are refused in numbers and counted', async () => {
    for (const rtpCaps of ['['.repeat(24_000), `{"__proto__":{},${CAPS.slice(1)}`, 'x']) {
      expect(await rig.tryJoin(1, { rtpCaps })).toMatchObject({ error: 'voice_rejected' });
    }
    expect(rig.counters.rejected).toBe(3);
    expect(rig.pool.rooms).toEqual([]);
  });
});
