/**
 * A real server with a crowd that writes and reads, and an operator's connection to its Unix socket. Tests only.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Crowd, type CrowdOptions, expectClean } from '../../test/support/crowd.ts';
import { Seeded } from '../../test/support/seeded.ts';
import { REPO, ServerProcess, until } from '../../test/support/server-process.ts';
import { AdminClient, AdminError } from '../index.ts';

/** What the launcher gives to Node. */
const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--import',
  new URL('../../../native/type-cache.mjs', import.meta.url).href,
];

/** What came of a call: the value, or the code of the refusal. */
export type Called<T> = T & { readonly code?: string; readonly message?: string };

export class Operated {
  readonly server: ServerProcess;
  readonly crowd: Crowd;
  readonly admin: AdminClient;

  private constructor(server: ServerProcess, crowd: Crowd, admin: AdminClient) {
    this.server = server;
    this.crowd = crowd;
    this.admin = admin;
  }

  /** Two shards, LIMITS=trusted; the crowd writes already. */
  static async start(
    title: string,
    options: Partial<CrowdOptions> = {},
    env: Readonly<Record<string, string>> = {},
  ): Promise<Operated> {
    const server = await ServerProcess.start({
      env: {
        DRIFTWAY_LIMITS: 'trusted',
        DRIFTWAY_GATEWAY_THREADS: '1',
        DRIFTWAY_SHARD_THREADS: '2',
        ...env,
      },
    });
    const crowd = await Crowd.create({
      port: server.port,
      writers: 4,
      observers: 4,
      channels: 2,
      chance: Seeded.forTest(title),
      ...options,
    });
    crowd.write();
    const admin = await connect(server);
    const operated = new Operated(server, crowd, admin);
    await operated.progress(10);
    return operated;
  }

  get sids(): readonly number[] {
    return this.crowd.members.sids;
  }

  /** Row of an entity, wherever it lives. */
  async rowOf(sid: number): Promise<string> {
    const { stream } = await this.call<{ stream: { id: string } }>('where', {
      what: 'channel',
      sid,
    });
    return stream.id;
  }

  /** Calls a verb; a refusal is `{ code, message }`. */
  async call<T = Record<string, never>>(
    verb: string,
    args: unknown,
    onProgress?: (data: unknown) => void,
  ): Promise<Called<T>> {
    try {
      const options = onProgress === undefined ? {} : { onProgress };
      return (await this.admin.call(verb, args, options)) as Called<T>;
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      return { code: error.code, message: error.message } as Called<T>;
    }
  }

  /** Runs `driftway` on this server's data folder in a process of its own. */
  cli(...words: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const args = [...NODE_FLAGS, 'supervisors/cli/main.ts', ...words];
    const env = { ...process.env, DRIFTWAY_DATA_DIR: this.server.dataDir };
    return new Promise((resolve, reject) => {
      const child = execFile(
        process.execPath,
        args,
        { cwd: REPO, env },
        (error, stdout, stderr) => {
          if (error !== null && child.exitCode === null) reject(error);
          else resolve({ code: child.exitCode, stdout, stderr });
        },
      );
    });
  }

  /** Resolves when `count` further messages were acknowledged. */
  async progress(count: number, timeoutMs = 30_000): Promise<void> {
    const target = this.crowd.acknowledged + count;
    const probe = () => this.crowd.acknowledged >= target || undefined;
    await until(`${count} further messages`, timeoutMs, probe);
  }

  /** The crowd ends with nothing lost, no socket closed, nothing but delay. */
  async expectUnhurt(): Promise<void> {
    expect(this.crowd.closes).toEqual([]);
    expectClean(await this.crowd.verdict());
    const codes = [...this.crowd.retried.keys()];
    expect(codes.filter((code) => code !== 501 && code !== 502)).toEqual([]);
  }

  async dispose(): Promise<void> {
    await this.crowd.stop();
    await this.admin.close();
    await this.server.dispose();
  }
}

/** An operator's connection; one test may have several. */
export function connect(server: ServerProcess): Promise<AdminClient> {
  return AdminClient.connect({ socketPath: join(server.dataDir, 'admin.sock'), client: 'test' });
}
