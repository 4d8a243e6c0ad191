/**
 * The queue of messages that are not acknowledged yet: bounded, one under way per stream (so their order
 * holds over repeats), nonces kept over restarts, and the age beyond which a nonce must not be repeated
 * (protocol.md 2.8). Pure state: no timers, no socket, no storage; sender.ts moves it.
 */

import type { WireValue } from '../gateway/protocol/index.ts';
import { Err, isNonce, isU53, Limits } from '../gateway/protocol/index.ts';
import { repairDelayMs } from './backoff.ts';

/** One intention of the user. */
export interface OutboxEntry {
  readonly nonce: string;
  readonly sid: number;
  readonly kind: number;
  readonly body: readonly WireValue[];
  /** ms since 1970, this machine's clock. */
  readonly createdAt: number;
  /** First attempt whose outcome is not known, ms since 1970; null when nothing can have been committed. */
  readonly unknownSince: number | null;
  /**
   * waiting: to be sent; sending: under way; stale: too old to repeat, HISTORY must tell;
   * undecided: HISTORY does not show it, the user must say.
   */
  readonly state: 'waiting' | 'sending' | 'stale' | 'undecided';
}

interface Entry extends OutboxEntry {
  unknownSince: number | null;
  state: OutboxEntry['state'];
  notBefore: number;
  attempts: number;
  /** The attempt under way is the first whose outcome may stay unknown. */
  isFirstUnknown: boolean;
}

/** What an ERR means for an entry. */
export type ErrMeaning = 'retry' | 'unknown' | 'final';

const RETRY: ReadonlySet<number> = new Set([
  Err.INFLIGHT_LIMIT,
  Err.RATE,
  Err.SLOW_MODE,
  Err.UNAVAILABLE,
  Err.DRAINING,
]);

/**
 * What an ERR code means for a message: `retry` not committed, may be sent again; `unknown` may have
 * been committed; `final` never will be.
 * @param code ERR code
 */
export function meaningOf(code: number): ErrMeaning {
  if (code === Err.OUTCOME_UNKNOWN) return 'unknown';
  return RETRY.has(code) ? 'retry' : 'final';
}

/** Unacknowledged messages in the order written. */
export class Outbox {
  readonly #entries = new Map<string, Entry>();
  readonly #entriesMax: number;

  /** @param entriesMax bound of the queue */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  /** Number of entries. */
  get size(): number {
    return this.#entries.size;
  }

