/** Frames as JSON text instead of msgpack, for tests. Tests only. */
import type { EventCodec, EventFields } from '../types.ts';

/** Frames as JSON text: easy to read in a failing test. */
export const jsonCodec: EventCodec = {
  encodeEvent: (sid, epoch, { seq, ts, kind, actor, body }) =>
    new TextEncoder().encode(JSON.stringify([16, sid, epoch, seq, ts, kind, actor, ...body])),
  decodeEvent: (frame) => {
    const [, sid, epoch, seq, ts, kind, actor, ...body] = JSON.parse(
      new TextDecoder().decode(frame),
    );
    return { sid, epoch, seq, ts, kind, actor, body };
  },
  encodeNotice: (frame) => new TextEncoder().encode(JSON.stringify(frame)),
  encodeUnread: (moved) => [
    jsonCodec.encodeNotice([19, moved.map(({ sid, seq, ts }) => [sid, seq, ts])]),
  ],
  encodeReceipt: (sid, markers) => jsonCodec.encodeNotice([24, sid, markers]),
  mayMention: () => true,
};

export function decode(frame: Uint8Array): EventFields {
  return jsonCodec.decodeEvent(frame);
}
