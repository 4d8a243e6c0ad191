/**
 * When to reconnect (protocol.md 2.14): full jitter, `herd_ms` after a server-side end, minimum waits
 * of some close codes. Pure state, no timers; the caller gives the time.
 */

/** How a connection ended. */
export interface ConnectionEnd {
  /** Close code; 1006 when no close frame was seen. */
  readonly code: number;
  /** Lost through silence, or dropped for a network change noticed here. */
  readonly isLocal: boolean;
  /** When it had been identified, ms since 1970; null when it never was. */
  readonly onlineAt: number | null;
  /** Now, ms since 1970. */
  readonly now: number;
}

/** A connection this old was stable: the attempts count from 0 again. */
export const STABLE_MS = 60_000;
const DELAY_MAX_MS = 60_000;
const DELAY_BASE_MS = 1_000;
const OVERLOADED_MIN_MS = 10_000;
const ABUSE_MIN_MS = 30_000;
/** Kept free at the end of a herd's window, so that who draws its last moment has connected when it is over; a quarter at most. */
const CONNECT_MS = 500;
const HERD_CODES: ReadonlySet<number> = new Set([1006, 4000, 4001, 4002]);

/** Counts attempts and draws delays. */
export class Backoff {
  readonly #random: () => number;
  #attempt = 0;

  /** @param random uniform in [0, 1) */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Attempts since the last stable connection. */
  get attempt(): number {
    return this.#attempt;
  }

  /**
   * Delay before the next attempt.
   * @param end how the connection (or the attempt) ended
   * @param herdMs `herd_ms` of the last HELLO
   * @returns milliseconds
   */
  next(end: ConnectionEnd, herdMs: number): number {
    const wasStable = end.onlineAt !== null && end.now - end.onlineAt > STABLE_MS;
    if (wasStable) this.#attempt = 0;
    const plainMs = Math.min(DELAY_MAX_MS, DELAY_BASE_MS * 2 ** this.#attempt);
    this.#attempt = Math.min(this.#attempt + 1, 30);
    if (end.code === 4006) return OVERLOADED_MIN_MS + this.#draw(plainMs);
    if (end.code === 4008) return ABUSE_MIN_MS + this.#draw(plainMs);
    const isHerd = wasStable && !end.isLocal && HERD_CODES.has(end.code);
    return this.#draw(isHerd ? herdDelayMs(herdMs) : plainMs);
  }

  /**
   * Delay inside a window, as RECONNECT asks for.
   * @param minMs start
   * @param maxMs end
   * @returns milliseconds
   */
  within(minMs: number, maxMs: number): number {
    return minMs + this.#draw(Math.max(0, maxMs - minMs));
  }

  #draw(maxMs: number): number {
    return this.#random() * maxMs;
  }
}

/**
 * Longest wait of one of a herd: `max(1 s, herd_ms)` less what it takes to connect, so that all are back inside the window.
 * @param herdMs `herd_ms` of the last HELLO
 * @returns milliseconds
 */
export function herdDelayMs(herdMs: number): number {
  const windowMs = Math.max(DELAY_BASE_MS, herdMs);
  return windowMs - Math.min(CONNECT_MS, windowMs / 4);
}

/**
 * Wait before repair attempt n of a stream, or before a repeat of a request: 1, 2, 4 ... 30 s.
 * @param attempt 0 = first repeat
 * @returns milliseconds
 */
export function repairDelayMs(attempt: number): number {
  return Math.min(30_000, 1_000 * 2 ** Math.min(attempt, 10));
}
