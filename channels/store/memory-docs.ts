/**
 * DocStore in memory. Values are kept as JSON text, so that nothing is shared with the caller.
 * Runs on the caller's thread; every call is carried out before it returns its promise.
 */
import type { Doc, DocResult, DocStore, DocWrite } from '../types.ts';
import { checkKeys, checkLimit, checkText, encodeBatch } from './check.ts';
import type { DocChange } from './types.ts';

interface StoredDoc {
  readonly rev: number;
  readonly json: string;
  readonly unique: readonly string[];
}

interface Kind {
  readonly docs: Map<string, StoredDoc>;
  /** Unique value to the key of the document that holds it. */
  readonly holders: Map<string, string>;
}

export class MemoryDocs implements DocStore {
  #kinds = new Map<string, Kind>();
  /** Throws when the store is closed. */
  readonly #guard: () => void;

  constructor(guard: () => void) {
    this.#guard = guard;
  }

  async get<T>(kind: string, keys: readonly string[]): Promise<readonly (Doc<T> | undefined)[]> {
    this.#guard();
    checkKeys(keys);
    const docs = this.#kinds.get(kind)?.docs;
    return keys.map((key) => {
      const doc = docs?.get(key);
      return doc && docOf<T>(key, doc);
    });
  }

  async find<T>(kind: string, unique: string): Promise<Doc<T> | undefined> {
    this.#guard();
    checkText('doc unique', unique);
    const key = this.#kinds.get(kind)?.holders.get(unique);
    const doc = key === undefined ? undefined : this.#kinds.get(kind)?.docs.get(key);
    return key === undefined || doc === undefined ? undefined : docOf<T>(key, doc);
  }

  async list<T>(
    kind: string,
    prefix: string,
    afterKey: string | undefined,
    limit: number,
  ): Promise<readonly Doc<T>[]> {
    this.#guard();
    checkText('doc prefix', prefix);
    checkLimit('limit', limit);
    return [...(this.#kinds.get(kind)?.docs ?? [])]
      .filter(([key]) => key.startsWith(prefix))
      .filter(([key]) => afterKey === undefined || bytewise(key, afterKey) > 0)
      .sort(([a], [b]) => bytewise(a, b))
      .slice(0, limit)
      .map(([key, doc]) => docOf<T>(key, doc));
  }

  async write(batch: readonly DocWrite[]): Promise<DocResult> {
    this.#guard();
    const changes = encodeBatch(batch);
    // All or nothing: the kinds concerned are copied, and the copies thrown away when a write is refused.
    const kinds = new Map(this.#kinds);
    for (const name of new Set(changes.map((change) => change.kind))) {
      const kind = kinds.get(name);
      kinds.set(name, { docs: new Map(kind?.docs), holders: new Map(kind?.holders) });
    }
    const revs: number[] = [];
    for (const [index, change] of changes.entries()) {
      const result = apply(kinds.get(change.kind)!, change);
      if (typeof result !== 'number') {
        return { ok: false, index, ...result };
      }
      revs.push(result);
    }
    this.#kinds = kinds;
    return { ok: true, revs };
  }
}

type Refusal = { readonly why: 'rev' } | { readonly why: 'unique'; readonly value: string };

function apply(kind: Kind, { key, expect, json, unique }: DocChange): number | Refusal {
  const present = kind.docs.get(key);
  if (expect !== 'any' && (present?.rev ?? 'absent') !== expect) {
    return { why: 'rev' };
  }
  const held = json === null ? [] : [...new Set(unique ?? present?.unique ?? [])];
  for (const value of present?.unique ?? []) {
    kind.holders.delete(value);
  }
  const taken = held.find((value) => kind.holders.has(value));
  if (taken !== undefined) {
    return { why: 'unique', value: taken };
  }
  for (const value of held) {
    kind.holders.set(value, key);
  }
  if (json === null) {
    kind.docs.delete(key);
    return 0;
  }
  const rev = (present?.rev ?? 0) + 1;
  kind.docs.set(key, { rev, json, unique: held });
  return rev;
}

function docOf<T>(key: string, doc: StoredDoc): Doc<T> {
  return { key, rev: doc.rev, value: JSON.parse(doc.json) as T };
}

/** Order of the UTF-8 bytes, which differs from that of JavaScript strings beyond U+FFFF. */
function bytewise(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
