/**
 * Tells a user's guilds and DM partners what they see of the user (protocol.md 2.9): `user-presence.ts`
 * says when, this says to whom. Part of a user actor. What is told goes into the thread's PresenceIndex
 * first, so that a guild that asks later hears the same. Bound: 200 guilds, 500 partners.
 */
import type { PresenceIndex } from './presence-hub.ts';
import type { Outcome } from './stream-ports.ts';
import type { Id, Ms, PresenceTimes, Shown, ShownChange } from './types.ts';
import { UserPresence } from './user-presence.ts';

const RETRY_MS: Ms = 1000;

export interface AnnouncerPorts {
  readonly uid: Id;
  readonly times: PresenceTimes;
  readonly index: PresenceIndex;
  readonly now: () => Ms;
  readonly monotonic: () => Ms;
  readonly timer: (key: string, ms: Ms, run: () => void) => void;
  readonly later: <T>(work: Promise<T>, done: (outcome: Outcome<T>) => void) => void;
  /** The user's guilds; rejects when the store is away. So do `partners`. */
  readonly guilds: () => Promise<readonly Id[]>;
  readonly partners: () => Promise<readonly Id[]>;
  readonly tellGuild: (gid: Id, change: ShownChange & { readonly name?: string }) => void;
  readonly tellPartner: (uid: Id, change: ShownChange) => void;
  /** Asks the gateway threads what they hold of the user. */
  readonly whoIs: () => void;
}

export class UserAnnouncer {
  readonly #ports: AnnouncerPorts;
  readonly #presence: UserPresence;
  #gids: readonly Id[] | undefined;
  #last: ShownChange;
  /** Told to nobody yet: the guilds are being read. */
  #isOwed = false;
  #name: string | undefined;
  #isAsking = false;

  constructor(ports: AnnouncerPorts) {
    this.#ports = ports;
    this.#presence = new UserPresence(ports.times);
    this.#last = { uid: ports.uid, status: 0, activity: null, n: 0 };
    // The actor before this one ended without taking its leave.
    if (ports.index.has(ports.uid)) this.learn();
  }

  /** Nothing is shown, nothing is to be told. */
  get isQuiet(): boolean {
    return this.#presence.isQuiet && !this.#isOwed && this.#name === undefined;
  }

  /** The user's guilds as just read. */
  guilds(gids: readonly Id[]): void {
    if (this.#gids === undefined) this.#gids = gids;
  }

  joined(gid: Id): void {
    if (this.#gids === undefined || this.#gids.includes(gid)) return;
    this.#gids = [...this.#gids, gid];
    if (this.#last.status === 0) return;
    this.#ports.index.set(this.#last, this.#gids);
    this.#ports.tellGuild(gid, this.#last);
  }

  left(gid: Id): void {
    if (this.#gids === undefined) return;
    this.#gids = this.#gids.filter((other) => other !== gid);
    if (this.#last.status !== 0) this.#ports.index.set(this.#last, this.#gids);
  }

  /** @param count open connections now */
  connections(count: number): void {
    this.#presence.connections(count, this.#ports.monotonic());
    this.#step();
  }

  choose(shown: Shown): void {
    this.#presence.choose(shown);
    this.#step();
  }

  renamed(name: string): void {
    this.#name = name;
    this.#announce();
  }

  /**
   * What a predecessor knew is lost: asks what is connected, and tells what holds then to those who may
   * believe otherwise.
   */
  learn(): void {
    this.#presence.forget(this.#ports.monotonic());
    this.#ports.whoIs();
    this.#step();
  }

  #step(): void {
    const { monotonic, now, timer, uid } = this.#ports;
    const { tell, at } = this.#presence.step(monotonic());
    if (at > 0) timer('presence', Math.max(at - monotonic(), 1), () => this.#step());
    if (tell === undefined) return;
    this.#last = { uid, ...tell, n: Math.max(now(), this.#last.n + 1) };
    this.#isOwed = true;
    this.#announce();
  }

  #announce(): void {
    if (this.#gids === undefined) {
      this.#readGuilds();
      return;
    }
    const { index, tellGuild, uid } = this.#ports;
    if (this.#name !== undefined) {
      // What a predecessor has told still holds until something else is told.
      const named = { ...(index.get(uid) ?? this.#last), name: this.#name };
      this.#name = undefined;
      for (const gid of this.#gids) tellGuild(gid, named);
    }
    if (!this.#isOwed) return;
    this.#isOwed = false;
    index.set(this.#last, this.#gids);
    for (const gid of this.#gids) tellGuild(gid, this.#last);
    this.#tellPartners();
  }

  #readGuilds(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#ports.later(this.#ports.guilds(), (outcome) => {
      this.#isAsking = false;
      if (outcome.ok) this.guilds(outcome.value);
      else this.#ports.timer('guilds', RETRY_MS, () => this.#readGuilds());
      if (this.#gids !== undefined) this.#announce();
    });
  }

  /** Best effort: partners who do not hear of it ask when they look. */
  #tellPartners(): void {
    this.#ports.later(this.#ports.partners(), (outcome) => {
      if (!outcome.ok) return;
      for (const uid of outcome.value) this.#ports.tellPartner(uid, this.#last);
    });
  }
}
