/**
 * One protocol connection of the suite's own client: frames in and out with a full log, requests by rid, waiting for what the log shall
 * hold. It repairs and answers nothing by itself; every request is a line of a case.
 */
import { randomBytes } from 'node:crypto';
import { Err, Op } from '../wire/codes.ts';
import { readJsonForm, writeJsonForm } from '../wire/json-form.ts';
import { readMsgpack, writeMsgpack } from '../wire/msgpack.ts';
import { type Ended, openSocket, type Socket } from '../wire/socket.ts';
import type { Encoding, Frame, Wire } from '../wire/types.ts';
import { Ws } from '../wire/websocket.ts';
import { check, Failure } from './failure.ts';
import {
  asEvent,
  asGap,
  type ConnectionLog,
  type Cursor,
  type Event,
  framesOf,
  type Gap,
  type LogEntry,
  numbers,
  type Received,
  shown,
} from './log.ts';
import { nowMs, pause, within } from './time.ts';

/** How to connect. */
export interface ConnectionOptions {
  readonly url: string;
  readonly encoding: Encoding;
  /** Name of the client in reports. */
  readonly client: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long an answer or an event is waited for, ms. Default 20,000. */
  readonly patienceMs?: number;
  /** Hears every frame from the server after the log has it. */
  readonly onFrame?: (frame: Received) => void;
}

/** What the OK to IDENTIFY says. */
export interface Identity {
  readonly session: string;
  readonly resumeKey: string;
  readonly uid: number;
  readonly userSid: number;
  readonly expMs: number;
  readonly durability: number;
}

/** One entry in the OK to SUB. */
export interface SubAnswer extends Cursor {
  readonly sid: number;
  readonly status: number;
  readonly first: number;
  readonly head: number;
}

/** What the OK to APPEND says. */
export interface Appended extends Cursor {
  readonly duplicate: boolean;
}

/** The connection ended before the reply. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

const PATIENCE_MS = 20_000;
/** A request that the server asks to repeat (420, 502) is repeated this often. */
const REPEATS_MAX = 300;

/** A nonce that nobody has used. */
export function freshNonce(): string {
  return randomBytes(9).toString('base64url');
}

/** A connection after its HELLO. */
export class Connection implements ConnectionLog {
  readonly client: string;
  readonly encoding: Encoding;
  readonly entries: LogEntry[] = [];
  /** Frames from the server, each on its own. */
  readonly received: Received[] = [];
  readonly socket: Socket;
  /** Resolves when the TCP connection is over. */
  readonly ended: Promise<Ended>;
  /** Resolves with the close frame, or with the end where there is none. */
  readonly closing: Promise<Ended>;
  uid = 0;
  isTampered = false;
  /** Set when the close frame or the end came. */
  end: Ended | undefined;
  readonly #events = new Map<number, Event[]>();
  readonly #replies = new Map<number, (reply: Frame | undefined) => void>();
  readonly #waiters = new Set<() => void>();
  readonly #patienceMs: number;
  readonly #onFrame: ((frame: Received) => void) | undefined;
  #rid = 0;
  #isOver = false;

