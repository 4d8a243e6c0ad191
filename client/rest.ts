/**
 * The HTTP interface of api.md as methods. Uses an injected fetch; an answer that is no success becomes a
 * ClientError. With tokens it sends the bearer, and renews it once when the server says that it expired.
 */
import { ClientError } from './errors.ts';
import type {
  RestChannel,
  RestDm,
  RestGrant,
  RestGuild,
  RestInvite,
  RestInvitePreview,
  RestList,
  RestMember,
  RestMessage,
  RestMessages,
  RestUser,
  RestVoiceSettings,
} from './rest-types.ts';

/** Where access tokens come from. */
export interface TokenSource {
  /** A token that is good for a while yet. Rejects with DRIFT_CLIENT_SIGNED_OUT when the login is over. */
  get(): Promise<string>;
  /** A new token, whatever the present one looks like. Calls at the same time share one renewal. */
  renew(): Promise<string>;
}

/** Options of RestClient. */
export interface RestOptions {
  /** Server, for example `http://127.0.0.1:7000`. */
  readonly baseUrl: string;
  /** Default: the global fetch. */
  readonly fetch?: typeof fetch;
  /** Needed for everything but auth and invites. */
  readonly tokens?: TokenSource;
  /** Default 15,000. */
  readonly timeoutMs?: number;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: Record<string, unknown>;
  readonly query?: Record<string, string | number | undefined>;
  readonly isPublic?: boolean;
}

/** Which messages: one of the three, exclusive except `around`; default the newest. */
export interface MessagePage {
  readonly before?: number;
  readonly after?: number;
  readonly around?: number;
  /** 1-100, default 50. */
  readonly limit?: number;
}

/** Client of `/api/v1`. */
export class RestClient {
  readonly #base: string;
  readonly #fetch: typeof fetch;
  readonly #tokens: TokenSource | undefined;
  readonly #timeoutMs: number;

  constructor(options: RestOptions) {
    this.#base = `${options.baseUrl.replace(/\/+$/, '')}/api/v1`;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#tokens = options.tokens;
    this.#timeoutMs = options.timeoutMs ?? 15_000;
  }

