/**
 * One lane of the fuzzer: connection after connection, on each of them bursts of mutated frames. After every frame
 * follows a TIME with a number, so that the last number answered tells which frame ended a connection.
 * Runs in the generator process; reads no more of a reply than its first bytes.
 */
import { isUtf8 } from 'node:buffer';
import { type Encoding, encode, nowMs } from '../support/raw-client.ts';
import { buildFrame, RawSocket } from '../support/raw-socket.ts';
import type { Seeded } from '../support/seeded.ts';
import { OP, type WireFrame } from '../support/wire.ts';
import { mutateBytes, mutateTree } from './mutations.ts';
import type { Find } from './types.ts';

/** Frames of a burst: changed trees first, since a second IDENTIFY and changed bytes mostly end the connection. */
const TREES = 24;
const BYTES = 6;
/** Bursts on a connection that survives them. */
const BURSTS_MAX = 12;
/** Above every rid of a mutated frame that was not changed to a huge one. */
const PROBE_RID = 4_000_000_000;
const ANSWER_TIMEOUT_MS = 15_000;

export interface LaneOptions {
  readonly port: number;
  readonly token: string;
  readonly seeds: readonly WireFrame[];
  readonly encoding: Encoding;
  readonly chance: Seeded;
  /** A mutated frame was judged: `answered`, or the code that its connection ended with. */
  readonly judged: (outcome: string) => void;
  readonly connected: () => void;
  readonly found: (find: Find) => void;
}

/** Runs until the process ends; never throws for what the server does. */
export async function runLane(options: LaneOptions): Promise<never> {
  for (;;) {
    const connection = await Connection.open(options);
    if (connection === undefined) continue;
    options.connected();
    for (let burst = 0; burst < BURSTS_MAX && connection.isOpen; burst += 1) {
      await connection.burst(makeBurst(options));
    }
    connection.cut();
  }
}

/** Sends one payload and its probe on an identified connection of their own; for the corpus. */
export async function replay(options: LaneOptions, payload: Buffer): Promise<void> {
  const connection = await Connection.open(options, true);
  await connection?.burst([payload]);
  connection?.cut();
}

function makeBurst({ chance, encoding, seeds }: LaneOptions): Buffer[] {
  const payloads: Buffer[] = [];
  const identifies = seeds.filter((frame) => frame[0] === OP.identify);
  const others = seeds.filter((frame) => frame[0] !== OP.identify);
  for (let i = 0; i < TREES; i += 1) {
    const isLast = i === TREES - 1 && chance.between(0, 3) === 0;
    const frame = mutateTree(chance, chance.pick(isLast ? identifies : others));
    if (frame[1] === 1) (frame as unknown[])[1] = i + 1;
    payloads.push(encode(encoding, frame));
  }
  for (let i = 0; i < BYTES; i += 1) {
    payloads.push(mutateBytes(chance, encode(encoding, chance.pick(seeds))));
  }
  return payloads;
}

class Connection {
  readonly #options: LaneOptions;
  readonly #socket: RawSocket;
  isOpen = true;
  /** Index of the next frame of the burst whose probe is awaited. */
  #next = 0;
  #burst: readonly Buffer[] = [];
  #done: () => void = () => {};
  #identified: () => void = () => {};

  private constructor(options: LaneOptions, socket: RawSocket) {
    this.#options = options;
    this.#socket = socket;
    socket.onMessage = (payload) => this.#receive(payload);
  }

  /** Connected and, mostly, identified; undefined when the server is going away. */
  static async open(options: LaneOptions, identify = false): Promise<Connection | undefined> {
    const { port, encoding, token, chance, found } = options;
    let socket: RawSocket;
    try {
      socket = await RawSocket.open({ port, protocols: [`driftway.v1.${encoding}`] });
    } catch (error) {
      found({ what: `no connection: ${String(error)}` });
      return undefined;
    }
    const connection = new Connection(options, socket);
    socket.closed.then(
      ({ code }) => connection.#ended(code),
      () => {},
    );
    if (!identify && chance.between(0, 19) === 0) return connection;
    const answered = new Promise<void>((resolve) => {
      connection.#identified = resolve;
    });
    connection.#send([encode(encoding, [2, PROBE_RID - 1, token, null, 'fuzz', 0, null])]);
    await connection.#within(answered, 'IDENTIFY');
    return connection;
  }

  /** Resolves when each payload was judged, or the connection is over. */
  async burst(payloads: readonly Buffer[]): Promise<void> {
    this.#burst = payloads;
    this.#next = 0;
    const done = new Promise<void>((resolve) => {
      this.#done = resolve;
    });
    const { encoding } = this.#options;
    this.#send(payloads.flatMap((payload, i) => [payload, encode(encoding, [7, PROBE_RID + i])]));
    await this.#within(done, 'a burst');
    this.#burst = [];
  }

  cut(): void {
    this.isOpen = false;
    this.#socket.cut();
  }

  #send(payloads: readonly Buffer[]): void {
    const opcode = this.#options.encoding === 'json' ? 1 : 2;
    this.#socket.sendRaw(Buffer.concat(payloads.map((payload) => buildFrame({ opcode, payload }))));
  }

  async #within(done: Promise<void>, what: string): Promise<void> {
    const timer = setTimeout(() => {
      this.#report(`${what}: no answer within ${ANSWER_TIMEOUT_MS} ms`);
      this.cut();
    }, ANSWER_TIMEOUT_MS);
    await Promise.race([done, this.#socket.closed]);
    clearTimeout(timer);
  }

  #receive(payload: Buffer): void {
    const rid = replyRid(this.#options.encoding, payload);
    if (rid === PROBE_RID - 1) this.#identified();
    else if (rid === PROBE_RID + this.#next && this.#next < this.#burst.length) {
      this.#options.judged('answered');
      this.#next += 1;
      if (this.#next === this.#burst.length) this.#done();
    }
  }

  #ended(code: number): void {
    const wasOpen = this.isOpen;
    this.isOpen = false;
    this.#done();
    this.#identified();
    if (!wasOpen) return;
    this.#options.judged(String(code));
    // Bad UTF-8 in a text message is refused natively, without a close frame and with the replies before it lost; nothing else is.
    const isNative =
      code === 1006 &&
      this.#options.encoding === 'json' &&
      this.#burst.slice(this.#next).some((payload) => !isUtf8(payload));
    const isRefusal = code >= 4500 && code <= 4599;
    if (!isRefusal && !isNative) this.#report(`ended with ${code}`);
  }

  #report(what: string): void {
    const payload = this.#burst[this.#next];
    const { encoding, found } = this.#options;
    const at = `${what} at ${nowMs().toFixed(0)}`;
    found({
      what: at,
      encoding,
      ...(payload === undefined ? {} : { hex: payload.toString('hex') }),
    });
  }
}

/** The rid of an OK or ERR, -1 for everything else. */
function replyRid(encoding: Encoding, payload: Buffer): number {
  if (encoding === 'json') {
    const head = payload.toString('latin1', 0, 16);
    return /^\[[45],(\d+)/.test(head) ? Number.parseInt(head.slice(3), 10) : -1;
  }
  const first = payload[0]!;
  const at = first === 0xdc ? 3 : 1;
  const op = payload[at];
  if (op !== 4 && op !== 5) return -1;
  return payload[at + 1] === 0xce ? payload.readUInt32BE(at + 2) : -1;
}
