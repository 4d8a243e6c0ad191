/** Tests of DriftwayClient against the scripted server: conformance cases 16, 17 and 23, gaps, reads. */
import { describe, expect, test } from 'vitest';
import { Op } from '../gateway/protocol/index.ts';
import { ClientError, memoryStorage } from './index.ts';
import { settle } from './test/fake-clock.ts';
import { cursorsSent, fixedTokens, onlineRig, rig } from './test/rig.ts';

describe.each(['mp', 'json'] as const)('DriftwayClient over %s', (encoding) => {
  test('connect, subscribe, send: each event once, the sender gets its seq', async () => {
    const parts = await onlineRig(3, { encoding });
    expect(parts.client.state).toEqual({ name: 'online' });
    expect(parts.client.identity?.uid).toBe(1);
    const { nonce, done } = parts.client.send(7, 'hé 👋');
    expect(nonce).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(await done).toMatchObject({ seq: 4, duplicate: false });
    parts.server.publish(7, 'reply');
    await settle();
    expect(parts.texts()).toEqual(['4:hé 👋', '5:reply']);
    expect(parts.client.positions().get(7)?.seq).toBe(5);
    expect(parts.client.outbox()).toEqual([]);
  });

  test('history, guild, time: typed results', async () => {
    const parts = await onlineRig(5, { encoding });
    parts.server.channels.push({ sid: 7, name: 'general' });
    const history = await parts.client.history(7, { before: 2 });
    expect(history).toMatchObject({ first: 1, head: 5 });
    expect(history.events.map((event) => event.seq)).toEqual([4, 5]);
    const guild = await parts.client.guild(500);
    expect(guild.channels[0]).toMatchObject({ sid: 7, name: 'general' });
    expect(await parts.client.time()).toBe(parts.server.now);
  });
});

describe('conformance 16: hole repair in-band', () => {
  test('one EV lost: SUB with the contiguous cursor on the same connection, every seq once', async () => {
    const parts = await onlineRig();
    let isLosing = true;
    parts.server.filter = (_connection, frame) => {
      const isLost = isLosing && frame[0] === Op.EV && frame[3] === 5;
      if (isLost) isLosing = false;
      return !isLost;
    };
    for (const text of ['a', 'b', 'c', 'd']) parts.server.publish(7, text);
    await settle();
    expect(parts.texts()).toEqual(['4:a', '5:b', '6:c', '7:d']);
    expect(cursorsSent(parts)).toEqual([null, 4]);
    expect(parts.server.connections.length).toBe(1);
  });

  test('replays lost too: one SUB in flight, again after 1, 2, 4 ... s, never a reconnect', async () => {
    const parts = await onlineRig();
    parts.server.filter = (_connection, frame) => frame[0] !== Op.EV && frame[0] !== Op.BATCH;
    parts.server.publish(7, 'a');
    parts.server.filter = (_connection, frame) =>
      frame[0] !== Op.BATCH && !(frame[0] === Op.EV && frame[3] === 4);
    parts.server.publish(7, 'b');
    await settle();
    expect(cursorsSent(parts).length).toBe(2);
    const counts: number[] = [];
    for (const seconds of [1, 2, 4, 8]) {
      await parts.clock.advance(seconds * 1000);
      counts.push(cursorsSent(parts).length);
      parts.server.ping();
    }
    expect(counts).toEqual([3, 4, 5, 6]);
    parts.server.filter = () => true;
    await parts.clock.advance(16_000);
    expect(parts.texts()).toEqual(['4:a', '5:b']);
    await parts.clock.advance(40_000);
    expect(cursorsSent(parts).length).toBe(7);
    expect(parts.server.connections.length).toBe(1);
  });

  test('ERR to a repair SUB: repeated after retry_ms', async () => {
    const parts = await onlineRig();
    parts.server.filter = (_connection, frame) => !(frame[0] === Op.EV && frame[3] === 4);
    parts.server.publish(7, 'a');
    let refusals = 0;
    parts.server.intercept = (connection, request) => {
      if (request.op !== Op.SUB || refusals > 0) return false;
      refusals += 1;
      connection.send([Op.ERR, request.rid, 502, 'unavailable', 3000]);
      return true;
    };
    parts.server.publish(7, 'b');
    parts.server.filter = () => true;
    await parts.clock.advance(2_999);
    expect(parts.texts()).toEqual([]);
    await parts.clock.advance(1);
    expect(parts.texts()).toEqual(['4:a', '5:b']);
  });
});

