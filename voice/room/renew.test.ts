/** What a new epoch brings to members with a compact join, without a request of theirs. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { settle } from '../../runtime/testkit/index.ts';
import { JOIN_BUNDLED, JOIN_COMPACT, VOICE_CONSUMER, VOICE_RENEWED } from '../types.ts';
import { DTLS, type Person, RoomRig, value } from './test/kit.ts';

type Offer = readonly [pid: number, cid: number, media: number, rtp: string];

let rig: RoomRig;

function fail(): never {
  throw new Error('nothing was renewed');
}

beforeEach(async () => {
  rig = await new RoomRig().start();
});

afterEach(async () => {
  await rig.stop();
});

describe('a new epoch', () => {
  const flags = JOIN_BUNDLED | JOIN_COMPACT;

  test('compact members, are given all of it without asking, in the state in which they were', async () => {
    const one = await rig.join(1, { flags, dtls: DTLS });
    const two = await rig.join(2, { flags, dtls: DTLS });
    const before = await rig.produce(one);
    await rig.ask(one, 'pause', { id: before, paused: true });
    await rig.produce(two);
    rig.pool.room.die();
    await settle();
    const renewed = (who: Person) =>
      rig
        .heardBy(who, VOICE_RENEWED)
        .map(({ body }) => body as [number, unknown, number[], Offer[]]);
    const [[epoch, transport, pids, consumers] = fail()] = renewed(one);
    expect(epoch).toBe(2);
    expect(transport).toEqual([expect.any(Number), expect.stringContaining('transport-')]);
    expect(pids).toHaveLength(1);
    const later = rig.heardBy(one, VOICE_CONSUMER).map(({ body }) => body as unknown as Offer);
    const heard = [...consumers, ...later.slice(-1)].map(([pid]) => pid);
    expect(heard.slice(-1)).toEqual(renewed(two).flatMap(([, , theirs]) => theirs));
    expect(rig.pool.room.openTransports.map(({ direction, state }) => [direction, state])).toEqual([
      ['both', 'connected'],
      ['both', 'connected'],
    ]);
    expect(rig.pool.room.producers.map(({ owner, paused }) => [owner, paused])).toEqual([
      [one.vsid, true],
      [two.vsid, false],
    ]);
    expect(rig.pool.room.consumers.map(({ owner, paused }) => [owner, paused])).toEqual([
      [one.vsid, false],
      [two.vsid, false],
    ]);
  });

  test('who joined in another way, or has no connection, is given nothing', async () => {
    const plain = await rig.join(1, { flags: JOIN_BUNDLED, dtls: DTLS });
    const lost = await rig.join(2, { flags, dtls: DTLS });
    rig.tell(lost, 'connectionLost', { connNo: 1 });
    await settle();
    rig.pool.room.die();
    await settle();
    expect(rig.heardBy(plain, VOICE_RENEWED)).toEqual([]);
    expect(rig.pool.room.openTransports).toEqual([]);
  });

  test('joins by itself meanwhile, has the media of its join only', async () => {
    await rig.join(1, { flags, dtls: DTLS });
    rig.pool.hold();
    rig.pool.room.die();
    const again = rig.tryJoin(1, { flags, dtls: DTLS });
    await settle();
    rig.pool.release();
    value(await again);
    await settle();
    expect(rig.pool.room.openTransports).toHaveLength(1);
  });
});
