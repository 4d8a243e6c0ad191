/**
 * H12 to H16 of protocol.md 3: sockets that are slow, silent or half broken, while a healthy witness
 * keeps chatting. The short forms of H12 and H14 after IDENTIFY are in gateway/test/native.e2e.test.ts,
 * where the clock can be moved; LONG=1 waits for them here and takes the page's counts.
 */
import { connect, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ATTACKER, foreignAddress, LONG, useHostile } from './support/hostile.ts';
import { nowMs, RawClient } from './support/raw-client.ts';
import { buildFrame, RawSocket, UpgradeRefused } from './support/raw-socket.ts';
import { pause, until } from './support/server-process.ts';
import { OP } from './support/wire.ts';

const MIB = 1024 * 1024;
/** 12,000 bytes: the longest content. */
const CONTENT = '\u6f22'.repeat(4000);
/** More than the kernel takes for a reader that does not read. */
const FLOOD_BYTES = 16 * MIB;
const HEAD = Math.ceil(FLOOD_BYTES / 12_000);
const LORISES = LONG ? 500 : 40;
/** uWS drops them 10 s after they connected, in steps of a few seconds. */
const LORIS_MAX_MS = 20_000;
const UNAUTHENTICATED_MAX = 2000;
const SILENT = LONG ? 3000 : UNAUTHENTICATED_MAX + 60;
const PER_ADDRESS = 20;

describe('readers and writers', () => {
  const hostile = useHostile({ keepsMb: 32 });
  const { fixture } = hostile;

  async function session(user: number): Promise<RawClient> {
    const client = await RawClient.open({ port: fixture.port });
    await client.identify(fixture.token(user));
    return client;
  }

  test('H13: upgrades that send a header byte per second, dropped within 20 s; others connect at once', async () => {
    const head = `GET /gw HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nX: ${'x'.repeat(99)}`;
    const sockets = Array.from({ length: LORISES }, () => connect(fixture.port, '127.0.0.1'));
    const ended = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of sockets) socket.on('error', () => socket.destroy());
    let sent = 0;
    const drip = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write(head[sent]!);
      sent += 1;
    }, 1000);
    try {
      const began = nowMs();
      const all = Promise.all(ended);
      while (nowMs() - began < LORIS_MAX_MS) {
        const connecting = nowMs();
        const client = await session(ATTACKER);
        expect(nowMs() - connecting).toBeLessThan(1000);
        client.socket.close(1000);
        await hostile.witness.chats();
        if ((await Promise.race([all, pause(500)])) !== undefined) break;
      }
      await all;
      expect(nowMs() - began).toBeLessThan(LORIS_MAX_MS);
    } finally {
      clearInterval(drip);
      for (const socket of sockets) socket.destroy();
    }
  }, 60_000);

  test('H13: headers over 4 KiB, refused', async () => {
    const socket = connect(fixture.port, '127.0.0.1');
    socket.on('error', () => undefined);
    const answer = firstBytes(socket);
    socket.write(`GET /gw HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ${'x'.repeat(8000)}\r\n\r\n`);
    expect(await answer).toMatch(/^(HTTP\/1\.1 4(00|31)|$)/);
    await hostile.witness.chats();
  });

  /** Writes the flood into the stream, 48 messages at a time. */
  async function flood(sid: number): Promise<void> {
    const writer = await session(0);
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < HEAD) {
        const n = next;
        next += 1;
        const reply = await writer.append(sid, `flood-${n}`, CONTENT);
        if (reply[0] !== OP.ok) throw new Error(`flood: ${JSON.stringify(reply)}`);
        writer.log.length = 0;
      }
    };
    await Promise.all(Array.from({ length: 48 }, lane));
    writer.socket.close(1000);
  }

  /** EV and GAP of a stream tile what follows `from`; where they end, and the ts there. */
  function tiled(client: RawClient, sid: number, from: number): { seq: number; ts: number } {
    let [seq, ts] = [from, 0];
    for (const frame of client.received() as readonly (readonly number[])[]) {
      if (frame[1] !== sid || (frame[0] !== OP.ev && frame[0] !== OP.gap)) continue;
      const isEvent = frame[0] === OP.ev;
      expect(isEvent ? frame[3] : frame[4]).toBe(seq + 1);
      [seq, ts] = isEvent ? [frame[3]!, frame[4]!] : [frame[5]!, frame[6]!];
    }
    return { seq, ts };
  }

  /** Comes back with the cursor of a connection that was cut, and gets the rest. */
  async function comeBack(lost: RawClient, sid: number, epoch: number): Promise<void> {
    const at = tiled(lost, sid, 0);
    const again = await session(ATTACKER);
    await again.sub([[sid, epoch, at.seq, at.ts]]);
    await until('the head', 30_000, () =>
      tiled(again, sid, at.seq).seq === HEAD ? true : undefined,
    );
    again.socket.cut();
  }

  test('H16: a reader that stops, lag mode; it reads on and has everything or a GAP', async () => {
    const sid = await fixture.newChannel();
    // Twice as much at once as later, so that the heaps have seen worse.
    await Promise.all([flood(await fixture.newChannel()), flood(await fixture.newChannel())]);
    hostile.remember();
    const dropped = await hostile.counter('gateway_drops_noticed');
    const noticed = async (): Promise<number> =>
      (await hostile.counter('gateway_lag_entered')) +
      (await hostile.counter('gateway_drops_noticed'));
    const before = await noticed();
    const slow = await session(ATTACKER);
    const [entry] = await slow.sub([[sid]]);
    slow.socket.pause();
    await flood(sid);
    await until('lag mode or the hard limit', 10_000, async () =>
      (await noticed()) > before ? true : undefined,
    );
    await hostile.witness.chats();
    slow.socket.resume();
    await until('the head or the end', 20_000, () =>
      !slow.isOpen || tiled(slow, sid, 0).seq === HEAD ? true : undefined,
    );
    // A writer that outruns the sweep may bring it to the hard limit: then it was cut, and comes back.
    if (!slow.isOpen) {
      expect(await hostile.counter('gateway_drops_noticed')).toBeGreaterThan(dropped);
      await comeBack(slow, sid, entry![2] as number);
    }
    slow.socket.cut();
    await hostile.witness.chats();
  }, 90_000);

  longTest(
    'H16: a reader that never reads on, gone within 40 s (I17); a replay or GAP 7 when it comes back',
    async () => {
      const sid = await fixture.newChannel();
      const slow = await session(ATTACKER);
      const [entry] = await slow.sub([[sid]]);
      const closed = (): Promise<number> =>
        hostile.counter('gateway_closed_by_code', 'code="4002"');
      const before = await closed();
      slow.socket.pause();
      await flood(sid);
      await until('the end', 40_000, async () => ((await closed()) > before ? true : undefined));
      slow.socket.resume();
      expect([1006, 4002]).toContain((await slow.closed).code);
      await comeBack(slow, sid, entry![2] as number);
      await hostile.witness.chats();
    },
    150_000,
  );

  longTest(
    'H12, H14: after IDENTIFY an unmasked frame, or a byte each 30 s: 4007 after 120 s',
    async () => {
      const [unmasked, dripping] = [await session(ATTACKER), await session(ATTACKER)];
      const began = nowMs();
      const payload = Buffer.of(0x92, 7, 1);
      unmasked.socket.sendRaw(buildFrame({ opcode: 2, payload, masked: false }));
      const frame = buildFrame({ opcode: 2, payload: Buffer.alloc(200) });
      const drip = async (): Promise<void> => {
        for (let i = 0; i < frame.length && dripping.isOpen; i += 1) {
          dripping.socket.sendRaw(frame.subarray(i, i + 1));
          await Promise.race([dripping.closed, pause(30_000)]);
        }
      };
      const dripped = drip();
      const { code, reason } = await dripping.closed;
      expect({ code, reason }).toEqual({ code: 4007, reason: 'deadline' });
      // Its pongs are masked and complete what was not: then it is a bad frame.
      expect([4007, 4500, 1006]).toContain((await unmasked.closed).code);
      expect(nowMs() - began).toBeGreaterThan(110_000);
      expect(nowMs() - began).toBeLessThan(140_000);
      await dripped;
      await hostile.witness.chats();
    },
    200_000,
  );

  hostile.verdict('H12 to H16');
});

