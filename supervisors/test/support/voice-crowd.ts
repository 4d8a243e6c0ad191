/**
 * People in voice rooms of one server, all talking, and a witness of the chat beside them. Runs in the test process; must never import
 * product code.
 */
import { Chorus, type Heard } from '../../../voice/test/index.ts';
import { type Members, makeMembers } from './crowd.ts';
import { HttpClient } from './http-client.ts';
import { nowMs, RawClient } from './raw-client.ts';
import { until } from './server-process.ts';
import { joinWhenReady, newVoiceChannel, VoiceClient } from './voice-client.ts';
import { OP } from './wire.ts';

export interface VoiceCrowdOptions {
  readonly port: number;
  readonly people: number;
  /** People in each room. */
  readonly perRoom: number;
  /** Those who talk; without, accounts are made. */
  readonly members?: Members;
}

export class VoiceCrowd {
  readonly members: Members;
  readonly clients: readonly VoiceClient[];
  readonly sids: readonly number[];
  readonly #chorus = new Chorus();

  private constructor(members: Members, clients: readonly VoiceClient[], sids: readonly number[]) {
    this.members = members;
    this.clients = clients;
    this.sids = sids;
    this.#chorus.add(...clients.map(({ peer }) => peer));
  }

  /** Everybody has joined and hears somebody. */
  static async create(options: VoiceCrowdOptions): Promise<VoiceCrowd> {
    const { people, perRoom, port } = options;
    const members = options.members ?? (await makeMembers(port, people, 1));
    const http = new HttpClient(port);
    const owner = members.logins[0]!.accessToken;
    const sids: number[] = [];
    for (let i = 0; i < people; i += perRoom) {
      sids.push(await newVoiceChannel(http, owner, members.gid));
    }
    http.close();
    const clients: VoiceClient[] = [];
    for (const [i, login] of members.logins.entries()) {
      const client = await VoiceClient.open({ port, token: login.accessToken });
      clients.push(client);
      await joinWhenReady(client, sids[Math.floor(i / perRoom)]!);
    }
    const crowd = new VoiceCrowd(members, clients, sids);
    await crowd.allHear();
    return crowd;
  }

  /** Resolves when everybody has heard somebody in the present epoch; ms of the last one to do so. */
  async allHear(timeoutMs = 20_000): Promise<void> {
    await until('everybody hears', timeoutMs, () =>
      this.clients.every(({ peer }) => peer.packets > 0) ? true : undefined,
    );
  }

  /** For each client the ms from `sinceMs` (performance.now) to the first packet after it of a stream that began after it. */
  hearingAgain(sinceMs: number): number[] {
    return this.clients.map(({ peer }) => {
      const firsts = peer
        .heard()
        .flatMap(({ firstMs }: Heard) => (firstMs > sinceMs ? [firstMs] : []));
      return firsts.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...firsts) - sinceMs;
    });
  }

  stop(): void {
    this.#chorus.stop();
    for (const client of this.clients) client.close();
  }
}

/** Writes to a text channel, one message after another, and keeps how long each took. */
export class ChatWitness {
  readonly #client: RawClient;
  readonly #sid: number;
  #times: number[] = [];
  #isOver = false;
  readonly #done: Promise<void>;
  refused = 0;

  private constructor(client: RawClient, sid: number) {
    this.#client = client;
    this.#sid = sid;
    this.#done = this.#run();
  }

  static async start(port: number, token: string, sid: number): Promise<ChatWitness> {
    const client = await RawClient.open({ port });
    await client.first(OP.hello);
    await client.identify(token);
    await client.sub([[sid]]);
    return new ChatWitness(client, sid);
  }

  async #run(): Promise<void> {
    for (let i = 0; !this.#isOver; i += 1) {
      const from = nowMs();
      const [op] = await this.#client.append(this.#sid, `w${i}`, `word ${i}`);
      if (op === OP.ok) this.#times.push(nowMs() - from);
      else this.refused += 1;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Times since the last call, ms, shortest first. */
  take(): readonly number[] {
    const times = this.#times.sort((a, b) => a - b);
    this.#times = [];
    return times;
  }

  /** Messages since the last `take`. */
  get count(): number {
    return this.#times.length;
  }

  get isOpen(): boolean {
    return this.#client.isOpen;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
    this.#client.socket.cut();
  }
}

/** The value below which a share of sorted numbers lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
