/** Appends on a stream without threads: nonces, rights, targets, redaction, revocation. */
import { expect, test } from 'vitest';
import { PERM_MANAGE, PERM_VIEW, PERMS_EVERYONE } from './permissions.ts';
import { decode, OWNER, SID, StreamRig, settled } from './test/kit.ts';

const A = 11;
const B = 12;

test('append: a message, committed, published once and answered with its numbers', async () => {
  const rig = await new StreamRig().start();
  await rig.subscribe(A);
  const reply = await rig.append(A, 'n1', 1, ['hi', null, 0, []]);
  expect(reply).toMatchObject({ ok: true, seq: 1, duplicate: false });
  expect(rig.published()).toMatchObject([{ seq: 1, kind: 1, actor: A, body: ['hi'] }]);
  expect(await rig.logged()).toEqual(rig.published().map((e) => ({ ...e })));
});

test('append: same nonce and content, the same numbers and no second event', async () => {
  const rig = await new StreamRig().start();
  const first = await rig.append(A, 'n1', 1, ['hi']);
  const again = await rig.append(A, 'n1', 1, ['hi', null, 0]);
  expect(again).toEqual({ ...first, duplicate: true });
  await rig.restart();
  expect(await rig.append(A, 'n1', 1, ['hi'])).toEqual({ ...first, duplicate: true });
  expect((await rig.logged()).length).toBe(1);
});

test('append: same nonce, other content, 311; another user, an ordinary append', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'n1', 1, ['x']);
  expect(await rig.append(A, 'n1', 1, ['y'])).toMatchObject({ ok: false, code: 311 });
  expect(await rig.append(B, 'n1', 1, ['y'])).toMatchObject({ ok: true, seq: 2 });
  await rig.restart();
  expect(await rig.append(A, 'n1', 1, ['y'])).toMatchObject({ ok: false, code: 311 });
});

test('append: two attempts with one nonce at once, one event and one duplicate', async () => {
  const rig = await new StreamRig().start();
  await rig.append(B, 'warm', 1, ['w']);
  const replies = await Promise.all([
    rig.send(A, 'n', 1, ['x']),
    rig.send(A, 'n', 1, ['x']),
    rig.send(A, 'n', 1, ['other']),
  ]);
  expect(replies).toMatchObject([
    { ok: true, seq: 2, duplicate: false },
    { ok: true, seq: 2, duplicate: true },
    { ok: false, code: 311 },
  ]);
});

test('append: first attempt refused, a second with other content is judged on its own', async () => {
  const rig = await new StreamRig().start();
  const [bad, good] = await Promise.all([
    rig.send(A, 'n', 2, [77, 'edit of nothing']),
    rig.send(A, 'n', 1, ['x']),
  ]);
  expect(bad).toMatchObject({ ok: false, code: 101 });
  expect(good).toMatchObject({ ok: true, seq: 1, duplicate: false });
});

test('append: nonce is looked up before right and target are judged', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'm', 1, ['x']);
  const edit = await rig.append(A, 'e', 2, [1, 'y']);
  await rig.append(A, 'd', 3, [1]);
  await rig.restart();
  rig.perms.set(A, 0);
  expect(await rig.append(A, 'e', 2, [1, 'y'])).toEqual({ ...edit, duplicate: true });
  expect(await rig.append(A, 'new', 1, ['z'])).toMatchObject({ ok: false, code: 301 });
});

