/**
 * A real gateway thread (native sockets, real runtime) on a free port with FakeShard behind it, and
 * clients on `ws`. Test support.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { FanOutP } from '../../channels/index.ts';
import { type Clock, type Ctx, cast, systemClock, systemRng } from '../../runtime/index.ts';
import { RevokedLogins, type TokenVerifier } from '../auth/index.ts';
import type { FanOut } from '../fan-out.ts';
import { startGateway } from '../gateway.ts';
import type { GatewayHandle, GatewayOptions } from '../gateway-options.ts';
import {
  decodeFrame,
  type Encoding,
  encodeFrame,
  Op,
  SUBPROTOCOL,
  type WireValue,
} from '../protocol/index.ts';
import { createRateTableBuffer, RateTable } from '../rates/index.ts';
import { FakeShard } from './fake-shard.ts';

type AnyFrame = readonly WireValue[];

const OUTBOUND = { depthMax: 8, valuesMax: 65_535 };
const WAIT_MS = 20_000;

/** Tokens of the harness: `uid/login/expMs`, `forged`, `expired`, `revoked`. */
export function token(uid: number, login = `login-${uid}`, expMs = 4e12): string {
  return `${uid}/${login}/${expMs}`;
}

export const verifier: TokenVerifier = {
  verify(text) {
    if (text === 'expired' || text === 'revoked') return Promise.resolve({ ok: false, code: text });
    const [uid, login, exp] = text.split('/');
    if (exp === undefined) return Promise.resolve({ ok: false, code: 'forged' });
    const expMs = Number(exp);
    return Promise.resolve({
      ok: true,
      uid: Number(uid),
      login: login as string,
      expMs,
      scopes: [],
    });
  },
};

/** Clock whose wall time can be moved; timers and the monotonic clock are real, or sped up. */
export class WarpClock implements Clock {
  #offsetMs = 0;

  now(): number {
    return systemClock.now() + this.#offsetMs;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#offsetMs;
  }

  setTimeout(fn: () => void, ms: number): ReturnType<Clock['setTimeout']> {
    return systemClock.setTimeout(fn, ms);
  }

  clearTimeout(handle: ReturnType<Clock['setTimeout']>): void {
    systemClock.clearTimeout(handle);
  }

  /** Both clocks jump forward; pending timers do not. */
  warp(ms: number): void {
    this.#offsetMs += ms;
  }
}

export class Harness {
  readonly handle: GatewayHandle;
  readonly shard: FakeShard;
  readonly clock: WarpClock;
  readonly errors: object[];
  readonly rates: RateTable;
  readonly fanOut: () => Ctx<FanOutP> | undefined;
  readonly #clients: TestClient[] = [];

  private constructor(
    parts: Pick<Harness, 'handle' | 'shard' | 'clock' | 'errors' | 'rates' | 'fanOut'>,
  ) {
    this.handle = parts.handle;
    this.shard = parts.shard;
    this.clock = parts.clock;
    this.errors = parts.errors;
    this.rates = parts.rates;
    this.fanOut = parts.fanOut;
  }

  static async start(overrides: Partial<GatewayOptions> = {}): Promise<Harness> {
    const clock = new WarpClock();
    const errors: object[] = [];
    let fanOut: () => Ctx<FanOutP> | undefined = () => undefined;
    const shard = new FakeShard({
      isAuto: true,
      deliver: (op, message) => {
        const ctx = fanOut();
        if (ctx === undefined) return;
        const send = cast as unknown as (to: number, op: string, message: unknown) => void;
        send(ctx.self, op, message);
      },
      down: () => undefined,
    });
    const limitsFactor = overrides.limitsFactor ?? 10_000;
    const rates = new RateTable(createRateTableBuffer(systemRng), { clock, factor: limitsFactor });
    const handle = await startGateway({
      host: '127.0.0.1',
      port: 0,
      isExclusive: true,
      allowedOrigins: ['https://chat.example'],
      verifier,
      revoked: new RevokedLogins({ clock }),
      rates,
      limitsFactor,
      clock,
      rng: systemRng,
      log: { info: noop, warn: noop, error: (data) => errors.push(data) },
      nodeName: 'n1',
      durability: 1,
      replayMax: 5000,
      upstream: (get) => {
        fanOut = get;
        return shard;
      },
      ...overrides,
    });
    return new Harness({ handle, shard, clock, errors, rates, fanOut: () => fanOut() });
  }

  get url(): string {
    return `ws://127.0.0.1:${this.handle.port}/gw`;
  }

  get http(): string {
    return `http://127.0.0.1:${this.handle.port}/gw`;
  }

  /** A connection that has had its HELLO. */
  async connect(encoding: Encoding = 'mp', options: object = {}): Promise<TestClient> {
    const client = new TestClient(
      new WebSocket(this.url, [SUBPROTOCOL[encoding]], options),
      encoding,
    );
    this.#clients.push(client);
    await client.find((frame) => frame[0] === Op.HELLO);
    return client;
  }

