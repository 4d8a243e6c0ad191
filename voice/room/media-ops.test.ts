/** What members do with their media: order, rights, idempotence, epochs; and what each of these does to what others hear. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PERM_CONNECT, PERM_VIEW } from '../../channels/index.ts';
import { settle } from '../../runtime/testkit/index.ts';
import {
  JOIN_LISTEN,
  MEDIA_VIDEO,
  PRODUCE_PAUSED,
  VOICE_CONSUMER,
  VOICE_EPOCH,
  VOICE_PRODUCER,
  VOICE_PRODUCER_CLOSED,
  VOICE_PRODUCER_PAUSED,
  VOICE_QUALITY,
  VOICE_RELOCATE,
} from '../types.ts';
import { DTLS, type Person, RoomRig, value } from './test/kit.ts';

const LISTENER = PERM_VIEW | PERM_CONNECT;

let rig: RoomRig;

beforeEach(async () => {
  rig = await new RoomRig({ opsQueuedMax: 4, consumersMax: 2 }).start();
});

afterEach(async () => {
  await rig.stop();
});

/** A member that makes everything itself. */
async function plain(uid: number): Promise<Person & { send: number; receive: number }> {
  const who = await rig.join(uid, { flags: 0 });
  const { tid: send } = value(await rig.ask(who, 'transport', { dir: 1 }));
  const { tid: receive } = value(await rig.ask(who, 'transport', { dir: 2 }));
  return { ...who, send, receive };
}

describe('transport, connect, ice', () => {
  test('step by step, gives what a client needs', async () => {
    const who = await plain(1);
    expect(await rig.ask(who, 'connect', { tid: who.send, dtls: DTLS })).toEqual({
      ok: true,
      value: null,
    });
    const { ice } = value(await rig.ask(who, 'ice', { tid: who.send }));
    expect(JSON.parse(ice)).toEqual({ usernameFragment: 'u', password: 'p', iceLite: true });
    expect(rig.pool.room.transports.map(({ owner }) => owner)).toEqual([who.vsid, who.vsid]);
  });

  test.each([
    ['connect with hostile JSON', 'connect', { dtls: '[[' }, 'voice_rejected'],
    ['connect of an unknown transport', 'connect', { tid: 99, dtls: DTLS }, 'voice_gone'],
    ['a transport in no direction', 'transport', { dir: 3 }, 'invalid'],
    ['ice of an unknown transport', 'ice', { tid: 99 }, 'voice_gone'],
    ['close of an unknown id', 'close', { id: 99 }, 'voice_gone'],
    ['pause of an unknown id', 'pause', { id: 99, paused: true }, 'voice_gone'],
  ] as const)('%s, is refused by name', async (_what, op, m, error) => {
    const who = await plain(1);
    expect(await rig.ask(who, op, { tid: who.send, ...m })).toMatchObject({ ok: false, error });
  });

  test('connect twice, is out of order', async () => {
    const who = await plain(1);
    await rig.ask(who, 'connect', { tid: who.send, dtls: DTLS });
    expect(await rig.ask(who, 'connect', { tid: who.send, dtls: DTLS })).toMatchObject({
      error: 'voice_rejected',
    });
  });

  test('a third of one direction, closes the oldest with what it carries', async () => {
    const who = await plain(1);
    const { pid } = value(await rig.tryProduce(who, { tid: who.send }));
    await rig.ask(who, 'transport', { dir: 1 });
    expect(rig.bodies(VOICE_PRODUCER_CLOSED)).toEqual([]);
    await rig.ask(who, 'transport', { dir: 1 });
    await settle();
    expect(rig.bodies(VOICE_PRODUCER_CLOSED)).toEqual([[pid]]);
    expect(rig.pool.room.openTransports).toHaveLength(3);
  });

  test('a transport of somebody else, is not there', async () => {
    const one = await plain(1);
    const two = await plain(2);
    expect(await rig.ask(two, 'close', { id: one.send })).toMatchObject({ error: 'voice_gone' });
    expect(await rig.tryProduce(two, { tid: one.send })).toMatchObject({ error: 'voice_gone' });
  });
});

