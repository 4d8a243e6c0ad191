/**
 * Groups (OTP's pg): actors under a common key, over all threads of the node that run the scope. Joining and
 * reading act on this thread's tables at once; the other threads learn of it by messages, in order.
 */
import { erase } from '../core/api.ts';
import type { Cell } from '../core/cell.ts';
import { spawnAny } from '../core/spawn.ts';
import { lookup, rt } from '../core/thread.ts';
import { child } from '../supervision/child-spec.ts';
import type { ChildOptions, ChildSpec } from '../supervision/types.ts';
import type { AnyRef, Behaviour, CastRest, Dest, Key, Name, Ops, Ref } from '../types.ts';
import { hasScope, Scope, type ScopeP, scopeOf } from './scope.ts';
import type { GroupListenerP } from './types.ts';

const NONE = 0 as AnyRef;
const SCOPE = 'pg';
/** Changes of all other threads; what does not fit is asked for again as a snapshot. */
const MAILBOX = 1_000_000;

/** What a monitor saw when it began, and how to end it. */
export interface GroupMonitor<T> {
  readonly members: T;
  /** Nothing that happens from now on is told. */
  demonitor(): void;
}

/** One group: P is what all members understand. */
export class Group<P> {
  readonly scope: string;
  readonly key: Key;

  constructor(scope: string, key: Key) {
    this.scope = scope;
    this.key = key;
  }

  /**
   * Actors of this thread join; who joins several times is in as often, and leaves as often. A dead one is
   * left out. TypeError for an actor of another thread, before anybody joins. O(members given).
   */
  join(members: Ref<P> | readonly Ref<P>[]): void {
    scopeOf(this.scope).join(this.key, typeof members === 'number' ? [members] : members);
  }

  /** Each one given leaves once. False when none of them was in. */
  leave(members: Ref<P> | readonly Ref<P>[]): boolean {
    return scopeOf(this.scope).leave(this.key, typeof members === 'number' ? [members] : members);
  }

  /** Members on all threads as known here, each as often as it joined; those of this thread first. */
  members(): readonly Ref<P>[] {
    return scopeOf(this.scope).members(this.key) as Ref<P>[];
  }

  /** Members on this thread; none of them is dead. */
  localMembers(): readonly Ref<P>[] {
    return scopeOf(this.scope).localMembers(this.key) as Ref<P>[];
  }

  /**
   * A cast to every member, as often as it joined. To another thread goes one record for all its members,
   * in order with whatever else goes there. The argument must be plain data when there are other threads.
   */
  publish<K extends Ops<P>>(op: K, ...rest: CastRest<P[K]>): void {
    scopeOf(this.scope).publish(this.key, op, rest[0]);
  }

  /** The members now, and a cast 'groupChange' to `listener` for each change from now on, in order. */
  monitor(listener: Dest<GroupListenerP>): GroupMonitor<readonly Ref<P>[]> {
    const scope = scopeOf(this.scope);
    return { members: this.members(), demonitor: scope.listen(this.key, listener) };
  }
}

/** A scope by its name: groups of different scopes know nothing of each other. */
export class Groups {
  readonly scope: string;

  constructor(scope: string) {
    this.scope = scope;
  }

  /** The group `key`; it exists while it has members. */
  group<P>(key: Key): Group<P> {
    return new Group(this.scope, key);
  }

  /** Groups with members on any thread, as known here. */
  whichGroups(): readonly Key[] {
    return scopeOf(this.scope).groups();
  }

  /** Groups with members on this thread. */
  whichLocalGroups(): readonly Key[] {
    return scopeOf(this.scope).localGroups();
  }

  /** All groups with their members now, and a cast 'groupChange' to `listener` for each change from now on. */
  monitor(listener: Dest<GroupListenerP>): GroupMonitor<ReadonlyMap<Key, readonly AnyRef[]>> {
    const scope = scopeOf(this.scope);
    const members = new Map(scope.groups().map((key) => [key, scope.members(key)] as const));
    return { members, demonitor: scope.listen(undefined, listener) };
  }
}

/** The scope of that name on this thread, running or not; using one that is not throws DRIFT_RUNTIME_GROUPS. */
export function groups(scope: string = SCOPE): Groups {
  return new Groups(scope);
}

/** A scope of groups as a behaviour, for a supervisor; its actor must be named name(scope). */
function scopeBehaviour(name: string): Behaviour<ScopeP, Scope, undefined> {
  return {
    name: 'groups',
    init(ctx) {
      if (hasScope(name)) throw new TypeError(`groups ${name}: runs already`);
      ctx.label(name);
      const scope = new Scope(name, lookup(ctx.self) as Cell);
      scope.discoverAll();
      return scope;
    },
    handle: {
      discover: (scope, from, ctx) => scope.discovered(from, ctx),
      sync: (scope, snapshot, ctx) => scope.synced(snapshot, ctx),
      changed: (scope, change) => scope.changed(change),
    },
    onDown: (scope, { ref }) => scope.lost(ref),
    mailbox: { limit: MAILBOX },
  };
}

/**
 * Starts this thread's part of a scope, linked to nobody, and gives its handle; whereis(name(scope)) is its
 * actor. Start it on every thread that has members, publishers or readers. Members are forgotten when it ends.
 * ActorError alreadyStarted for a taken name.
 */
export async function startGroups(scope: string = SCOPE): Promise<Groups> {
  const parent = rt.current === null ? NONE : rt.current.ref;
  const named = { name: { via: 'name', of: '', key: scope } } as const;
  await spawnAny(erase(scopeBehaviour(scope)), undefined, named, parent, false);
  return new Groups(scope);
}

/** This thread's part of a scope as the child of a supervisor; its id and its actor's name are the scope's. */
export function groupsChild(
  scope: string = SCOPE,
  options: Omit<ChildOptions<ScopeP>, 'name'> = {},
): ChildSpec {
  const named: Name<ScopeP> = { via: 'name', of: '', key: scope };
  return child(scope, scopeBehaviour(scope), undefined, { ...options, name: named });
}
