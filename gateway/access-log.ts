/**
 * Which requests and connections get a line in the log: all that failed on our side, and of the others so many a second that a
 * busy server does not spend itself on its log. The next line says how many were left out. Gateway threads; one budget each for
 * HTTP and for sockets.
 */
import type { Clock } from '../runtime/index.ts';
import { Close } from './protocol/index.ts';
import type { GatewayLog } from './types.ts';

/** Lines a second and thread, a guess: what somebody can still read; 100 in a burst. */
const LINES_PER_S = 20;
const LINES_BURST = 100;

export class AccessLog {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #lines = LINES_BURST;
  #filledMs: number;
  #skipped = 0;
  #skippedEver = 0;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#filledMs = clock.monotonic();
  }

  /** Lines left out since the start, for metrics. */
  get skippedCount(): number {
    return this.#skippedEver;
  }

  /** What a line has besides its own: nothing, or how many were left out before it. undefined: this one is left out. */
  take(isNotable: boolean): { readonly skipped?: number } | undefined {
    const nowMs = this.#clock.monotonic();
    const refilled = this.#lines + ((nowMs - this.#filledMs) / 1000) * LINES_PER_S;
    this.#lines = Math.min(LINES_BURST, refilled);
    this.#filledMs = nowMs;
    if (this.#lines < 1 && !isNotable) {
      this.#skipped += 1;
      this.#skippedEver += 1;
      return undefined;
    }
    this.#lines = Math.max(0, this.#lines - 1);
    const skipped = this.#skipped;
    this.#skipped = 0;
    return skipped === 0 ? {} : { skipped };
  }
}

/** One line for each connection that ends. */
export class SocketLog {
  readonly #access: AccessLog;
  readonly #log: GatewayLog;

  constructor(clock: Pick<Clock, 'monotonic'>, log: GatewayLog) {
    this.#access = new AccessLog(clock);
    this.#log = log;
  }

  ended(connection: Ended, openS: number): void {
    const { closeCode: code, no: conn, uid } = connection;
    const more = this.#access.take(code === Close.SERVER_ERROR);
    if (more === undefined) return;
    this.#log.info({ conn, code, isIdentified: uid !== 0, openS, ...more }, 'socket');
  }
}

interface Ended {
  readonly no: number;
  readonly uid: number;
  readonly closeCode: number;
}
