/**
 * Owns the server's side of its parent: what it tells the heart and what it hears from it. Main thread of the server. Works
 * without a heart too (HEART=off): signals mean the same then.
 */
import type { Clock } from '../runtime/index.ts';
import { listenForStop, type StopReason } from './stop-wish.ts';

/** What the server does about its parent's words. */
export interface HeartLinkOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** STOP_TIMEOUT_MS, told to the heart, which kills a server that is far beyond it. */
  readonly stopTimeoutMs: number;
  /** Drain and exit 0; called once. The heart's death is a reason too. */
  onStop(reason: StopReason): void;
  /** SIGHUP here or at the heart: reread certificates and keys. */
  onReload(): void;
  /** Second signal; default `process.exit(exitCode)`. */
  onSecond?(exitCode: number): void;
}

/** The connection to the heart. */
export interface HeartLink {
  /** The heart's process id; null without one. */
  readonly heartPid: number | null;
  /** Says that the server is ready to serve: restarts after a crash are quick from 10 s later on. */
  ready(): void;
  /** Stops listening to signals and to the heart. */
  close(): void;
}

/** Connects to the parent process, if there is an IPC channel, and listens for signals. `underHeart` false: the parent is no heart. */
export function connectHeart(underHeart: boolean, options: HeartLinkOptions): HeartLink {
  const close = listenForStop({
    clock: options.clock,
    onStop: (reason) => options.onStop(reason),
    onReload: () => options.onReload(),
    onSecond: (exitCode) => (options.onSecond ?? process.exit)(exitCode),
  });
  const tell = (message: object) => {
    // A parent that is gone is noticed by its disconnect.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  tell({ type: 'hello', stopTimeoutMs: options.stopTimeoutMs });
  return {
    heartPid: underHeart && process.send !== undefined ? process.ppid : null,
    ready: () => tell({ type: 'ready' }),
    close,
  };
}
