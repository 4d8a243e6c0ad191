/**
 * One thread's part of a scope of groups (OTP's pg): its own members, and those of the other threads as they
 * tell. Members go inside their death, before any signal leaves. The scopes of a name on all threads find each
 * other: who starts asks all threads that are up; an answer is a snapshot, and changes follow it in order on
 * the same lane. Changes are numbered: after one that got lost the snapshot is asked for again.
 */
import { type Cell, type Holding, hold, unhold } from '../core/cell.ts';
import { threadOf } from '../core/ref.ts';
import { castTo, type Place, removePlace, setPlace } from '../core/send.ts';
import { lookup, rt } from '../core/thread.ts';
import { DriftwayError, type FailReason } from '../errors.ts';
import type { AnyRef, Ctx, Dest, Key } from '../types.ts';
import { Bag } from './bag.ts';
import type { GroupChange, GroupListenerP } from './types.ts';

/** What the scopes of a name send each other. */
export interface ScopeP {
  /** I am here: send me your members. */
  discover(from: AnyRef): void;
  sync(snapshot: Snapshot): void;
  changed(change: Change): void;
}

export interface Snapshot {
  readonly from: AnyRef;
  /** Number of the last change it has in it. */
  readonly seq: number;
  readonly groups: readonly (readonly [Key, readonly AnyRef[]])[];
}

export interface Change {
  readonly from: AnyRef;
  readonly seq: number;
  readonly kind: 'join' | 'leave';
  readonly group: Key;
  readonly refs: readonly AnyRef[];
}

/** A scope on another thread. */
interface Peer {
  readonly groups: Map<Key, Bag>;
  /** Last change taken in; -1: waiting for a snapshot. */
  seq: number;
}

/** Via of a scope on its thread; no type of entity begins with it. */
const SCOPE = '%';
/** Threads of a node: 6 bits of a ref. */
const THREADS = 64;
const scopes = new Map<string, Scope>();

/** The running scope `name` of this thread. DriftwayError DRIFT_RUNTIME_GROUPS when there is none. */
export function scopeOf(name: string): Scope {
  const scope = scopes.get(name);
  if (scope === undefined) {
    throw new DriftwayError('DRIFT_RUNTIME_GROUPS', `groups: unknown scope: got ${name}`);
  }
  return scope;
}

/** True while a scope of that name runs on this thread. */
export function hasScope(name: string): boolean {
  return scopes.has(name);
}

export class Scope implements Place, Holding {
  readonly name: string;
  readonly #self: Cell;
  readonly #local = new Map<Key, Bag>();
  readonly #memberOf = new Map<AnyRef, Set<Key>>();
  readonly #peers = new Map<AnyRef, Peer>();
  /** Listeners of one group, and under undefined those of all. */
  readonly #listeners = new Map<Key | undefined, Set<Dest<GroupListenerP>>>();
  #seq = 0;

  constructor(name: string, self: Cell) {
    this.name = name;
    this.#self = self;
    scopes.set(name, this);
    setPlace(SCOPE + name, this);
    hold(self, this);
  }

  // -------------------------------------------------------------- members

