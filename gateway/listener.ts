/**
 * The native server of a gateway thread: one uWebSockets.js app with the route /gw, listening with
 * SO_REUSEPORT on the port that all gateway threads share, and the only place where native handlers
 * are attached. Every handler is wrapped (P12): an exception ends that socket, never the process.
 *
 * A new certificate needs a new app (20.51 cannot change the one of a running app): `reload` listens
 * with it, then closes the old listen socket. The old app keeps its sockets until they are gone, so a
 * publish goes to every app that is left.
 *
 * Never holds a session or a topic; never answers HTTP (http/ is attached from outside).
 */
import { accessSync, constants } from 'node:fs';
import type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  Uws,
  us_listen_socket,
  us_socket_context_t,
  WebSocket,
  WebSocketBehavior,
} from '../native/index.ts';
import type { UpgradeRequest, Verdict } from './admission.ts';
import { Connection, type ConnectionHost } from './connection.ts';
import { GatewayError } from './errors.ts';
import { checkNativeSettings, NATIVE_SETTINGS, type NativeSettings } from './socket-limits.ts';
import { isTracingOn, traceUpgrade } from './trace/index.ts';

/** What the native handlers lead to. */
export interface SocketEvents {
  judge(request: UpgradeRequest): Verdict;
  opened(connection: Connection): void;
  message(connection: Connection, message: Uint8Array, isBinary: boolean): void;
  drained(connection: Connection): void;
  /** Runs while the native subscriber list is walked: only sets flags (P1). */
  dropped(connection: Connection): void;
  pinged(connection: Connection): void;
  ponged(connection: Connection): void;
  closed(connection: Connection): void;
  /** An exception came out of a handler. */
  failed(handler: string, error: unknown, connection: Connection | undefined): void;
}

/** PEM files. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface ListenerOptions {
  readonly uws: Uws;
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  readonly tls: TlsFiles | undefined;
  /** The port is not shared, not even with this server's other threads (tests, P16). */
  readonly isExclusive: boolean;
  readonly events: SocketEvents;
  readonly connectionHost: ConnectionHost;
  /** Attaches the HTTP routes to an app, before it listens. */
  readonly attachHttp: (app: TemplatedApp) => void;
  readonly settings?: NativeSettings;
}

interface SocketData {
  readonly connection: Connection;
}

type Socket = WebSocket<SocketData>;
type Listen = (
  host: string,
  port: number,
  options: number,
  done: (socket: us_listen_socket | false) => void,
) => void;