describe('who never says who he is', () => {
  const hostile = useHostile({ isPublic: true, keepsMb: 16 });
  const { fixture } = hostile;

  /** Upgrades from as many addresses as the limits need; sockets, and the statuses of the others. */
  async function openMany(count: number): Promise<{ sockets: RawSocket[]; refused: number[] }> {
    const sockets: RawSocket[] = [];
    const refused: number[] = [];
    const one = async (n: number): Promise<void> => {
      const localAddress = foreignAddress(Math.floor(n / PER_ADDRESS));
      const options = { port: fixture.port, protocols: ['driftway.v1.mp'], localAddress };
      try {
        sockets.push(await RawSocket.open(options));
      } catch (error) {
        if (!(error instanceof UpgradeRefused)) throw error;
        refused.push(error.status);
      }
    };
    // At the pace that a thread takes them in; those beyond it are refused and are not what is looked at.
    for (let at = 0; sockets.length + (await unauthenticated()) < count; at += 100) {
      await Promise.all([pause(110), ...Array.from({ length: 100 }, (_, i) => one(at + i))]);
    }
    return { sockets, refused };
  }

  const unauthenticated = (): Promise<number> =>
    hostile.counter('gateway_refused_by_bound_unauthenticated');

  test(`H15: ${SILENT} sockets without IDENTIFY: 503 over 2000, ${LONG ? '4007 after 10 s' : 'room again when they go'}`, async () => {
    const { refused, sockets } = await openMany(SILENT);
    try {
      expect(new Set(refused)).toEqual(new Set([503]));
      // In ten seconds the first of them are gone again.
      if (!LONG) expect(sockets.length).toBe(UNAUTHENTICATED_MAX);
      expect(refused.length).toBeGreaterThanOrEqual(await unauthenticated());
      await hostile.witness.chats();
      if (LONG) {
        const codes = (await Promise.all(sockets.map((socket) => socket.closed))).map(
          ({ code }) => code,
        );
        expect(new Set(codes)).toEqual(new Set([4007]));
      }
    } finally {
      for (const socket of sockets) socket.reset();
    }
    await until('room', 10_000, async () =>
      (await hostile.counter('gateway_unauthenticated_now')) === 0 ? true : undefined,
    );
    const localAddress = foreignAddress(5000);
    const late = await RawClient.open({ port: fixture.port, localAddress });
    await late.identify(fixture.token(ATTACKER));
    late.socket.cut();
  }, 120_000);

  hostile.verdict('H15');
});

/** A test that waits for minutes: only in the long form. */
function longTest(title: string, run: () => Promise<void>, timeoutMs: number): void {
  if (LONG) test(title, run, timeoutMs);
}

/** The first that comes, '' when the connection ends without. */
function firstBytes(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (data) => resolve(data.toString('latin1')));
    socket.once('close', () => resolve(''));
  });
}