describe('produce', () => {
  test('is told to everybody, and brings consumers to who joined bundled', async () => {
    const one = await rig.join(1);
    const two = await rig.join(2);
    const pid = await rig.produce(one);
    expect(rig.heardBy(two).map(({ kind, body }) => [kind, body.slice(0, 3)])).toEqual([
      [VOICE_PRODUCER, [1, pid, 1]],
      [VOICE_CONSUMER, [pid, expect.any(Number), 1]],
    ]);
    expect(rig.heardBy(one, VOICE_CONSUMER)).toEqual([]);
  });

  test('the same cnonce, answers the same pid, also at once', async () => {
    const one = await rig.join(1);
    const [first, second] = await Promise.all([rig.tryProduce(one), rig.tryProduce(one)]);
    expect(value(second)).toEqual(value(first));
    expect(rig.pool.room.producers).toHaveLength(1);
    await settle();
    expect(rig.bodies(VOICE_PRODUCER)).toHaveLength(1);
  });

  test('another one, takes the place of the first', async () => {
    const one = await rig.join(1);
    const first = await rig.produce(one);
    const second = await rig.produce(one, { cnonce: 'other' });
    expect(rig.bodies(VOICE_PRODUCER_CLOSED)).toEqual([[first]]);
    expect(rig.pool.room.producers).toHaveLength(1);
    expect(second).not.toBe(first);
  });

  test('begun paused, is silent and shown so', async () => {
    const one = await rig.join(1);
    const pid = await rig.produce(one, { flags: PRODUCE_PAUSED });
    expect(rig.pool.room.producers[0]?.paused).toBe(true);
    expect((await rig.join(2)).joined.participants[0]?.[2]).toEqual([[pid, 1, true]]);
    await rig.ask(one, 'pause', { id: pid, paused: false });
    expect(rig.pool.room.producers[0]?.paused).toBe(false);
    await settle();
    expect(rig.bodies(VOICE_PRODUCER_PAUSED)).toEqual([
      [pid, true],
      [pid, false],
    ]);
  });

  test('without the right to speak, is forbidden', async () => {
    rig.guilds.perms.set(1, LISTENER);
    const one = await rig.join(1);
    expect(await rig.tryProduce(one)).toMatchObject({ error: 'forbidden' });
    expect(rig.pool.room.producers).toEqual([]);
  });

  test('a right that goes while the worker is asked, counts', async () => {
    const one = await rig.join(1);
    rig.pool.hold();
    const producing = rig.tryProduce(one);
    await settle();
    rig.guilds.change(1, LISTENER);
    await settle();
    rig.pool.release();
    expect(await producing).toMatchObject({ error: 'forbidden' });
    expect(rig.pool.room.producers).toEqual([]);
  });

  test.each([
    ['video', { media: MEDIA_VIDEO }, 'voice_rejected'],
    ['hostile parameters', { rtp: '{"codecs":[]}' }, 'voice_rejected'],
    ['unknown flags', { flags: 2 }, 'invalid'],
    ['no cnonce', { cnonce: '' }, 'invalid'],
    ['an unknown transport', { tid: 99 }, 'voice_gone'],
  ])('%s, is refused by name', async (_what, more, error) => {
    const one = await rig.join(1);
    expect(await rig.tryProduce(one, more)).toMatchObject({ ok: false, error });
  });

  test('on the transport to receive, is out of order', async () => {
    const one = await rig.join(1);
    const tid = one.joined.bundle?.receive.tid;
    expect(await rig.tryProduce(one, { tid })).toMatchObject({ error: 'voice_rejected' });
  });

  test('what the worker refuses, is the client’s fault by name', async () => {
    const one = await rig.join(1);
    rig.pool.room.rejectsNext = true;
    expect(await rig.tryProduce(one)).toMatchObject({ error: 'voice_rejected' });
    expect(rig.counters.rejected).toBe(1);
    await rig.produce(one);
  });

  test('far more than the channel allows, is closed', async () => {
    const one = await rig.joinTalking(1);
    const [producer] = rig.pool.room.producers;
    if (producer) rig.pool.room.options.events.excess(producer, 1_000_000);
    await settle();
    expect(rig.bodies(VOICE_PRODUCER_CLOSED)).toEqual([[one.pid]]);
    expect(rig.counters.excesses).toBe(1);
  });
});

