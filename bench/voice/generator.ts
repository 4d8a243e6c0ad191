/**
 * The rtpgen process: commands as lines to its standard input, events as lines of JSON from its standard output. One per bench;
 * runs in the driving process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TransportOffer, WindowReport } from './types.ts';

const CONNECT_TIMEOUT_MS = 20_000;
const FIRST_TIMEOUT_MS = 20_000;
const WINDOW_SPARE_MS = 10_000;

/** RTP of the talkers; both servers are told the same. */
export const PAYLOAD_TYPE = 100;
/** mediasoup's own id of the audio level, so that nothing has to be renumbered. */
export const LEVEL_EXTENSION = 6;

interface Event {
  readonly ev: string;
  readonly id?: number;
  readonly ssrc?: number;
  readonly ns?: string;
  readonly port?: number;
  readonly count?: number;
  readonly authentic?: boolean;
  readonly fingerprint?: string;
  readonly why?: string;
  readonly verb?: string;
}

/** The first packet of a stream; its time is comparable with process.hrtime.bigint(). */
export interface First {
  readonly ns: bigint;
  readonly authentic: boolean;
}

interface Waiter {
  resolve(event: Event): void;
  reject(error: Error): void;
}

export interface GeneratorOptions {
  readonly binary: string;
  /** Core that it runs on, alone if possible; undefined: any. */
  readonly core?: number;
  /** Cores with a gap detector. */
  readonly watched: readonly number[];
}

export class Generator {
  /** What peers are to be known by. */
  fingerprint = '';
  /** Streams whose first packet was not authentic. */
  forged = 0;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<string, Waiter>();
  #fault: Error | undefined;
  /** Peers that are not closed: rtpgen takes a command about another one for a fault of ours. */
  readonly #open = new Set<number>();
  /** Those of them that ICE has connected. */
  readonly #ice = new Set<number>();
  #peers = 0;

  private constructor(options: GeneratorOptions) {
    const { binary, core, watched } = options;
    const args = [
      ...(core === undefined ? [] : ['--core', String(core)]),
      ...watched.flatMap((one) => ['--watch', String(one)]),
    ];
    this.#child = spawn(binary, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.once('error', (error) => this.#fail(error));
    this.#child.once('exit', (code, signal) =>
      this.#fail(new Error(`rtpgen: ended with ${code ?? signal}`)),
    );
    this.#child.stdin?.on('error', (error) => this.#fail(error));
    createInterface({ input: this.#child.stdout! }).on('line', (line) =>
      this.#take(JSON.parse(line) as Event),
    );
  }