describe('conformance 17: lost tail', () => {
  test('HEAD ahead for 500 ms: repaired; HEAD that is overtaken: nothing sent', async () => {
    const parts = await onlineRig();
    parts.server.filter = (_connection, frame) => frame[0] !== Op.EV;
    parts.server.publish(7, 'tail');
    parts.server.filter = () => true;
    parts.server.beacon(7);
    await parts.clock.advance(499);
    expect(cursorsSent(parts)).toEqual([null]);
    await parts.clock.advance(1);
    expect(parts.texts()).toEqual(['4:tail']);
    parts.server.beacon(7);
    await parts.clock.advance(5_000);
    expect(cursorsSent(parts)).toEqual([null, 3]);
  });

  test('SYNC every 5 min: a stream that moved unseen is repaired', async () => {
    const parts = await onlineRig();
    parts.server.filter = (_connection, frame) => frame[0] !== Op.EV;
    parts.server.publish(7, 'unseen');
    parts.server.filter = () => true;
    for (let i = 0; i < 8; i += 1) {
      await parts.clock.advance(38_000);
      parts.server.ping();
    }
    expect(parts.server.last.sent(Op.SYNC)).toEqual([
      [Op.SYNC, expect.any(Number), [[7, 70_007, 3]]],
    ]);
    expect(parts.texts()).toEqual(['4:unseen']);
  });
});

describe('conformance 23: unknowns', () => {
  test('op 250 ignored; kind 999 moves the position; extra elements ignored', async () => {
    const parts = await onlineRig();
    parts.server.last.send([250, 'x', [1]]);
    parts.server.publish(7, 'later kind', 999);
    parts.server.last.send([6, parts.server.now, 'extra']);
    parts.server.publish(7, 'after');
    await settle();
    expect(parts.texts()).toEqual(['4:later kind', '5:after']);
    expect(parts.events[0]?.kind).toBe(999);
    expect(cursorsSent(parts)).toEqual([null]);
    expect(parts.client.state.name).toBe('online');
  });
});