describe('consume', () => {
  test('asked for, is paused, and resumed by the client', async () => {
    const one = await rig.joinTalking(1);
    const two = await plain(2);
    const consumed = value(await rig.ask(two, 'consume', { tid: two.receive, pid: one.pid }));
    expect(consumed).toMatchObject({ pid: one.pid, media: 1 });
    const again = value(await rig.ask(two, 'consume', { tid: two.receive, pid: one.pid }));
    expect(again.cid).toBe(consumed.cid);
    await rig.ask(two, 'pause', { id: consumed.cid, paused: false });
    expect(rig.pool.room.consumers.map(({ paused }) => paused)).toEqual([false]);
    await rig.ask(two, 'close', { id: consumed.cid });
    expect(rig.pool.room.consumers).toEqual([]);
  });

  test('of oneself, or on the transport to send, is out of order', async () => {
    const one = await plain(1);
    const { pid } = value(await rig.tryProduce(one, { tid: one.send }));
    const two = await plain(2);
    for (const [who, tid] of [
      [one, one.receive],
      [two, two.send],
    ] as const) {
      expect(await rig.ask(who, 'consume', { tid, pid })).toMatchObject({
        error: 'voice_rejected',
      });
    }
  });

  test('of a producer that has gone, is gone', async () => {
    const one = await rig.joinTalking(1);
    const two = await plain(2);
    await rig.ask(one, 'close', { id: one.pid });
    expect(await rig.ask(two, 'consume', { tid: two.receive, pid: one.pid })).toMatchObject({
      error: 'voice_gone',
    });
  });

  test('more than a client may ask for, is refused for now', async () => {
    const pids = [];
    for (const uid of [1, 2, 3]) pids.push((await rig.joinTalking(uid)).pid);
    const four = await plain(4);
    const answers = [];
    for (const pid of pids) {
      answers.push((await rig.ask(four, 'consume', { tid: four.receive, pid })).ok);
    }
    expect(answers).toEqual([true, true, false]);
    expect(rig.counters.bounded).toBe(1);
  });
});

describe('ops of one member', () => {
  test('keep their order while the worker is slow', async () => {
    const one = await rig.join(1);
    const tid = one.joined.bundle?.send?.tid;
    rig.pool.hold();
    const order: string[] = [];
    const connected = rig
      .ask(one, 'connect', { tid, dtls: DTLS })
      .then(() => order.push('connect'));
    const produced = rig.tryProduce(one).then(() => order.push('produce'));
    const closed = rig.ask(one, 'close', { id: tid }).then(() => order.push('close'));
    await settle();
    expect(order).toEqual([]);
    rig.pool.release();
    await Promise.all([connected, produced, closed]);
    expect(order).toEqual(['connect', 'produce', 'close']);
    expect(rig.pool.room.producers).toEqual([]);
  });

  test('beyond the bound, are refused for now', async () => {
    const one = await rig.join(1);
    rig.pool.hold();
    const asked = Array.from({ length: 6 }, () => rig.ask(one, 'transport', { dir: 1 }));
    await settle();
    rig.pool.release();
    const answers = await Promise.all(asked);
    expect(answers.map(({ ok }) => ok)).toEqual([true, true, true, true, false, false]);
    expect(rig.counters.bounded).toBe(2);
  });

  test('do not wait for those of others', async () => {
    const one = await rig.join(1);
    const two = await rig.joinTalking(2);
    rig.pool.hold();
    const waiting = rig.ask(one, 'transport', { dir: 1 });
    await settle();
    value(await rig.ask(two, 'pause', { id: two.pid, paused: true }));
    value(await rig.ask(two, 'leave', {}));
    rig.pool.release();
    value(await waiting);
  });
});

