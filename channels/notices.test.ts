/** Unread heads, mentions and markers through the actors, with actors killed and the shard ended. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, configureRuntime, exit, systemClock, whereis } from '../runtime/index.ts';
import { guildKey } from './docs.ts';
import { Domain, guild, stream, user, value } from './test/domain.ts';
import { decode, settled } from './test/kit.ts';
import type { Id, WireValue } from './types.ts';

const KIND_MARKER = 43;
const KIND_MENTION = 44;
const domain = new Domain();

beforeAll(async () => {
  configureRuntime({ clock: domain.clock });
  await domain.start();
});
afterAll(async () => {
  await domain.stop();
  configureRuntime({ clock: systemClock });
});

async function channelOf(gid: Id, uid: Id): Promise<Id> {
  return value(await call(guild(gid), 'view', { uid })).channels[0]?.sid ?? 0;
}

let nonces = 0;
async function say(sid: Id, uid: Id, ...body: WireValue[]): Promise<number> {
  nonces += 1;
  const reply = await call(stream(sid), 'append', { uid, nonce: `n${nonces}`, kind: 1, body });
  if (!reply.ok) throw new Error(`append: got ${reply.code}`);
  return reply.seq;
}

/** Everything of a kind in a user's stream, now. */
async function told(uid: Id, kind: number): Promise<(readonly WireValue[])[]> {
  const page = await call(stream(uid), 'history', { uid, anchor: 0, before: 200, after: 0 });
  if (!page.ok) throw new Error(`history: got ${page.code}`);
  const events = page.frames.map(decode).filter((event) => event.kind === kind);
  return events.map(({ body }) => body);
}

/** `[sid, seq]` of the UNREADs that the gateway hears on a stream because of `act`. */
async function unreads(view: Id, uid: Id, act: () => Promise<unknown>): Promise<unknown[]> {
  await call(stream(view), 'subscribe', { gateway: domain.fanOut, uid });
  await call(domain.fanOut, 'notices', undefined);
  await act();
  for (let i = 0; i < 6; i += 1) await domain.clock.advance(500);
  const heard = await call(domain.fanOut, 'notices', undefined);
  return heard
    .filter((m) => m.sid === view && m.class === 'unread')
    .map(({ frame }) => {
      const [, moved] = JSON.parse(new TextDecoder().decode(frame));
      return moved.map(([sid, seq]: readonly [Id, number]) => [sid, seq]);
    });
}

test('mention: the stream is killed between commit and emit, told once without another message', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const sid = await channelOf(gid, owner);
  const seq = await say(sid, owner, `hi <@${member}>`);
  expect(await told(member, KIND_MENTION)).toEqual([]);
  const ref = whereis(stream(sid));
  if (ref === undefined) throw new Error('the stream sleeps');
  exit(ref, 'kill');
  expect(await domain.eventsOf(member, member, KIND_MENTION)).toEqual([[sid, seq]]);
  for (let i = 0; i < 3; i += 1) await domain.clock.advance(1000);
  expect(await told(member, KIND_MENTION)).toEqual([[sid, seq]]);
});

test('mention: the shard ends between commit and emit, told when it is back, nobody asks', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const sid = await channelOf(gid, owner);
  const seq = await say(sid, owner, `<@${member}>`);
  await domain.unhost();
  await domain.host();
  expect(await domain.eventsOf(member, member, KIND_MENTION)).toEqual([[sid, seq]]);
});

test('mention of everyone: all members of a small guild but the author', async () => {
  const { gid, owner, member, code } = await domain.guildOfTwo();
  const other = (await domain.person()).user.id;
  value(await call(guild(gid), 'join', { uid: other, code }));
  const sid = await channelOf(gid, owner);
  const seq = await say(sid, owner, 'all', null, 2);
  await domain.clock.advance(1000);
  for (const uid of [member, other]) {
    expect(await domain.eventsOf(uid, uid, KIND_MENTION)).toEqual([[sid, seq]]);
  }
  expect(await told(owner, KIND_MENTION)).toEqual([]);
});

