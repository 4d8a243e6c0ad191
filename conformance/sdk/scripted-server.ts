/**
 * A server of the protocol that does what a script says: one user, one stream, and the power to lose a frame or to send what no client knows.
 * Speaks with the suite's own wire code, so that the SDK meets a stranger. Listens on 127.0.0.1 only.
 */
import { type AddressInfo, createServer, type Server } from 'node:net';
import { Op, Status } from '../wire/codes.ts';
import { readJsonForm, writeJsonForm } from '../wire/json-form.ts';
import { readMsgpack, writeMsgpack } from '../wire/msgpack.ts';
import type { Encoding, Frame, Wire } from '../wire/types.ts';
import { ServerSocket } from './server-socket.ts';

/** The stream and who speaks in it. */
export const SID = 70_412;
export const EPOCH = 2_914_771_203;
const UID = 1_048_871;
const BEGUN = 1_763_694_000_000;
const LIMITS = [32_768, 500, 64, 4000, 600_000, 5000, 200];

/** One connection of the client under test. */
interface Client {
  readonly socket: ServerSocket;
  encoding: Encoding;
  /** Frames of the client in their order. */
  readonly received: Frame[];
  isSubscribed: boolean;
}

/** The scripted server. */
export class ScriptedServer {
  /** Every connection that there was. */
  readonly clients: Client[] = [];
  /** The log of the stream. */
  readonly log: Frame[] = [];
  readonly #tcp: Server;

  private constructor() {
    this.#tcp = createServer((tcp) => {
      const client: Client = {
        encoding: 'mp',
        received: [],
        isSubscribed: false,
        socket: new ServerSocket(tcp, {
          open: (protocol) => this.#onOpen(client, protocol),
          message: (payload) => this.#onMessage(client, payload),
          ended: () => {
            client.isSubscribed = false;
          },
        }),
      };
      this.clients.push(client);
    });
  }

  /** Listens on a free port. */
  static async start(): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    await new Promise<void>((resolve) => server.#tcp.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#tcp.address() as AddressInfo).port}`;
  }

  /**
   * Appends an event and sends it to the subscribed connections.
   * @param how `lost`: the frame never arrives
   */
  publish(kind: number, body: readonly Wire[], how: 'sent' | 'lost' = 'sent'): void {
    const seq = this.log.length + 1;
    const frame = [Op.EV, SID, EPOCH, seq, BEGUN + seq, kind, UID, ...body];
    this.log.push(frame);
    if (how === 'sent') this.broadcast(frame);
  }

  /** HEAD, as the owner of the stream sends it after a burst. */
  beacon(): void {
    const seq = this.log.length;
    this.broadcast([Op.HEAD, SID, EPOCH, seq, seq === 0 ? 0 : BEGUN + seq]);
  }

  /** Any frame to all subscribed connections. */
  broadcast(frame: Frame): void {
    for (const client of this.clients) if (client.isSubscribed) this.#send(client, frame);
  }

  /** SUB frames of all connections, in order. */
  get subs(): Frame[] {
    return this.clients.flatMap(({ received }) => received.filter(([op]) => op === Op.SUB));
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    for (const { socket } of this.clients) socket.cut();
    await new Promise((resolve) => this.#tcp.close(resolve));
  }

  #onOpen(client: Client, protocol: string): void {
    client.encoding = protocol === 'driftway.v1.json' ? 'json' : 'mp';
    this.#send(client, [Op.HELLO, 1, 'script', 20_000, 10_000, 1000, 'c'.repeat(22), LIMITS]);
  }

  #onMessage(client: Client, payload: Buffer): void {
    const frame =
      client.encoding === 'mp' ? readMsgpack(payload) : readJsonForm(payload.toString('utf8'));
    client.received.push(frame);
    const [op, rid] = frame;
    if (op === Op.IDENTIFY) this.#send(client, [Op.OK, rid ?? 0, ...this.#identity()]);
    else if (op === Op.SUB) this.#onSub(client, rid ?? 0, frame[2] as readonly Frame[]);
    else if (op === Op.TIME) this.#send(client, [Op.OK, rid ?? 0, BEGUN]);
    else if (op === Op.SYNC) this.#send(client, [Op.OK, rid ?? 0, []]);
    else this.#send(client, [Op.ERR, rid ?? 0, 103, 'unknown_op']);
  }

  #identity(): readonly Wire[] {
    const expMs = 8_000_000_000_000;
    return ['session', 'key', this.clients.length, UID, UID, expMs, 2, 0, BEGUN, []];
  }

  #onSub(client: Client, rid: Wire, entries: readonly Frame[]): void {
    const head = this.log.length;
    const answers = entries.map(([sid, , cursor]) => {
      if (sid !== SID) return [sid ?? 0, Status.REFUSED, 0, 0, 0, 0, 0];
      const seq = typeof cursor === 'number' ? cursor : head;
      const ts = seq === 0 ? 0 : BEGUN + seq;
      return [SID, seq < head ? Status.REPLAYING : Status.LIVE, EPOCH, seq, ts, 1, head];
    });
    this.#send(client, [Op.OK, rid, answers]);
    const entry = entries.find(([sid]) => sid === SID);
    if (entry === undefined) return;
    client.isSubscribed = true;
    const from = typeof entry[2] === 'number' ? entry[2] : head;
    if (from < head) this.#send(client, [Op.BATCH, this.log.slice(from)]);
  }

  #send(client: Client, frame: Frame): void {
    const isJson = client.encoding === 'json';
    client.socket.send(isJson ? Buffer.from(writeJsonForm(frame)) : writeMsgpack(frame));
  }
}
