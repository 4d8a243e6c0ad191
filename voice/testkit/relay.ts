/**
 * A bad network between a client and a media server, in user space and seeded: drops, delays, doubles and limits media packets, blocks
 * UDP or TCP, changes its own port as a NAT does. Listens on another address of this machine with the media server's own port, so that
 * a server that announces that address needs no changed candidates. Test process only.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { createConnection, createServer, type Server, type Socket as TcpSocket } from 'node:net';

/** What happens to media packets, in both directions; everything else (STUN, DTLS) passes unless UDP is blocked. */
export interface Impairment {
  /** Share of packets that are lost, 0 to 1. */
  readonly loss?: number;
  /** Mean length of a run of lost packets; 1 (default): each by itself. */
  readonly burst?: number;
  readonly delayMs?: number;
  /** Further delay, uniform from 0 to this; packets overtake each other. */
  readonly jitterMs?: number;
  /** Share of packets that come twice. */
  readonly double?: number;
}

export interface RelayOptions {
  /** Where clients come to. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Where the media server is. */
  readonly target: { readonly host: string; readonly port: number };
  readonly seed: number;
}

/** Counters of a relay. */
export interface RelayCounts {
  readonly passed: number;
  readonly dropped: number;
  readonly tcpBytes: number;
}

interface Path {
  upstream: Socket;
  readonly client: RemoteInfo;
}

/** First byte of RTP and RTCP: version 2. */
const MEDIA_MIN = 128;
/** Clients at most; a packet of one more is dropped. */
const PATHS_MAX = 256;

/** A running relay. */
export class Relay {
  readonly #options: RelayOptions;
  readonly #paths = new Map<string, Path>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #streams = new Set<TcpSocket>();
  readonly #random: () => number;
  readonly #tcp: Server;
  #udp: Socket;
  #impairment: Impairment = {};
  #isUdpBlocked = false;
  #isInBurst = false;
  #passed = 0;
  #dropped = 0;
  #tcpBytes = 0;

  private constructor(options: RelayOptions) {
    this.#options = options;
    this.#random = seeded(options.seed);
    this.#udp = createSocket('udp4');
    this.#udp.on('message', (packet, client) => this.#fromClient(packet, client));
    this.#tcp = createServer((socket) => this.#forward(socket));
  }

  /** Starts to listen on UDP and TCP. */
  static async start(options: RelayOptions): Promise<Relay> {
    const relay = new Relay(options);
    const { host, port } = options.listen;
    await new Promise<void>((resolve, reject) => {
      relay.#udp.once('error', reject);
      relay.#udp.bind(port, host, resolve);
    });
    await new Promise<void>((resolve, reject) => {
      relay.#tcp.once('error', reject);
      relay.#tcp.listen(port, host, resolve);
    });
    return relay;
  }

  set impairment(impairment: Impairment) {
    this.#impairment = impairment;
  }

  get counts(): RelayCounts {
    return { passed: this.#passed, dropped: this.#dropped, tcpBytes: this.#tcpBytes };
  }

  /** Nothing passes over UDP, not even STUN: a firewall. */
  blockUdp(isBlocked: boolean): void {
    this.#isUdpBlocked = isBlocked;
  }

  /** All clients come from new ports from now on: a NAT that forgot them. */
  async rebind(): Promise<void> {
    await Promise.all(
      [...this.#paths.values()].map(async (path) => {
        path.upstream.close();
        path.upstream = await this.#upstream(path.client);
      }),
    );
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const { upstream } of this.#paths.values()) upstream.close();
    this.#paths.clear();
    for (const stream of this.#streams) stream.destroy();
    await new Promise<void>((resolve) => this.#udp.close(() => resolve()));
    await new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
  }

  #fromClient(packet: Buffer, client: RemoteInfo): void {
    const key = `${client.address}:${client.port}`;
    const path = this.#paths.get(key);
    if (path !== undefined) {
      this.#pass(packet, () => this.#toServer(path, packet));
      return;
    }
    if (this.#paths.size >= PATHS_MAX || this.#isUdpBlocked) return;
    void this.#upstream(client).then((upstream) => {
      const made = this.#paths.get(key) ?? { upstream, client };
      if (made.upstream !== upstream) upstream.close();
      this.#paths.set(key, made);
      this.#toServer(made, packet);
    });
  }

  #toServer({ upstream }: Path, packet: Buffer): void {
    const { host, port } = this.#options.target;
    upstream.send(packet, port, host, () => undefined);
  }

  #upstream(client: RemoteInfo): Promise<Socket> {
    const upstream = createSocket('udp4');
    upstream.on('message', (packet) => {
      this.#pass(packet, () =>
        this.#udp.send(packet, client.port, client.address, () => undefined),
      );
    });
    return new Promise((resolve) => {
      upstream.bind(0, this.#options.target.host, () => resolve(upstream));
    });
  }

  #pass(packet: Buffer, send: () => void): void {
    if (this.#isUdpBlocked) return;
    if ((packet[0] ?? 0) < MEDIA_MIN) {
      send();
      return;
    }
    if (this.#isLost()) {
      this.#dropped += 1;
      return;
    }
    this.#passed += 1;
    this.#later(send);
    if (this.#random() < (this.#impairment.double ?? 0)) this.#later(send);
  }

  /** Two states (Gilbert): a run of losses ends with probability 1 / burst. */
  #isLost(): boolean {
    const { loss = 0, burst = 1 } = this.#impairment;
    if (loss <= 0) return false;
    const leave = 1 / burst;
    const enter = loss >= 1 ? 1 : Math.min(1, (loss * leave) / (1 - loss));
    this.#isInBurst = this.#isInBurst ? this.#random() >= leave : this.#random() < enter;
    // Losses one by one do not depend on the one before.
    return burst === 1 ? this.#random() < loss : this.#isInBurst;
  }

  #later(send: () => void): void {
    const { delayMs = 0, jitterMs = 0 } = this.#impairment;
    const waitMs = delayMs + this.#random() * jitterMs;
    if (waitMs <= 0) {
      send();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      send();
    }, waitMs);
    this.#timers.add(timer);
  }

  #forward(client: TcpSocket): void {
    const { host, port } = this.#options.target;
    const upstream = createConnection({ host, port });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#streams.add(from);
      from.setNoDelay(true);
      from.on('data', (bytes) => {
        this.#tcpBytes += bytes.length;
        to.write(bytes);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#streams.delete(from);
        to.destroy();
      });
    }
  }
}

/** Numbers of [0, 1) that depend on the seed alone (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