describe('gaps and ends', () => {
  test('GAP: the range is told before what follows; reason 2 voids and gives the new epoch', async () => {
    const parts = await onlineRig();
    const order: string[] = [];
    parts.client.on('gap', (range) => order.push(`gap ${range.from}-${range.to}`));
    parts.client.on('event', (event) => order.push(`event ${event.seq}`));
    const stream = parts.server.stream(7);
    parts.server.last.send([Op.GAP, 7, 7, stream.epoch, 4, 6, 1]);
    parts.server.last.send([Op.EV, 7, stream.epoch, 7, 2, 1, 2, 'x']);
    parts.server.last.send([Op.GAP, 7, 2, 99, 1, 0, 0]);
    parts.server.last.send([Op.EV, 7, 99, 1, 3, 1, 2, 'y']);
    await settle();
    expect(order).toEqual(['gap 4-6', 'event 7', 'gap 1-0', 'event 1']);
    expect(parts.gaps.map((range) => range.isVoid)).toEqual([false, true]);
    expect(parts.client.positions().get(7)).toEqual({ epoch: 99, seq: 1, ts: 3 });
  });

  test('subscribe: refused by the server, rejects with its code; later frames are not delivered', async () => {
    const parts = await onlineRig();
    const ends: unknown[] = [];
    parts.client.on('ended', (end) => ends.push(end));
    await expect(parts.client.subscribe(404)).rejects.toMatchObject({ data: { err: 301 } });
    parts.server.last.send([Op.SUBEND, 7, 301]);
    parts.server.publish(7, 'too late');
    await settle();
    expect(ends).toEqual([
      { sid: 404, code: 301 },
      { sid: 7, code: 301 },
    ]);
    expect(parts.events).toEqual([]);
  });

  test('a listener that unsubscribes: nothing more of that stream, also inside a batch', async () => {
    const parts = await onlineRig();
    parts.client.on('event', () => void parts.client.unsubscribe(7));
    parts.server.filter = (_connection, frame) => frame[0] !== Op.EV;
    for (const text of ['a', 'b', 'c']) parts.server.publish(7, text);
    parts.server.filter = () => true;
    parts.server.beacon(7);
    await parts.clock.advance(600);
    expect(parts.texts()).toEqual(['4:a']);
    expect(parts.server.last.sent(Op.UNSUB).length).toBe(1);
  });

  test('many streams at once: one SUB per 100', async () => {
    const parts = rig();
    await parts.client.connect();
    const sids = Array.from({ length: 230 }, (_, i) => 1000 + i);
    for (const sid of sids) parts.server.stream(sid);
    await Promise.all(sids.map((sid) => parts.client.subscribe(sid)));
    const sizes = parts.server.last.sent(Op.SUB).map((frame) => (frame[2] as unknown[]).length);
    expect(sizes).toEqual([100, 100, 30]);
  });
});

describe('reads', () => {
  test('history: ERR 420 repeated after retry_ms; ERR 301 and a lost connection reject', async () => {
    const parts = await onlineRig();
    let refusals = 0;
    parts.server.intercept = (connection, request) => {
      if (request.op !== Op.HISTORY || refusals > 0) return false;
      refusals += 1;
      connection.send([Op.ERR, request.rid, 420, 'rate', 900]);
      return true;
    };
    const history = parts.client.history(7);
    await parts.clock.advance(900);
    expect((await history).head).toBe(3);
    parts.server.intercept = (connection, request) => {
      connection.send([Op.ERR, request.rid, 301, 'forbidden_or_absent']);
      return true;
    };
    await expect(parts.client.history(8)).rejects.toMatchObject({ data: { err: 301 } });
    parts.server.intercept = () => true;
    const lost = parts.client.history(7);
    parts.server.last.kill();
    await expect(lost).rejects.toMatchObject({ code: 'DRIFT_CLIENT_CONNECTION_LOST' });
    await expect(parts.client.history(7)).rejects.toBeInstanceOf(ClientError);
  });
});

describe('close', () => {
  test('ends the session with 1000, rejects what waits, keeps unsent messages', async () => {
    const storage = memoryStorage();
    const parts = await onlineRig(3, { storage });
    parts.server.intercept = (_connection, request) => request.op === Op.APPEND;
    const { done } = parts.client.send(7, 'unsent');
    await settle();
    const closed = parts.client.close();
    await expect(done).rejects.toMatchObject({ code: 'DRIFT_CLIENT_STOPPED' });
    await closed;
    expect(parts.server.last.closeCode).toBe(1000);
    expect(parts.client.state).toMatchObject({ name: 'stopped', why: 'closed' });
    expect(parts.clock.pending()).toEqual([]);
    expect(await storage.get('driftway.outbox')).toContain('unsent');
  });

  test('connect: stopped by the server, rejects', async () => {
    const parts = rig({ tokens: fixedTokens('forged') });
    await expect(parts.client.connect()).rejects.toMatchObject({ code: 'DRIFT_CLIENT_SIGNED_OUT' });
    expect(parts.client.state).toMatchObject({ name: 'stopped', why: 'signedOut', code: 4504 });
  });
});
