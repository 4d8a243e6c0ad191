/**
 * Owns the remote admin connections of one gateway thread: the route `/admin`, who is let in, and whole frames to and from the
 * hub on the main thread. It reads no frame of a connection that is let in, but the AUTH that lets it in. Gateway threads.
 */
import type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  us_socket_context_t,
  WebSocket,
  WebSocketBehavior,
} from '../../native/index.ts';
import {
  at,
  type ChildSpec,
  type Clock,
  call,
  cast,
  child,
  defineActor,
  name,
  thisSlot,
} from '../../runtime/index.ts';
import { addressKey, normalizeAddress } from '../address.ts';
import {
  ADMIN_SUBPROTOCOL,
  AdminClose,
  AdminLimits,
  decodeAdmin,
  errFrame,
  helloFrame,
  parseAdminRequest,
} from '../admin-wire/index.ts';
import type { RevokedLogins, TokenFacts, TokenVerifier } from '../auth/index.ts';
import type { RateTable } from '../rates/index.ts';
import type { GatewayLog } from '../types.ts';
import { type AdminSocketData, RemoteConnection } from './connection.ts';
import { AdminDoor, type DoorVerdict, REFUSALS } from './door.ts';
import { createRelayStats } from './stats.ts';
import {
  ADMIN_HUB,
  ADMIN_RELAY,
  type AdminHubP,
  type AdminRelayP,
  type AdminRelayStats,
} from './types.ts';

export interface AdminRelayOptions {
  readonly verifier: TokenVerifier;
  readonly revoked: RevokedLogins;
  readonly rates: RateTable;
  readonly allowedOrigins: readonly string[];
  readonly nodeName: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: GatewayLog;
}

/** Upgrades of this thread that are being judged. */
const JUDGING_MAX = 32;
/** Connections of this thread that wait for their AUTH, in all and from one address: a stranger must not fill the room of all. */
const WAITING_MAX = 16;
const WAITING_PER_ADDRESS_MAX = 4;
/** How long the main thread may take to count a connection. */
const CLAIM_MS = 2_000;
/** Time between two looks at deadlines, expiries and ended logins, while there is a connection. */
const SWEEP_MS = 1_000;

/** Native settings of /admin; socket-limits.ts says what each is for. */
const SETTINGS = {
  maxPayloadLength: AdminLimits.inboundBytesMax,
  maxBackpressure: 8 * 1024 * 1024,
  closeOnBackpressureLimit: true,
  idleTimeout: 60,
  maxLifetime: 0,
  sendPingsAutomatically: true,
  compression: 0,
} as const;

type Socket = WebSocket<AdminSocketData>;

export class AdminRelay {
  readonly stats: AdminRelayStats = createRelayStats();
  readonly #options: AdminRelayOptions;
  readonly #door: AdminDoor;
  readonly #hub = at<AdminHubP>('main', ADMIN_HUB);
  readonly #connections = new Map<number, RemoteConnection>();
  /** Upgrades being judged. */
  #judging = 0;
  #lastNo = 0;
  #isSweeping = false;

  constructor(options: AdminRelayOptions) {
    this.#options = options;
    const { allowedOrigins, rates, verifier } = options;
    this.#door = new AdminDoor({ verifier, rates, allowedOrigins, stats: this.stats });
  }

