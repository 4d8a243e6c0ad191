/**
 * The tables of one registry: who is registered under which key. Read and written directly on its thread,
 * past any mailbox; the entries of an owner go inside its death, before any signal leaves, so no reader ever
 * sees a ref that is dead. The registry's actor only stands for the life of the table.
 */
import { type Cell, type Holding, hold, unhold } from '../core/cell.ts';
import { threadOf } from '../core/ref.ts';
import { castTo, type Place, removePlace, setPlace } from '../core/send.ts';
import { linkCell, unlinkCell } from '../core/signals.ts';
import { lookup, rt } from '../core/thread.ts';
import { DriftwayError, type FailReason } from '../errors.ts';
import type { AnyRef, Dest, Key, Name } from '../types.ts';
import { homeIndex } from './home.ts';
import { Locks } from './locks.ts';
import type { RegistryChange, RegistryListenerP, RegistryOptions } from './types.ts';

/** Result of a registration, refs untyped. */
export type Registered =
  | { readonly ok: true }
  | { readonly ok: false; readonly why: 'alreadyRegistered'; readonly ref: AnyRef };

/** An entry; only update() changes it. */
export class Entry {
  readonly key: Key;
  readonly ref: AnyRef;
  value: unknown;

  constructor(key: Key, ref: AnyRef, value: unknown) {
    this.key = key;
    this.ref = ref;
    this.value = value;
  }
}

/** Via of a registry's names on its thread; no type of entity begins with it. */
export const REGISTRY = '@';

const NONE = 0 as AnyRef;
const tables = new Map<string, Table>();

/** The running registry `name` of this thread. DriftwayError DRIFT_RUNTIME_REGISTRY when there is none. */
export function tableOf(name: string): Table {
  const table = tables.get(name);
  if (table === undefined) {
    throw new DriftwayError('DRIFT_RUNTIME_REGISTRY', `registry: unknown registry: got ${name}`);
  }
  return table;
}

/** The table that an actor takes a name from. TypeError for a registry with duplicate keys. */
export function tableAt(name: Name<unknown>): Table {
  const table = tableOf(name.of.slice(REGISTRY.length));
  table.mustBeUnique('a name');
  return table;
}

/** True while a registry of that name runs on this thread. */
export function hasTable(name: string): boolean {
  return tables.has(name);
}

/** FNV-1a over UTF-16 units for strings; numbers as the homes of entities. */
function partitionOf(key: Key, partitions: number): number {
  if (partitions === 1) return 0;
  if (typeof key === 'number') return homeIndex(Math.abs(Math.trunc(key)), partitions);
  let h = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193);
  return (h >>> 0) % partitions;
}

export class Table implements Place, Holding {
  readonly name: string;
  readonly unique: boolean;
  readonly meta: Map<string, unknown>;
  readonly locks = new Locks();
  readonly listeners: Set<Dest<RegistryListenerP>>;
  readonly #byOwner: boolean;
  readonly #partitions: Map<Key, Set<Entry>>[];
  readonly #owners = new Map<AnyRef, Set<Entry>>();
  readonly #self: Cell;
  #count = 0;

  constructor(self: Cell, options: RegistryOptions) {
    const { name, keys, partitions = 1, partitionBy } = options;
    this.name = name;
    this.unique = keys === 'unique';
    this.meta = new Map(Object.entries(options.meta ?? {}));
    this.listeners = new Set(options.listeners);
    this.#byOwner = (partitionBy ?? (this.unique ? 'key' : 'owner')) === 'owner';
    this.#partitions = Array.from({ length: partitions }, () => new Map());
    this.#self = self;
    tables.set(name, this);
    setPlace(REGISTRY + name, this);
    hold(self, this);
  }

  get count(): number {
    return this.#count;
  }
  get partitions(): number {
    return this.#partitions.length;
  }

  mustBeUnique(what: string): void {
    if (this.unique) return;
    throw new TypeError(`registry ${this.name}: ${what}: not with duplicate keys`);
  }

  // -------------------------------------------------------------- as a destination

  cell(key: Key): Cell | FailReason {
    const ref = this.ref(key);
    return (ref === undefined ? undefined : lookup(ref)) ?? 'noproc';
  }

