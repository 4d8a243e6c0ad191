/**
 * What the terminal client knows of guilds, channels and people. Pure state; chat.ts feeds it.
 */

import { type GuildResult, Kind, type StreamEvent } from '../../gateway/protocol/index.ts';
import type { RestDm } from '../index.ts';

/** A text channel. */
export interface Room {
  readonly sid: number;
  readonly gid: number;
  name: string;
  unread: number;
  /** Oldest seq printed, null before history was read. */
  oldest: number | null;
  /** Own newest message. */
  lastOwn: number | null;
  /** Of a direct message. */
  members: readonly number[];
  /** Starts of messages by seq, for quoting; bounded. */
  readonly quotes: Map<number, string>;
}

interface GuildEntry {
  name: string;
  viewSids: readonly number[];
}

/** Stands for the guild of direct messages. */
export const DM_GUILD = 0;
const QUOTES_MAX = 500;
const TEXT_CHANNEL = 1;

/** Guilds, channels, people. */
export class Rooms {
  readonly #guilds = new Map<number, GuildEntry>();
  readonly #rooms = new Map<number, Room>();
  readonly #people = new Map<number, string>();
  #current: number | null = null;

  /** Channel in view. */
  get current(): Room | null {
    return this.#current === null ? null : (this.#rooms.get(this.#current) ?? null);
  }

