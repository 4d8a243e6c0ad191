/**
 * Sends what the outbox holds: saves before it sends, repeats with the same nonce, looks a message up in
 * HISTORY when its nonce is too old to repeat, and tells the application how each one ended.
 * Owned by client.ts.
 */

import type { AppendResult, Frame, StreamEvent, WireValue } from '../gateway/protocol/index.ts';
import {
  appendFrame,
  historyFrame,
  Limits,
  parseAppendResult,
  parseHistoryResult,
} from '../gateway/protocol/index.ts';
import { repairDelayMs } from './backoff.ts';
import { type Clock, createNonce, type Rng } from './clock.ts';
import type { Reply } from './connection.ts';
import { ClientError } from './errors.ts';
import { meaningOf, Outbox, type OutboxEntry } from './outbox.ts';
import type { ClientStorage } from './storage.ts';

/** A message on its way. */
export interface Outgoing {
  readonly nonce: string;
  /** Resolves when it is durable; rejects with ClientError. May be left alone. */
  readonly done: Promise<AppendResult>;
}

/** What the sender needs of the client, and tells it. */
export interface SenderHost {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly storage: ClientStorage;
  readonly storageKey: string;
  request(build: (rid: number) => Frame): Promise<Reply>;
  /** Own user id, null before the first IDENTIFY. */
  uid(): number | null;
  /** Server clock minus own clock, milliseconds. */
  skewMs(): number;
  sent(sent: { readonly entry: OutboxEntry; readonly result: AppendResult }): void;
  failed(failed: { readonly entry: OutboxEntry; readonly error: ClientError }): void;
  /** The storage could not keep the outbox; sending goes on. */
  warning(error: unknown): void;
}

interface Waiter {
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: ClientError) => void;
}

/** Pages of 200 events that a look-up reads at most. */
const LOOKUP_PAGES_MAX = 10;
/** Clocks of client and server may differ by this after correction. */
const LOOKUP_MARGIN_MS = 60_000;

/** The sending side of a client. */
export class Sender {
  readonly #host: SenderHost;
  readonly #outbox: Outbox;
  readonly #waiters = new Map<string, Waiter>();
  #isOnline = false;
  #isLoaded = false;
  #timer: unknown = null;
  #generation = 0;
  #saving: Promise<void> = Promise.resolve();
  #savesQueued = 0;

  constructor(host: SenderHost, entriesMax: number) {
    this.#host = host;
    this.#outbox = new Outbox(entriesMax);
  }

  /** Unacknowledged messages, oldest first. */
  list(): OutboxEntry[] {
    return this.#outbox.list();
  }

  /** Reads what an earlier run left. */
  async load(): Promise<void> {
    const text = await this.#host.storage.get(this.#host.storageKey);
    if (text !== null) this.#outbox.load(text);
    this.#isLoaded = true;
    this.#pump();
  }

  /**
   * Queues a message.
   * @throws ClientError DRIFT_CLIENT_OUTBOX_FULL
   */
  send(sid: number, kind: number, body: readonly WireValue[]): Outgoing {
    const nonce = createNonce(this.#host.rng);
    const createdAt = this.#host.clock.now();
    if (!this.#outbox.add({ nonce, sid, kind, body, createdAt })) {
      throw new ClientError(
        'DRIFT_CLIENT_OUTBOX_FULL',
        `Send a message: ${this.#outbox.size} unsent messages are waiting`,
      );
    }
    const done = new Promise<AppendResult>((resolve, reject) => {
      this.#waiters.set(nonce, { resolve, reject });
    });
    // Whoever ignores `done` hears of a failure by the `failed` event.
    done.catch(() => undefined);
    void this.#save();
    this.#pump();
    return { nonce, done };
  }

  /** Takes back a message that is not under way. */
  cancel(nonce: string): boolean {
    const entry = this.#outbox.get(nonce);
    if (entry === undefined || entry.state === 'sending') return false;
    const error = new ClientError('DRIFT_CLIENT_CANCELLED', 'Send a message: taken back');
    this.#fail(entry, error);
    return true;
  }

  online(): void {
    this.#generation += 1;
    this.#isOnline = true;
    this.#pump();
  }

  offline(): void {
    this.#generation += 1;
    this.#isOnline = false;
    this.#host.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Ends sending; unsent messages stay in the storage. Resolves when they are there. */
  async close(): Promise<void> {
    this.offline();
    const error = new ClientError('DRIFT_CLIENT_STOPPED', 'Send a message: the client was closed');
    for (const waiter of this.#waiters.values()) waiter.reject(error);
    this.#waiters.clear();
    await this.#save();
  }

  #pump(): void {
    if (!this.#isOnline || !this.#isLoaded) return;
    const now = this.#host.clock.now();
    for (const entry of this.#outbox.due(now)) {
      if (entry.state === 'stale') void this.#lookUp(entry);
      else void this.#sendNow(entry);
    }
    this.#host.clock.clearTimeout(this.#timer);
    this.#timer = null;
    const nextAt = this.#outbox.nextDueAt(now);
    if (nextAt !== null) {
      this.#timer = this.#host.clock.setTimeout(() => this.#pump(), Math.max(0, nextAt - now));
    }
  }

  async #sendNow(entry: OutboxEntry): Promise<void> {
    const { nonce, sid, kind, body } = entry;
    const { clock } = this.#host;
    this.#outbox.sending(nonce, clock.now());
    // The nonce must outlive us before the server can know it.
    await this.#save();
    if (!this.#isOnline) {
      this.#outbox.unsent(nonce, clock.now());
      return;
    }
    const reply = await this.#host.request((rid) => appendFrame(rid, sid, nonce, kind, body));
    const result = reply.ok ? parseAppendResult(reply.result) : null;
    const now = clock.now();
    if (reply.ok) {
      if (result === null) this.#outbox.unknown(nonce, now, repairDelayMs(0));
      else this.#succeed(entry, result);
    } else if (reply.isLost) {
      this.#outbox.unknown(nonce, now, 0);
    } else {
      this.#onErr(entry, reply.code, reply.name, reply.retryMs);
    }
    void this.#save();
    this.#pump();
  }

  #onErr(entry: OutboxEntry, code: number, name: string, retryMs: number | null): void {
    const now = this.#host.clock.now();
    const meaning = meaningOf(code);
    if (meaning === 'retry') this.#outbox.refused(entry.nonce, now, retryMs);
    else if (meaning === 'unknown') this.#outbox.unknown(entry.nonce, now, retryMs ?? 1_000);
    else {
      const message = `Send a message: the server answered ${code} ${name}`;
      this.#fail(entry, new ClientError('DRIFT_CLIENT_REFUSED', message, { err: code }));
    }
  }

  #succeed(entry: OutboxEntry, result: AppendResult): void {
    this.#outbox.remove(entry.nonce);
    const waiter = this.#waiters.get(entry.nonce);
    this.#waiters.delete(entry.nonce);
    waiter?.resolve(result);
    this.#host.sent({ entry, result });
  }

