/**
 * What most end-to-end test files share: one server for the file, a few users in one guild, clients that
 * are cut after each test. Runs in the test process; must never import product code.
 */
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Members, makeMembers } from './crowd.ts';
import { HttpClient, type Login } from './http-client.ts';
import { type Encoding, RawClient, type RawClientOptions } from './raw-client.ts';
import { type ServerOptions, ServerProcess } from './server-process.ts';
import { OP } from './wire.ts';

export interface FixtureOptions extends ServerOptions {
  /** Users that are registered and join the guild (default 3). */
  readonly users?: number;
  /** Text channels of the guild (default 1). */
  readonly channels?: number;
}

export class Fixture {
  #server: ServerProcess | undefined;
  #members: Members | undefined;
  #http: HttpClient | undefined;
  readonly #clients: RawClient[] = [];
  #channel = 0;

  constructor(options: FixtureOptions) {
    const env = { DRIFTWAY_HEART: 'off', DRIFTWAY_LIMITS: 'trusted', ...options.env };
    beforeAll(async () => {
      this.#server = await ServerProcess.start({ ...options, env });
      this.#http = new HttpClient(this.#server.port);
      const users = options.users ?? 3;
      if (users > 0) {
        this.#members = await makeMembers(this.#server.port, users, options.channels ?? 1);
      }
    }, 60_000);
    afterEach(() => {
      for (const client of this.#clients.splice(0)) client.socket.cut();
    });
    afterAll(async () => {
      this.#http?.close();
      await this.#server?.dispose();
    }, 30_000);
  }

  get server(): ServerProcess {
    return defined(this.#server);
  }

  get port(): number {
    return this.server.port;
  }

  get http(): HttpClient {
    return defined(this.#http);
  }

  get gid(): number {
    return defined(this.#members).gid;
  }

  get sids(): readonly number[] {
    return defined(this.#members).sids;
  }

  /** The channel that every test may use. */
  get sid(): number {
    return this.sids[0]!;
  }

  user(index: number): Login {
    return defined(this.#members).logins[index]!;
  }

  token(index: number): string {
    return this.user(index).accessToken;
  }

  /** A new, empty channel of the guild. */
  async newChannel(): Promise<number> {
    this.#channel += 1;
    const channel = await this.http.want<{ id: string }>(201, `/guilds/${this.gid}/channels`, {
      token: this.token(0),
      body: { name: `extra-${this.#channel}` },
    });
    return Number(channel.id);
  }

  /** Connected, HELLO received, not identified. */
  async connect(
    encoding: Encoding = 'mp',
    options: Partial<RawClientOptions> = {},
  ): Promise<RawClient> {
    const client = await RawClient.open({ port: this.port, encoding, ...options });
    this.#clients.push(client);
    await client.first(OP.hello);
    return client;
  }

  /** Connected and identified as the user with this index. */
  async client(user: number, encoding: Encoding = 'mp'): Promise<RawClient> {
    const client = await this.connect(encoding);
    await client.identify(this.token(user));
    return client;
  }
}

/** Registers the hooks of a server for the whole file. Call it once, at the top level or in a describe. */
export function useServer(options: FixtureOptions = {}): Fixture {
  return new Fixture(options);
}

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('fixture: used before beforeAll');
  return value;
}
