/** The voice frames: what a client may send, what it reads, and that both ends mean the same. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeFrame,
  Err,
  encodeFrame,
  type Frame,
  Limits,
  Op,
  okVJoinFrame,
  okVSyncFrame,
  parseRequest,
  parseServerFrame,
  parseVConsumeResult,
  parseVIceResult,
  parseVJoinResult,
  parseVProduceResult,
  parseVSyncResult,
  parseVTransportResult,
  VoiceJoin,
  VoiceKind,
  vCloseFrame,
  vConnectFrame,
  vConsumeFrame,
  vE2eFrame,
  vIceFrame,
  vJoinFrame,
  vLeaveFrame,
  voiceFrame,
  vPauseFrame,
  vProduceFrame,
  vStateFrame,
  vSyncFrame,
  vTransportFrame,
  type WireValue,
} from './index.ts';

const J = '{"codecs":[]}';
const GOOD: readonly (readonly [string, Frame, object])[] = [
  [
    'V_JOIN',
    vJoinFrame(7, 70412, J, VoiceJoin.BUNDLED | VoiceJoin.MUTED, 1),
    { op: Op.V_JOIN, rid: 7, sid: 70412, rtpCaps: J, flags: 5, e2e: 1 },
  ],
  [
    'V_JOIN with DTLS',
    vJoinFrame(7, 70412, J, VoiceJoin.BUNDLED | VoiceJoin.COMPACT, 0, J),
    { op: Op.V_JOIN, rid: 7, sid: 70412, rtpCaps: J, flags: 20, e2e: 0, dtls: J },
  ],
  ['V_LEAVE', vLeaveFrame(7, 3), { op: Op.V_LEAVE, rid: 7, vsid: 3 }],
  ['V_TRANSPORT', vTransportFrame(7, 3, 2), { op: Op.V_TRANSPORT, rid: 7, vsid: 3, dir: 2 }],
  ['V_CONNECT', vConnectFrame(7, 3, 4, J), { op: Op.V_CONNECT, rid: 7, vsid: 3, tid: 4, dtls: J }],
  [
    'V_PRODUCE',
    vProduceFrame(7, 3, 4, 'n-1', 1, J, 1),
    { op: Op.V_PRODUCE, rid: 7, vsid: 3, tid: 4, cnonce: 'n-1', media: 1, rtp: J, flags: 1 },
  ],
  ['V_CONSUME', vConsumeFrame(7, 3, 4, 5), { op: Op.V_CONSUME, rid: 7, vsid: 3, tid: 4, pid: 5 }],
  ['V_PAUSE', vPauseFrame(7, 3, 5, true), { op: Op.V_PAUSE, rid: 7, vsid: 3, id: 5, paused: true }],
  ['V_CLOSE', vCloseFrame(7, 3, 5), { op: Op.V_CLOSE, rid: 7, vsid: 3, id: 5 }],
  [
    'V_STATE',
    vStateFrame(7, 3, true, false),
    { op: Op.V_STATE, rid: 7, vsid: 3, mute: true, deaf: false, flags: null },
  ],
  [
    'V_STATE with flags',
    vStateFrame(7, 3, true, false, 3),
    { op: Op.V_STATE, rid: 7, vsid: 3, mute: true, deaf: false, flags: 3 },
  ],
  ['V_ICE', vIceFrame(7, 3, 4), { op: Op.V_ICE, rid: 7, vsid: 3, tid: 4 }],
  [
    'V_SYNC',
    vSyncFrame(7, 3, [1], [2, 3], []),
    { op: Op.V_SYNC, rid: 7, vsid: 3, tids: [1], pids: [2, 3], cids: [] },
  ],
  [
    'V_E2E',
    vE2eFrame(7, 3, null, 2, 'aGk='),
    { op: Op.V_E2E, rid: 7, vsid: 3, to: null, type: 2, data: 'aGk=' },
  ],
];

describe('parseRequest', () => {
  test.each(GOOD)('%s: as built, in both encodings', (_name, frame, request) => {
    for (const encoding of ['mp', 'json'] as const) {
      const decoded = decodeFrame(encodeFrame(frame, encoding), encoding);
      expect(decoded.ok && parseRequest(decoded.frame)).toEqual({ ok: true, request });
    }
  });

  const long = 'x'.repeat(Limits.jsonBytesMax + 1);
  const BAD: readonly (readonly [string, Frame, number])[] = [
    ['V_JOIN with an unknown flag', [48, 1, 5, J, 32, 0], Err.BAD_ARGS],
    ['V_JOIN without capabilities', [48, 1, 5, null, 0, 0], Err.BAD_ARGS],
    ['V_JOIN with a J too long', [48, 1, 5, long, 0, 0], Err.TOO_LARGE],
    ['V_JOIN with a J too long in bytes', [48, 1, 5, 'ß'.repeat(12_289), 0, 0], Err.TOO_LARGE],
    ['V_JOIN with an e2e version beyond a byte', [48, 1, 5, J, 0, 256], Err.BAD_ARGS],
    ['V_TRANSPORT in a third direction', [50, 1, 3, 3], Err.BAD_ARGS],
    ['V_CONNECT with an object', [51, 1, 3, 4, ['a']], Err.BAD_ARGS],
    ['V_PRODUCE with a bad cnonce', [52, 1, 3, 4, 'a b', 1, J, 0], Err.BAD_ARGS],
    ['V_PRODUCE of a fourth medium', [52, 1, 3, 4, 'n', 4, J, 0], Err.BAD_ARGS],
    ['V_PRODUCE with an unknown flag', [52, 1, 3, 4, 'n', 1, J, 2], Err.BAD_ARGS],
    ['V_PAUSE with a number', [54, 1, 3, 4, 1], Err.BAD_ARGS],
    ['V_STATE with an unknown flag', [56, 1, 3, true, true, 4], Err.BAD_ARGS],
    ['V_SYNC with 501 ids', [58, 1, 3, Array<number>(501).fill(1), [], []], Err.BAD_ARGS],
    ['V_LAYERS', [59, 1, 3, 4, 0, 0], Err.UNKNOWN_OP],
    ['V_E2E that is no base64', [60, 1, 3, null, 0, '{}'], Err.BAD_ARGS],
    ['V_E2E too long', [60, 1, 3, null, 0, 'A'.repeat(12_289)], Err.TOO_LARGE],
    ['V_LEAVE with a negative vsid', [49, 1, -3], Err.BAD_ARGS],
  ];
  test.each(BAD)('%s: refused', (_name, frame, code) => {
    expect(parseRequest(frame)).toEqual({ ok: false, rid: 1, code });
  });

  test('J of exactly 24 KiB: taken, whatever is in it', () => {
    const json = '['.repeat(Limits.jsonBytesMax);
    expect(parseRequest([48, 1, 5, json, 0, 0])).toMatchObject({ ok: true });
    expect(parseRequest([48, 1, 5, 'ß'.repeat(12_288), 0, 0])).toMatchObject({ ok: true });
  });

  test('any values in the place of arguments: a request or a code, never an exception', () => {
    const scalar = fc.oneof(
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.array(fc.integer({ min: 0 })),
    );
    const frames = fc.tuple(fc.integer({ min: 48, max: 60 }), fc.array(scalar, { maxLength: 8 }));
    fc.assert(
      fc.property(frames, ([op, rest]) => {
        const parsed = parseRequest([op, 9, ...(rest as WireValue[])]);
        if (!parsed.ok) expect(parsed.rid).toBe(9);
      }),
    );
  });
});

describe('of the server', () => {
  const result = (frame: Frame): readonly WireValue[] => {
    const back = parseServerFrame(frame);
    if (back?.op !== Op.OK) throw new Error('no OK');
    return back.result;
  };
  const people = [[5, 3, [[8, 1, true]]]] as const;
  const participants = [{ uid: 5, flags: 3, producers: [{ pid: 8, media: 1, paused: true }] }];
  const joined = {
    vsid: 3,
    ver: 9,
    routerCaps: J,
    iceServers: '[]',
    participants: people,
    e2e: 0,
    epoch: 2,
  };

  test('V_JOIN: without a bundle', () => {
    const { participants: _, ...rest } = joined;
    expect(parseVJoinResult(result(okVJoinFrame(7, joined)))).toEqual({
      ...rest,
      participants,
      bundle: null,
    });
  });

  test('V_JOIN: with transports and consumers, for a listener too', () => {
    const receive = { tid: 12, params: J };
    const consumers = [{ pid: 8, cid: 20, media: 1, rtp: J }];
    for (const send of [null, { tid: 11, params: J }]) {
      const bundle = { send, receive, consumers };
      const back = parseVJoinResult(result(okVJoinFrame(7, { ...joined, bundle })));
      expect(back?.bundle).toEqual(bundle);
    }
  });

  test('V_SYNC, V_TRANSPORT, V_PRODUCE, V_CONSUME, V_ICE: as built', () => {
    const lost = { lostTids: [1], lostPids: [], lostCids: [4, 5] };
    const sync = okVSyncFrame(7, { ver: 4, participants: people, ...lost });
    expect(parseVSyncResult(result(sync))).toEqual({ ver: 4, participants, ...lost });
    expect(parseVTransportResult([4, J])).toEqual({ tid: 4, params: J });
    expect(parseVProduceResult([4])).toBe(4);
    expect(parseVConsumeResult([4, 1, J])).toEqual({ cid: 4, media: 1, rtp: J });
    expect(parseVIceResult([J])).toBe(J);
  });

  test('VOICE: any kind, with its body', () => {
    expect(parseServerFrame(voiceFrame(3, 9, VoiceKind.SPEAKING, [[[5, 100]]]))).toEqual({
      op: Op.VOICE,
      vsid: 3,
      ver: 9,
      kind: 6,
      body: [[[5, 100]]],
    });
    expect(parseServerFrame(voiceFrame(3, 9, 250, []))).toMatchObject({ kind: 250 });
    expect(parseServerFrame([Op.VOICE, '3', 9, 1])).toBe(null);
  });

  test('wrong elements: null', () => {
    expect(parseVJoinResult([3, 9, J, '[]', [[5]], 0, 2])).toBe(null);
    expect(parseVJoinResult([3, 9, J, '[]', [], 0, 2, null, [1]])).toBe(null);
    expect(parseVSyncResult([3, [], [], ['x'], []])).toBe(null);
    expect(parseVTransportResult(['a', J])).toBe(null);
    expect(parseVConsumeResult([1, 1, 5])).toBe(null);
  });
});
