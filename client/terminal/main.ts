/**
 * Entry of the terminal client: `npm run chat -- --as NAME`. Reads the command line, signs in, connects
 * the parts and waits for the end.
 */
import { stdin, stdout } from 'node:process';
import type { ReadStream, WriteStream } from 'node:tty';
import { ClientError, DriftwayClient, memoryStorage, RestClient } from '../index.ts';
import { type ChatArgs, HELP, readArgs } from './args.ts';
import { Chat, explain } from './chat.ts';
import { SignInError, signIn } from './login.ts';
import { askPassword } from './password.ts';
import { ProfileStore, profileFolder } from './profile.ts';
import { Screen } from './screen.ts';

async function main(): Promise<number> {
  const parsed = readArgs(process.argv.slice(2));
  if (!parsed.ok && 'help' in parsed) {
    stdout.write(HELP);
    return 0;
  }
  if (!parsed.ok) {
    process.stderr.write(`${parsed.message}\n--help tells more.\n`);
    return 2;
  }
  const { args } = parsed;
  const store = new ProfileStore(profileFolder(args.server, process.env), args.name);
  try {
    return await chat(args, store);
  } catch (error) {
    process.stderr.write(`${describe(error, args)}\n`);
    return 1;
  } finally {
    await store.unlock();
  }
}

async function chat(args: ChatArgs, store: ProfileStore): Promise<number> {
  const open = new RestClient({ baseUrl: args.server });
  const isTerminal = stdin.isTTY === true && stdout.isTTY === true;
  const ask = (question: string): Promise<string | null> =>
    isTerminal
      ? askPassword(stdin as ReadStream, stdout as WriteStream, question)
      : Promise.resolve(null);
  const { tokens, how } = await signIn({ args, rest: open, store, ask });
  const hasOutbox = await store.lock();
  const client = new DriftwayClient({
    url: args.server,
    tokens,
    encoding: args.useJson ? 'json' : 'mp',
    clientName: 'driftway-terminal/1',
    storage: hasOutbox ? store.storage() : memoryStorage(),
    storagePrefix: 'chat',
  });
  const screen = new Screen({
    input: stdin,
    output: stdout,
    hasColor: process.env.NO_COLOR === undefined || process.env.NO_COLOR === '',
    complete: (line) => complete(running, line),
  });
  const running = new Chat({ args, client, rest: open.withTokens(tokens), store, screen });
  const greeting = { stored: 'welcome back', loggedIn: 'logged in', registered: 'a new account' };
  running.say(`${args.name} on ${args.server} (${greeting[how]})`);
  if (!hasOutbox) running.say('Another window has this name: unsent lines end with this one.');
  try {
    await running.run();
  } finally {
    screen.close();
    await client.close();
  }
  return running.exitCode;
}

/** Completes channel names after /switch. */
function complete(chat: Chat, line: string): [string[], string] {
  const match = /^\/switch #?(\S*)$/.exec(line);
  if (match === null) return [[], line];
  const names = chat.rooms.guilds().flatMap((guild) => chat.rooms.roomsOf(guild.gid));
  const fitting = names.map((room) => room.name).filter((name) => name.startsWith(match[1] ?? ''));
  return [fitting.map((name) => `/switch ${name}`), line];
}

function describe(error: unknown, args: ChatArgs): string {
  if (error instanceof SignInError) return error.message;
  if (error instanceof ClientError && error.code === 'DRIFT_CLIENT_UNREACHABLE') {
    return `No server at ${args.server}. Start one with: npm start`;
  }
  return explain(error);
}

process.exitCode = await main();
