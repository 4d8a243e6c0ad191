/**
 * Starts and stops the processes that a bench needs: Driftway as an operator would start it, the
 * bare uWebSockets.js server, and the load process. Knows Driftway by its outside contract only.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadCommand, LoadReply } from './load-types.ts';
import { post } from './rest.ts';

const REPO = fileURLToPath(new URL('..', import.meta.url));
const READY_TIMEOUT_MS = 30_000;

export interface Server {
  readonly port: number;
  /** The process with the sockets. */
  readonly pid: number;
  stop(): Promise<void>;
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0),
      );
    });
  });
}

/**
 * Driftway with one gateway and one shard thread, a durable store in a new folder, trusted limits; `more` wins. `cores` binds all of
 * it to some ("0", "0-3").
 */
export async function startDriftway(
  more: Readonly<Record<string, string>> = {},
  cores?: string,
): Promise<Server> {
  const port = await freePort();
  const dataDir = mkdtempSync(join(tmpdir(), 'driftway-bench-'));
  const env = {
    ...process.env,
    DRIFTWAY_PORT: String(port),
    DRIFTWAY_DATA_DIR: dataDir,
    DRIFTWAY_LIMITS: 'trusted',
    DRIFTWAY_GATEWAY_THREADS: '1',
    DRIFTWAY_SHARD_THREADS: '1',
    DRIFTWAY_LOG_LEVEL: 'warn',
    // Voice's default ports may be the one above.
    DRIFTWAY_VOICE_PORT: '0',
    DRIFTWAY_STOP_TIMEOUT_MS: '2000',
    ...more,
  };
  const launch = boundTo(cores, [process.execPath, join(REPO, 'native/launch.mjs'), 'start']);
  const child = spawn(launch.file, launch.args, {
    cwd: REPO,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const end = performance.now() + READY_TIMEOUT_MS;
  while (!(await isReady(port))) {
    if (child.exitCode !== null) throw new Error(`driftway: exited with ${child.exitCode}`);
    if (performance.now() > end) throw new Error('driftway: not ready in time');
    await pause(50);
  }
  return {
    port,
    pid: Number(readFileSync(join(dataDir, 'server.pid'), 'utf8')),
    stop: async () => {
      child.kill('SIGTERM');
      await exited(child);
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A command that runs on some cores only ("0", "0-3"), with all that it starts; as it is without `cores`. */
export function boundTo(
  cores: string | undefined,
  command: readonly [string, ...string[]],
): { readonly file: string; readonly args: readonly string[] } {
  const [file, ...args] = command;
  if (cores === undefined) return { file, args };
  return { file: 'taskset', args: ['-c', cores, file, ...args] };
}

export function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/ready`)).ok;
  } catch {
    return false;
  }
}

/** The bare server of bare-uws.ts. */
export async function startBare(): Promise<Server> {
  const child = spawn(process.execPath, [join(REPO, 'bench/bare-uws.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) =>
      resolve(Number(/port (\d+)/.exec(String(chunk))?.[1])),
    );
    child.once('exit', (code) => reject(new Error(`bare server: exited with ${code}`)));
  });
  return {
    port,
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGKILL');
      await exited(child);
    },
  };
}

/** The load process of load.ts. */
export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: LoadReply) => void>();
  #id = 0;

  constructor() {
    this.#child = fork(join(REPO, 'bench/load.ts'), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (reply: LoadReply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    this.#child.on('exit', (code) => {
      const value = `load process: exited with ${code}`;
      for (const [id, settle] of this.#waiting) settle({ id, ok: false, value });
      this.#waiting.clear();
    });
  }

  /** Carries out one command in the load process; rejects with its error. */
  do<T>(command: LoadCommand): Promise<T> {
    this.#id += 1;
    const id = this.#id;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (reply) => {
        if (reply.ok) resolve(reply.value as T);
        else reject(new Error(`${command.type}: ${String(reply.value)}`));
      });
      this.#child.send({ id, command });
    });
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await exited(this.#child);
  }
}

/** A user, a guild, and `count` text channels in it. */
export async function prepare(
  port: number,
  count: number,
): Promise<{ token: string; sids: number[] }> {
  const login = { username: 'bench', password: `bench-${process.pid}-password` };
  const { accessToken } = await post<{ accessToken: string }>(port, '/auth/register', {
    body: login,
  });
  const as = (body: object) => ({ token: accessToken, body });
  const guild = await post<{ id: string }>(port, '/guilds', as({ name: 'Bench' }));
  const sids: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const path = `/guilds/${guild.id}/channels`;
    const channel = await post<{ id: string }>(port, path, as({ name: `room-${i}` }));
    sids.push(Number(channel.id));
  }
  return { token: accessToken, sids };
}
