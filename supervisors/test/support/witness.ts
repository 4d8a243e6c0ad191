/**
 * The healthy witness of protocol.md 3: one who writes and one who reads, all through an attack.
 * Afterwards `verdict` says whether anything at all happened to them.
 */
import { check } from '../checker.ts';
import { Follower } from './follower.ts';
import { unpack } from './raw-client.ts';
import { Seeded } from './seeded.ts';
import { until } from './server-process.ts';
import { OP } from './wire.ts';
import { Writer } from './writer.ts';

/** What the witness needs of a server under attack. */
export interface WitnessHost {
  readonly port: number;
  /** Users 0 and 1 are its own. */
  token(user: number): string;
  newChannel(): Promise<number>;
}

export class Witness {
  readonly #writer: Writer;
  readonly #reader: Follower;

  private constructor(writer: Writer, reader: Follower) {
    this.#writer = writer;
    this.#reader = reader;
  }

  /** Starts chatting in a channel of its own; `gapMs`: steady pace, for servers with public limits. */
  static async start(fixture: WitnessHost, name: string, gapMs?: number): Promise<Witness> {
    const sid = await fixture.newChannel();
    const common = { port: fixture.port, sids: [sid] };
    const reader = new Follower({
      ...common,
      name: `${name}-r`,
      token: fixture.token(0),
      encoding: 'mp',
    });
    const writer = new Writer({
      ...common,
      name: `${name}-w`,
      token: fixture.token(1),
      encoding: 'json',
      chance: new Seeded(1),
      inFlight: 1,
      gapMs: gapMs ?? 20,
      isSteady: gapMs !== undefined,
    });
    await reader.start();
    writer.start();
    const witness = new Witness(writer, reader);
    await witness.chats();
    return witness;
  }

  /** Resolves when a message written from now on was acknowledged and read. */
  async chats(): Promise<void> {
    const target = this.#writer.acknowledged + 2;
    const [sid] = this.#reader.options.sids;
    await until(
      'the witness chats',
      10_000,
      () => this.#writer.acknowledged >= target || undefined,
    );
    await this.#reader.reached(sid!, target, 10_000);
  }

  /** From the writer's send to the reader's receipt, ms: that of 99 in a hundred messages is less. */
  p99Ms(): number {
    const sentAt = new Map<string, number>();
    for (const { dir, frame, at } of this.#writer.traces.flatMap((trace) => trace.entries)) {
      if (dir === 'sent' && frame[0] === OP.append) sentAt.set(String(frame[5]), at);
    }
    const delays: number[] = [];
    for (const { dir, frame, at } of this.#reader.traces.flatMap((trace) => trace.entries)) {
      if (dir !== 'received') continue;
      for (const inner of unpack(frame)) {
        const sent = inner[0] === OP.ev ? sentAt.get(String(inner[7])) : undefined;
        if (sent !== undefined) delays.push(at - sent);
      }
    }
    delays.sort((a, b) => a - b);
    return Math.round(delays[Math.floor(delays.length * 0.99)] ?? 0);
  }

  /** Ends the chat; a list of what went wrong, empty when nothing did. */
  async verdict(): Promise<string[]> {
    await this.#writer.finish();
    const [sid] = this.#reader.options.sids;
    await this.#reader.reached(sid!, this.#writer.acknowledged, 10_000);
    const wrong = [...this.#writer.failures];
    if (this.#reader.closes.length > 0) wrong.push(`reader closed ${this.#reader.closes}`);
    if (this.#reader.repairs > 0) wrong.push('reader had a hole');
    if (this.#writer.traces.length > 1) wrong.push('writer reconnected');
    const traces = [...this.#writer.traces, ...this.#reader.traces];
    wrong.push(...check({ connections: traces, histories: [] }).map((one) => JSON.stringify(one)));
    await this.#reader.stop();
    return wrong;
  }
}
