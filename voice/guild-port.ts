/**
 * What rooms of a voice thread ask of guilds, and the actor through which guilds tell them of changes. The guild is the
 * authority for rights and settings; nothing is kept here but which channels are watched. Runs on voice threads.
 *
 * Bounds: one entry per room of the thread, one monitor per room. A guild that cannot be reached is asked again each
 * second; meanwhile rooms go on with the rights that they know, as streams do.
 */
import {
  type DocStore,
  type GuildP,
  type Id,
  type Ms,
  pad,
  type Result,
  type StreamDoc,
  type VoiceAct,
  type VoiceChannel,
  type VoiceWatcherP,
} from '../channels/index.ts';
import {
  type Ctx,
  call,
  cast,
  DriftwayError,
  defineActor,
  entity,
  isAlive,
  type MonitorId,
} from '../runtime/index.ts';

const AGAIN_MS = 1000;
const MAILBOX_MAX = 50_000;
const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;
const NOT_FOUND = { ok: false, code: 'not_found' } as const;

/** 'not_found': no such voice channel (a text channel is none); 'unavailable': nobody can say now. */
export type Watched =
  | { readonly ok: true; readonly channel: VoiceChannel }
  | { readonly ok: false; readonly code: 'not_found' | 'unavailable' };

/** What a room sees of the guild of its channel. */
export interface GuildPort {
  /**
   * From now on `onChange` runs (in the turn of another actor, so give a `ctx.wrap`) with the uid whose rights may have
   * changed; 0: everybody's, the settings, or that there is the channel at all: ask again. A second watch of a channel
   * takes the place of the first; one that was not ok watches nothing.
   */
  watch(sid: Id, onChange: (uid: Id) => void): Promise<Watched>;
  /** Ends only what `watch` with the same callback began. */
  unwatch(sid: Id, onChange: (uid: Id) => void): void;
  settings(sid: Id): Promise<Watched>;
  /** Rights of a user (bits PERM_*; 0: may not view, no member, no such voice channel); null: nobody can say now. */
  permsOf(sid: Id, uid: Id): Promise<number | null>;
  /** The same for many, in their order. */
  permsOfAll(sid: Id, uids: readonly Id[]): Promise<readonly number[] | null>;
  /** Judges an act of a member on another and puts it into the audit log; carry it out after ok. */
  act(
    sid: Id,
    m: { readonly uid: Id; readonly target: Id; readonly act: VoiceAct },
  ): Promise<Result<null>>;
}

/** Ops of the actor. */
export interface GuildWatchP extends VoiceWatcherP {
  again(): void;
}

export interface GuildPortOptions {
  /** Knows which guild a channel belongs to. */
  readonly docs: Pick<DocStore, 'get'>;
  /** Until a guild that could not be reached is asked again. Default 1000. */
  readonly againMs?: Ms;
}

interface Entry {
  readonly onChange: (uid: Id) => void;
  gid: Id;
  /** Of the guild as it lives now; undefined while it is asked. */
  monitor: MonitorId | undefined;
}

/** The port of a thread, and what its actor works on. */
export class GuildWatch implements GuildPort {
  readonly #docs: Pick<DocStore, 'get'>;
  readonly #againMs: Ms;
  readonly #entries = new Map<Id, Entry>();
  #ctx: Ctx<GuildWatchP> | undefined;

  constructor({ docs, againMs = AGAIN_MS }: GuildPortOptions) {
    this.#docs = docs;
    this.#againMs = againMs;
  }

  async watch(sid: Id, onChange: (uid: Id) => void): Promise<Watched> {
    this.#drop(sid);
    const entry: Entry = { onChange, gid: 0, monitor: undefined };
    // There before the guild is asked: a change behind its answer may not be missed.
    this.#entries.set(sid, entry);
    const watched = await this.#register(sid, entry);
    if (!watched.ok && this.#entries.get(sid) === entry) this.#entries.delete(sid);
    return watched;
  }

  unwatch(sid: Id, onChange: (uid: Id) => void): void {
    if (this.#entries.get(sid)?.onChange === onChange) this.#drop(sid);
  }

  settings(sid: Id): Promise<Watched> {
    const entry = this.#entries.get(sid);
    if (entry !== undefined) return this.#register(sid, entry);
    return this.#ask(sid, async (gid) => {
      const facts = await call(entity<GuildP>('guild', gid), 'voiceChannel', { sid });
      if (facts === null) return UNAVAILABLE;
      return facts === undefined ? NOT_FOUND : { ok: true, channel: facts };
    });
  }

  async permsOf(sid: Id, uid: Id): Promise<number | null> {
    const perms = await this.permsOfAll(sid, [uid]);
    return perms === null ? null : (perms[0] ?? 0);
  }

