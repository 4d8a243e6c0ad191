/** Typing, presence and member windows on the wire, both directions. */
import { expect, test } from 'vitest';
import {
  decodeFrame,
  Err,
  encodeFrame,
  type Frame,
  Limits,
  membersFrame,
  Op,
  okMembersFrame,
  okWindowFrame,
  parseMembersResult,
  parseRequest,
  parseServerFrame,
  parseWindowResult,
  presenceFrame,
  ridOf,
  statusFrame,
  typeFrame,
  typingFrame,
  type WireValue,
  windowCloseFrame,
  windowFrame,
  windowOpenFrame,
} from './index.ts';

const OUTBOUND = { depthMax: Limits.outboundDepthMax, valuesMax: 65_535 };

test.each<[string, Frame, object]>([
  ['TYPE', typeFrame(7), { op: Op.TYPE, rid: 0, sid: 7 }],
  ['STATUS', statusFrame(3, 2, 'tea'), { op: Op.STATUS, rid: 3, status: 2, activity: 'tea' }],
  ['STATUS empty', statusFrame(3, 0, ''), { op: Op.STATUS, rid: 3, status: 0, activity: null }],
  [
    'MWIN_OPEN',
    windowOpenFrame(3, 9, 0, 50),
    { op: Op.MWIN_OPEN, rid: 3, gid: 9, from: 0, count: 50 },
  ],
  ['MWIN_CLOSE', windowCloseFrame(3, 9), { op: Op.MWIN_CLOSE, rid: 3, gid: 9 }],
  [
    'MEMBERS by uids',
    membersFrame(3, 9, { uids: [1, 2] }, 500),
    { op: Op.MEMBERS, rid: 3, gid: 9, uids: [1, 2], prefix: null, limit: 100 },
  ],
  [
    'MEMBERS by prefix',
    membersFrame(3, 9, { prefix: 'an' }, 5),
    { op: Op.MEMBERS, rid: 3, gid: 9, uids: null, prefix: 'an', limit: 5 },
  ],
])('parseRequest: %s as the SDK builds it, the typed request', (_name, frame, request) => {
  for (const encoding of ['mp', 'json'] as const) {
    const decoded = decodeFrame(encodeFrame(frame, encoding), encoding);
    expect(decoded.ok && parseRequest(decoded.frame)).toEqual({ ok: true, request });
  }
});

test.each<[Frame, number]>([
  [[Op.TYPE], Err.BAD_ARGS],
  [[Op.TYPE, -1], Err.BAD_ARGS],
  [[Op.STATUS, 3, 4], Err.BAD_ARGS],
  [[Op.STATUS, 3, 1, 7], Err.BAD_ARGS],
  [[Op.STATUS, 3, 1, 'a\u0000'], Err.BAD_CONTENT],
  [[Op.STATUS, 3, 1, 'a'.repeat(257)], Err.TOO_LARGE],
  [[Op.MWIN_OPEN, 3, 9, 1, 0, 50], Err.BAD_ARGS],
  [[Op.MWIN_OPEN, 3, 9, 0, 0], Err.BAD_ARGS],
  [[Op.MWIN_CLOSE, 3, 9], Err.BAD_ARGS],
  [[Op.MEMBERS, 3, 9, null, null, 5], Err.BAD_ARGS],
  [[Op.MEMBERS, 3, 9, [1], 'a', 5], Err.BAD_ARGS],
  [[Op.MEMBERS, 3, 9, [1, 'a'], null, 5], Err.BAD_ARGS],
  [[Op.MEMBERS, 3, 9, [1], null], Err.BAD_ARGS],
  [[Op.MEMBERS, 3, 0, null, 'a', 5], Err.BAD_ARGS],
  [[Op.MEMBERS, 3, 9, null, '\u{1F600}'.repeat(33), 5], Err.TOO_LARGE],
])('parseRequest: %j, ERR %d', (frame, code) => {
  expect(parseRequest(frame)).toEqual({ ok: false, rid: frame[0] === Op.TYPE ? 0 : 3, code });
});

test('ridOf: TYPE has none, its sid is not taken for one', () => {
  expect([ridOf([Op.TYPE, 5]), ridOf([Op.TIME, 5])]).toEqual([0, 5]);
});

test('parseServerFrame: TYPING, PRESENCE and MWIN as the server builds them', () => {
  const entries: readonly (readonly [number, number, string?])[] = [
    [4, 1],
    [5, 3, 'tea'],
  ];
  const frames: readonly (readonly [Frame, object | null])[] = [
    [typingFrame(7, [1, 2], 9), { op: Op.TYPING, sid: 7, uids: [1, 2], total: 9 }],
    [
      presenceFrame(9, 12, entries as Parameters<typeof presenceFrame>[2]),
      {
        op: Op.PRESENCE,
        gid: 9,
        ver: 12,
        entries: [
          { uid: 4, status: 1, activity: null },
          { uid: 5, status: 3, activity: 'tea' },
        ],
      },
    ],
    [
      windowFrame(9, 3, 5, [[4, 'Ann', 9, 1]]),
      {
        op: Op.MWIN,
        gid: 9,
        list: 0,
        leaf: 3,
        ver: 5,
        entries: [{ uid: 4, name: 'Ann', topRole: 9, status: 1 }],
      },
    ],
    [[Op.TYPING, 7, [1, 'a'], 1], null],
    [[Op.PRESENCE, 9, 12, [4]], null],
    [[Op.MWIN, 9, 0, 3, 5, [[4, 'Ann', 9]]], null],
  ];
  for (const [frame, wanted] of frames) expect(parseServerFrame(frame)).toEqual(wanted);
});

test('okWindowFrame, parseWindowResult: there and back', () => {
  const leaf = { leaf: 3, ver: 5, index: 0, entries: [[4, 'Ann', 9, 1] as const] };
  const frame = okWindowFrame(2, { ver: 8, groups: [[9, 1]], leaves: [leaf] });
  for (const encoding of ['mp', 'json'] as const) {
    const decoded = decodeFrame(encodeFrame(frame, encoding), encoding, OUTBOUND);
    expect(decoded.ok && parseWindowResult(decoded.frame.slice(2))).toEqual({
      ver: 8,
      groups: [[9, 1]],
      leaves: [{ ...leaf, entries: [{ uid: 4, name: 'Ann', topRole: 9, status: 1 }] }],
    });
  }
  expect(parseWindowResult([8, [[9]], []])).toBeNull();
});

test('okMembersFrame: there and back; fewer members rather than more than 128 KiB', () => {
  const member = { uid: 4, name: 'Ann', nick: null, topRole: 9, roles: [9, 8], status: 1 };
  const back = parseMembersResult(okMembersFrame(2, [member]).slice(2) as WireValue[]);
  expect(back).toEqual([member]);
  const roles = Array.from({ length: 250 }, (_, i) => 2 ** 52 + i);
  const heavy = { ...member, nick: '"'.repeat(96), name: '\\'.repeat(96), roles };
  const frame = okMembersFrame(2, new Array(100).fill(heavy));
  expect((frame[2] as readonly WireValue[]).length).toBeGreaterThan(20);
  for (const encoding of ['mp', 'json'] as const) {
    expect(encodeFrame(frame, encoding).length).toBeLessThan(Limits.outboundFrameBytesMax);
  }
});