  static async start(options: GeneratorOptions): Promise<Generator> {
    const generator = new Generator(options);
    const { fingerprint } = await generator.#await('hello', CONNECT_TIMEOUT_MS);
    generator.fingerprint = fingerprint ?? '';
    return generator;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** A new transport; ICE begins at once. Returns its id. */
  peer({ address, password, port, ufrag }: TransportOffer): number {
    const peer = this.#next();
    this.#say(`peer ${peer} ${address} ${port} ${ufrag} ${password}`);
    return peer;
  }

  /** A peer that sends RTP as it is to a port of this machine. Resolves with its id and the port that it sends from. */
  async plain(port: number): Promise<{ readonly peer: number; readonly from: number }> {
    const peer = this.#next();
    const told = this.#await(`plain ${peer}`, CONNECT_TIMEOUT_MS);
    this.#say(`plain ${peer} ${port}`);
    return { peer, from: (await told).port ?? 0 };
  }

  /** Once the server knows our fingerprint. Resolves when DTLS is done, with the time. */
  async connected(peer: number): Promise<bigint> {
    if (!this.#open.has(peer)) throw new PeerClosed();
    const done = this.#await(`connected ${peer}`, CONNECT_TIMEOUT_MS);
    this.#say(`dtls ${peer}`);
    const { ns = '0' } = await done;
    return BigInt(ns);
  }

  /** An SSRC for a peer's own stream. */
  ssrcOf(peer: number): number {
    return 0x10_0000 + peer;
  }

  /** Begins to send, or goes on; `phaseUs` is its place in the 20 ms. */
  talk(peer: number, phaseUs: number, ssrc = this.ssrcOf(peer)): void {
    this.#say(`talk ${peer} ${ssrc} ${PAYLOAD_TYPE} ${LEVEL_EXTENSION} ${Math.round(phaseUs)}`);
  }

  hush(peer: number): void {
    this.#say(`hush ${peer}`);
  }

  /** Counts a consumer's packets; resolves with its first one. */
  async hear(peer: number, ssrc: number, from: number): Promise<First> {
    if (!this.#open.has(peer) || !this.#open.has(from)) throw new PeerClosed();
    const first = this.#await(`first ${peer} ${ssrc}`, FIRST_TIMEOUT_MS);
    this.#say(`hear ${peer} ${ssrc} ${from}`);
    const { ns = '0', authentic = false } = await first;
    if (!authentic) this.forged += 1;
    return { ns: BigInt(ns), authentic };
  }

  close(peer: number): void {
    if (!this.#open.delete(peer)) return;
    this.#ice.delete(peer);
    this.#say(`close ${peer}`);
    this.#drop(peer);
  }

  /** Measures for `ms`, after a short warm-up; `begun` is called when the window begins. */
  async window(ms: number, begun: () => void): Promise<WindowReport> {
    const begin = this.#await('begin', WINDOW_SPARE_MS);
    const report = this.#await('window', ms + WINDOW_SPARE_MS);
    this.#say(`window ${ms}`);
    await begin;
    begun();
    return (await report) as unknown as WindowReport;
  }

  /** Packets sent so far by all talkers that are not closed. */
  async sent(): Promise<number> {
    const told = this.#await('sent', CONNECT_TIMEOUT_MS);
    this.#say('sent');
    return (await told).count ?? 0;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => {
      this.#child.once('exit', resolve);
    });
    this.#child.stdin?.end();
    await gone;
  }

  #next(): number {
    this.#peers += 1;
    this.#open.add(this.#peers);
    return this.#peers;
  }

  #say(line: string): void {
    if (this.#fault === undefined) this.#child.stdin?.write(`${line}\n`);
  }

  #take(event: Event): void {
    if (event.ev === 'refused') {
      this.#fail(new Error(`rtpgen: ${event.verb}: ${event.why}`));
      return;
    }
    if (event.ev === 'failed') {
      this.#settle(`connected ${event.id}`, (waiter) =>
        waiter.reject(new Error(`rtpgen: DTLS failed for peer ${event.id}`)),
      );
      return;
    }
    if (event.ev === 'ice') this.#ice.add(event.id ?? 0);
    const key = [event.ev, event.id, event.ssrc].filter((part) => part !== undefined).join(' ');
    this.#settle(key, (waiter) => waiter.resolve(event));
  }

  #settle(key: string, by: (waiter: Waiter) => void): void {
    const waiter = this.#waiting.get(key);
    this.#waiting.delete(key);
    if (waiter !== undefined) by(waiter);
  }

  #await(key: string, timeoutMs: number): Promise<Event> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const state = this.#ice.has(Number(key.split(' ')[1])) ? ', ICE is there' : '';
        this.#settle(key, (one) => one.reject(new Error(`rtpgen: no "${key}"${state}`)));
      }, timeoutMs);
      this.#waiting.set(key, {
        resolve: (event) => {
          clearTimeout(timer);
          resolve(event);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  /** Nobody learns any more what a closed peer hears. */
  #drop(peer: number): void {
    for (const key of [...this.#waiting.keys()]) {
      const [, id] = key.split(' ');
      if (Number(id) !== peer) continue;
      this.#settle(key, (waiter) => waiter.reject(new PeerClosed()));
    }
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    for (const key of [...this.#waiting.keys()]) this.#settle(key, (one) => one.reject(error));
  }
}

/** The peer was closed before what was awaited of it. */
export class PeerClosed extends Error {
  constructor() {
    super('rtpgen: the peer was closed');
  }
}
