/** Roles, overwrites, visibility classes and their views, as actors of the real runtime. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../runtime/index.ts';
import { childKey, childPrefix, guildKey, streamKey } from './docs.ts';
import {
  PERM_HISTORY,
  PERM_MANAGE,
  PERM_SEND,
  PERM_VIEW,
  PERMS_ALL,
  PERMS_EVERYONE,
} from './permissions.ts';
import { Domain, guild, stream, value } from './test/domain.ts';
import type { GuildView, Id, Overwrite, Result } from './types.ts';

const domain = new Domain();
beforeAll(() => domain.start());
afterAll(() => domain.stop());

const code = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);
const viewOf = async (gid: Id, uid: Id): Promise<GuildView> =>
  value(await call(guild(gid), 'view', { uid }));
const hide = (gid: Id): Overwrite => ({ target: gid, type: 'role', allow: 0, deny: PERM_VIEW });

async function newRole(gid: Id, uid: Id, perms: number, name = 'role'): Promise<Id> {
  return value(await call(guild(gid), 'createRole', { uid, name, color: 0, perms })).id;
}

/** A guild of two with a second channel, its main view and the sids of both channels. */
async function twoChannels() {
  const made = await domain.guildOfTwo();
  const { gid, owner } = made;
  const news = value(
    await call(guild(gid), 'createChannel', { uid: owner, name: 'news', topic: null }),
  );
  const view = await viewOf(gid, owner);
  const [general] = view.channels;
  return { ...made, general: general?.sid ?? 0, news: news.id, main: view.viewSids[0] ?? 0 };
}

test('createRole: on top for the owner, told on the main view, listed in GUILD after everyone', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const g = guild(gid);
  const red = { uid: owner, name: 'red', color: 0xff0000, perms: PERM_MANAGE };
  const one = value(await call(g, 'createRole', red));
  expect(one).toMatchObject({ guildId: gid, name: 'red', color: 0xff0000, position: 1 });
  const two = value(await call(g, 'createRole', { ...red, name: 'blue' }));
  expect(two.position).toBe(2);
  const view = await viewOf(gid, member);
  expect(view.roles).toEqual([
    [gid, 'everyone', 0, 0, PERMS_EVERYONE],
    [one.id, 'red', 0xff0000, 1, PERM_MANAGE],
    [two.id, 'blue', 0xff0000, 2, PERM_MANAGE],
  ]);
  expect((await domain.eventsOf(view.viewSids[0] ?? 0, member, 24, 2)).at(-1)).toEqual([
    two.id,
    'blue',
    0xff0000,
    2,
    PERM_MANAGE,
  ]);
  const moved = value(await call(g, 'updateRole', { uid: owner, role: two.id, position: 1 }));
  expect(moved.position).toBe(1);
  const order = value(await call(g, 'roles', { uid: member })).map((r) => [r.name, r.position]);
  expect(order).toEqual([
    ['everyone', 0],
    ['blue', 1],
    ['red', 2],
  ]);
});

test('roles: values out of range invalid, strangers not_found, members forbidden', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const stranger = (await domain.person()).user.id;
  const g = guild(gid);
  const role = { name: 'x', color: 0, perms: 0 };
  expect(code(await call(g, 'createRole', { uid: member, ...role }))).toBe('forbidden');
  expect(code(await call(g, 'createRole', { uid: stranger, ...role }))).toBe('not_found');
  const bad = [{ perms: PERMS_ALL + 1 }, { perms: -1 }, { color: 0x1000000 }, { perms: 1.5 }];
  for (const part of bad) {
    const [field] = Object.keys(part);
    const refused = await call(g, 'createRole', { uid: owner, ...role, ...part });
    expect(refused).toMatchObject({ code: 'invalid', field });
  }
  expect(await call(g, 'updateRole', { uid: owner, role: gid, name: 'all' })).toMatchObject({
    code: 'invalid',
    field: 'name',
  });
  expect(code(await call(g, 'removeRole', { uid: owner, role: gid }))).toBe('forbidden');
  expect(code(await call(g, 'removeRole', { uid: owner, role: 12345 }))).toBe('not_found');
});

