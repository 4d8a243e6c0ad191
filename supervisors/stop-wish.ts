/**
 * Owns what counts as a wish to stop, for the heart and for the server alike: SIGTERM and SIGINT, a word from the parent over IPC,
 * and the parent's death. Main thread of either process. Decides only when; the owner decides how.
 *
 * Messages from the parent: `{ type: 'stop' | 'kill' | 'reload' }` (native/setup/run.mjs sends the same).
 */
import type { Clock } from '../runtime/index.ts';

/**
 * A second signal within this time is the same Ctrl-C seen twice (terminal and npm both deliver it; npm's copy was
 * measured to come 2 to 20 ms later). People need more.
 */
const ECHO_MS = 300;

/** Why a stop is wished for. */
export type StopReason = 'SIGTERM' | 'SIGINT' | 'parent asked' | 'parent died';

/** What the owner does about it. Each of the first two is called at most once. */
export interface StopWishOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** A wish to stop: drain and exit 0. */
  onStop(reason: StopReason): void;
  /** A second wish: exit at once with this code. */
  onSecond(exitCode: number): void;
  /** SIGHUP: reread what can be reread. */
  onReload(): void;
}

const EXIT_CODES = { SIGTERM: 143, SIGINT: 130 } as const;

/** Listens for wishes to stop until the returned function is called. */
export function listenForStop(options: StopWishOptions): () => void {
  let askedAtMs: number | null = null;
  let signalled = false;
  let ended = false;

  const ask = (reason: StopReason) => {
    if (askedAtMs !== null) return;
    askedAtMs = options.clock.monotonic();
    options.onStop(reason);
  };
  const end = (exitCode: number) => {
    if (ended) return;
    ended = true;
    options.onSecond(exitCode);
  };
  const onSignal = (signal: 'SIGTERM' | 'SIGINT') => {
    const now = options.clock.monotonic();
    if (signalled && askedAtMs !== null && now - askedAtMs > ECHO_MS) end(EXIT_CODES[signal]);
    signalled = true;
    ask(signal);
  };
  const onMessage = (message: unknown) => {
    const type = (message as { type?: unknown } | null)?.type;
    if (type === 'stop') ask('parent asked');
    else if (type === 'kill') end(EXIT_CODES.SIGTERM);
    else if (type === 'reload') options.onReload();
  };
  const onHangUp = () => options.onReload();
  const onDisconnect = () => ask('parent died');

  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('SIGHUP', onHangUp);
  if (process.send !== undefined) {
    process.on('message', onMessage);
    process.on('disconnect', onDisconnect);
    // The parent may have died before anybody listened.
    if (!process.connected) setImmediate(onDisconnect);
  }
  return () => {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
    process.off('SIGHUP', onHangUp);
    process.off('message', onMessage);
    process.off('disconnect', onDisconnect);
  };
}
