/** The guild port over real guilds: what rooms are told, and what they are answered. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type DocStore,
  type EventCodec,
  type EventFields,
  type GuildP,
  hostChannels,
  type Id,
  memoryStore,
  PERM_CONNECT,
  PERM_SPEAK,
  PERMS_ALL,
  PERMS_EVERYONE,
  pad,
  type Result,
  StoreError,
} from '../channels/index.ts';
import { call, entity, type Ref, spawn, stop, systemClock, systemRng } from '../runtime/index.ts';
import { GuildWatch, GuildWatchActor, type GuildWatchP } from './guild-port.ts';

/** Frames that nobody reads here. */
const codec: EventCodec = {
  encodeEvent: (sid, epoch, event) => text({ sid, epoch, ...event }),
  decodeEvent: (frame) =>
    JSON.parse(new TextDecoder().decode(frame)) as EventFields & { sid: Id; epoch: number },
  encodeNotice: text,
  encodeReceipt: text,
  encodeUnread: (moved) => [text(moved)],
  mayMention: () => false,
};

function text(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

const store = memoryStore({ rng: systemRng });
let isDown = false;
const docs: Pick<DocStore, 'get'> = {
  get: async (kind, keys) => {
    if (isDown) throw new StoreError('DRIFT_CHANNELS_STORE_UNAVAILABLE', 'read: away');
    return await store.docs.get(kind, keys);
  },
};
const port = new GuildWatch({ docs, againMs: 10 });
const guild = (gid: Id) => entity<GuildP>('guild', gid);
let actor: Ref<GuildWatchP>;
let unhost: () => Promise<void>;

async function host(): Promise<void> {
  const numbers = { slotNumber: 1, replayMax: 5000, accessTokenTtlMs: 900_000 };
  const parts = { store, codec, clock: systemClock, rng: systemRng };
  const { supervisor } = await hostChannels({ ...parts, ...numbers });
  unhost = () => stop(supervisor, 'shutdown');
}

beforeAll(async () => {
  await host();
  actor = await spawn(GuildWatchActor, port);
});
afterAll(async () => {
  await stop(actor, 'shutdown');
  await unhost();
});

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`got ${result.code}`);
  return result.value;
}

/** Changes of one room, to be waited for. */
class Room {
  readonly #heard: Id[] = [];
  #wake: (() => void) | undefined;
  readonly onChange = (uid: Id): void => {
    this.#heard.push(uid);
    this.#wake?.();
  };

