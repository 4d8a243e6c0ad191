/**
 * Who is there, among the users at home on one shard thread, by user and by guild. Users write it as
 * they tell others; a guild that starts, or needs its list again, asks the actor 'presence' of every
 * shard. It lives as long as the thread's hosts, so a user actor that crashed leaves a trace here.
 * Bound: users with sessions on this thread, times the guilds of each (200).
 */
import {
  type Ctx,
  type Dest,
  defineActor,
  type MonitorId,
  type Ms,
  name,
  at as nameAt,
  slotsOf,
} from '../runtime/index.ts';
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

/** Ops that the actor sends to itself. */
interface PresenceHubActorP extends PresenceHubP {
  lookAgain(slot: string): void;
}

interface Hub {
  readonly index: PresenceIndex;
  /** Slots of gateway threads, by the monitor of their fan-out. */
  readonly watched: Map<MonitorId, string>;
}

/** Between two looks whether a gateway thread that was out of reach can be reached again. */
const LOOK_AGAIN_MS: Ms = 1000;

/**
 * The actor 'presence'. It starts when the thread's entities can be reached: the users that gateway
 * threads hold may have been forgotten with a predecessor of this thread, so they are told again. The same when a gateway
 * thread that was out of reach is back: users here took their connections on it for ended.
 */
export const PresenceHub = defineActor<PresenceHubActorP, Hub, PresenceHubArg>({
  name: HUB_NAME,
  init: (ctx, { index, gatewayGroup }) => {
    for (const gateway of gatewaysOf(gatewayGroup)) ctx.cast(gateway, 'tellAll', {});
    const hub: Hub = { index, watched: new Map() };
    for (const slot of slotsOf(gatewayGroup)) watch(hub, slot, ctx);
    return hub;
  },
  handle: {
    online: ({ index }, { gid }) => index.online(gid),
    shown: ({ index }, { uids }) => uids.flatMap((uid) => index.get(uid) ?? []),
    lookAgain: (hub, slot, ctx) => {
      ctx.cast(fanOutOf(slot), 'tellAll', {});
      watch(hub, slot, ctx);
    },
  },
  onDown: ({ watched }, { monitor }, ctx) => {
    const slot = watched.get(monitor);
    if (slot === undefined) return;
    watched.delete(monitor);
    ctx.timer(slot, LOOK_AGAIN_MS, 'lookAgain', slot);
  },
});

/** Its end is told at once while it is out of reach. */
function watch({ watched }: Hub, slot: string, ctx: Ctx<PresenceHubActorP>): void {
  watched.set(ctx.monitor(fanOutOf(slot)), slot);
}

function fanOutOf(slot: string): Dest<FanOutP> {
  return nameAt<FanOutP>(slot, 'fan-out');
}

/** Name of the actor on its own thread. */
export const hubName = name<PresenceHubActorP>(HUB_NAME);

/** The hubs of all shard threads; without a node (tests) the one of this thread. */
export function hubsOf(shardGroup: string): readonly Dest<PresenceHubP>[] {
  const slots = slotsOf(shardGroup);
  return slots.length === 0 ? [hubName] : slots.map((slot) => nameAt<PresenceHubP>(slot, HUB_NAME));
}

/** The fan-out actors of all gateway threads; without a node the one of this thread. */
export function gatewaysOf(gatewayGroup: string): readonly Dest<FanOutP>[] {
  const slots = slotsOf(gatewayGroup);
  if (slots.length === 0) return [name<FanOutP>('fan-out')];
  return slots.map(fanOutOf);
}

/** Whether two say the same of a user. */
export function isSameShown(a: Shown, b: Shown): boolean {
  return a.status === b.status && a.activity === b.activity;
}
