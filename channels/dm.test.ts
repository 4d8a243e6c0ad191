/** Direct messages as actors of the real runtime: opening, rights, groups, what their members are told. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { call, entity } from '../runtime/index.ts';
import { GROUP_MEMBERS_MAX, PERMS_DM } from './dm-docs.ts';
import { childPrefix } from './docs.ts';
import { pad } from './ids.ts';
import { PERM_MANAGE, PERM_PIN } from './permissions.ts';
import { Domain, guild, stream, value } from './test/domain.ts';
import type { Dm, DmP, Id, Result } from './types.ts';

const domain = new Domain();
beforeAll(() => domain.start());
afterAll(() => domain.stop());
afterEach(() => {
  domain.docsDown = false;
});

const dm = (sid: Id) => entity<DmP>('dm', sid);
const idsOf = (found: Dm): Id[] => found.members.map(({ id }) => id);
const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);

/** People of one guild, its owner first. */
async function people(count: number): Promise<Id[]> {
  const { gid, owner, member, code } = await domain.guildOfTwo();
  const all = [owner, member];
  while (all.length < count) {
    const uid = (await domain.person()).user.id;
    value(await call(guild(gid), 'join', { uid, code }));
    all.push(uid);
  }
  return all;
}

async function send(
  sid: Id,
  uid: Id,
  content: string,
  nonce = content.replaceAll(' ', '_'),
): Promise<string> {
  const reply = await call(stream(sid), 'append', { uid, nonce, kind: 1, body: [content] });
  return reply.ok ? 'ok' : String(reply.code);
}

test('openDm: both open at once on two threads, one dm and one kind 42 for each', async () => {
  const [a = 0, b = 0] = await people(2);
  const other = domain.makeAccounts('open', 3);
  const opened = await Promise.all([
    domain.accounts.openDm({ uid: a, to: b }),
    other.openDm({ uid: b, to: a }),
    domain.accounts.openDm({ uid: a, to: b }),
    other.openDm({ uid: b, to: a }),
  ]);
  const [first, ...rest] = opened.map(value);
  expect(new Set(rest.map(({ id }) => id))).toEqual(new Set([first?.id]));
  expect(first).toMatchObject({ type: 'dm', name: null, ownerId: null });
  for (const uid of [a, b]) {
    await domain.untilEmpty(['dmOutbox'], childPrefix(first?.id ?? 0));
    expect(await domain.eventsOf(uid, uid, 42)).toEqual([[first?.id]]);
    expect(value(await domain.accounts.dms(uid)).map(({ id }) => id)).toEqual([first?.id]);
  }
});

test('openDm: with oneself invalid, without a guild in common and absent alike forbidden', async () => {
  const [a = 0] = await people(2);
  const stranger = (await domain.person()).user.id;
  const to = async (uid: Id): Promise<string> =>
    codeOf(await domain.accounts.openDm({ uid: a, to: uid }));
  expect([await to(a), await to(stranger), await to(99)]).toEqual([
    'invalid',
    'forbidden',
    'forbidden',
  ]);
});

test('openDm: guild left since, the dm that exists is given and still works', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const { id } = value(await domain.accounts.openDm({ uid: owner, to: member }));
  value(await call(guild(gid), 'leave', { uid: member }));
  expect(value(await domain.accounts.openDm({ uid: member, to: owner })).id).toBe(id);
  expect(await send(id, member, 'still there')).toBe('ok');
});

test('dm: two members may write, read and pin, nobody manages, others see nothing', async () => {
  const [a = 0, b = 0, c = 0] = await people(3);
  const { id } = value(await domain.accounts.openDm({ uid: a, to: b }));
  expect(await call(dm(id), 'perms', { uid: b, sid: id })).toBe(PERMS_DM);
  expect([PERMS_DM & PERM_MANAGE, PERMS_DM & PERM_PIN]).toEqual([0, PERM_PIN]);
  expect(await send(id, a, 'hello')).toBe('ok');
  expect(await send(id, c, 'me too')).toBe('301');
  const page = await call(stream(id), 'messages', { uid: b, anchor: { after: 0 }, limit: 10 });
  expect(page).toMatchObject({ ok: true, items: [{ actor: a, content: 'hello' }] });
  const pin = { uid: b, nonce: 'p', kind: 6, body: [1, true] };
  expect(await call(stream(id), 'append', pin)).toMatchObject({ ok: true });
  const remove = { uid: b, nonce: 'd', kind: 3, body: [1] };
  expect(await call(stream(id), 'append', remove)).toMatchObject({ ok: false, code: 303 });
  const asked = await Promise.all([b, c].map((uid) => call(dm(id), 'get', { uid })));
  expect(asked.map(codeOf)).toEqual(['ok', 'not_found']);
  expect(codeOf(await call(dm(id), 'leave', { uid: a }))).toBe('conflict');
  expect(codeOf(await call(dm(id), 'addMember', { uid: a, target: c }))).toBe('conflict');
});