const REASONS = {
  400: '400 Bad Request',
  403: '403 Forbidden',
  429: '429 Too Many Requests',
  503: '503 Service Unavailable',
} as const;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #settings: NativeSettings;
  #apps: TemplatedApp[] = [];
  #listening: us_listen_socket | undefined;
  #port: number;
  #lastNo = 0;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#settings = checkNativeSettings(options.settings ?? NATIVE_SETTINGS);
    this.#port = options.port;
  }

  /** Port that is listened on. */
  get port(): number {
    return this.#port;
  }

  /**
   * Starts to listen.
   * @throws GatewayError DRIFT_GATEWAY_LISTEN, DRIFT_GATEWAY_TLS
   */
  listen(): void {
    const { isExclusive, uws } = this.#options;
    // The library shares no port that the system chooses: let it choose one first.
    if (this.#port === 0 && !isExclusive) this.#port = this.#findPort();
    const flag = isExclusive ? uws.LIBUS_LISTEN_EXCLUSIVE_PORT : 0;
    const app = this.#createApp();
    const listening = this.#open(app, flag);
    this.stopListening();
    this.#apps.push(app);
    this.#listening = listening;
    this.#port = uws.us_socket_local_port(listening as never);
  }

  #findPort(): number {
    const { uws } = this.#options;
    const app = uws.App();
    const listening = this.#open(app, uws.LIBUS_LISTEN_EXCLUSIVE_PORT);
    const port = uws.us_socket_local_port(listening as never);
    app.close();
    return port;
  }

  #open(app: TemplatedApp, flag: number): us_listen_socket {
    const { host } = this.#options;
    // The declarations of 20.51 lack this overload; the callback runs inside of the call.
    const listen = app.listen.bind(app) as unknown as Listen;
    const opened: { socket: us_listen_socket | false } = { socket: false };
    listen(host, this.#port, flag, (socket) => {
      opened.socket = socket;
    });
    if (opened.socket !== false) return opened.socket;
    app.close();
    const message = `listen on ${host}:${this.#port}: refused by the system`;
    throw new GatewayError('DRIFT_GATEWAY_LISTEN', message);
  }

  /** Reads the TLS files again: new connections get the new certificate, present ones stay. */
  reload(): void {
    if (this.#options.tls !== undefined && this.#listening !== undefined) this.listen();
  }

  /** `app.publish` to every app. Synchronous; the bytes are copied natively. */
  publish(topic: Uint8Array, frame: Uint8Array, isBinary: boolean): void {
    for (const app of this.#apps) app.publish(topic, frame, isBinary);
  }

  /** No new connection; the present ones stay. Idempotent. */
  stopListening(): void {
    if (this.#listening === undefined) return;
    this.#options.uws.us_listen_socket_close(this.#listening);
    this.#listening = undefined;
  }

  /** Ends every connection at once, without a close frame. Idempotent. */
  close(): void {
    this.stopListening();
    const apps = this.#apps;
    this.#apps = [];
    for (const app of apps) app.close();
  }

  #createApp(): TemplatedApp {
    const { attachHttp, tls, uws } = this.#options;
    const app = tls === undefined ? uws.App() : createTlsApp(uws, tls);
    app.ws<SocketData>('/gw', this.#behaviour());
    attachHttp(app);
    return app;
  }

  #behaviour(): WebSocketBehavior<SocketData> {
    const { events } = this.#options;
    return {
      ...this.#settings,
      upgrade: (res, req, context) => this.#upgrade(res, req, context),
      open: this.#guard('open', (ws) => {
        const { connection } = ws.getUserData();
        connection.opened(ws as never);
        events.opened(connection);
      }),
      message: (ws, message, isBinary) => {
        const { connection } = ws.getUserData();
        try {
          events.message(connection, new Uint8Array(message), isBinary);
        } catch (error) {
          events.failed('message', error, connection);
        }
      },
      drain: this.#guard('drain', (ws) => events.drained(ws.getUserData().connection)),
      dropped: this.#guard('dropped', (ws) => events.dropped(ws.getUserData().connection)),
      ping: this.#guard('ping', (ws) => events.pinged(ws.getUserData().connection)),
      pong: this.#guard('pong', (ws) => events.ponged(ws.getUserData().connection)),
      close: (ws, code) => {
        // The socket is invalid already (P10); its user data is not.
        const { connection } = ws.getUserData();
        try {
          connection.closed(code);
          events.closed(connection);
        } catch (error) {
          events.failed('close', error, undefined);
        }
      },
    };
  }

  #guard(name: string, handler: (ws: Socket) => void): (ws: Socket) => void {
    return (ws) => {
      try {
        handler(ws);
      } catch (error) {
        this.#options.events.failed(name, error, ws.getUserData().connection);
      }
    };
  }

  /** Synchronous (P20): nothing is awaited between reading the request and answering it. */
  #upgrade(res: HttpResponse, req: HttpRequest, context: us_socket_context_t): void {
    const { connectionHost, events } = this.#options;
    let connection: Connection | undefined;
    try {
      const verdict = events.judge({
        protocols: req.getHeader('sec-websocket-protocol'),
        origin: req.getHeader('origin'),
        address: res.getRemoteAddress(),
      });
      if (!verdict.ok) {
        refuse(res, verdict.status, verdict.retryAfterS);
        return;
      }
      this.#lastNo += 1;
      const { addressKey, encoding, protocol } = verdict;
      connection = new Connection(this.#lastNo, encoding, addressKey, connectionHost);
      if (isTracingOn()) acceptTrace(res, req, connection);
      const key = req.getHeader('sec-websocket-key');
      // No extension is ever agreed on (P28, H27).
      res.upgrade<SocketData>({ connection }, key, protocol, '', context);
    } catch (error) {
      events.failed('upgrade', error, undefined);
      // It was counted by `judge`.
      if (connection !== undefined) events.closed(connection);
      res.close();
    }
  }
}

/** The client names the trace that its requests belong to, and is told the server's span. */
function acceptTrace(res: HttpResponse, req: HttpRequest, connection: Connection): void {
  const traced = traceUpgrade(req.getHeader('traceparent'));
  if (traced === undefined) return;
  connection.trace = traced.trace;
  // A header before the status would make it 200.
  res.writeStatus('101 Switching Protocols').writeHeader('traceparent', traced.header);
}

function refuse(res: HttpResponse, status: keyof typeof REASONS, retryAfterS?: number): void {
  res.writeStatus(REASONS[status]);
  if (retryAfterS !== undefined) res.writeHeader('retry-after', String(retryAfterS));
  res.end('', true);
}

function createTlsApp(uws: Uws, tls: TlsFiles): TemplatedApp {
  try {
    for (const file of [tls.certFile, tls.keyFile]) accessSync(file, constants.R_OK);
    return uws.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile });
  } catch (cause) {
    const message = `use TLS certificate ${tls.certFile} with key ${tls.keyFile}: cannot be read or do not fit`;
    throw new GatewayError('DRIFT_GATEWAY_TLS', message, { cause });
  }
}
