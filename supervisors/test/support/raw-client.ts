/**
 * A Driftway client for tests at the level of single frames: both encodings, a log of every frame
 * in both directions with its time, requests by rid, and waiting for a frame.
 * It applies no client algorithm: what a correct client does is in follower.ts and writer.ts.
 * Runs in the test process; must never import gateway/ or client/.
 */
import { type CloseInfo, RawSocket, type RawSocketOptions } from './raw-socket.ts';
import {
  batchSlices,
  decodeMsgpack,
  encodeMsgpack,
  OP,
  type WireFrame,
  type WireValue,
} from './wire.ts';

export type Encoding = 'mp' | 'json';
export const ENCODINGS: readonly Encoding[] = ['mp', 'json'];

/** One frame as it crossed the wire. */
export interface LogEntry {
  /** ms, monotonic, comparable inside the test process. */
  readonly at: number;
  readonly dir: 'sent' | 'received';
  readonly frame: WireFrame;
  /** The payload's bytes. */
  readonly raw: Buffer;
}

export interface RawClientOptions extends Partial<RawSocketOptions> {
  readonly port: number;
  readonly encoding?: Encoding;
}

interface Waiter {
  readonly match: (frame: WireFrame) => boolean;
  readonly resolve: (frame: WireFrame) => void;
}

/** Monotonic milliseconds of this process. */
export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

export function encode(encoding: Encoding, frame: WireValue): Buffer {
  return encoding === 'mp' ? encodeMsgpack(frame) : Buffer.from(JSON.stringify(frame), 'utf8');
}

export class RawClient {
  readonly socket: RawSocket;
  readonly encoding: Encoding;
  readonly log: LogEntry[] = [];
  /** Filled by `identify`. */
  uid = 0;
  userSid = 0;
  /** Called for each received frame after it was logged. */
  onFrame: (frame: WireFrame, raw: Buffer) => void = () => {};
  #rid = 0;
  #open = true;
  readonly #waiters = new Set<Waiter>();
  readonly #failures = new Set<(error: Error) => void>();

  constructor(socket: RawSocket, encoding: Encoding) {
    this.socket = socket;
    this.encoding = encoding;
    socket.onMessage = (payload) => this.#receive(payload);
    socket.closed.then(
      (info) => this.#ended(info),
      () => {},
    );
  }

  static async open(options: RawClientOptions): Promise<RawClient> {
    const encoding = options.encoding ?? 'mp';
    const protocols = options.protocols ?? [`driftway.v1.${encoding}`];
    return new RawClient(await RawSocket.open({ ...options, protocols }), encoding);
  }

  get closed(): Promise<CloseInfo> {
    return this.socket.closed;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Sends a frame and logs it. */
  send(frame: WireFrame): void {
    const raw = encode(this.encoding, frame);
    this.log.push({ at: nowMs(), dir: 'sent', frame, raw });
    this.socket.send(raw, this.encoding === 'json');
  }

  /** Sends a payload as one message of this encoding's type, unlogged. */
  sendPayload(payload: Buffer): void {
    this.socket.send(payload, this.encoding === 'json');
  }

  nextRid(): number {
    this.#rid += 1;
    return this.#rid;
  }

  /** `[op, rid, ...args]`; resolves with the OK or ERR frame of that rid. */
  request(op: number, args: WireFrame, timeoutMs = 10_000): Promise<WireFrame> {
    const rid = this.nextRid();
    const reply = this.waitFor(
      (frame) => (frame[0] === OP.ok || frame[0] === OP.err) && frame[1] === rid,
      `reply to op ${op}`,
      timeoutMs,
    );
    this.send([op, rid, ...args]);
    return reply;
  }

  /** As request; throws where the reply is an ERR. Returns the result's elements. */
  async ask(op: number, args: WireFrame, timeoutMs?: number): Promise<WireFrame> {
    const reply = await this.request(op, args, timeoutMs);
    if (reply[0] !== OP.ok) throw new Error(`op ${op}: got ${JSON.stringify(reply)}, wanted OK`);
    return reply.slice(2);
  }

  /** The first frame from now on that matches; rejects at the timeout or when the socket ends. */
  waitFor(
    match: (frame: WireFrame) => boolean,
    what: string,
    timeoutMs = 10_000,
  ): Promise<WireFrame> {
    return new Promise((resolve, reject) => {
      if (!this.#open) {
        reject(new Error(`${what}: the socket is closed`));
        return;
      }
      const finish = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        this.#failures.delete(fail);
      };
      const fail = (error: Error): void => {
        finish();
        reject(new Error(`${what}: ${error.message}`));
      };
      const timer = setTimeout(() => fail(new Error(`nothing within ${timeoutMs} ms`)), timeoutMs);
      const waiter: Waiter = {
        match,
        resolve: (frame) => {
          finish();
          resolve(frame);
        },
      };
      this.#waiters.add(waiter);
      this.#failures.add(fail);
    });
  }

