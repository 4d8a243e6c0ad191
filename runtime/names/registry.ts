/**
 * Registries of this thread: starting one, and the handle through which it is used. What a handle does acts
 * on the table at once, past any mailbox. Owners must be actors of the registry's thread; its names reach
 * them from every thread.
 */
import { erase } from '../core/api.ts';
import type { Cell } from '../core/cell.ts';
import { threadOf } from '../core/ref.ts';
import { spawnAny } from '../core/spawn.ts';
import { lookup, rt } from '../core/thread.ts';
import { child } from '../supervision/child-spec.ts';
import type { ChildOptions, ChildSpec } from '../supervision/types.ts';
import { allDone, task } from '../tasks/task.ts';
import type { AnyRef, Behaviour, Dest, Key, Name, Ref } from '../types.ts';
import { type Entry, hasTable, REGISTRY, Table, tableOf } from './table.ts';
import type { RegisterResult, RegistryEntry, RegistryListenerP, RegistryOptions } from './types.ts';

const NONE = 0 as AnyRef;

/** The actor of a registry understands nothing: it is there to be linked, monitored and stopped. */
export type RegistryP = Record<never, never>;

/** What dispatch hands to its function: the entries of the key in one partition. */
export type DispatchFn<P, V> = (entries: readonly RegistryEntry<P, V>[]) => void;

/** A registry by its name. P: what the registered actors understand; V: the value of an entry. */
export class Registry<P, V = undefined> {
  readonly #name: string;

  constructor(registryName: string) {
    this.#name = registryName;
  }

  /** Name of the registry. */
  get id(): string {
    return this.#name;
  }