  join(group: Key, members: readonly AnyRef[]): void {
    for (const ref of members) {
      if (threadOf(ref) === rt.thread) continue;
      throw new TypeError(
        `group ${group}: join: got an actor of another thread, want one of ${rt.slot}`,
      );
    }
    const joined = members.filter((ref) => lookup(ref) !== undefined);
    if (joined.length === 0) return;
    const bag = bagOf(this.#local, group);
    for (const ref of joined) {
      bag.add(ref);
      const groups = this.#memberOf.get(ref);
      if (groups !== undefined) groups.add(group);
      else {
        this.#memberOf.set(ref, new Set([group]));
        hold(lookup(ref) as Cell, this);
      }
    }
    this.#announce('join', group, joined);
  }

  /** One time for each mention; false when none of them was in. */
  leave(group: Key, members: readonly AnyRef[]): boolean {
    const bag = this.#local.get(group);
    const left = bag === undefined ? [] : members.filter((ref) => bag.remove(ref));
    if (bag === undefined || left.length === 0) return false;
    if (bag.isEmpty) this.#local.delete(group);
    for (const ref of left) {
      if (bag.has(ref)) continue;
      const groups = this.#memberOf.get(ref);
      if (groups?.delete(group) !== true || groups.size > 0) continue;
      this.#memberOf.delete(ref);
      const cell = lookup(ref);
      if (cell !== undefined) unhold(cell, this);
    }
    this.#announce('leave', group, left);
    return true;
  }

  /** A member ends, or the scope itself. */
  ownerEnded(ended: Cell): void {
    if (ended === this.#self) {
      this.#close();
      return;
    }
    const groups = this.#memberOf.get(ended.ref) ?? [];
    this.#memberOf.delete(ended.ref);
    for (const group of groups) {
      const bag = this.#local.get(group);
      const times = bag?.removeAll(ended.ref) ?? 0;
      if (bag?.isEmpty === true) this.#local.delete(group);
      this.#announce('leave', group, Array<AnyRef>(times).fill(ended.ref));
    }
  }

  localMembers(group: Key): AnyRef[] {
    return [...(this.#local.get(group) ?? [])];
  }

  members(group: Key): AnyRef[] {
    const all = this.localMembers(group);
    for (const { groups } of this.#peers.values()) all.push(...(groups.get(group) ?? []));
    return all;
  }

  localGroups(): Key[] {
    return [...this.#local.keys()];
  }

  groups(): Key[] {
    const all = new Set(this.#local.keys());
    for (const { groups } of this.#peers.values()) for (const key of groups.keys()) all.add(key);
    return [...all];
  }

  // -------------------------------------------------------------- publish

  /** A cast to each member; one record to each thread that has some. */
  publish(group: Key, op: string, arg: unknown): void {
    this.cast(group, op, arg);
    for (const [ref, { groups }] of this.#peers) {
      if (groups.has(group)) rt.remote?.cast(threadOf(ref), SCOPE + this.name, group, op, arg);
    }
  }

  /** Fan-out on this thread: of what is published here, and of records that arrive. */
  cast(group: Key, op: string, arg: unknown): void {
    const bag = this.#local.get(group);
    if (bag !== undefined) for (const ref of bag) castTo(ref, op, arg);
  }

  // A group is nobody in particular: it cannot be called, monitored or stopped.
  cell(): FailReason {
    return 'noproc';
  }
  ref(): undefined {
    return undefined;
  }

  // -------------------------------------------------------------- listeners

  listen(group: Key | undefined, listener: Dest<GroupListenerP>): () => void {
    let listeners = this.#listeners.get(group);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(group, listeners);
    }
    const all = listeners;
    all.add(listener);
    return () => {
      all.delete(listener);
      if (all.size === 0 && this.#listeners.get(group) === all) this.#listeners.delete(group);
    };
  }

  #tell(kind: 'join' | 'leave', group: Key, refs: readonly AnyRef[]): void {
    if (refs.length === 0) return;
    const change: GroupChange = { kind, scope: this.name, group, refs };
    for (const key of [undefined, group]) {
      const listeners = this.#listeners.get(key);
      if (listeners === undefined) continue;
      for (const listener of listeners) {
        if (isDead(listener)) listeners.delete(listener);
        else castTo(listener, 'groupChange', change);
      }
      if (listeners.size === 0) this.#listeners.delete(key);
    }
  }

  #announce(kind: 'join' | 'leave', group: Key, refs: readonly AnyRef[]): void {
    this.#seq++;
    const change: Change = { from: this.#self.ref, seq: this.#seq, kind, group, refs };
    for (const peer of this.#peers.keys()) castTo(peer, 'changed', change);
    this.#tell(kind, group, refs);
  }

  // -------------------------------------------------------------- other threads

  /** Asks the scopes of all threads that are up. */
  discoverAll(): void {
    const { remote } = rt;
    if (remote === null) return;
    for (let thread = 0; thread < THREADS; thread++) {
      if (thread === rt.thread || !remote.isUp(thread)) continue;
      remote.cast(thread, '', this.name, 'discover', this.#self.ref);
    }
  }

  discovered(from: AnyRef, ctx: Ctx<ScopeP>): void {
    const known = this.#peers.has(from);
    this.#meet(from, ctx);
    const groups = [...this.#local].map(([key, bag]) => [key, [...bag]] as const);
    castTo(from, 'sync', { from: ctx.self, seq: this.#seq, groups } satisfies Snapshot);
    if (!known) castTo(from, 'discover', ctx.self);
  }

  synced({ from, seq, groups }: Snapshot, ctx: Ctx<ScopeP>): void {
    const peer = this.#meet(from, ctx);
    peer.seq = seq;
    const before = new Map(peer.groups);
    peer.groups.clear();
    for (const [key, refs] of groups) {
      const old = before.get(key) ?? new Bag();
      before.delete(key);
      const bag = bagOf(peer.groups, key);
      for (const ref of refs) bag.add(ref);
      this.#tell(
        'join',
        key,
        refs.filter((ref) => !old.remove(ref)),
      );
      this.#tell('leave', key, [...old]);
    }
    for (const [key, gone] of before) this.#tell('leave', key, [...gone]);
  }

  changed({ from, seq, kind, group, refs }: Change): void {
    const peer = this.#peers.get(from);
    if (peer === undefined || peer.seq < 0 || seq <= peer.seq) return;
    if (seq !== peer.seq + 1) {
      peer.seq = -1;
      castTo(from, 'discover', this.#self.ref);
      return;
    }
    peer.seq = seq;
    const bag = bagOf(peer.groups, group);
    for (const ref of refs) {
      if (kind === 'join') bag.add(ref);
      else bag.remove(ref);
    }
    if (bag.isEmpty) peer.groups.delete(group);
    this.#tell(kind, group, refs);
  }

  /** A scope of another thread is gone, and its members with it. */
  lost(from: AnyRef): void {
    const peer = this.#peers.get(from);
    this.#peers.delete(from);
    for (const [key, bag] of peer?.groups ?? []) this.#tell('leave', key, [...bag]);
  }

  #meet(from: AnyRef, ctx: Ctx<ScopeP>): Peer {
    let peer = this.#peers.get(from);
    if (peer === undefined) {
      peer = { groups: new Map(), seq: -1 };
      this.#peers.set(from, peer);
      ctx.monitor(from as never);
    }
    return peer;
  }

  #close(): void {
    scopes.delete(this.name);
    removePlace(SCOPE + this.name, this);
    for (const ref of this.#memberOf.keys()) {
      const cell = lookup(ref);
      if (cell !== undefined) unhold(cell, this);
    }
    this.#memberOf.clear();
    this.#local.clear();
    this.#peers.clear();
  }
}

function bagOf(groups: Map<Key, Bag>, key: Key): Bag {
  let bag = groups.get(key);
  if (bag === undefined) {
    bag = new Bag();
    groups.set(key, bag);
  }
  return bag;
}

function isDead(dest: Dest<GroupListenerP>): boolean {
  return typeof dest === 'number' && threadOf(dest) === rt.thread && lookup(dest) === undefined;
}
