/**
 * The terminal client at work: what the SDK tells becomes lines, what is typed becomes calls
 * (actions.ts). One per process.
 */
import { Kind, type StreamEvent } from '../../gateway/protocol/index.ts';
import {
  ClientError,
  type ClientState,
  type DriftwayClient,
  type Outgoing,
  type RestClient,
  systemClock,
  type UnknownRange,
} from '../index.ts';
import { type Desk, runCommand } from './actions.ts';
import type { ChatArgs } from './args.ts';
import { readCommand } from './commands.ts';
import { findLobby } from './lobby.ts';
import type { ProfileStore } from './profile.ts';
import {
  dayLine,
  errorLine,
  eventLines,
  isOtherDay,
  type Names,
  noteLine,
  promptText,
  stateText,
  unsentLine,
} from './render.ts';
import { DM_GUILD, type Room, Rooms } from './rooms.ts';
import type { Screen } from './screen.ts';

/** Parts of a chat. */
export interface ChatOptions {
  readonly args: ChatArgs;
  readonly client: DriftwayClient;
  readonly rest: RestClient;
  readonly store: ProfileStore;
  readonly screen: Screen;
}

/** An own line is shown as unsent after this, unless it has come back. */
const UNSENT_AFTER_MS = 1_500;
/** At the end of piped input, unsent lines get this long. */
const DRAIN_MS = 10_000;
const MEMBERS_EVERY_MS = 5_000;

/** The chat of one user. */
export class Chat implements Desk {
  readonly options: ChatOptions;
  readonly rooms = new Rooms();
  /** Events of the channel that is being opened wait until its history is printed. */
  #opening: { readonly sid: number; readonly events: StreamEvent[] } | null = null;
  #lastPrintedTs = 0;
  #work: Promise<void> = Promise.resolve();
  #membersReadAt = new Map<number, number>();
  #quit: () => void = () => undefined;
  #isOver = false;
  /** Resolves when the chat is over. */
  readonly done: Promise<void>;
  exitCode = 0;

  constructor(options: ChatOptions) {
    this.options = options;
    this.done = new Promise((resolve) => {
      this.#quit = resolve;
    });
  }

