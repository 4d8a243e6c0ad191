/**
 * Logins that were ended while access tokens of theirs may still be alive. One table per gateway
 * thread, fed by FanOutP.loginRevoked and, at the start, by Accounts.revokedLogins. Owns the table;
 * never forgets a revocation early.
 *
 * Bound: `max` logins. At the bound the table is emptied and every token issued before that moment
 * counts as expired instead (counter `overflows`): honest clients fetch a new token, ended logins
 * cannot, so nothing that was revoked works again.
 */
import type { Clock } from '../../runtime/index.ts';

export interface RevokedLoginsOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Most logins kept; default 100,000 (about 10 MB at worst). */
  readonly max?: number;
}

export class RevokedLogins {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #max: number;
  /** login -> until. In order of arrival, which is nearly the order of `until`. */
  readonly #until = new Map<string, number>();
  #issuedAfterMs = 0;
  #overflows = 0;

  constructor(options: RevokedLoginsOptions) {
    this.#clock = options.clock;
    this.#max = options.max ?? 100_000;
    if (!(this.#max >= 1)) throw new RangeError(`revoked logins: max is ${this.#max}, wanted >= 1`);
  }

  /** Tokens of `login` are void until `untilMs` (the longest life of a token issued before now). */
  add(login: string, untilMs: number): void {
    const nowMs = this.#clock.now();
    this.#sweep(nowMs);
    if (untilMs <= nowMs) return;
    const before = this.#until.get(login) ?? 0;
    this.#until.delete(login);
    if (this.#until.size >= this.#max) {
      this.#until.clear();
      this.#issuedAfterMs = nowMs;
      this.#overflows++;
    }
    this.#until.set(login, Math.max(before, untilMs));
  }

  isRevoked(login: string): boolean {
    const untilMs = this.#until.get(login);
    return untilMs !== undefined && untilMs > this.#clock.now();
  }

  /** False for a token that must be fetched anew since the table overflowed after it was issued. */
  isFresh(issuedAtMs: number): boolean {
    return issuedAtMs >= this.#issuedAfterMs;
  }

  get size(): number {
    return this.#until.size;
  }

  get overflows(): number {
    return this.#overflows;
  }

  /** Drops what has run out, oldest first, until one is found that has not. */
  #sweep(nowMs: number): void {
    for (const [login, untilMs] of this.#until) {
      if (untilMs > nowMs) return;
      this.#until.delete(login);
    }
  }
}
