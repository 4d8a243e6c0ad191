/** SUB, replay, HISTORY and messages of a stream without threads. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PERM_HISTORY, PERMS_EVERYONE } from './permissions.ts';
import { decode, SID, StreamRig, settled } from './test/kit.ts';
import type { Chunk, Cursor } from './types.ts';

const A = 11;
const B = 12;

async function filled(
  count: number,
  limits = {},
): Promise<{ rig: StreamRig; at: (seq: number) => Cursor }> {
  const rig = await new StreamRig({ limits }).start();
  const replies = Array.from({ length: count }, (_, i) =>
    rig.send(A, `n${i}`, 1, [`message ${i + 1}`]),
  );
  await Promise.all(replies);
  const log = await rig.logged();
  const { epoch } = (await rig.head(A)) ?? { epoch: 0 };
  const at = (seq: number): Cursor => ({ epoch, seq, ts: log[seq - 1]?.ts ?? 0 });
  return { rig, at };
}

function seqs(chunks: readonly Chunk[]): number[] {
  return chunks.flatMap((chunk) => chunk.frames.map((frame) => decode(frame).seq));
}

test('subscribe: new gateway, told where the stream stands before the answer and before events', async () => {
  const { rig, at } = await filled(3);
  const reply = await rig.subscribe(A);
  expect(reply).toEqual({ ok: true, status: 0, at: at(3), first: 1, head: 3 });
  expect(rig.listen()).toMatchObject([{ op: 'attached', m: { sid: SID, owner: 99, ...at(3) } }]);
  await rig.subscribe(B, at(1));
  expect(rig.listen().length).toBe(1);
  await rig.append(A, 'x', 1, ['x']);
  expect(rig.listen().map((h) => h.op)).toEqual(['attached', 'publish']);
});

test('subscribe: cursor behind, status 1 and exactly the missed events, then the head', async () => {
  for (const warm of [true, false]) {
    const { rig, at } = await filled(30);
    if (!warm) await rig.restart();
    expect(await rig.subscribe(A, at(10))).toMatchObject({ ok: true, status: 1, at: at(10) });
    const chunks = await rig.pullAll(A, at(10));
    expect(seqs(chunks)).toEqual(Array.from({ length: 20 }, (_, i) => i + 11));
    expect(chunks.at(-1)).toMatchObject({ atHead: true, at: at(30), token: 7 });
  }
});

test('subscribe: fork, epoch and future cursors after a restart, judged with ts from the log', async () => {
  const { rig, at } = await filled(600);
  await rig.restart();
  const gap = async (cursor: Cursor) => {
    const reply = await rig.subscribe(A, cursor);
    return reply.ok ? reply.gap : undefined;
  };
  expect(await gap(at(20))).toBeUndefined();
  expect(await gap({ ...at(20), ts: 5 })).toMatchObject({ reason: 3, from: 1, to: 600 });
  expect(await gap({ ...at(20), epoch: at(1).epoch + 1 })).toMatchObject({ reason: 2 });
  expect(await gap({ ...at(20), seq: 700 })).toMatchObject({ reason: 4 });
});

test('subscribe: too far behind, one GAP 1 and then the last replay_max events', async () => {
  const { rig, at } = await filled(700, { replayMax: 50 });
  await rig.restart();
  const reply = await rig.subscribe(A, at(100));
  expect(reply).toMatchObject({
    status: 2,
    at: at(650),
    gap: { reason: 1, from: 101, to: 650, ts: at(650).ts },
  });
  expect(seqs(await rig.pullAll(A, at(650)))).toEqual(
    Array.from({ length: 50 }, (_, i) => i + 651),
  );
});

test('subscribe: no right to history, GAP 5; HISTORY is 302', async () => {
  const { rig, at } = await filled(5);
  rig.perms.set(B, PERMS_EVERYONE & ~PERM_HISTORY);
  expect(await rig.subscribe(B, at(2))).toMatchObject({
    status: 2,
    gap: { reason: 5, from: 3, to: 5 },
  });
  expect(await rig.history(B, 0, 10, 0)).toEqual({ ok: false, code: 302 });
});

test('pull: long replay in chunks within bounds, contiguous while events go on arriving', async () => {
  const { rig, at } = await filled(900, { chunkEventsMax: 100 });
  await rig.restart();
  await rig.subscribe(B, at(3));
  const got: Chunk[] = [];
  let after = at(3);
  for (let i = 0; got.at(-1)?.atHead !== true; i += 1) {
    const before = rig.listen().length;
    rig.pull({ uid: B, after });
    const sent = i < 5 ? rig.send(A, `live${i}`, 1, ['live']) : undefined;
    await settled();
    await sent;
    const chunk = rig
      .listen()
      .slice(before)
      .find((h) => h.op === 'chunk');
    if (chunk?.op !== 'chunk') throw new Error('no chunk');
    expect(chunk.m.frames.length).toBeLessThanOrEqual(100);
    got.push(chunk.m);
    after = chunk.m.at;
  }
  expect(seqs(got)).toEqual(Array.from({ length: 902 }, (_, i) => i + 4));
});

test('pull: atHead, everything up to it was published and nothing after', async () => {
  const { rig, at } = await filled(3);
  await rig.subscribe(B, at(1));
  await rig.append(A, 'x1', 1, ['x']);
  rig.pull({ uid: B, after: at(1) });
  await rig.append(A, 'x2', 1, ['y']);
  const heard = rig.listen();
  const joined = heard.findIndex((h) => h.op === 'chunk' && h.m.atHead);
  const chunk = heard[joined];
  const publishedBefore = heard
    .slice(0, joined)
    .flatMap((h) => (h.op === 'publish' ? [h.m.seq + h.m.frames.length - 1] : []));
  expect(chunk?.op === 'chunk' && chunk.m.at.seq).toBe(publishedBefore.at(-1));
});

test('pull: ring only, GAP 7 for what the ring does not hold', async () => {
  const { rig, at } = await filled(700);
  const chunks = await rig.pullAll(A, at(10), true);
  expect(chunks[0]?.gap).toEqual({
    reason: 7,
    epoch: at(1).epoch,
    from: 11,
    to: 188,
    ts: at(188).ts,
  });
  expect(seqs(chunks)).toEqual(Array.from({ length: 512 }, (_, i) => i + 189));
});

test('pull: ring only after a restart, the ring is filled from the log first', async () => {
  const { rig, at } = await filled(20);
  await rig.restart();
  const chunks = await rig.pullAll(A, at(5), true);
  expect(chunks[0]?.gap).toBeUndefined();
  expect(seqs(chunks).length).toBe(15);
});

test('pull: wrong epoch or beyond the head, one GAP for the whole stream', async () => {
  const { rig, at } = await filled(4);
  const [chunk] = await rig.pullAll(A, { ...at(2), epoch: 1 });
  expect(chunk).toMatchObject({
    atHead: true,
    at: at(4),
    frames: [],
    gap: { reason: 2, from: 1, to: 4 },
  });
  const [ahead] = await rig.pullAll(A, { ...at(2), seq: 9 });
  expect(ahead?.gap).toMatchObject({ reason: 4, from: 1, to: 4 });
});

test('pull: store away, tried again until it is back; the gateway itself needs no right', async () => {
  const { rig, at } = await filled(600);
  await rig.restart();
  rig.perms.set(B, 0);
  rig.log.down = true;
  rig.pull({ uid: 0, after: at(2) });
  await settled();
  expect(rig.listen()).toEqual([]);
  rig.log.down = false;
  await rig.clock.advance(600);
  expect(rig.listen()).toMatchObject([{ op: 'chunk', m: { atHead: false } }]);
  rig.pull({ uid: B, after: at(2) });
  await settled();
  expect(rig.listen().at(-1)).toMatchObject({ op: 'chunk', m: { forbidden: true, frames: [] } });
});

test('pull: deleted while the ring is being filled, the old bytes do not come back', async () => {
  const { rig, at } = await filled(20);
  await rig.restart();
  await rig.append(A, 'warm', 1, ['w']);
  rig.pull({ uid: A, after: at(2) });
  await rig.append(A, 'del', 3, [10]);
  const chunks = await rig.pullAll(A, at(2));
  const tenth = chunks.flatMap((c) => c.frames.map(decode)).find((e) => e.seq === 10);
  expect(tenth).toMatchObject({ kind: 0, body: [] });
});

test('history: any anchor and counts, as a brute-force reading of protocol.md 2.17 item 1', async () => {
  const { rig } = await filled(40);
  const log = await rig.logged();
  const check = async (anchor: number, before: number, after: number): Promise<void> => {
    const at = anchor === 0 || anchor > 40 ? 40 : anchor;
    const below = log.filter((e) => e.seq <= at).slice(-before || log.length);
    const above = log.filter((e) => e.seq > at).slice(0, after);
    const expected = [...(before === 0 ? [] : below), ...above].map((e) => e.seq);
    const reply = await rig.history(A, anchor, before, after);
    expect(reply.ok && reply.frames.map((f) => decode(f).seq)).toEqual(expected);
    expect(reply).toMatchObject({ first: 1, head: 40 });
  };
  const run = () =>
    fc.assert(fc.asyncProperty(fc.nat(50), fc.nat(60), fc.nat(60), check), { numRuns: 60 });
  await run();
  await rig.restart();
  await run();
  expect(await rig.history(A, 0, 150, 51)).toEqual({ ok: false, code: 101 });
});

test('history: too many bytes, fewer events, the nearest to the anchor', async () => {
  const { rig } = await filled(30, { historyBytesMax: 600 });
  const reply = await rig.history(A, 15, 10, 10);
  const got = reply.ok ? reply.frames.map((f) => decode(f).seq) : [];
  expect(got.length).toBeGreaterThan(3);
  expect(got.length).toBeLessThan(20);
  expect(got).toContain(15);
  expect(got).toEqual(Array.from({ length: got.length }, (_, i) => (got[0] ?? 0) + i));
});

test('messages: edits and reactions folded in, deleted ones left out', async () => {
  const { rig, at } = await filled(3);
  await rig.append(A, 'e', 2, [2, 'edited']);
  await rig.append(B, 'r', 4, [2, '👍']);
  await rig.append(A, 'd', 3, [1]);
  await rig.append(B, 'reply', 1, ['yes', 2, 0, [['id', 'a.png', 9, 'image/png']]]);
  const reply = await rig.messages(B, { before: Number.MAX_SAFE_INTEGER }, 50);
  expect(reply).toMatchObject({
    ok: true,
    epoch: at(1).epoch,
    head: 7,
    items: [
      { seq: 2, content: 'edited', reactions: [{ emoji: '👍', count: 1, me: true }] },
      { seq: 3, content: 'message 3', editedAt: null, replyTo: null },
      { seq: 7, actor: B, replyTo: 2, attachments: [['id', 'a.png', 9, 'image/png']] },
    ],
  });
  expect(reply.ok && reply.items[0]?.editedAt).toBeGreaterThan(0);
  const one = await new Promise((resolve) => rig.core.message({ uid: B, seq: 2 }, resolve));
  expect(one).toMatchObject({ ok: true, items: [{ seq: 2 }] });
  const none = await new Promise((resolve) => rig.core.message({ uid: B, seq: 1 }, resolve));
  expect(none).toMatchObject({ ok: true, items: [] });
});

test('beacon: HEAD 2 s and 15 s after the last event of a burst, and then silence', async () => {
  const { rig } = await filled(1);
  await rig.subscribe(A);
  const heads = (): number => rig.listen().filter((h) => h.op === 'head').length;
  for (let i = 0; i < 5; i += 1) {
    await rig.append(A, `b${i}`, 1, ['x']);
    await rig.clock.advance(1000);
  }
  expect(heads()).toBe(0);
  await rig.clock.advance(1100);
  expect(heads()).toBe(1);
  await rig.clock.advance(11_000);
  expect(heads()).toBe(1);
  await rig.clock.advance(2000);
  expect(heads()).toBe(2);
  await rig.clock.advance(120_000);
  expect(heads()).toBe(2);
  expect(rig.listen().at(-1)).toMatchObject({ op: 'head', m: { sid: SID, seq: 6 } });
});

test('beacon: a thread that stood still for longer than both sends both and lives on', async () => {
  const { rig } = await filled(1);
  await rig.subscribe(A);
  await rig.append(A, 'late', 1, ['x']);
  rig.clock.stall(60_000);
  await rig.clock.advance(1);
  await rig.clock.advance(1);
  expect(rig.listen().filter((h) => h.op === 'head').length).toBe(2);
});

test('attach and detach: interest comes and goes, an idle stream may sleep', async () => {
  const { rig, at } = await filled(2);
  // For the second behind a commit it has something to tell (stream-notices.ts).
  expect(rig.core.idle).toBe(false);
  await rig.clock.advance(1000);
  expect(rig.core.idle).toBe(true);
  rig.core.attach({ gateway: rig.gateway(5) });
  expect(rig.listen(rig.gateway(5))).toMatchObject([{ op: 'attached', m: at(2) }]);
  expect(rig.core.idle).toBe(false);
  rig.core.detach({ gateway: rig.gateway(5) });
  rig.core.detach({ gateway: rig.gateway(6) });
  expect(rig.core.idle).toBe(true);
  await rig.append(A, 'x', 1, ['x']);
  expect(rig.listen(rig.gateway(5)).length).toBe(1);
});