  async next(): Promise<Id> {
    for (;;) {
      const uid = this.#heard.shift();
      if (uid !== undefined) return uid;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  get heard(): readonly Id[] {
    return this.#heard;
  }
}

let ids = 1000;

/** A guild with a text and a voice channel, as its documents. */
async function voiceGuild(): Promise<{ gid: Id; owner: Id; member: Id; text: Id; sid: Id }> {
  ids += 10;
  const [gid, owner, member, viewSid, textSid, sid] = [
    ids,
    ids + 1,
    ids + 2,
    ids + 3,
    ids + 4,
    ids + 5,
  ];
  const under = (child: Id): string => `${pad(gid)}/${pad(child)}`;
  const doc = (kind: string, key: string, written: object) => {
    return { kind, key, expect: 'absent', value: written } as const;
  };
  const guildDoc = { id: gid, name: 'G', ownerId: owner, createdAt: 5, viewSid };
  const channel = (id: Id, type: number) => ({ id, name: 'c', topic: null, position: 0, type });
  const joined = { joinedAt: 5, nick: null, roles: [] };
  const wrote = await store.docs.write([
    doc('guild', pad(gid), { ...guildDoc, aclVer: 1, memberCount: 2, outboxSeq: 0 }),
    doc('stream', pad(viewSid), { type: 'view', gid }),
    doc('stream', pad(textSid), { type: 'channel', gid }),
    doc('stream', pad(sid), { type: 'channel', gid }),
    doc('channel', under(textSid), channel(textSid, 1)),
    doc('channel', under(sid), channel(sid, 2)),
    doc('member', under(owner), joined),
    doc('member', under(member), joined),
  ]);
  expect(wrote.ok).toBe(true);
  return { gid, owner, member, text: textSid, sid };
}

test('GuildWatch: rights and settings of a voice channel, 0 and not_found for anything else', async () => {
  const { gid, owner, member, text: plain, sid } = await voiceGuild();
  expect(await port.permsOf(sid, member)).toBe(PERMS_EVERYONE);
  expect(await port.permsOfAll(sid, [owner, 1])).toEqual([PERMS_ALL, 0]);
  expect(await port.settings(sid)).toMatchObject({ ok: true, channel: { gid } });
  for (const wrong of [plain, gid, 12345]) {
    expect(await port.permsOf(wrong, owner)).toBe(0);
    expect(await port.settings(wrong)).toMatchObject({ ok: false, code: 'not_found' });
    expect(await port.watch(wrong, () => undefined)).toMatchObject({ code: 'not_found' });
  }
});

test('GuildWatch: a room that watches hears of changes until it unwatches', async () => {
  const { gid, owner, member, sid } = await voiceGuild();
  const room = new Room();
  expect(await port.watch(sid, room.onChange)).toMatchObject({ ok: true });
  const over = { uid: owner, sid, target: member, type: 'member', allow: 0 } as const;
  value(await call(guild(gid), 'setOverwrite', { ...over, deny: PERM_SPEAK }));
  expect(await room.next()).toBe(member);
  expect(await port.permsOf(sid, member)).toBe(PERMS_EVERYONE & ~PERM_SPEAK);
  value(await call(guild(gid), 'updateChannel', { uid: owner, sid, voice: { userLimit: 9 } }));
  expect(await room.next()).toBe(0);
  expect(await port.settings(sid)).toMatchObject({ channel: { settings: { userLimit: 9 } } });
  // Another life of the same room is told in the place of the first, whose end changes nothing.
  const second = new Room();
  await port.watch(sid, second.onChange);
  port.unwatch(sid, room.onChange);
  value(await call(guild(gid), 'setOverwrite', { ...over, deny: PERM_CONNECT }));
  expect(await second.next()).toBe(member);
  port.unwatch(sid, second.onChange);
  value(await call(guild(gid), 'removeChannel', { uid: owner, sid }));
  expect([room.heard, second.heard]).toEqual([[], []]);
});

test('GuildWatch: the guild starts anew, the room hears of it and goes on hearing', async () => {
  const { gid, owner, member, sid } = await voiceGuild();
  const room = new Room();
  await port.watch(sid, room.onChange);
  await unhost();
  await host();
  expect(await room.next()).toBe(0);
  value(await call(guild(gid), 'kick', { uid: owner, target: member, reason: null }));
  expect(await room.next()).toBe(member);
  port.unwatch(sid, room.onChange);
});

test('GuildWatch: its actor starts anew, rooms are registered again', async () => {
  const { gid, owner, sid } = await voiceGuild();
  const room = new Room();
  await port.watch(sid, room.onChange);
  await stop(actor, 'shutdown');
  expect(await port.settings(sid)).toMatchObject({ code: 'unavailable' });
  actor = await spawn(GuildWatchActor, port);
  expect(await room.next()).toBe(0);
  value(await call(guild(gid), 'removeChannel', { uid: owner, sid }));
  expect(await room.next()).toBe(0);
  expect(await port.settings(sid)).toMatchObject({ code: 'not_found' });
  port.unwatch(sid, room.onChange);
});

test('GuildWatch: the store cannot be read, unavailable', async () => {
  const { member, sid } = await voiceGuild();
  isDown = true;
  expect(await port.permsOf(sid, member)).toBe(null);
  expect(await port.settings(sid)).toMatchObject({ code: 'unavailable' });
  expect(await port.watch(sid, () => undefined)).toMatchObject({ code: 'unavailable' });
  isDown = false;
});

test('GuildWatch: acts are judged by the guild', async () => {
  const { owner, member, sid } = await voiceGuild();
  const act = { kind: 'mute', on: true } as const;
  expect(await port.act(sid, { uid: owner, target: member, act })).toMatchObject({ ok: true });
  expect(await port.act(sid, { uid: member, target: owner, act })).toMatchObject({
    code: 'forbidden',
  });
  expect(await port.act(12345, { uid: owner, target: member, act })).toMatchObject({
    code: 'not_found',
  });
});
