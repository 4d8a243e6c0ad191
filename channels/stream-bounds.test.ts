/** Appends on a stream without threads: slow mode, replies, bounds on emojis and pins, names of groups. */
import { expect, test } from 'vitest';
import { PERM_HISTORY, PERM_MANAGE, PERM_VIEW, PERMS_EVERYONE } from './permissions.ts';
import { EMOJIS_MAX, PINS_MAX } from './stream-folds.ts';
import { OWNER, StreamRig, settled } from './test/kit.ts';
import type { MessagesReply, ReactorsReply } from './types.ts';

const A = 11;
const B = 12;
const C = 13;

const pinsOf = (rig: StreamRig, uid = A): Promise<MessagesReply> =>
  new Promise((resolve) => rig.core.pins({ uid }, resolve));
const pinned = async (rig: StreamRig): Promise<number[]> => {
  const reply = await pinsOf(rig);
  return reply.ok ? reply.items.map((item) => item.seq) : [];
};
const reactors = (
  rig: StreamRig,
  seq: number,
  emoji: string,
  after = 0,
  limit = 100,
): Promise<ReactorsReply> =>
  new Promise((resolve) => rig.core.reactors({ uid: A, seq, emoji, after, limit }, resolve));

// ---------------------------------------------------------------- slow mode

async function slowRig(slowModeS: number): Promise<StreamRig> {
  const rig = await new StreamRig().start();
  rig.slowModeS = slowModeS;
  return rig;
}

test('slow mode: second message too early, 421 with the time to wait; later it is taken', async () => {
  const rig = await slowRig(10);
  expect(await rig.append(A, 'a1', 1, ['one'])).toMatchObject({ ok: true });
  await rig.clock.advance(4000);
  expect(await rig.append(A, 'a2', 1, ['two'])).toEqual({ ok: false, code: 421, retryMs: 6000 });
  expect(await rig.append(B, 'b1', 1, ['other user'])).toMatchObject({ ok: true });
  await rig.clock.advance(6000);
  expect(await rig.append(A, 'a2', 1, ['two'])).toMatchObject({ ok: true, duplicate: false });
});

test('slow mode: repeat of a committed nonce, duplicate OK before slow mode is looked at', async () => {
  const rig = await slowRig(10);
  const first = await rig.append(A, 'a1', 1, ['one']);
  expect(await rig.append(A, 'a1', 1, ['one'])).toEqual({ ...first, duplicate: true });
  await rig.restart();
  await rig.append(A, 'a2', 1, ['two']);
  expect(await rig.append(A, 'a1', 1, ['one'])).toEqual({ ...first, duplicate: true });
});

test('slow mode: two messages at once, one is committed and the other refused', async () => {
  const rig = await slowRig(10);
  await rig.append(B, 'b1', 1, ['warm']);
  const replies = await Promise.all([rig.send(A, 'a1', 1, ['x']), rig.send(A, 'a2', 1, ['y'])]);
  expect(replies).toMatchObject([{ ok: true }, { ok: false, code: 421, retryMs: 10_000 }]);
});

test('slow mode: edits, reactions and managers, not slowed', async () => {
  const rig = await slowRig(10);
  rig.perms.set(B, PERMS_EVERYONE | PERM_MANAGE);
  await rig.append(A, 'a1', 1, ['one']);
  expect(await rig.append(A, 'a2', 2, [1, 'edited'])).toMatchObject({ ok: true });
  expect(await rig.append(A, 'a3', 4, [1, 'x'])).toMatchObject({ ok: true });
  for (const nonce of ['b1', 'b2', 'b3']) {
    expect(await rig.append(B, nonce, 1, ['often'])).toMatchObject({ ok: true });
  }
});

test('slow mode: stream started again, who sent lately is read from the log, deleted messages too', async () => {
  const rig = await slowRig(10);
  await rig.append(A, 'a1', 1, ['one']);
  await rig.append(A, 'a2', 3, [1]);
  await rig.clock.advance(3000);
  await rig.restart();
  expect(await rig.append(A, 'a3', 1, ['two'])).toEqual({ ok: false, code: 421, retryMs: 7000 });
  expect(await rig.append(B, 'b1', 1, ['b'])).toMatchObject({ ok: true });
});

