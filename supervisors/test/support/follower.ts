/**
 * An observer that does what protocol.md 2.7 asks of a client: one position per stream, resume by
 * cursor, repair SUB for a hole. Keeps the frame log of each of its connections for the checker.
 * Written from the page, runs in the test process; must never import client/.
 */
import type { ConnTrace } from '../checker-wire.ts';
import { type Encoding, nowMs, RawClient, unpack } from './raw-client.ts';
import { pause, until } from './server-process.ts';
import { OP, type WireFrame } from './wire.ts';

export interface FollowerOptions {
  readonly name: string;
  readonly port: number;
  /** The present access token; asked again for each connection and each REAUTH. */
  readonly token: string | (() => string);
  readonly sids: readonly number[];
  readonly encoding: Encoding;
  /** Wait before connecting again, in ms; default RECONNECT_MS. `upMs`: how long the last connection was up. */
  readonly reconnectMs?: (herdMs: number, upMs: number, attempt: number) => number;
  /** Sends REAUTH when the token runs out (default true); else the server ends the connection with 4003. */
  readonly reauth?: boolean;
  /** Keeps every frame for the checker (default true); without it `traces` are empty. */
  readonly keepsLog?: boolean;
  /** Each event as it comes over the wire, replays included. */
  readonly onEvent?: (frame: WireFrame) => void;
}

interface Cursor {
  epoch: number;
  seq: number;
  ts: number;
}

/** Wait between attempts to connect: short, since a test kills the server on purpose; long enough not to take the core that it starts on. */
const RECONNECT_MS = 200;
/** A connection that was up for longer is a stable one (2.14). */
const STABLE_MS = 60_000;

export class Follower {
  readonly options: FollowerOptions;
  readonly traces: ConnTrace[] = [];
  readonly cursors = new Map<number, Cursor>();
  /** Close codes of connections that ended. */
  readonly closes: number[] = [];
  repairs = 0;
  /** When the present connection's SUB was answered, ms of this process; Infinity without one. */
  liveSince = Number.POSITIVE_INFINITY;
  #herdMs = 0;
  #openedAt = 0;
  #attempt = 0;
  #client: RawClient | undefined;
  #subRid = 0;
  #repairing = false;
  #stopped = false;
  #done: Promise<void> = Promise.resolve();

  constructor(options: FollowerOptions) {
    this.options = options;
  }

  /** Resolves when the first connection has subscribed. */
  async start(): Promise<void> {
    this.#done = this.#run();
    await this.subscribed();
  }

  /** Resolves when every stream has a position on the present connection. */
  async subscribed(timeoutMs = 30_000): Promise<void> {
    await until(`${this.options.name} subscribed`, timeoutMs, () => this.isLive || undefined);
  }

  /** Whether the present connection's SUB was answered. */
  get isLive(): boolean {
    return this.#client?.isOpen === true && this.#subRid === -1;
  }

  get client(): RawClient | undefined {
    return this.#client;
  }