test('openGroup: owner and others, kind 42 for all; too many or nobody invalid, a stranger forbidden', async () => {
  const all = await people(4);
  const [a = 0, b = 0, c = 0, d = 0] = all;
  const open = (uids: readonly Id[]) => domain.accounts.openGroup({ uid: a, uids, name: 'Trip' });
  const made = value(await open([b, c, b, a]));
  expect(made).toMatchObject({ type: 'group', name: 'Trip', ownerId: a });
  expect(idsOf(made)).toEqual([a, b, c]);
  for (const uid of [a, b, c]) expect(await domain.eventOf(uid, uid, 42)).toEqual([made.id]);
  expect(value(await open([b])).id).not.toBe(made.id);
  const stranger = (await domain.person()).user.id;
  const many = Array.from({ length: GROUP_MEMBERS_MAX }, (_, i) => 1000 + i);
  const refused = await Promise.all([open([a]), open(many), open([d, stranger]), open([d, 99])]);
  expect(refused.map(codeOf)).toEqual(['invalid', 'invalid', 'forbidden', 'forbidden']);
});

test('addMember: by any member, up to 16; who is in it stays, strangers may not be added', async () => {
  const all = await people(GROUP_MEMBERS_MAX + 1);
  const [a = 0, b = 0, c = 0] = all;
  const { id } = value(await domain.accounts.openGroup({ uid: a, uids: [b], name: null }));
  const add = (uid: Id, target: Id) => call(dm(id), 'addMember', { uid, target });
  expect(codeOf(await add(c, c))).toBe('not_found');
  expect(await send(id, c, 'early')).toBe('301');
  expect(idsOf(value(await add(b, c)))).toEqual([a, b, c]);
  expect(await send(id, c, 'late')).toBe('ok');
  expect(await domain.eventOf(c, c, 42)).toEqual([id]);
  expect(idsOf(value(await add(b, c)))).toEqual([a, b, c]);
  const stranger = (await domain.person()).user.id;
  expect(codeOf(await add(a, stranger))).toBe('forbidden');
  expect(codeOf(await add(a, 99))).toBe('forbidden');
  for (const uid of all.slice(3, GROUP_MEMBERS_MAX)) value(await add(c, uid));
  expect(codeOf(await add(a, all[GROUP_MEMBERS_MAX] ?? 0))).toBe('conflict');
});

test('leave: subscription ends with 301, the owner hands over, the last one ends the group', async () => {
  const [a = 0, b = 0, c = 0] = await people(3);
  const { id } = value(await domain.accounts.openGroup({ uid: a, uids: [b, c], name: null }));
  expect(await send(id, a, 'hello')).toBe('ok');
  await call(stream(id), 'subscribe', { gateway: domain.fanOut, uid: a });
  const revoked = call(domain.fanOut, 'next', 'revoke');
  value(await call(dm(id), 'leave', { uid: a }));
  expect(await revoked).toEqual({ sid: id, uid: a, code: 301 });
  expect(await send(id, a, 'gone')).toBe('301');
  const left = value(await call(dm(id), 'get', { uid: b }));
  expect([left.ownerId, idsOf(left)]).toEqual([b, [b, c]]);
  expect(value(await domain.accounts.dms(a))).toEqual([]);
  value(await call(dm(id), 'leave', { uid: b }));
  value(await call(dm(id), 'leave', { uid: c }));
  await domain.untilEmpty(['dmOutbox'], childPrefix(id));
  expect(codeOf(await call(dm(id), 'get', { uid: c }))).toBe('not_found');
  expect(await send(id, c, 'after')).toBe('301');
  expect(await domain.store.log.heads([id])).toEqual([]);
  const docs = await Promise.all(
    ['dm', 'stream'].map((kind) => domain.store.docs.get(kind, [pad(id)])),
  );
  expect(docs.flat()).toEqual([undefined, undefined]);
});