test('slow mode: clock set back, nobody waits longer than its period', async () => {
  const rig = await slowRig(10);
  await rig.append(A, 'a1', 1, ['one']);
  rig.clock.stepBack(3_600_000);
  await rig.restart();
  const refused = { ok: false, code: 421, retryMs: 10_000 };
  expect(await rig.append(A, 'a2', 1, ['two'])).toEqual(refused);
  await rig.clock.advance(10_000);
  expect(await rig.append(A, 'a2', 1, ['two'])).toMatchObject({ ok: true });
});

test('slow mode: turned on and off by the guild, holds from then on', async () => {
  const rig = await slowRig(0);
  await rig.append(A, 'a1', 1, ['one']);
  expect(await rig.append(A, 'a2', 1, ['two'])).toMatchObject({ ok: true });
  rig.slowModeS = 5;
  rig.core.permsChanged(0);
  expect(await rig.append(A, 'a3', 1, ['three'])).toMatchObject({ ok: false, code: 421 });
  rig.slowModeS = 0;
  rig.core.permsChanged(0);
  expect(await rig.append(A, 'a3', 1, ['three'])).toMatchObject({ ok: true });
});

test('slow mode: log away when it is first needed, 502 and taken when it is back', async () => {
  const rig = await slowRig(10);
  await rig.append(A, 'a1', 3, [99]);
  rig.log.down = true;
  const lost = rig.send(A, 'a2', 1, ['x']);
  await rig.clock.advance(5000);
  expect(await lost).toMatchObject({ ok: false, code: 502 });
  rig.log.down = false;
  expect(await rig.append(A, 'a2', 1, ['x'])).toMatchObject({ ok: true });
});

// ---------------------------------------------------------------- replies

test('reply: to what is absent, no message, or deleted, 101; to a message below the ring, taken', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'a1', 1, ['one']);
  await rig.append(A, 'a2', 4, [1, 'x']);
  await rig.append(A, 'a3', 1, ['gone']);
  await rig.append(A, 'a4', 3, [3]);
  const reply = (nonce: string, to: number) => rig.append(B, nonce, 1, ['re', to]);
  for (const [i, to] of [2, 3, 4, 5, 900].entries()) {
    expect(await reply(`r${i}`, to)).toEqual({ ok: false, code: 101 });
  }
  expect(await reply('ok1', 1)).toMatchObject({ ok: true });
  await rig.restart();
  expect(await reply('ok2', 1)).toMatchObject({ ok: true });
  expect(await reply('no', 3)).toEqual({ ok: false, code: 101 });
});

test('reply: sent together with the delete of its message, judged after it', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'a1', 1, ['one']);
  await rig.append(B, 'b1', 1, ['warm']);
  const [deleted, reply] = await Promise.all([
    rig.send(A, 'a2', 3, [1]),
    rig.send(B, 'b2', 1, ['re', 1]),
  ]);
  expect(deleted).toMatchObject({ ok: true });
  expect(reply).toEqual({ ok: false, code: 101 });
});

// ---------------------------------------------------------------- reactions

test('reactions: one emoji too many on a message, 303; one that is there is taken by anybody', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'm', 1, ['one']);
  const emojis = Array.from({ length: EMOJIS_MAX }, (_, i) => `e${i}`);
  const all = await Promise.all(emojis.map((emoji, i) => rig.send(A, `r${i}`, 4, [1, emoji])));
  expect(all.every((reply) => reply.ok)).toBe(true);
  for (const restart of [false, true]) {
    if (restart) await rig.restart();
    expect(await rig.append(B, 'more', 4, [1, 'new'])).toEqual({ ok: false, code: 303 });
    expect(await rig.append(B, `same${restart}`, 4, [1, 'e7'])).toMatchObject({ ok: true });
  }
  await rig.append(A, 'off', 5, [1, 'e3']);
  expect(await rig.append(B, 'more', 4, [1, 'new'])).toMatchObject({ ok: true });
  expect(await rig.append(B, 'most', 4, [1, 'e3'])).toEqual({ ok: false, code: 303 });
});