describe('epoch', () => {
  test('a worker that dies, costs nobody the membership', async () => {
    const one = await rig.joinTalking(1);
    const two = await rig.joinTalking(2);
    await rig.ask(one, 'state', { mute: true, deaf: false });
    rig.pool.room.die();
    await settle();
    expect(rig.heardBy(two, VOICE_EPOCH).map(({ body }) => body)).toEqual([[2]]);
    expect(rig.pool.rooms).toHaveLength(2);
    const synced = value(
      await rig.ask(two, 'sync', {
        ...{ gateway: rig.main.ref, connNo: 1, tids: [two.joined.bundle?.send?.tid] },
        ...{ pids: [one.pid], cids: [] },
      }),
    );
    expect(synced.participants).toEqual([
      [1, 1, []],
      [2, 0, []],
    ]);
    expect(synced.lostPids).toEqual([one.pid]);
    expect(synced.lostTids).toHaveLength(1);
    expect(await rig.tryProduce(two)).toMatchObject({ error: 'voice_gone' });
  });

  test('all again by a bundled join, hear each other on the new worker', async () => {
    const people = [await rig.joinTalking(1), await rig.joinTalking(2), await rig.joinTalking(3)];
    rig.pool.room.die();
    await settle();
    const again = await Promise.all(people.map(({ uid }) => rig.join(uid)));
    expect(again.map(({ vsid }) => vsid)).toEqual(people.map(({ vsid }) => vsid));
    expect(new Set(again.map(({ joined }) => joined.epoch))).toEqual(new Set([2]));
    for (const who of again) await rig.produce(who, { cnonce: 'again' });
    expect(rig.pool.room.consumers).toHaveLength(6);
    const pairs = rig.pool.room.consumers.map(
      ({ owner, producer }) => `${producer.owner}>${owner}`,
    );
    expect(new Set(pairs).size).toBe(6);
  });

  test('a guild that nobody can ask, keeps no member from the next epoch', async () => {
    await rig.join(1);
    rig.guilds.isDown = true;
    rig.pool.room.die();
    await settle();
    expect((await rig.join(1)).joined.epoch).toBe(2);
    expect(await rig.tryJoin(2)).toMatchObject({ error: 'unavailable' });
  });

  test('an op that runs as the worker dies, is gone', async () => {
    const one = await rig.join(1);
    rig.pool.hold();
    const producing = rig.tryProduce(one);
    await settle();
    rig.pool.room.die();
    rig.pool.release();
    expect(await producing).toMatchObject({ error: 'voice_gone' });
  });

  test('no worker left, keeps the members until there is one', async () => {
    await rig.join(1);
    rig.pool.refuses = 'unavailable';
    rig.pool.room.die();
    await settle();
    expect(await rig.tryJoin(1)).toMatchObject({ error: 'unavailable', retryMs: 700 });
    rig.pool.refuses = undefined;
    expect((await rig.join(1)).joined.epoch).toBe(2);
  });

  test('events of the dead worker, are not heard', async () => {
    await rig.joinTalking(1);
    const { events } = rig.pool.room.options;
    const [producer] = rig.pool.room.producers;
    rig.pool.room.die();
    await settle();
    rig.main.heard.length = 0;
    if (producer) events.levels([{ producer, dbov: -20 }]);
    events.died('killed');
    await settle();
    expect(rig.main.heard).toEqual([]);
  });
});