  /** How many partitions it has. */
  get partitions(): number {
    return tableOf(this.#name).partitions;
  }

  /**
   * Registers an actor of this thread under a key, with a value. It is linked to the registry as long as it
   * has an entry, so it ends with a registry that crashes. Unique: 'alreadyRegistered' when the key has an
   * owner, the same one included. TypeError for an actor of another thread. O(1).
   */
  register(owner: Ref<P>, key: Key, value: V): RegisterResult<P> {
    const cell = ownerCell(owner);
    if (cell === undefined) return { ok: false, why: 'noproc' };
    return tableOf(this.#name).register(cell, key, value) as RegisterResult<P>;
  }

  /** Ends all entries of the owner for that key, and only these. O(keys of the owner). */
  unregister(owner: Ref<P>, key: Key): void {
    tableOf(this.#name).unregister(owner, (entry) => entry.key === key);
  }

  /** Ends the owner's entries for that key whose value fits. */
  unregisterMatch(owner: Ref<P>, key: Key, fits: (value: V) => boolean): void {
    const which = (entry: Entry): boolean => entry.key === key && fits(entry.value as V);
    tableOf(this.#name).unregister(owner, which);
  }

  /** The entries of a key; none of a dead owner. */
  lookup(key: Key): readonly RegistryEntry<P, V>[] {
    return [...tableOf(this.#name).entries(key)].map(publicEntry<P, V>);
  }

  /** The owner of a key; TypeError with duplicate keys. */
  whereis(key: Key): Ref<P> | undefined {
    const table = tableOf(this.#name);
    table.mustBeUnique('whereis');
    return table.ref(key) as Ref<P> | undefined;
  }

  /** Keys of an owner in the order of registration, one for each entry. */
  keys(owner: Ref<P>): readonly Key[] {
    return [...tableOf(this.#name).ofOwner(owner)].map((entry) => entry.key);
  }

  /** Values of an owner's entries for a key. */
  values(key: Key, owner: Ref<P>): readonly V[] {
    const own = [...tableOf(this.#name).ofOwner(owner)].filter((entry) => entry.key === key);
    return own.map((entry) => entry.value as V);
  }

  /**
   * Changes the value of the owner's entry. undefined when the key is not the owner's (`change` is not called
   * then). If `change` throws, the value stays. TypeError with duplicate keys.
   */
  update(
    owner: Ref<P>,
    key: Key,
    change: (value: V) => V,
  ): { readonly value: V; readonly old: V } | undefined {
    const table = tableOf(this.#name);
    table.mustBeUnique('update');
    for (const entry of table.entries(key)) {
      if (entry.ref !== owner) return undefined;
      const old = entry.value as V;
      const value = change(old);
      entry.value = value;
      return { value, old };
    }
    return undefined;
  }

  /**
   * Calls `fn` with the entries of a key, once for each partition that has some; never without entries. Serial:
   * at once, in the caller; a throw reaches the caller. Parallel: each partition in a task of its own; all run
   * to their end, a throw is reported as the task's crash, then the promise rejects with ActorError.
   */
  dispatch(key: Key, fn: DispatchFn<P, V>): void;
  dispatch(
    key: Key,
    fn: (entries: readonly RegistryEntry<P, V>[]) => void | Promise<void>,
    options: { readonly parallel: true },
  ): Promise<void>;
  dispatch(
    key: Key,
    fn: (entries: readonly RegistryEntry<P, V>[]) => void | Promise<void>,
    options?: { readonly parallel: true },
  ): void | Promise<void> {
    const parts = tableOf(this.#name)
      .partitionsOf(key)
      .map((entries) => [...entries].map(publicEntry<P, V>));
    if (options === undefined) for (const entries of parts) void fn(entries);
    else return allDone(parts.map((entries) => task(() => fn(entries), { link: false })));
  }

  /** The entries of a key whose value fits. */
  match(key: Key, fits: (value: V) => boolean): readonly RegistryEntry<P, V>[] {
    return this.lookup(key).filter(({ value }) => fits(value));
  }

  /** How many entries of a key have a value that fits. */
  countMatch(key: Key, fits: (value: V) => boolean): number {
    return this.match(key, fits).length;
  }

  /** What `pick` makes of each entry, without undefined. O(entries). */
  select<T>(pick: (entry: RegistryEntry<P, V>) => T | undefined): readonly T[] {
    const all = [...tableOf(this.#name).all()].map((entry) => pick(publicEntry<P, V>(entry)));
    return all.filter((each) => each !== undefined);
  }

  /** How many entries fit. O(entries). */
  countSelect(fits: (entry: RegistryEntry<P, V>) => boolean): number {
    return this.select((entry) => (fits(entry) ? true : undefined)).length;
  }

  /** Entries in all. O(1). */
  count(): number {
    return tableOf(this.#name).count;
  }

  /**
   * Runs `fn` in the caller while the owner alone has the lock `key`; resolves to its result. Others wait in
   * order. Given back when `fn` is done or throws, and when the owner ends. Keys of locks are apart from those
   * of entries. Rejects with ActorError 'noproc' when the owner or the registry ends while it waits. Taking a
   * lock twice waits for ever.
   */
  async lock<T>(owner: AnyRef, key: Key, fn: () => T | Promise<T>): Promise<T> {
    const cell = ownerCell(owner);
    const { locks } = tableOf(this.#name);
    if (cell === undefined) throw new TypeError(`registry ${this.#name}: lock: the owner is dead`);
    return await locks.run(cell, key, fn);
  }

  /** What putMeta keeps with the registry under a key; undefined when there is nothing. */
  meta(key: string): unknown {
    return tableOf(this.#name).meta.get(key);
  }
  putMeta(key: string, value: unknown): void {
    tableOf(this.#name).meta.set(key, value);
  }
  deleteMeta(key: string): void {
    tableOf(this.#name).meta.delete(key);
  }

  /**
   * Tells `listener` of each registration and each end of one from now on, by cast, in order; an end by death
   * is told before any down notice of it. Returns what ends that; so does the death of a listening ref.
   */
  onChange(listener: Dest<RegistryListenerP>): () => void {
    const { listeners } = tableOf(this.#name);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /**
   * The owner of a key as a destination, from any thread: resolved when the message arrives there, once more if
   * there is nobody. spawn({ name }) takes the key before init runs, with `value`. TypeError with duplicate keys.
   */
  name(key: Key, value?: V): Name<P> {
    tableOf(this.#name).mustBeUnique('a name');
    const given = value === undefined ? {} : { value };
    return { via: 'registry', of: REGISTRY + this.#name, key, slot: rt.slot, ...given };
  }
}

/** The registry of that name on this thread, running or not; using one that is not throws DRIFT_RUNTIME_REGISTRY. */
export function registry<P, V = undefined>(registryName: string): Registry<P, V> {
  return new Registry(registryName);
}

/** The owner of a key in a unique registry of the thread of `slot`, as a destination. Plain data. */
export function registryAt<P>(slot: string, registryName: string, key: Key): Name<P> {
  return { via: 'registry', of: REGISTRY + registryName, key, slot };
}

function publicEntry<P, V>(entry: Entry): RegistryEntry<P, V> {
  return { key: entry.key, ref: entry.ref as Ref<P>, value: entry.value as V };
}

function ownerCell(owner: AnyRef): Cell | undefined {
  if (threadOf(owner) !== rt.thread) {
    throw new TypeError(`registry: owner: got an actor of another thread, want one of ${rt.slot}`);
  }
  return lookup(owner);
}

function checkOptions(options: RegistryOptions): void {
  const { name, keys, partitions = 1, partitionBy } = options;
  const at = `registry ${name}`;
  if (name === '') throw new TypeError('registry: name: got an empty string');
  if (keys !== 'unique' && keys !== 'duplicate') {
    throw new TypeError(`${at}: keys: got ${String(keys)}, want unique or duplicate`);
  }
  if (!Number.isInteger(partitions) || partitions < 1) {
    throw new RangeError(`${at}: partitions: got ${partitions}, want a whole number > 0`);
  }
  if (partitionBy !== undefined && partitionBy !== 'key' && partitionBy !== 'owner') {
    throw new TypeError(`${at}: partitionBy: got ${String(partitionBy)}, want key or owner`);
  }
  if (keys === 'unique' && partitionBy === 'owner') {
    throw new TypeError(`${at}: partitionBy: got owner, want key with unique keys`);
  }
}

/** A registry as a behaviour; the options are asked at each start. Its start fails for bad options. */
export function defineRegistry<A = undefined>(
  options: (arg: A) => RegistryOptions,
): Behaviour<RegistryP, Table, A> {
  return {
    name: 'registry',
    init(ctx, arg) {
      const given = options(arg);
      checkOptions(given);
      if (hasTable(given.name)) throw new TypeError(`registry ${given.name}: runs already`);
      ctx.trapExit(true);
      return new Table(lookup(ctx.self) as Cell, given);
    },
    handle: {},
  };
}

/**
 * Starts a registry on this thread, linked to nobody, and gives its handle; whereis(name(options.name)) is its
 * actor. Rejects with TypeError or RangeError for bad options, ActorError alreadyStarted for a taken name.
 */
export async function startRegistry<P, V = undefined>(
  options: RegistryOptions,
): Promise<Registry<P, V>> {
  checkOptions(options);
  const parent = rt.current === null ? NONE : rt.current.ref;
  const named = { name: { via: 'name', of: '', key: options.name } } as const;
  await spawnAny(erase(defineRegistry(() => options)), undefined, named, parent, false);
  return new Registry(options.name);
}

/** A registry as the child of a supervisor; its id and its actor's name are options.name. */
export function registryChild(
  options: RegistryOptions,
  childOptions: Omit<ChildOptions<RegistryP>, 'name'> = {},
): ChildSpec {
  checkOptions(options);
  const behaviour = defineRegistry(() => options);
  const named: Name<RegistryP> = { via: 'name', of: '', key: options.name };
  return child(options.name, behaviour, undefined, { ...childOptions, name: named });
}
