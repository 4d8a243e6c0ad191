/**
 * The lower rungs of the reconnection ladder, for one transport: disconnected for a moment, failed, or checks that nobody answers, then
 * ICE is restarted, twice at most and for 8 s at most; after that the session makes new transports. Pure but for the injected clock.
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

/** Connectivity checks on the way in use, since it is in use. */
export interface Checks {
  readonly sent: number;
  readonly answered: number;
}

/** Browsers say `disconnected` only seconds after the last packet: nothing is won by waiting longer, and a restart costs nothing. */
const WAIT_MS = 250;
/** Chromium checks a way that is silent 20 times a second, and calls it disconnected after 5 s of that. */
const UNANSWERED_MAX = 8;
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
  /** As the browser sees it. */
  #isConnected = false;
  #checks: Checks = { sent: 0, answered: 0 };
  #isOver = false;

  constructor(host: LadderHost) {
    this.#host = host;
  }

  /** Feed it every change of the transport's state. */
  state(state: TransportState): void {
    if (this.#isOver) return;
    if (state === 'connected' || state === 'disconnected' || state === 'failed') {
      this.#isConnected = state === 'connected';
    }
    if (state === 'connected') this.#healed();
    else if (state === 'disconnected') this.#broken(WAIT_MS);
    else if (state === 'failed') this.#broken(0);
    else if (state === 'closed') this.close();
  }

  /** Feed it these now and then: they tell that a way is dead long before the state does, and that it lives again. */
  checks(checks: Checks): void {
    const { sent, answered } = this.#checks;
    if (this.#isOver || !this.#isConnected) return;
    // Another way counts from its own beginning.
    if (checks.answered !== answered || checks.sent < sent) {
      this.#checks = checks;
      if (checks.answered > 0 && this.#brokenAt !== null) this.#healed();
    } else if (checks.sent - sent >= UNANSWERED_MAX && this.#brokenAt === null) this.#broken(0);
  }

  /** The network may be another one now: ICE is restarted once, and media goes on meanwhile. */
  async networkChanged(): Promise<void> {
    // What is broken is being repaired.
    if (this.#isOver || this.#isRestarting || this.#brokenAt !== null) return;
    this.#isRestarting = true;
    const isSent = await this.#host.restartIce().catch(() => true);
    this.#isRestarting = false;
    if (this.#isOver) return;
    if (this.#brokenAt !== null) this.#attemptIn(isSent ? ATTEMPT_MS : NO_SOCKET_RETRY_MS);
    else if (!isSent)
      this.#timer = this.#host.clock.setTimeout(
        () => void this.networkChanged(),
        NO_SOCKET_RETRY_MS,
      );
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
