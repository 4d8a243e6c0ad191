/** Keys of a room over comings and goings: several groups, a relay that notes all it passes, and frames that some may open. */
import { expect, test } from 'vitest';
import { systemRng } from '../clock.ts';
import { FakeClock } from '../test/fake-clock.ts';
import { type Bytes, keyIdOf, openFrame, sealFrame } from './e2ee-frame.ts';
import { KeyGroup, SWITCH_MAX_MS } from './e2ee-group.ts';
import { STEPS_MAX } from './e2ee-keys.ts';

const SECRET = 'a secret of the room';
const FRAME = Uint8Array.from({ length: 40 }, (_, i) => i);

/** A room whose server passes messages on in order, and keeps a copy. */
class Room {
  readonly clock = new FakeClock();
  readonly relayed: { readonly from: number; readonly to: number | null; readonly data: string }[] =
    [];
  /** Messages to these users are lost, and answered for. */
  readonly lost = new Set<number>();
  readonly #groups = new Map<number, KeyGroup>();
  readonly all: KeyGroup[] = [];

  async come(uid: number, secret = SECRET): Promise<KeyGroup> {
    const send = (to: number | null, data: string): Promise<boolean> => {
      this.relayed.push({ from: uid, to, data });
      const receivers = to === null ? [...this.#groups.keys()] : [to];
      for (const receiver of receivers) {
        if (receiver === uid || this.lost.has(receiver)) continue;
        this.#groups.get(receiver)?.receive(uid, data);
      }
      return Promise.resolve(this.#groups.has(uid));
    };
    const { clock } = this;
    const group = await KeyGroup.create({ clock, rng: systemRng, secret, sid: 9, uid, send });
    this.all.push(group);
    this.enter(uid, group);
    return group;
  }

  /** Into the roster, again or for the first time. */
  enter(uid: number, group: KeyGroup): void {
    this.#groups.set(uid, group);
    this.#tellOthers(uid);
    group.joined([...this.#groups.keys()]);
  }

  leave(uid: number): void {
    this.#groups.delete(uid);
    this.#tellOthers(uid);
  }

  /** Lets time pass and everybody finish. */
  async pass(ms = 3_000): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      for (const group of this.all) await group.settled();
      await this.clock.advance(50);
    }
    for (const group of this.all) await group.settled();
  }

  #tellOthers(uid: number): void {
    for (const [other, group] of this.#groups) {
      if (other !== uid) group.people([...this.#groups.keys()]);
    }
  }
}

async function roomOf(...uids: number[]) {
  const room = new Room();
  const groups: KeyGroup[] = [];
  for (const uid of uids) groups.push(await room.come(uid));
  await room.pass();
  return { room, groups: groups as [KeyGroup, KeyGroup, KeyGroup] };
}

async function say(group: KeyGroup): Promise<Bytes> {
  const how = group.seal();
  if (how === null) throw new Error('no key to speak with');
  return sealFrame(FRAME, how);
}

async function opens(listener: KeyGroup, speaker: number, frame: Bytes): Promise<boolean> {
  const key = await listener.find(speaker, keyIdOf(frame) ?? 0);
  const opened = key === null ? null : await openFrame(frame, key.aes);
  if (key !== null && opened !== null) listener.opened(speaker, key);
  return opened !== null;
}

test('KeyGroup: three people, each hears the two others', async () => {
  const { groups } = await roomOf(1, 2, 3);
  for (const [i, speaker] of groups.entries()) {
    const frame = await say(speaker);
    for (const [j, listener] of groups.entries()) {
      if (i !== j) expect(await opens(listener, i + 1, frame)).toBe(true);
    }
  }
});

test('KeyGroup: somebody left, what is said afterwards does not open for them', async () => {
  const { room, groups } = await roomOf(1, 2, 3);
  const [alice, bob, carol] = groups;
  expect(await opens(carol, 1, await say(alice))).toBe(true);
  room.leave(3);
  await room.pass(SWITCH_MAX_MS + 350);
  // Everything of the key exchange is there for who listens at the server.
  for (const { from, data } of room.relayed) carol.receive(from, data);
  await carol.settled();
  const frame = await say(alice);
  expect(await opens(carol, 1, frame)).toBe(false);
  expect(await opens(bob, 1, frame)).toBe(true);
});

test('KeyGroup: somebody came, what was said before does not open for them', async () => {
  const { room, groups } = await roomOf(1, 2);
  const [alice, bob] = groups;
  const before = await say(alice);
  const carol = await room.come(3);
  await room.pass();
  for (const { from, data } of room.relayed) carol.receive(from, data);
  await carol.settled();
  const after = await say(alice);
  expect(await opens(carol, 1, after)).toBe(true);
  expect(await opens(carol, 1, before)).toBe(false);
  expect(await opens(bob, 1, after)).toBe(true);
  // Reordered on the way.
  expect(await opens(bob, 1, before)).toBe(true);
});

test('KeyGroup: while a key changes, no frame is lost to those who stay', async () => {
  const { room, groups } = await roomOf(1, 2, 3);
  const [alice, bob] = groups;
  room.leave(3);
  const kids = new Set<number | null>();
  for (let i = 0; i < 40; i += 1) {
    await room.pass(50);
    if (i === 20) await room.come(4);
    const frame = await say(alice);
    kids.add(keyIdOf(frame));
    expect(await opens(bob, 1, frame)).toBe(true);
  }
  expect(kids.size).toBe(3);
});

test('KeyGroup: away and back in the room, hears and is heard again', async () => {
  const { room, groups } = await roomOf(1, 2, 3);
  const [alice, bob] = groups;
  room.leave(2);
  await room.pass();
  room.enter(2, bob);
  await room.pass();
  expect(await opens(bob, 1, await say(alice))).toBe(true);
  expect(await opens(alice, 2, await say(bob))).toBe(true);
});

test('KeyGroup: another worker of the same user, the first one hears no more', async () => {
  const { room, groups } = await roomOf(1, 2);
  const [alice, oldBob] = groups;
  const bob = await room.come(2);
  await room.pass();
  const frame = await say(alice);
  expect(await opens(bob, 1, frame)).toBe(true);
  expect(await opens(oldBob, 1, frame)).toBe(false);
});

test('KeyGroup: a new key did not arrive, is asked for when frames come with it', async () => {
  const { room, groups } = await roomOf(1, 2, 3);
  const [alice, bob] = groups;
  room.lost.add(2);
  room.leave(3);
  await room.pass();
  expect(await opens(bob, 1, await say(alice))).toBe(false);
  room.lost.delete(2);
  await room.pass();
  expect(await opens(bob, 1, await say(alice))).toBe(true);
});

test('KeyGroup: without the secret of the room, gets no key and hears nothing', async () => {
  const { room, groups } = await roomOf(1, 2);
  const eve = await room.come(3, 'another secret of it');
  await room.pass();
  expect(await opens(eve, 1, await say(groups[0]))).toBe(false);
  expect(eve.rejected).toBeGreaterThan(0);
  expect(groups[0].rejected).toBeGreaterThan(0);
});

test('KeyGroup: the secret and all messages, but not in the roster, gets no key', async () => {
  const { room, groups } = await roomOf(1, 2);
  const eve = await room.come(3);
  room.leave(3);
  await room.pass();
  const before = room.relayed.length;
  for (const { from, data } of room.relayed.slice(0, before)) eve.receive(from, data);
  await room.pass();
  expect(await opens(eve, 1, await say(groups[0]))).toBe(false);
});

test('KeyGroup: messages that are changed, of another, or none at all are not taken', async () => {
  const { room, groups } = await roomOf(1, 2, 3);
  const [alice] = groups;
  const said = room.relayed.find(({ from }) => from === 2)?.data ?? '';
  const rejected = alice.rejected;
  const changed = atob(said).split('');
  changed[1] = String.fromCharCode((changed[1] ?? '').charCodeAt(0) ^ 1);
  for (const data of [btoa(changed.join('')), said.slice(4), '', '*', 'AAAA'])
    alice.receive(2, data);
  alice.receive(3, said);
  alice.receive(77, said);
  await alice.settled();
  expect(alice.rejected).toBe(rejected + 7);
});

test('KeyGroup: more comings than a generation has steps, all the same heard', async () => {
  const { room, groups } = await roomOf(1);
  const [alice] = groups;
  const first = alice.seal()?.kid ?? 0;
  let last = await room.come(2);
  for (let i = 0; i < 3; i += 1) {
    last = await room.come(3 + i);
    await room.pass(800);
  }
  const kid = alice.seal()?.kid ?? 0;
  expect(kid).toBeGreaterThan(first);
  expect(kid).toBeLessThanOrEqual(STEPS_MAX);
  expect(await opens(last, 1, await say(alice))).toBe(true);
});

test('KeyGroup: alone, asks a few times and then is still', async () => {
  const { room, groups } = await roomOf(1);
  groups[0].people([1, 2]);
  await room.pass(120_000);
  const asked = room.relayed.length;
  expect(asked).toBeGreaterThan(1);
  await room.pass(120_000);
  expect(room.relayed).toHaveLength(asked);
  expect(room.clock.pending()).toEqual([]);
});

test('KeyGroup.create: a short secret is refused', async () => {
  const options = { clock: new FakeClock(), rng: systemRng, sid: 9, uid: 1 };
  const send = (): Promise<boolean> => Promise.resolve(true);
  await expect(KeyGroup.create({ ...options, secret: 'short', send })).rejects.toThrow(RangeError);
});
