/** Tests of markers, typing, status and member windows against the scripted server. */
import { describe, expect, test } from 'vitest';
import {
  Err,
  errFrame,
  type Frame,
  Kind,
  Op,
  okMembersFrame,
  okWindowFrame,
  presenceFrame,
  type Request,
  receiptFrame,
  typingFrame,
  unreadFrame,
  type WindowRow,
  windowFrame,
} from '../gateway/protocol/index.ts';
import type { ClientEvents } from './index.ts';
import { settle } from './test/fake-clock.ts';
import type { MockConnection } from './test/mock-server.ts';
import { onlineRig, type Rig } from './test/rig.ts';

function record<Name extends keyof ClientEvents>(parts: Rig, name: Name): ClientEvents[Name][] {
  const all: ClientEvents[Name][] = [];
  parts.client.on(name, (argument) => all.push(argument));
  return all;
}

/** Without the rid. */
function sent(parts: Rig, op: number): unknown[][] {
  return parts.server.connections.flatMap((one) => one.sent(op)).map((frame) => frame.slice(2));
}

async function reconnect(parts: Rig): Promise<void> {
  parts.server.last.kill();
  await parts.clock.advance(10_000);
  expect(parts.client.state.name).toBe('online');
}

const row = (uid: number, status = 1): WindowRow => ({ uid, name: `u${uid}`, topRole: 9, status });
/** The same on the wire. */
const wire = (uid: number, status = 1) => [uid, `u${uid}`, 9, status] as const;

/** Answers MWIN_OPEN with one leaf of two rows. */
function withWindow(parts: Rig, ver = 1): void {
  parts.server.intercept = (connection: MockConnection, request: Request) => {
    if (request.op !== Op.MWIN_OPEN) return false;
    const leaves = [{ leaf: 3, ver, index: 100, entries: [wire(1), wire(2)] }];
    connection.send(okWindowFrame(request.rid, { ver, groups: [[9, 2]], leaves }));
    return true;
  };
}

describe('mark', () => {
  test('several at once: one under way, then the newest only', async () => {
    const parts = await onlineRig();
    const markers = record(parts, 'marker');
    for (const seq of [1, 2, 3]) parts.client.mark(7, seq);
    parts.client.mark(7, 2);
    await settle();
    expect(sent(parts, Op.MARK)).toEqual([
      [7, 1],
      [7, 3],
    ]);
    expect(markers.at(-1)).toEqual({ sid: 7, seq: 3 });
  });

  test('offline, and lost with the connection: told on the next one', async () => {
    const parts = await onlineRig();
    parts.server.intercept = (_connection, request) => request.op === Op.MARK;
    parts.client.mark(7, 2);
    await settle();
    parts.server.intercept = () => false;
    parts.server.last.kill();
    await settle();
    parts.client.mark(8, 5);
    await parts.clock.advance(10_000);
    expect(sent(parts, Op.MARK).slice(1)).toEqual([
      [7, 2],
      [8, 5],
    ]);
    await reconnect(parts);
    expect(sent(parts, Op.MARK).length).toBe(3);
  });

  test('ERR 420: again after retry_ms; ERR 301: given up', async () => {
    const parts = await onlineRig();
    const codes = [Err.RATE, Err.FORBIDDEN_OR_ABSENT];
    parts.server.intercept = (connection, request) => {
      const code = request.op === Op.MARK ? codes.shift() : undefined;
      if (code !== undefined) connection.send(errFrame(request.rid, code, 700));
      return code !== undefined;
    };
    parts.client.mark(7, 2);
    await parts.clock.advance(600);
    expect(sent(parts, Op.MARK).length).toBe(1);
    await parts.clock.advance(200);
    expect(sent(parts, Op.MARK).length).toBe(2);
    await parts.clock.advance(60_000);
    expect(sent(parts, Op.MARK).length).toBe(2);
  });
});

describe('typing', () => {
  const types = (parts: Rig): Frame[] =>
    parts.server.connections.flatMap((one) => one.sent(Op.TYPE));

  test('a key a second: every 8 s, at once again after a message, never offline', async () => {
    const parts = await onlineRig();
    for (let key = 0; key < 9; key += 1) {
      parts.client.typing(7);
      await parts.clock.advance(1000);
    }
    expect(types(parts)).toEqual([
      [Op.TYPE, 7],
      [Op.TYPE, 7],
    ]);
    parts.client.send(7, 'done');
    parts.client.typing(7);
    await settle();
    expect(types(parts).length).toBe(3);
    parts.server.last.kill();
    await settle();
    parts.client.typing(9);
    await parts.clock.advance(10_000);
    expect(types(parts).length).toBe(3);
  });
});

describe('setStatus', () => {
  test('a resumed session knows it, a new one is told', async () => {
    const parts = await onlineRig();
    parts.client.setStatus(3, 'busy');
    await settle();
    await reconnect(parts);
    expect(sent(parts, Op.STATUS)).toEqual([[3, 'busy']]);
    const { server } = parts;
    server.filter = (connection, frame) => {
      if (frame[0] === Op.OK && connection.received.length === 1)
        (frame as unknown as unknown[])[2] = 'other';
      return true;
    };
    await reconnect(parts);
    expect(sent(parts, Op.STATUS)).toEqual([
      [3, 'busy'],
      [3, 'busy'],
    ]);
  });
});

