/**
 * A server with people in voice rooms, a chat beside them, and what happens to its media workers: for tests and drivers of faults. Runs
 * in the test process; must never import product code.
 */
import { ChatWitness } from './chat-witness.ts';
import { MediaWorkers } from './media-workers.ts';
import { type ServerProcess, until } from './server-process.ts';
import { VoiceCrowd } from './voice-crowd.ts';

const AGAIN_MAX_MS = 30_000;

export class VoiceWorld {
  readonly crowd: VoiceCrowd;
  readonly witness: ChatWitness;
  readonly workers: MediaWorkers;

  private constructor(crowd: VoiceCrowd, witness: ChatWitness, workers: MediaWorkers) {
    this.crowd = crowd;
    this.witness = witness;
    this.workers = workers;
  }

  /** Everybody talks and hears the others of their room, and somebody chats. */
  static async create(
    server: Pick<ServerProcess, 'port' | 'dataDir'>,
    people: number,
    perRoom: number,
  ): Promise<VoiceWorld> {
    const { port } = server;
    const crowd = await VoiceCrowd.create({ port, people, perRoom });
    const { logins, sids } = crowd.members;
    const tokens = [logins[0]!.accessToken, logins[1]!.accessToken] as const;
    const witness = await ChatWitness.start({ port, tokens, sid: sids[0]! });
    return new VoiceWorld(crowd, witness, await MediaWorkers.of(server));
  }

  /** SIGKILL for the worker that carries the rooms; for each of the people the ms until they hear again. */
  async kill(): Promise<readonly number[]> {
    return this.hearAgain(await this.workers.kill());
  }

  /** Empties and replaces the worker that carries the rooms; resolves when everybody hears on the new one. */
  async move(): Promise<readonly number[]> {
    return this.hearAgain(await this.workers.drain());
  }

  /** For each of the people the ms from `sinceMs` until they heard a voice that began after it, when all have. */
  async hearAgain(sinceMs: number): Promise<readonly number[]> {
    return until('all hear again', AGAIN_MAX_MS, () => {
      const times = this.crowd.hearingAgain(sinceMs);
      return times.every(Number.isFinite) ? times : undefined;
    });
  }

  async close(): Promise<void> {
    this.crowd.stop();
    await this.witness.stop();
    await this.workers.close();
  }
}