  /** A connection with a session. */
  async identified(uid: number, encoding: Encoding = 'mp'): Promise<TestClient> {
    const client = await this.connect(encoding);
    await client.identify(token(uid));
    return client;
  }

  /** HTTP status that an upgrade is refused with, and its Retry-After. */
  async refusal(
    protocols: string[],
    headers: Record<string, string> = {},
  ): Promise<{ readonly status: number; readonly retryAfter: string | undefined }> {
    const socket = new WebSocket(this.url, protocols, { headers });
    socket.on('error', noop);
    const [, response] = (await once(socket, 'unexpected-response')) as [
      unknown,
      { statusCode: number; headers: Record<string, string>; resume(): void },
    ];
    response.resume();
    return { status: response.statusCode, retryAfter: response.headers['retry-after'] };
  }

  /** The runtime's notice that a stream's owner has ended. */
  down(owner: number): void {
    // The binding is the actor's state; the fake shard's owners are no actors that could be monitored.
    const { fanOut } = this.handle as unknown as { fanOut: FanOut };
    fanOut.down(owner as never);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.socket.terminate();
    await this.handle.close();
  }
}

/** Waits until `check` holds, looking again after each turn of the loop. */
export async function until(check: () => boolean, what: string): Promise<void> {
  const endMs = systemClock.monotonic() + WAIT_MS;
  while (!check()) {
    if (systemClock.monotonic() > endMs) throw new Error(`wait for ${what}: it did not happen`);
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

export class TestClient {
  readonly socket: WebSocket;
  readonly encoding: Encoding;
  /** Every message, BATCH not unpacked. */
  readonly messages: AnyFrame[] = [];
  /** Every frame, BATCH unpacked. */
  readonly frames: AnyFrame[] = [];
  readonly raw: Uint8Array[] = [];
  close: { readonly code: number; readonly reason: string } | undefined;
  #lastRid = 0;
  #waiting: (() => void)[] = [];

  constructor(socket: WebSocket, encoding: Encoding) {
    this.socket = socket;
    this.encoding = encoding;
    socket.on('message', (data: Buffer) => this.#take(data));
    socket.on('close', (code, reason) => {
      this.close = { code, reason: reason.toString() };
      this.#wake();
    });
    socket.on('error', noop);
  }

  #take(data: Buffer): void {
    const decoded = decodeFrame(new Uint8Array(data), this.encoding, OUTBOUND);
    if (!decoded.ok) throw new Error(`unreadable frame: ${decoded.why}`);
    this.raw.push(new Uint8Array(data));
    this.messages.push(decoded.frame);
    const [op, inner] = decoded.frame;
    this.frames.push(...(op === Op.BATCH ? (inner as AnyFrame[]) : [decoded.frame]));
    this.#wake();
  }

  send(frame: AnyFrame): void {
    this.sendRaw(encodeFrame(frame, this.encoding));
  }

  sendRaw(bytes: Uint8Array, binary = this.encoding === 'mp'): void {
    this.socket.send(bytes, { binary });
  }

  /** Sends a request and waits for its OK or ERR. */
  async ask(op: number, ...args: WireValue[]): Promise<AnyFrame> {
    const rid = this.rid();
    this.send([op, rid, ...args]);
    return this.reply(rid);
  }

  rid(): number {
    this.#lastRid += 1;
    return this.#lastRid;
  }

  reply(rid: number): Promise<AnyFrame> {
    return this.find(([op, at]) => (op === Op.OK || op === Op.ERR) && at === rid);
  }

  identify(text: string, resume: WireValue = null): Promise<AnyFrame> {
    return this.ask(Op.IDENTIFY, text, null, 'test', 0, resume);
  }

  events(sid: number): number[] {
    return this.frames.filter((f) => f[0] === Op.EV && f[1] === sid).map((f) => f[3] as number);
  }

  /** The first frame that fits, now or later. */
  async find(fits: (frame: AnyFrame) => boolean): Promise<AnyFrame> {
    await this.when(() => this.frames.some(fits));
    return this.frames.find(fits) as AnyFrame;
  }

  async when(check: () => boolean): Promise<void> {
    const endMs = systemClock.monotonic() + WAIT_MS;
    while (!check()) {
      if (this.close !== undefined) throw new Error(`closed with ${this.close.code} instead`);
      const leftMs = endMs - systemClock.monotonic();
      if (leftMs <= 0)
        throw new Error(`wait for frames: got ${JSON.stringify(this.frames.slice(-3))}`);
      await this.#change(leftMs);
    }
  }

  /** Code and reason of the end. */
  async closed(): Promise<{ readonly code: number; readonly reason: string }> {
    while (this.close === undefined) await this.#change(WAIT_MS);
    return this.close;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #change(maxMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, maxMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

function noop(): void {
  // Nothing to do.
}