  /** All entries, oldest first. */
  list(): OutboxEntry[] {
    return [...this.#entries.values()];
  }

  /** One entry. */
  get(nonce: string): OutboxEntry | undefined {
    return this.#entries.get(nonce);
  }

  /**
   * Adds a message.
   * @returns false when the queue is full (nothing is changed)
   */
  add(message: Pick<OutboxEntry, 'nonce' | 'sid' | 'kind' | 'body' | 'createdAt'>): boolean {
    if (this.#entries.size >= this.#entriesMax) return false;
    this.#entries.set(message.nonce, entry(message, null, 'waiting'));
    return true;
  }

  /** Takes an entry away. */
  remove(nonce: string): boolean {
    return this.#entries.delete(nonce);
  }

  /**
   * What is to be done now: per stream the oldest entry, when its time has come. Entries whose nonce has
   * become too old turn stale here.
   * @param now ms since 1970
   * @returns entries in state waiting (send them) or stale (look them up)
   */
  due(now: number): OutboxEntry[] {
    const seen = new Set<number>();
    const out: Entry[] = [];
    for (const one of this.#entries.values()) {
      if (one.state === 'undecided' || seen.has(one.sid)) continue;
      seen.add(one.sid);
      if (one.state === 'sending' || one.notBefore > now) continue;
      const { unknownSince } = one;
      if (unknownSince !== null && now - unknownSince > Limits.nonceRetryMs) one.state = 'stale';
      out.push(one);
    }
    return out;
  }

  /** When the next entry is due, ms since 1970; null when none waits for a time. */
  nextDueAt(now: number): number | null {
    const seen = new Set<number>();
    let next: number | null = null;
    for (const one of this.#entries.values()) {
      if (one.state === 'undecided' || seen.has(one.sid)) continue;
      seen.add(one.sid);
      if (one.state === 'sending' || one.notBefore <= now) continue;
      next = Math.min(next ?? one.notBefore, one.notBefore);
    }
    return next;
  }

  /** The entry goes out now. */
  sending(nonce: string, now: number): void {
    const one = this.#entries.get(nonce);
    if (one === undefined) return;
    one.state = 'sending';
    one.attempts += 1;
    one.isFirstUnknown = one.unknownSince === null;
    one.unknownSince ??= now;
  }

  /** The connection ended, or ERR 501: the outcome is not known, the same nonce may be sent again. */
  unknown(nonce: string, now: number, retryMs: number): void {
    this.#wait(nonce, now + retryMs);
  }

  /** An ERR that means "not committed, later". */
  refused(nonce: string, now: number, retryMs: number | null): void {
    const one = this.#entries.get(nonce);
    if (one === undefined) return;
    if (one.isFirstUnknown) one.unknownSince = null;
    this.#wait(nonce, now + (retryMs ?? repairDelayMs(one.attempts - 1)));
  }

  /** It was not sent after all (no connection). */
  unsent(nonce: string, now: number): void {
    const one = this.#entries.get(nonce);
    if (one?.isFirstUnknown) one.unknownSince = null;
    this.#wait(nonce, now);
  }

  /** The look-up in HISTORY failed or is to be repeated. */
  lookUpLater(nonce: string, now: number, retryMs: number): void {
    this.#wait(nonce, now + retryMs);
  }

  /** HISTORY does not show it. */
  undecided(nonce: string): void {
    const one = this.#entries.get(nonce);
    if (one !== undefined) one.state = 'undecided';
  }

  #wait(nonce: string, notBefore: number): void {
    const one = this.#entries.get(nonce);
    if (one === undefined) return;
    one.state = 'waiting';
    one.notBefore = notBefore;
    one.isFirstUnknown = false;
  }

  /** Text to keep over a restart. */
  save(): string {
    const list = this.list().map(({ nonce, sid, kind, body, createdAt, unknownSince, state }) => ({
      nonce,
      sid,
      kind,
      body,
      createdAt,
      unknownSince,
      isUndecided: state === 'undecided',
    }));
    return JSON.stringify(list);
  }

  /**
   * Takes back what save() gave, before anything that was added since. What does not read is left out.
   * @returns number of entries taken
   */
  load(text: string): number {
    const added = [...this.#entries.values()];
    this.#entries.clear();
    for (const one of readList(text).slice(0, this.#entriesMax)) this.#entries.set(one.nonce, one);
    const count = this.#entries.size;
    for (const one of added) this.#entries.set(one.nonce, one);
    return count;
  }
}

function entry(
  message: Pick<OutboxEntry, 'nonce' | 'sid' | 'kind' | 'body' | 'createdAt'>,
  unknownSince: number | null,
  state: OutboxEntry['state'],
): Entry {
  const { nonce, sid, kind, body, createdAt } = message;
  return {
    nonce,
    sid,
    kind,
    body,
    createdAt,
    unknownSince,
    state,
    notBefore: 0,
    attempts: 0,
    isFirstUnknown: false,
  };
}

function readList(text: string): Entry[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown) => readEntry(item) ?? []);
}

function readEntry(item: unknown): Entry | null {
  if (typeof item !== 'object' || item === null) return null;
  const { nonce, sid, kind, body, createdAt, unknownSince, isUndecided } = item as Record<
    string,
    unknown
  >;
  if (!isNonce(nonce) || !isU53(sid) || !isU53(kind) || !isU53(createdAt)) return null;
  if (!Array.isArray(body)) return null;
  const message = { nonce, sid, kind, body: body as WireValue[], createdAt };
  const state = isUndecided === true ? 'undecided' : 'waiting';
  return entry(message, isU53(unknownSince) ? unknownSince : null, state);
}