  /** Connects, finds a channel, and takes input until the end. */
  async run(): Promise<void> {
    const { client, screen } = this.options;
    client.on('state', (state) => this.#onState(state));
    client.on('event', (event) => this.#onEvent(event));
    client.on('gap', (range) => this.#onGap(range));
    client.on('ended', ({ sid }) => this.#onEnded(sid));
    client.on('sent', ({ entry, result }) => {
      const room = this.rooms.room(entry.sid);
      if (room !== null && entry.kind === Kind.MSG_CREATE) room.lastOwn = result.seq;
      this.refreshPrompt();
    });
    client.on('failed', ({ entry, error }) => {
      this.error(`Not sent: "${String(entry.body[0])}". ${explain(error)}`);
      if (!screen.isInteractive) this.exitCode = 1;
    });
    client.on('warning', (error) => this.error(`Cannot keep unsent messages: ${String(error)}`));
    const ready = this.#start();
    // Piped lines wait for the channel; a person may type /quit before.
    if (!screen.isInteractive) this.#enqueue(() => ready);
    screen.listen(
      (line) => this.#enqueue(() => this.#onLine(line)),
      () => this.#enqueue(() => this.#onInputEnd()),
    );
    this.refreshPrompt();
    await ready;
    await this.done;
  }

  /** Ends the chat. */
  quit(): void {
    this.#isOver = true;
    this.#quit();
  }

  say(text: string): void {
    this.print(noteLine(this.options.screen.style, text));
  }

  error(text: string): void {
    this.print(errorLine(this.options.screen.style, text));
  }

  print(lines: readonly string[]): void {
    this.options.screen.print(lines);
  }

  refreshPrompt(): void {
    const { client, screen, args } = this.options;
    const room = this.rooms.current;
    const where = room === null ? args.name : this.rooms.title(room);
    screen.setPrompt(promptText(screen.style, where, client.state, client.outbox().length));
  }

  /**
   * Follows an own line: marks it as unsent where the user would otherwise wonder; without a terminal the
   * next line waits until it has come back.
   */
  async follow(sid: number, outgoing: Outgoing): Promise<void> {
    const { client, screen } = this.options;
    this.refreshPrompt();
    if (!screen.isInteractive) {
      await withTimeout(this.#comesBack(sid, outgoing), DRAIN_MS);
      return;
    }
    const show = (): void => {
      const entry = client.outbox().find((one) => one.nonce === outgoing.nonce);
      if (entry !== undefined) this.print([unsentLine(screen.style, entry)]);
    };
    if (client.state.name === 'online') systemClock.setTimeout(show, UNSENT_AFTER_MS);
    else show();
  }

  /** The OK and the event race; only the event prints the line. */
  async #comesBack(sid: number, outgoing: Outgoing): Promise<void> {
    const { client } = this.options;
    const { seq } = await outgoing.done;
    const hasCome = (client.positions().get(sid)?.seq ?? seq) >= seq;
    if (!hasCome) await client.once('event', (event) => event.sid === sid && event.seq >= seq);
  }

  // ------------------------------------------------------------- start

  async #start(): Promise<void> {
    const { client, args, rest, store } = this.options;
    const identity = await client.connect();
    await client.subscribe(identity.userSid);
    const say = (text: string): void => this.say(text);
    const hasGuilds = identity.guilds.length > 0;
    const lobby = await findLobby({ rest, store, join: args.join, hasGuilds, say });
    for (const { gid, name } of identity.guilds) await this.loadGuild(gid, name);
    await this.loadDms();
    if (lobby !== null) await this.loadGuild(Number(lobby.id), lobby.name);
    const { channel } = await store.read();
    const first = lobby === null ? this.rooms.guilds()[0]?.gid : Number(lobby.id);
    const last = lobby === null && channel !== null ? this.rooms.room(channel) : null;
    const room = last ?? (first === undefined ? undefined : this.rooms.roomsOf(first)[0]);
    if (room === undefined) this.say('No channel here yet. /join CODE or /create NAME.');
    else await this.open(room);
    if (this.options.screen.isInteractive) this.say('/help lists the commands.');
  }

  /** Learns a guild and follows its channels. */
  async loadGuild(gid: number, name: string): Promise<void> {
    const { client } = this.options;
    const guild = await client.guild(gid);
    const sids = this.rooms.setGuild(gid, name, guild);
    await this.readMembers(gid);
    await Promise.all(sids.map((sid) => this.#subscribe(sid)));
  }

  /** Learns the direct messages and follows them. */
  async loadDms(): Promise<void> {
    const { client, rest } = this.options;
    const { items } = await rest.dms();
    const sids = this.rooms.setDms(items, client.identity?.uid ?? 0);
    await Promise.all(sids.map((sid) => this.#subscribe(sid)));
  }

  async #subscribe(sid: number): Promise<void> {
    try {
      await this.options.client.subscribe(sid);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
    }
  }

  async readMembers(gid: number): Promise<void> {
    this.#membersReadAt.set(gid, systemClock.now());
    const { items } = await this.options.rest.members(String(gid), { limit: 1000 });
    for (const { user, nick } of items) {
      this.rooms.addPerson(Number(user.id), nick ?? user.displayName);
    }
  }

  // ------------------------------------------------------------- channels

  /** Goes to a channel: its title, its history, then live. */
  async open(room: Room): Promise<void> {
    const { client, store, args, screen } = this.options;
    this.rooms.enter(room.sid);
    room.oldest = null;
    const opening = { sid: room.sid, events: [] as StreamEvent[] };
    this.#opening = opening;
    this.refreshPrompt();
    this.say(this.rooms.title(room));
    try {
      const anchor = client.positions().get(room.sid)?.seq ?? 0;
      if (anchor > 0 && args.historyCount > 0) {
        const history = await client.history(room.sid, { anchor, before: args.historyCount });
        for (const event of history.events) this.#printEvent(room, event);
      }
    } catch (error) {
      this.error(`No history: ${explain(error)}`);
    }
    if (this.#opening === opening) {
      this.#opening = null;
      for (const event of opening.events) this.#printEvent(room, event);
    }
    await store.update({ channel: room.sid }).catch((error: unknown) => {
      if (screen.isInteractive) this.error(`Cannot store the channel: ${String(error)}`);
    });
  }

  /** Prints what came before the oldest line shown. */
  async printOlder(room: Room, count: number): Promise<void> {
    const oldest = room.oldest;
    if (oldest !== null && oldest <= 1) {
      this.say('There is nothing before that.');
      return;
    }
    const { client } = this.options;
    const anchor = oldest === null ? 0 : oldest - 1;
    const history = await client.history(room.sid, { anchor, before: count });
    this.say(`${history.events.length} older events:`);
    for (const event of history.events) this.#printEvent(room, event);
    this.say('That was older. Now it goes on.');
  }

  #names(room: Room): Names {
    return {
      user: (uid) => this.rooms.personName(uid),
      quote: (seq) => room.quotes.get(seq) ?? null,
      ownUid: this.options.client.identity?.uid ?? 0,
    };
  }

  #printEvent(room: Room, event: StreamEvent): void {
    const { style } = this.options.screen;
    this.rooms.remember(room, event, this.options.client.identity?.uid ?? 0);
    const lines = eventLines(style, event, this.#names(room));
    if (lines.length > 0 && isOtherDay(event.ts, this.#lastPrintedTs)) {
      lines.unshift(dayLine(style, event.ts));
    }
    if (lines.length > 0) this.#lastPrintedTs = event.ts;
    this.print(lines);
    if (this.rooms.current === room) this.options.client.mark(room.sid, event.seq);
  }

  // ------------------------------------------------------------- what the SDK tells

  #onState(state: ClientState): void {
    const text = stateText(state);
    if (text !== null) this.say(text);
    if (state.name === 'online' && this.rooms.current !== null) this.say('connected again');
    this.refreshPrompt();
    if (state.name !== 'stopped' || state.why === 'closed') return;
    if (state.why === 'signedOut') this.say('Your login is over. Start again to log in.');
    this.exitCode = 1;
    this.quit();
  }

  #onEvent(event: StreamEvent): void {
    const { client } = this.options;
    if (event.sid === client.identity?.userSid) {
      this.#enqueue(() => this.#onUserEvent(event));
      return;
    }
    const view = this.rooms.guildOfView(event.sid);
    if (view !== null) {
      this.#onViewEvent(view, event);
      return;
    }
    const room = this.rooms.room(event.sid);
    if (room === null) return;
    if (!this.rooms.knowsPerson(event.actor)) this.#readMembersSoon(room.gid);
    if (this.#opening?.sid === event.sid) this.#opening.events.push(event);
    else if (this.rooms.current?.sid === event.sid) this.#printEvent(room, event);
    else this.#onElsewhere(room, event);
  }

  #onElsewhere(room: Room, event: StreamEvent): void {
    this.rooms.remember(room, event, this.options.client.identity?.uid ?? 0);
    if (event.kind !== Kind.MSG_CREATE) return;
    room.unread += 1;
    const place = room.gid === DM_GUILD ? room.name : `#${room.name}`;
    if (room.unread === 1) this.say(`new in ${place}; /switch ${room.name}`);
  }

  #onViewEvent(gid: number, event: StreamEvent): void {
    const { note, subscribe } = this.rooms.applyView(gid, event);
    if (note !== null) this.say(note);
    if (subscribe !== null) this.#enqueue(() => this.#subscribe(subscribe));
    this.refreshPrompt();
  }

  async #onUserEvent(event: StreamEvent): Promise<void> {
    const { rest } = this.options;
    const gid = typeof event.body[0] === 'number' ? event.body[0] : 0;
    if (event.kind === Kind.GUILD_JOINED || event.kind === Kind.ACL_CHANGED) {
      // At the start the lobby's own sentence says it.
      const isNew =
        this.rooms.current !== null && !this.rooms.guilds().some((guild) => guild.gid === gid);
      await this.loadGuild(gid, (await rest.guild(String(gid))).name);
      if (isNew) this.say(`you are in ${this.rooms.guildName(gid)} now`);
    } else if (event.kind === Kind.GUILD_LEFT) {
      this.say(`you are not in ${this.rooms.guildName(gid)} any more`);
      this.rooms.removeGuild(gid);
    } else if (event.kind === Kind.DM_OPENED) await this.#onDm(gid);
    this.refreshPrompt();
  }

  /** The first message of a new one may have been sent before it was followed. */
  async #onDm(sid: number): Promise<void> {
    const isNew = this.rooms.room(sid) === null;
    await this.loadDms();
    const room = this.rooms.room(sid);
    if (isNew && room !== null && this.rooms.current !== room)
      this.say(`you can talk with ${room.name.slice(1)} now; /switch ${room.name}`);
  }

  #onGap(range: UnknownRange): void {
    const room = this.rooms.room(range.sid);
    if (room === null || this.rooms.current !== room) return;
    if (range.isVoid) {
      this.say('The server has another history of this channel now.');
      room.quotes.clear();
      this.#enqueue(() => this.open(room));
    } else if (range.to >= range.from) {
      this.say(
        `${range.to - range.from + 1} events were not delivered (${range.from}-${range.to}).`,
      );
    }
  }

