/** Tests of everything that ends a connection, and of the outbox over connections. */
import { describe, expect, test } from 'vitest';
import { Op } from '../gateway/protocol/index.ts';
import { memoryStorage } from './index.ts';
import { FakeClock, settle } from './test/fake-clock.ts';
import { cursorsSent, fixedTokens, onlineRig, rig } from './test/rig.ts';

/** Keeps a connection alive for a while. */
async function stay(parts: Awaited<ReturnType<typeof onlineRig>>, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 20_000) {
    parts.server.ping();
    await parts.clock.advance(Math.min(20_000, left));
  }
}

describe('reconnect', () => {
  test('crash of the server: back with resume and cursors, what was missed exactly once', async () => {
    const parts = await onlineRig();
    parts.server.publish(7, 'before');
    await settle();
    parts.server.last.kill();
    for (const text of ['m1', 'm2']) parts.server.publish(7, text);
    await settle();
    expect(parts.client.state).toEqual({ name: 'waiting', retryInMs: 500, code: 1006 });
    await parts.clock.advance(500);
    parts.server.publish(7, 'live');
    await settle();
    expect(parts.texts()).toEqual(['4:before', '5:m1', '6:m2', '7:live']);
    expect(cursorsSent(parts)).toEqual([null, 4]);
    expect(parts.server.last.sent(Op.IDENTIFY)[0]?.[6]).toEqual(['session-1', 'key-of-session-1']);
  });

  test('server down for long: 1, 2, 4 ... s at most, then back', async () => {
    const parts = await onlineRig();
    parts.server.isUp = false;
    parts.server.last.kill();
    await parts.clock.advance(60_000);
    const waits = parts.states.flatMap((state) =>
      state.name === 'waiting' ? [state.retryInMs] : [],
    );
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000]);
    parts.server.isUp = true;
    await parts.clock.advance(30_000);
    expect(parts.client.state.name).toBe('online');
  });

  test('stable connection cut by the server: spread over herd_ms, kept on disk for the next start', async () => {
    const storage = memoryStorage();
    const parts = await onlineRig(3, { storage });
    await stay(parts, 61_000);
    parts.server.last.kill();
    await settle();
    expect(parts.client.state).toMatchObject({ name: 'waiting', retryInMs: 2250 });
    expect(await storage.get('driftway.herd_ms')).toBe('5000');
  });

  test('silence of 2.5 x ping_ms: dropped without waiting for the close, plain delay', async () => {
    const parts = await onlineRig();
    await stay(parts, 61_000);
    parts.server.ping();
    await parts.clock.advance(49_999);
    expect(parts.client.state.name).toBe('online');
    await parts.clock.advance(1);
    expect(parts.client.state).toEqual({ name: 'waiting', retryInMs: 500, code: 1006 });
    await parts.clock.advance(500);
    expect([parts.client.state.name, parts.server.connections.length]).toEqual(['online', 2]);
  });

  test('no HELLO within 10 s: given up, tried again', async () => {
    const parts = rig();
    parts.server.filter = () => false;
    const connected = parts.client.connect();
    await parts.clock.advance(10_000);
    expect(parts.client.state).toMatchObject({ name: 'waiting', code: 1006 });
    parts.server.filter = () => true;
    await parts.clock.advance(500);
    expect((await connected).uid).toBe(1);
  });

  test('networkChanged: a new connection soon', async () => {
    const parts = await onlineRig();
    parts.client.networkChanged();
    await parts.clock.advance(500);
    expect([parts.client.state.name, parts.server.connections.length]).toEqual(['online', 2]);
  });

  test('a frame that is no frame: the connection is given up', async () => {
    const parts = await onlineRig();
    parts.server.last.end.send(new Uint8Array([0x80]));
    await settle();
    expect(parts.client.state.name).toBe('waiting');
  });
});

describe('close codes', () => {
  test.each([
    [4500, 'refused'],
    [4505, 'refused'],
    [4508, 'refused'],
    [4504, 'signedOut'],
    [4507, 'signedOut'],
  ])('%i: stops (%s)', async (code, why) => {
    const parts = await onlineRig();
    parts.server.last.close(code);
    await parts.clock.advance(200_000);
    expect(parts.client.state).toMatchObject({ name: 'stopped', why, code });
    expect(parts.server.connections.length).toBe(1);
    expect(parts.clock.pending()).toEqual([]);
  });
  test.each([
    [4000, 500],
    [4006, 10_500],
    [4008, 30_500],
    [4444, 500],
  ])('%i: reconnects after %i ms', async (code, retryInMs) => {
    const parts = await onlineRig();
    parts.server.last.close(code);
    await settle();
    expect(parts.client.state).toEqual({ name: 'waiting', retryInMs, code });
    await parts.clock.advance(retryInMs);
    expect(parts.client.state.name).toBe('online');
  });
  test('4003: a new token first', async () => {
    const tokens = fixedTokens();
    const parts = await onlineRig(3, { tokens });
    parts.server.last.close(4003);
    await parts.clock.advance(500);
    expect([tokens.renewals, parts.client.state.name]).toEqual([1, 'online']);
  });
});

