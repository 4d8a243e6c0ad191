/** Tests of event frames and of gluing encoded frames. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeEvent,
  decodeJson,
  decodeMp,
  type EventFields,
  encodeEvent,
  encodeJson,
  encodeMp,
  eventFrame,
  fitHistory,
  gapFrame,
  glueBatch,
  glueHistoryOk,
  headFrame,
  Limits,
  ProtocolError,
  packBatches,
  parseHistoryResult,
  readEpoch,
  readEventHead,
  readSeq,
  readSid,
  type StreamEvent,
  transcodeToJson,
  trimBody,
  withEpoch,
} from './index.ts';

const u53 = fc.oneof(fc.nat(300), fc.nat(), fc.maxSafeNat());
const u32 = fc.oneof(fc.nat(200), fc.nat(), fc.constant(0xffff_ffff));
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  u53,
  fc.string({ unit: 'grapheme', maxLength: 60 }),
);
const event: fc.Arbitrary<StreamEvent> = fc.record({
  sid: u53,
  epoch: u32,
  seq: u53,
  ts: u53,
  kind: fc.integer({ min: 0, max: 999 }),
  actor: u53,
  body: fc.array(fc.oneof(leaf, fc.array(leaf, { maxLength: 3 })), { maxLength: 12 }).map(trimBody),
});
const encode = (e: StreamEvent): Uint8Array => encodeEvent(e.sid, e.epoch, e);
const OUT = { depthMax: Limits.outboundDepthMax, valuesMax: 65_535 };

describe('events', () => {
  test('encodeEvent: any event, decodeEvent gives it back, same bytes as encodeMp', () => {
    fc.assert(
      fc.property(event, (e) => {
        expect(decodeEvent(encode(e))).toEqual(e);
        expect(encode(e)).toEqual(encodeMp(eventFrame(e)));
      }),
    );
  });
  test('encodeEvent: trailing nil, 0 and empty arrays are left out, false stays', () => {
    const at = { seq: 1, ts: 2, kind: 1, actor: 3 };
    const bodies: [EventFields['body'], EventFields['body']][] = [
      [['hi', null, 0, []], ['hi']],
      [
        ['hi', 5, 0, []],
        ['hi', 5],
      ],
      [
        ['hi', null, 1, []],
        ['hi', null, 1],
      ],
      [
        [7, false],
        [7, false],
      ],
      [[null, 0], []],
    ];
    for (const [body, expected] of bodies) {
      expect(decodeEvent(encodeEvent(9, 8, { ...at, body })).body).toEqual(expected);
    }
  });
  test('readers: any event, the fields without a decode', () => {
    fc.assert(
      fc.property(event, (e) => {
        const bytes = encode(e);
        const { body: _body, ...head } = e;
        expect(readEventHead(bytes)).toEqual(head);
        expect([readSid(bytes), readEpoch(bytes), readSeq(bytes)]).toEqual([e.sid, e.epoch, e.seq]);
      }),
    );
  });
  test('withEpoch: any epochs, the bytes of an event of that epoch; the input is not changed', () => {
    fc.assert(
      fc.property(event, u32, (e, epoch) => {
        const bytes = encode(e);
        const before = bytes.slice();
        expect(withEpoch(bytes, epoch)).toEqual(encode({ ...e, epoch }));
        expect(bytes).toEqual(before);
      }),
    );
  });
  test('epoch of EV, HEAD and GAP: always ce + 4 bytes', () => {
    expect(Buffer.from(encodeMp(headFrame(1, { epoch: 2, seq: 3, ts: 4 }))).toString('hex')).toBe(
      '951101ce000000020304',
    );
    const gap = { sid: 1, reason: 5, epoch: 2, from: 1, to: 3, ts: 4 };
    expect(Buffer.from(encodeMp(gapFrame(gap))).toString('hex')).toBe('97120105ce00000002010304');
  });
  test('decodeEvent and readers: damaged bytes, ProtocolError', () => {
    const good = encode({ sid: 1, epoch: 2, seq: 3, ts: 4, kind: 1, actor: 5, body: ['x'] });
    expect(() => decodeEvent(good.subarray(0, 9))).toThrow(ProtocolError);
    expect(() => decodeEvent(encodeMp([4, 1]))).toThrow(ProtocolError);
    expect(() => readSeq(encodeMp([4, 1]))).toThrow(ProtocolError);
    expect(() => readEventHead(good.subarray(0, 4))).toThrow(ProtocolError);
    expect(() => readSid(new Uint8Array(0))).toThrow(ProtocolError);
  });
});

describe('gluing', () => {
  const events = fc.array(event, { minLength: 0, maxLength: 40 });
  test('transcodeToJson: any event, the JSON twin', () => {
    fc.assert(
      fc.property(event, (e) => {
        expect(transcodeToJson(encode(e))).toEqual(encodeJson(eventFrame(e)));
      }),
    );
    expect(() => transcodeToJson(new Uint8Array([0xc1]))).toThrow(ProtocolError);
  });
  test('glueBatch, glueHistoryOk: the same frame as encoding the whole, in both encodings', () => {
    fc.assert(
      fc.property(events, (list) => {
        const frames = list.map(eventFrame);
        const mp = list.map(encode);
        const json = mp.map(transcodeToJson);
        const at = { epoch: 70_000, first: 1, head: 90 };
        const history = [4, 77, at.epoch, at.first, at.head, frames];
        const whole = { ok: true, frame: [12, frames] };
        expect(decodeMp(glueBatch(mp, 'mp'), OUT)).toEqual(whole);
        expect(decodeJson(glueBatch(json, 'json'), OUT)).toEqual(whole);
        expect(decodeMp(glueHistoryOk(77, at, mp, 'mp'), OUT)).toEqual({
          ok: true,
          frame: history,
        });
        expect(decodeJson(glueHistoryOk(77, at, json, 'json'), OUT)).toEqual({
          ok: true,
          frame: history,
        });
        expect(parseHistoryResult(history.slice(2))).toEqual({ ...at, events: list });
      }),
      { numRuns: 50 },
    );
  });
  test('packBatches: any sizes, all frames in order inside the bounds', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(900), { maxLength: 60 }), (sizes) => {
        const frames = sizes.map((size, i) => encodeMp([17, i, 1, 1, 'x'.repeat(size)]));
        const messages = packBatches(frames, 'mp', 7, 2000);
        const seen: unknown[] = [];
        for (const message of messages) {
          const decoded = decodeMp(message, OUT);
          if (!decoded.ok) throw new Error(decoded.why);
          const inner =
            decoded.frame[0] === 12 ? (decoded.frame[1] as unknown[][]) : [decoded.frame];
          expect(inner.length).toBeLessThanOrEqual(7);
          expect(message.length).toBeLessThanOrEqual(2000);
          for (const one of inner) seen.push((one as unknown[])[1]);
        }
        expect(seen).toEqual(frames.map((_, i) => i));
      }),
    );
  });
  test('fitHistory: too much for one frame, a run around the anchor', () => {
    const frames = Array.from({ length: 100 }, (_, i) => encodeMp([16, 1, 1, i, 'x'.repeat(995)]));
    expect(fitHistory(frames, 50)).toBe(frames);
    const some = fitHistory(frames, 50, 10_000).map(readSeq);
    expect(some).toEqual([45, 46, 47, 48, 49, 50, 51, 52, 53]);
    expect(fitHistory(frames, 100, 5_000).map(readSeq)).toEqual([96, 97, 98, 99]);
    expect(fitHistory(frames, 0, 5_000).map(readSeq)).toEqual([0, 1, 2, 3]);
  });
});
