/** Tests of what is played into a room, with a service that does what the test says, in a room of its own and in the room actor. */
import { afterEach, describe, expect, test } from 'vitest';
import { settle } from '../../runtime/testkit/index.ts';
import type { AudioOutcome, AudioService, Playback, PlayOptions } from '../record/index.ts';
import {
  VOICE_CONSUMER,
  VOICE_JOINED,
  VOICE_LEFT,
  VOICE_PLAYBACK,
  VOICE_PRODUCER,
  VOICE_PRODUCER_CLOSED,
} from '../types.ts';
import type { MediaProducer } from '../worker/types.ts';
import { RoomPlayback } from './playback.ts';
import { FakePlayer } from './test/fake-player.ts';
import { RoomRig, value } from './test/kit.ts';

const DJ = 9;

function setUp() {
  const told: (readonly [kind: number, ...body: unknown[]])[] = [];
  const wishes: PlayOptions[] = [];
  const stopped: PlayOptions[] = [];
  const state = { isEncrypted: false, isEmpty: false, ids: 0 };
  let answer: ((outcome: AudioOutcome<Playback>) => void) | undefined;
  const audio = {
    play: (wish: PlayOptions) => {
      wishes.push(wish);
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
  } as unknown as AudioService;
  const room = new RoomPlayback({
    ...{ sid: 5, audio },
    open: async () => ({ ok: true, value: {} as never }),
    isEncrypted: () => state.isEncrypted,
    isEmpty: () => state.isEmpty,
    nextId: () => {
      state.ids += 1;
      return state.ids;
    },
    add: (producer) => producer.owner.producers.set(producer.pid, producer),
    remove: ({ owner, pid }) => owner.producers.delete(pid),
    tellAll: (kind, body) => told.push([kind, ...body]),
    wrap: (callback) => callback,
    beside: () => undefined,
  });
  const serve = async (outcome: 'ok' | 'not_found' | 'rejected' | 'unavailable' = 'ok') => {
    await settle();
    const wish = wishes.at(-1) as PlayOptions;
    const playback: Playback = {
      producer: { media: 1 } as MediaProducer,
      position: (wish.position ?? 0) + 960,
      stop: () => stopped.push(wish),
    };
    answer?.(
      outcome === 'ok' ? { ok: true, value: playback } : { ok: false, code: outcome, message: '' },
    );
    await settle();
    return wish;
  };
  const begin = async () => {
    const done = room.act(DJ, 'a.opus');
    const wish = await serve();
    expect(await done).toEqual({ ok: true, value: null });
    return wish;
  };
  return { told, wishes, stopped, state, room, serve, begin };
}

const BEGUN = [
  [VOICE_JOINED, 0, 0],
  [VOICE_PLAYBACK, 'a.opus', DJ],
  [VOICE_PRODUCER, 0, 1, 1],
];
const OVER = [
  [VOICE_PRODUCER_CLOSED, 1],
  [VOICE_LEFT, 0],
  [VOICE_PLAYBACK, '', DJ],
];

describe('RoomPlayback', () => {
  test('act: a file, people are told who plays what and then hear it; null, it is over', async () => {
    const at = setUp();
    expect(at.room.participants()).toEqual([]);
    await at.begin();
    expect(at.told).toEqual(BEGUN);
    expect(at.room.now).toMatchObject({ file: 'a.opus', by: DJ });
    expect(at.room.participants()).toEqual([[0, 0, [[1, 1, false]]]]);
    await at.room.act(DJ, null);
    expect(at.told.slice(3)).toEqual(OVER);
    expect(at.stopped).toHaveLength(1);
    expect([at.room.now, at.room.participants()]).toEqual([undefined, []]);
  });

  test('act: something is played, nobody is here, encrypted end to end, is refused', async () => {
    const at = setUp();
    await at.begin();
    const refused = { ok: false, error: 'voice_rejected' };
    expect(await at.room.act(DJ, 'b.opus')).toEqual(refused);
    at.room.end();
    at.state.isEmpty = true;
    expect(await at.room.act(DJ, 'b.opus')).toEqual(refused);
    at.state.isEmpty = false;
    at.state.isEncrypted = true;
    expect(await at.room.act(DJ, 'b.opus')).toEqual(refused);
    expect(at.wishes).toHaveLength(1);
  });

  test.each([
    ['not_found', 'not_found'],
    ['rejected', 'invalid'],
    ['unavailable', 'unavailable'],
  ] as const)('act: the service says %s, %s, and nobody is told', async (outcome, error) => {
    const at = setUp();
    const done = at.room.act(DJ, 'a.opus');
    await at.serve(outcome);
    expect(await done).toMatchObject({ ok: false, error });
    expect(at.told).toEqual([]);
    await at.begin();
  });

  test('act: ended before the service answered, nobody hears it', async () => {
    const at = setUp();
    const done = at.room.act(DJ, 'a.opus');
    await settle();
    at.room.end();
    await at.serve();
    expect(await done).toEqual({ ok: false, error: 'voice_rejected' });
    expect([at.told, at.stopped.length]).toEqual([[], 1]);
  });

  test('onDone: the file has ended, people are told once', async () => {
    const at = setUp();
    const wish = await at.begin();
    wish.onDone('end');
    wish.onDone('end');
    expect(at.told.slice(3)).toEqual(OVER);
  });

  test('mediaDied: goes on behind what was played, and the old life changes nothing', async () => {
    const at = setUp();
    const old = await at.begin();
    at.room.mediaDied();
    old.onDone('gone');
    const wish = await at.serve();
    expect(wish.position).toBe(960);
    expect(at.told.slice(3)).toEqual([[VOICE_PRODUCER, 0, 2, 1]]);
    expect(at.room.now).toBeDefined();
  });

  test('mediaDied: it cannot go on, people are told that it is over', async () => {
    const at = setUp();
    await at.begin();
    at.room.mediaDied();
    await at.serve('unavailable');
    expect(at.told.slice(3)).toEqual(OVER.slice(1));
  });

  test('mediaMoved: the new stream is there before the old one goes', async () => {
    const at = setUp();
    await at.begin();
    at.room.mediaMoved();
    await at.serve();
    expect(at.told.slice(3)).toEqual([
      [VOICE_PRODUCER, 0, 2, 1],
      [VOICE_PRODUCER_CLOSED, 1],
    ]);
  });

  test('onProducer: the process has another port, people hear the new stream', async () => {
    const at = setUp();
    const wish = await at.begin();
    wish.onProducer({ media: 1 } as MediaProducer);
    expect(at.told.slice(3)).toEqual([
      [VOICE_PRODUCER, 0, 2, 1],
      [VOICE_PRODUCER_CLOSED, 1],
    ]);
  });
});

describe('a room in which something is played', () => {
  let rig: RoomRig;
  afterEach(() => rig.stop());

  async function playing() {
    const player = new FakePlayer();
    rig = await new RoomRig({}, player).start();
    const listener = await rig.join(1);
    expect(await rig.act(DJ, { kind: 'play', file: 'a.opus' })).toEqual({ ok: true, value: null });
    await settle();
    return { player, listener };
  }

  test('members get a consumer of it, who comes later finds it in the answer', async () => {
    const { listener } = await playing();
    expect(rig.heardBy(listener, VOICE_CONSUMER)).toHaveLength(1);
    const late = await rig.join(2);
    expect(late.joined.participants.map(([uid]) => uid)).toEqual([1, 2, 0]);
    expect(late.joined.bundle?.consumers).toHaveLength(1);
  });

  test('an epoch: it goes on for who is back', async () => {
    const { player } = await playing();
    rig.pool.rooms[0]?.die();
    await settle();
    expect(player.playing).toHaveLength(1);
    const back = await rig.join(1);
    expect(back.joined.bundle?.consumers).toHaveLength(1);
  });

  test('the last one leaves, or it becomes encrypted: it ends', async () => {
    const { player, listener } = await playing();
    rig.guilds.configure({ e2e: 1 });
    await settle();
    expect(player.playing).toEqual([]);
    rig.guilds.configure({ e2e: 0 });
    await rig.join(1);
    await rig.act(DJ, { kind: 'play', file: 'a.opus' });
    expect(player.playing).toHaveLength(1);
    const again = await rig.join(1);
    expect(again.vsid).not.toBe(listener.vsid);
    await rig.ask(again, 'leave', {});
    await settle();
    expect(player.playing).toEqual([]);
  });

  test('what is played: files only for who may play, nothing for who may not view', async () => {
    await playing();
    const asked = async (perms: number) => {
      rig.guilds.perms.set(7, perms);
      return rig.playback(7);
    };
    expect(value(await asked(1 | (1 << 11)))).toEqual({
      now: { file: 'a.opus', by: DJ },
      files: ['a.opus'],
    });
    expect(value(await asked(1))).toMatchObject({ files: [] });
    expect(await asked(0)).toEqual({ ok: false, error: 'not_found' });
    expect(rig.guilds.acts).toEqual([
      { uid: DJ, target: DJ, act: { kind: 'play', file: 'a.opus' } },
    ]);
  });
});