  #fail(entry: OutboxEntry, error: ClientError): void {
    this.#outbox.remove(entry.nonce);
    void this.#save();
    this.#reject(entry, error);
    this.#pump();
  }

  #reject(entry: OutboxEntry, error: ClientError): void {
    const waiter = this.#waiters.get(entry.nonce);
    this.#waiters.delete(entry.nonce);
    waiter?.reject(error);
    this.#host.failed({ entry, error });
  }

  // ------------------------------------------------------------- too old to repeat

  async #lookUp(entry: OutboxEntry): Promise<void> {
    const generation = this.#generation;
    this.#outbox.sending(entry.nonce, this.#host.clock.now());
    const found = await this.#find(entry);
    if (found === 'unavailable') {
      const isStill = generation === this.#generation;
      this.#outbox.lookUpLater(entry.nonce, this.#host.clock.now(), isStill ? 5_000 : 0);
      this.#pump();
      return;
    }
    if (found !== null) {
      const { epoch, seq, ts } = found;
      this.#succeed(entry, { epoch, seq, ts, duplicate: true });
    } else {
      this.#outbox.undecided(entry.nonce);
      const message = 'Send a message: it may not have arrived, and is too old to be repeated';
      this.#reject(entry, new ClientError('DRIFT_CLIENT_OUTCOME_UNKNOWN', message));
    }
    void this.#save();
    this.#pump();
  }

  /** The event of this entry in HISTORY, from the head back to the first attempt. */
  async #find(entry: OutboxEntry): Promise<StreamEvent | null | 'unavailable'> {
    const since = (entry.unknownSince ?? entry.createdAt) + this.#host.skewMs() - LOOKUP_MARGIN_MS;
    let anchor = 0;
    for (let page = 0; page < LOOKUP_PAGES_MAX; page += 1) {
      const { sid } = entry;
      const build = (rid: number): Frame =>
        historyFrame(rid, sid, anchor, Limits.historyEventsMax, 0);
      const reply = await this.#host.request(build);
      // No right to read it: nobody but the user can tell.
      if (!reply.ok && !reply.isLost && meaningOf(reply.code) === 'final') return null;
      const history = reply.ok ? parseHistoryResult(reply.result) : null;
      if (history === null) return 'unavailable';
      const match = history.events.find((event) => this.#matches(event, entry, since));
      if (match !== undefined) return match;
      const oldest = history.events[0];
      if (oldest === undefined || oldest.ts < since || oldest.seq <= history.first) return null;
      anchor = oldest.seq - 1;
    }
    return null;
  }

  #matches(event: StreamEvent, entry: OutboxEntry, since: number): boolean {
    if (event.actor !== this.#host.uid() || event.kind !== entry.kind) return false;
    return event.ts >= since && JSON.stringify(event.body) === JSON.stringify(entry.body);
  }

  // ------------------------------------------------------------- storage

  /** Writes the outbox as it is when its turn comes; at most one write waits. */
  #save(): Promise<void> {
    if (this.#savesQueued > 0) return this.#saving;
    this.#savesQueued += 1;
    this.#saving = this.#saving.then(async () => {
      this.#savesQueued -= 1;
      try {
        await this.#host.storage.set(this.#host.storageKey, this.#outbox.save());
      } catch (error) {
        this.#host.warning(error);
      }
    });
    return this.#saving;
  }
}
