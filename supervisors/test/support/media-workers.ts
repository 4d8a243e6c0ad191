/** The media workers of a server as its operator sees and treats them, and a faulty kernel does. Test processes only. */
import { join } from 'node:path';
import { AdminClient } from '../../admin/index.ts';
import type { VoiceLook } from '../../voice/types.ts';
import { type ServerProcess, until } from './server-process.ts';

type Pool = NonNullable<VoiceLook['status']>['pool'];

/** One worker. */
export interface MediaWorker {
  readonly slot: number;
  readonly pid: number;
}

const READY_MAX_MS = 20_000;

export class MediaWorkers {
  readonly admin: AdminClient;

  private constructor(admin: AdminClient) {
    this.admin = admin;
  }

  static async of({ dataDir }: Pick<ServerProcess, 'dataDir'>): Promise<MediaWorkers> {
    const socketPath = join(dataDir, 'admin.sock');
    return new MediaWorkers(await AdminClient.connect({ socketPath, client: 'test' }));
  }

  look(): Promise<VoiceLook> {
    return this.admin.call('voice', {}) as Promise<VoiceLook>;
  }

  /** As it is now; rejects when the voice thread does not answer. */
  async pool(): Promise<Pool> {
    const { status } = await this.look();
    if (status === null) throw new Error('the voice thread does not answer');
    return status.pool;
  }

  /** The one that carries the rooms, once there is a spare one too. */
  active(): Promise<MediaWorker> {
    return until('a media worker and a spare one', READY_MAX_MS, async () => {
      const { state, workers } = await this.pool();
      const one = workers.find(({ pid, role }) => role === 'active' && pid !== null);
      return state !== 'ok' || one?.pid == null ? undefined : { slot: one.slot, pid: one.pid };
    });
  }

  /** SIGKILL for the one that carries the rooms. @returns when, by performance.now() */
  async kill(): Promise<number> {
    const { pid } = await this.active();
    const atMs = performance.now();
    process.kill(pid, 'SIGKILL');
    return atMs;
  }

  /** Has the one that carries the rooms emptied and replaced. @returns when that began, by performance.now() */
  async drain(): Promise<number> {
    const { slot } = await this.active();
    const atMs = performance.now();
    await this.admin.call('voice.drain', { slot });
    return atMs;
  }

  close(): Promise<void> {
    return this.admin.close();
  }
}