test('append: rights, 301 without view and 303 without the right of the kind', async () => {
  const rig = await new StreamRig().start();
  await rig.append(OWNER, 'm', 1, ['by the owner']);
  rig.perms.set(A, 0);
  rig.perms.set(B, PERM_VIEW);
  const code = async (
    uid: number,
    nonce: string,
    kind: number,
    body: (number | string | boolean)[],
  ) => {
    const reply = await rig.append(uid, nonce, kind, body);
    return reply.ok ? 0 : reply.code;
  };
  expect(await code(A, 'a1', 1, ['x'])).toBe(301);
  expect(await code(A, 'a2', 9, ['x'])).toBe(301);
  expect(await code(B, 'b1', 1, ['x'])).toBe(303);
  expect(await code(B, 'b2', 4, [1, '👍'])).toBe(303);
  expect(await code(B, 'b3', 6, [1, true])).toBe(303);
  expect(await code(B, 'b4', 3, [1])).toBe(303);
  rig.perms.set(12_000, PERMS_EVERYONE);
  expect(await code(12_000, 'c1', 2, [1, 'not mine'])).toBe(303);
  expect(await code(12_000, 'c2', 3, [1])).toBe(303);
  expect(await code(12_000, 'c3', 1, ['all'])).toBe(0);
  rig.perms.set(13_000, PERMS_EVERYONE | PERM_MANAGE);
  expect(await code(13_000, 'd1', 2, [1, 'never'])).toBe(303);
  expect(await code(13_000, 'd2', 3, [1])).toBe(0);
});

test('append: wrong kinds and targets, 101', async () => {
  const rig = await new StreamRig().start();
  await rig.append(OWNER, 'm', 1, ['x']);
  await rig.append(OWNER, 'e', 2, [1, 'y']);
  const wrong: [number, (number | string | boolean | null)[]][] = [
    [0, []],
    [7, ['name']],
    [20, ['name']],
    [2, [99, 'x']],
    [2, [2, 'an edit is not a message']],
    [4, [0, '👍']],
    [4, [1, '']],
    [4, [1, 'a\u0000']],
    [4, [1, 'x'.repeat(65)]],
    [6, [1, 'yes']],
    [1, ['x', null, 4]],
    [1, ['x', null, 8]],
    [1, ['x', 99]],
  ];
  for (const [i, [kind, body]] of wrong.entries()) {
    expect(await rig.append(OWNER, `w${i}`, kind, body)).toEqual({ ok: false, code: 101 });
  }
  expect(await rig.append(OWNER, 'bad nonce', 1, ['x'])).toEqual({ ok: false, code: 101 });
});

test('append: flag of mentions for everyone, needs manage', async () => {
  const rig = await new StreamRig().start();
  expect(await rig.append(A, 'a', 1, ['x', null, 2])).toMatchObject({ ok: false, code: 303 });
  expect(await rig.append(OWNER, 'o', 1, ['x', null, 2])).toMatchObject({ ok: true });
});

test('append: own inbox and guild views, never by a client', async () => {
  const inbox = await new StreamRig().start('user', A);
  expect(await inbox.append(A, 'n', 1, ['x'])).toMatchObject({ ok: false, code: 101 });
  expect(await inbox.append(B, 'n', 1, ['x'])).toMatchObject({ ok: false, code: 301 });
  expect(inbox.asked).toBe(0);
  const view = await new StreamRig().start('view');
  expect(await view.append(OWNER, 'n', 1, ['x'])).toMatchObject({ ok: false, code: 101 });
  const told = view.emit(OWNER, 'o-1', 21, [9, 1, 'general', null, 0]);
  expect(await told).toMatchObject({ ok: true, seq: 1 });
  expect(await view.emit(OWNER, 'o-1', 21, [9, 1, 'general'])).toMatchObject({ duplicate: true });
  expect((await view.logged())[0]?.body).toEqual([9, 1, 'general']);
});

test('edit: served as edited, the older edit as kind 0, everywhere', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'm', 1, ['first', null, 1, [['id', 'f.txt', 3, 'text/plain']]]);
  await rig.append(A, 'e1', 2, [1, 'second']);
  await rig.append(A, 'e2', 2, [1, 'third']);
  const expected = [
    { seq: 1, kind: 1, actor: A, body: ['third', null, 5, [['id', 'f.txt', 3, 'text/plain']]] },
    { seq: 2, kind: 0, actor: A, body: [] },
    { seq: 3, kind: 2, actor: A, body: [1, 'third'] },
  ];
  const check = async (): Promise<void> => {
    expect(await rig.logged()).toMatchObject(expected);
    const history = await rig.history(A, 0, 200, 0);
    expect(history.ok && history.frames.map(decode)).toMatchObject(expected);
    const { epoch } = (await rig.head(A)) ?? { epoch: 0 };
    const chunks = await rig.pullAll(A, { epoch, seq: 0, ts: 0 });
    expect(chunks.flatMap((c) => c.frames.map(decode))).toMatchObject(expected);
  };
  await check();
  await rig.restart();
  await check();
});

