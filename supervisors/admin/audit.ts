/**
 * Owns the audit log of operators' acts: entries chained by hashes. An entry is on the disk, in a file of its own
 * (audit-spill.ts), before its act begins, and goes from there to the store, which keeps the log. So a store that hangs can still
 * be restarted, and that is recorded too. Main thread.
 */
import type { DocStore, DocWrite } from '../../channels/index.ts';
import type { Clock } from '../../runtime/index.ts';
import type { Logger } from '../log.ts';
import { auditArgs, type ChainedEntry, chain, cut, NO_HASH } from './audit-chain.ts';
import type { AuditSpill } from './audit-spill.ts';
import type { AdminCounters } from './counters.ts';
import { ADMIN_LIMITS } from './limits.ts';
import type { AdminAuditEntry, VerbResult } from './types.ts';

/** Kinds of the documents: the entries under `entryKey`, and the end of the chain. */
const ENTRY = 'adminAudit';
const HEAD = 'adminAuditHead';
const HEAD_KEY = 'head';
const KEY_DIGITS = 16;

/** Entries written to the store at once. */
const BATCH = 50;

interface Head {
  readonly n: number;
  readonly hash: string;
}

export interface AuditOptions {
  readonly docs: DocStore;
  readonly spill: AuditSpill;
  readonly counters: AdminCounters;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Who does what with which arguments. */
export interface AuditedAct {
  readonly who: string;
  readonly verb: string;
  readonly args: unknown;
}

export class AuditLog {
  readonly #options: AuditOptions;
  readonly #listeners = new Set<(entry: ChainedEntry) => void>();
  /** In the file and not in the store, ascending. */
  #unstored: ChainedEntry[] = [];
  /** End of the chain; null: the log is empty. */
  #last: Head | null = null;
  #opened: Promise<void> | undefined;
  #isStoring = false;

  constructor(options: AuditOptions) {
    this.#options = options;
  }

  /** Runs an act between its two records. Without the first one the act does not happen. */
  async around(act: AuditedAct, run: () => Promise<VerbResult>): Promise<VerbResult> {
    if (!(await this.record(act, 'began', ''))) {
      return { ok: false, code: 'not_available', message: 'the audit log cannot be written' };
    }
    const result = await run();
    const outcome = result.ok ? 'ok' : `${result.code}: ${result.message}`;
    await this.record(act, result.ok ? 'done' : 'failed', outcome);
    return result;
  }