  async permsOfAll(sid: Id, uids: readonly Id[]): Promise<readonly number[] | null> {
    const asked = await this.#ask(sid, async (gid) => {
      const value = await call(entity<GuildP>('guild', gid), 'voicePerms', { sid, uids });
      return value === null ? UNAVAILABLE : { ok: true as const, value };
    });
    if (asked.ok) return asked.value;
    return asked.code === 'not_found' ? uids.map(() => 0) : null;
  }

  act(
    sid: Id,
    m: { readonly uid: Id; readonly target: Id; readonly act: VoiceAct },
  ): Promise<Result<null>> {
    return this.#ask(sid, (gid) => call(entity<GuildP>('guild', gid), 'voiceAct', { sid, ...m }));
  }

  // -------------------------------------------------------------- for the actor

  /** The actor lives, for the first time or again: guilds know it by its ref. */
  bind(ctx: Ctx<GuildWatchP>): void {
    this.#ctx = ctx;
    for (const entry of this.#entries.values()) entry.monitor = undefined;
    if (this.#entries.size > 0) ctx.next('again');
  }

  changed({ sid, uid }: Parameters<VoiceWatcherP['voiceChanged']>[0]): void {
    this.#entries.get(sid)?.onChange(uid);
  }

  /** A guild ended: what it said before may be out of date. */
  down(monitor: MonitorId): void {
    for (const entry of this.#entries.values()) {
      if (entry.monitor === monitor) entry.monitor = undefined;
    }
    this.again();
  }

  /** Registers where no living guild knows of the room, until it does. */
  again(): void {
    for (const [sid, entry] of this.#entries) {
      if (entry.monitor === undefined) void this.#renew(sid, entry);
    }
  }

  // -------------------------------------------------------------- inside

  async #renew(sid: Id, entry: Entry): Promise<void> {
    const watched = await this.#register(sid, entry);
    if (this.#entries.get(sid) !== entry) return;
    const isUnknown = !watched.ok && watched.code === 'unavailable';
    if (isUnknown) this.#living()?.timer('again', this.#againMs, 'again');
    else entry.onChange(0);
  }

  async #register(sid: Id, entry: Entry): Promise<Watched> {
    const ctx = this.#living();
    if (ctx === undefined) return UNAVAILABLE;
    return this.#ask(sid, async (gid) => {
      const watcher = ctx.self;
      const known = await call(entity<GuildP>('guild', gid), 'voiceWatch', { sid, watcher });
      if (known === null) return UNAVAILABLE;
      if (known === undefined) return NOT_FOUND;
      if (this.#entries.get(sid) !== entry) {
        if (!this.#entries.has(sid)) this.#unregister(sid, gid);
        return { ok: true, channel: known.channel };
      }
      entry.gid = gid;
      if (this.#living() === ctx) entry.monitor ??= ctx.monitor(known.guild);
      return { ok: true, channel: known.channel };
    });
  }

  /** Asks the guild of a channel; a call without an answer is 'unavailable'. */
  async #ask<T>(
    sid: Id,
    question: (gid: Id) => Promise<T>,
  ): Promise<T | typeof UNAVAILABLE | typeof NOT_FOUND> {
    try {
      const gid = this.#entries.get(sid)?.gid || (await this.#guildOf(sid));
      return gid === 0 ? NOT_FOUND : await question(gid);
    } catch (error) {
      // A call or a read without an answer; anything else is a bug.
      if (error instanceof DriftwayError) return UNAVAILABLE;
      throw error;
    }
  }

  /** 0: no channel of a guild. */
  async #guildOf(sid: Id): Promise<Id> {
    const [doc] = await this.#docs.get<StreamDoc>('stream', [pad(sid)]);
    return doc?.value.type === 'channel' ? doc.value.gid : 0;
  }

  #drop(sid: Id): void {
    const entry = this.#entries.get(sid);
    if (entry === undefined) return;
    this.#entries.delete(sid);
    if (entry.monitor !== undefined) this.#living()?.demonitor(entry.monitor);
    if (entry.gid !== 0) this.#unregister(sid, entry.gid);
  }

  #unregister(sid: Id, gid: Id): void {
    const ctx = this.#living();
    if (ctx === undefined) return;
    cast(entity<GuildP>('guild', gid), 'voiceUnwatch', { sid, watcher: ctx.self });
  }

  /** Between two lives of the actor nothing can be watched; the next one begins with `bind`. */
  #living(): Ctx<GuildWatchP> | undefined {
    return this.#ctx !== undefined && isAlive(this.#ctx.self) ? this.#ctx : undefined;
  }
}

/** Has to run once per voice thread, under its supervisor: `child('guild-watch', GuildWatchActor, port)`. */
export const GuildWatchActor = defineActor<GuildWatchP, GuildWatch, GuildWatch>({
  name: 'guild-watch',
  init: (ctx, port) => {
    port.bind(ctx);
    return port;
  },
  handle: {
    voiceChanged: (port, m) => port.changed(m),
    again: (port) => port.again(),
  },
  onDown: (port, { monitor }) => port.down(monitor),
  mailbox: { limit: MAILBOX_MAX },
});
