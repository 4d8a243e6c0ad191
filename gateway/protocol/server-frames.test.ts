/** Tests of server frames: what was built is what is read. */
import { describe, expect, test } from 'vitest';
import {
  authExpiringFrame,
  Close,
  closeAction,
  closeErrFrame,
  decodeFrame,
  type Encoding,
  Err,
  encodeFrame,
  errFrame,
  type Frame,
  gapFrame,
  headFrame,
  helloFrame,
  okAppendFrame,
  okFrame,
  okGuildFrame,
  okIdentifyFrame,
  okSubFrame,
  okSyncFrame,
  parseAppendResult,
  parseGuildResult,
  parseIdentifyResult,
  parseServerFrame,
  parseSubResult,
  parseSyncResult,
  pingFrame,
  reconnectFrame,
  type ServerFrame,
  subEndFrame,
  type WireValue,
} from './index.ts';

const cursor = { epoch: 2_914_771_203, seq: 918_274, ts: 1_763_694_000_123 };
const HELLO = {
  ver: 1,
  node: 'n1',
  pingMs: 20_000,
  deadlineMs: 10_000,
  herdMs: 5000,
  challenge: 'kH0',
  limits: {
    maxFrameBytes: 32_768,
    maxStreams: 500,
    maxInflight: 64,
    maxContent: 4000,
    dedupeMs: 600_000,
    replayMax: 5000,
    batchMax: 200,
  },
};
const gap = { sid: 7, reason: 1, epoch: 5, from: 2, to: 9, ts: 10 };

function throughWire(frame: Frame, encoding: Encoding): ServerFrame | null {
  const decoded = decodeFrame(encodeFrame(frame, encoding), encoding, { depthMax: 8 });
  if (!decoded.ok) throw new Error(decoded.why);
  return parseServerFrame(decoded.frame);
}
function resultOf(frame: Frame): readonly WireValue[] {
  const parsed = throughWire(frame, 'mp');
  if (parsed?.op !== 4) throw new Error('no OK');
  return parsed.result;
}

describe.each(['mp', 'json'] as Encoding[])('server frames over %s', (encoding) => {
  test.each<[string, Frame, ServerFrame]>([
    ['HELLO', helloFrame(HELLO), { op: 1, ...HELLO }],
    ['OK', okFrame(3, 'a', [1]), { op: 4, rid: 3, result: ['a', [1]] }],
    [
      'ERR',
      errFrame(3, Err.RATE, 500),
      { op: 5, rid: 3, code: 420, name: 'rate', retryMs: 500, info: null },
    ],
    [
      'ERR with info',
      errFrame(3, Err.BAD_ARGS, undefined, 'sid'),
      { op: 5, rid: 3, code: 101, name: 'bad_args', retryMs: null, info: 'sid' },
    ],
    [
      'ERR before a close',
      closeErrFrame(Close.BAD_FRAME),
      { op: 5, rid: 0, code: 4500, name: 'bad_frame', retryMs: null, info: null },
    ],
    ['PING', pingFrame(5), { op: 6, ts: 5 }],
    ['AUTH_EXPIRING', authExpiringFrame(60_000), { op: 9, msLeft: 60_000 }],
    [
      'RECONNECT',
      reconnectFrame(0, 5000, null, 'drain'),
      { op: 10, minMs: 0, maxMs: 5000, url: null, reason: 'drain' },
    ],
    ['HEAD', headFrame(7, cursor), { op: 17, sid: 7, ...cursor }],
    ['GAP', gapFrame(gap), { op: 18, ...gap }],
    ['SUBEND', subEndFrame(7, 301), { op: 25, sid: 7, code: 301 }],
  ])('parseServerFrame: %s, what was built', (_name, frame, expected) => {
    expect(throughWire(frame, encoding)).toEqual(expected);
  });
});

describe('parseServerFrame: what a later version may send', () => {
  test('BATCH: frames in order, unknown ones and nested batches left out', () => {
    const parsed = parseServerFrame([12, [[6, 1], [250, 1], [12, []], [6, 2], 5]]);
    expect(parsed).toEqual({
      op: 12,
      frames: [
        { op: 6, ts: 1 },
        { op: 6, ts: 2 },
      ],
    });
  });
  test('unknown op, wrong types: null', () => {
    for (const frame of [
      [250, 1],
      [6, 'x'],
      [16, 1],
      [18, 1],
      [1, 1],
      [12, 5],
      [5],
      [10],
      [25],
      [17],
    ]) {
      expect(parseServerFrame(frame as unknown as Frame)).toBeNull();
    }
  });
  test('EV of an unknown kind with more elements: an event', () => {
    expect(parseServerFrame([16, 1, 2, 3, 4, 999, 5, 'x', [1]])).toEqual({
      op: 16,
      event: { sid: 1, epoch: 2, seq: 3, ts: 4, kind: 999, actor: 5, body: ['x', [1]] },
    });
  });
});

describe('results of OK: parser gives what the builder got', () => {
  test('IDENTIFY, SUB, APPEND, SYNC, GUILD', () => {
    const identify = {
      session: 's',
      resumeKey: 'k',
      connNo: 1,
      uid: 5,
      userSid: 5,
      expMs: 9,
      durability: 1,
      caps: 0,
      now: 8,
      guilds: [{ gid: 18, name: 'Games', large: false }],
    };
    expect(parseIdentifyResult(resultOf(okIdentifyFrame(1, identify)))).toEqual(identify);
    const sub = [{ sid: 7, status: 1, ...cursor, first: 1, head: 918_280 }];
    expect(parseSubResult(resultOf(okSubFrame(1, sub)))).toEqual(sub);
    const append = { ...cursor, duplicate: true };
    expect(parseAppendResult(resultOf(okAppendFrame(1, append)))).toEqual(append);
    const sync = [{ sid: 7, ...cursor }];
    expect(parseSyncResult(resultOf(okSyncFrame(1, sync)))).toEqual(sync);
    const guild = {
      aclVer: 3,
      channels: [{ sid: 7, type: 1, name: 'general', perms: 463, ...cursor, marker: 0 }],
      roles: [[18, 'everyone', 0, 0, 463]] as const,
      viewSids: [19],
      large: false,
    };
    expect(parseGuildResult(resultOf(okGuildFrame(1, guild)))).toEqual(guild);
  });
  test('wrong types: null', () => {
    expect(parseIdentifyResult(['s', 'k', 1])).toBeNull();
    expect(parseSubResult([[[1, 2]]])).toBeNull();
    expect(parseAppendResult(['x'])).toBeNull();
    expect(parseSyncResult([5])).toBeNull();
    expect(parseGuildResult([1, [[1]], [], []])).toBeNull();
  });
});

describe('closeAction', () => {
  test('the range decides', () => {
    expect([1006, 4000, 4499, 3000].map(closeAction)).toEqual(Array(4).fill('reconnect'));
    expect([4500, 4505, 4999].map(closeAction)).toEqual(Array(3).fill('stop'));
  });
});
