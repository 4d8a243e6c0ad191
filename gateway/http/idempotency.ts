/**
 * Idempotency-Key: the answer of a POST is kept for a day under (user, key), so that a repeat with the
 * same key gets it again instead of a second effect. Records are documents, so they hold over restarts
 * and between gateway threads. Never runs a request twice that may have been carried out: where the
 * outcome is not known, the repeat is told so. Never keeps an error, a token or the content of a message.
 *
 * Records lie under `<day>/<user>/<hash of the key>`: a look-up reads today and yesterday, and what is
 * older is found from the front and deleted, a page at a time, by whoever writes one.
 */
import { hash } from 'node:crypto';
import { type Doc, type DocStore, type DocWrite, pad } from '../../channels/index.ts';
import type { Clock } from '../../runtime/index.ts';
import { RATE_LIMITS, type RateTable } from '../rates/index.ts';
import { isOutage, pause } from './ask.ts';
import { type Failure, fail, unavailable } from './errors.ts';
import { limited } from './limiter.ts';

/** What was answered, as the route wants it kept. */
export interface Kept {
  readonly status: number;
  readonly body: unknown;
}

/** A request that is to run now; it ends with `keep`, `forget` or `doubt`. */
export interface Ticket {
  readonly key: string;
  readonly rev: number;
  readonly record: IdempotencyDoc;
}

export type Begun =
  | { readonly ticket: Ticket }
  | { readonly kept: Kept }
  | { readonly failure: Failure };

/** `idempotency/<day>/<uid>/<hash>`. */
interface IdempotencyDoc {
  readonly at: number;
  /** Digest of method, path, query and body. */
  readonly fingerprint: string;
  readonly kept?: Kept;
  /** It may have been carried out. Without this and `kept` it is in work, or died with its thread. */
  readonly unknown?: true;
}

export interface IdempotencyStats {
  /** Repeats that got the kept answer. */
  readonly idempotentReplays: number;
  /** Repeats that were refused: other request, still in work, outcome unknown. */
  readonly idempotencyRefusals: number;
  /** Answers that could not be kept: a repeat is told that the outcome is not known. */
  readonly idempotencyUnkept: number;
}

/** RFC draft "The Idempotency-Key HTTP Header Field": a string; quotes around it are not part of it. */
const KEY = /^[\x21-\x7e]{1,255}$/;
export const IDEMPOTENCY_HEADER = 'idempotency-key';
const KIND = 'idempotency';
const DAY_MS = 86_400_000;
/** Longer than any request works: appends 8 s, calls 5 s. */
const IN_WORK_MS = 30_000;
/** A repeat waits this long in all for the first attempt. */
const WAITS_MS = [50, 100, 200, 400, 800] as const;
const IN_WORK_RETRY_MS = 1000;
const SWEEP_PAGE = 200;
const SWEEP_EVERY_MS = 3_600_000;
const DAY_DIGITS = 6;

/** The key of a request: undefined when it has none, null when it is malformed. */
export function idempotencyKey(headers: Headers): string | undefined | null {
  const given = headers.get(IDEMPOTENCY_HEADER);
  if (given === null) return undefined;
  const key = /^"(.*)"$/.exec(given)?.[1] ?? given;
  return KEY.test(key) ? key : null;
}

/** Digest of what must be the same in a repeat; `body` as the schema gave it, so in a fixed order. */
export function fingerprintOf(request: Request, body: unknown): string {
  const { pathname, search } = new URL(request.url);
  return digest(JSON.stringify([request.method, pathname, search, body]));
}

/** The kept answers of all users, as one gateway thread uses them. */
export class IdempotencyKeys {
  readonly #docs: Pick<DocStore, 'get' | 'list' | 'write'>;
  readonly #clock: Clock;
  readonly #rates: RateTable;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #replays = 0;
  #refusals = 0;
  #unkept = 0;

  constructor(docs: Pick<DocStore, 'get' | 'list' | 'write'>, clock: Clock, rates: RateTable) {
    this.#docs = docs;
    this.#clock = clock;
    this.#rates = rates;
  }

  stats(): IdempotencyStats {
    return {
      idempotentReplays: this.#replays,
      idempotencyRefusals: this.#refusals,
      idempotencyUnkept: this.#unkept,
    };
  }