  /** Writes one entry; when it resolves with true the entry is on the disk. False: it is not, the log says why. */
  async record(
    act: AuditedAct,
    phase: AdminAuditEntry['phase'],
    outcome: string,
  ): Promise<boolean> {
    const { clock, counters, log, spill } = this.#options;
    this.#opened ??= this.#open();
    await this.#opened;
    try {
      if (this.#unstored.length >= ADMIN_LIMITS.auditWaiting) {
        throw new RangeError(`the store has not taken the last ${this.#unstored.length} entries`);
      }
      const { args, verb, who } = act;
      const facts = { who: cut(who), verb, args: auditArgs(args), phase, outcome: cut(outcome) };
      const n = (this.#last?.n ?? 0) + 1;
      const entry = chain(this.#last?.hash ?? NO_HASH, { n, at: clock.now(), ...facts });
      spill.add(entry);
      this.#last = entry;
      this.#unstored.push(entry);
      counters.auditRecords += 1;
      for (const listener of this.#listeners) listener(entry);
      void this.#store();
      return true;
    } catch (error) {
      counters.auditFailed += 1;
      log.error({ err: error, verb: act.verb }, 'an admin act could not be recorded');
      return false;
    }
  }

  /** Hears of each new entry; the result ends it. */
  listen(listener: (entry: ChainedEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Entries with a number above `after`, ascending. Rejects when the store does not answer. */
  async list(after: number, limit: number): Promise<readonly ChainedEntry[]> {
    const { docs } = this.#options;
    this.#opened ??= this.#open();
    await this.#opened;
    const afterKey = after > 0 ? entryKey(after) : undefined;
    // Taken before the read: what moves to the store meanwhile is in one of the two.
    const waiting = [...this.#unstored];
    const stored = await docs.list<ChainedEntry>(ENTRY, '', afterKey, limit);
    const entries = stored.map(({ value }) => value);
    const last = Math.max(after, entries.at(-1)?.n ?? 0);
    return [...entries, ...waiting.filter(({ n }) => n > last)].slice(0, limit);
  }

  /** Number of the newest entry; 0 without one. */
  async newest(): Promise<number> {
    this.#opened ??= this.#open();
    await this.#opened;
    return this.#last?.n ?? 0;
  }

  /** The end of the chain: the store's, or the file's where that is ahead or the store does not answer. */
  async #open(): Promise<void> {
    const { log, spill } = this.#options;
    const kept = spill.read();
    const head = await this.#storedHead();
    if (head === undefined)
      log.warn('the audit log goes on from its file: the store does not answer');
    const stored = head?.n ?? 0;
    this.#unstored = kept.filter(({ n }) => n > stored);
    this.#last = this.#unstored.at(-1) ?? head ?? null;
    if (head === undefined) this.#last = kept.at(-1) ?? null;
    void this.#store();
  }

  /** null: the log is empty; undefined: nobody answers. */
  async #storedHead(): Promise<Head | null | undefined> {
    const { clock, docs } = this.#options;
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = clock.setTimeout(() => resolve(undefined), ADMIN_LIMITS.auditWaitMs);
    try {
      const found = await Promise.race([docs.get<Head>(HEAD, [HEAD_KEY]), late]);
      return found === undefined ? undefined : (found[0]?.value ?? null);
    } catch {
      return undefined; // as good as no answer; the next attempt follows
    } finally {
      clock.clearTimeout(timer);
    }
  }

  /** Moves what waits to the store, and tries again later when that fails. One at a time. */
  async #store(): Promise<void> {
    if (this.#isStoring || this.#unstored.length === 0) return;
    this.#isStoring = true;
    const isDone = await this.#storeAll();
    this.#isStoring = false;
    if (isDone) return;
    this.#options.counters.auditSpilled += 1;
    this.#options.clock.setTimeout(() => void this.#store(), ADMIN_LIMITS.auditWaitMs);
  }

  async #storeAll(): Promise<boolean> {
    const { docs, log, spill } = this.#options;
    try {
      while (this.#unstored.length > 0) {
        const head = await this.#storedHead();
        if (head === undefined) return false;
        this.#fitBehind(head);
        const batch = this.#unstored.slice(0, BATCH);
        const written = await docs.write(writesOf(batch));
        if (!written.ok) return false;
        this.#unstored = this.#unstored.slice(batch.length);
      }
      if (this.#last !== null && 'verb' in this.#last) spill.keepOnly(this.#last as ChainedEntry);
      return true;
    } catch (error) {
      log.warn({ err: error }, 'audit entries wait for the store');
      return false;
    }
  }

  /**
   * The file was lost or the store was restored while it did not answer at our start: what waits is chained anew behind what
   * the store has. Entries that the store has already (a write whose answer was lost) are let go.
   */
  #fitBehind(head: Head | null): void {
    const known = head?.n ?? 0;
    this.#unstored = this.#unstored.filter(({ hash, n }) => n !== known || hash !== head?.hash);
    const [first] = this.#unstored;
    if (first === undefined || (first.n === known + 1 && first.prev === (head?.hash ?? NO_HASH))) {
      return;
    }
    let last: Head | null = head;
    this.#unstored = this.#unstored.map(({ hash: _hash, prev: _prev, ...entry }) => {
      const moved = chain(last?.hash ?? NO_HASH, { ...entry, n: (last?.n ?? 0) + 1 });
      last = moved;
      return moved;
    });
    this.#last = last;
    this.#options.log.warn({ n: first.n, behind: known }, 'audit entries were numbered anew');
  }
}

/** Atomic: the entries, the end of the chain, and the removal of what is too old. */
function writesOf(batch: readonly ChainedEntry[]): DocWrite[] {
  const last = batch.at(-1);
  const head = last === undefined ? null : { n: last.n, hash: last.hash };
  return [
    ...batch.map((entry) => write(ENTRY, entryKey(entry.n), entry)),
    ...batch
      .filter(({ n }) => n > ADMIN_LIMITS.auditKept)
      .map(({ n }) => write(ENTRY, entryKey(n - ADMIN_LIMITS.auditKept), null)),
    write(HEAD, HEAD_KEY, head),
  ];
}

function write(kind: string, key: string, value: unknown): DocWrite {
  return { kind, key, expect: 'any', value };
}

/** Digits, so that keys order as numbers do. channels/ has the same; it is not loaded for this. */
function entryKey(n: number): string {
  return String(n).padStart(KEY_DIGITS, '0');
}
