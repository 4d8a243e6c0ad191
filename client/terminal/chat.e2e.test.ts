/** Runs the terminal client as a process, on pipes, against a small site. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MockSite } from '../test/mock-site.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
/** What the launcher gives to Node: without the cache each run strips the types again. */
const NODE_FLAGS = ['--import', new URL('../../native/type-cache.mjs', import.meta.url).href];

/** One run of the terminal client on a pipe. */
class Run {
  output = '';
  errors = '';
  readonly exit: Promise<number | null>;
  readonly #child;
  #waiting: { readonly text: string; readonly resolve: () => void }[] = [];

  constructor(argv: readonly string[], config: string) {
    const env = { ...process.env, XDG_CONFIG_HOME: config, TZ: 'UTC' };
    this.#child = spawn(process.execPath, [...NODE_FLAGS, MAIN, ...argv], { env });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      this.#waiting = this.#waiting.filter((one) => {
        if (!this.output.includes(one.text)) return true;
        one.resolve();
        return false;
      });
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    this.exit = new Promise((resolve) => this.#child.on('close', resolve));
  }

  type(...lines: string[]): void {
    for (const line of lines) this.#child.stdin.write(`${line}\n`);
  }

  end(): Promise<number | null> {
    this.#child.stdin.end();
    return this.exit;
  }

  /** Resolves when the output holds a text; rejects when the program ends without it. */
  sees(text: string): Promise<void> {
    if (this.output.includes(text)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, resolve });
      void this.exit.then(() =>
        reject(new Error(`ended without "${text}":\n${this.output}${this.errors}`)),
      );
    });
  }
}

describe('npm run chat, on pipes', () => {
  let site: MockSite;
  let config: string;
  const run = (name: string, ...more: string[]): Run =>
    new Run(['--as', name, '--server', site.url, ...more], config);

  beforeEach(async () => {
    site = new MockSite();
    await site.start();
    config = await mkdtemp(join(tmpdir(), 'driftway-chat-'));
  });
  afterEach(async () => {
    await site.stop();
    await rm(config, { recursive: true, force: true });
  });

  test('alice and bob on a fresh server: they meet and talk without a question', async () => {
    const alice = run('alice');
    await alice.sees('the guild Lobby was made for you');
    await alice.sees('Lobby #general');
    const bob = run('bob', '--json');
    await bob.sees('by the invite that was left on this computer');
    await alice.sees('bob joined Lobby');
    alice.type('hello bob');
    await bob.sees('1 alice: hello bob');
    bob.type('/reply 1 hello alice', '/react 1 👍', '/edit last hello Alice', '/delete last');
    await alice.sees('2 bob: [to 1 (hello bob)] hello alice');
    await alice.sees('bob reacted 👍 to 1 (hello bob)');
    await alice.sees('bob changed 2 to: hello Alice');
    await alice.sees('bob deleted 2');
    bob.type('/status busy');
    await bob.sees('Others see you as busy now.');
    alice.type('/who', '/channels', '/guilds', '/invite', '/help', '/unsent', '/nonsense', '/quit');
    expect(await alice.exit).toBe(0);
    for (const text of [
      'alice (online)  bob (busy)',
      '* #general',
      '--join abc123',
      '/history [N]',
      'Everything is sent.',
    ]) {
      expect(alice.output).toContain(text);
    }
    expect(alice.output).toContain('! No command /nonsense');
    expect(await bob.end()).toBe(0);
    expect(alice.output + bob.output).not.toContain('\u001b');
  });

  test('a direct message: /dm opens it on both sides', async () => {
    const alice = run('alice');
    await alice.sees('Lobby #general');
    const bob = run('bob');
    await bob.sees('Lobby #general');
    alice.type('/dm carol', '/dm bob', 'just you', '/invite');
    await alice.sees('alice: just you');
    await bob.sees('you can talk with alice now; /switch @alice');
    bob.type('/switch @alice', 'me too', '/channels');
    await bob.sees('Direct messages');
    await alice.sees('bob: me too');
    expect(await bob.end()).toBe(0);
    expect(bob.output).toContain('1 alice: just you');
    await alice.end();
    expect(alice.output).toContain('Nobody called "carol" is known here.');
    expect(alice.output).toContain('/invite is for guilds.');
  });

  test('second start: stored tokens, history shown, piped lines sent before the end', async () => {
    const first = run('alice');
    first.type('one', 'two');
    expect(await first.end()).toBe(0);
    const second = run('alice', '--history', '1');
    await second.sees('welcome back');
    await second.sees('2 alice: two');
    expect(second.output).not.toContain('1 alice: one');
    second.type('/history 5');
    await second.sees('1 alice: one');
    expect(await second.end()).toBe(0);
    expect(site.requests.filter((row) => row === 'POST /auth/register').length).toBe(1);
    expect(site.server.stream(7).events.map((event) => event.body[0])).toEqual(['one', 'two']);
  });

  test('the server dies in mid-conversation: state shown, unsent lines kept, sent once when it is back', async () => {
    const alice = run('alice');
    await alice.sees('Lobby #general');
    alice.type('before');
    await alice.sees('1 alice: before');
    await site.stop();
    await alice.sees('connection lost (1006)');
    alice.type('while away', 'and more');
    // The end of the input waits for what is not sent.
    const ended = alice.end();
    await site.start();
    expect(await ended).toBe(0);
    const texts = site.server.stream(7).events.map((event) => event.body[0]);
    expect(texts).toEqual(['before', 'while away', 'and more']);
  });

  test('files: folders 0700, files 0600, no password that was typed', async () => {
    const alice = run('alice', '--password', 'typed by hand');
    await alice.sees('Lobby #general');
    expect(await alice.end()).toBe(0);
    const folder = join(config, 'driftway', new URL(site.url).host.replace(':', '_'));
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    for (const file of await readdir(folder)) {
      expect([file, (await stat(join(folder, file))).mode & 0o777]).toEqual([file, 0o600]);
      expect(await readFile(join(folder, file), 'utf8')).not.toContain('typed by hand');
    }
  });

  test('new data on the server: the same name is registered again', async () => {
    const first = run('alice');
    await first.sees('Lobby #general');
    await first.end();
    site.accounts.clear();
    site.server.users.clear();
    site.forgetLogins();
    const second = run('alice');
    await second.sees('a new account');
    expect(await second.end()).toBe(0);
  });

  test('a name of someone else, a wrong password, no server, wrong use: a sentence and a code', async () => {
    site.accounts.set('carol', { id: 99, username: 'carol', password: 'secret-secret' });
    const taken = run('carol');
    expect(await taken.exit).toBe(1);
    expect(taken.errors).toContain('carol belongs to someone on this server');
    const wrong = run('carol', '--password', 'guess');
    expect(await wrong.exit).toBe(1);
    expect(wrong.errors).toContain('Wrong password for carol');
    const nowhere = new Run(['--as', 'dave', '--server', 'http://127.0.0.1:1'], config);
    expect(await nowhere.exit).toBe(1);
    expect(nowhere.errors).toContain('No server at http://127.0.0.1:1');
    const misused = new Run(['--server', site.url], config);
    expect(await misused.exit).toBe(2);
    expect(misused.errors).toContain('--as NAME');
  });
});