test('hierarchy: a manager acts on roles and members below, gives only bits of the own, not more', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const g = guild(gid);
  const low = await newRole(gid, owner, 0, 'low');
  const mods = await newRole(gid, owner, PERM_MANAGE, 'mods');
  const top = await newRole(gid, owner, PERMS_ALL, 'top');
  value(await call(g, 'updateMember', { uid: owner, target: member, roles: [mods] }));
  const uid = member;
  const all = [
    await call(g, 'updateRole', { uid, role: low, name: 'lower' }),
    await call(g, 'updateRole', { uid, role: low, perms: 1 << 9 }),
    await call(g, 'updateRole', { uid, role: low, position: 2 }),
    await call(g, 'updateRole', { uid, role: mods, name: 'gods' }),
    await call(g, 'updateRole', { uid, role: top, name: 'bottom' }),
    await call(g, 'removeRole', { uid, role: top }),
    await call(g, 'updateMember', { uid, target: uid, roles: [mods, low] }),
    await call(g, 'updateMember', { uid, target: uid, roles: [mods, low, top] }),
    await call(g, 'updateMember', { uid, target: owner, nick: 'boss' }),
    await call(g, 'kick', { uid, target: owner, reason: null }),
    await call(g, 'createRole', { uid, name: 'mine', color: 0, perms: PERM_VIEW | PERM_MANAGE }),
    await call(g, 'createRole', { uid, name: 'more', color: 0, perms: PERMS_ALL }),
  ].map(code);
  const no = 'forbidden';
  expect(all).toEqual(['ok', no, no, no, no, no, 'ok', no, no, no, 'ok', no]);
  const names = value(await call(g, 'roles', { uid })).map((role) => role.name);
  expect(names).toEqual(['everyone', 'lower', 'mine', 'mods', 'top']);
});

test('setOverwrite: view denied, SUBEND, kind 23 in the old view, 21 in the new, 46, nothing left to see', async () => {
  const { gid, owner, member, general, news, main } = await twoChannels();
  const g = guild(gid);
  const before = await viewOf(gid, member);
  await call(stream(news), 'subscribe', { gateway: domain.fanOut, uid: member });
  const revoked = call(domain.fanOut, 'next', 'revoke');
  const set = value(await call(g, 'setOverwrite', { uid: owner, sid: news, ...hide(gid) }));
  expect(set.overwrites).toEqual([hide(gid)]);
  expect(await revoked).toEqual({ sid: news, uid: member, code: 301 });
  expect(await domain.eventOf(main, member, 23)).toEqual([news]);
  const theirs = await viewOf(gid, member);
  expect(theirs.channels.map((channel) => channel.sid)).toEqual([general]);
  expect(theirs.viewSids).toEqual([main]);
  expect(theirs.aclVer).toBeGreaterThan(before.aclVer);
  const ours = await viewOf(gid, owner);
  expect(ours.channels.map((channel) => channel.sid)).toEqual([general, news]);
  const hidden = ours.viewSids[1] ?? 0;
  expect(ours.viewSids).toEqual([main, hidden]);
  expect(await domain.eventOf(hidden, owner, 21)).toEqual([news, 1, 'news', null, 1]);
  expect(await domain.eventOf(member, member, 46)).toEqual([gid, theirs.aclVer]);
  const gateway = domain.fanOut;
  for (const sid of [news, hidden]) {
    expect(await call(stream(sid), 'subscribe', { gateway, uid: member })).toEqual({ ok: false });
    expect(await call(stream(sid), 'head', { uid: member })).toBeUndefined();
  }
  expect(value(await call(g, 'channels', { uid: member })).map((c) => c.id)).toEqual([general]);
  expect(await call(g, 'acl', { sid: news })).toMatchObject({ open: false, viewSid: hidden });
  expect(await call(g, 'acl', { sid: general })).toMatchObject({ open: true, viewSid: main });
});

test('removeOverwrite: the class ends, its view too, the channel is told on the main view', async () => {
  const { gid, owner, member, news, main } = await twoChannels();
  const g = guild(gid);
  value(await call(g, 'setOverwrite', { uid: owner, sid: news, ...hide(gid) }));
  const hidden = (await viewOf(gid, owner)).viewSids[1] ?? 0;
  await domain.eventOf(hidden, owner, 21);
  const subscribed = call(stream(hidden), 'subscribe', { gateway: domain.fanOut, uid: owner });
  expect(await subscribed).toMatchObject({ ok: true });
  const heard = [call(domain.fanOut, 'next', 'publish'), call(domain.fanOut, 'next', 'revoke')];
  value(await call(g, 'removeOverwrite', { uid: owner, sid: news, target: gid }));
  expect(await Promise.all(heard)).toMatchObject([{ sid: hidden }, { sid: hidden, uid: 0 }]);
  expect((await domain.eventsOf(main, member, 21, 2)).at(-1)).toEqual([news, 1, 'news', null, 1]);
  expect((await viewOf(gid, owner)).viewSids).toEqual([main]);
  await domain.untilEmpty(['outbox', 'view'], childPrefix(gid));
  expect(await domain.store.docs.get('stream', [streamKey(hidden)])).toEqual([undefined]);
  expect((await viewOf(gid, member)).channels.length).toBe(2);
  expect(code(await call(g, 'removeOverwrite', { uid: owner, sid: news, target: gid }))).toBe(
    'not_found',
  );
});