describe('tokens', () => {
  test('IDENTIFY with an expired token: renewed, connected', async () => {
    const tokens = fixedTokens('old');
    tokens.renew = () => {
      tokens.token = 'good';
      return Promise.resolve('good');
    };
    const parts = rig({ tokens });
    const connected = parts.client.connect();
    await parts.clock.advance(500);
    expect((await connected).uid).toBe(1);
  });

  test('AUTH_EXPIRING: REAUTH with a new token, the connection lives', async () => {
    const tokens = fixedTokens();
    const parts = await onlineRig(3, { tokens });
    parts.server.last.send([Op.AUTH_EXPIRING, 60_000]);
    await settle();
    expect(tokens.renewals).toBe(1);
    expect(parts.server.last.sent(Op.REAUTH)[0]?.[2]).toBe('good');
  });

  test('AUTH_EXPIRING while the token cannot be renewed: tried again every 5 s', async () => {
    const tokens = fixedTokens();
    const parts = await onlineRig(3, { tokens });
    let failures = 2;
    tokens.renew = () => {
      failures -= 1;
      return failures >= 0 ? Promise.reject(new Error('no network')) : Promise.resolve('good');
    };
    parts.server.last.send([Op.AUTH_EXPIRING, 60_000]);
    await parts.clock.advance(9_000);
    expect(parts.server.last.sent(Op.REAUTH).length).toBe(0);
    await parts.clock.advance(1_000);
    expect(parts.server.last.sent(Op.REAUTH).length).toBe(1);
  });
});

describe('RECONNECT', () => {
  test('moves inside the window: new connection first, both may deliver, each event once', async () => {
    const parts = await onlineRig();
    const first = parts.server.last;
    first.send([Op.RECONNECT, 1000, 3000, null, 'drain']);
    await parts.clock.advance(1_999);
    expect(parts.server.connections.length).toBe(1);
    // The server leaves the old connection open: both are subscribed for a moment.
    const fenced = parts.server.nextConnection();
    await parts.clock.advance(1);
    await fenced;
    parts.server.publish(7, 'during');
    await settle();
    parts.server.publish(7, 'after');
    await settle();
    expect(parts.texts()).toEqual(['4:during', '5:after']);
    expect(parts.states.map((state) => state.name)).not.toContain('waiting');
    expect([first.isOpen, parts.client.state.name]).toEqual([false, 'online']);
    await parts.clock.advance(15_000);
    expect(parts.server.connections.length).toBe(2);
  });

  test('a message under way while moving: sent once', async () => {
    const parts = await onlineRig();
    parts.server.intercept = (connection, request) =>
      request.op === Op.APPEND && connection === parts.server.connections[0];
    const { done } = parts.client.send(7, 'moving');
    parts.server.last.send([Op.RECONNECT, 0, 0, null, 'drain']);
    await parts.clock.advance(10);
    expect(await done).toMatchObject({ seq: 4 });
    expect(parts.texts()).toEqual(['4:moving']);
  });

  test('closed with 4001 before the drawn time: reconnects at that time', async () => {
    const parts = await onlineRig();
    parts.server.last.send([Op.RECONNECT, 4000, 8000, null, 'drain']);
    await settle();
    parts.server.last.close(4001);
    await parts.clock.advance(5_999);
    expect(parts.server.connections.length).toBe(1);
    await parts.clock.advance(1);
    expect(parts.client.state.name).toBe('online');
  });

  test('the new server does not answer: stays on the old one until that ends', async () => {
    const parts = await onlineRig();
    parts.server.last.send([Op.RECONNECT, 0, 0, null, 'drain']);
    parts.server.isUp = false;
    await parts.clock.advance(100);
    parts.server.publish(7, 'still here');
    await settle();
    expect([parts.client.state.name, parts.texts()]).toEqual(['online', ['4:still here']]);
    parts.server.isUp = true;
    parts.server.last.close(4001);
    await parts.clock.advance(500);
    expect([parts.client.state.name, parts.server.connections.length]).toEqual(['online', 2]);
  });
});