  /** Resolves when the position of the stream has reached `seq`. */
  async reached(sid: number, seq: number, timeoutMs: number): Promise<void> {
    const what = `${this.options.name} at ${sid}/${seq}`;
    const probe = () => ((this.cursors.get(sid)?.seq ?? 0) >= seq ? true : undefined);
    await until(what, timeoutMs, probe).catch((error: Error) => {
      throw new Error(`${error.message}; position is ${this.cursors.get(sid)?.seq}`);
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#client?.socket.cut();
    await this.#done;
  }

  async #run(): Promise<void> {
    for (let conn = 1; !this.#stopped; conn += 1) {
      try {
        await this.#connection(conn);
      } catch {
        // Refused, reset or ended while being set up: that is what this client is for.
        this.#client?.socket.cut();
      }
      this.#client = undefined;
      this.liveSince = Number.POSITIVE_INFINITY;
      const upMs = this.#openedAt === 0 ? 0 : nowMs() - this.#openedAt;
      this.#openedAt = 0;
      this.#attempt = upMs > STABLE_MS ? 0 : this.#attempt + 1;
      const waitMs = this.options.reconnectMs?.(this.#herdMs, upMs, this.#attempt) ?? RECONNECT_MS;
      if (!this.#stopped) await pause(waitMs);
    }
  }

  async #connection(conn: number): Promise<void> {
    const { name, port, encoding } = this.options;
    const client = await RawClient.open({ port, encoding });
    this.#client = client;
    this.#openedAt = nowMs();
    this.#subRid = 0;
    this.#repairing = false;
    const isForgetful = this.options.keepsLog === false;
    client.onFrame = (frame) => {
      for (const inner of unpack(frame)) this.#take(client, inner);
      if (isForgetful) client.log.length = 0;
    };
    const hello = await client.first(OP.hello);
    this.#herdMs = hello[5] as number;
    await client.identify(this.#token());
    if (!isForgetful)
      this.traces.push({ client: name, uid: client.uid, conn, encoding, entries: client.log });
    this.#subscribe(client);
    const { code } = await client.closed;
    this.closes.push(code);
  }

  #subscribe(client: RawClient): void {
    this.#subRid = client.nextRid();
    const entries = this.options.sids.map((sid): WireFrame => {
      const cursor = this.cursors.get(sid);
      return cursor === undefined ? [sid] : [sid, cursor.epoch, cursor.seq, cursor.ts];
    });
    client.send([OP.sub, this.#subRid, entries]);
  }

  #token(): string {
    const { token } = this.options;
    return typeof token === 'string' ? token : token();
  }

  #take(client: RawClient, frame: WireFrame): void {
    if (frame[0] === OP.ev) {
      this.#event(client, frame as readonly number[]);
      this.options.onEvent?.(frame);
    } else if (frame[0] === OP.gap) this.#gap(frame as readonly number[]);
    else if (frame[0] === OP.authExpiring && this.options.reauth !== false)
      client.send([OP.reauth, client.nextRid(), this.#token(), null]);
    else if (frame[1] !== this.#subRid) return;
    else if (frame[0] === OP.ok) this.#answered(frame[2] as readonly (readonly number[])[]);
    else if (frame[0] === OP.err) this.#refused(client, frame);
  }

  #answered(entries: readonly (readonly number[])[]): void {
    for (const [sid = 0, status = 0, epoch = 0, seq = 0, ts = 0] of entries) {
      // Status 2: the GAP that follows moves the position.
      if (status === 0 && !this.cursors.has(sid)) this.cursors.set(sid, { epoch, seq, ts });
    }
    this.#subRid = -1;
    this.#repairing = false;
    if (this.liveSince === Number.POSITIVE_INFINITY) this.liveSince = nowMs();
  }

  /** 420, 502, 503: the same request again when the server says so. */
  #refused(client: RawClient, frame: WireFrame): void {
    const retryMs = typeof frame[4] === 'number' ? frame[4] : 200;
    this.#subRid = 0;
    pause(Math.min(retryMs, 2000)).then(
      () => {
        if (client.isOpen && !this.#stopped) this.#subscribe(client);
      },
      () => {},
    );
  }

  #event(client: RawClient, frame: readonly number[]): void {
    const [, sid = 0, epoch = 0, seq = 0, ts = 0] = frame;
    const cursor = this.cursors.get(sid);
    if (cursor === undefined || (epoch === cursor.epoch && seq <= cursor.seq)) return;
    if (epoch === cursor.epoch && seq === cursor.seq + 1) {
      cursor.seq = seq;
      cursor.ts = ts;
    } else if (!this.#repairing && this.#subRid === -1) {
      this.#repairing = true;
      this.repairs += 1;
      this.#subscribe(client);
    }
  }

  #gap(frame: readonly number[]): void {
    const [, sid = 0, , epoch = 0, , to = 0, ts = 0] = frame;
    this.cursors.set(sid, { epoch, seq: to, ts });
  }
}
