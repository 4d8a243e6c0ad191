/**
 * Types of registries and groups: options, results, and what listeners are told. Types only.
 */
import type { AnyRef, Dest, Key, Ref } from '../types.ts';

/** How a registry of this thread is set up. */
export interface RegistryOptions {
  /** Unique among the named actors of the thread. */
  readonly name: string;
  /** unique: one owner per key. duplicate: any number of entries per key, also of one owner. */
  readonly keys: 'unique' | 'duplicate';
  /** Tables that entries are spread over; default 1. Dispatch may take them in parallel. */
  readonly partitions?: number;
  /** What decides on the partition; default 'key' for unique (the only choice there), 'owner' for duplicate. */
  readonly partitionBy?: 'key' | 'owner';
  /** Told of each registration and its end, in order. */
  readonly listeners?: readonly Dest<RegistryListenerP>[];
  /** First contents of meta(). */
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** One entry as it was when it was looked up. */
export interface RegistryEntry<P, V> {
  readonly key: Key;
  readonly ref: Ref<P>;
  readonly value: V;
}

/** Outcome of a registration. */
export type RegisterResult<P> =
  | { readonly ok: true }
  /** Unique: the key has an owner, maybe the same one. */
  | { readonly ok: false; readonly why: 'alreadyRegistered'; readonly ref: Ref<P> }
  /** The owner is dead. */
  | { readonly ok: false; readonly why: 'noproc' };

/** What a listener of a registry is told. */
export type RegistryChange =
  | {
      readonly kind: 'register';
      readonly registry: string;
      readonly key: Key;
      readonly ref: AnyRef;
      readonly value: unknown;
    }
  /** By unregister() or by the owner's end. */
  | {
      readonly kind: 'unregister';
      readonly registry: string;
      readonly key: Key;
      readonly ref: AnyRef;
    };

/** What a listener of a registry understands. */
export interface RegistryListenerP {
  registryChange(change: RegistryChange): void;
}

/** Members that joined or left, one entry for each time. */
export interface GroupChange {
  readonly kind: 'join' | 'leave';
  readonly scope: string;
  readonly group: Key;
  readonly refs: readonly AnyRef[];
}

/** What a listener of groups understands. */
export interface GroupListenerP {
  groupChange(change: GroupChange): void;
}