test('delete: message and all of its edits are kind 0, and it takes no more reactions', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'm', 1, ['first']);
  await rig.append(A, 'e', 2, [1, 'second']);
  await rig.restart();
  const reply = await rig.append(OWNER, 'd', 3, [1]);
  expect(reply).toMatchObject({ ok: true, seq: 3 });
  const log = await rig.logged();
  expect(log).toMatchObject([
    { seq: 1, kind: 0, actor: A, body: [] },
    { seq: 2, kind: 0, actor: A, body: [] },
    { seq: 3, kind: 3, actor: OWNER, body: [1] },
  ]);
  expect(await rig.append(B, 'r', 4, [1, '👍'])).toMatchObject({ ok: false, code: 101 });
  expect(await rig.append(A, 'd2', 3, [1])).toMatchObject({ ok: false, code: 101 });
  expect(await rig.messages(A, { around: 1 }, 50)).toMatchObject({ ok: true, items: [] });
});

test('edit and delete of one message at once: never both take effect wrongly', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'm', 1, ['x']);
  rig.log.hold();
  const busy = rig.send(B, 'busy', 1, ['keeps a commit in flight']);
  const replies = [
    rig.send(A, 'e1', 2, [1, 'one']),
    rig.send(A, 'e2', 2, [1, 'two']),
    rig.send(OWNER, 'd', 3, [1]),
    rig.send(A, 'e3', 2, [1, 'three']),
  ];
  await rig.log.release();
  await Promise.all([busy, ...replies]);
  const [one, two, del, three] = await Promise.all(replies);
  expect([one?.ok, del?.ok]).toEqual([true, true]);
  // The delete came between: what was judged after it finds no message.
  const log = await rig.logged();
  expect(log[0]).toMatchObject({ kind: 0, body: [] });
  const deletedAt = del?.ok === true ? del.seq : 0;
  for (const edit of [two, three]) {
    if (edit?.ok === true) expect(edit.seq).toBeLessThan(deletedAt);
    else expect(edit).toEqual({ ok: false, code: 101 });
  }
  expect(log.filter((e) => e.kind === 2)).toEqual([]);
});

test('append: what arrives during a commit is the next commit, in order of arrival', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'warm', 1, ['w']);
  await rig.append(B, 'warm', 1, ['w']);
  rig.log.hold();
  const replies = Array.from({ length: 40 }, (_, i) =>
    rig.send(i % 2 === 0 ? A : B, `n${i}`, 1, [`${i}`]),
  );
  await rig.log.release();
  const seqs = (await Promise.all(replies)).map((r) => (r.ok ? r.seq : 0));
  expect(seqs).toEqual(seqs.map((_, i) => i + 3));
  expect(rig.log.commits.map((c) => c.events.length)).toEqual([1, 1, 1, 39]);
});

test('append: one user waits for rights, others do not, and each keeps its own order', async () => {
  const rig = await new StreamRig().start();
  await rig.append(B, 'warm', 1, ['w']);
  const a1 = rig.send(A, 'a1', 1, ['a1']);
  const a2 = rig.send(A, 'a2', 1, ['a2']);
  const b = rig.send(B, 'b', 1, ['b']);
  const [r1, r2, rb] = await Promise.all([a1, a2, b]);
  expect(rb).toMatchObject({ ok: true, seq: 2 });
  expect(r1.ok && r2.ok && r1.seq < r2.seq).toBe(true);
});

test('append: queue bound, 502 with retry for the newest', async () => {
  const rig = await new StreamRig({ limits: { appendQueueMax: 3 } }).start();
  await rig.append(A, 'warm', 1, ['w']);
  rig.log.hold();
  const replies = Array.from({ length: 5 }, (_, i) => rig.send(A, `n${i}`, 1, ['x']));
  await rig.log.release();
  const codes = (await Promise.all(replies)).map((r) => (r.ok ? 0 : r.code));
  expect(codes).toEqual([0, 0, 0, 502, 502]);
  expect(rig.ports.counters.overflow).toBe(2);
});

