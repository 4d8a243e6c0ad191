/**
 * Starts the real server of this repository as a child process on a free port with its own data
 * folder, sends it signals, and leaves nothing behind.
 * Runs in the test process; must never import product code: it knows the outside contract only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nowMs } from './raw-client.ts';

export const REPO = new URL('../../../', import.meta.url).pathname.replaceAll('%20', ' ');

/** What the launcher gives to Node: without the cache each thread strips the types again. */
export const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--import',
  new URL('native/type-cache.mjs', `file://${REPO.replaceAll(' ', '%20')}`).href,
];

export interface ServerOptions {
  /** Further DRIFTWAY_* variables; they win over the defaults below. */
  readonly env?: Readonly<Record<string, string>>;
  /** Keep and reuse a folder; default: a new one that `dispose` removes. */
  readonly dataDir?: string;
  readonly port?: number;
  /** What to run with this Node, relative to the repository. Default: the production entry. */
  readonly args?: readonly string[];
  /** An IPC channel for the fault fixture. */
  readonly ipc?: boolean;
  /** Wait for /ready (default true). */
  readonly wait?: boolean;
}

export interface ExitInfo {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** Resolves after `ms` of real time: the server under test has no clock to move. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Asks again every 20 ms until `probe` gives a value; rejects after `timeoutMs`. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const end = nowMs() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (nowMs() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await pause(20);
  }
}

/** Whether a thread of a process still runs: a killed one keeps its locks until the last of them has ended. */
export function pidAlive(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).some((task) => threadAlive(pid, task));
  } catch {
    return false;
  }
}

function threadAlive(pid: number, task: string): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

/** Resolves when nothing of this pid is left. */
export async function pidGone(pid: number, timeoutMs: number): Promise<void> {
  await until(`end of process ${pid}`, timeoutMs, () => (pidAlive(pid) ? undefined : true));
}

export class ServerProcess {
  readonly port: number;
  readonly dataDir: string;
  readonly child: ChildProcess;
  /** Resolves when the child has exited. */
  readonly exit: Promise<ExitInfo>;
  readonly #ownsDir: boolean;
  #output = '';
  readonly #pids = new Set<number>();

  private constructor(port: number, dataDir: string, ownsDir: boolean, child: ChildProcess) {
    this.port = port;
    this.dataDir = dataDir;
    this.#ownsDir = ownsDir;
    this.child = child;
    const keep = (chunk: Buffer): void => {
      this.#output += chunk.toString('utf8');
      const file = process.env.DRIFTWAY_TEST_SERVER_LOG;
      if (file !== undefined) appendFileSync(file, chunk);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    this.exit = new Promise((resolve) => {
      // Not 'close': a server process that outlives the heart keeps the pipes open.
      child.once('exit', (code, signal) => resolve({ code, signal }));
      child.once('error', () => resolve({ code: null, signal: null }));
    });
  }

  /** Starts and, unless told otherwise, waits until /ready answers 200. */
  static async start(options: ServerOptions = {}): Promise<ServerProcess> {
    const port = options.port ?? (await freePort());
    const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'driftway-test-'));
    const args = options.args ?? ['supervisors/main.ts', 'start'];
    const child = spawn(process.execPath, [...NODE_FLAGS, ...args], {
      cwd: REPO,
      env: serverEnv(port, dataDir, options.env ?? {}),
      stdio: options.ipc === true ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    });
    const server = new ServerProcess(port, dataDir, options.dataDir === undefined, child);
    if (options.wait === false) return server;
    try {
      await server.ready();
    } catch (cause) {
      await server.dispose();
      throw new Error(`server did not get ready:\n${server.output()}`, { cause });
    }
    return server;
  }

  /** Everything that the processes wrote so far. */
  output(): string {
    return this.#output;
  }

  /** Waits until /ready answers 200; rejects at once when the child has exited. */
  async ready(timeoutMs = 20_000): Promise<void> {
    await until('ready', timeoutMs, async () => {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`ready: the process exited with ${this.child.exitCode}`);
      }
      return (await this.isReady()) ? true : undefined;
    });
    this.#remember();
  }

  isReady(): Promise<boolean> {
    return new Promise((resolve) => {
      const asked = get(
        { host: '127.0.0.1', port: this.port, path: '/ready', agent: false, timeout: 2000 },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode === 200);
        },
      );
      asked.on('timeout', () => asked.destroy());
      asked.on('error', () => resolve(false));
    });
  }

  /** The pid in a pid file, undefined where there is none. */
  pidIn(file: 'server.pid' | 'heart.pid'): number | undefined {
    try {
      const pid = Number(readFileSync(join(this.dataDir, file), 'utf8').trim());
      if (Number.isInteger(pid) && pid > 1) this.#pids.add(pid);
      return pid;
    } catch {
      return undefined;
    }
  }

  /** The process with the sockets: the fixture without pid files is that process itself. */
  get serverPid(): number {
    const pid = this.pidIn('server.pid') ?? (this.child.connected ? this.child.pid : undefined);
    if (pid === undefined) throw new Error('server.pid is missing');
    return pid;
  }

  signal(signal: NodeJS.Signals, pid = this.serverPid): void {
    process.kill(pid, signal);
  }

  /** SIGKILL to the process with the sockets; resolves when it is gone. */
  async killServer(): Promise<void> {
    const pid = this.serverPid;
    process.kill(pid, 'SIGKILL');
    await pidGone(pid, 5000);
  }

  /** SIGTERM to the child, and its exit. */
  async stop(): Promise<ExitInfo> {
    this.child.kill('SIGTERM');
    return this.exit;
  }

  /** Ends whatever is left of this server and removes its folder. */
  async dispose(): Promise<void> {
    this.#remember();
    // The heart first, or it would start a new server.
    this.child.kill('SIGKILL');
    for (const pid of this.#pids) {
      if (pid !== process.pid && pidAlive(pid) && this.#isOurs(pid)) process.kill(pid, 'SIGKILL');
    }
    await this.exit;
    for (const pid of this.#pids) if (this.#isOurs(pid)) await pidGone(pid, 5000);
    if (this.#ownsDir) rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }

  #remember(): void {
    this.pidIn('heart.pid');
    this.pidIn('server.pid');
  }

  /** A pid may have been given to another process: ours has the data folder in its environment. */
  #isOurs(pid: number): boolean {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`=${this.dataDir}\0`);
    } catch {
      return false;
    }
  }
}

function serverEnv(
  port: number,
  dataDir: string,
  extra: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!name.startsWith('DRIFTWAY_') && !name.startsWith('VITEST')) env[name] = value;
  }
  // NODE_ENV=test comes from vitest and is none of the server's business.
  delete env.NODE_ENV;
  delete env.NODE_OPTIONS;
  return {
    ...env,
    DRIFTWAY_HOST: '127.0.0.1',
    DRIFTWAY_PORT: String(port),
    DRIFTWAY_DATA_DIR: dataDir,
    DRIFTWAY_LOG_FORMAT: 'json',
    DRIFTWAY_LOG_LEVEL: 'info',
    // Voice's default ports may be this server's own, or somebody else's.
    DRIFTWAY_VOICE_PORT: '0',
    ...extra,
  };
}