  /** Adds `/admin` to an app, before it listens. */
  attach(app: TemplatedApp): void {
    app.ws<AdminSocketData>('/admin', this.#behaviour());
    app.get('/admin', (res) => {
      res.writeStatus('426 Upgrade Required').writeHeader('upgrade', 'websocket').end();
    });
  }

  /** The actor that the hub talks to. */
  child(): ChildSpec {
    const behaviour = defineActor<AdminRelayP, null>({
      name: ADMIN_RELAY,
      init: () => null,
      handle: {
        send: (_state, { bytes, conn }) => this.#send(conn, bytes),
        close: (_state, { code, conn }) => this.#connections.get(conn)?.end(code),
        auth: (_state, { conn, rid, token }) => {
          const connection = this.#connections.get(conn);
          if (connection !== undefined) void this.#authenticate(connection, rid, token);
        },
      },
    });
    const named = { name: name<AdminRelayP>(ADMIN_RELAY), restart: 'permanent' } as const;
    return child(ADMIN_RELAY, behaviour, undefined, named);
  }

  // -------------------------------------------------------------- the door

  #upgrade(res: HttpResponse, req: HttpRequest, context: us_socket_context_t): void {
    const key = req.getHeader('sec-websocket-key');
    const upgrade = {
      protocols: req.getHeader('sec-websocket-protocol'),
      origin: req.getHeader('origin'),
      authorization: req.getHeader('authorization'),
      address: normalizeAddress(res.getRemoteAddress()),
    };
    let isAborted = false;
    res.onAborted(() => {
      isAborted = true;
    });
    this.#judging += 1;
    void this.#judge(upgrade).then(([verdict, connection]) => {
      this.#judging -= 1;
      if (isAborted) {
        this.#release(connection);
        return;
      }
      if (!verdict.ok || connection === undefined) {
        res.cork(() => refuse(res, verdict));
        return;
      }
      // Not in a cork: 20.51 closes one in some sockets that are upgraded there later (P20, fixed in 20.79).
      const protocol = ADMIN_SUBPROTOCOL[verdict.encoding];
      res.upgrade<AdminSocketData>({ connection }, key, protocol, '', context);
    });
  }

  /** The verdict, and with `ok` the connection, counted by the hub when its person is known. Never rejects. */
  async #judge(
    upgrade: Parameters<AdminDoor['judge']>[0],
  ): Promise<readonly [DoorVerdict, RemoteConnection | undefined]> {
    const full = { ok: false, code: 'unavailable', retryAfterMs: CLAIM_MS } as const;
    if (this.#judging > JUDGING_MAX) {
      this.stats.refusedFull += 1;
      return [full, undefined];
    }
    const verdict = await this.#door.judge(upgrade);
    if (!verdict.ok) return [verdict, undefined];
    if (verdict.person === undefined && !this.#hasRoomToWait(upgrade.address)) {
      this.stats.refusedFull += 1;
      return [full, undefined];
    }
    this.#lastNo += 1;
    const { address } = upgrade;
    const nowMs = this.#options.clock.monotonic();
    const connection = new RemoteConnection(this.#lastNo, verdict.encoding, address, nowMs);
    if (verdict.person === undefined) return [verdict, connection];
    connection.person = verdict.person;
    return (await this.#claim(connection)) ? [verdict, connection] : [full, undefined];
  }

  #hasRoomToWait(address: string): boolean {
    if (this.stats.waitingNow >= WAITING_MAX) return false;
    const key = addressKey(address);
    const waiting = [...this.#connections.values()].filter(
      (each) => each.person === undefined && addressKey(each.address) === key,
    );
    return waiting.length < WAITING_PER_ADDRESS_MAX;
  }

  async #claim(connection: RemoteConnection): Promise<boolean> {
    const id = this.#idOf(connection);
    try {
      connection.isClaimed = await call(this.#hub, 'claim', id, { timeoutMs: CLAIM_MS });
    } catch (error) {
      // It may have been counted all the same.
      cast(this.#hub, 'closed', id);
      this.#options.log.warn({ err: error }, 'the main thread did not count an admin connection');
    }
    if (!connection.isClaimed) this.stats.refusedFull += 1;
    return connection.isClaimed;
  }

  /** A connection that will not be opened, or is gone. */
  #release(connection: RemoteConnection | undefined): void {
    if (connection?.isClaimed !== true) return;
    connection.isClaimed = false;
    cast(this.#hub, 'closed', this.#idOf(connection));
  }

  // -------------------------------------------------------------- the socket

  #behaviour(): WebSocketBehavior<AdminSocketData> {
    return {
      ...SETTINGS,
      upgrade: (res, req, context) => this.#upgrade(res, req, context),
      open: this.#guard((ws) => this.#opened(ws)),
      message: (ws, message, isBinary) => {
        const { connection } = ws.getUserData();
        // The library takes its memory back after the handler.
        const bytes = new Uint8Array(message.slice(0));
        this.#safely(() => this.#receive(connection, bytes, isBinary), connection);
      },
      drain: this.#guard((ws) => this.#tellLeft(ws.getUserData().connection)),
      close: (ws) => {
        const { connection } = ws.getUserData();
        this.#safely(() => this.#gone(connection), undefined);
      },
    };
  }

  #guard(handler: (ws: Socket) => void): (ws: Socket) => void {
    return (ws) => this.#safely(() => handler(ws), ws.getUserData().connection);
  }

  /** An exception out of a native handler would end the process. */
  #safely(act: () => void, connection: RemoteConnection | undefined): void {
    try {
      act();
    } catch (error) {
      this.#options.log.error({ err: error }, 'a handler of /admin failed');
      connection?.end(AdminClose.SERVER_ERROR);
    }
  }

  #opened(ws: Socket): void {
    const { connection } = ws.getUserData();
    connection.opened(ws);
    this.#connections.set(connection.no, connection);
    this.stats.connectionsNow = this.#connections.size;
    this.stats.opened += 1;
    this.#sweepLater();
    if (connection.person !== undefined) {
      this.#openAtHub(connection, connection.person, undefined);
      return;
    }
    this.stats.waitingNow += 1;
    const { nodeName: node, version } = this.#options;
    // A stranger learns no more than what /health tells everybody.
    const nothing = { pid: 0, startedAt: 0, verbs: [], topics: [] };
    const deadlineMs = AdminLimits.authDeadlineMs;
    connection.sendFrame(helloFrame({ v: 1, node, version, auth: true, deadlineMs, ...nothing }));
  }

  #gone(connection: RemoteConnection): void {
    connection.closed();
    this.#connections.delete(connection.no);
    this.stats.connectionsNow = this.#connections.size;
    if (connection.person === undefined) this.stats.waitingNow -= 1;
    this.#release(connection);
  }

  #receive(connection: RemoteConnection, bytes: Uint8Array, isBinary: boolean): void {
    const isRight = isBinary === (connection.encoding === 'mp');
    if (connection.person !== undefined && isRight) {
      cast(this.#hub, 'frame', { ...this.#idOf(connection), bytes });
      return;
    }
    const decoded = isRight ? decodeAdmin(bytes, connection.encoding) : undefined;
    const request = decoded?.ok ? parseAdminRequest(decoded.frame) : undefined;
    if (request === undefined) {
      this.stats.badFrames += 1;
      connection.sendFrame(errFrame(0, 'invalid', 'the frame cannot be read'));
      connection.end(AdminClose.BAD_FRAME);
    } else if (request.op !== 'auth' || connection.isJudging) {
      connection.sendFrame(errFrame(request.rid, 'unauthorized', REFUSALS.unauthorized.message));
      connection.end(AdminClose.AUTH_FAILED);
    } else void this.#authenticate(connection, request.rid, request.token);
  }

  /** The AUTH of a browser, or a newer token for a connection that is open. */
  async #authenticate(connection: RemoteConnection, rid: number, token: string): Promise<void> {
    connection.isJudging = true;
    const former = connection.person;
    const judged = await this.#door.token(token, connection.address);
    connection.isJudging = false;
    if (!connection.isOpen) return;
    if (!judged.ok) {
      const { message } = REFUSALS[judged.code];
      connection.sendFrame(errFrame(rid, judged.code, message, judged.retryAfterMs ?? null));
      connection.end(AdminClose.AUTH_FAILED);
      return;
    }
    const { person } = judged;
    if (former !== undefined) {
      this.#renew(connection, former, person, rid);
      return;
    }
    connection.isJudging = true;
    const isClaimed = await this.#claim(connection);
    connection.isJudging = false;
    if (!connection.isOpen) {
      this.#release(connection);
    } else if (isClaimed) {
      connection.person = person;
      this.stats.waitingNow -= 1;
      this.#openAtHub(connection, person, rid);
    } else {
      const { message } = REFUSALS.unavailable;
      connection.sendFrame(errFrame(rid, 'unavailable', message, CLAIM_MS));
      connection.end(AdminClose.OVERLOADED);
    }
  }

  #renew(connection: RemoteConnection, former: TokenFacts, person: TokenFacts, rid: number): void {
    if (former.uid !== person.uid) {
      connection.sendFrame(errFrame(rid, 'forbidden', "the token is somebody else's"));
      connection.end(AdminClose.AUTH_FAILED);
      return;
    }
    connection.person = person;
    const { scopes, uid } = person;
    const { address } = connection;
    cast(this.#hub, 'renewed', { ...this.#idOf(connection), uid, scopes, address, rid });
  }

  #openAtHub(
    connection: RemoteConnection,
    { scopes, uid }: TokenFacts,
    authRid: number | undefined,
  ): void {
    const { address, encoding } = connection;
    const id = this.#idOf(connection);
    cast(this.#hub, 'open', { ...id, uid, scopes, address, encoding, authRid });
  }

  #send(conn: number, bytes: Uint8Array): void {
    const connection = this.#connections.get(conn);
    if (connection === undefined) return;
    connection.send(bytes);
    this.#tellLeft(connection);
  }

  #tellLeft(connection: RemoteConnection): void {
    const bytes = connection.newlyLeft();
    if (bytes === undefined || connection.person === undefined) return;
    cast(this.#hub, 'left', { ...this.#idOf(connection), bytes });
  }

  // -------------------------------------------------------------- time

  #sweepLater(): void {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    this.#options.clock.setTimeout(() => {
      this.#isSweeping = false;
      for (const connection of [...this.#connections.values()]) this.#visit(connection);
      if (this.#connections.size > 0) this.#sweepLater();
    }, SWEEP_MS);
  }

  #visit(connection: RemoteConnection): void {
    const { clock, revoked } = this.#options;
    const { person } = connection;
    if (person === undefined) {
      if (clock.monotonic() - connection.openedMs < AdminLimits.authDeadlineMs) return;
      this.stats.deadlines += 1;
      connection.sendFrame(errFrame(0, 'unauthorized', 'no AUTH came in time'));
      connection.end(AdminClose.DEADLINE);
    } else if (revoked.isRevoked(person.login)) {
      this.stats.revoked += 1;
      connection.sendFrame(errFrame(0, 'unauthorized', 'the login was ended'));
      connection.end(AdminClose.REVOKED);
    } else if (person.expMs <= clock.now()) {
      this.stats.expired += 1;
      connection.sendFrame(errFrame(0, 'token_expired', REFUSALS.token_expired.message));
      connection.end(AdminClose.AUTH_EXPIRED);
    }
  }

  #idOf({ no }: RemoteConnection): { readonly slot: string; readonly conn: number } {
    return { slot: thisSlot(), conn: no };
  }
}

function refuse(res: HttpResponse, verdict: DoorVerdict): void {
  const code = verdict.ok ? 'unavailable' : verdict.code;
  const { message, status } = REFUSALS[code];
  res.writeStatus(status).writeHeader('content-type', 'application/json; charset=utf-8');
  if (status.startsWith('401')) res.writeHeader('www-authenticate', 'Bearer');
  const retryAfterMs = verdict.ok ? undefined : verdict.retryAfterMs;
  if (retryAfterMs !== undefined) {
    res.writeHeader('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
  }
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  res.end(JSON.stringify({ code, message, ...wait }), true);
}
