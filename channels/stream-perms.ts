/**
 * Rights of users in one stream, asked of the guild once per user and kept until the guild says that
 * they changed. Part of a stream actor. A right is never taken from an answer that was on its way
 * when a change was announced.
 */
import type { MonitorId } from '../runtime/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { PERMS_ALL } from './permissions.ts';
import type { StreamPorts } from './stream-ports.ts';
import type { StreamType } from './stream-rules.ts';
import type { Id, Ms } from './types.ts';

/** Rights, or undefined when the guild cannot be asked now. */
type Answer = (perms: number | undefined) => void;

interface Asking {
  readonly answers: Answer[];
  stale: boolean;
  tries: number;
}

/** Questions asked again because of changes meanwhile, before giving up with "unavailable". */
const TRIES_MAX = 5;
const WATCH_RETRY_MS: Ms = 1000;

export class StreamPerms {
  readonly #ports: StreamPorts;
  readonly #sid: Id;
  readonly #type: StreamType;
  readonly #gid: Id;
  readonly #known: BoundedMap<Id, number>;
  readonly #asking = new Map<Id, Asking>();
  /** undefined: to be asked with the next right; whenever a right is known, it is. */
  #slowModeS: number | undefined;
  #watch: MonitorId | undefined;
  #watching = false;

  constructor(ports: StreamPorts, sid: Id, type: StreamType, gid: Id) {
    this.#ports = ports;
    this.#sid = sid;
    this.#type = type;
    this.#gid = gid;
    this.#known = new BoundedMap(ports.limits.permissionsMax);
  }

  /** Seconds between two messages of one user, 0 for none; meaningful once somebody's rights are known. */
  get slowModeS(): number {
    return this.#slowModeS ?? 0;
  }

  /** True while the guild is being asked about somebody. */
  get busy(): boolean {
    return this.#asking.size > 0;
  }

  /** False when some who were asked for had to leave: `forget` does not give everybody then. */
  get knowsAll(): boolean {
    return this.#known.evicted === 0;
  }

  /** Rights that are known now. */
  peek(uid: Id): number | undefined {
    if (this.#type === 'user') return uid === this.#sid ? PERMS_ALL : 0;
    return this.#known.get(uid);
  }

  /** Rights, at once when known. `answer` runs inside the actor. */
  get(uid: Id, answer: Answer): void {
    const known = this.peek(uid);
    if (known !== undefined) {
      answer(known);
      return;
    }
    const asking = this.#asking.get(uid);
    if (asking !== undefined) {
      asking.answers.push(answer);
      return;
    }
    if (this.#asking.size >= this.#ports.limits.waitingMax) {
      this.#ports.counters.waitingOverflow += 1;
      answer(undefined);
      return;
    }
    this.#asking.set(uid, { answers: [answer], stale: false, tries: 0 });
    this.#ask(uid);
  }

  /** Forgets the rights of one user, or of all (uid 0); gives the users that were known. */
  forget(uid: Id): readonly Id[] {
    const users = uid === 0 ? [...this.#known.keys()] : [uid];
    if (uid === 0) {
      this.#known.clear();
      this.#slowModeS = undefined;
    } else this.#known.delete(uid);
    for (const [asked, asking] of this.#asking) {
      if (uid === 0 || asked === uid) asking.stale = true;
    }
    return users;
  }

  /**
   * Has the guild announce changes while somebody listens, whether or not rights were asked for yet
   * (after a restart nobody asks, but subscribers are there). Tries until it succeeds. A view says so again when a gateway
   * has come back: what the guild told meanwhile has met nobody.
   */
  keepWatch(listened: () => boolean, isBack = false): void {
    const isToldAgain = isBack && this.#type === 'view';
    if (this.#type === 'user' || this.#watching) return;
    if (this.#watch !== undefined && !isToldAgain) return;
    this.#watching = true;
    this.#ports.later(this.#ensureWatch(isToldAgain), (outcome) => {
      this.#watching = false;
      if (outcome.ok || !listened()) return;
      this.#ports.timer('watch', WATCH_RETRY_MS, () => this.keepWatch(listened, isBack));
    });
  }

  /** The guild that was watched ended: what it said before may be out of date. True when it was ours. */
  guildDown(monitor: MonitorId): boolean {
    if (monitor !== this.#watch) return false;
    this.#watch = undefined;
    return true;
  }

  #ask(uid: Id): void {
    this.#ports.later(this.#askGuild(uid), (outcome) => {
      const asking = this.#asking.get(uid);
      if (asking === undefined) return;
      const facts = outcome.ok ? outcome.value : undefined;
      if (facts !== undefined && asking.stale && asking.tries < TRIES_MAX) {
        asking.stale = false;
        asking.tries += 1;
        this.#ask(uid);
        return;
      }
      this.#asking.delete(uid);
      const perms = asking.stale ? undefined : facts?.perms;
      if (perms !== undefined) {
        this.#known.set(uid, perms);
        this.#slowModeS = facts?.slowModeS;
      }
      for (const answer of asking.answers) answer(perms);
    });
  }

  /** Watches first, so that no change after the answer can be missed. undefined: it cannot say now. */
  async #askGuild(uid: Id): Promise<{ perms: number; slowModeS: number } | undefined> {
    await this.#ensureWatch();
    const { guild } = this.#ports;
    const [perms, slowModeS] = await Promise.all([
      guild.perms(this.#gid, uid, this.#sid),
      this.#slowModeS ?? this.#askSlowMode(),
    ]);
    return perms === null || slowModeS === null ? undefined : { perms, slowModeS };
  }

  /** Only guild channels have it. A channel that is gone has none. */
  async #askSlowMode(): Promise<number | null> {
    if (this.#type !== 'channel' && this.#type !== 'thread') return 0;
    const acl = await this.#ports.guild.acl(this.#gid, this.#sid);
    return acl === null ? null : (acl?.slowModeS ?? 0);
  }

  async #ensureWatch(again = false): Promise<void> {
    if (this.#watch !== undefined && !again) return;
    const guild = await this.#ports.guild.watch(this.#gid, this.#sid);
    this.#watch ??= this.#ports.guild.monitor(guild);
  }
}
