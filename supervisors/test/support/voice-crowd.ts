/** People in voice rooms of one server, all talking. Runs in the test process; must never import product code. */
import { Chorus, type Heard } from '../../../voice/test/index.ts';
import { type Members, makeMembers } from './crowd.ts';
import { HttpClient, type Login } from './http-client.ts';
import { until } from './server-process.ts';
import { joinWhenReady, newVoiceChannel, VoiceClient } from './voice-client.ts';

export interface VoiceCrowdOptions {
  readonly port: number;
  readonly people: number;
  /** People in each room. */
  readonly perRoom: number;
  /** Those who talk; without, accounts are made. */
  readonly members?: Members;
}

let crowds = 0;

export class VoiceCrowd {
  readonly members: Members;
  readonly clients: readonly VoiceClient[];
  readonly sids: readonly number[];
  readonly #perRoom: number;
  readonly #chorus = new Chorus();

  private constructor(
    members: Members,
    clients: readonly VoiceClient[],
    sids: readonly number[],
    perRoom: number,
  ) {
    this.members = members;
    this.clients = clients;
    this.sids = sids;
    this.#perRoom = perRoom;
    this.#chorus.add(...clients.map(({ peer }) => peer));
  }

  /** Everybody has joined and hears everybody else of the room. */
  static async create(options: VoiceCrowdOptions): Promise<VoiceCrowd> {
    const { people, perRoom, port } = options;
    crowds += 1;
    const members = options.members ?? (await makeMembers(port, people, 1, `crowd${crowds}`));
    const http = new HttpClient(port);
    const owner = members.logins[0]!.accessToken;
    const sids: number[] = [];
    for (let i = 0; i < people; i += perRoom) {
      sids.push(await newVoiceChannel(http, owner, members.gid));
    }
    http.close();
    const clients: VoiceClient[] = [];
    const rooms = new Map(sids.map((sid, i) => [sid, members.logins.slice(i * perRoom)]));
    for (const [sid, [first, ...others]] of rooms) {
      const enter = async ({ accessToken }: Login): Promise<void> => {
        const client = await VoiceClient.open({ port, token: accessToken });
        clients.push(client);
        await joinWhenReady(client, sid);
      };
      await enter(first!);
      await Promise.all(others.slice(0, perRoom - 1).map(enter));
    }
    const crowd = new VoiceCrowd(members, clients, sids, perRoom);
    await crowd.allHear();
    return crowd;
  }

  /** Resolves when everybody hears everybody else of the room on the present transports. */
  async allHear(timeoutMs = 20_000): Promise<void> {
    const others = this.#perRoom - 1;
    await until('everybody hears everybody', timeoutMs, () =>
      this.clients.every(({ peer }) => heardNow(peer.heard()) >= others) ? true : undefined,
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

  /** Nobody talks. */
  hush(): void {
    for (const { peer } of this.clients) this.#chorus.remove(peer);
  }

  /** These talk. */
  talk(clients: readonly VoiceClient[]): void {
    this.#chorus.add(...clients.map(({ peer }) => peer));
  }

  /** Everybody leaves: who only goes away is kept in the room for a minute. */
  async leave(): Promise<void> {
    await Promise.all(this.clients.map(({ peer }) => peer.leave()));
    this.stop();
  }

  stop(): void {
    this.#chorus.stop();
    for (const client of this.clients) client.close();
  }
}

function heardNow(voices: readonly Heard[]): number {
  return voices.filter(({ packets }) => packets > 0).length;
}
