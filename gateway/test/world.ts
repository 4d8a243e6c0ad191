/**
 * A gateway thread without native parts: real fan-out, subscriptions, replay and lag mode on fake
 * sockets, lanes and clock. Test support for property tests of the delivery logic.
 */
import { Backpressure } from '../backpressure.ts';
import { Connection, type ConnectionHost, Phase } from '../connection.ts';
import { FanOut } from '../fan-out.ts';
import { createMetrics } from '../metrics.ts';
import { PingCohorts } from '../ping-cohorts.ts';
import type { Encoding } from '../protocol/index.ts';
import { Shedding } from '../shedding.ts';
import { Subscriptions } from '../subscriptions.ts';
import type { SocketContext } from '../types.ts';
import { FakeClock, FakeNet, FakeSocket } from './fake-net.ts';
import { FakeShard } from './fake-shard.ts';
import { WireChecker } from './wire-checker.ts';

/** A client of the world. */
export interface Client {
  readonly connection: Connection;
  readonly socket: FakeSocket;
  readonly checker: WireChecker;
  read: number;
}

export class World implements ConnectionHost {
  readonly clock = new FakeClock();
  readonly net = new FakeNet();
  readonly metrics = createMetrics();
  readonly shedding = new Shedding();
  readonly shard: FakeShard;
  readonly fanOut: FanOut;
  readonly subscriptions: Subscriptions;
  readonly backpressure: Backpressure;
  readonly clients: Client[] = [];
  readonly errors: unknown[] = [];
  /** Connections that left lag mode. */
  readonly caughtUp: Connection[] = [];
  readonly totalBytesMax = 4 * 1024 * 1024;
  #lastRid = 0;
  #turns: (() => void)[] = [];

  constructor(options: { readonly chunkMax: number; readonly replayMax: number }) {
    this.shard = new FakeShard({
      ...options,
      isAuto: false,
      deliver: (op, message) => {
        if (op === 'closeConn' || op === 'loginRevoked') return;
        const ops = this.fanOut as unknown as Record<string, (m: typeof message) => void>;
        ops[op]?.call(this.fanOut, message);
      },
      down: (owner) => this.fanOut.down(owner as never),
    });
    const log = { info: noop, warn: noop, error: (data: object) => this.errors.push(data) };
    const { clock, metrics, net } = this;
    const nextTurn = (fn: () => void): void => {
      this.#turns.push(fn);
    };
    this.fanOut = new FanOut({
      clock,
      metrics,
      log,
      upstream: this.shard,
      publish: net.publish,
      shedding: this.shedding,
      replayConcurrency: 20,
      defer: nextTurn,
      nextTurn,
    });
    const pings = new PingCohorts(net.publish, () => clock.now());
    const nowS = (): number => this.nowS();
    const { totalBytesMax } = this;
    this.backpressure = new Backpressure({
      fanOut: this.fanOut,
      pings,
      metrics,
      totalBytesMax,
      nextTurn,
      nowS,
      caughtUp: (connection) => this.caughtUp.push(connection),
    });
    const rng = { u32: () => 7, bytes: (n: number) => new Uint8Array(n) };
    const context = { clock, rng, log, metrics, upstream: this.shard } as unknown as SocketContext;
    this.subscriptions = new Subscriptions(context, this.fanOut);
  }

  nowS(): number {
    return Math.floor(this.clock.monotonic() / 1000);
  }

  pressed(connection: Connection): void {
    this.backpressure.pressed(connection);
  }

  erred(code: number): void {
    this.metrics.errorsByCode[code] = (this.metrics.errorsByCode[code] ?? 0) + 1;
  }

  ending(connection: Connection): void {
    this.fanOut.removeAll(connection);
    this.backpressure.forget(connection);
  }

  open(uid: number, encoding: Encoding): Client {
    const connection = new Connection(this.clients.length + 1, encoding, 'test', this);
    const socket = new FakeSocket(this.net);
    connection.opened(socket);
    socket.onClosed = (code) => connection.closed(code);
    connection.uid = uid;
    connection.phase = Phase.READY;
    const client = { connection, socket, checker: new WireChecker(encoding), read: 0 };
    this.clients.push(client);
    return client;
  }

  /** Lets the checker read what has come. */
  consume(client: Client): void {
    const { checker, socket } = client;
    while (client.read < socket.wire.length) {
      checker.read(socket.wire[client.read] as Uint8Array);
      client.read += 1;
    }
  }

  /** Sends SUB for one stream; `back` < 0: `[sid]`, else a cursor that far behind the own position. */
  subscribe(client: Client, sid: number, back: number): void {
    this.consume(client);
    this.#lastRid += 1;
    const rid = this.#lastRid;
    const at = client.checker.positions.get(sid);
    const seq = Math.max(0, (at?.seq ?? this.shard.stream(sid).events.length) - back);
    const epoch = at?.epoch ?? this.shard.stream(sid).epoch;
    const ts = seq === 0 ? 0 : 1_763_000_000_000 + seq;
    const cursor = back < 0 ? null : { epoch, seq, ts };
    client.checker.subscribing(rid, [cursor === null ? [sid] : [sid, epoch, seq, ts]]);
    this.subscriptions
      .subscribe(client.connection, rid, [{ sid, cursor }], noop)
      .catch((error: unknown) => this.errors.push(error));
  }

  unsubscribe(client: Client, sid: number): void {
    this.subscriptions.unsubscribe(client.connection, 0, [sid]);
    this.consume(client);
    client.checker.unsubscribed(sid);
  }

  stall(client: Client): void {
    client.socket.isStalled = true;
    client.socket.buffered = 300 * 1024;
  }

  drain(client: Client): void {
    client.socket.isStalled = false;
    client.socket.buffered = 0;
    if (client.connection.isOpen) this.backpressure.drained(client.connection);
  }

  sweep(): void {
    for (const { connection } of this.clients) {
      if (connection.isOpen) this.backpressure.visit(connection);
    }
    this.backpressure.endRound();
  }

  /** Runs what was put off to the end of the turn, and the promises. */
  async turn(): Promise<void> {
    await settle();
    const turns = this.#turns;
    this.#turns = [];
    for (const fn of turns) fn();
    await settle();
  }

  /** Everything that can arrive arrives; timers run. */
  async quiesce(): Promise<void> {
    for (let round = 0; round < 60; round += 1) {
      for (let i = 0; i < 400; i += 1) {
        const isMoving = this.shard.step('toShard') || this.shard.step('toGateway');
        await this.turn();
        if (!isMoving) break;
      }
      this.clock.advance(500);
      this.fanOut.tick();
      this.sweep();
      await this.turn();
    }
  }
}

function noop(): void {
  // Nothing is logged in this world but errors.
}

async function settle(): Promise<void> {
  for (let i = 0; i < 12; i += 1) await Promise.resolve();
}