  /** All guilds by id and name, in the order learnt. */
  guilds(): { gid: number; name: string }[] {
    return [...this.#guilds].map(([gid, { name }]) => ({ gid, name }));
  }

  /** Channels of a guild. */
  roomsOf(gid: number): Room[] {
    return [...this.#rooms.values()].filter((room) => room.gid === gid);
  }

  room(sid: number): Room | null {
    return this.#rooms.get(sid) ?? null;
  }

  guildName(gid: number): string {
    if (gid === DM_GUILD) return 'Direct messages';
    return this.#guilds.get(gid)?.name ?? String(gid);
  }

  /** A channel as a title: `Lobby #general`, or `@bob`. */
  title(room: Room): string {
    return room.gid === DM_GUILD ? room.name : `${this.guildName(room.gid)} #${room.name}`;
  }

  /** The user with this name, null when nobody is known by it. */
  findPerson(name: string): number | null {
    const wanted = name.replace(/^@/, '').toLowerCase();
    for (const [uid, known] of this.#people) if (known.toLowerCase() === wanted) return uid;
    return null;
  }

  /**
   * Takes the direct messages of the user.
   * @returns streams to subscribe to
   */
  setDms(dms: readonly RestDm[], ownUid: number): number[] {
    return dms.map((dm) => {
      for (const user of dm.members) this.addPerson(Number(user.id), user.displayName);
      const others = dm.members.filter((user) => Number(user.id) !== ownUid);
      const names = others.map((user) => user.displayName).join(', ');
      const room = this.#addRoom(Number(dm.id), DM_GUILD, `@${dm.name ?? names}`);
      room.members = dm.members.map((user) => Number(user.id));
      return room.sid;
    });
  }

  /** Guild whose view stream this is. */
  guildOfView(sid: number): number | null {
    for (const [gid, { viewSids }] of this.#guilds) if (viewSids.includes(sid)) return gid;
    return null;
  }

  personName(uid: number): string {
    return this.#people.get(uid) ?? `user ${uid}`;
  }

  knowsPerson(uid: number): boolean {
    return this.#people.has(uid);
  }

  addPerson(uid: number, name: string): void {
    this.#people.set(uid, name);
  }

  /** Goes to a channel. */
  enter(sid: number): void {
    this.#current = sid;
    const room = this.#rooms.get(sid);
    if (room !== undefined) room.unread = 0;
  }

  /**
   * Takes the answer to GUILD.
   * @returns streams to subscribe to: channels and views
   */
  setGuild(gid: number, name: string, guild: GuildResult): number[] {
    this.#guilds.set(gid, { name, viewSids: guild.viewSids });
    const sids: number[] = [...guild.viewSids];
    for (const channel of guild.channels) {
      if (channel.type !== TEXT_CHANNEL) continue;
      this.#addRoom(channel.sid, gid, channel.name);
      sids.push(channel.sid);
    }
    return sids;
  }

  /** A guild that was left or deleted. */
  removeGuild(gid: number): void {
    this.#guilds.delete(gid);
    for (const room of this.roomsOf(gid)) this.removeRoom(room.sid);
  }

  removeRoom(sid: number): void {
    this.#rooms.delete(sid);
    if (this.#current === sid) this.#current = null;
  }

  #addRoom(sid: number, gid: number, name: string): Room {
    let room = this.#rooms.get(sid);
    if (room === undefined) {
      room = {
        sid,
        gid,
        name,
        unread: 0,
        oldest: null,
        lastOwn: null,
        members: [],
        quotes: new Map(),
      };
      this.#rooms.set(sid, room);
    }
    room.name = name;
    return room;
  }

  /**
   * Takes an event of a guild view.
   * @returns a sentence for the user or null, and a new stream to subscribe to
   */
  applyView(gid: number, event: StreamEvent): { note: string | null; subscribe: number | null } {
    const nothing = { note: null, subscribe: null };
    const [first, second, third] = event.body;
    const id = typeof first === 'number' ? first : 0;
    const guild = this.#guilds.get(gid);
    switch (event.kind) {
      case Kind.GUILD_META:
        if (guild !== undefined && typeof first === 'string') guild.name = first;
        return { ...nothing, note: `the guild is called ${first} now` };
      case Kind.CHAN_CREATE:
      case Kind.CHAN_UPDATE:
        if (second !== TEXT_CHANNEL || typeof third !== 'string') return nothing;
        return this.#applyChannel(id, gid, third);
      case Kind.CHAN_DELETE: {
        const room = this.#rooms.get(id);
        this.removeRoom(id);
        return room === undefined ? nothing : { ...nothing, note: `#${room.name} was deleted` };
      }
      case Kind.MEMBER_JOIN:
        if (typeof second !== 'string') return nothing;
        this.addPerson(id, second);
        return { ...nothing, note: `${second} joined ${this.guildName(gid)}` };
      case Kind.MEMBER_LEAVE:
        return { ...nothing, note: `${this.personName(id)} left ${this.guildName(gid)}` };
      default:
        return nothing;
    }
  }

  #applyChannel(
    sid: number,
    gid: number,
    name: string,
  ): { note: string | null; subscribe: number | null } {
    const known = this.#rooms.get(sid);
    if (known === undefined) {
      this.#addRoom(sid, gid, name);
      return { note: `new channel #${name}`, subscribe: sid };
    }
    if (known.name === name) return { note: null, subscribe: null };
    const note = `#${known.name} is called #${name} now`;
    known.name = name;
    return { note, subscribe: null };
  }

  /** Remembers what can be quoted and which is the user's own last message. */
  remember(room: Room, event: StreamEvent, ownUid: number): void {
    const [content, edited] = event.body;
    if (event.kind === Kind.MSG_CREATE && typeof content === 'string') {
      this.#quote(room, event.seq, content);
      if (event.actor === ownUid) room.lastOwn = Math.max(room.lastOwn ?? 0, event.seq);
    }
    if (event.kind === Kind.MSG_EDIT && typeof content === 'number') {
      this.#quote(room, content, String(edited));
    }
    if (event.kind === Kind.MSG_DELETE && typeof content === 'number') room.quotes.delete(content);
    if (room.oldest === null || event.seq < room.oldest) room.oldest = event.seq;
  }

  #quote(room: Room, seq: number, text: string): void {
    room.quotes.set(seq, text);
    for (const oldest of room.quotes.keys()) {
      if (room.quotes.size <= QUOTES_MAX) break;
      room.quotes.delete(oldest);
    }
  }

  /** The channel (or the first channel of the guild) that a name means; '#' is optional. */
  find(text: string): Room | null {
    const name = text.replace(/^#/, '').toLowerCase();
    const rooms = [...this.#rooms.values()];
    const here = this.current?.gid;
    const named = rooms.filter((room) => room.name.toLowerCase() === name);
    const channel = named.find((room) => room.gid === here) ?? named[0];
    if (channel !== undefined) return channel;
    const guild = this.guilds().find((one) => one.name.toLowerCase() === name);
    if (guild !== undefined) return this.roomsOf(guild.gid)[0] ?? null;
    return rooms.find((room) => String(room.sid) === name) ?? null;
  }
}
