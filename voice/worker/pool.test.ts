/**
 * The pool with real media workers: rooms, what they carry, what they refuse, standby.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../runtime/testkit/index.ts';
import {
  activeOf,
  codeOf,
  Ear,
  endCall,
  eventually,
  good,
  isAlive,
  Listener,
  makeCall,
  makePool,
  openRoom,
  opus,
  spareOf,
  Talker,
  useMedia,
} from './test/kit.ts';

const pool = useMedia();

describe('a room', () => {
  test('RoomMedia: two peers over ICE, DTLS and SRTP, one hears the other', async () => {
    const { pool: one } = pool();
    const { media, ear } = await openRoom(one);
    const call = await makeCall(media);
    await call.listener.more(call.consumer, 20);
    expect(media.figures()).toMatchObject({ transports: 2, producers: 1, consumers: 1 });
    expect(ear.told.live.map(([producer]) => producer)).toEqual([call.talker.producer]);
    expect(call.talker.transport.state).toBe('connected');
    expect(one.status().counters).toMatchObject({ transportsConnected: 2, producersMade: 1 });
    endCall(call);
  });

  test('setPaused: a producer that is paused, nobody hears it until it is resumed', async () => {
    const { media } = await openRoom(pool().pool);
    const call = await makeCall(media);
    good(await call.talker.producer.setPaused(true));
    const other = await Talker.join(media, 3);
    const second = await call.listener.hear(media, other.producer);
    const before = call.listener.of(call.consumer).packets;
    other.talk();
    await call.listener.more(second, 20);
    // What was on its way when the worker paused.
    expect(call.listener.of(call.consumer).packets - before).toBeLessThanOrEqual(1);
    good(await call.talker.producer.setPaused(false));
    await call.listener.more(call.consumer, 5);
    other.stop();
    endCall(call);
  });

  test('observe: one loud and one quiet voice, levels and the dominant speaker name the loud one', async () => {
    const { media, ear } = await openRoom(pool().pool, 1, 3);
    good(await media.observe(true));
    const [loud, quiet] = await Promise.all([Talker.join(media, 1), Talker.join(media, 2)]);
    loud.talk(10);
    quiet.talk(100);
    await ear.until(({ levels, dominant }) => levels.length > 2 && dominant.length > 0);
    expect(ear.told.dominant[0]?.[0]).toBe(loud.producer);
    const [levels] = ear.told.levels.at(-1) ?? [[]];
    expect(levels.map(({ producer }) => producer)).toEqual([loud.producer]);
    expect(levels[0]?.dbov).toBeGreaterThan(-60);
    loud.quiet();
    await ear.until((told) => told.levels.at(-1)?.[0].length === 0);
    good(await media.observe(false));
    loud.stop();
    quiet.stop();
  });

  test('observe: somebody who has not sent a packet yet, is not the dominant speaker', async () => {
    const { media, ear } = await openRoom(pool().pool, 1, 3);
    good(await media.observe(true));
    const silent = await Talker.join(media, 1);
    const talks = (await Talker.join(media, 2)).talk(10);
    await ear.until(({ dominant }) => dominant.length > 0);
    expect(ear.told.dominant[0]?.[0]).toBe(talks.producer);
    silent.stop();
    talks.stop();
  });

  test('status: packets in and out, are counted by samples', async () => {
    const { pool: one } = pool();
    const { media } = await openRoom(one);
    const call = await makeCall(media);
    await eventually(() => one.status().counters.packets > 100);
    const worker = activeOf(one);
    expect(worker.rssBytes).toBeGreaterThan(1_000_000);
    expect(worker.cpu).toBeGreaterThan(0);
    expect(worker.predictedPps).toBeGreaterThanOrEqual(100);
    endCall(call);
  });

  test('routerCaps: what clients load, has opus with NACK and no congestion control', async () => {
    const { media } = await openRoom(pool().pool);
    const { codecs, headerExtensions } = media.routerCaps;
    expect(codecs?.map(({ mimeType, rtcpFeedback }) => [mimeType, rtcpFeedback])).toEqual([
      ['audio/opus', [{ type: 'nack', parameter: '' }]],
    ]);
    expect(headerExtensions?.map(({ uri }) => uri)).toEqual([
      'urn:ietf:params:rtp-hdrext:sdes:mid',
      'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
    ]);
    const transport = good(await media.createTransport({ direction: 'send', owner: 1 }));
    const rtp = opus(7);
    const answer = await transport.produce({
      media: 1,
      paused: false,
      rtp: {
        ...rtp,
        headerExtensions: [
          ...(rtp.headerExtensions ?? []),
          {
            uri: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
            id: 5,
          },
        ],
      },
    });
    expect(codeOf(answer)).toBe('ok');
  });
});

/** JSON of every shape, with names that mean something to JavaScript. */
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.constantFrom(-1, 2 ** 40, 1.5, Number.NaN, 'x'.repeat(100_000), '__proto__', []),
  fc.array(fc.constant({ ssrc: 1 }), { minLength: 1_000, maxLength: 1_000 }),
);