test('setOverwrite: two channels hidden alike share a view, a third for a member has its own', async () => {
  const { gid, owner, member, general, news } = await twoChannels();
  const g = guild(gid);
  for (const sid of [general, news]) {
    value(await call(g, 'setOverwrite', { uid: owner, sid, ...hide(gid) }));
  }
  expect((await viewOf(gid, owner)).viewSids.length).toBe(2);
  const mine: Overwrite = { target: member, type: 'member', allow: PERM_VIEW, deny: 0 };
  value(await call(g, 'setOverwrite', { uid: owner, sid: news, ...mine }));
  expect((await viewOf(gid, owner)).viewSids.length).toBe(3);
  const theirs = await viewOf(gid, member);
  expect(theirs.channels.map((channel) => [channel.sid, channel.perms])).toEqual([
    [news, PERMS_EVERYONE],
  ]);
  expect(theirs.viewSids.length).toBe(2);
});

test('updateRole: everyone loses view, all channels leave the main view, a role with view has them', async () => {
  const { gid, owner, member, news, main } = await twoChannels();
  const g = guild(gid);
  const three = await domain.person();
  const { code: invite } = value(
    await call(g, 'createInvite', { uid: owner, maxUses: null, maxAgeMs: null }),
  );
  value(await call(g, 'join', { uid: three.user.id, code: invite }));
  const readers = await newRole(gid, owner, PERM_VIEW | PERM_HISTORY, 'readers');
  value(await call(g, 'updateMember', { uid: owner, target: member, roles: [readers] }));
  value(await call(g, 'updateRole', { uid: owner, role: gid, perms: PERM_SEND }));
  expect(await viewOf(gid, three.user.id)).toMatchObject({ channels: [], viewSids: [main] });
  const theirs = await viewOf(gid, member);
  const perms = PERM_VIEW | PERM_HISTORY | PERM_SEND;
  expect(theirs.channels.map((channel) => channel.perms)).toEqual([perms, perms]);
  expect(theirs.viewSids.length).toBe(2);
  expect((await domain.eventsOf(main, member, 23, 2)).length).toBe(2);
  expect(await domain.eventOf(three.user.id, three.user.id, 46)).toEqual([gid, theirs.aclVer]);
  // A new channel is born into the class, and a deleted role takes its members' rights along.
  const more = value(await call(g, 'createChannel', { uid: owner, name: 'more', topic: null }));
  expect((await viewOf(gid, member)).viewSids).toEqual(theirs.viewSids);
  const gateway = domain.fanOut;
  expect((await call(stream(news), 'subscribe', { gateway, uid: member })).ok).toBe(true);
  const revoked = call(domain.fanOut, 'next', 'revoke');
  value(await call(g, 'removeRole', { uid: owner, role: readers }));
  expect(await revoked).toEqual({ sid: news, uid: member, code: 301 });
  expect(await call(g, 'perms', { uid: member, sid: more.id })).toBe(0);
  expect(value(await call(g, 'member', { uid: owner, target: member })).roles).toEqual([]);
  expect(await domain.eventOf(main, member, 25)).toEqual([readers]);
});

test('overwrites: bits that the manager lacks forbidden, unknown targets not_found, bad values invalid', async () => {
  const { gid, owner, member, news } = await twoChannels();
  const g = guild(gid);
  const mods = await newRole(gid, owner, PERM_MANAGE, 'mods');
  value(await call(g, 'updateMember', { uid: owner, target: member, roles: [mods] }));
  const set = async (o: Partial<Overwrite>, uid = member): Promise<string> =>
    code(await call(g, 'setOverwrite', { uid, sid: news, ...hide(gid), ...o }));
  expect(await set({ deny: 1 << 9 })).toBe('forbidden');
  expect(await set({ target: 12345 })).toBe('not_found');
  expect(await set({ target: 12345, type: 'member' })).toBe('not_found');
  expect(await set({ allow: 1, deny: 1 })).toBe('invalid');
  expect(await set({ allow: PERMS_ALL + 1 })).toBe('invalid');
  expect(await set({ target: mods })).toBe('forbidden');
  expect(await set({ target: owner, type: 'member' })).toBe('forbidden');
  expect(await set({ target: member, type: 'member', deny: PERM_SEND })).toBe('ok');
  expect(await set({})).toBe('ok');
  // The channel is gone for whoever may not view it any more, managers too.
  expect(await set({ deny: PERM_SEND })).toBe('not_found');
  expect(await set({ deny: PERM_SEND }, owner)).toBe('ok');
});

