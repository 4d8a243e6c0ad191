/**
 * The server of this repository as a process of the suite: started as an operator would, killed, restored from a copy of its data folder,
 * drained. Knows it by the outside contract (api.md, starting and stopping) only, and ends only what it started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nowMs, pause } from '../peer/time.ts';

const REPO = fileURLToPath(new URL('../..', import.meta.url));
/** What the launcher gives to Node: without the cache each thread strips the types again. */
const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--import',
  new URL('../../native/type-cache.mjs', import.meta.url).href,
];
const READY_TIMEOUT_MS = 30_000;
const OUTPUT_CHARS_MAX = 20_000;

const DEFAULTS = {
  DRIFTWAY_HOST: '127.0.0.1',
  DRIFTWAY_GATEWAY_THREADS: '2',
  DRIFTWAY_SHARD_THREADS: '2',
  DRIFTWAY_LIMITS: 'trusted',
  DRIFTWAY_HEART: 'off',
  DRIFTWAY_LOG_FORMAT: 'json',
  DRIFTWAY_LOG_LEVEL: 'warn',
  DRIFTWAY_VOICE_PORT: '0',
} as const;

/** The server did not get ready: nothing to test. */
export class StartFailed extends Error {
  override readonly name = 'StartFailed';
}

/** How the process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One server with a data folder of its own. */
export class OwnServer {
  readonly port: number;
  readonly url: string;
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  #child!: ChildProcess;
  #exit!: Promise<Exit>;
  #output = '';

  private constructor(port: number, folder: string, env: Readonly<Record<string, string>>) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    this.#env = env;
  }

  /** Starts on a free port with an empty data folder; resolves when it is ready. */
  static async start(env: Readonly<Record<string, string>> = {}): Promise<OwnServer> {
    const folder = mkdtempSync(join(tmpdir(), 'driftway-conformance-'));
    const server = new OwnServer(await freePort(), folder, env);
    try {
      await server.start();
    } catch (error) {
      await server.dispose();
      throw error;
    }
    return server;
  }

  /** Starts again on the same port and folder. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [...NODE_FLAGS, 'supervisors/main.ts', 'start'], {
      cwd: REPO,
      env: this.#environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#exit = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
      child.once('error', () => resolve({ code: null, signal: null }));
    });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString('utf8')).slice(-OUTPUT_CHARS_MAX);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    const end = nowMs() + READY_TIMEOUT_MS;
    while (!(await this.#isReady())) {
      if (child.exitCode !== null || child.signalCode !== null || nowMs() > end)
        throw new StartFailed(`server: not ready:\n${this.#output}`);
      await pause(30);
    }
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  /** SIGTERM: the server drains. Resolves when the process is gone. */
  terminate(): Promise<Exit> {
    this.#child.kill('SIGTERM');
    return this.#exit;
  }

  /** Copies the data folder while the server is down. */
  backUp(): string {
    const copy = mkdtempSync(join(tmpdir(), 'driftway-conformance-'));
    cpSync(this.#folder, copy, { recursive: true });
    return copy;
  }

  /** Puts a copy in the place of the data folder while the server is down, and removes the copy. */
  restore(copy: string): void {
    rmSync(this.#folder, { recursive: true, force: true });
    cpSync(copy, this.#folder, { recursive: true });
    rmSync(copy, { recursive: true, force: true });
  }

  /** Kills the process and removes the folder. */
  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/ready`)).ok;
    } catch {
      return false;
    }
  }

  #environment(): NodeJS.ProcessEnv {
    const own = Object.entries(process.env).filter(([name]) => !/^(DRIFTWAY_|VITEST)/.test(name));
    const { NODE_ENV: _, NODE_OPTIONS: __, ...rest } = Object.fromEntries(own);
    const at = { DRIFTWAY_PORT: String(this.port), DRIFTWAY_DATA_DIR: this.#folder };
    return { ...rest, ...DEFAULTS, ...this.#env, ...at };
  }
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
