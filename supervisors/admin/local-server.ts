/**
 * Speaks HTTP and WebSocket on connections of the Unix socket: one path, `/admin`, no token. Loaded when the first one comes.
 * Main thread.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import {
  ADMIN_SUBPROTOCOL,
  AdminClose,
  type AdminEncoding,
  AdminLimits,
  selectAdminEncoding,
} from '../../gateway/admin-wire/index.ts';
import { cut } from './audit-chain.ts';
import { ADMIN_LIMITS } from './limits.ts';
import type { AdminTransport } from './outbox.ts';
import { refuse } from './refuse.ts';
import type { AdminService } from './service.ts';
import { AdminSession } from './session.ts';
import type { AdminCaller } from './types.ts';

/** Sessions over the Unix socket. */
export interface LocalServer {
  /** A connection that was accepted. */
  take(socket: Socket): void;
  /** Ends every connection. */
  close(): void;
}

const PATH = '/admin';
/** What a client says of itself; for the audit log, believed by nobody. */
const CLIENT_HEADER = 'x-driftway-client';

export function createLocalServer(service: AdminService): LocalServer {
  const { counters, log } = service.deps;
  const sessions = new Set<AdminSession>();
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: AdminLimits.inboundBytesMax,
    perMessageDeflate: false,
    handleProtocols: (offered) => {
      const encoding = selectAdminEncoding([...offered].join(','));
      return encoding === undefined ? false : ADMIN_SUBPROTOCOL[encoding];
    },
  });
  const http = createServer((_request, response) => refusePlain(response));
  http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const encoding = selectAdminEncoding(request.headers['sec-websocket-protocol'] ?? '');
    if (request.url !== PATH) return refuse(socket, '404 Not Found', 'not_found');
    if (encoding === undefined) return refuse(socket, '400 Bad Request', 'invalid');
    if (sessions.size >= ADMIN_LIMITS.localConnections) {
      counters.connectionsRefused += 1;
      return refuse(socket, '503 Service Unavailable', 'too_many');
    }
    sockets.handleUpgrade(request, socket, head, (ws) => {
      const session = serve(service, ws, encoding, callerOf(request), () => {
        sessions.delete(session);
        counters.localConnectionsNow = sessions.size;
      });
      sessions.add(session);
      counters.localConnectionsNow = sessions.size;
      session.greet(undefined);
    });
  });
  http.on('clientError', (error, socket) => {
    log.debug({ err: error }, 'not HTTP on the admin socket');
    socket.destroy();
  });
  return {
    take: (socket) => {
      http.emit('connection', socket);
    },
    close: () => {
      for (const session of [...sessions]) session.close(AdminClose.DRAINING);
      http.closeAllConnections();
    },
  };
}

function serve(
  service: AdminService,
  ws: WebSocket,
  encoding: AdminEncoding,
  caller: AdminCaller,
  gone: () => void,
): AdminSession {
  const transport: AdminTransport = {
    encoding,
    send: (bytes) => ws.send(bytes, { binary: encoding === 'mp' }, () => session.drained()),
    backlogBytes: () => ws.bufferedAmount,
    close: (code) => ws.close(code),
  };
  const session = new AdminSession(service, transport, caller);
  ws.on('message', (data: RawData, isBinary: boolean) => {
    if (isBinary === (encoding === 'mp')) session.receive(bytesOf(data));
    else session.close(AdminClose.BAD_FRAME);
  });
  ws.on('error', (error) => {
    service.deps.log.debug({ err: error }, 'an admin connection failed');
    ws.terminate();
  });
  ws.on('close', () => {
    session.closed();
    gone();
  });
  return session;
}

function callerOf(request: IncomingMessage): AdminCaller {
  const said = request.headers[CLIENT_HEADER];
  const text = typeof said === 'string' ? said.replace(/[^\x20-\x7e]/g, '?') : '';
  const who = text === '' ? 'local' : `local, says ${cut(text)}`;
  return { via: 'local', uid: 0, who, scopes: [] };
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

function refusePlain(response: ServerResponse): void {
  response.writeHead(426, { upgrade: 'websocket', connection: 'close' }).end();
}