test('append: clock steps back, ts still rises', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'a', 1, ['a']);
  rig.clock.stepBack(60_000);
  await rig.append(A, 'b', 1, ['b']);
  await rig.restart();
  await rig.append(A, 'c', 1, ['c']);
  const ts = (await rig.logged()).map((e) => e.ts);
  expect(ts).toEqual([...ts].sort((x, y) => x - y));
  expect(new Set(ts).size).toBe(3);
});

test('append: stream that does not exist, 301 and nothing in the store', async () => {
  const rig = await new StreamRig().restart(SID);
  expect(await rig.append(A, 'n', 1, ['x'])).toEqual({ ok: false, code: 301 });
  expect(await rig.subscribe(A)).toEqual({ ok: false });
  expect(await rig.history(A, 0, 1, 0)).toEqual({ ok: false, code: 301 });
  expect(await rig.head(A)).toBeUndefined();
  rig.pull({ uid: A, after: { epoch: 1, seq: 0, ts: 0 } });
  expect(rig.listen()).toMatchObject([{ op: 'chunk', m: { forbidden: true } }]);
  expect(rig.log.opens).toBe(0);
  expect(await rig.store.log.heads([SID])).toEqual([]);
  expect(rig.core.idle).toBe(true);
  expect(rig.absentSids.has(SID)).toBe(true);
  expect(rig.retired).toBeGreaterThan(0);
});

test('append: absent or forbidden, the same look into the log before the same answer (H29)', async () => {
  const forbidden = await new StreamRig().start();
  forbidden.perms.set(A, 0);
  await forbidden.append(A, 'first', 1, ['asks for the rights']);
  const absent = await new StreamRig().restart();
  await absent.append(A, 'first', 1, ['finds that it is absent']);
  for (const rig of [forbidden, absent]) {
    const before = rig.log.nonceLooks;
    expect(await rig.append(A, 'n', 1, ['x'])).toEqual({ ok: false, code: 301 });
    expect(rig.log.nonceLooks).toBe(before + 1);
    rig.log.down = true;
    expect(await rig.append(A, 'n', 1, ['x'])).toMatchObject({ ok: false, code: 502 });
  }
});

test('append: it waited for the look that found no stream, 301 without another', async () => {
  const rig = new StreamRig();
  const started = rig.restart();
  const reply = rig.send(A, 'n', 1, ['x']);
  await started;
  expect(await reply).toEqual({ ok: false, code: 301 });
  expect(rig.log.nonceLooks).toBe(0);
});

test('append: absent, waits for the log up to its bound; the actor stays until all are answered', async () => {
  const rig = await new StreamRig({ limits: { appendQueueMax: 2 } }).restart();
  const replies = ['a', 'b', 'c'].map((nonce) => rig.send(A, nonce, 1, ['x']));
  expect(await replies[2]).toMatchObject({ ok: false, code: 502 });
  expect(rig.core.idle).toBe(false);
  expect(await Promise.all(replies.slice(0, 2))).toEqual(Array(2).fill({ ok: false, code: 301 }));
  expect(rig.core.idle).toBe(true);
});

test('remove: subscriptions end, what waits is answered, the log is gone', async () => {
  const rig = await new StreamRig().start();
  await rig.subscribe(A);
  await rig.append(A, 'a', 1, ['x']);
  rig.log.hold();
  const waiting = rig.send(A, 'b', 1, ['y']);
  const removed = new Promise((resolve) => rig.core.remove(resolve));
  expect(await waiting).toEqual({ ok: false, code: 301 });
  await rig.log.release();
  await removed;
  expect(rig.listen().at(-1)).toEqual({ op: 'revoke', m: { sid: SID, uid: 0, code: 301 } });
  expect(await rig.append(A, 'c', 1, ['z'])).toEqual({ ok: false, code: 301 });
  expect(await rig.store.log.heads([SID])).toEqual([]);
});

