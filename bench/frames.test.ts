/** The load client must count what was sent, however TCP cuts it up. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  appendTemplate,
  CONTENT_BYTES,
  echoTemplate,
  FrameParser,
  type FrameSink,
  OP_EV,
  readStamp,
} from './frames.ts';

function serverFrame(payload: Buffer): Buffer {
  const head =
    payload.length < 126
      ? Buffer.of(0x82, payload.length)
      : Buffer.of(0x82, 126, payload.length >> 8, payload.length & 255);
  return Buffer.concat([head, payload]);
}

class Counter implements FrameSink {
  events = 0;
  pings = 0;
  closes: number[] = [];
  stamps: number[] = [];

  message(op: number, bytes: Buffer, _start: number, end: number, events: number): void {
    this.events += events;
    if (op === OP_EV && end > 0) this.stamps.push(readStamp(bytes, end));
  }

  ping(): void {
    this.pings += 1;
  }

  closed(code: number): void {
    this.closes.push(code);
  }
}

const event = (stampUs: number) => {
  const template = echoTemplate(128);
  template.stamp(0, stampUs);
  return template.frame.subarray(template.frame.length - 128);
};

test('FrameParser: any cut of any mix of frames, every event counted once', () => {
  const frame = fc.oneof(
    fc.constant({ bytes: serverFrame(event(123_456_789)), events: 1, pings: 0 }),
    fc.constant({ bytes: serverFrame(Buffer.of(0x92, 12, 0x93, 1, 2, 3)), events: 3, pings: 0 }),
    fc.constant({ bytes: serverFrame(Buffer.of(0x92, 6, 1)), events: 0, pings: 0 }),
    fc.constant({ bytes: Buffer.of(0x89, 0), events: 0, pings: 1 }),
  );
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 40 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 300 })),
      fc.boolean(),
      (frames, cuts, whole) => {
        const all = Buffer.concat(frames.map((one) => one.bytes));
        const parser = new FrameParser();
        parser.whole = whole;
        const counter = new Counter();
        for (let at = 0; at < all.length; ) {
          const length = Math.min(cuts.next().value, all.length - at);
          parser.feed(Buffer.from(all.subarray(at, at + length)), length, counter);
          at += length;
        }
        expect(counter.events).toBe(frames.reduce((sum, one) => sum + one.events, 0));
        expect(counter.pings).toBe(frames.reduce((sum, one) => sum + one.pings, 0));
        for (const stamp of counter.stamps) expect(stamp).toBe(123_456_789);
      },
    ),
  );
});

test('FrameParser: a close frame, its code', () => {
  const counter = new Counter();
  const bytes = Buffer.of(0x88, 2, 0x11, 0x94);
  new FrameParser().feed(bytes, bytes.length, counter);
  expect(counter.closes).toEqual([4500]);
});

test('appendTemplate: stamped, rid, nonce and time in place', () => {
  const template = appendTemplate(91_000_000_000_001, 'r1');
  template.stamp(4711, 98_765);
  const payload = template.frame.subarray(6);
  expect(payload.subarray(0, 7)).toEqual(Buffer.of(0x96, 34, 0xce, 0, 0, 0x12, 0x67));
  expect(payload.readBigUInt64BE(8)).toBe(91_000_000_000_001n);
  expect(payload.toString('latin1')).toContain('r1-0000004711');
  expect(readStamp(payload, payload.length)).toBe(98_765);
  expect(payload.length).toBe(7 + 9 + 14 + 1 + 2 + CONTENT_BYTES);
});
