/** Voice channels of a guild: settings, rooms that hear of changes, acts on others, as actors of the real runtime. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, defineActor, type Ref, spawn, stop } from '../runtime/index.ts';
import {
  PERM_CONNECT,
  PERM_MOVE,
  PERM_PLAY,
  PERM_RECORD,
  PERM_VIEW,
  PERMS_ALL,
  PERMS_EVERYONE,
} from './permissions.ts';
import { Domain, guild, value } from './test/domain.ts';
import type { AuditEntry, Id, Result, VoiceAct, VoiceWatcherP } from './types.ts';

interface RoomsP extends VoiceWatcherP {
  /** What was heard since the last time. */
  heard(): readonly (readonly [sid: Id, uid: Id])[];
}

const Rooms = defineActor<RoomsP, [Id, Id][], null>({
  init: () => [],
  handle: {
    voiceChanged: (s, { sid, uid }) => {
      s.push([sid, uid]);
    },
    heard: (s) => s.splice(0),
  },
});

const domain = new Domain();
let rooms: Ref<RoomsP>;
beforeAll(async () => {
  await domain.start();
  rooms = await spawn(Rooms, null);
});
afterAll(async () => {
  await stop(rooms, 'shutdown');
  await domain.stop();
});

const code = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);

async function voiceGuild(): Promise<{ gid: Id; owner: Id; member: Id; sid: Id }> {
  const { gid, owner, member } = await domain.guildOfTwo();
  const channel = { uid: owner, name: 'talk', topic: null, type: 'voice' } as const;
  const { id: sid } = value(await call(guild(gid), 'createChannel', channel));
  return { gid, owner, member, sid };
}

async function watched(gid: Id, sid: Id): Promise<void> {
  expect(await call(guild(gid), 'voiceWatch', { sid, watcher: rooms })).toMatchObject({
    channel: { gid },
  });
  await call(rooms, 'heard');
}

async function newRole(gid: Id, uid: Id, perms: number, to: Id): Promise<void> {
  const role = { uid, name: 'r', color: 0, perms };
  const { id } = value(await call(guild(gid), 'createRole', role));
  value(await call(guild(gid), 'updateMember', { uid, target: to, roles: [id] }));
}

test('settings: defaults, changes with their bounds, audit; a text channel has none', async () => {
  const { gid, owner, member, sid } = await voiceGuild();
  const g = guild(gid);
  const defaults = { bitrate: 40_000, userLimit: 0, mode: 'open', e2e: 0 };
  expect(await call(g, 'voiceChannel', { sid })).toEqual({ gid, settings: defaults });
  const set = async (voice: object): Promise<unknown> => {
    const done = await call(g, 'updateChannel', { uid: owner, sid, voice });
    return done.ok ? done.value.voice : done.field;
  };
  expect(await set({ bitrate: 64_000, mode: 'stage' })).toEqual({
    ...defaults,
    bitrate: 64_000,
    mode: 'stage',
  });
  const [entry] = value(await call(g, 'audit', { uid: owner, before: 0, limit: 1 }));
  expect(entry?.changes).toEqual([
    { field: 'bitrate', from: 40_000, to: 64_000 },
    { field: 'mode', from: 'open', to: 'stage' },
  ]);
  expect(await set({ bitrate: 15_999 })).toBe('voice.bitrate');
  expect(await set({ bitrate: 128_001 })).toBe('voice.bitrate');
  expect(await set({ userLimit: 10_001 })).toBe('voice.userLimit');
  expect(await set({ mode: 'loud' })).toBe('voice.mode');
  expect(await set({ e2e: 1.5 })).toBe('voice.e2e');
  const shown = value(await call(g, 'channels', { uid: member }));
  expect(shown.map(({ voice }) => voice?.mode)).toEqual([undefined, 'stage']);
  const text = shown[0]?.id ?? 0;
  const wrong = { uid: owner, sid: text, voice: { userLimit: 2 } };
  expect(await call(g, 'updateChannel', wrong)).toMatchObject({ code: 'invalid', field: 'voice' });
  expect(await call(g, 'voiceChannel', { sid: text })).toBe(undefined);
  expect(await call(g, 'voiceWatch', { sid: text, watcher: rooms })).toBe(undefined);
});

test('voicePerms: members by their rights, strangers and other channels nothing', async () => {
  const { gid, owner, member, sid } = await voiceGuild();
  const uids = [owner, member, 12345];
  const g = guild(gid);
  expect(await call(g, 'voicePerms', { sid, uids })).toEqual([PERMS_ALL, PERMS_EVERYONE, 0]);
  expect(await call(g, 'voicePerms', { sid: gid, uids })).toEqual([0, 0, 0]);
});

test('voiceChanged: rights, overwrites, settings, kicks and the end of a channel are told, names are not', async () => {
  const { gid, owner, member, sid } = await voiceGuild();
  await watched(gid, sid);
  const g = guild(gid);
  const heard = () => call(rooms, 'heard');
  const over = { uid: owner, sid, target: member, type: 'member', allow: 0, deny: PERM_CONNECT };
  value(await call(g, 'setOverwrite', { ...over, type: 'member' }));
  expect(await heard()).toEqual([[sid, member]]);
  value(await call(g, 'removeOverwrite', { uid: owner, sid, target: member }));
  expect(await heard()).toEqual([[sid, member]]);
  value(await call(g, 'updateChannel', { uid: owner, sid, name: 'talk more' }));
  expect(await heard()).toEqual([]);
  value(await call(g, 'updateChannel', { uid: owner, sid, voice: { userLimit: 5 } }));
  expect(await heard()).toEqual([[sid, 0]]);
  value(await call(g, 'updateRole', { uid: owner, role: gid, perms: PERMS_EVERYONE | PERM_MOVE }));
  expect(await heard()).toEqual([[sid, 0]]);
  value(await call(g, 'kick', { uid: owner, target: member, reason: null }));
  expect(await heard()).toEqual([[sid, member]]);
  value(await call(g, 'removeChannel', { uid: owner, sid }));
  expect(await heard()).toEqual([[sid, 0]]);
  expect(await call(g, 'voiceChannel', { sid })).toBe(undefined);
});

