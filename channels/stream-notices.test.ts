/** Notices of a stream: broadcasts, heads that moved, receipts, and how far a marker may go. */
import { expect, test } from 'vitest';
import { jsonCodec, OWNER, SID, StreamRig } from './test/kit.ts';
import type { MarkReply } from './types.ts';

const MEMBER = 2;
const STRANGER = 3;

function mark(rig: StreamRig, uid: number, seq: number, known = 0): Promise<MarkReply> {
  return new Promise((resolve) => rig.core.mark({ uid, seq, known }, resolve));
}

function notices(rig: StreamRig): unknown[] {
  return rig.listen().flatMap((heard) => {
    return heard.op === 'ephemeral' ? [JSON.parse(new TextDecoder().decode(heard.m.frame))] : [];
  });
}

test('broadcast: every interested gateway, behind what was published, nobody else', async () => {
  const rig = await new StreamRig().start();
  const [one, two] = [rig.gateway(1), rig.gateway(2)];
  await rig.subscribe(OWNER, undefined, one);
  await rig.subscribe(OWNER, undefined, two);
  rig.listen(rig.gateway(3));
  await rig.append(OWNER, 'n1', 1, ['hi']);
  const frame = jsonCodec.encodeNotice([20, SID, [OWNER], 1]);
  rig.core.broadcast({ frame, class: 'typing' });
  for (const gateway of [one, two]) {
    expect(rig.listen(gateway).map(({ op }) => op)).toEqual(['attached', 'publish', 'ephemeral']);
    expect(rig.listen(gateway).at(-1)?.m).toEqual({ sid: SID, class: 'typing', frame });
  }
  expect(rig.listen(rig.gateway(3))).toEqual([]);
});

test('broadcast: a stream that is absent or being opened, dropped without a trace', async () => {
  const rig = new StreamRig();
  await rig.restart();
  rig.core.broadcast({ frame: new Uint8Array(1), class: 'unread' });
  expect(rig.core.idle).toBe(true);
});

test('moved: any number of messages, one head per second, none without messages', async () => {
  const rig = await new StreamRig().start();
  for (let i = 0; i < 20; i += 1) await rig.append(OWNER, `n${i}`, 1, ['x']);
  expect(rig.moved).toEqual([]);
  await rig.clock.advance(1000);
  expect(rig.moved).toMatchObject([{ sid: SID, seq: 20 }]);
  await rig.append(OWNER, 'last', 1, ['x']);
  await rig.clock.advance(10_000);
  expect(rig.moved.map(({ seq }) => seq)).toEqual([20, 21]);
  expect(rig.core.idle).toBe(true);
});

test('moved: guild view and user inbox, told to nobody', async () => {
  for (const type of ['view', 'user'] as const) {
    const rig = await new StreamRig().start(type);
    await rig.emit(OWNER, 'n', 20, ['Home']);
    await rig.clock.advance(2000);
    expect(rig.moved).toEqual([]);
  }
});

test('mark: clipped to the head, never below what is known, nothing without view', async () => {
  const rig = await new StreamRig().start();
  rig.perms.set(STRANGER, 0);
  for (let i = 0; i < 3; i += 1) await rig.append(OWNER, `n${i}`, 1, ['x']);
  expect(await mark(rig, MEMBER, 2)).toEqual({ ok: true, seq: 2 });
  expect(await mark(rig, MEMBER, 99)).toEqual({ ok: true, seq: 3 });
  expect(await mark(rig, MEMBER, 1, 3)).toEqual({ ok: true, seq: 3 });
  expect(await mark(rig, STRANGER, 1)).toEqual({ ok: false });
});

test('mark: the guild is away, retry; an absent stream, refused', async () => {
  const rig = await new StreamRig().start();
  rig.guildDown = true;
  expect(await mark(rig, MEMBER, 1)).toEqual({ ok: false, retryMs: 1000 });
  const absent = await new StreamRig().restart();
  expect(await mark(absent, MEMBER, 1)).toEqual({ ok: false });
});

test('RECEIPT: markers that moved, once per second; none that did not move', async () => {
  const rig = await new StreamRig().start();
  await rig.subscribe(OWNER);
  for (let i = 0; i < 3; i += 1) await rig.append(OWNER, `n${i}`, 1, ['x']);
  await mark(rig, MEMBER, 1);
  await mark(rig, MEMBER, 2, 1);
  await mark(rig, OWNER, 3, 3);
  await rig.clock.advance(999);
  expect(notices(rig)).toEqual([]);
  await rig.clock.advance(1);
  expect(notices(rig)).toEqual([[24, SID, [[MEMBER, 2]]]]);
  await rig.clock.advance(5000);
  expect(notices(rig)).toHaveLength(1);
});

test('RECEIPT: a channel of more than 16 members, none', async () => {
  const rig = await new StreamRig().start();
  rig.memberCount = 17;
  await rig.subscribe(OWNER);
  await rig.append(OWNER, 'n', 1, ['x']);
  await mark(rig, MEMBER, 1);
  await rig.clock.advance(2000);
  expect(notices(rig)).toEqual([]);
});
