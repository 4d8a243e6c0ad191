/** A call of the server to itself: one at a time, over by itself, and nothing left behind. With media workers in memory. */
import { expect, test } from 'vitest';
import { FakeClock, settle } from '../runtime/testkit/index.ts';
import { FakePool } from './room/test/fake-media.ts';
import { DTLS } from './room/test/kit.ts';
import { type SelfCallOffer, SelfCalls } from './self-call.ts';

function setUp() {
  const [pool, clock] = [new FakePool(), new FakeClock()];
  return { pool, clock, calls: new SelfCalls(pool, clock) };
}

async function opened(at: ReturnType<typeof setUp>): Promise<SelfCallOffer> {
  const offer = await at.calls.open();
  if (!offer.ok) throw new Error(offer.message);
  return offer.value;
}

test('SelfCalls: two transports, one sends what the other hears; closed, everything is', async () => {
  const at = setUp();
  const { id } = await opened(at);
  const { consumers, openTransports, producers } = at.pool.room;
  expect([openTransports.length, producers.length, consumers.length]).toEqual([2, 1, 1]);
  expect(await at.calls.connect({ id, send: DTLS, receive: DTLS })).toEqual({
    ok: true,
    value: null,
  });
  expect(openTransports.map(({ state }) => state)).toEqual(['connected', 'connected']);
  at.calls.close(id);
  expect(at.pool.room.closed).toBe(true);
});

test('SelfCalls.open: while one goes on, unavailable; nobody ends it, it ends by itself', async () => {
  const at = setUp();
  const { id } = await opened(at);
  expect(await at.calls.open()).toMatchObject({ ok: false, code: 'unavailable' });
  await at.clock.advance(30_000);
  await settle();
  expect(at.pool.room.closed).toBe(true);
  expect(await at.calls.connect({ id, send: DTLS, receive: DTLS })).toMatchObject({ code: 'gone' });
  expect((await opened(at)).id).not.toBe(id);
});

test('SelfCalls.open: no media worker, says so, and the next one may come', async () => {
  const at = setUp();
  at.pool.refuses = 'unavailable';
  expect(await at.calls.open()).toMatchObject({ ok: false, code: 'unavailable' });
  at.pool.refuses = undefined;
  await opened(at);
});

test('SelfCalls.connect: no DTLS parameters, or another call: refused', async () => {
  const at = setUp();
  const { id } = await opened(at);
  const gone = await at.calls.connect({ id: id + 1, send: DTLS, receive: DTLS });
  expect(gone).toMatchObject({ code: 'gone' });
  const bad = await at.calls.connect({ id, send: '{}', receive: DTLS });
  expect(bad).toMatchObject({ code: 'rejected' });
});