  /** The same server with tokens. */
  withTokens(tokens: TokenSource): RestClient {
    const baseUrl = this.#base.slice(0, -'/api/v1'.length);
    return new RestClient({ baseUrl, fetch: this.#fetch, tokens, timeoutMs: this.#timeoutMs });
  }

  register(body: {
    readonly username: string;
    readonly password: string;
    readonly displayName?: string;
    readonly email?: string;
    readonly invite?: string;
  }): Promise<RestGrant> {
    return this.#call({ method: 'POST', path: '/auth/register', body, isPublic: true });
  }

  login(username: string, password: string): Promise<RestGrant> {
    const body = { username, password };
    return this.#call({ method: 'POST', path: '/auth/login', body, isPublic: true });
  }

  refresh(refreshToken: string): Promise<RestGrant> {
    const body = { refreshToken };
    return this.#call({ method: 'POST', path: '/auth/refresh', body, isPublic: true });
  }

  async logout(refreshToken: string): Promise<void> {
    const body = { refreshToken };
    await this.#call<null>({ method: 'POST', path: '/auth/logout', body, isPublic: true });
  }

  me(): Promise<RestUser> {
    return this.#call({ method: 'GET', path: '/users/@me' });
  }

  updateMe(body: { readonly displayName?: string }): Promise<RestUser> {
    return this.#call({ method: 'PATCH', path: '/users/@me', body });
  }

  myGuilds(): Promise<RestList<RestGuild>> {
    return this.#call({ method: 'GET', path: '/users/@me/guilds' });
  }

  createGuild(name: string): Promise<RestGuild> {
    return this.#call({ method: 'POST', path: '/guilds', body: { name } });
  }

  guild(id: string): Promise<RestGuild> {
    return this.#call({ method: 'GET', path: `/guilds/${part(id)}` });
  }

  updateGuild(id: string, body: { readonly name?: string }): Promise<RestGuild> {
    return this.#call({ method: 'PATCH', path: `/guilds/${part(id)}`, body });
  }

  async deleteGuild(id: string): Promise<void> {
    await this.#call<null>({ method: 'DELETE', path: `/guilds/${part(id)}` });
  }

  async leaveGuild(id: string): Promise<void> {
    await this.#call<null>({ method: 'DELETE', path: `/guilds/${part(id)}/members/@me` });
  }

  channels(guildId: string): Promise<RestList<RestChannel>> {
    return this.#call({ method: 'GET', path: `/guilds/${part(guildId)}/channels` });
  }

  createChannel(
    guildId: string,
    body: {
      readonly name: string;
      readonly type?: string;
      readonly topic?: string;
      readonly voice?: Partial<RestVoiceSettings>;
    },
  ): Promise<RestChannel> {
    return this.#call({ method: 'POST', path: `/guilds/${part(guildId)}/channels`, body });
  }

  updateChannel(
    id: string,
    body: {
      readonly name?: string;
      readonly topic?: string | null;
      readonly position?: number;
      readonly voice?: Partial<RestVoiceSettings>;
    },
  ): Promise<RestChannel> {
    return this.#call({ method: 'PATCH', path: `/channels/${part(id)}`, body });
  }

  async deleteChannel(id: string): Promise<void> {
    await this.#call<null>({ method: 'DELETE', path: `/channels/${part(id)}` });
  }

  createInvite(
    guildId: string,
    body: { readonly maxUses?: number; readonly maxAgeS?: number } = {},
  ): Promise<RestInvite> {
    return this.#call({ method: 'POST', path: `/guilds/${part(guildId)}/invites`, body });
  }

  invite(code: string): Promise<RestInvitePreview> {
    return this.#call({ method: 'GET', path: `/invites/${part(code)}`, isPublic: true });
  }

  acceptInvite(code: string): Promise<{ readonly guild: RestGuild }> {
    return this.#call({ method: 'POST', path: `/invites/${part(code)}` });
  }

  members(
    guildId: string,
    query: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<RestList<RestMember>> {
    return this.#call({ method: 'GET', path: `/guilds/${part(guildId)}/members`, query });
  }

  async kick(guildId: string, userId: string): Promise<void> {
    const path = `/guilds/${part(guildId)}/members/${part(userId)}`;
    await this.#call<null>({ method: 'DELETE', path });
  }

  async ban(guildId: string, userId: string, reason?: string): Promise<void> {
    const path = `/guilds/${part(guildId)}/bans/${part(userId)}`;
    const body = reason === undefined ? {} : { reason };
    await this.#call<null>({ method: 'PUT', path, body });
  }

  async unban(guildId: string, userId: string): Promise<void> {
    const path = `/guilds/${part(guildId)}/bans/${part(userId)}`;
    await this.#call<null>({ method: 'DELETE', path });
  }

  dms(): Promise<RestList<RestDm>> {
    return this.#call({ method: 'GET', path: '/users/@me/dms' });
  }

  /** The direct message with a user, made when there is none. */
  openDm(userId: string): Promise<RestDm> {
    return this.#call({ method: 'POST', path: '/users/@me/dms', body: { userId } });
  }

  /** A new group with 1 to 15 others. */
  openGroup(userIds: readonly string[], name?: string): Promise<RestDm> {
    const body = { userIds, ...(name === undefined ? {} : { name }) };
    return this.#call({ method: 'POST', path: '/users/@me/dms', body });
  }

  async leaveDm(id: string): Promise<void> {
    await this.#call<null>({ method: 'DELETE', path: `/dms/${part(id)}/recipients/@me` });
  }

  threads(channelId: string): Promise<RestList<RestChannel>> {
    return this.#call({ method: 'GET', path: `/channels/${part(channelId)}/threads` });
  }

  createThread(
    channelId: string,
    body: { readonly seq: number; readonly name: string },
  ): Promise<RestChannel> {
    return this.#call({ method: 'POST', path: `/channels/${part(channelId)}/threads`, body });
  }

  pins(channelId: string): Promise<RestList<RestMessage>> {
    return this.#call({ method: 'GET', path: `/channels/${part(channelId)}/pins` });
  }

  messages(channelId: string, page: MessagePage = {}): Promise<RestMessages> {
    const query = { ...page };
    return this.#call({ method: 'GET', path: `/channels/${part(channelId)}/messages`, query });
  }

  postMessage(
    channelId: string,
    body: { readonly content: string; readonly nonce: string; readonly replyTo?: number },
  ): Promise<RestMessage> {
    return this.#call({ method: 'POST', path: `/channels/${part(channelId)}/messages`, body });
  }

  async #call<T>(call: Call): Promise<T> {
    if (call.isPublic === true) return this.#once<T>(call, null);
    if (this.#tokens === undefined) {
      throw new ClientError('DRIFT_CLIENT_SIGNED_OUT', `Call ${call.path}: no tokens were given`);
    }
    try {
      return await this.#once<T>(call, await this.#tokens.get());
    } catch (error) {
      const isExpired = error instanceof ClientError && error.data.err === 'token_expired';
      if (!isExpired) throw error;
      return await this.#once<T>(call, await this.#tokens.renew());
    }
  }

  async #once<T>(call: Call, token: string | null): Promise<T> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (call.body !== undefined) headers['content-type'] = 'application/json';
    if (token !== null) headers.authorization = `Bearer ${token}`;
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(`${this.#base}${call.path}${queryOf(call.query)}`, {
        method: call.method,
        headers,
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      text = await response.text();
    } catch (cause) {
      const message = `Call ${call.path}: the server could not be reached`;
      throw new ClientError('DRIFT_CLIENT_UNREACHABLE', message, {}, cause);
    }
    const json = readJson(text);
    if (!response.ok) throw httpError(call, response.status, json);
    if (text.length > 0 && json === undefined) {
      throw new ClientError('DRIFT_CLIENT_BAD_ANSWER', `Call ${call.path}: the answer is not JSON`);
    }
    return json as T;
  }
}

function part(id: string): string {
  return encodeURIComponent(id);
}

function queryOf(query: Call['query']): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) search.set(name, String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function httpError(call: Call, status: number, json: unknown): ClientError {
  const body = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const err = typeof body.code === 'string' ? body.code : 'unknown';
  const message = `Call ${call.path}: the server answered ${status} ${err}`;
  return new ClientError('DRIFT_CLIENT_HTTP', message, {
    status,
    err,
    ...(typeof body.field === 'string' ? { field: body.field } : {}),
    ...(typeof body.retryAfterMs === 'number' ? { retryMs: body.retryAfterMs } : {}),
  });
}
