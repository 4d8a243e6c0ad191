/** What each command does. It sees of the chat what Desk names. */
import type { DriftwayClient, Outgoing, RestClient } from '../index.ts';
import type { ChatArgs } from './args.ts';
import { COMMAND_HELP, type Command, type RoomCommand, type SendCommand } from './commands.ts';
import { listLines, type Style, unsentLine } from './render.ts';
import { DM_GUILD, type Room, type Rooms } from './rooms.ts';
import { displayWidth } from './text.ts';

/** What a command may use of the chat (chat.ts). */
export interface Desk {
  readonly options: {
    readonly args: ChatArgs;
    readonly client: DriftwayClient;
    readonly rest: RestClient;
    readonly screen: { readonly style: Style };
  };
  readonly rooms: Rooms;
  say(text: string): void;
  error(text: string): void;
  print(lines: readonly string[]): void;
  quit(): void;
  /** Follows an own line until it has come back. */
  follow(sid: number, outgoing: Outgoing): Promise<void>;
  /** Goes to a channel. */
  open(room: Room): Promise<void>;
  printOlder(room: Room, count: number): Promise<void>;
  /** Learns a guild and follows its channels. */
  loadGuild(gid: number, name: string): Promise<void>;
  /** Learns the direct messages and follows them. */
  loadDms(): Promise<void>;
}

/**
 * Does what a line says.
 * @param chat the chat
 * @param command the line
 */
export async function runCommand(chat: Desk, command: Command): Promise<void> {
  switch (command.name) {
    case 'nothing':
      return;
    case 'wrong':
      chat.error(command.message);
      return;
    case 'help':
      chat.print(COMMAND_HELP);
      return;
    case 'quit':
      chat.quit();
      return;
    case 'guilds':
    case 'channels':
    case 'unsent':
      showList(chat, command.name);
      return;
    case 'drop':
      drop(chat);
      return;
    case 'dm':
      await openDm(chat, command.text);
      return;
    case 'status':
      setStatus(chat, command.text);
      return;
    case 'join':
    case 'create':
      await enterGuild(chat, command.name, command.text);
      return;
    case 'switch': {
      const found = chat.rooms.find(command.text);
      if (found === null) chat.error(`No channel or guild "${command.text}". Try /channels.`);
      else await chat.open(found);
      return;
    }
    default:
      await inRoom(chat, command);
  }
}

async function inRoom(chat: Desk, command: RoomCommand): Promise<void> {
  const room = chat.rooms.current;
  if (room === null) {
    chat.error('You are in no channel yet. /join CODE, /create NAME or /switch NAME.');
    return;
  }
  if (room.gid === DM_GUILD && (command.name === 'invite' || command.name === 'channel')) {
    chat.error(`/${command.name} is for guilds. /switch to a channel first.`);
    return;
  }
  switch (command.name) {
    case 'invite':
      await invite(chat, room);
      break;
    case 'who':
      await who(chat, room);
      break;
    case 'channel':
      await chat.options.rest.createChannel(String(room.gid), { name: command.text });
      break;
    case 'history':
      await chat.printOlder(room, command.count);
      break;
    default:
      await send(chat, room, command);
  }
}

async function send(chat: Desk, room: Room, command: SendCommand): Promise<void> {
  const { client } = chat.options;
  const { sid } = room;
  if (command.name === 'say') {
    await chat.follow(sid, client.send(sid, command.text));
    return;
  }
  const seq = command.seq === 'last' ? room.lastOwn : command.seq;
  if (seq === null) chat.error('You have no message here yet.');
  else await chat.follow(sid, sendAbout(client, sid, seq, command));
}

function sendAbout(
  client: DriftwayClient,
  sid: number,
  seq: number,
  command: Exclude<SendCommand, { readonly name: 'say' }>,
): Outgoing {
  switch (command.name) {
    case 'reply':
      return client.send(sid, command.text, { replyTo: seq });
    case 'edit':
      return client.edit(sid, seq, command.text);
    case 'delete':
      return client.remove(sid, seq);
    default:
      return client.react(sid, seq, command.emoji, command.name === 'react');
  }
}