  /** The owner of a key; the first one with duplicate keys. */
  ref(key: Key): AnyRef | undefined {
    // Once per message to a name, so past the generator of entries().
    if (!this.#byOwner) return firstOf(this.#partition(key, NONE).get(key));
    return firstOf(this.partitionsOf(key)[0]);
  }

  // -------------------------------------------------------------- reading

  /** Entries of a key, of each partition in the order of their registration. */
  *entries(key: Key): Generator<Entry> {
    for (const part of this.partitionsOf(key)) yield* part;
  }

  /** The entries of a key by partition; partitions without any are left out. */
  partitionsOf(key: Key): Set<Entry>[] {
    const found: Set<Entry>[] = [];
    const parts = this.#byOwner ? this.#partitions : [this.#partition(key, NONE)];
    for (const part of parts) {
      const entries = part.get(key);
      if (entries !== undefined) found.push(entries);
    }
    return found;
  }

  *all(): Generator<Entry> {
    for (const part of this.#partitions) for (const entries of part.values()) yield* entries;
  }

  ofOwner(owner: AnyRef): Iterable<Entry> {
    return this.#owners.get(owner) ?? [];
  }

  // -------------------------------------------------------------- writing

  register(owner: Cell, key: Key, value: unknown): Registered {
    const part = this.#partition(key, owner.ref);
    const present = part.get(key);
    const taken = this.unique ? firstOf(present) : undefined;
    if (taken !== undefined) return { ok: false, why: 'alreadyRegistered', ref: taken };
    const entry = new Entry(key, owner.ref, value);
    if (present === undefined) part.set(key, new Set([entry]));
    else present.add(entry);
    const owned = this.#owners.get(owner.ref);
    if (owned === undefined) this.#adopt(owner, entry);
    else owned.add(entry);
    this.#count++;
    const registry = this.name;
    this.#tell({ kind: 'register', registry, key, ref: owner.ref, value });
    return { ok: true };
  }

  /** Ends the entries of an owner that `which` picks; its last one takes the link with it. */
  unregister(owner: AnyRef, which: (entry: Entry) => boolean): void {
    const owned = this.#owners.get(owner);
    if (owned === undefined) return;
    for (const entry of [...owned]) {
      if (!which(entry)) continue;
      owned.delete(entry);
      this.#remove(entry);
    }
    if (owned.size > 0) return;
    this.#owners.delete(owner);
    const cell = lookup(owner);
    if (cell !== undefined) this.#release(cell);
  }

  /** An owner ends, or the registry itself. */
  ownerEnded(ended: Cell): void {
    if (ended === this.#self) {
      this.#close();
      return;
    }
    const owned = this.#owners.get(ended.ref) ?? [];
    this.#owners.delete(ended.ref);
    unlinkCell(ended, this.#self.ref);
    for (const entry of owned) this.#remove(entry);
  }

  #partition(key: Key, owner: AnyRef): Map<Key, Set<Entry>> {
    const { length } = this.#partitions;
    const at = this.#byOwner ? owner % length : partitionOf(key, length);
    return this.#partitions[at] as Map<Key, Set<Entry>>;
  }

  // As in Elixir: the link makes an owner end with a registry that crashes, since its entries are gone.
  #adopt(owner: Cell, entry: Entry): void {
    this.#owners.set(owner.ref, new Set([entry]));
    hold(owner, this);
    linkCell(owner, this.#self.ref);
  }

  #release(owner: Cell): void {
    unhold(owner, this);
    unlinkCell(owner, this.#self.ref);
  }

  #remove(entry: Entry): void {
    const { key, ref } = entry;
    const part = this.#partition(key, ref);
    const entries = part.get(key);
    entries?.delete(entry);
    if (entries?.size === 0) part.delete(key);
    this.#count--;
    this.#tell({ kind: 'unregister', registry: this.name, key, ref });
  }

  #close(): void {
    tables.delete(this.name);
    removePlace(REGISTRY + this.name, this);
    for (const ref of this.#owners.keys()) {
      const cell = lookup(ref);
      if (cell !== undefined) unhold(cell, this);
    }
    this.#owners.clear();
    this.locks.close();
  }

  #tell(change: RegistryChange): void {
    for (const listener of this.listeners) {
      if (typeof listener === 'number' && isDead(listener)) this.listeners.delete(listener);
      else castTo(listener, 'registryChange', change);
    }
  }
}

function firstOf(entries: Set<Entry> | undefined): AnyRef | undefined {
  if (entries !== undefined) for (const { ref } of entries) return ref;
  return undefined;
}

function isDead(ref: AnyRef): boolean {
  return threadOf(ref) === rt.thread && lookup(ref) === undefined;
}