/** Parameters that are right but for one place. */
const mutated = fc
  .tuple(fc.nat(30), anything)
  .map(([nth, value]) => withPlace(opus(4_242), nth, value));

/** A copy in which the nth value, counted from outside inwards, is another one. */
function withPlace<T>(whole: T, nth: number, value: unknown): T {
  const copy = structuredClone(whole);
  const places: { readonly of: Record<string, unknown>; readonly key: string }[] = [];
  const walk = (of: unknown) => {
    if (typeof of !== 'object' || of === null) return;
    const record = of as Record<string, unknown>;
    for (const key of Object.keys(record)) places.push({ of: record, key });
    for (const part of Object.values(record)) walk(part);
  };
  walk(copy);
  const place = places[nth % places.length];
  if (place !== undefined) place.of[place.key] = value;
  return copy;
}

describe('refusals', () => {
  test('produce: what no schema has seen, is answered every time and the worker lives', async () => {
    const { pool: one } = pool();
    const { media } = await openRoom(one);
    await fc.assert(
      fc.asyncProperty(mutated, async (rtp) => {
        const transport = good(await media.createTransport({ direction: 'send', owner: 1 }));
        const answer = await transport.produce({ media: 1, rtp, paused: false });
        expect(['ok', 'rejected']).toContain(codeOf(answer));
        transport.close();
      }),
      { numRuns: 150 },
    );
    expect(one.status().counters).toMatchObject({ died: 0, hung: 0 });
    expect(media.figures()).toMatchObject({ transports: 0, producers: 0 });
  });

  test('consume: capabilities that no schema has seen, are answered and the worker lives', async () => {
    const { pool: one } = pool();
    const { media } = await openRoom(one);
    const send = good(await media.createTransport({ direction: 'send', owner: 1 }));
    const producer = good(await send.produce({ media: 1, rtp: opus(1), paused: false }));
    const receive = good(await media.createTransport({ direction: 'receive', owner: 2 }));
    const caps = fc
      .tuple(fc.nat(30), anything)
      .map(([nth, value]) => withPlace(media.routerCaps, nth, value));
    await fc.assert(
      fc.asyncProperty(caps, async (value) => {
        const answer = await receive.consume({ producer, caps: value, paused: true });
        expect(['ok', 'rejected']).toContain(codeOf(answer));
        if (answer.ok) answer.value.close();
      }),
      { numRuns: 150 },
    );
    expect(one.status().counters).toMatchObject({ died: 0, hung: 0 });
  });

  test('produce: the same ssrc again or on a transport to receive, is rejected', async () => {
    const { media } = await openRoom(pool().pool);
    const send = good(await media.createTransport({ direction: 'send', owner: 1 }));
    const receive = good(await media.createTransport({ direction: 'receive', owner: 1 }));
    const ask = { media: 1, rtp: opus(5), paused: false } as const;
    const producer = good(await send.produce(ask));
    expect(codeOf(await send.produce(ask))).toBe('rejected');
    expect(codeOf(await receive.produce(ask))).toBe('rejected');
    const consume = { producer, caps: media.routerCaps, paused: true };
    expect(codeOf(await send.consume(consume))).toBe('rejected');
    expect(codeOf(await receive.consume({ ...consume, caps: { codecs: [] } }))).toBe('rejected');
  });

  test('connect: no fingerprint, is rejected and may be corrected; a second one is rejected', async () => {
    const { media } = await openRoom(pool().pool);
    const transport = good(await media.createTransport({ direction: 'send', owner: 1 }));
    expect(codeOf(await transport.connect({ role: 'client', fingerprints: [] }))).toBe('rejected');
    const value = Array.from({ length: 32 }, () => 'AB').join(':');
    const fingerprints = [{ algorithm: 'sha-256' as const, value }];
    expect(codeOf(await transport.connect({ role: 'client', fingerprints }))).toBe('ok');
    expect(codeOf(await transport.connect({ role: 'client', fingerprints }))).toBe('rejected');
  });

  test('close: every call afterwards, answers gone', async () => {
    const { media, ear } = await openRoom(pool().pool);
    const send = good(await media.createTransport({ direction: 'send', owner: 1 }));
    const receive = good(await media.createTransport({ direction: 'receive', owner: 2 }));
    const producer = good(await send.produce({ media: 1, rtp: opus(5), paused: false }));
    const caps = media.routerCaps;
    const consumer = good(await receive.consume({ producer, caps, paused: true }));
    send.close();
    expect([send.closed, producer.closed, consumer.closed]).toEqual([true, true, true]);
    expect(codeOf(await producer.setPaused(true))).toBe('gone');
    expect(codeOf(await consumer.setPaused(false))).toBe('gone');
    expect(codeOf(await receive.consume({ producer, caps, paused: true }))).toBe('gone');
    media.close();
    media.close();
    expect(codeOf(await receive.restartIce())).toBe('gone');
    expect(codeOf(await media.createTransport({ direction: 'send', owner: 1 }))).toBe('gone');
    expect(ear.told.died).toEqual([]);
    expect(media.figures()).toMatchObject({ transports: 0, producers: 0, consumers: 0 });
  });
});