describe('openWindow', () => {
  test('the answer, then leaves in order: the window shows them', async () => {
    const parts = await onlineRig();
    const windows = record(parts, 'window');
    withWindow(parts);
    parts.client.openWindow(500, 100, 50);
    await settle();
    expect(sent(parts, Op.MWIN_OPEN)).toEqual([[500, 0, 100, 50]]);
    expect(windows).toEqual([{ gid: 500, from: 100, rows: [row(1), row(2)], groups: [[9, 2]] }]);
    const { last } = parts.server;
    last.send(windowFrame(500, 3, 2, [wire(1), wire(2, 0)]));
    last.send(windowFrame(500, 3, 2, [wire(1)]));
    last.send(windowFrame(501, 3, 3, [wire(1)]));
    await settle();
    expect(windows.slice(1)).toMatchObject([{ rows: [row(1), row(2, 0)] }]);
  });

  test.each([
    ['a skipped ver', windowFrame(500, 3, 3, [wire(1)])],
    ['a leaf that is gone', windowFrame(500, 3, 2, [])],
    ['a leaf of a split', windowFrame(500, 4, 1, [wire(5)])],
  ])('%s: opened again, soon', async (_, frame) => {
    const parts = await onlineRig();
    withWindow(parts);
    parts.client.openWindow(500);
    await settle();
    parts.server.last.send(frame);
    await parts.clock.advance(1000);
    expect(sent(parts, Op.MWIN_OPEN).length).toBe(2);
  });

  test('refused: a warning with the code, and not tried again', async () => {
    const parts = await onlineRig();
    const warnings = record(parts, 'warning');
    parts.server.intercept = (connection, request) => {
      if (request.op === Op.MWIN_OPEN) connection.send(errFrame(request.rid, Err.STREAM_LIMIT));
      return request.op === Op.MWIN_OPEN;
    };
    parts.client.openWindow(500);
    await settle();
    expect(warnings).toMatchObject([{ code: 'DRIFT_CLIENT_REFUSED', data: { err: 411 } }]);
    await reconnect(parts);
    expect(sent(parts, Op.MWIN_OPEN).length).toBe(1);
  });

  test('a reconnect: opened again; closed: not any more', async () => {
    const parts = await onlineRig();
    withWindow(parts);
    parts.client.openWindow(500);
    await settle();
    await reconnect(parts);
    expect(sent(parts, Op.MWIN_OPEN).length).toBe(2);
    parts.client.closeWindow(500);
    await settle();
    expect(sent(parts, Op.MWIN_CLOSE)).toEqual([[500, 0]]);
    await reconnect(parts);
    expect(sent(parts, Op.MWIN_OPEN).length).toBe(2);
  });
});

test('events: what the server sends, typed; a skipped ver of PRESENCE shows', async () => {
  const parts = await onlineRig();
  const [unread, receipts] = [record(parts, 'unread'), record(parts, 'receipt')];
  const [typing, presence] = [record(parts, 'typing'), record(parts, 'presence')];
  const { last } = parts.server;
  last.send(unreadFrame([{ sid: 8, seq: 3, ts: 5 }]));
  last.send(receiptFrame(7, [[2, 3]]));
  last.send(typingFrame(7, [2], 1));
  for (const ver of [4, 5, 7]) last.send(presenceFrame(500, ver, [[2, 1]]));
  await settle();
  expect(unread).toEqual([[{ sid: 8, seq: 3, ts: 5 }]]);
  expect(receipts).toEqual([{ sid: 7, markers: [{ uid: 2, seq: 3 }] }]);
  expect(typing).toEqual([{ sid: 7, uids: [2], total: 1 }]);
  expect(presence[0]?.entries).toEqual([{ uid: 2, status: 1, activity: null }]);
  expect(presence.map((one) => one.isMissing)).toEqual([false, false, true]);
});

test('the own inbox: mentions and markers of other sessions are events of their own', async () => {
  const parts = await onlineRig();
  const [mentions, markers] = [record(parts, 'mention'), record(parts, 'marker')];
  parts.server.stream(1);
  await parts.client.subscribe(1);
  parts.server.publishBody(1, [7, 3], Kind.MENTION, 2);
  parts.server.publishBody(1, [7, 2], Kind.MARKER, 1);
  parts.server.publishBody(7, [9, 9], Kind.MENTION, 1);
  await settle();
  expect([mentions, markers]).toEqual([[{ sid: 7, seq: 3 }], [{ sid: 7, seq: 2 }]]);
});

test('members: asked by ids or by prefix, typed', async () => {
  const parts = await onlineRig();
  const member = { uid: 2, name: 'bob', nick: null, topRole: 9, roles: [9], status: 1 };
  parts.server.intercept = (connection, request) => {
    if (request.op === Op.MEMBERS) connection.send(okMembersFrame(request.rid, [member]));
    return request.op === Op.MEMBERS;
  };
  expect(await parts.client.members(500, { prefix: 'bo' }, 5)).toEqual([member]);
  expect(await parts.client.members(500, { uids: [2] })).toEqual([member]);
  expect(sent(parts, Op.MEMBERS)).toEqual([
    [500, null, 'bo', 5],
    [500, [2], null, 100],
  ]);
});
