/**
 * Accounts, one guild, channels and invites on the server under test, made over the HTTP API of api.md. One world per server; it makes
 * what a case asks for and keeps accounts for the next case. Tokens live in memory only.
 */
import { randomBytes } from 'node:crypto';
import { Failure } from '../peer/failure.ts';
import { pause } from '../peer/time.ts';
import { Unfit } from './types.ts';

/** An account with its present tokens. */
export interface User {
  readonly username: string;
  readonly uid: number;
  accessToken: string;
  refreshToken: string;
  /** Of the access token, ms since 1970. */
  expiresAt: number;
}

/** An answer of the HTTP API. */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Longer waits than this for a rate limit make the case unfit. */
const WAIT_MAX_MS = 20_000;
/** A token is renewed when it has less than this to live. */
const FRESH_MS = 15_000;

/** Everything that the cases share on one server. */
export class World {
  readonly url: string;
  readonly #users = new Map<string, Promise<User>>();
  #guild: Promise<{ readonly gid: string; readonly invite: string }> | undefined;

  constructor(url: string) {
    this.url = url.replace(/\/+$/, '').replace(/^ws/, 'http');
  }

  /** The member called `name` in the cases; the same account each time. `owner` owns the guild. */
  async user(name: string): Promise<User> {
    const known = this.#users.get(name);
    if (known !== undefined) return known;
    const made = name === 'owner' ? this.register(name) : this.#join(name);
    this.#users.set(name, made);
    return made;
  }

  /** A new account without a guild. */
  async register(name: string): Promise<User> {
    const username = `c_${name.toLowerCase()}_${randomBytes(6).toString('hex')}`;
    const password = randomBytes(18).toString('base64url');
    return asUser(username, await this.#granted('/auth/register', { username, password }));
  }

  /** The guild of this run. */
  async gid(): Promise<string> {
    return (await this.#home()).gid;
  }

  /** A new text channel that every member sees. */
  async channel(): Promise<number> {
    const gid = await this.gid();
    const name = `case-${randomBytes(4).toString('hex')}`;
    const { body } = await this.must('owner', 'POST', `/guilds/${gid}/channels`, { name });
    return Number(body.id);
  }

  /** Makes `name` a member of the guild again. */
  async rejoin(name: string): Promise<void> {
    const { invite } = await this.#home();
    await this.must(name, 'POST', `/invites/${invite}`, {});
  }

  /** An access token that lives for a while yet. */
  async token(user: User): Promise<string> {
    if (user.expiresAt - Date.now() < FRESH_MS) await this.renew(user);
    return user.accessToken;
  }

  /** New tokens of the same login. */
  async renew(user: User): Promise<void> {
    const grant = await this.#granted('/auth/refresh', { refreshToken: user.refreshToken });
    const { accessToken, refreshToken, expiresAt } = asUser(user.username, grant);
    Object.assign(user, { accessToken, refreshToken, expiresAt });
  }

  /** One request as the named user; rate limits are waited for. */
  async call(name: string, method: string, path: string, body?: object): Promise<Answer> {
    const token = await this.token(await this.user(name));
    return this.#send(method, path, body, token);
  }

  /** As call; Failure unless it is answered 2xx. */
  async must(name: string, method: string, path: string, body?: object): Promise<Answer> {
    return succeeded(`${method} ${path}`, await this.call(name, method, path, body));
  }

  async #join(name: string): Promise<User> {
    const { invite } = await this.#home();
    const user = await this.register(name);
    const joined = await this.#send('POST', `/invites/${invite}`, {}, user.accessToken);
    succeeded('POST /invites/:code', joined);
    return user;
  }

  #home(): Promise<{ readonly gid: string; readonly invite: string }> {
    this.#guild ??= this.#found();
    return this.#guild;
  }

  async #found(): Promise<{ readonly gid: string; readonly invite: string }> {
    const guild = await this.must('owner', 'POST', '/guilds', { name: 'Conformance' });
    const gid = String(guild.body.id);
    const invite = await this.must('owner', 'POST', `/guilds/${gid}/invites`, { maxAgeS: 0 });
    return { gid, invite: String(invite.body.code) };
  }

  async #granted(path: string, body: object): Promise<Answer['body']> {
    return succeeded(`POST ${path}`, await this.#send('POST', path, body)).body;
  }

  async #send(method: string, path: string, body?: object, token?: string): Promise<Answer> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    for (;;) {
      const response = await fetch(`${this.url}/api/v1${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const answer = { status: response.status, body: text === '' ? {} : JSON.parse(text) };
      if (answer.status !== 429) return answer;
      const waitMs = Number(answer.body.retryAfterMs ?? 1000);
      if (waitMs > WAIT_MAX_MS)
        throw new Unfit('needs limits', `${method} ${path}: rate limit, ${waitMs} ms to wait`);
      await pause(waitMs);
    }
  }
}

function succeeded(what: string, answer: Answer): Answer {
  const { status, body } = answer;
  if (status < 200 || status > 299)
    throw new Failure(`${what}: got ${status} ${String(body.code)} ${String(body.message)}`);
  return answer;
}

function asUser(username: string, grant: Answer['body']): User {
  const { user, accessToken, refreshToken, expiresAt } = grant as {
    readonly user: { readonly id: string };
    readonly accessToken: string;
    readonly refreshToken: string;
    readonly expiresAt: number;
  };
  return { username, uid: Number(user.id), accessToken, refreshToken, expiresAt };
}
