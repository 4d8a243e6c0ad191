/**
 * Who is there, among the users at home on one shard thread, by user and by guild. Users write it as
 * they tell others; a guild that starts, or needs its list again, asks the actor 'presence' of every
 * shard. It lives as long as the thread's hosts, so a user actor that crashed leaves a trace here.
 * Bound: users with sessions on this thread, times the guilds of each (200).
 */
import { type Dest, defineActor, name, at as nameAt, slotsOf } from '../runtime/index.ts';
import type { FanOutP, Id, PresenceHubP, Shown, ShownChange } from './types.ts';

const HUB_NAME = 'presence';

interface Entry {
  readonly change: ShownChange;
  readonly gids: readonly Id[];
}

/** The table; users of this thread write it directly. */
export class PresenceIndex {
  readonly #users = new Map<Id, Entry>();
  readonly #guilds = new Map<Id, Set<Id>>();

  /** Users that are shown as anything but offline. */
  get size(): number {
    return this.#users.size;
  }

  has(uid: Id): boolean {
    return this.#users.has(uid);
  }

  get(uid: Id): ShownChange | undefined {
    return this.#users.get(uid)?.change;
  }

  /** What others see of a user of these guilds from now on; offline users are not kept. */
  set(change: ShownChange, gids: readonly Id[]): void {
    const { uid } = change;
    const old = this.#users.get(uid);
    if (old !== undefined && (change.status === 0 || old.gids !== gids)) this.#drop(uid, old.gids);
    if (change.status === 0) {
      this.#users.delete(uid);
      return;
    }
    this.#users.set(uid, { change, gids });
    if (old?.gids === gids) return;
    for (const gid of gids) {
      const uids = this.#guilds.get(gid);
      if (uids === undefined) this.#guilds.set(gid, new Set([uid]));
      else uids.add(uid);
    }
  }

  online(gid: Id): readonly ShownChange[] {
    const uids = this.#guilds.get(gid);
    return uids === undefined ? [] : [...uids].flatMap((uid) => this.get(uid) ?? []);
  }

  #drop(uid: Id, gids: readonly Id[]): void {
    for (const gid of gids) {
      const uids = this.#guilds.get(gid);
      if (uids === undefined || !uids.delete(uid) || uids.size > 0) continue;
      this.#guilds.delete(gid);
    }
  }
}

export interface PresenceHubArg {
  readonly index: PresenceIndex;
  readonly gatewayGroup: string;
}

/**
 * The actor 'presence'. It starts when the thread's entities can be reached: the users that gateway
 * threads hold may have been forgotten with a predecessor of this thread, so they are told again.
 */
export const PresenceHub = defineActor<PresenceHubP, PresenceIndex, PresenceHubArg>({
  name: HUB_NAME,
  init: (ctx, { index, gatewayGroup }) => {
    for (const gateway of gatewaysOf(gatewayGroup)) ctx.cast(gateway, 'tellAll', {});
    return index;
  },
  handle: {
    online: (index, { gid }) => index.online(gid),
    shown: (index, { uids }) => uids.flatMap((uid) => index.get(uid) ?? []),
  },
});

/** Name of the actor on its own thread. */
export const hubName = name<PresenceHubP>(HUB_NAME);

/** The hubs of all shard threads; without a node (tests) the one of this thread. */
export function hubsOf(shardGroup: string): readonly Dest<PresenceHubP>[] {
  const slots = slotsOf(shardGroup);
  return slots.length === 0 ? [hubName] : slots.map((slot) => nameAt<PresenceHubP>(slot, HUB_NAME));
}

/** The fan-out actors of all gateway threads; without a node the one of this thread. */
export function gatewaysOf(gatewayGroup: string): readonly Dest<FanOutP>[] {
  const slots = slotsOf(gatewayGroup);
  if (slots.length === 0) return [name<FanOutP>('fan-out')];
  return slots.map((slot) => nameAt<FanOutP>(slot, 'fan-out'));
}

/** Whether two say the same of a user. */
export function isSameShown(a: Shown, b: Shown): boolean {
  return a.status === b.status && a.activity === b.activity;
}
