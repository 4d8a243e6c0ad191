/**
 * A server whose media can only be reached through a network that tests control: a relay for each media worker, and a TURN server
 * beside them. Test processes only.
 */
import { type Impairment, Relay } from '../../../voice/testkit/index.ts';
import { freePort, ServerProcess } from './server-process.ts';
import { TurnServer } from './turn-server.ts';

const RELAY_HOST = '127.0.0.2';
/** The media worker and the spare one. */
const PORTS = 2;
const SEED = 7;

export class VoiceNetwork {
  readonly server: ServerProcess;
  readonly #relays: readonly Relay[];
  readonly #turn: TurnServer;

  private constructor(server: ServerProcess, relays: readonly Relay[], turn: TurnServer) {
    this.server = server;
    this.#relays = relays;
    this.#turn = turn;
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<VoiceNetwork> {
    const port = await freePort();
    const turn = await TurnServer.start();
    const server = await ServerProcess.start({
      env: {
        DRIFTWAY_HEART: 'off',
        DRIFTWAY_LIMITS: 'trusted',
        DRIFTWAY_VOICE_WORKERS: '1',
        DRIFTWAY_VOICE_PORT: String(port),
        DRIFTWAY_VOICE_ANNOUNCED_IPV4: RELAY_HOST,
        DRIFTWAY_TURN_URLS: turn.url,
        DRIFTWAY_TURN_SECRET: turn.secret,
        ...env,
      },
    });
    const relays = Array.from({ length: PORTS }, (_, i) =>
      Relay.start({
        listen: { host: RELAY_HOST, port: port + i },
        target: { host: '127.0.0.1', port: port + i },
        seed: SEED + i,
      }),
    );
    return new VoiceNetwork(server, await Promise.all(relays), turn);
  }

  /** The demo page. */
  get url(): string {
    return `http://127.0.0.1:${this.server.port}/voice-demo`;
  }

  /** Packets of media that were dropped so far. */
  get dropped(): number {
    return this.#relays.reduce((sum, { counts }) => sum + counts.dropped, 0);
  }

  /** What happens to media packets from now on. */
  impair(impairment: Impairment): void {
    for (const relay of this.#relays) relay.impairment = impairment;
  }

  /** Nothing over UDP, or again everything. */
  blockUdp(isBlocked: boolean): void {
    for (const relay of this.#relays) relay.blockUdp(isBlocked);
  }

  /** A NAT that has forgotten everybody. */
  async rebind(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.rebind()));
  }

  /** As it was in the beginning. */
  heal(): void {
    this.impair({});
    this.blockUdp(false);
  }

  async close(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.close()));
    await this.server.dispose();
    await this.#turn.close();
  }
}