test('voiceChanged: the end of the guild is told; after voiceUnwatch nothing is', async () => {
  const { gid, owner, sid } = await voiceGuild();
  const other = await voiceGuild();
  await watched(gid, sid);
  await watched(other.gid, other.sid);
  await call(guild(other.gid), 'voiceUnwatch', { sid: other.sid, watcher: rooms });
  value(await call(guild(other.gid), 'remove', { uid: other.owner }));
  value(await call(guild(gid), 'remove', { uid: owner }));
  expect(new Set((await call(rooms, 'heard')).map(([channel]) => channel))).toEqual(new Set([sid]));
});

test('voiceChanged: a commit without an answer that was carried out is told when it is known', async () => {
  const { gid, owner, member, sid } = await voiceGuild();
  await watched(gid, sid);
  domain.docFaults.push('rejectAfter');
  const over = { uid: owner, sid, target: member, type: 'member', allow: 0, deny: PERM_CONNECT };
  const done = await call(guild(gid), 'setOverwrite', { ...over, type: 'member' });
  expect(done).toMatchObject({ code: 'unavailable', unknown: true });
  const uids = [member];
  const perms = await call(guild(gid), 'voicePerms', { sid, uids });
  expect(perms).toEqual([PERMS_EVERYONE & ~PERM_CONNECT]);
  expect(await call(rooms, 'heard')).toContainEqual([sid, 0]);
});

test('voiceAct: needs the right and a target below, and is in the audit log', async () => {
  const { gid, owner, member, sid } = await voiceGuild();
  const g = guild(gid);
  const mute: VoiceAct = { kind: 'mute', on: true };
  const act = async (uid: Id, target: Id, what: VoiceAct): Promise<string> =>
    code(await call(g, 'voiceAct', { uid, sid, target, act: what }));
  expect(await act(member, owner, mute)).toBe('forbidden');
  expect(await act(12345, owner, mute)).toBe('not_found');
  expect(await act(owner, 12345, mute)).toBe('not_found');
  expect(await act(owner, member, mute)).toBe('ok');
  expect(await act(owner, owner, mute)).toBe('ok');
  await newRole(gid, owner, PERM_MOVE, member);
  expect(await act(member, owner, { kind: 'disconnect' })).toBe('forbidden');
  expect(await act(member, member, { kind: 'disconnect' })).toBe('ok');
  expect(await act(member, member, { kind: 'record', on: true })).toBe('forbidden');
  await newRole(gid, owner, PERM_RECORD, member);
  expect(await act(member, 0, { kind: 'record', on: true })).toBe('ok');
  const play: VoiceAct = { kind: 'play', file: 'a.opus' };
  expect(await act(member, member, play)).toBe('forbidden');
  await newRole(gid, owner, PERM_PLAY, member);
  expect(await act(member, 0, play)).toBe('ok');
  const log: readonly AuditEntry[] = value(
    await call(g, 'audit', { uid: owner, before: 0, limit: 100 }),
  );
  const acts = log.filter(({ action }) => action.startsWith('voice.'));
  expect(acts.map(({ action, actorId, target }) => [action, actorId, target])).toEqual([
    ['voice.play', member, String(sid)],
    ['voice.record', member, String(sid)],
    ['voice.disconnect', member, String(member)],
    ['voice.mute', owner, String(owner)],
    ['voice.mute', owner, String(member)],
  ]);
  expect(acts[0]?.changes).toEqual([{ field: 'file', from: null, to: 'a.opus' }]);
  expect(acts[4]?.changes).toEqual([
    { field: 'channel', from: null, to: sid },
    { field: 'on', from: null, to: 1 },
  ]);
});

test('voiceAct: a move needs the right in both channels, and that the target may connect there', async () => {
  const { gid, owner, member, sid } = await voiceGuild();
  const g = guild(gid);
  const made = { uid: owner, name: 'other', topic: null, type: 'voice' } as const;
  const { id: to } = value(await call(g, 'createChannel', made));
  const move = async (uid: Id, target: Id, where: Id): Promise<string> => {
    const act = { kind: 'move', to: where } as const;
    return code(await call(g, 'voiceAct', { uid, sid, target, act }));
  };
  expect(await move(owner, member, to)).toBe('ok');
  const text = value(await call(g, 'channels', { uid: owner }))[0]?.id ?? 0;
  expect(await move(owner, member, text)).toBe('not_found');
  await newRole(gid, owner, PERM_MOVE, member);
  expect(await move(member, member, to)).toBe('ok');
  const deny = async (bits: number): Promise<void> => {
    const over = { uid: owner, sid: to, target: member, type: 'member', allow: 0 } as const;
    value(await call(g, 'setOverwrite', { ...over, deny: bits }));
  };
  await deny(PERM_MOVE);
  expect(await move(member, member, to)).toBe('forbidden');
  await deny(PERM_CONNECT);
  expect(await move(owner, member, to)).toBe('forbidden');
  await deny(PERM_VIEW);
  expect(await move(member, member, to)).toBe('not_found');
});
