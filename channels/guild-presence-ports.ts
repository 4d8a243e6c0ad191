/**
 * Ties who is there in a guild (`guild-presence.ts`) to the guild actor: timers, monitors, casts to gateway
 * threads, questions to the shard threads. Runs inside the guild actor.
 */
import type { Ctx, Ref } from '../runtime/index.ts';
import type { GuildData } from './guild-data.ts';
import { SMALL_GUILD_MAX } from './guild-plan.ts';
import { GuildPresence, type GuildPresencePorts, type PresenceCounters } from './guild-presence.ts';
import { hubsOf } from './presence-hub.ts';
import type { DocStore, EventCodec, GuildP, Id, Ms, PresenceTimes, StreamP } from './types.ts';

const HUB_TIMEOUT_MS: Ms = 3000;

/** Given by the boot of a shard thread; the same for all of its guilds. */
export interface PresenceEnvironment {
  readonly times: PresenceTimes;
  readonly counters: PresenceCounters;
  readonly codec: EventCodec;
  /** Runtime group of the threads that run an actor 'presence'. */
  readonly shardGroup: string;
}

/** The op that a guild actor sends to itself for its timers of presence. */
export interface PresenceTimerP {
  presenceTimer(key: string): void;
}

export interface GuildState {
  readonly data: GuildData | undefined;
  readonly watchers: ReadonlyMap<Ref<StreamP>, { readonly sid: Id }>;
}

/** Presence of one guild, with the timers that its actor runs for it. */
export class PresencePart extends GuildPresence {
  readonly #timers: Map<string, () => void>;

  constructor(ports: GuildPresencePorts, timers: Map<string, () => void>) {
    super(ports);
    this.#timers = timers;
  }

  /** A timer of presence has fired. */
  fired(key: string): void {
    const run = this.#timers.get(key);
    this.#timers.delete(key);
    run?.();
  }
}

/** @param state the guild as it is when asked */
export function makeGuildPresence(
  ctx: Ctx<GuildP & PresenceTimerP>,
  gid: Id,
  tools: {
    readonly docs: DocStore;
    readonly clock: { now(): Ms };
    readonly presence: PresenceEnvironment;
  },
  state: () => GuildState,
): PresencePart {
  const timers = new Map<string, () => void>();
  const { codec, counters, shardGroup, times } = tools.presence;
  const timeoutMs = HUB_TIMEOUT_MS;
  const ports: GuildPresencePorts = {
    gid,
    self: ctx.self,
    docs: tools.docs,
    times,
    counters,
    now: () => tools.clock.now(),
    encode: (frame) => codec.encodeNotice(frame),
    facts: () => {
      const { data } = state();
      if (data === undefined) return undefined;
      const isSmall = data.doc.value.memberCount <= SMALL_GUILD_MAX;
      return { mainView: data.mainView, isSmall, roles: data.roles.values() };
    },
    isWatched: () => state().watchers.size > 0,
    hubs: () => hubsOf(shardGroup),
    ask: (hub, uids) =>
      uids === undefined
        ? ctx.call(hub, 'online', { gid }, { timeoutMs })
        : ctx.call(hub, 'shown', { uids }, { timeoutMs }),
    broadcast: (sid, frame) => {
      // Nobody listens to a stream that sleeps.
      for (const [stream, watcher] of state().watchers) {
        if (watcher.sid === sid) ctx.cast(stream, 'broadcast', { frame, class: 'presence' });
      }
    },
    gateway: (gateway, op, m) => {
      // One op of FanOutPresenceP with its own argument: the pair is checked where `gateway` is called.
      const sender = ctx as unknown as { cast(to: unknown, op: string, m: unknown): void };
      sender.cast(gateway, op, m);
    },
    monitor: (to) => ctx.monitor(to),
    demonitor: (monitor) => ctx.demonitor(monitor),
    later: (work, done) => {
      const enter = ctx.wrap(done);
      work.then(
        (value) => enter({ ok: true, value }),
        (error: unknown) => enter({ ok: false, error }),
      );
    },
    timer: (key, ms, run) => {
      timers.set(key, run);
      ctx.timer(key, ms, 'presenceTimer', key);
    },
  };
  return new PresencePart(ports, timers);
}
