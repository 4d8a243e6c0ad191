/**
 * A plain node:http client for the REST part of api.md, and the few calls that tests start with.
 * Runs in the test process; must never import product code.
 */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed body; undefined where it is empty or not JSON. */
  readonly body: unknown;
}

export interface HttpCall {
  readonly method?: string;
  readonly token?: string;
  /** Sent as JSON unless it is a Buffer. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What register, login and refresh answer. */
export interface Login {
  readonly id: string;
  readonly username: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: number;
}

export const PASSWORD = 'correct horse battery staple';

export class HttpClient {
  readonly #port: number;
  readonly #agent: Agent;

  constructor(port: number, connections = 16) {
    this.#port = port;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Any request; never throws for a status. Rejects when no answer came. */
  raw(path: string, call: HttpCall = {}): Promise<HttpAnswer> {
    const payload = bodyBytes(call.body);
    const headers: Record<string, string> = {};
    if (payload !== undefined && !Buffer.isBuffer(call.body)) {
      headers['content-type'] = 'application/json';
    }
    if (payload !== undefined) headers['content-length'] = String(payload.length);
    if (call.token !== undefined) headers.authorization = `Bearer ${call.token}`;
    Object.assign(headers, call.headers);
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: this.#port,
          path,
          method: call.method ?? (payload === undefined ? 'GET' : 'POST'),
          headers,
          agent: this.#agent,
          timeout: 30_000,
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            const status = incoming.statusCode ?? 0;
            resolve({ status, headers: incoming.headers, text, body: parse(text) });
          });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${path}: no answer in 30 s`)));
      outgoing.on('error', reject);
      outgoing.end(payload);
    });
  }

  /** A request under /api/v1. */
  api(path: string, call: HttpCall = {}): Promise<HttpAnswer> {
    return this.raw(`/api/v1${path}`, call);
  }

  /** As api; throws unless the status is the wanted one, and returns the body. */
  async want<T>(status: number, path: string, call: HttpCall = {}): Promise<T> {
    const answer = await this.api(path, call);
    if (answer.status !== status) {
      const method = call.method ?? 'GET/POST';
      throw new Error(`${method} ${path}: got ${answer.status} ${answer.text}, wanted ${status}`);
    }
    return answer.body as T;
  }

  async register(username: string, password = PASSWORD): Promise<Login> {
    return asLogin(await this.want(201, '/auth/register', { body: { username, password } }));
  }

  async login(username: string, password = PASSWORD): Promise<Login> {
    return asLogin(await this.want(200, '/auth/login', { body: { username, password } }));
  }

  /** A guild with its text channels; the first is the `general` that comes with it. */
  async guild(token: string, channels: number): Promise<{ gid: number; sids: number[] }> {
    const guild = await this.want<{ id: string }>(201, '/guilds', {
      token,
      body: { name: 'Test' },
    });
    const path = `/guilds/${guild.id}/channels`;
    for (let i = 1; i < channels; i += 1) {
      await this.want(201, path, { token, body: { name: `channel-${i}` } });
    }
    const list = await this.want<{ items: { id: string }[] }>(200, path, { token });
    return { gid: Number(guild.id), sids: list.items.map((channel) => Number(channel.id)) };
  }

  /** Lets each token's user join the guild by one invite. */
  async join(ownerToken: string, gid: number, tokens: readonly string[]): Promise<void> {
    const path = `/guilds/${gid}/invites`;
    const invite = await this.want<{ code: string }>(201, path, { token: ownerToken, body: {} });
    for (const token of tokens) {
      await this.want(200, `/invites/${invite.code}`, { token, method: 'POST' });
    }
  }
}

export function asLogin(body: unknown): Login {
  const answer = body as Omit<Login, 'id' | 'username'> & {
    user: { id: string; username: string };
  };
  return {
    id: answer.user.id,
    username: answer.user.username,
    accessToken: answer.accessToken,
    refreshToken: answer.refreshToken,
    expiresAt: answer.expiresAt,
  };
}

function bodyBytes(body: unknown): Buffer | undefined {
  if (body === undefined || Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), 'utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