test('mention of everyone in a guild of more than 250: those online only', async () => {
  const { gid, owner, member, code } = await domain.guildOfTwo();
  const here = await domain.person();
  value(await call(guild(gid), 'join', { uid: here.user.id, code }));
  const { docs } = domain.store;
  const [doc] = await docs.get<object>('guild', [guildKey(gid)]);
  await domain.unhost();
  const large = { ...doc?.value, memberCount: 251 };
  await docs.write([{ kind: 'guild', key: guildKey(gid), expect: 'any', value: large }]);
  await domain.host();
  const connect = { gateway: domain.fanOut, conn: 1, login: here.login };
  expect((await call(user(here.user.id), 'connect', connect)).ok).toBe(true);
  await settled();
  const sid = await channelOf(gid, owner);
  const seq = await say(sid, owner, 'all', null, 2);
  await domain.clock.advance(1000);
  expect(await domain.eventsOf(here.user.id, here.user.id, KIND_MENTION)).toEqual([[sid, seq]]);
  expect(await told(member, KIND_MENTION)).toEqual([]);
});

test('UNREAD: on the view of the channel and no other, the newest head, once per second', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const sid = await channelOf(gid, owner);
  const [main] = value(await call(guild(gid), 'view', { uid: owner })).viewSids;
  const secret = value(
    await call(guild(gid), 'createChannel', { uid: owner, name: 'secret', topic: null }),
  );
  const hide = { target: gid, type: 'role', allow: 0, deny: 1 } as const;
  value(await call(guild(gid), 'setOverwrite', { uid: owner, sid: secret.id, ...hide }));
  const views = value(await call(guild(gid), 'view', { uid: owner })).viewSids;
  const hidden = views.find((view) => view !== main) ?? 0;
  await call(stream(hidden), 'subscribe', { gateway: domain.fanOut, uid: owner });
  const heard = await unreads(main ?? 0, member, async () => {
    for (let i = 0; i < 5; i += 1) await say(sid, owner, 'x');
    await say(secret.id, owner, 'x');
  });
  expect(heard).toEqual([[[sid, 5]]]);
  const heardHidden = await unreads(hidden, owner, () => say(secret.id, owner, 'x'));
  expect(heardHidden).toEqual([[[secret.id, 2]]]);
});

test('UNREAD of a dm: on the user stream of each member', async () => {
  const { owner, member } = await domain.guildOfTwo();
  const dm = value(await domain.accounts.openDm({ uid: owner, to: member }));
  const heard = await unreads(member, member, () => say(dm.id, owner, 'psst'));
  expect(heard).toEqual([[[dm.id, 1]]]);
});

test('MARK: kept over the death of the user actor, told as kind 43, not beyond the head', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const sid = await channelOf(gid, owner);
  for (let i = 0; i < 3; i += 1) await say(sid, owner, 'x');
  expect(await call(user(member), 'mark', { sid, seq: 2 })).toEqual({
    ok: true,
    value: { seq: 2 },
  });
  await domain.clock.advance(10);
  expect(await domain.eventsOf(member, member, KIND_MARKER)).toEqual([[sid, 2]]);
  const ref = whereis(user(member));
  if (ref !== undefined) exit(ref, 'kill');
  await settled();
  expect(await call(user(member), 'markers', { sids: [sid, 7] })).toEqual({
    ok: true,
    value: [2, 0],
  });
  expect(value(await call(user(member), 'mark', { sid, seq: 99 }))).toEqual({ seq: 3 });
  expect(value(await call(user(member), 'mark', { sid, seq: 1 }))).toEqual({ seq: 3 });
  const stranger = (await domain.person()).user.id;
  expect(await call(user(stranger), 'mark', { sid, seq: 1 })).toMatchObject({ code: 'not_found' });
});

test('MARK: kept at an orderly end of the shard, before its time', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const sid = await channelOf(gid, owner);
  for (let i = 0; i < 3; i += 1) await say(sid, owner, 'x');
  for (const seq of [1, 2, 3]) await call(user(member), 'mark', { sid, seq });
  await domain.unhost();
  await domain.host();
  expect(await call(user(member), 'markers', { sids: [sid] })).toEqual({ ok: true, value: [3] });
});

test('own message: the marker follows, kept when the session ends', async () => {
  const { gid, owner } = await domain.guildOfTwo();
  const sid = await channelOf(gid, owner);
  const seq = await say(sid, owner, 'x');
  await call(user(owner), 'wrote', { at: [[sid, seq]], session: 's' });
  await call(user(owner), 'disconnected', { session: 's', connNo: 1, ended: true });
  const ref = whereis(user(owner));
  if (ref !== undefined) exit(ref, 'kill');
  await settled();
  expect(await call(user(owner), 'markers', { sids: [sid] })).toEqual({ ok: true, value: [seq] });
});