  private constructor(options: ConnectionOptions, socket: Socket, early: Buffer) {
    this.client = options.client;
    this.encoding = options.encoding;
    this.socket = socket;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.#onFrame = options.onFrame;
    const closing = Promise.withResolvers<Ended>();
    const ended = Promise.withResolvers<Ended>();
    this.closing = closing.promise;
    this.ended = ended.promise;
    const note = (end: Ended): void => {
      this.end ??= end;
      closing.resolve(end);
      this.#wake();
    };
    socket.listen(
      {
        message: (payload, isText) => this.#take(payload, isText),
        closing: note,
        ended: (end) => {
          this.#isOver = true;
          note(end);
          ended.resolve(end);
          for (const settle of this.#replies.values()) settle(undefined);
          this.#replies.clear();
        },
      },
      early,
    );
  }

  /** Connects, upgrades and waits for the first message, which must be HELLO. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { socket, early } = await openSocket({
      url: options.url,
      protocols: [`driftway.v1.${options.encoding}`],
      ...(options.headers === undefined ? {} : { headers: options.headers }),
    });
    const connection = new Connection(options, socket, early);
    await connection.until('HELLO', () => connection.received.length > 0);
    return connection;
  }

  /** The frame HELLO. */
  get hello(): Frame {
    const first = this.received[0]?.frame ?? [];
    check(first[0] === Op.HELLO, `the first message is ${JSON.stringify(first)}, wanted HELLO`);
    return first;
  }

  /** Number `i` of HELLO's limits: max_frame, max_streams, max_inflight, max_content, dedupe_ms, replay_max, batch_max. */
  limit(i: number): number {
    const limits = this.hello[7] as Frame;
    return numbers({ limit: limits[i] }).limit;
  }

  /** IDENTIFY; throws Failure unless it is answered OK. */
  async identify(
    token: string,
    resume: readonly [session: string, key: string] | null = null,
  ): Promise<Identity> {
    const result = await this.ok(Op.IDENTIFY, token, null, 'conformance', 0, resume);
    const [session, resumeKey, , uid, userSid, expMs, durability] = result;
    const fields = numbers({ uid, userSid, expMs, durability });
    check(typeof session === 'string' && typeof resumeKey === 'string', 'session and resume_key');
    this.uid = fields.uid;
    return { session, resumeKey, ...fields };
  }

  /** Sends a frame as it is. */
  send(frame: Frame): void {
    const bytes =
      this.encoding === 'mp' ? writeMsgpack(frame) : Buffer.from(writeJsonForm(frame), 'utf8');
    this.entries.push({ atMs: nowMs(), dir: 'out', frame, bytes });
    this.#write(bytes);
  }

  /** A message of the socket's own type with any content, which the log does not keep. */
  sendBytes(payload: Uint8Array): void {
    this.isTampered = true;
    this.#write(payload);
  }

  /** Sends a request and resolves with its OK or ERR; rejects with ConnectionLost. */
  request(op: number, ...args: readonly Wire[]): Promise<Frame> {
    this.#rid += 1;
    const rid = this.#rid;
    const reply = new Promise<Frame>((resolve, reject) => {
      const lost = () => new ConnectionLost(`${this.client}: connection lost before reply ${rid}`);
      if (this.#isOver) reject(lost());
      else
        this.#replies.set(rid, (frame) => (frame === undefined ? reject(lost()) : resolve(frame)));
    });
    this.send([op, rid, ...args]);
    return within(`${this.client}: reply to [${op},${rid}]`, this.#patienceMs, reply);
  }

  /** As request, repeated where the server says when; the result of the OK, or a Failure for any other ERR. */
  async ok(op: number, ...args: readonly Wire[]): Promise<readonly Wire[]> {
    for (let repeats = 0; ; repeats += 1) {
      const reply = await this.request(op, ...args);
      if (reply[0] === Op.OK) return reply.slice(2);
      const [, , code, , retryMs] = reply;
      const mayRepeat = code === Err.RATE || code === Err.UNAVAILABLE;
      if (!mayRepeat || repeats === REPEATS_MAX)
        throw new Failure(`${this.client}: [${op},...] was answered ${JSON.stringify(reply)}`);
      await pause(typeof retryMs === 'number' ? retryMs : 1000);
    }
  }

  /** APPEND of a message. */
  async append(sid: number, content: string, nonce = freshNonce()): Promise<Appended> {
    return asAppended(await this.ok(Op.APPEND, sid, nonce, 1, content));
  }

  /** SUB of one stream, from a cursor or from now. */
  async sub(sid: number, cursor?: Cursor): Promise<SubAnswer> {
    const entry = cursor === undefined ? [sid] : [sid, cursor.epoch, cursor.seq, cursor.ts];
    const [answers] = await this.ok(Op.SUB, [entry]);
    const answer = (answers as readonly Frame[] | undefined)?.[0] ?? [];
    const [gotSid, status, epoch, seq, ts, first, head] = answer;
    return numbers({ sid: gotSid, status, epoch, seq, ts, first, head });
  }

  /** Server time by TIME. */
  async time(): Promise<number> {
    return numbers({ now: (await this.ok(Op.TIME))[0] }).now;
  }

  /** Events of a stream in the order in which they came. */
  events(sid: number): readonly Event[] {
    return this.#events.get(sid) ?? [];
  }

  /** Frames with this opcode. */
  frames(op: number): Frame[] {
    return this.received.filter(({ frame }) => frame[0] === op).map(({ frame }) => frame);
  }

  /** GAPs of a stream. */
  gaps(sid: number): Gap[] {
    return this.frames(Op.GAP)
      .map(asGap)
      .filter((gap) => gap.sid === sid);
  }

  /** Waits until the probe holds, asking after every message; Failure when it does not in time, or the connection ends. */
  until(what: string, probe: () => boolean, timeoutMs = this.#patienceMs): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const ask = (): void => {
      if (probe()) resolve();
      else if (this.#isOver)
        reject(new Failure(`${this.client}: ${what}: ${this.#endText()} before`));
    };
    this.#waiters.add(ask);
    ask();
    return within(`${this.client}: ${what}`, timeoutMs, promise).finally(() => {
      this.#waiters.delete(ask);
    });
  }

  /** Ends the connection with a close frame, the decent way. */
  async close(): Promise<void> {
    this.socket.frame({ opcode: Ws.close, payload: Buffer.of(1000 >> 8, 1000 & 255) });
    await Promise.race([this.ended, pause(1000)]);
    this.socket.reset();
  }

  /** The last messages, for a report. */
  tail(count: number): string[] {
    return this.entries
      .filter(({ frame }) => frame[0] !== Op.PING)
      .slice(-count)
      .map(shown);
  }

  #write(payload: Uint8Array): void {
    this.socket.frame({ opcode: this.encoding === 'mp' ? Ws.binary : Ws.text, payload });
  }

  #take(payload: Buffer, isText: boolean): void {
    check(isText === (this.encoding === 'json'), `${this.client}: a message of the wrong type`);
    const frame = isText ? readJsonForm(decodeText(payload)) : readMsgpack(payload);
    const entry: LogEntry = { atMs: nowMs(), dir: 'in', frame, bytes: payload };
    this.entries.push(entry);
    for (const one of framesOf(entry, this.encoding)) {
      this.received.push(one);
      this.#dispatch(one);
    }
    this.#wake();
  }

  #dispatch(one: Received): void {
    const { frame } = one;
    if (frame[0] === Op.EV) {
      const event = asEvent(one);
      const known = this.#events.get(event.sid);
      if (known === undefined) this.#events.set(event.sid, [event]);
      else known.push(event);
    } else if ((frame[0] === Op.OK || frame[0] === Op.ERR) && typeof frame[1] === 'number') {
      const settle = this.#replies.get(frame[1]);
      this.#replies.delete(frame[1]);
      settle?.(frame);
    }
    this.#onFrame?.(one);
  }

  #endText(): string {
    return `ended with ${this.end?.code} ${this.end?.reason}`;
  }

  #wake(): void {
    for (const ask of [...this.#waiters]) ask();
  }
}

/** The result of an OK to APPEND. */
export function asAppended(result: readonly Wire[]): Appended {
  const [epoch, seq, ts, duplicate] = result;
  check(typeof duplicate === 'boolean', `duplicate is ${JSON.stringify(duplicate)}`);
  return { ...numbers({ epoch, seq, ts }), duplicate };
}

function decodeText(payload: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(payload);
}
