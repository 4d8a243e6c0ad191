/**
 * What the guild says about a room: settings of the channel and rights of its members, asked at each join and again whenever the
 * guild tells of a change. While nobody can say, the room goes on with what it knows and asks again. Part of the room actor.
 *
 * Bound: one question at a time; what changed meanwhile is a set of members, or everybody.
 */
import type { Id, VoiceChannel } from '../../channels/index.ts';
import type { Ms } from '../../runtime/index.ts';
import type { GuildPort } from '../guild-port.ts';
import type { VoiceSettings } from '../types.ts';

export interface RightsPorts {
  readonly sid: Id;
  readonly guilds: GuildPort;
  /** Of the members who are here now. */
  members(): readonly Id[];
  /** New settings of the channel. */
  settled(settings: VoiceSettings): void;
  /** The rights of a user now, who may have left. */
  judged(uid: Id, perms: number): void;
  /** There is no such channel any more. */
  gone(): void;
  /** Asks for `retry` later. */
  retryAfter(ms: Ms): void;
  wrap<A extends readonly unknown[]>(callback: (...args: A) => void): (...args: A) => void;
  beside(work: Promise<unknown>): void;
}

type Failed = 'not_found' | 'unavailable';

const RETRY_MS: Ms = 1000;
const EVERYBODY: Id = 0;

export class Rights {
  readonly #ports: RightsPorts;
  readonly #onChange: (uid: Id) => void;
  readonly #changed = new Set<Id>();
  #channel: VoiceChannel | undefined;
  #watching: Promise<Failed | undefined> | undefined;
  #isAsking = false;
  #changes = 0;

  constructor(ports: RightsPorts) {
    this.#ports = ports;
    this.#onChange = ports.wrap((uid: Id) => this.#heard(uid));
  }

  /** Rises with each change that the guild told: what was asked before is out of date. */
  get changes(): number {
    return this.#changes;
  }

  /** Watches the channel, if it is not watched yet. undefined: settings are known and changes will be told. */
  async watch(): Promise<Failed | undefined> {
    if (this.#channel !== undefined) return undefined;
    this.#watching ??= this.#watch();
    return await this.#watching;
  }

  /** null: nobody can say now. */
  permsOf(uid: Id): Promise<number | null> {
    return this.#ports.guilds.permsOf(this.#ports.sid, uid);
  }

  /** Nobody is here any more. */
  unwatch(): void {
    this.#channel = undefined;
    this.#changed.clear();
    this.#ports.guilds.unwatch(this.#ports.sid, this.#onChange);
  }

  /** Time is up: asks again for what nobody could say. */
  retry(): void {
    this.#ask();
  }

  async #watch(): Promise<Failed | undefined> {
    const watched = await this.#ports.guilds.watch(this.#ports.sid, this.#onChange);
    this.#watching = undefined;
    if (!watched.ok) return watched.code;
    this.#settle(watched.channel);
    return undefined;
  }

  #settle(channel: VoiceChannel): void {
    this.#channel = channel;
    this.#ports.settled(channel.settings);
  }

  #heard(uid: Id): void {
    this.#changes += 1;
    this.#changed.add(uid);
    this.#ask();
  }

  #ask(): void {
    if (this.#isAsking || this.#changed.size === 0) return;
    this.#isAsking = true;
    this.#ports.beside(this.#renew());
  }

  /** Until nothing has changed since it was asked. */
  async #renew(): Promise<void> {
    let isKnown = true;
    while (isKnown && this.#changed.size > 0) {
      const changed = [...this.#changed];
      this.#changed.clear();
      isKnown = await this.#renewSome(changed);
      if (!isKnown) for (const uid of changed) this.#changed.add(uid);
    }
    this.#isAsking = false;
    if (!isKnown) this.#ports.retryAfter(RETRY_MS);
  }

  /** False: nobody can say now. */
  async #renewSome(changed: readonly Id[]): Promise<boolean> {
    const { guilds, sid } = this.#ports;
    const isForAll = changed.includes(EVERYBODY);
    if (isForAll) {
      const known = await guilds.settings(sid);
      if (this.#channel === undefined) return true;
      if (!known.ok && known.code === 'unavailable') return false;
      if (!known.ok) {
        this.unwatch();
        this.#ports.gone();
        return true;
      }
      this.#settle(known.channel);
    }
    const here = this.#ports.members();
    const uids = isForAll ? here : here.filter((uid) => changed.includes(uid));
    if (uids.length === 0) return true;
    const perms = await guilds.permsOfAll(sid, uids);
    if (perms === null) return false;
    uids.forEach((uid, i) => {
      this.#ports.judged(uid, perms[i] ?? 0);
    });
    return true;
  }
}