test('reactions: more emojis at once than fit, exactly the bound is taken', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'm', 1, ['one']);
  const emojis = Array.from({ length: EMOJIS_MAX + 10 }, (_, i) => `e${i}`);
  const all = await Promise.all(emojis.map((emoji, i) => rig.send(A, `r${i}`, 4, [1, emoji])));
  expect(all.filter((reply) => reply.ok).length).toBe(EMOJIS_MAX);
  const page = await rig.messages(B, { after: 0 }, 10);
  expect(page.ok && page.items[0]?.reactions.length).toBe(EMOJIS_MAX);
});

test('reactions: a repeat changes no tally; who reacted is listed in pages and gone with the message', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'm', 1, ['one']);
  for (const [uid, nonce] of [
    [C, 'c'],
    [A, 'a'],
    [B, 'b'],
    [B, 'again'],
  ] as const) {
    expect(await rig.append(uid, nonce, 4, [1, 'x'])).toMatchObject({ ok: true });
  }
  const page = await rig.messages(A, { after: 0 }, 10);
  const reactions = [{ emoji: 'x', count: 3, me: true }];
  expect(page.ok && page.items[0]?.reactions).toEqual(reactions);
  expect(await reactors(rig, 1, 'x')).toEqual({ ok: true, uids: [A, B, C] });
  expect(await reactors(rig, 1, 'x', A, 1)).toEqual({ ok: true, uids: [B] });
  expect(await reactors(rig, 1, 'x', 0, 101)).toEqual({ ok: false, code: 101 });
  await rig.append(A, 'del', 3, [1]);
  expect(await reactors(rig, 1, 'x')).toEqual({ ok: true, uids: [] });
  rig.perms.set(A, PERM_VIEW);
  rig.core.permsChanged(A);
  expect(await reactors(rig, 1, 'x')).toEqual({ ok: false, code: 302 });
});

// ---------------------------------------------------------------- pins

test('pins: newest first, one too many 303, off makes room, a deleted message leaves', async () => {
  const rig = await new StreamRig().start();
  const texts = Array.from({ length: PINS_MAX + 2 }, (_, i) => `m${i + 1}`);
  for (const text of texts) await rig.append(A, text, 1, [text]);
  const pin = (seq: number, on: boolean, nonce = `p${seq}${on}`) =>
    rig.append(OWNER, nonce, 6, [seq, on]);
  for (let seq = 1; seq <= PINS_MAX; seq += 1)
    expect(await pin(seq, true)).toMatchObject({ ok: true });
  expect(await pinned(rig)).toEqual(Array.from({ length: PINS_MAX }, (_, i) => PINS_MAX - i));
  for (const restart of [false, true]) {
    if (restart) await rig.restart();
    expect(await pin(51, true)).toEqual({ ok: false, code: 303 });
    expect(await pin(7, true, `again${restart}`)).toMatchObject({ ok: true });
  }
  expect((await pinned(rig))[0]).toBe(7);
  await rig.append(A, 'del', 3, [9]);
  expect(await pin(51, true)).toMatchObject({ ok: true });
  expect(await pin(52, true)).toEqual({ ok: false, code: 303 });
  expect(await pin(8, false)).toMatchObject({ ok: true });
  expect(await pin(52, true)).toMatchObject({ ok: true });
  const left = await pinned(rig);
  expect([left.includes(8), left.includes(9), left.slice(0, 2)]).toEqual([false, false, [52, 51]]);
  expect(await rig.append(A, 'no', 6, [1, true])).toEqual({ ok: false, code: 303 });
});

