/**
 * A whole small site for tests of programs: the mock server behind real sockets (ws) and the HTTP rows of
 * api.md that the terminal client uses, on a port of its own.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { Kind } from '../../gateway/protocol/index.ts';
import { type MockConnection, MockServer } from './mock-server.ts';

interface Account {
  readonly id: number;
  readonly username: string;
  readonly password: string;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const GUILD = 500;
const VIEW = 501;
const CHANNEL = 7;
const DM = 8;

/** Site on 127.0.0.1. */
export class MockSite {
  readonly server = new MockServer();
  readonly accounts = new Map<string, Account>();
  readonly members = new Set<number>();
  readonly requests: string[] = [];
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  #refreshTokens = new Map<string, Account>();
  #count = 0;
  #hasGuild = false;
  readonly #dms = new Set<number>();
  #port = 0;

  constructor() {
    this.#http = createServer((request, response) => {
      void readBody(request).then((body) => {
        const answer = this.#answer(request, body);
        response.writeHead(answer.status, { 'content-type': 'application/json; charset=utf-8' });
        response.end(answer.status === 204 ? undefined : JSON.stringify(answer.body));
      });
    });
    this.#sockets = new WebSocketServer({
      server: this.#http,
      path: '/gw',
      handleProtocols: (offered) => [...offered][0] ?? false,
    });
    this.#sockets.on('connection', (socket) => this.#connect(socket));
    this.server.guildsOf = (uid) =>
      this.members.has(uid) ? [{ gid: GUILD, name: 'Lobby', large: false }] : [];
  }

  /** Base URL. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** As if the data of the server had been removed. */
  forgetLogins(): void {
    this.#refreshTokens = new Map();
    this.members.clear();
  }

  /** Listens; the same port again after stop(). */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#http.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  /** Stops listening and cuts all sockets. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #connect(socket: WebSocket): void {
    const connection: MockConnection = this.server.accept(
      socket.protocol.endsWith('.json') ? 'json' : 'mp',
      {
        send: (data) => socket.send(data),
        close: (code, reason) => socket.close(code, reason),
        terminate: () => socket.terminate(),
      },
    );
    socket.on('message', (data: Buffer) => this.server.receive(connection, data));
    socket.on('close', (code) => this.server.closed(connection, code));
  }

  #answer(request: IncomingMessage, body: Record<string, unknown>): Answer {
    const path = (request.url ?? '').replace('/api/v1', '').replace(/\?.*$/, '');
    const row = `${request.method} ${path}`;
    this.requests.push(row);
    if (row === 'POST /auth/register') return this.#register(body);
    if (row === 'POST /auth/login') return this.#login(body);
    if (row === 'POST /auth/refresh') return this.#refresh(body);
    const token = (request.headers.authorization ?? '').replace('Bearer ', '');
    const uid = this.server.users.get(token);
    if (uid === undefined) return failure(401, 'token_expired');
    return this.#signedIn(row, uid);
  }

  #signedIn(row: string, uid: number): Answer {
    const guild = { id: String(GUILD), name: 'Lobby', ownerId: '1', createdAt: 1 };
    switch (row) {
      case 'POST /guilds':
        this.#makeGuild(uid);
        return { status: 201, body: guild };
      case `GET /guilds/${GUILD}`:
        return { status: 200, body: guild };
      case `POST /guilds/${GUILD}/invites`:
        return { status: 201, body: { code: 'abc123', guildId: String(GUILD), url: '' } };
      case 'POST /invites/abc123':
        if (!this.#hasGuild) return failure(404, 'not_found');
        this.#join(uid);
        return { status: 200, body: { guild } };
      case 'GET /users/@me/dms':
        return { status: 200, body: { items: this.#dms.has(uid) ? [this.#dm()] : [], next: null } };
      case 'POST /users/@me/dms':
        this.#openDm();
        return { status: 200, body: this.#dm() };
      case `GET /guilds/${GUILD}/members`:
        return { status: 200, body: { items: this.#memberList(), next: null } };
      default:
        return failure(404, 'not_found');
    }
  }

  /** The only direct message here: between the first two accounts. */
  #openDm(): void {
    if (this.#dms.size > 0) return;
    this.server.stream(DM);
    for (const { id } of [...this.accounts.values()].slice(0, 2)) {
      this.#dms.add(id);
      this.server.publishBody(id, [DM], Kind.DM_OPENED, 1);
    }
  }

  #dm(): unknown {
    const members = [...this.accounts.values()].slice(0, 2).map(userOf);
    return { id: String(DM), type: 'dm', name: null, ownerId: null, members, createdAt: 1 };
  }

  #makeGuild(uid: number): void {
    this.#hasGuild = true;
    this.server.stream(CHANNEL);
    this.server.stream(VIEW);
    this.server.channels.push({ sid: CHANNEL, name: 'general' });
    this.#join(uid);
  }

  #join(uid: number): void {
    if (this.members.has(uid)) return;
    this.members.add(uid);
    const account = [...this.accounts.values()].find((one) => one.id === uid);
    this.server.publishBody(VIEW, [uid, account?.username ?? ''], Kind.MEMBER_JOIN, uid);
  }

  #memberList(): unknown[] {
    return [...this.accounts.values()]
      .filter(({ id }) => this.members.has(id))
      .map((account) => ({ user: userOf(account), nick: null, roles: [], joinedAt: 1 }));
  }

  #register(body: Record<string, unknown>): Answer {
    const { username, password } = body as { username: string; password: string };
    if (this.accounts.has(username)) return failure(409, 'username_taken');
    const account = { id: this.accounts.size + 1, username, password };
    this.accounts.set(username, account);
    this.server.stream(account.id);
    return { status: 201, body: this.#grant(account) };
  }

  #login(body: Record<string, unknown>): Answer {
    const account = this.accounts.get(String(body.username));
    const isRight = account !== undefined && account.password === body.password;
    return isRight ? { status: 200, body: this.#grant(account) } : failure(401, 'bad_credentials');
  }

  #refresh(body: Record<string, unknown>): Answer {
    const token = String(body.refreshToken);
    const account = this.#refreshTokens.get(token);
    this.#refreshTokens.delete(token);
    return account === undefined
      ? failure(401, 'refresh_reused')
      : { status: 200, body: this.#grant(account) };
  }

  #grant(account: Account): unknown {
    this.#count += 1;
    const accessToken = `access-${this.#count}`;
    const refreshToken = `refresh-${this.#count}`;
    this.server.users.set(accessToken, account.id);
    this.#refreshTokens.set(refreshToken, account);
    // Already stale: every start of a client renews it.
    return { user: userOf(account), accessToken, refreshToken, expiresAt: 1 };
  }
}

function userOf({ id, username }: Account): unknown {
  return { id: String(id), username, displayName: username, createdAt: 1 };
}

function failure(status: number, code: string): Answer {
  return { status, body: { code, message: code, requestId: 'r' } };
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}