  /** A frame with this opcode, already received or to come. */
  first(op: number, timeoutMs = 10_000): Promise<WireFrame> {
    const seen = this.received().find((frame) => frame[0] === op);
    if (seen !== undefined) return Promise.resolve(seen);
    return this.waitFor((frame) => frame[0] === op, `op ${op}`, timeoutMs);
  }

  /** All received frames, BATCH unpacked. */
  received(): WireFrame[] {
    const frames: WireFrame[] = [];
    for (const entry of this.log) {
      if (entry.dir === 'received') frames.push(...unpack(entry.frame));
    }
    return frames;
  }

  /** EV frames of one stream, BATCH unpacked, in order of arrival. */
  events(sid: number): WireFrame[] {
    return this.received().filter((frame) => frame[0] === OP.ev && frame[1] === sid);
  }

  /** Raw bytes of each EV frame of one stream (msgpack: also from inside a BATCH). */
  eventBytes(sid: number): Buffer[] {
    const all: Buffer[] = [];
    for (const entry of this.log) {
      if (entry.dir === 'sent') continue;
      if (entry.frame[0] === OP.ev && entry.frame[1] === sid) all.push(entry.raw);
      if (entry.frame[0] !== OP.batch || this.encoding !== 'mp') continue;
      for (const slice of batchSlices(entry.raw)) {
        const frame = decodeMsgpack(slice) as WireFrame;
        if (frame[0] === OP.ev && frame[1] === sid) all.push(slice);
      }
    }
    return all;
  }

  async identify(token: string, resume: WireValue = null): Promise<WireFrame> {
    const result = await this.ask(OP.identify, [token, null, 'outsider 1', 0, resume]);
    this.uid = result[3] as number;
    this.userSid = result[4] as number;
    return result;
  }

  /** SUB of entries `[sid]` or cursors; the OK's entries. */
  async sub(entries: WireFrame): Promise<WireFrame[]> {
    const [result] = await this.ask(OP.sub, [entries]);
    return result as WireFrame[];
  }

  /** APPEND of a message; the OK's or ERR's whole frame. */
  append(sid: number, nonce: string, content: string): Promise<WireFrame> {
    return this.request(OP.append, [sid, nonce, 1, content]);
  }

  #receive(payload: Buffer): void {
    const frame = (
      this.encoding === 'mp' ? decodeMsgpack(payload) : JSON.parse(payload.toString('utf8'))
    ) as WireFrame;
    this.log.push({ at: nowMs(), dir: 'received', frame, raw: payload });
    this.onFrame(frame, payload);
    for (const inner of unpack(frame)) {
      for (const waiter of [...this.#waiters]) if (waiter.match(inner)) waiter.resolve(inner);
    }
  }

  #ended(info: CloseInfo): void {
    this.#open = false;
    const error = new Error(`socket closed with ${info.code} ${info.reason}`);
    for (const fail of [...this.#failures]) fail(error);
  }
}

/** The frame itself, or what a BATCH carries. */
export function unpack(frame: WireFrame): readonly WireFrame[] {
  return frame[0] === OP.batch ? (frame[1] as readonly WireFrame[]) : [frame];
}
