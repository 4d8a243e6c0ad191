/**
 * A sender that does what protocol.md 2.8 asks of a client: one nonce per intention, created before
 * the first attempt, and the same nonce again after a lost reply, a lost connection or a retryable ERR.
 * Written from the page, runs in the test process; must never import client/.
 */
import type { ConnTrace } from '../checker-wire.ts';
import { type Encoding, RawClient } from './raw-client.ts';
import type { Seeded } from './seeded.ts';
import { pause } from './server-process.ts';
import { OP, type WireFrame } from './wire.ts';

export interface WriterOptions {
  readonly name: string;
  readonly port: number;
  /** The present access token; asked again for each connection and each REAUTH. */
  readonly token: string | (() => string);
  readonly sids: readonly number[];
  readonly encoding: Encoding;
  readonly chance: Seeded;
  /** Messages under way at once on one connection. */
  readonly inFlight: number;
  /** Pause after each message of a lane, uniformly from 0 to this. */
  readonly gapMs: number;
  /** Pauses of exactly gapMs instead of a random part of it. */
  readonly isSteady?: boolean;
  /** What a message says; must be another one for each nonce. */
  readonly content?: (nonce: string) => string;
  /** Wait before connecting again, in ms; default RECONNECT_MS. */
  readonly reconnectMs?: () => number;
}

/** Codes after which the same request, with the same nonce, may be sent again (2.12). */
const RETRYABLE = new Set([410, 420, 421, 500, 501, 502, 503]);
/** Short, since a test kills the server on purpose; long enough not to take the core that it starts on. */
const RECONNECT_MS = 200;
const REPLY_TIMEOUT_MS = 4000;

export class Writer {
  readonly options: WriterOptions;
  readonly traces: ConnTrace[] = [];
  readonly closes: number[] = [];
  /** ERR codes that led to a retry, counted. */
  readonly retried = new Map<number, number>();
  /** What no retry can mend: the test must fail on them. */
  readonly failures: string[] = [];
  acknowledged = 0;
  /** Nonces that needed a second attempt or a new connection. */
  readonly disturbed = new Set<string>();
  /** What is not acknowledged yet: nonce to what the last attempt got. */
  readonly pending = new Map<string, string>();
  #conn = 0;
  #client: RawClient | undefined;
  #connecting: Promise<void> | undefined;
  #number = 0;
  #stopped = false;
  #lanes: Promise<void>[] = [];

  constructor(options: WriterOptions) {
    this.options = options;
  }

  start(): void {
    const { inFlight } = this.options;
    this.#lanes = Array.from({ length: inFlight }, () => this.#lane());
  }

  /** No new intention; resolves when the last one was acknowledged. */
  async finish(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#lanes);
    this.#client?.socket.cut();
  }

  get client(): RawClient | undefined {
    return this.#client;
  }

  async #lane(): Promise<void> {
    const { chance, sids, gapMs, name, isSteady } = this.options;
    const content = this.options.content ?? ((nonce) => `message ${nonce}`);
    while (!this.#stopped && this.failures.length === 0) {
      this.#number += 1;
      const nonce = `${name}-${this.#number}`;
      await this.#intend([chance.pick(sids), nonce, 1, content(nonce)]);
      if (gapMs > 0) await pause(isSteady === true ? gapMs : chance.between(0, gapMs));
    }
  }

  async #intend(body: WireFrame): Promise<void> {
    const nonce = `${body[0]}/${body[1]}`;
    this.pending.set(nonce, 'sent');
    if (this.#client?.isOpen !== true) this.disturbed.add(String(body[1]));
    while (this.failures.length === 0) {
      const reply = await this.#attempt(body);
      this.pending.set(nonce, reply === undefined ? 'no reply' : JSON.stringify(reply));
      if (reply?.[0] !== OP.ok) this.disturbed.add(String(body[1]));
      if (reply === undefined) continue;
      if (reply[0] === OP.ok) {
        this.pending.delete(nonce);
        this.acknowledged += 1;
        return;
      }
      const code = reply[2] as number;
      if (!RETRYABLE.has(code)) this.failures.push(`APPEND: ${JSON.stringify(reply)}`);
      this.retried.set(code, (this.retried.get(code) ?? 0) + 1);
      await pause(Math.min(typeof reply[4] === 'number' ? reply[4] : 100, 2000));
    }
  }

  /** The reply, or undefined when none came. */
  async #attempt(body: WireFrame): Promise<WireFrame | undefined> {
    try {
      const client = await this.#connected();
      return await client.request(OP.append, body, REPLY_TIMEOUT_MS);
    } catch {
      // The connection is gone or the reply is late: the same nonce again.
      await pause(this.options.reconnectMs?.() ?? RECONNECT_MS);
      return undefined;
    }
  }

  async #connected(): Promise<RawClient> {
    while (this.#client?.isOpen !== true) {
      this.#connecting ??= this.#connect().finally(() => {
        this.#connecting = undefined;
      });
      await this.#connecting;
    }
    return this.#client;
  }

  async #connect(): Promise<void> {
    const { name, port, token, encoding } = this.options;
    const present = (): string => (typeof token === 'string' ? token : token());
    const client = await RawClient.open({ port, encoding });
    client.onFrame = (frame) => {
      if (frame[0] === OP.authExpiring) client.send([OP.reauth, client.nextRid(), present(), null]);
    };
    client.closed.then(
      ({ code }) => {
        this.closes.push(code);
        if (code >= 4500) this.failures.push(`closed with ${code}`);
      },
      () => {},
    );
    await client.first(OP.hello);
    await client.identify(present());
    this.#conn += 1;
    const conn = this.#conn;
    this.traces.push({ client: name, uid: client.uid, conn, encoding, entries: client.log });
    this.#client = client;
  }
}
