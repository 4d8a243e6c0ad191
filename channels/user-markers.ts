/**
 * Read markers of one user in memory: how far each stream was read, what of it is kept, and what is due
 * to be kept. Pure state of a user actor; `user-notices.ts` reads and writes the documents.
 *
 * A marker never goes back: it starts from what the store holds, rises only, and is written on top of
 * the revision that it was read at, so that no late write of a dead owner can undo it.
 */
import { BoundedMap } from './bounded-map.ts';
import type { Id, Ms, Seq } from './types.ts';

/** Markers kept that are written; the oldest is forgotten and read again. About 80 KB per user at most. */
const KEPT_MAX = 512;
/** Markers that wait for the store; at the bound MARK is refused until it is back. */
const OPEN_MAX = 1024;

/** `marker/<uid>/<sid>` as it is in the store: its revision, or that there is none. */
export interface StoredMarker {
  readonly seq: Seq;
  readonly rev: number | 'absent';
}

/** A marker on its way to the store. */
export interface MarkerWrite extends StoredMarker {
  readonly sid: Id;
}

interface Entry {
  readonly sid: Id;
  seq: Seq;
  /** undefined: a write had no answer, so it must be read again. */
  rev: number | 'absent' | undefined;
  storedAtMs: Ms;
  dueAtMs: Ms;
  isInFlight: boolean;
}

export class Markers {
  /** Written and not changed since. */
  readonly #kept = new BoundedMap<Id, Entry>(KEPT_MAX);
  /** To be written, or being written: never forgotten. */
  readonly #open = new Map<Id, Entry>();

  /** True when nothing waits for the store. */
  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  get isFull(): boolean {
    return this.#open.size >= OPEN_MAX;
  }

  /** The marker that holds; undefined when the store must be asked. */
  get(sid: Id): Seq | undefined {
    return this.#find(sid)?.seq;
  }

  /** Takes what the store says. What is known here may be newer. */
  learn(sid: Id, { seq, rev }: StoredMarker): void {
    const entry = this.#find(sid);
    if (entry === undefined) {
      const never = Number.NEGATIVE_INFINITY;
      const fresh = { sid, seq, rev, storedAtMs: never, dueAtMs: never, isInFlight: false };
      this.#kept.set(sid, fresh);
    } else if (entry.rev === undefined) {
      entry.rev = rev;
      entry.seq = Math.max(entry.seq, seq);
    }
  }

  /**
   * Moves a known marker forward; due to be kept `spacingMs` after it was kept last. False when it stands
   * there already.
   */
  raise(sid: Id, seq: Seq, nowMs: Ms, spacingMs: Ms): boolean {
    const entry = this.#find(sid);
    if (entry === undefined || seq <= entry.seq) return false;
    entry.seq = seq;
    const dueAtMs = Math.max(nowMs, entry.storedAtMs + spacingMs);
    if (this.#open.has(sid)) {
      entry.dueAtMs = Math.min(entry.dueAtMs, dueAtMs);
    } else {
      entry.dueAtMs = dueAtMs;
      this.#open.set(sid, entry);
    }
    return true;
  }

  /** When the next write is due; undefined when nothing waits for its time. */
  get nextDueMs(): Ms | undefined {
    let next: Ms | undefined;
    for (const { dueAtMs, isInFlight } of this.#open.values()) {
      if (!isInFlight && (next === undefined || dueAtMs < next)) next = dueAtMs;
    }
    return next;
  }

  /** Markers that are due, whose revision must be read before they can be written. */
  unsure(nowMs: Ms, isAll: boolean): readonly Id[] {
    const open = [...this.#open.values()];
    const due = open.filter((entry) => isAll || entry.dueAtMs <= nowMs);
    return due.filter((entry) => entry.rev === undefined).map((entry) => entry.sid);
  }

  /** Takes what is due (or all there is) to be written now, `max` at most. */
  take(nowMs: Ms, isAll: boolean, max: number): readonly MarkerWrite[] {
    const writes: MarkerWrite[] = [];
    for (const entry of this.#open.values()) {
      if (writes.length >= max) break;
      const { sid, seq, rev, dueAtMs, isInFlight } = entry;
      if (isInFlight || rev === undefined || (!isAll && dueAtMs > nowMs)) continue;
      entry.isInFlight = true;
      entry.storedAtMs = nowMs;
      entry.dueAtMs = Number.POSITIVE_INFINITY;
      writes.push({ sid, seq, rev });
    }
    return writes;
  }

  /** The store holds these now. What has moved on meanwhile is due `spacingMs` after the write. */
  written(writes: readonly MarkerWrite[], revs: readonly number[], spacingMs: Ms): void {
    for (const [i, { sid, seq }] of writes.entries()) {
      const entry = this.#open.get(sid);
      if (entry === undefined) continue;
      entry.isInFlight = false;
      entry.rev = revs[i];
      if (entry.seq > seq) {
        entry.dueAtMs = Math.min(entry.dueAtMs, entry.storedAtMs + spacingMs);
      } else {
        this.#open.delete(sid);
        this.#kept.set(sid, entry);
      }
    }
  }

  /** Nothing (or nobody knows what) was written: again at `atMs`, after a look at the store. */
  failed(writes: readonly MarkerWrite[], atMs: Ms): void {
    for (const { sid } of writes) {
      const entry = this.#open.get(sid);
      if (entry === undefined) continue;
      entry.isInFlight = false;
      entry.rev = undefined;
      entry.dueAtMs = atMs;
    }
  }

  #find(sid: Id): Entry | undefined {
    return this.#open.get(sid) ?? this.#kept.get(sid);
  }
}