function showList(chat: Desk, name: 'guilds' | 'channels' | 'unsent'): void {
  const { style } = chat.options.screen;
  const here = chat.rooms.current;
  if (name === 'unsent') {
    const lines = chat.options.client.outbox().map((entry) => unsentLine(style, entry));
    chat.print(lines.length === 0 ? ['Everything is sent.'] : lines);
  } else if (name === 'guilds') {
    const rows = chat.rooms
      .guilds()
      .map((guild) => ({ text: guild.name, isCurrent: guild.gid === here?.gid }));
    chat.print(listLines(style, 'Guilds', rows));
  } else {
    const dms = { gid: DM_GUILD, name: chat.rooms.guildName(DM_GUILD) };
    const hasDms = chat.rooms.roomsOf(DM_GUILD).length > 0;
    for (const guild of [...chat.rooms.guilds(), ...(hasDms ? [dms] : [])]) {
      const mark = guild.gid === DM_GUILD ? '' : '#';
      const rows = chat.rooms.roomsOf(guild.gid).map((room) => ({
        text: `${mark}${room.name}${room.unread === 0 ? '' : ` (${room.unread} new)`}`,
        isCurrent: room === here,
      }));
      chat.print(listLines(style, guild.name, rows));
    }
  }
}

function drop(chat: Desk): void {
  const { client } = chat.options;
  const count = client.outbox().filter((entry) => client.cancel(entry.nonce)).length;
  chat.say(`${count} unsent lines given up.`);
}

async function enterGuild(chat: Desk, name: 'join' | 'create', text: string): Promise<void> {
  const { rest } = chat.options;
  const guild =
    name === 'join' ? (await rest.acceptInvite(text)).guild : await rest.createGuild(text);
  await chat.loadGuild(Number(guild.id), guild.name);
  const room = chat.rooms.roomsOf(Number(guild.id))[0];
  if (room !== undefined) await chat.open(room);
}

async function openDm(chat: Desk, name: string): Promise<void> {
  const uid = chat.rooms.findPerson(name);
  if (uid === null) {
    chat.error(`Nobody called "${name}" is known here. /who lists the members.`);
    return;
  }
  const { id } = await chat.options.rest.openDm(String(uid));
  await chat.loadDms();
  const room = chat.rooms.room(Number(id));
  if (room !== null) await chat.open(room);
}

const STATUSES = ['offline', 'online', 'idle', 'busy'];

function setStatus(chat: Desk, text: string): void {
  const status = STATUSES.indexOf(text);
  if (status < 1) {
    chat.error('/status takes online, idle or busy.');
    return;
  }
  chat.options.client.setStatus(status);
  chat.say(`Others see you as ${text} now.`);
}

async function invite(chat: Desk, room: Room): Promise<void> {
  const { rest, args } = chat.options;
  const { code } = await rest.createInvite(String(room.gid));
  const isLocal = args.server === 'http://127.0.0.1:7000';
  const where = isLocal ? '' : ` --server ${args.server}`;
  chat.say(`Invite to ${chat.rooms.guildName(room.gid)}, good for 7 days: ${code}`);
  chat.print([`  npm run chat -- --as NAME${where} --join ${code}`]);
}

/** Status is asked for as many as MEMBERS gives at once; the others are listed without. */
const STATUS_MAX = 100;

async function who(chat: Desk, room: Room): Promise<void> {
  const { rest, client } = chat.options;
  if (room.gid === DM_GUILD) {
    const names = room.members.map((uid) => chat.rooms.personName(uid));
    printNames(chat, `${names.length} people`, names);
    return;
  }
  const { items, next } = await rest.members(String(room.gid), { limit: 1000 });
  const uids = items.slice(0, STATUS_MAX).map(({ user }) => Number(user.id));
  const known = await client.members(room.gid, { uids }, uids.length);
  const statuses = new Map(known.map(({ uid, status }) => [uid, STATUSES[status]]));
  const names = items.map(({ user, nick }) => {
    const status = statuses.get(Number(user.id));
    const name = nick ?? user.displayName;
    return status === undefined || status === 'offline' ? name : `${name} (${status})`;
  });
  const more = next === null ? '' : ' (the first 1000)';
  printNames(chat, `${names.length} members${more}`, names);
}

function printNames(chat: Desk, title: string, list: readonly string[]): void {
  const { style } = chat.options.screen;
  const width = Math.max(...list.map(displayWidth), 1) + 2;
  const perLine = Math.max(1, Math.floor((style.columns - 4) / width));
  const rows: { text: string }[] = [];
  for (let from = 0; from < list.length; from += perLine) {
    const cells = list.slice(from, from + perLine);
    const padded = cells.map((name) => name + ' '.repeat(width - displayWidth(name)));
    rows.push({ text: padded.join('') });
  }
  chat.print(listLines(style, title, rows));
}
