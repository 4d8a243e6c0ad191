/**
 * Accounts, tokens and exports by the operators' command line against a real server, and what clients notice of it. The outsider's
 * clients; nothing of the product is imported.
 */
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { errorOf, unique } from './support/api-answers.ts';
import { type CliOptions, type CliRun, driftway } from './support/cli.ts';
import { useServer } from './support/fixture.ts';
import { until } from './support/server-process.ts';
import { OP } from './support/wire.ts';

const fixture = useServer({ users: 2, channels: 2 });
const CLOSE_REVOKED = 4507;
const folder = mkdtempSync(join(tmpdir(), 'driftway-operations-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cli = (words: readonly string[], options: CliOptions = {}): Promise<CliRun> =>
  driftway([...words, '--data-dir', fixture.server.dataDir], options);

interface Account {
  readonly id: string;
  readonly username: string;
  readonly disabledAt: number | null;
  readonly admin: boolean;
  readonly password?: string;
}

async function account(words: readonly string[], options: CliOptions = {}): Promise<Account> {
  return (await cli(['user', ...words, '--json'], options)).json<Account>();
}

/** The code of a command that failed. */
async function refusalOf(words: readonly string[]): Promise<string> {
  const run = await cli([...words, '--json']);
  expect(run.code).not.toBe(0);
  return run.json<{ error: { code: string } }>().error.code;
}

const scopesOf = (token: string): string | undefined =>
  (JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { scope?: string })
    .scope;

describe('user', () => {
  test('create: a password from standard input, or one that is made and shown once; a taken name is refused', async () => {
    const [given, made] = [unique('cli'), unique('cli')];
    const input = 'a password from a pipe\nsecond line\n';
    const first = await account(['create', given, '--password-file', '-'], { input });
    expect(first).toMatchObject({ username: given, admin: false, disabledAt: null });
    expect(first.password).toBeUndefined();
    await fixture.http.login(given, 'a password from a pipe');
    const second = await account(['create', made, '--display-name', 'Made Up']);
    await fixture.http.login(made, second.password);
    expect(await refusalOf(['user', 'create', made])).toBe('conflict');
    expect(await refusalOf(['user', 'create', 'no spaces here'])).toBe('invalid');
    const list = (await cli(['user', 'list', '--json'])).json<{ items: Account[] }>();
    expect(list.items.map(({ username }) => username)).toEqual(
      expect.arrayContaining([given, made, fixture.user(0).username]),
    );
    expect((await cli(['user', 'list'])).stdout).toMatch(new RegExp(`\\d+ +${made} +Made Up`));
  });

  test('disable: the socket closes with 4507, tokens are void, login is 403; enable: back again', async () => {
    const name = unique('cli');
    const { password } = await account(['create', name]);
    const login = await fixture.http.login(name, password);
    const client = await fixture.connect();
    await client.identify(login.accessToken);
    expect((await account(['disable', name])).disabledAt).toBeGreaterThan(0);
    expect((await client.closed).code).toBe(CLOSE_REVOKED);
    const token = login.accessToken;
    await until('401', 2000, async () => {
      const { status } = await fixture.http.api('/users/@me', { token });
      return status === 401 || undefined;
    });
    const body = { username: name, password };
    const refused = await fixture.http.api('/auth/login', { body });
    expect(errorOf(refused)).toEqual([403, 'forbidden']);
    const { refreshToken } = login;
    const again = await fixture.http.api('/auth/refresh', { body: { refreshToken } });
    expect(again.status).toBe(401);
    expect((await account(['enable', name])).disabledAt).toBeNull();
    await fixture.http.login(name, password);
  });

  test('password: the old one is void; the new one is in no log', async () => {
    const name = unique('cli');
    const { password: old } = await account(['create', name]);
    const { password } = await account(['password', name]);
    const refused = await fixture.http.api('/auth/login', {
      body: { username: name, password: old },
    });
    expect(errorOf(refused)).toEqual([401, 'bad_credentials']);
    await fixture.http.login(name, password);
    const audit = (await cli(['call', 'audit', '{}', '--json'])).stdout;
    expect(audit).toContain('user.password');
    for (const secret of [old!, password!]) {
      expect(audit).not.toContain(secret);
      expect(fixture.server.output()).not.toContain(secret);
    }
  });

  test('admin: the scope comes with the next login and goes with all of them', async () => {
    const name = unique('cli');
    const { password } = await account(['create', name]);
    expect(scopesOf((await fixture.http.login(name, password)).accessToken)).toBeUndefined();
    await account(['admin', name]);
    const login = await fixture.http.login(name, password);
    expect(scopesOf(login.accessToken)).toBe('admin');
    await account(['admin', name, '--off']);
    const { refreshToken } = login;
    const again = await fixture.http.api('/auth/refresh', { body: { refreshToken } });
    expect(again.status).toBe(401);
    expect(await refusalOf(['user', 'admin', 'nobody_of_that_name'])).toBe('not_found');
  });
});

describe('token', () => {
  interface Token {
    readonly id: string;
    readonly token: string;
    readonly scopes: readonly string[];
  }
  const create = async (words: readonly string[]): Promise<Token> =>
    (await cli(['token', 'create', ...words, '--json'])).json<Token>();
  const listed = async (): Promise<readonly string[]> =>
    (await cli(['token', 'list', '--json']))
      .json<{ items: { id: string }[] }>()
      .items.map(({ id }) => id);
  /** A command over the public port. */
  const remotely = (
    token: string,
    words: readonly string[] = ['user', 'list'],
  ): Promise<CliRun> => {
    const file = join(folder, 'token');
    writeFileSync(file, token);
    const url = `http://127.0.0.1:${fixture.port}`;
    return driftway([...words, '--json', '--url', url, '--token-file', file]);
  };

  test('admin: opens the admin socket over the network until it is revoked', async () => {
    const { id, scopes, token } = await create(['laptop', '--scopes', 'admin', '--ttl', '1h']);
    expect([scopes, scopesOf(token)]).toEqual([['admin'], 'admin']);
    expect((await remotely(token)).code).toBe(0);
    expect(await listed()).toContain(id);
    expect((await cli(['token', 'revoke', id])).code).toBe(0);
    expect(await listed()).not.toContain(id);
    await until('refused', 3000, async () => (await remotely(token)).code === 1 || undefined);
    const answer = await fixture.http.api('/users/@me', { token });
    expect(answer.status).toBe(401);
  });

  test('admin over the network: no path of its own choice, no further rights', async () => {
    const { token } = await create(['remote', '--scopes', 'admin']);
    const codeOf = async (words: readonly string[]): Promise<string> =>
      (await remotely(token, words)).json<{ error: { code: string } }>().error.code;
    const to = join(folder, 'stolen');
    expect(await codeOf(['backup', to])).toBe('forbidden');
    expect(await codeOf(['token', 'create', 'more', '--scopes', 'admin.danger'])).toBe('forbidden');
    expect(await codeOf(['user', 'password', fixture.user(0).username])).toBe('forbidden');
    expect(existsSync(to)).toBe(false);
    const made = (await remotely(token, ['backup', '--keep', '1'])).json<{ folder: string }>();
    expect(made.folder.startsWith(join(fixture.server.dataDir, 'backups'))).toBe(true);
  });

  test('metrics: not enough for the admin socket, and nobody for the chat', async () => {
    const { token } = await create(['prometheus']);
    const refused = await remotely(token);
    expect(refused.json<{ error: { code: string } }>().error.code).toBe('forbidden');
    const client = await fixture.connect();
    const reply = await client.request(OP.identify, [token, null, 'outsider 1', 0, null]);
    expect(reply[0]).toBe(OP.err);
    expect((await fixture.http.api('/users/@me', { token })).status).toBeGreaterThanOrEqual(400);
  });

  test('create: a longer life than any, an unknown scope, wrong use: refused', async () => {
    expect(await refusalOf(['token', 'create', 'x', '--ttl', '400d'])).toBe('invalid');
    expect(await refusalOf(['token', 'create', 'x', '--scopes', 'root'])).toBe('invalid');
    expect((await cli(['token', 'create', 'x', '--ttl', 'soon'])).code).toBe(2);
    expect(await refusalOf(['token', 'revoke', 'unknown'])).toBe('not_found');
  });
});

describe('export', () => {
  interface Line {
    readonly n: number;
    readonly prev: string;
    readonly type: string;
    readonly [field: string]: unknown;
  }

  test('a guild: every event of every channel in order, no secret, a chain that a change breaks', async () => {
    const client = await fixture.client(0);
    for (const sid of fixture.sids)
      for (let i = 1; i <= 30; i += 1) await client.append(sid, `export-${sid}-${i}`, `line ${i}`);
    const [sid] = fixture.sids as [number];
    expect((await client.request(OP.append, [sid, 'export-delete', 3, 7]))[0]).toBe(OP.ok);
    const file = join(folder, 'guild.jsonl');
    const run = await cli(['export', String(fixture.gid), '--out', file, '--json']);
    const { events, head, lines } = run.json<{ events: number; head: string; lines: number }>();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file, 'utf8');
    const parsed = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    expect(parsed.length).toBe(lines);
    for (const channel of fixture.sids) {
      const own = parsed.filter(
        (line) => line.type === 'event' && line.channelId === String(channel),
      );
      expect(own.map(({ seq }) => seq)).toEqual(own.map((_line, i) => i + 1));
      expect(own.slice(0, 6).map(({ body }) => body)).toEqual(
        [1, 2, 3, 4, 5, 6].map((i) => [`line ${i}`]),
      );
    }
    expect(text).not.toMatch(/argon2|passwordHash|email|refresh|export-\d/);
    const deleted = parsed.find(
      (line) => line.type === 'event' && line.channelId === String(sid) && line.seq === 7,
    );
    expect(deleted).toMatchObject({ kind: 0, body: [] });
    expect(parsed.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['guild', 'member', 'user']),
    );
    const verified = await driftway(['verify', file, '--json']);
    expect(verified.json()).toMatchObject({ events, head, lines });
    writeFileSync(file, text.replace('line 5', 'line V'));
    const changed = (await driftway(['verify', file, '--json'])).json<{
      error: { code: string };
    }>();
    expect(changed.error.code).toBe('damaged');
    writeFileSync(file, text);
    appendFileSync(file, '{}\n');
    expect((await driftway(['verify', file])).code).toBe(1);
    writeFileSync(file, text.split('\n').slice(0, -2).join('\n'));
    expect((await driftway(['verify', file])).code).toBe(1);
  });

  test('a guild that is not there: not_found, no file', async () => {
    const file = join(folder, 'none.jsonl');
    expect(await refusalOf(['export', '4711', '--out', file])).toBe('not_found');
    expect((await cli(['export', 'home'])).code).toBe(2);
    expect(existsSync(file)).toBe(false);
  });
});