test('channels: changes by a member, forbidden where he may view, not_found where he may not', async () => {
  const { gid, owner, member, general, news } = await twoChannels();
  const g = guild(gid);
  value(await call(g, 'setOverwrite', { uid: owner, sid: news, ...hide(gid) }));
  const tried = async (sid: Id): Promise<readonly string[]> => [
    code(await call(g, 'updateChannel', { uid: member, sid, name: 'x' })),
    code(await call(g, 'removeChannel', { uid: member, sid })),
    code(await call(g, 'setOverwrite', { uid: member, sid, ...hide(gid) })),
    code(await call(g, 'removeOverwrite', { uid: member, sid, target: gid })),
  ];
  const all = (what: string) => Array.from({ length: 4 }, () => what);
  expect(await tried(general)).toEqual(all('forbidden'));
  expect(await tried(news)).toEqual(all('not_found'));
  expect(await tried(12345)).toEqual(all('not_found'));
});

test('createChannel: voice and slow mode, shown and told by type', async () => {
  const { gid, owner, member, main } = await twoChannels();
  const g = guild(gid);
  const voice = { uid: owner, name: 'talk', topic: null, type: 'voice' } as const;
  const made = value(await call(g, 'createChannel', voice));
  expect(made).toMatchObject({ type: 'voice', slowModeS: 0, parentId: null, startSeq: null });
  expect((await viewOf(gid, member)).channels.at(-1)).toMatchObject({ sid: made.id, type: 2 });
  expect((await domain.eventsOf(main, member, 21, 2)).at(-1)).toEqual([
    made.id,
    2,
    'talk',
    null,
    2,
  ]);
  const slow = { uid: owner, sid: made.id, slowModeS: 30 };
  expect(value(await call(g, 'updateChannel', slow)).slowModeS).toBe(30);
  expect(await call(g, 'acl', { sid: made.id })).toMatchObject({ slowModeS: 30 });
  expect(await call(g, 'updateChannel', { ...slow, slowModeS: 21_601 })).toMatchObject({
    code: 'invalid',
    field: 'slowModeS',
  });
});

test('a folder of before roles: documents without the new fields, everything has its default', async () => {
  const owner = (await domain.person()).user.id;
  const [gid, viewSid, sid] = [owner + 1, owner + 2, owner + 3];
  const counts = { aclVer: 1, memberCount: 1, outboxSeq: 0 };
  const old = { id: gid, name: 'Old', ownerId: owner, createdAt: 5, viewSid, ...counts };
  const expect_ = 'absent' as const;
  const doc = (kind: string, key: string, written: object) => {
    return { kind, key, expect: expect_, value: written };
  };
  const wrote = await domain.store.docs.write([
    doc('guild', guildKey(gid), old),
    doc('stream', streamKey(viewSid), { type: 'view', gid }),
    doc('stream', streamKey(sid), { type: 'channel', gid }),
    doc('channel', childKey(gid, sid), { id: sid, name: 'general', topic: null, position: 0 }),
    doc('member', childKey(gid, owner), { joinedAt: 5, nick: null, roles: [] }),
    doc('userGuild', childKey(owner, gid), {}),
  ]);
  expect(wrote.ok).toBe(true);
  expect(await viewOf(gid, owner)).toMatchObject({
    channels: [{ sid, type: 1, perms: PERMS_ALL }],
    roles: [[gid, 'everyone', 0, 0, PERMS_EVERYONE]],
    viewSids: [viewSid],
  });
  const shown = value(await call(guild(gid), 'channels', { uid: owner }))[0];
  expect(shown).toMatchObject({ type: 'text', slowModeS: 0, overwrites: [], parentId: null });
  expect(value(await call(guild(gid), 'audit', { uid: owner, before: 0, limit: 10 }))).toEqual([]);
  value(await call(guild(gid), 'setOverwrite', { uid: owner, sid, ...hide(gid) }));
  expect(
    value(await call(guild(gid), 'audit', { uid: owner, before: 0, limit: 10 })),
  ).toMatchObject([{ id: 1, action: 'overwrite.set', target: String(sid) }]);
  await domain.unhost();
  await domain.host();
  expect((await viewOf(gid, owner)).viewSids.length).toBe(2);
});

test('names: more than a GUILD reply can carry, conflict; a shorter one instead fits', async () => {
  const { gid, owner } = await domain.guildOfTwo();
  const g = guild(gid);
  const name = '\u{1f600}'.repeat(64);
  const create = async (): Promise<string> =>
    code(await call(g, 'createRole', { uid: owner, name, color: 0, perms: 0 }));
  let made = 0;
  while ((await create()) === 'ok') made += 1;
  expect(made).toBe(191);
  expect(await create()).toBe('conflict');
  const channel = { uid: owner, name, topic: null };
  expect(code(await call(g, 'createChannel', channel))).toBe('conflict');
  const sid = value(await call(g, 'channels', { uid: owner }))[0]?.id ?? 0;
  expect(code(await call(g, 'updateChannel', { uid: owner, sid, name }))).toBe('conflict');
  expect(code(await call(g, 'updateChannel', { uid: owner, sid, name: 'short' }))).toBe('ok');
});