describe('outbox over connections', () => {
  test('written offline: sent in order when back', async () => {
    const parts = await onlineRig();
    parts.server.last.kill();
    await settle();
    for (const text of ['a', 'b', 'c']) parts.client.send(7, text);
    expect(parts.client.outbox().length).toBe(3);
    await parts.clock.advance(500);
    expect(parts.texts()).toEqual(['4:a', '5:b', '6:c']);
  });

  test('conformance 12: reply lost with the connection, repeated with the same nonce, one event', async () => {
    const parts = await onlineRig();
    parts.server.filter = (_connection, frame) => frame[0] !== Op.OK && frame[0] !== Op.EV;
    const { done } = parts.client.send(7, 'once');
    await settle();
    parts.server.filter = () => true;
    parts.server.last.kill();
    await parts.clock.advance(500);
    expect(await done).toMatchObject({ seq: 4, duplicate: true });
    expect(parts.texts()).toEqual(['4:once']);
    expect(parts.server.stream(7).events.length).toBe(4);
  });

  test('restart of the client: the nonce comes back from the storage, one event', async () => {
    const storage = memoryStorage();
    const clock = new FakeClock();
    const parts = await onlineRig(3, { storage, clock });
    parts.server.filter = (_connection, frame) => frame[0] !== Op.OK;
    const { nonce } = parts.client.send(7, 'once');
    await settle();
    await parts.client.close();
    parts.server.filter = () => true;
    const next = rig({ storage, clock }, parts.server);
    await next.client.connect();
    const { entry, result } = await next.client.once('sent');
    expect([entry.nonce, result.duplicate]).toEqual([nonce, true]);
    expect(parts.server.stream(7).events.length).toBe(4);
  });

  test('ERR 420, 421, 502, 503: repeated after retry_ms; 501: with the same nonce', async () => {
    for (const code of [420, 421, 501, 502, 503]) {
      const parts = await onlineRig();
      let refusals = 0;
      parts.server.intercept = (connection, request) => {
        if (request.op !== Op.APPEND || refusals === 2) return false;
        refusals += 1;
        connection.send([Op.ERR, request.rid, code, 'x', 700]);
        return true;
      };
      const { done } = parts.client.send(7, 'hi');
      await parts.clock.advance(1_399);
      expect(parts.client.outbox().length).toBe(1);
      await parts.clock.advance(1);
      expect(await done).toMatchObject({ seq: 4 });
      const nonces = parts.server.last.sent(Op.APPEND).map((frame) => frame[3]);
      expect([nonces.length, new Set(nonces).size]).toEqual([3, 1]);
    }
  });

  test('ERR 303: rejected, told, the next message goes on', async () => {
    const parts = await onlineRig();
    parts.server.intercept = (connection, request) => {
      if (request.op !== Op.APPEND || request.body[0] !== 'no') return false;
      connection.send([Op.ERR, request.rid, 303, 'no_send']);
      return true;
    };
    const failed: unknown[] = [];
    parts.client.on('failed', ({ error }) => failed.push(error.data.err));
    const first = parts.client.send(7, 'no');
    const second = parts.client.send(7, 'yes');
    await expect(first.done).rejects.toMatchObject({ data: { err: 303 } });
    expect(await second.done).toMatchObject({ seq: 4 });
    expect(failed).toEqual([303]);
  });

  test('older than 8 minutes with unknown outcome: HISTORY decides, the nonce is not repeated', async () => {
    for (const isThere of [true, false]) {
      const parts = await onlineRig();
      parts.server.intercept = (_connection, request) => request.op === Op.APPEND;
      const { done, nonce } = parts.client.send(7, 'old');
      await settle();
      parts.server.isUp = false;
      parts.server.last.kill();
      await parts.clock.advance(9 * 60_000);
      if (isThere) parts.server.publish(7, 'old', 1, 1);
      for (let i = 0; i < 450; i += 1) parts.server.publish(7, 'old', 1, 2);
      parts.server.now = parts.clock.now();
      for (const event of parts.server.stream(7).events)
        Object.assign(event, { ts: parts.clock.now() });
      parts.server.isUp = true;
      const outcome = done.catch((error: unknown) => error);
      await parts.clock.advance(60_000);
      expect(parts.server.last.sent(Op.APPEND)).toEqual([]);
      if (isThere) {
        expect(await outcome).toMatchObject({ seq: 4, duplicate: true });
        expect(parts.client.outbox()).toEqual([]);
      } else {
        expect(await outcome).toMatchObject({ code: 'DRIFT_CLIENT_OUTCOME_UNKNOWN' });
        expect(parts.client.outbox()).toMatchObject([{ nonce, state: 'undecided' }]);
        expect([parts.client.cancel(nonce), parts.client.outbox()]).toEqual([true, []]);
      }
    }
  });

  test('outbox full: refused; cancel: taken back', async () => {
    const parts = await onlineRig(3, { outboxMax: 2 });
    parts.server.last.kill();
    await settle();
    const first = parts.client.send(7, 'a');
    parts.client.send(7, 'b');
    expect(() => parts.client.send(7, 'c')).toThrow(
      expect.objectContaining({ code: 'DRIFT_CLIENT_OUTBOX_FULL' }),
    );
    expect(parts.client.cancel(first.nonce)).toBe(true);
    await expect(first.done).rejects.toMatchObject({ code: 'DRIFT_CLIENT_CANCELLED' });
    await parts.clock.advance(500);
    expect(parts.texts()).toEqual(['4:b']);
  });

  test('storage that fails: told, and the message still goes out', async () => {
    const storage = {
      get: () => Promise.resolve(null),
      set: () => Promise.reject(new Error('full')),
    };
    const parts = await onlineRig(3, { storage });
    const warnings: unknown[] = [];
    parts.client.on('warning', (error) => warnings.push(error));
    expect(await parts.client.send(7, 'hi').done).toMatchObject({ seq: 4 });
    expect(warnings.length).toBeGreaterThan(0);
  });
});
