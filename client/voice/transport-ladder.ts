/**
 * The lower rungs of the reconnection ladder, for one transport: 2 s disconnected or failed, then ICE is restarted, twice at most
 * and for 8 s at most; after that the session makes new transports. Pure but for the injected clock. The browser heals short
 * interruptions and new addresses by itself, hence the first wait.
 */
import type { Clock } from '../clock.ts';
import type { TransportState } from './types.ts';

/** What the ladder does. */
export interface LadderHost {
  readonly clock: Clock;
  /** Asks the server for new ICE parameters and applies them. False: not now (the socket is away). */
  restartIce(): Promise<boolean>;
  /** The transport is beyond repair. Called once. */
  giveUp(): void;
}

const WAIT_MS = 2_000;
/** An attempt that has not connected within this counts as failed. */
const ATTEMPT_MS = 3_000;
const ATTEMPTS_MAX = 2;
const REPAIR_MAX_MS = 8_000;
const NO_SOCKET_RETRY_MS = 250;

/** One transport's ladder. */
export class TransportLadder {
  readonly #host: LadderHost;
  #timer: unknown = null;
  #brokenAt: number | null = null;
  #attempts = 0;
  #isRestarting = false;
  #isOver = false;

  constructor(host: LadderHost) {
    this.#host = host;
  }

  /** Feed it every change of the transport's state. */
  state(state: TransportState): void {
    if (this.#isOver) return;
    if (state === 'connected') this.#healed();
    else if (state === 'disconnected') this.#broken(WAIT_MS);
    else if (state === 'failed') this.#broken(0);
    else if (state === 'closed') this.close();
  }

  close(): void {
    this.#isOver = true;
    this.#host.clock.clearTimeout(this.#timer);
  }

  #healed(): void {
    this.#brokenAt = null;
    this.#attempts = 0;
    this.#host.clock.clearTimeout(this.#timer);
  }

  #broken(waitMs: number): void {
    this.#brokenAt ??= this.#host.clock.now();
    if (!this.#isRestarting) this.#attemptIn(waitMs);
  }

  #attemptIn(delayMs: number): void {
    const { clock } = this.#host;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => void this.#attempt(), delayMs);
  }

  async #attempt(): Promise<void> {
    const { clock } = this.#host;
    if (this.#isOver || this.#isRestarting || this.#brokenAt === null) return;
    const isLate = clock.now() - this.#brokenAt >= REPAIR_MAX_MS;
    if (this.#attempts >= ATTEMPTS_MAX || isLate) {
      this.close();
      this.#host.giveUp();
      return;
    }
    this.#isRestarting = true;
    const isSent = await this.#host.restartIce().catch(() => false);
    this.#isRestarting = false;
    if (this.#isOver || this.#brokenAt === null) return;
    if (isSent) this.#attempts += 1;
    this.#attemptIn(isSent ? ATTEMPT_MS : NO_SOCKET_RETRY_MS);
  }
}
