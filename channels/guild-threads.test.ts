/** Threads as actors of the real runtime: making, rights of the parent, the end with it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../runtime/index.ts';
import { PERM_SEND, PERM_VIEW } from './permissions.ts';
import { Domain, guild, stream, value } from './test/domain.ts';
import type { Id, Result } from './types.ts';

const domain = new Domain();
beforeAll(() => domain.start());
afterAll(() => domain.stop());

const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);

async function send(sid: Id, uid: Id, content: string, kind = 1): Promise<string> {
  const body = kind === 1 ? [content] : [1];
  const reply = await call(stream(sid), 'append', { uid, nonce: content, kind, body });
  return reply.ok ? 'ok' : String(reply.code);
}

/** A guild of two with a message at seq 1 of its channel. */
async function home() {
  const made = await domain.guildOfTwo();
  const view = value(await call(guild(made.gid), 'view', { uid: made.owner }));
  const sid = view.channels[0]?.sid ?? 0;
  expect(await send(sid, made.member, 'start')).toBe('ok');
  return { ...made, sid, viewSid: view.viewSids[0] ?? 0 };
}

test('createThread: by a member, from a message: kind 21 with parent and seq, a stream of its own', async () => {
  const { gid, owner, member, sid, viewSid } = await home();
  const m = { uid: member, sid, seq: 1, name: 'Details' };
  const thread = value(await call(guild(gid), 'createThread', m));
  expect(thread).toMatchObject({ type: 'thread', parentId: sid, startSeq: 1, name: 'Details' });
  const body = [thread.id, 5, 'Details', null, 0, sid, 1];
  expect(await domain.eventOf(viewSid, owner, 21)).toEqual(body);
  expect(await send(thread.id, owner, 'hello')).toBe('ok');
  expect(value(await call(guild(gid), 'threads', { uid: owner, sid }))).toEqual([thread]);
  const view = value(await call(guild(gid), 'view', { uid: owner }));
  expect(view.channels.find((one) => one.sid === thread.id)).toMatchObject({ type: 5, seq: 1 });
});

test('createThread: no message, a second one, in a thread, by a stranger: refused', async () => {
  const { gid, member, sid } = await home();
  await send(sid, member, 'gone');
  await call(stream(sid), 'append', { uid: member, nonce: 'd', kind: 3, body: [2] });
  const open = async (m: { uid?: Id; sid?: Id; seq?: number }): Promise<string> =>
    codeOf(await call(guild(gid), 'createThread', { uid: member, sid, seq: 1, name: 'T', ...m }));
  const stranger = (await domain.person()).user.id;
  expect(await open({ uid: stranger })).toBe('not_found');
  expect(await open({ sid: 99 })).toBe('not_found');
  for (const seq of [0, 2, 3, 4, 1.5]) expect(await open({ seq })).toBe('invalid');
  expect(await open({})).toBe('ok');
  expect(await open({})).toBe('conflict');
  const threads = value(await call(guild(gid), 'threads', { uid: member, sid }));
  expect(await open({ sid: threads[0]?.id ?? 0 })).toBe('invalid');
  const asked = await call(guild(gid), 'threads', { uid: stranger, sid });
  expect(codeOf(asked)).toBe('not_found');
});

test('thread: rights of the parent, also when they change; nobody sends where the parent is hidden', async () => {
  const { gid, owner, member, sid } = await home();
  const made = await call(guild(gid), 'createThread', { uid: member, sid, seq: 1, name: 'T' });
  const { id } = value(made);
  expect(await send(id, member, 'one')).toBe('ok');
  const overwrite = { uid: owner, sid, target: gid, type: 'role' as const, allow: 0 };
  value(await call(guild(gid), 'setOverwrite', { ...overwrite, deny: PERM_SEND }));
  expect(await send(id, member, 'two')).toBe('303');
  value(await call(guild(gid), 'setOverwrite', { ...overwrite, deny: PERM_VIEW }));
  expect(await send(id, member, 'three')).toBe('301');
  const hidden = await call(guild(gid), 'threads', { uid: member, sid });
  expect(codeOf(hidden)).toBe('not_found');
  expect(await send(id, owner, 'four')).toBe('ok');
});

test('removeChannel: parent gone, its threads and their streams too', async () => {
  const { gid, owner, member, sid } = await home();
  const made = await call(guild(gid), 'createThread', { uid: member, sid, seq: 1, name: 'T' });
  const { id } = value(made);
  await call(stream(id), 'subscribe', { gateway: domain.fanOut, uid: member });
  const revoked = call(domain.fanOut, 'next', 'revoke');
  value(await call(guild(gid), 'removeChannel', { uid: owner, sid }));
  expect(await revoked).toEqual({ sid: id, uid: 0, code: 301 });
  expect(await send(id, member, 'after')).toBe('301');
  expect(value(await call(guild(gid), 'channels', { uid: owner }))).toEqual([]);
});

test('slow mode: set by a manager, holds for members of that channel only, not for its threads', async () => {
  const { gid, owner, member, sid } = await home();
  const made = await call(guild(gid), 'createThread', { uid: member, sid, seq: 1, name: 'T' });
  const { id } = value(made);
  value(await call(guild(gid), 'updateChannel', { uid: owner, sid, slowModeS: 30 }));
  const again = { uid: member, nonce: 'again', kind: 1, body: ['again'] };
  expect(await call(stream(sid), 'append', again)).toMatchObject({ code: 421, retryMs: 30_000 });
  for (const text of ['a', 'b']) expect(await send(sid, owner, text)).toBe('ok');
  for (const text of ['a', 'b']) expect(await send(id, member, text)).toBe('ok');
  await domain.clock.advance(30_000);
  expect(await send(sid, member, 'again')).toBe('ok');
});
