/**
 * H17, H18, H20, H25 and H35 of protocol.md 3: too much of what is allowed, against the limits that
 * everybody has, while a healthy witness keeps chatting. Attackers come from addresses of their own.
 * H20 also without rates, where only the bounds of replays are left. LONG=1 takes the page's times.
 */
import { describe, expect, test } from 'vitest';
import { ATTACKER, foreignAddress, LONG, useHostile } from './support/hostile.ts';
import { ENCODINGS, type Encoding, nowMs, RawClient } from './support/raw-client.ts';
import { RawSocket, UpgradeRefused } from './support/raw-socket.ts';
import { pause } from './support/server-process.ts';
import { OP, type WireFrame } from './support/wire.ts';

const LOOP_MS = LONG ? 30_000 : 2500;
const PINGS = 10_000;
const SOCKETS = 300;
const PER_USER_MAX = 10;
/** One address may open 20 at once and two more per second. */
const PER_ADDRESS_BURST = 20;

describe('limits for everybody', () => {
  const hostile = useHostile({ isPublic: true, keepsMb: 16 });
  const { fixture } = hostile;
  let addresses = 0;

  async function open(encoding: Encoding = 'mp', localAddress?: string): Promise<RawClient> {
    addresses += 1;
    const from = localAddress ?? foreignAddress(addresses);
    const client = await RawClient.open({ port: fixture.port, encoding, localAddress: from });
    await client.first(OP.hello);
    return client;
  }

  async function session(user: number, encoding: Encoding = 'mp'): Promise<RawClient> {
    const client = await open(encoding);
    await client.identify(fixture.token(user));
    return client;
  }

  test(`H17: ${PINGS} WebSocket pings, 4008`, async () => {
    const client = await session(ATTACKER);
    for (let i = 0; i < PINGS; i += 1) {
      client.socket.sendFrame({ opcode: 9, payload: Buffer.alloc(i % 120) });
    }
    expect([4008, 1006]).toContain((await client.closed).code);
    expect(await hostile.counter('gateway_closed_by_code', 'code="4008"')).toBeGreaterThan(0);
  });

  test('H17: pings of one who does not read, 4008 or cut; before IDENTIFY as well', async () => {
    for (const client of [await session(ATTACKER), await open()]) {
      client.socket.pause();
      for (let i = 0; i < PINGS / 10; i += 1) {
        client.socket.sendFrame({ opcode: 9, payload: Buffer.alloc(125) });
      }
      await pause(50);
      client.socket.resume();
      expect([4008, 1006]).toContain((await client.closed).code);
    }
    await hostile.witness.chats();
  });

  test.each(ENCODINGS)('%s, H18: 1000 TIME, ERR 420 with retry_ms, then 4008', async (encoding) => {
    const client = await session(ATTACKER, encoding);
    for (let i = 0; i < 1000; i += 1) client.send([OP.time, client.nextRid()]);
    const { code, reason } = await client.closed;
    expect({ code, reason }).toEqual({ code: 4008, reason: 'rate_abuse' });
    const refused = client.received().filter((frame) => frame[0] === OP.err && frame[1] !== 0);
    expect(new Set(refused.map((frame) => frame[2]))).toEqual(new Set([420]));
    for (const frame of refused) expect(frame[4]).toBeGreaterThan(0);
    expect(refused.length).toBeLessThanOrEqual(200);
  });

  test('H18: frames without a rid, ignored, then 4008', async () => {
    const client = await session(ATTACKER);
    const seen = client.received().length;
    for (let i = 0; i < 1000; i += 1) client.send([200]);
    expect((await client.closed).code).toBe(4008);
    const replies = client.received().slice(seen);
    // Those within the rate are unknown ops; those beyond it get no word but the last.
    expect(new Set(replies.slice(0, -1).map((frame) => frame[2]))).toEqual(new Set([103]));
    expect(replies.at(-1)?.slice(0, 3)).toEqual([OP.err, 0, 4008]);
  });

  test('H20: SUB of 100 streams from the start, UNSUB, again: charged, ERR 420', async () => {
    const client = await session(ATTACKER);
    const absent = Array.from({ length: 100 - fixture.sids.length }, (_, i) => 5 + i);
    const entries = [...fixture.sids, ...absent].map((sid) => [sid, 1, 0, 0]);
    const codes: unknown[] = [];
    for (let i = 0; i < 12; i += 1) {
      const reply = await client.request(OP.sub, [entries]);
      codes.push(reply[0] === OP.ok ? OP.ok : reply[2]);
      if (reply[0] === OP.err) expect(reply[4]).toBeGreaterThan(0);
      await client.request(OP.unsub, [fixture.sids]);
    }
    expect(codes.slice(0, 10)).toEqual(Array(10).fill(OP.ok));
    expect(codes.slice(10)).toContain(420);
    client.socket.cut();
  });

  test('H25: eleven guessed resume keys from one address, then 429 for it and not for others', async () => {
    const from = foreignAddress(3000);
    for (let i = 0; i < 10; i += 1) {
      const client = await open('mp', from);
      await client.identify(fixture.token(ATTACKER), [`guess-${i}`, 'key']);
      client.socket.cut();
    }
    const refused = await open('mp', from).catch((error: unknown) => error);
    expect((refused as UpgradeRefused).status).toBe(429);
    expect(await hostile.counter('gateway_refused_by_bound_resume_failures')).toBeGreaterThan(0);
    (await session(ATTACKER)).socket.cut();
  });

  test(`H35: ${SOCKETS} upgrades from one address, 429 for the newest`, async () => {
    const began = nowMs();
    const localAddress = foreignAddress(4000);
    const options = { port: fixture.port, protocols: ['driftway.v1.mp'], localAddress };
    const outcomes = await Promise.all(
      Array.from({ length: SOCKETS }, () =>
        RawSocket.open(options).catch((error: unknown) => error),
      ),
    );
    const opened = outcomes.filter((one) => one instanceof RawSocket);
    const refused = outcomes.filter((one) => one instanceof UpgradeRefused);
    expect(opened.length + refused.length).toBe(SOCKETS);
    const refilled = Math.ceil((nowMs() - began) / 500);
    expect(opened.length).toBeGreaterThanOrEqual(PER_ADDRESS_BURST);
    expect(opened.length).toBeLessThanOrEqual(PER_ADDRESS_BURST + refilled);
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([429]));
    for (const { headers } of refused)
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    for (const socket of opened) socket.reset();
    await hostile.witness.chats();
  });

  test('H35: the eleventh connection of a user, from wherever: 4508, the ten live', async () => {
    const held: RawClient[] = [];
    const began = await hostile.counter('gateway_closed_by_code', 'code="4508"');
    for (let i = 0; i < PER_USER_MAX; i += 1) held.push(await session(ATTACKER + 1));
    const late = await open('json');
    late.send([OP.identify, 1, fixture.token(ATTACKER + 1), null, 'x', 0, null]);
    const { code, reason } = await late.closed;
    expect({ code, reason }).toEqual({ code: 4508, reason: 'connection_limit' });
    expect(late.received().at(-1)?.slice(0, 4)).toEqual([OP.err, 1, 4508, 'connection_limit']);
    for (const client of held) expect((await client.request(OP.time, []))[0]).toBe(OP.ok);
    await hostile.counted('gateway_closed_by_code', began + 1);
    for (const client of held) client.socket.close(1000);
  });

  hostile.verdict('H17 to H35');
});

