/** Rights, settings and moderators: what changes for whom, at once, and what survives. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PERM_CONNECT, PERM_SPEAK, PERM_VIEW } from '../../channels/index.ts';
import { call } from '../../runtime/index.ts';
import { settle } from '../../runtime/testkit/index.ts';
import {
  type ModerationAct,
  PART_DEAF,
  PART_HAND,
  PART_MUTED,
  PART_PRIORITY,
  PART_SERVER_DEAF,
  PART_SERVER_MUTED,
  PART_SPEAKER,
  VOICE_ENDED,
  VOICE_LEFT,
  VOICE_MOVED,
  VOICE_PRODUCER_CLOSED,
  VOICE_STATE,
} from '../types.ts';
import { EVERYBODY, MODERATOR, type Person, RoomRig, value } from './test/kit.ts';

const LISTENER = PERM_VIEW | PERM_CONNECT;

let rig: RoomRig;

beforeEach(async () => {
  rig = await new RoomRig().start();
});

afterEach(async () => {
  await rig.stop();
});

const moderate = (act: ModerationAct, target = 1) =>
  call(rig.room, 'moderate', { by: 9, target, act });

const isSilenced = (who: Person): boolean | undefined =>
  rig.pool.room.producers.find(({ owner }) => owner === who.vsid)?.paused;

const isDeafened = (who: Person): boolean[] =>
  rig.pool.room.consumers.filter(({ owner }) => owner === who.vsid).map(({ paused }) => paused);

const leave = async (who: Person) => value(await rig.ask(who, 'leave', {}));

describe('own state', () => {
  test('mute, silences in the worker and is told; the producer is not shown as paused', async () => {
    const one = await rig.joinTalking(1);
    await rig.ask(one, 'state', { mute: true, deaf: false });
    expect(isSilenced(one)).toBe(true);
    await settle();
    expect(rig.bodies(VOICE_STATE)).toEqual([[1, true, false, PART_MUTED]]);
    expect((await rig.join(2)).joined.participants[0]).toEqual([
      ...[1, PART_MUTED],
      [[one.pid, 1, false]],
    ]);
    await rig.ask(one, 'state', { mute: false, deaf: false });
    expect(isSilenced(one)).toBe(false);
  });

  test('deaf, silences what the member hears and nothing else', async () => {
    await rig.joinTalking(1);
    const two = await rig.joinTalking(2);
    await rig.resumeAll(two);
    expect(isDeafened(two)).toEqual([false]);
    await rig.ask(two, 'state', { mute: false, deaf: true });
    expect(isDeafened(two)).toEqual([true]);
    expect(isSilenced(two)).toBe(false);
    await settle();
    expect(rig.bodies(VOICE_STATE)).toEqual([[2, false, true, PART_DEAF]]);
  });

  test('the same state again, is no news', async () => {
    const one = await rig.join(1);
    await rig.ask(one, 'state', { mute: false, deaf: false });
    await settle();
    expect(rig.bodies(VOICE_STATE)).toEqual([]);
  });

  test('muted before it sends, begins silenced', async () => {
    const one = await rig.join(1);
    await rig.ask(one, 'state', { mute: true, deaf: false });
    await rig.produce(one);
    expect(isSilenced(one)).toBe(true);
  });
});

describe('rights of the guild', () => {
  test('no right to speak any more, closes the producer', async () => {
    const one = await rig.joinTalking(1);
    const two = await rig.join(2);
    rig.guilds.change(1, LISTENER);
    await settle();
    expect(rig.pool.room.producers).toEqual([]);
    expect(rig.heardBy(two, VOICE_PRODUCER_CLOSED).map(({ body }) => body)).toEqual([[one.pid]]);
    expect(await rig.tryProduce(one, { cnonce: 'b' })).toMatchObject({ error: 'forbidden' });
    rig.guilds.change(1, EVERYBODY);
    await settle();
    await rig.produce(one, { cnonce: 'c' });
  });

  test.each([
    ['no right to connect', PERM_VIEW | PERM_SPEAK],
    ['kicked, banned, or no right to view', 0],
  ])('%s any more, ends the membership', async (_what, perms) => {
    const one = await rig.joinTalking(1);
    const two = await rig.join(2);
    rig.guilds.change(1, perms);
    await settle();
    expect(rig.heardBy(one, VOICE_ENDED).map(({ body }) => body)).toEqual([['forbidden']]);
    expect(rig.heardBy(two, VOICE_LEFT).map(({ body }) => body)).toEqual([[1]]);
    expect(rig.pool.room.openTransports.every(({ owner }) => owner === two.vsid)).toBe(true);
    expect(rig.counters.removed).toBe(1);
  });

  test('a change about everybody, asks for everybody', async () => {
    const one = await rig.join(1);
    const two = await rig.join(2);
    rig.guilds.perms.set(1, 0);
    rig.guilds.changeAll();
    await settle();
    expect(rig.heardBy(one, VOICE_ENDED)).toHaveLength(1);
    expect(rig.heardBy(two, VOICE_ENDED)).toHaveLength(0);
  });

  test('a channel that is deleted, ends the room', async () => {
    const one = await rig.join(1);
    rig.guilds.isGone = true;
    rig.guilds.changeAll();
    await settle();
    expect(rig.heardBy(one, VOICE_ENDED).map(({ body }) => body)).toEqual([['channel_deleted']]);
    expect(await rig.tryJoin(2)).toMatchObject({ ok: false });
  });

  test('a guild that nobody can ask, changes nothing until it can be asked', async () => {
    const one = await rig.join(1);
    rig.guilds.isDown = true;
    rig.guilds.change(1, 0);
    await rig.advance(2500);
    expect(rig.heardBy(one, VOICE_ENDED)).toEqual([]);
    rig.guilds.isDown = false;
    await rig.advance(1000);
    expect(rig.heardBy(one, VOICE_ENDED).map(({ body }) => body)).toEqual([['forbidden']]);
  });

  test('settings, reach the media worker', async () => {
    await rig.join(1);
    rig.guilds.configure({ bitrate: 96_000, mode: 'music' });
    await settle();
    expect(rig.pool.room.configured).toEqual({ bitrate: 96_000, music: true });
  });

  test('encryption that a member does not know, ends its membership', async () => {
    const one = await rig.join(1);
    const two = await rig.join(2, { e2e: 1 });
    rig.guilds.configure({ e2e: 1 });
    await settle();
    expect(rig.heardBy(one, VOICE_ENDED).map(({ body }) => body)).toEqual([['e2e_required']]);
    expect(rig.heardBy(two, VOICE_ENDED)).toEqual([]);
  });
});

describe('moderate', () => {
  test('mute, silences whatever the client says, and survives leaving and coming back', async () => {
    const one = await rig.joinTalking(1);
    value(await moderate({ kind: 'mute', on: true }));
    expect(isSilenced(one)).toBe(true);
    await rig.ask(one, 'state', { mute: false, deaf: false });
    await rig.ask(one, 'pause', { id: one.pid, paused: false });
    expect(isSilenced(one)).toBe(true);
    await leave(one);
    const again = await rig.joinTalking(1);
    expect(isSilenced(again)).toBe(true);
    expect(again.joined.participants).toEqual([[1, PART_SERVER_MUTED, []]]);
    value(await moderate({ kind: 'mute', on: false }));
    expect(isSilenced(again)).toBe(false);
    expect(rig.guilds.acts).toHaveLength(2);
  });

  test('deafen, silences what the member hears', async () => {
    await rig.joinTalking(2);
    const one = await rig.join(1);
    await rig.resumeAll(one);
    value(await moderate({ kind: 'deafen', on: true }));
    expect(isDeafened(one)).toEqual([true]);
    await settle();
    expect(rig.bodies(VOICE_STATE)).toEqual([[1, false, false, PART_SERVER_DEAF]]);
  });

  test('priority, is a flag that others see', async () => {
    await rig.join(1);
    value(await moderate({ kind: 'priority', on: true }));
    await settle();
    expect(rig.bodies(VOICE_STATE)).toEqual([[1, false, false, PART_PRIORITY]]);
  });

  test('disconnect, ends the membership, which may come back', async () => {
    const one = await rig.join(1);
    value(await moderate({ kind: 'disconnect' }));
    await settle();
    expect(rig.heardBy(one, VOICE_ENDED).map(({ body }) => body)).toEqual([['disconnected']]);
    await rig.join(1);
  });

  test('move, tells the one where to go, and the others that it left, with one ver', async () => {
    const one = await rig.joinTalking(1);
    const two = await rig.join(2);
    value(await moderate({ kind: 'move', to: 701 }));
    await settle();
    const [moved] = rig.heardBy(one, VOICE_MOVED);
    const [left] = rig.heardBy(two, VOICE_LEFT);
    expect(moved?.body).toEqual([701]);
    expect(moved?.ver).toBe(left?.ver);
    expect(rig.pool.room.producers).toEqual([]);
  });

  test('what the guild refuses, is not done', async () => {
    const one = await rig.joinTalking(1);
    for (const [code, error] of [
      ['forbidden', 'forbidden'],
      ['not_found', 'not_found'],
      ['unavailable', 'unavailable'],
      ['conflict', 'invalid'],
    ] as const) {
      rig.guilds.judgement = { ok: false, code };
      expect(await moderate({ kind: 'mute', on: true })).toMatchObject({ ok: false, error });
    }
    expect(isSilenced(one)).toBe(false);
  });

  test('somebody who is not here, is not found, and the guild is not asked', async () => {
    expect(await moderate({ kind: 'mute', on: true }, 5)).toMatchObject({ error: 'not_found' });
    expect(rig.guilds.acts).toEqual([]);
  });
});

describe('stage', () => {
  beforeEach(() => {
    rig.guilds.settled = { ...rig.guilds.settled, mode: 'stage' };
  });

  test('a listener, asks by a raised hand, is invited, speaks, and is sent down again', async () => {
    const one = await rig.join(1);
    expect(await rig.tryProduce(one)).toMatchObject({ error: 'forbidden' });
    await rig.ask(one, 'state', { mute: false, deaf: false, hand: true });
    value(await moderate({ kind: 'speaker', on: true }));
    await rig.produce(one);
    value(await moderate({ kind: 'speaker', on: false }));
    await settle();
    expect(rig.bodies(VOICE_STATE).map((body) => body[3])).toEqual([PART_HAND, PART_SPEAKER, 0]);
    expect(rig.pool.room.producers).toEqual([]);
  });

  test('a moderator, speaks without being asked', async () => {
    rig.guilds.perms.set(1, MODERATOR);
    const one = await rig.joinTalking(1);
    expect(one.joined.participants).toEqual([[1, PART_SPEAKER, []]]);
    await rig.ask(one, 'state', { mute: false, deaf: false, hand: true });
    await settle();
    expect(rig.bodies(VOICE_STATE)).toEqual([]);
  });

  test('a room that becomes a stage, silences everybody who is not on it', async () => {
    rig.guilds.settled = { ...rig.guilds.settled, mode: 'open' };
    rig.guilds.perms.set(2, MODERATOR);
    const one = await rig.joinTalking(1);
    const two = await rig.joinTalking(2);
    rig.guilds.configure({ mode: 'stage' });
    await settle();
    expect(rig.bodies(VOICE_PRODUCER_CLOSED)).toEqual([[one.pid]]);
    expect(rig.pool.room.producers.map(({ owner }) => owner)).toEqual([two.vsid]);
    expect(rig.bodies(VOICE_STATE)).toEqual([[2, false, false, PART_SPEAKER]]);
  });
});

describe('push_to_talk', () => {
  beforeEach(() => {
    rig.guilds.settled = { ...rig.guilds.settled, mode: 'push_to_talk' };
  });

  test('is heard only while the key is held', async () => {
    const one = await rig.joinTalking(1);
    expect(isSilenced(one)).toBe(true);
    await rig.ask(one, 'state', { mute: false, deaf: false, talk: true });
    expect(isSilenced(one)).toBe(false);
    await rig.ask(one, 'state', { mute: false, deaf: false });
    expect(isSilenced(one)).toBe(false);
    await rig.ask(one, 'state', { mute: false, deaf: false, talk: false });
    expect(isSilenced(one)).toBe(true);
  });

  test('a lost connection, lets go of the key', async () => {
    const one = await rig.joinTalking(1);
    await rig.ask(one, 'state', { mute: false, deaf: false, talk: true });
    rig.tell(one, 'connectionLost', { connNo: 1 });
    await settle();
    expect(isSilenced(one)).toBe(true);
  });

  test('muted by a moderator, the key does not help', async () => {
    const one = await rig.joinTalking(1);
    value(await moderate({ kind: 'mute', on: true }));
    await rig.ask(one, 'state', { mute: false, deaf: false, talk: true });
    expect(isSilenced(one)).toBe(true);
  });
});
