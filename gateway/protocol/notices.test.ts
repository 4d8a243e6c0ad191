/** UNREAD, RECEIPT and MARK on the wire, and the look that tells who may be mentioned. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeFrame,
  encodeEvent,
  encodeFrame,
  encodeReceipt,
  encodeUnread,
  Limits,
  markFrame,
  Op,
  parseMarkResult,
  parseRequest,
  parseServerFrame,
  receiptFrame,
  transcodeToJson,
  unreadFrame,
} from './index.ts';
import { mayMention } from './server-frames-notices.ts';

const U53_MAX = Number.MAX_SAFE_INTEGER;
const OUTBOUND = { depthMax: 8, valuesMax: 65_535 };
const entry = fc.record({ sid: fc.maxSafeNat(), seq: fc.maxSafeNat(), ts: fc.maxSafeNat() });

describe.each(['mp', 'json'] as const)('notices: %s', (encoding) => {
  test('UNREAD: any entries, parseServerFrame gives them back', () => {
    const check = (moved: { sid: number; seq: number; ts: number }[]): void => {
      const decoded = decodeFrame(encodeFrame(unreadFrame(moved), encoding), encoding, OUTBOUND);
      expect(decoded.ok && parseServerFrame(decoded.frame)).toEqual({ op: Op.UNREAD, moved });
    };
    fc.assert(fc.property(fc.array(entry, { maxLength: 50 }), check));
  });

  test('RECEIPT: markers, parseServerFrame gives them back', () => {
    const frame = receiptFrame(9, [
      [7, 1],
      [8, U53_MAX],
    ]);
    const decoded = decodeFrame(encodeFrame(frame, encoding), encoding, OUTBOUND);
    const markers = [
      { uid: 7, seq: 1 },
      { uid: 8, seq: U53_MAX },
    ];
    expect(decoded.ok && parseServerFrame(decoded.frame)).toEqual({
      op: Op.RECEIPT,
      sid: 9,
      markers,
    });
  });
});

test('encodeUnread: the longest entries, every frame under 16 KiB in both encodings, none lost', () => {
  const moved = Array.from({ length: 700 }, (_, i) => ({
    sid: U53_MAX - i,
    seq: U53_MAX,
    ts: 1e13,
  }));
  const frames = encodeUnread(moved);
  const sids = frames.flatMap((frame) => {
    expect(frame.length).toBeLessThan(Limits.broadcastFrameBytesMax);
    expect(transcodeToJson(frame).length).toBeLessThan(Limits.broadcastFrameBytesMax);
    const decoded = decodeFrame(frame, 'mp', OUTBOUND);
    const parsed = decoded.ok ? parseServerFrame(decoded.frame) : null;
    return parsed?.op === Op.UNREAD ? parsed.moved.map(({ sid }) => sid) : [];
  });
  expect(sids).toEqual(moved.map(({ sid }) => sid));
  expect(encodeUnread([])).toEqual([]);
  expect(encodeReceipt(1, [[2, 3]])).toEqual(encodeFrame([Op.RECEIPT, 1, [[2, 3]]], 'mp'));
});

test('parseServerFrame: UNREAD and RECEIPT with wrong types, null', () => {
  const bad = [
    [Op.UNREAD],
    [Op.UNREAD, 1],
    [Op.UNREAD, [1]],
    [Op.UNREAD, [[1, 2]]],
    [Op.RECEIPT, 'x', []],
    [Op.RECEIPT, 1],
    [Op.RECEIPT, 1, [[2, null]]],
  ] as const;
  for (const frame of bad) expect(parseServerFrame(frame)).toBeNull();
});

test('MARK: checked, ERR 101 for wrong types', () => {
  const request = { op: Op.MARK, rid: 5, sid: 7, seq: 9 };
  expect(parseRequest(markFrame(5, 7, 9))).toEqual({ ok: true, request });
  for (const rest of [[], [7], ['7', 9], [7, -1], [7, 1.5], [7, null]]) {
    expect(parseRequest([Op.MARK, 5, ...rest])).toEqual({ ok: false, rid: 5, code: 101 });
  }
  expect(parseMarkResult([9])).toBe(9);
  expect(parseMarkResult([])).toBeNull();
});

test('mayMention: never false for a message that mentions somebody', () => {
  const text = fc.string({ unit: 'binary', maxLength: 30 });
  const check = (before: string, uid: number, after: string, flags: number): void => {
    const at = { seq: 3, ts: 4, kind: 1, actor: 5 };
    const mention = encodeEvent(9, 8, { ...at, body: [`${before}<@${uid}>${after}`] });
    const everyone = encodeEvent(9, 8, { ...at, body: [before, null, flags] });
    expect([mayMention(mention), mayMention(everyone)]).toEqual([true, true]);
  };
  fc.assert(fc.property(text, fc.maxSafeNat(), text, fc.integer({ min: 1, max: 7 }), check));
  const plain = encodeEvent(9, 8, {
    seq: 3,
    ts: 4,
    kind: 1,
    actor: 5,
    body: ['a < b, me@x.org', 2],
  });
  expect(mayMention(plain)).toBe(false);
});
