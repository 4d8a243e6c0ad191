/**
 * Owns the way of the rows from the server: a connection, one subscription to the tree that can be changed, and new attempts when
 * the server is gone. One attempt and one live subscription at a time; events of an older one are left out. Main thread of the
 * command line.
 */
import type { Clock, TimerHandle } from '../../../runtime/index.ts';
import type { TreeOptions, VerbResult } from '../../admin/types.ts';
import type { AdminConnection, AdminHello, AdminSubscription, Connected } from '../types.ts';

/** Waits between attempts; the last one goes on for ever. */
const RETRY_MS: readonly number[] = [250, 500, 1_000, 2_000];
/** Asking again would be answered in the same way. */
const FINAL = ['unauthorized', 'token_expired', 'forbidden', 'origin_not_allowed', 'invalid'];

export interface FeedOptions {
  readonly clock: Clock;
  connect(): Promise<Connected>;
  /** A connection is open: who the server is. */
  onOpen(hello: AdminHello): void;
  onEvent(kind: string, data: unknown): void;
  /** The server is gone or refuses; attempts go on unless `isFinal`. */
  onLost(why: string, isFinal: boolean): void;
  /** The server refused the subscription: the one before it goes on, if there was one. */
  onRefused(code: string, message: string): void;
}

export class TreeFeed {
  readonly #options: FeedOptions;
  #wanted: TreeOptions;
  #admin: AdminConnection | null = null;
  #subscription: AdminSubscription | null = null;
  /** Number of the newest subscription, and of the oldest whose events still count. */
  #newest = 0;
  #oldest = 0;
  #failures = 0;
  #timer: TimerHandle | null = null;
  #isClosed = false;

  constructor(options: FeedOptions, wanted: TreeOptions) {
    this.#options = options;
    this.#wanted = wanted;
  }

  /** Starts with a connection that is there already. */
  begin(admin: AdminConnection): void {
    this.#use(admin);
  }

  /** Another part of the tree, or another pace. */
  want(options: TreeOptions): void {
    this.#wanted = options;
    if (this.#admin !== null) void this.#subscribe(this.#admin);
  }

  async call(verb: string, args: unknown): Promise<VerbResult> {
    const admin = this.#admin;
    if (admin === null) return { ok: false, code: 'not_available', message: 'no connection' };
    return admin.call(verb, args);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) this.#options.clock.clearTimeout(this.#timer);
    this.#subscription?.close();
    this.#admin?.close();
  }

  #use(admin: AdminConnection): void {
    this.#admin = admin;
    this.#subscription = null;
    this.#options.onOpen(admin.hello);
    void admin.closed.then((why) => {
      if (this.#admin === admin) this.#lose(why, false);
    });
    void this.#subscribe(admin);
  }

  async #subscribe(admin: AdminConnection): Promise<void> {
    const own = ++this.#newest;
    const before = this.#subscription;
    const result = await admin.subscribe('tree', this.#wanted, (kind, data) => {
      if (own < this.#oldest || this.#isClosed) return;
      this.#oldest = own;
      this.#failures = 0;
      this.#options.onEvent(kind, data);
    });
    if (!result.ok) {
      const isWanted = own === this.#newest && this.#admin === admin;
      if (isWanted && !this.#isClosed) this.#options.onRefused(result.code, result.message);
      return;
    }
    // Somebody wanted something else meanwhile: that subscription is the newest.
    if (own !== this.#newest || this.#admin !== admin || this.#isClosed)
      return result.value.close();
    this.#subscription = result.value;
    before?.close();
  }

  #lose(why: string, isFinal: boolean): void {
    if (this.#isClosed) return;
    this.#admin = null;
    this.#subscription = null;
    this.#oldest = ++this.#newest;
    this.#options.onLost(why, isFinal);
    if (isFinal) return;
    const wait = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)] ?? 1_000;
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = null;
      void this.#again();
    }, wait);
  }

  async #again(): Promise<void> {
    const connected = await this.#options.connect();
    if (!connected.ok) return this.#lose(connected.message, FINAL.includes(connected.code));
    if (this.#isClosed) return connected.admin.close();
    this.#use(connected.admin);
  }
}