describe('what the media worker advises', () => {
  test('quality, is told to the owner of the transport', async () => {
    const one = await rig.join(1);
    await rig.join(2);
    const advice = { maxBitrate: 24_000, ptime: 40, dtx: true, fec: true } as const;
    const transport = rig.pool.room.transports.find(({ owner }) => owner === one.vsid);
    if (transport) rig.pool.room.options.events.advice(transport, advice);
    await settle();
    const told = rig.main.heard.filter(({ kind }) => kind === VOICE_QUALITY);
    expect(told).toMatchObject([{ vsids: [one.vsid], body: [JSON.stringify(advice)] }]);
  });

  test('a planned move, asks for new transports, and closes old ones that stay too long', async () => {
    const one = await rig.joinTalking(1);
    const two = await rig.joinTalking(2);
    rig.pool.room.options.events.mustRelocate('drain');
    await settle();
    expect(rig.bodies(VOICE_RELOCATE)).toEqual([[]]);
    const { tid } = value(await rig.ask(one, 'transport', { dir: 1 }));
    const moved = await rig.produce(one, { tid, cnonce: 'moved' });
    // Nobody misses a word: the old one goes on.
    expect(rig.pool.room.producers).toHaveLength(3);
    await rig.ask(one, 'transport', { dir: 2 });
    await settle();
    expect(rig.heardBy(one, VOICE_CONSUMER).map(({ body }) => body[0])).toEqual([two.pid, two.pid]);
    await rig.ask(one, 'close', { id: one.joined.bundle?.send?.tid });
    await settle();
    expect(rig.bodies(VOICE_PRODUCER_CLOSED)).toEqual([[one.pid]]);
    await rig.advance(10_100);
    const { openTransports, producers } = rig.pool.room;
    expect(openTransports.filter(({ owner }) => owner === one.vsid)).toHaveLength(2);
    expect(producers.map(({ owner }) => owner).sort()).toEqual([one.vsid, two.vsid].sort());
    expect(moved).toBeGreaterThan(one.pid);
  });
});

test('a planned move, lets who simply joins again keep the old media until the new ones work', async () => {
  const one = await rig.joinTalking(1);
  const two = await rig.joinTalking(2);
  rig.pool.room.options.events.mustRelocate('load');
  await settle();
  const again = await rig.join(1);
  expect(again.vsid).toBe(one.vsid);
  expect(again.joined.bundle?.consumers.map(({ pid }) => pid)).toEqual([two.pid]);
  expect(rig.bodies(VOICE_PRODUCER_CLOSED)).toEqual([]);
  const pid = await rig.produce(again, { cnonce: 'again' });
  expect(rig.pool.room.producers).toHaveLength(3);
  expect(rig.heardBy(two, VOICE_CONSUMER).map(({ body }) => body[0])).toContain(pid);
  for (const direction of ['send', 'receive'] as const) {
    await rig.ask(one, 'close', { id: one.joined.bundle?.[direction]?.tid });
  }
  await settle();
  expect(rig.bodies(VOICE_PRODUCER_CLOSED)).toEqual([[one.pid]]);
  expect(rig.pool.room.consumers).toHaveLength(2);
});

test('a planned move, while a consumer is made on the old transport one is made on the new', async () => {
  const one = await rig.join(1);
  rig.pool.room.options.events.mustRelocate('load');
  await settle();
  const receive = rig.pool.room.transports.find(
    ({ direction, owner }) => direction === 'receive' && owner === one.vsid,
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  if (receive !== undefined) receive.slow = promise;
  const two = await rig.joinTalking(2);
  expect(rig.heardBy(one, VOICE_CONSUMER)).toEqual([]);
  await rig.ask(one, 'transport', { dir: 2 });
  await settle();
  expect(rig.heardBy(one, VOICE_CONSUMER).map(({ body }) => body[0])).toEqual([two.pid]);
  resolve();
});

test('a listener, may still make a transport to send when it gets the right', async () => {
  const one = await rig.join(1, { flags: 4 | JOIN_LISTEN });
  const { tid } = value(await rig.ask(one, 'transport', { dir: 1 }));
  value(await rig.tryProduce(one, { tid }));
});
