/**
 * Owns the life of the server process: starts it, starts it again when it dies, and lets it go when somebody wishes to
 * stop (api.md, starting and stopping). Runs in the heart process, which does nothing else: it must stay tiny and must never
 * import the configuration, the logger or any part of the server.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock, TimerHandle } from '../runtime/index.ts';
import { EXIT } from './errors.ts';
import { listenForStop, type StopReason } from './stop-wish.ts';

/** Delay before each start after a death: at once, 1, 2, 4 ... 30 s; the last one repeats. */
const DELAYS_MS = [0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000];
/** A server that was ready for this long starts the delays anew. */
const READY_RESET_MS = 10_000;
/** Until the server says its own limit: the default of STOP_TIMEOUT_MS. */
const STOP_TIMEOUT_MS = 10_000;
/** The server ends by itself within its limit; one that hangs is killed this much later. */
const KILL_GRACE_MS = 2_000;

/** What the heart tells about, for its log. */
export type HeartEvent =
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'died'; readonly how: string; readonly restartInMs: number }
  | { readonly kind: 'stopping'; readonly reason: StopReason }
  | { readonly kind: 'killed'; readonly afterMs: number }
  | { readonly kind: 'gaveUp'; readonly how: string };

/** How to run the server; the times are for tests. */
export interface HeartOptions {
  readonly command: { readonly file: string; readonly args: readonly string[] };
  readonly clock: Pick<Clock, 'monotonic' | 'setTimeout' | 'clearTimeout'>;
  report(event: HeartEvent): void;
  readonly delaysMs?: readonly number[];
  readonly readyResetMs?: number;
  readonly killGraceMs?: number;
}

/**
 * Runs the server until a wish to stop is fulfilled or it cannot be started; resolves with the exit code for this process.
 * 0: stopped as asked. 2: bad configuration. 1: the first start failed, or the server had to be killed. 130, 143: second signal.
 */
export function runHeart(options: HeartOptions): Promise<number> {
  return new Promise((resolve) => {
    new Heart(options, resolve).begin();
  });
}

class Heart {
  readonly #options: HeartOptions;
  readonly #resolve: (exitCode: number) => void;
  readonly #delaysMs: readonly number[];
  #unlisten: () => void = () => undefined;
  #server: ChildProcess | null = null;
  #timer: TimerHandle | null = null;
  #stopTimeoutMs = STOP_TIMEOUT_MS;
  #everReady = false;
  #readySinceMs: number | null = null;
  #deaths = 0;
  #stopping = false;
  #killed = false;
  #done = false;

  constructor(options: HeartOptions, resolve: (exitCode: number) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#delaysMs = options.delaysMs ?? DELAYS_MS;
  }

  begin(): void {
    this.#unlisten = listenForStop({
      clock: this.#options.clock,
      onStop: (reason) => this.#stop(reason),
      onSecond: (exitCode) => {
        this.#server?.kill('SIGKILL');
        this.#finish(exitCode);
      },
      onReload: () => this.#tell('reload'),
    });
    this.#start();
  }

  #start(): void {
    const { file, args } = this.#options.command;
    const server = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#server = server;
    this.#readySinceMs = null;
    let ended = false;
    const onEnd = (code: number | null, how: string) => {
      if (ended) return;
      ended = true;
      this.#server = null;
      this.#onEnd(code, how);
    };
    server.on('message', (message) => this.#onMessage(message));
    server.once('error', (error) => {
      if (server.pid === undefined) onEnd(null, `could not be started: ${error.message}`);
    });
    server.once('exit', (code, signal) => {
      // SIGTERM or SIGINT before the server listens for them is still a wish to stop it.
      let asked = signal === 'SIGTERM' || signal === 'SIGINT';
      // Killed from outside in the moment of our own wish: it is gone, which is what was wished for.
      if (this.#stopping && !this.#killed && signal === 'SIGKILL') asked = true;
      const end = () => onEnd(asked ? 0 : code, signal === null ? `exit code ${code}` : signal);
      // What the server said last (that it was ready) may still be on its way.
      if (server.connected) server.once('disconnect', end);
      else end();
    });
    if (server.pid !== undefined) this.#options.report({ kind: 'started', pid: server.pid });
  }

  #onMessage(message: unknown): void {
    const { type, stopTimeoutMs } = (message ?? {}) as { type?: unknown; stopTimeoutMs?: unknown };
    if (type === 'hello' && typeof stopTimeoutMs === 'number') this.#stopTimeoutMs = stopTimeoutMs;
    if (type === 'ready' && this.#readySinceMs === null) {
      this.#everReady = true;
      this.#readySinceMs = this.#options.clock.monotonic();
    }
  }

  #onEnd(code: number | null, how: string): void {
    if (this.#stopping) {
      this.#finish(this.#killed ? EXIT.failed : (code ?? EXIT.failed));
      return;
    }
    const hopeless = code === EXIT.misuse || (code === EXIT.failed && !this.#everReady);
    if (code === EXIT.done || hopeless) {
      if (hopeless) this.#options.report({ kind: 'gaveUp', how });
      this.#finish(code);
      return;
    }
    const { clock, readyResetMs = READY_RESET_MS } = this.#options;
    const readySince = this.#readySinceMs;
    if (readySince !== null && clock.monotonic() - readySince >= readyResetMs) this.#deaths = 0;
    const restartInMs = this.#delaysMs[Math.min(this.#deaths, this.#delaysMs.length - 1)] ?? 0;
    this.#deaths++;
    this.#options.report({ kind: 'died', how, restartInMs });
    this.#timer = clock.setTimeout(() => this.#start(), restartInMs);
  }

  #stop(reason: StopReason): void {
    this.#stopping = true;
    this.#options.report({ kind: 'stopping', reason });
    if (this.#timer !== null) this.#options.clock.clearTimeout(this.#timer);
    if (this.#server === null) {
      this.#finish(EXIT.done);
      return;
    }
    this.#tell('stop');
    const afterMs = this.#stopTimeoutMs + (this.#options.killGraceMs ?? KILL_GRACE_MS);
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#options.report({ kind: 'killed', afterMs });
      this.#killed = true;
      this.#server?.kill('SIGKILL');
    }, afterMs);
  }

  #tell(type: 'stop' | 'reload'): void {
    const server = this.#server;
    // A server that is going down has closed its channel: its exit is what comes next.
    if (server?.connected) server.send({ type }, () => undefined);
  }

  #finish(exitCode: number): void {
    if (this.#done) return;
    this.#done = true;
    if (this.#timer !== null) this.#options.clock.clearTimeout(this.#timer);
    this.#unlisten();
    this.#resolve(exitCode);
  }
}