test('pins: many at once, exactly the bound is taken', async () => {
  const rig = await new StreamRig().start();
  const seqs = Array.from({ length: PINS_MAX + 5 }, (_, i) => i + 1);
  for (const seq of seqs) await rig.append(A, `m${seq}`, 1, ['m']);
  const all = await Promise.all(seqs.map((seq) => rig.send(OWNER, `p${seq}`, 6, [seq, true])));
  expect(all.filter((reply) => reply.ok).length).toBe(PINS_MAX);
  expect((await pinned(rig)).length).toBe(PINS_MAX);
});

test('pins: reactions while they are read, the read is not made again', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'm', 1, ['m']);
  const gate = Promise.withResolvers<void>();
  let reads = 0;
  rig.log.pins = async (...ask) => {
    reads += 1;
    await gate.promise;
    return await rig.store.log.pins(...ask);
  };
  const pin = rig.send(OWNER, 'p', 6, [1, true]);
  await rig.append(B, 'r1', 4, [1, 'x']);
  await rig.append(C, 'r2', 4, [1, 'x']);
  gate.resolve();
  expect([(await pin).ok, reads]).toEqual([true, 1]);
});

test('pins: served as edited, and only to those who may read history', async () => {
  const rig = await new StreamRig().start();
  await rig.append(A, 'm', 1, ['one']);
  await rig.append(OWNER, 'p', 6, [1, true]);
  await rig.append(A, 'e', 2, [1, 'two']);
  expect(await pinsOf(rig)).toMatchObject({ ok: true, items: [{ seq: 1, content: 'two' }] });
  rig.perms.set(B, PERMS_EVERYONE & ~PERM_HISTORY);
  expect(await pinsOf(rig, B)).toEqual({ ok: false, code: 302 });
});

// ---------------------------------------------------------------- kind 7

test('kind 7: any member of a group, 303 in a dm, 101 in channels and threads', async () => {
  const group = await new StreamRig().start('group');
  const named = await group.append(A, 'n', 7, ['Trip', 'to the sea']);
  expect(named).toMatchObject({ ok: true });
  expect(await group.logged()).toMatchObject([{ kind: 7, body: ['Trip', 'to the sea'] }]);
  expect(await group.append(A, 'bad', 7, [''])).toEqual({ ok: false, code: 101 });
  const dm = await new StreamRig().start('dm');
  expect(await dm.append(A, 'n', 7, ['Trip'])).toEqual({ ok: false, code: 303 });
  for (const type of ['channel', 'thread'] as const) {
    const rig = await new StreamRig().start(type);
    expect(await rig.append(OWNER, 'n', 7, ['Trip'])).toEqual({ ok: false, code: 101 });
    expect(await rig.append(A, 'm', 1, ['hi'])).toMatchObject({ ok: true });
  }
});

test('kind 7: the dm is told until it confirms, also what a crash left untold', async () => {
  const rig = await new StreamRig().start('group');
  await rig.append(A, 'warm', 1, ['hi']);
  rig.guildDown = true;
  await rig.append(A, 'n1', 7, ['One']);
  await rig.append(A, 'n2', 7, ['Two']);
  expect([rig.renamed, rig.core.idle]).toEqual([[], false]);
  rig.guildDown = false;
  await rig.clock.advance(1000);
  expect(rig.renamed).toEqual(['Two']);
  rig.guildDown = true;
  await rig.append(A, 'n3', 7, ['Three']);
  rig.guildDown = false;
  await rig.restart();
  await settled();
  expect(rig.renamed).toEqual(['Two', 'Three']);
});

test('kind 7: neither the dm nor the log answers after a start, told when both do', async () => {
  const rig = new StreamRig();
  const gate = Promise.withResolvers<void>();
  const history = rig.log.history.bind(rig.log);
  rig.log.history = async (...ask) => {
    await gate.promise;
    return await history(...ask);
  };
  await rig.start('group');
  await rig.append(A, 'warm', 1, ['hi']);
  rig.guildDown = true;
  await rig.append(A, 'n1', 7, ['One']);
  rig.log.down = true;
  gate.resolve();
  await settled();
  rig.log.down = false;
  rig.guildDown = false;
  await rig.clock.advance(2000);
  expect(rig.renamed).toEqual(['One']);
});
