/** What a room tells of who speaks, whom it forwards when it is large, and what it relays unread. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { settle } from '../../runtime/testkit/index.ts';
import {
  VOICE_CONSUMER,
  VOICE_CONSUMER_CLOSED,
  VOICE_DOMINANT,
  VOICE_E2E,
  VOICE_SPEAKING,
} from '../types.ts';
import { type Person, RoomRig, value } from './test/kit.ts';

type Talker = Person & { readonly pid: number };

let rig: RoomRig;

beforeEach(async () => {
  rig = await new RoomRig({ allHeardMax: 4, allHeardAgain: 3, speakersMax: 2, keptMax: 3 }).start();
});

afterEach(async () => {
  await rig.stop();
});

const producerOf = ({ vsid }: Person) => {
  const found = rig.pool.room.producers.find(({ owner }) => owner === vsid);
  if (found === undefined) throw new Error('has no producer');
  return found;
};

/** The media worker measured them. */
async function speak(...people: readonly Person[]): Promise<void> {
  const levels = people.map((who) => ({ producer: producerOf(who), dbov: -27 }));
  rig.pool.room.options.events.levels(levels);
  await settle();
}

async function talkers(count: number): Promise<Talker[]> {
  const people: Talker[] = [];
  for (let uid = 1; uid <= count; uid += 1) people.push(await rig.joinTalking(uid));
  return people;
}

describe('speaking', () => {
  test('levels, are told at once, then at most every 250 ms, and silence by age', async () => {
    const [one, two] = await talkers(3);
    if (!one || !two) throw new Error('nobody');
    await speak(one);
    await speak(one, two);
    expect(rig.bodies(VOICE_SPEAKING)).toEqual([[[[1, 100]]]]);
    await rig.advance(260);
    expect(rig.bodies(VOICE_SPEAKING).slice(1)).toEqual([[[[2, 100]]]]);
    await rig.advance(1200);
    const silent = rig.bodies(VOICE_SPEAKING).slice(2).flat(2);
    expect(silent).toEqual([
      [1, 0],
      [2, 0],
    ]);
  });

  test('the dominant one, is told, and nobody when it falls silent', async () => {
    const [one] = await talkers(3);
    if (!one) throw new Error('nobody');
    rig.pool.room.options.events.dominant(producerOf(one));
    await settle();
    expect(rig.bodies(VOICE_DOMINANT)).toEqual([]);
    await speak(one);
    await rig.advance(1500);
    expect(rig.bodies(VOICE_DOMINANT)).toEqual([[1], [0]]);
  });

  test('two people, have no observers: their own edges are the ring', async () => {
    const [one, two] = await talkers(2);
    if (!one || !two) throw new Error('nobody');
    expect(rig.pool.room.isObserved).toBe(false);
    await rig.ask(one, 'state', { mute: false, deaf: false, talk: true });
    await rig.advance(260);
    await rig.ask(one, 'state', { mute: true, deaf: false });
    await rig.advance(260);
    expect(rig.bodies(VOICE_SPEAKING)).toEqual([[[[1, 64]]], [[[1, 0]]]]);
    await rig.join(3);
    expect(rig.pool.room.isObserved).toBe(true);
    await rig.ask(two, 'leave', {});
    expect(rig.pool.room.isObserved).toBe(false);
  });

  test('who sends nothing, cannot claim to speak', async () => {
    const one = await rig.join(1);
    await rig.ask(one, 'state', { mute: false, deaf: false, talk: true });
    await rig.advance(300);
    expect(rig.bodies(VOICE_SPEAKING)).toEqual([]);
  });
});