  #onEnded(sid: number): void {
    const room = this.rooms.room(sid);
    if (room === null) return;
    this.say(`${this.rooms.title(room)} is gone, or not for you any more`);
    this.rooms.removeRoom(sid);
    this.refreshPrompt();
  }

  /** Names of people who joined while we were away. */
  #readMembersSoon(gid: number): void {
    const readAt = this.#membersReadAt.get(gid) ?? 0;
    if (gid !== DM_GUILD && systemClock.now() - readAt > MEMBERS_EVERY_MS)
      this.#enqueue(() => this.readMembers(gid));
  }

  // ------------------------------------------------------------- what is typed

  async #onLine(line: string): Promise<void> {
    await runCommand(this, readCommand(line));
    this.refreshPrompt();
  }

  async #onInputEnd(): Promise<void> {
    const { client, screen } = this.options;
    if (!screen.isInteractive && client.outbox().length > 0) await this.#drain();
    this.quit();
  }

  /** Waits until everything is sent, or for 10 s. */
  #drain(): Promise<void> {
    const { client } = this.options;
    return new Promise((resolve) => {
      const timer = systemClock.setTimeout(() => finish(1), DRAIN_MS);
      const check = (): void => {
        if (client.outbox().length === 0) finish(0);
      };
      const ends = [client.on('sent', check), client.on('failed', check)];
      const finish = (code: number): void => {
        systemClock.clearTimeout(timer);
        for (const end of ends) end();
        if (code !== 0) this.error(`${client.outbox().length} lines were not sent; they are kept.`);
        this.exitCode ||= code;
        resolve();
      };
    });
  }

  /** One thing after the other, so that lines and guild changes keep their order. */
  #enqueue(work: () => Promise<void>): void {
    const step = (): Promise<void> => (this.#isOver ? Promise.resolve() : work());
    this.#work = this.#work.then(step).catch((error: unknown) => {
      if (this.#isOver) return;
      this.error(explain(error));
      if (!this.options.screen.isInteractive) this.exitCode = 1;
    });
  }
}

/** Resolves when the promise has settled, or after a while. */
function withTimeout(promise: Promise<unknown>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = systemClock.setTimeout(resolve, ms);
    const finish = (): void => {
      systemClock.clearTimeout(timer);
      resolve();
    };
    promise.then(finish, finish);
  });
}

/** An error in words. */
export function explain(error: unknown): string {
  if (!(error instanceof ClientError)) return String(error);
  const { err } = error.data;
  if (error.code === 'DRIFT_CLIENT_UNREACHABLE') return 'The server cannot be reached.';
  if (error.code === 'DRIFT_CLIENT_OFFLINE') return 'Not connected.';
  if (error.code === 'DRIFT_CLIENT_OUTCOME_UNKNOWN') {
    return 'It may have arrived or not, and is too old to be sent again. Look with /history.';
  }
  if (err === 110) return 'These characters are not allowed.';
  if (err === 111) return 'That is too long.';
  if (err === 301) return 'There is no such channel for you.';
  if (err === 303 || err === 'forbidden') return 'You may not do that.';
  if (err === 101) return 'There is no such message.';
  return error.message;
}