describe('bounds that no trust lifts', () => {
  const STREAMS = LONG ? 20 : 6;
  const EVENTS = 700;
  const ATTACKERS = 40;
  const hostile = useHostile();
  const { fixture } = hostile;

  async function fill(sid: number, writer: RawClient): Promise<void> {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < EVENTS) {
        const n = next;
        next += 1;
        await writer.append(sid, `fill-${n}`, `${n}`.padEnd(400, '.'));
        writer.log.length = 0;
      }
    };
    await Promise.all(Array.from({ length: 32 }, lane));
  }

  test(`H20: ${ATTACKERS} connections that ask for everything again and again: an answer each within 10 s, nobody else notices`, async () => {
    const writer = await fixture.client(0);
    const sids: number[] = [];
    for (let i = 0; i < STREAMS; i += 1) sids.push(await fixture.newChannel());
    for (const sid of sids) await fill(sid, writer);
    const [epoch] = (await writer.ask(OP.history, [sids[0]!, 0, 1, 0])) as number[];
    const codes = new Map<unknown, number>();
    const attack = async (untilMs: number): Promise<void> => {
      const client = await fixture.client(ATTACKER);
      const entries: WireFrame = sids.map((sid) => [sid, sid === sids[0] ? epoch! : 1, 0, 0]);
      while (nowMs() < untilMs) {
        // `request` fails what takes longer than 10 s.
        const reply = await client.request(OP.sub, [entries]);
        const code = reply[0] === OP.ok ? OP.ok : reply[2];
        codes.set(code, (codes.get(code) ?? 0) + 1);
        if (code === 502) expect(reply[4]).toBeGreaterThan(0);
        client.log.length = 0;
        await client.request(OP.unsub, [sids]);
      }
      client.socket.cut();
    };
    const round = async (): Promise<void> => {
      const untilMs = nowMs() + LOOP_MS;
      await Promise.all(Array.from({ length: ATTACKERS }, () => attack(untilMs)));
      await hostile.witness.chats();
    };
    await round();
    hostile.remember();
    await round();
    expect([OP.ok, 502, 420]).toEqual(expect.arrayContaining([...codes.keys()]));
    expect(codes.get(OP.ok)).toBeGreaterThan(ATTACKERS);
    console.log(`H20: answers ${JSON.stringify([...codes])}`);
  }, 120_000);

  hostile.verdict('H20');
});