describe('a large room', () => {
  const heardBy = (who: Person): number[] =>
    rig.pool.room.consumers
      .filter(({ owner, paused }) => owner === who.vsid && !paused)
      .map(({ producer }) => producer.owner);

  test('forwards those who spoke last, and silences the others', async () => {
    const [one, two, three, four, five] = await talkers(5);
    if (!one || !two || !three || !four || !five) throw new Error('nobody');
    for (const who of [one, two, three, four, five]) await rig.resumeAll(who);
    await rig.advance(3000);
    await speak(three, four);
    await rig.resumeAll(one);
    await rig.advance(100);
    expect(new Set(heardBy(one))).toEqual(new Set([three.vsid, four.vsid]));
    await speak(three, four, five);
    expect(new Set(heardBy(one))).toEqual(new Set([three.vsid, four.vsid]));
  });

  test('keeps no more consumers than a browser bears, and says which it closed', async () => {
    const people = await talkers(7);
    const [one] = people;
    if (!one) throw new Error('nobody');
    for (const who of people.slice(1)) {
      await rig.advance(2500);
      await speak(who);
    }
    const kept = rig.pool.room.consumers.filter(({ owner }) => owner === one.vsid);
    expect(kept.length).toBeLessThanOrEqual(3);
    expect(rig.heardBy(one, VOICE_CONSUMER_CLOSED).length).toBeGreaterThan(0);
    const told = rig.heardBy(one, VOICE_CONSUMER).map(({ body }) => body[1]);
    const closed = rig.heardBy(one, VOICE_CONSUMER_CLOSED).map(({ body }) => body[0]);
    expect(told.filter((cid) => !closed.includes(cid))).toHaveLength(kept.length);
  });

  test('that becomes small, is heard by all again', async () => {
    const [one, two, three, four, five] = await talkers(5);
    if (!one || !two || !three || !four || !five) throw new Error('nobody');
    await rig.ask(four, 'leave', {});
    await rig.ask(five, 'leave', {});
    await settle();
    await rig.resumeAll(one);
    expect(new Set(heardBy(one))).toEqual(new Set([two.vsid, three.vsid]));
  });
});

describe('e2e', () => {
  const data = Buffer.from('key').toString('base64');

  test('to one or to all others, is passed on unread', async () => {
    const [one, two, three] = await talkers(3);
    if (!one || !two || !three) throw new Error('nobody');
    value(await rig.ask(one, 'e2e', { to: 2, type: 5, data }));
    value(await rig.ask(one, 'e2e', { to: null, type: 6, data }));
    await settle();
    const told = rig.main.heard.filter(({ kind }) => kind === VOICE_E2E);
    expect(told.map(({ vsids, body }) => [vsids, body])).toEqual([
      [[two.vsid], [1, 5, data]],
      [
        [two.vsid, three.vsid],
        [1, 6, data],
      ],
    ]);
  });

  test.each([
    ['somebody who is not here', { to: 99, type: 1, data }, 'not_found'],
    ['no base64', { to: null, type: 1, data: 'a b' }, 'invalid'],
    ['nothing', { to: null, type: 1, data: '' }, 'invalid'],
    ['too much', { to: null, type: 1, data: 'a'.repeat(24_577) }, 'invalid'],
    ['a type over 255', { to: null, type: 256, data }, 'invalid'],
  ])('%s, is refused', async (_what, m, error) => {
    const one = await rig.join(1);
    expect(await rig.ask(one, 'e2e', m)).toMatchObject({ ok: false, error });
  });

  test('more than a member may send, has to wait', async () => {
    const [one] = await talkers(2);
    if (!one) throw new Error('nobody');
    const big = { to: null, type: 1, data: 'a'.repeat(24_576) };
    const answers = [];
    for (let i = 0; i < 43; i += 1) answers.push(await rig.ask(one, 'e2e', big));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(42);
    expect(answers.at(-1)).toMatchObject({ error: 'unavailable', retryMs: expect.any(Number) });
    await rig.advance(1000);
    value(await rig.ask(one, 'e2e', big));
  });

  test('a message that a large room would multiply, is refused', async () => {
    const one = await rig.join(1);
    for (let uid = 2; uid <= 45; uid += 1) await rig.join(uid);
    const big = { to: null, type: 1, data: 'a'.repeat(24_576) };
    expect(await rig.ask(one, 'e2e', big)).toMatchObject({ error: 'invalid' });
    value(await rig.ask(one, 'e2e', { ...big, data: 'a'.repeat(200) }));
    expect(rig.counters).toMatchObject({ bounded: 1, e2eRelayed: 44 });
  });
});