test('permsChanged: view lost, the user is revoked at every gateway and refused from then on', async () => {
  const rig = await new StreamRig().start();
  await rig.subscribe(A);
  await rig.subscribe(B, undefined, rig.gateway(2));
  rig.perms.set(A, 0);
  rig.core.permsChanged(A);
  await settled();
  const revoke = { op: 'revoke', m: { sid: SID, uid: A, code: 301 } };
  expect(rig.listen().filter((h) => h.op === 'revoke')).toEqual([revoke]);
  expect(rig.listen(rig.gateway(2)).filter((h) => h.op === 'revoke')).toEqual([revoke]);
  expect(await rig.subscribe(A)).toEqual({ ok: false });
  rig.perms.set(B, 0);
  rig.core.permsChanged(0);
  await settled();
  expect(rig.listen()).toContainEqual({ op: 'revoke', m: { sid: SID, uid: B, code: 301 } });
});

test('permsChanged for all: more users than are remembered, gateways are asked who is there', async () => {
  const rig = await new StreamRig({ limits: { permissionsMax: 2 } }).start();
  const users = [A, B, 103, 104];
  for (const uid of users) await rig.subscribe(uid);
  for (const uid of users) rig.perms.set(uid, 0);
  rig.core.permsChanged(0);
  await settled();
  expect(rig.listen().at(-3)).toMatchObject({ op: 'attached', m: { sid: SID, asks: true } });
  rig.core.attach({ gateway: rig.gateway(1), uids: users });
  await settled();
  const revoked = rig.listen().flatMap((h) => (h.op === 'revoke' ? [h.m.uid] : []));
  expect(new Set(revoked)).toEqual(new Set(users));
  expect(rig.listen().filter((h) => h.op === 'attached' && h.m.asks === true).length).toBe(1);
});

test('permsChanged: answer of the guild that was under way is not used', async () => {
  const rig = await new StreamRig().start();
  const reply = rig.send(A, 'n', 1, ['x']);
  rig.perms.set(A, 0);
  rig.core.permsChanged(A);
  await settled();
  expect(await reply).toMatchObject({ ok: false, code: 301 });
  expect(rig.asked).toBe(2);
});

test('attach: after a restart the guild is watched, and who lost the right meanwhile is revoked', async () => {
  const rig = await new StreamRig().start();
  await rig.subscribe(A);
  expect(rig.watched).toBe(1);
  await rig.restart();
  rig.perms.set(B, 0);
  rig.guildDown = true;
  rig.core.attach({ gateway: rig.gateway(1), uids: [A, B, ...range(100, 180)] });
  await rig.clock.advance(1200);
  expect(rig.watched).toBe(1);
  expect(rig.core.idle).toBe(false);
  rig.guildDown = false;
  await rig.clock.advance(2000);
  expect(rig.watched).toBeGreaterThan(1);
  const revoked = rig.listen().filter((h) => h.op === 'revoke');
  expect(revoked).toEqual([{ op: 'revoke', m: { sid: SID, uid: B, code: 301 } }]);
  rig.perms.set(A, 0);
  rig.core.permsChanged(A);
  await settled();
  expect(rig.listen().at(-1)).toEqual({ op: 'revoke', m: { sid: SID, uid: A, code: 301 } });
});

test('attach and detach before the stream is open: they keep their order', async () => {
  const rig = await new StreamRig().start();
  const restarted = rig.restart();
  rig.core.attach({ gateway: rig.gateway(1) });
  rig.core.detach({ gateway: rig.gateway(1) });
  await restarted;
  expect(rig.core.idle).toBe(true);
});

test('append: guild away, 502 with retry; back, it goes on', async () => {
  const rig = await new StreamRig().start();
  rig.guildDown = true;
  expect(await rig.append(A, 'n', 1, ['x'])).toMatchObject({ ok: false, code: 502, retryMs: 1000 });
  expect(await rig.subscribe(A)).toMatchObject({ ok: false, retryMs: 1000 });
  expect(await rig.askHead(A)).toBe('unavailable');
  rig.guildDown = false;
  expect(await rig.append(A, 'n', 1, ['x'])).toMatchObject({ ok: true, duplicate: false });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