  /** Claims (uid, key) for a request, or says what its first attempt came to. Rejects when the store is away. */
  async begin(uid: number, key: string, fingerprint: string): Promise<Begun> {
    const tail = `${pad(uid)}/${digest(key)}`;
    for (const waitMs of [...WAITS_MS, undefined]) {
      const judged = await this.#judge(tail, uid, fingerprint);
      if (judged !== 'inWork') return judged;
      if (waitMs === undefined) break;
      await pause(this.#clock, waitMs);
    }
    this.#refusals++;
    return { failure: fail('idempotency_in_progress', { retryAfterMs: IN_WORK_RETRY_MS }) };
  }

  /** Keeps the answer of a success. */
  keep(ticket: Ticket, kept: Kept): Promise<void> {
    return this.#end(ticket, { ...ticket.record, kept });
  }

  /** Frees the key of a request that surely had no effect. */
  forget(ticket: Ticket): Promise<void> {
    return this.#end(ticket, null);
  }

  /** The request may have had its effect: a repeat is told so. */
  doubt(ticket: Ticket): Promise<void> {
    return this.#end(ticket, { ...ticket.record, unknown: true });
  }

  /** What cannot be written is counted: the answer goes out, and a repeat learns "outcome unknown". */
  async #end({ key, rev }: Ticket, value: IdempotencyDoc | null): Promise<void> {
    const result = await settled(this.#docs.write([{ kind: KIND, key, expect: rev, value }]));
    if (result?.ok !== true) this.#unkept++;
  }

  async #judge(tail: string, uid: number, fingerprint: string): Promise<Begun | 'inWork'> {
    const now = this.#clock.now();
    const day = Math.floor(now / DAY_MS);
    const keys = [`${dayKey(day)}/${tail}`, `${dayKey(day - 1)}/${tail}`] as const;
    const found = await this.#docs.get<IdempotencyDoc>(KIND, keys);
    const known = found.find((doc) => doc !== undefined && doc.value.at > now - DAY_MS);
    if (known !== undefined) return this.#known(known.value, fingerprint, now);
    const refused = limited(this.#rates, RATE_LIMITS.idempotencyPerUser, uid);
    if (refused !== undefined) return { failure: refused };
    const record: IdempotencyDoc = { at: now, fingerprint };
    const batch: DocWrite[] = [
      { kind: KIND, key: keys[0], expect: revOf(found[0]), value: record },
      // Somebody who looked before midnight must not have written meanwhile.
      { kind: KIND, key: keys[1], expect: revOf(found[1]), value: null },
    ];
    const result = await this.#docs.write(batch);
    if (!result.ok) {
      return result.why === 'unavailable' ? { failure: unavailable(result.retryMs) } : 'inWork';
    }
    await this.#sweep(now, day);
    return { ticket: { key: keys[0], rev: result.revs[0] ?? 0, record } };
  }

  #known(record: IdempotencyDoc, fingerprint: string, now: number): Begun | 'inWork' {
    if (record.fingerprint !== fingerprint) {
      this.#refusals++;
      return { failure: fail('idempotency_key_reused', { field: IDEMPOTENCY_HEADER }) };
    }
    if (record.kept !== undefined) {
      this.#replays++;
      return { kept: record.kept };
    }
    if (record.unknown !== true && now < record.at + IN_WORK_MS) return 'inWork';
    this.#refusals++;
    return { failure: fail('outcome_unknown') };
  }

  /** Deletes a page of what is too old; once an hour, and again at once while there is more. */
  async #sweep(now: number, day: number): Promise<void> {
    if (now < this.#sweptAt + SWEEP_EVERY_MS) return;
    this.#sweptAt = now;
    const oldest = await settled(this.#docs.list(KIND, '', undefined, SWEEP_PAGE));
    const bound = dayKey(day - 1);
    const old = (oldest ?? []).filter((doc) => doc.key < bound);
    if (old.length === 0) return;
    if (old.length === SWEEP_PAGE) this.#sweptAt = Number.NEGATIVE_INFINITY;
    const deletes = old.map(({ key }) => ({
      kind: KIND,
      key,
      expect: 'any' as const,
      value: null,
    }));
    await settled(this.#docs.write(deletes));
  }
}

/** The value, or undefined when the store could not answer. */
async function settled<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (!isOutage(error)) throw error;
    return undefined;
  }
}

function revOf(doc: Doc<unknown> | undefined): number | 'absent' {
  return doc === undefined ? 'absent' : doc.rev;
}

function dayKey(day: number): string {
  return String(day).padStart(DAY_DIGITS, '0');
}

/** 128 bits of SHA-256. */
function digest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}