describe('the pool', () => {
  test('open: nobody has asked yet, no process runs; the first room starts all slots', async () => {
    const { pool: one, events } = pool({ workers: 2 });
    expect(one.status()).toMatchObject({ state: 'standby', rooms: 0 });
    expect(one.status().workers.map(({ pid }) => pid)).toEqual([null, null, null]);
    await openRoom(one);
    await eventually(() => one.status().state === 'ok');
    const { workers } = one.status();
    expect(workers.map(({ role }) => role).sort()).toEqual(['active', 'active', 'spare']);
    expect(workers.map(({ state }) => state)).toEqual(['up', 'up', 'up']);
    expect(events.filter(({ what }) => what === 'worker_up')).toHaveLength(3);
  });

  test('open: rooms that are expected to be large, go to different workers, never to the spare', async () => {
    const { pool: one } = pool({ workers: 2 });
    const { media: first } = await openRoom(one, 1, 25);
    await eventually(() => one.status().state === 'ok');
    const { media: second } = await openRoom(one, 2, 25);
    const { media: third } = await openRoom(one, 3, 25);
    const slots = [first, second, third].map((media) => media.figures().slots[0]);
    expect(new Set(slots).size).toBe(2);
    expect(slots).not.toContain(spareOf(one).slot);
  });

  test('idleMs: after the last room, all processes end and the next room starts them again', async () => {
    const clock = new FakeClock();
    const { pool: one } = pool({ idleMs: 60_000 }, { clock });
    const { media } = await openRoom(one);
    const pid = activeOf(one).pid ?? 0;
    media.close();
    await clock.advance(59_000);
    expect(one.status().state).not.toBe('standby');
    await clock.advance(1_000);
    expect(one.status().state).toBe('standby');
    await eventually(() => !isAlive(pid));
    await openRoom(one);
    expect(activeOf(one).pid ?? 0).not.toBe(pid);
  });

  test('open: 100 joins and leaves, nothing is left in the worker', async () => {
    const { pool: one } = pool();
    const { media } = await openRoom(one);
    const listener = await Listener.join(media, 0);
    for (let round = 0; round < 10; round += 1) {
      const made = await Promise.all(
        Array.from({ length: 10 }, async (_, owner) => {
          const send = good(await media.createTransport({ direction: 'send', owner }));
          const ask = { media: 1, rtp: opus(owner + 1), paused: false } as const;
          const producer = good(await send.produce(ask));
          await listener.hear(media, producer);
          return send;
        }),
      );
      for (const transport of made) transport.close();
    }
    expect(media.figures()).toMatchObject({ transports: 1, producers: 0, consumers: 0 });
    const worker = one.status().workers.find(({ rooms }) => rooms === 1);
    expect(worker).toMatchObject({ transports: 1, producers: 0, consumers: 0, rooms: 1 });
    listener.stop();
  });

  test('createMediaPool: no workers, is an error of the caller', () => {
    expect(() => makePool({ workers: 0 })).toThrow(RangeError);
  });

  test('open: no binary, is unavailable with its reason', async () => {
    const { pool: one } = pool({ binary: async () => ({ ok: false, message: 'preparing' }) });
    const ask = { key: 1, people: 1, bitrate: 40_000, music: false };
    const answer = await one.open({ ...ask, events: new Ear().events });
    expect(answer).toMatchObject({ ok: false, code: 'unavailable', message: 'preparing' });
  });
});