test('kind 7: by any member of a group, its name follows; an older one changes nothing', async () => {
  const [a = 0, b = 0] = await people(2);
  const { id } = value(await domain.accounts.openGroup({ uid: a, uids: [b], name: 'Old' }));
  const rename = { uid: b, nonce: 'r', kind: 7, body: ['New', 'topic'] };
  expect(await call(stream(id), 'append', rename)).toMatchObject({ ok: true, seq: 1 });
  const named = async (): Promise<readonly unknown[]> => {
    const found = value(await call(dm(id), 'get', { uid: a }));
    return [found.name, found.topic];
  };
  for (let i = 0; i < 1000 && (await named())[0] === 'Old'; i += 1);
  expect(await named()).toEqual(['New', 'topic']);
  value(await call(dm(id), 'renamed', { name: 'Older', topic: null, seq: 1 }));
  expect(await named()).toEqual(['New', 'topic']);
});

test('resume: shard ended before anybody was told, kind 42 comes after the start', async () => {
  const [a = 0, b = 0] = await people(2);
  await domain.unhost();
  const { id } = value(await domain.accounts.openDm({ uid: a, to: b }));
  await domain.host();
  for (const uid of [a, b]) expect(await domain.eventOf(uid, uid, 42)).toEqual([id]);
});

test('dm: documents away, 502 and unavailable, all well when they are back', async () => {
  const [a = 0, b = 0] = await people(2);
  const { id } = value(await domain.accounts.openDm({ uid: a, to: b }));
  await domain.untilEmpty(['dmOutbox'], childPrefix(id));
  await domain.unhost();
  await domain.host();
  const warm = await call(stream(id), 'head', { uid: 99 });
  expect(warm).toBeUndefined();
  await call(dm(id), 'get', { uid: a });
  domain.docsDown = true;
  expect(codeOf(await domain.accounts.openDm({ uid: a, to: b }))).toBe('unavailable');
  expect(codeOf(await call(dm(id), 'get', { uid: a }))).toBe('unavailable');
  domain.docsDown = false;
  expect(await send(id, a, 'x')).toBe('ok');
});

test('openDm: write without an answer, unavailable; the repeat finds it or makes it, one dm', async () => {
  for (const fault of ['rejectAfter', 'rejectBefore', 'unavailable'] as const) {
    const [a = 0, b = 0] = await people(2);
    domain.docFaults.push(fault);
    expect(codeOf(await domain.accounts.openDm({ uid: a, to: b }))).toBe('unavailable');
    const { id } = value(await domain.accounts.openDm({ uid: b, to: a }));
    expect(value(await domain.accounts.dms(a)).map((found) => found.id)).toEqual([id]);
    for (const uid of [a, b]) expect(await domain.eventsOf(uid, uid, 42)).toEqual([[id]]);
  }
});

test('addMember, leave: write without an answer, unavailable; rights and the repeat say what holds', async () => {
  for (const fault of ['rejectAfter', 'rejectBefore', 'unavailable'] as const) {
    const [a = 0, b = 0, c = 0] = await people(3);
    const { id } = value(await domain.accounts.openGroup({ uid: a, uids: [b], name: null }));
    expect(await send(id, c, 'early')).toBe('301');
    domain.docFaults.push(fault);
    const failed = await call(dm(id), 'addMember', { uid: a, target: c });
    const unknown = fault === 'unavailable' ? {} : { unknown: true };
    expect(failed).toEqual({ ok: false, code: 'unavailable', retryMs: 1000, ...unknown });
    value(await call(dm(id), 'addMember', { uid: a, target: c }));
    expect(await send(id, c, 'late')).toBe('ok');
    domain.docFaults.push(fault);
    expect(codeOf(await call(dm(id), 'leave', { uid: a }))).toBe('unavailable');
    const again = codeOf(await call(dm(id), 'leave', { uid: a }));
    expect(again).toBe(fault === 'rejectAfter' ? 'not_found' : 'ok');
    expect(await send(id, a, 'gone')).toBe('301');
    const left = value(await call(dm(id), 'get', { uid: b }));
    expect([left.ownerId, idsOf(left)]).toEqual([b, [b, c]]);
  }
});

test('leave: write without an answer that was done, nobody asks, the subscription ends all the same', async () => {
  const [a = 0, b = 0] = await people(2);
  const { id } = value(await domain.accounts.openGroup({ uid: a, uids: [b], name: null }));
  await call(stream(id), 'subscribe', { gateway: domain.fanOut, uid: b });
  const revoked = call(domain.fanOut, 'next', 'revoke');
  domain.docFaults.push('rejectAfter');
  expect(await call(dm(id), 'leave', { uid: b })).toMatchObject({ unknown: true });
  expect(await revoked).toEqual({ sid: id, uid: b, code: 301 });
});
