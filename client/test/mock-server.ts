/**
 * A scripted server of the protocol for tests of clients: streams in memory, SUB with replay, APPEND with
 * nonces, HISTORY, SYNC, GUILD. Tests bend it by `intercept` (frames of the client) and `filter` (frames
 * of the server). In-memory sockets here; real ones in mock-ws.ts.
 */
import {
  appendFrame,
  closeErrFrame,
  closeName,
  decodeFrame,
  type Encoding,
  Err,
  encodeFrame,
  errFrame,
  eventFrame,
  type Frame,
  gapFrame,
  headFrame,
  helloFrame,
  type IdentifyResult,
  Op,
  okAppendFrame,
  okFrame,
  okGuildFrame,
  okIdentifyFrame,
  okMembersFrame,
  okSubFrame,
  okSyncFrame,
  parseRequest,
  pingFrame,
  type Request,
  type StreamEvent,
  type SubEntry,
  type SubResult,
  trimBody,
  type WireValue,
} from '../../gateway/protocol/index.ts';
import type { OpenSocket, SocketLike } from '../index.ts';

/** The server's end of a socket. */
export interface ServerEnd {
  send(data: Uint8Array | string): void;
  close(code: number, reason: string): void;
  /** Without a close frame. */
  terminate(): void;
}

export interface MockStream {
  epoch: number;
  readonly events: StreamEvent[];
  readonly nonces: Map<string, { readonly event: StreamEvent; readonly body: string }>;
}

/** One connection as the server sees it. */
export class MockConnection {
  readonly server: MockServer;
  readonly encoding: Encoding;
  readonly end: ServerEnd;
  readonly subscribed = new Set<number>();
  /** Frames of the client, in order. */
  readonly received: Frame[] = [];
  uid = 0;
  session = '';
  isOpen = true;
  closeCode = 0;

  constructor(server: MockServer, encoding: Encoding, end: ServerEnd) {
    this.server = server;
    this.encoding = encoding;
    this.end = end;
  }

  send(frame: Frame): void {
    if (!this.isOpen || !this.server.filter(this, frame)) return;
    const bytes = encodeFrame(frame, this.encoding);
    this.end.send(this.encoding === 'mp' ? bytes : Buffer.from(bytes).toString());
  }

  close(code: number): void {
    if (!this.isOpen) return;
    this.send(closeErrFrame(code));
    this.isOpen = false;
    this.end.close(code, closeName(code));
  }

  /** Dies without a close frame, as in a crash. */
  kill(): void {
    this.isOpen = false;
    this.end.terminate();
  }

  /** Frames of the client with this opcode. */
  sent(op: number): Frame[] {
    return this.received.filter((frame) => frame[0] === op);
  }
}

/** The server. */
export class MockServer {
  readonly connections: MockConnection[] = [];
  readonly streams = new Map<number, MockStream>();
  /** Access token to user id. */
  readonly users = new Map<string, number>([['good', 1]]);
  /** What STATUS has set, by user. */
  readonly statuses = new Map<number, number>();
  readonly channels: { sid: number; name: string }[] = [];
  herdMs = 5_000;
  now = 1_763_694_000_000;
  /** Connections are refused while false. */
  isUp = true;
  /** Guilds in the answer to IDENTIFY. */
  guildsOf: (uid: number) => IdentifyResult['guilds'] = () => [
    { gid: 500, name: 'Lobby', large: false },
  ];
  /** Return true to answer a request yourself. */
  intercept: (connection: MockConnection, request: Request) => boolean = () => false;
  /** Return false to lose a frame on its way to a client. */
  filter: (connection: MockConnection, frame: Frame) => boolean = () => true;
  #sessions = 0;
  readonly #waiting: ((connection: MockConnection) => void)[] = [];

  /** The newest connection. */
  get last(): MockConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error('no connection yet');
    return connection;
  }

  stream(sid: number): MockStream {
    let stream = this.streams.get(sid);
    if (stream === undefined) {
      stream = { epoch: 70_000 + sid, events: [], nonces: new Map() };
      this.streams.set(sid, stream);
    }
    return stream;
  }

  /** A message of another user (or any event), published to the subscribers. */
  publish(sid: number, content: string, kind = 1, actor = 2): StreamEvent {
    return this.publishBody(sid, [content], kind, actor);
  }

  publishBody(sid: number, body: readonly WireValue[], kind: number, actor: number): StreamEvent {
    const stream = this.stream(sid);
    this.now += 1;
    const event: StreamEvent = {
      sid,
      epoch: stream.epoch,
      seq: stream.events.length + 1,
      ts: this.now,
      kind,
      actor,
      body: trimBody(body),
    };
    stream.events.push(event);
    for (const connection of this.connections) {
      if (connection.subscribed.has(sid)) connection.send(eventFrame(event));
    }
    return event;
  }

  /** HEAD of a stream to its subscribers. */
  beacon(sid: number): void {
    for (const connection of this.connections) {
      if (connection.subscribed.has(sid)) connection.send(headFrame(sid, this.headOf(sid)));
    }
  }

  ping(): void {
    for (const connection of this.connections) connection.send(pingFrame(this.now));
  }

  headOf(sid: number): { epoch: number; seq: number; ts: number } {
    const { epoch, events } = this.stream(sid);
    return { epoch, seq: events.length, ts: events.at(-1)?.ts ?? 0 };
  }

  accept(encoding: Encoding, end: ServerEnd): MockConnection {
    const connection = new MockConnection(this, encoding, end);
    this.connections.push(connection);
    connection.send(
      helloFrame({
        ver: 1,
        node: 'mock',
        pingMs: 20_000,
        deadlineMs: 10_000,
        herdMs: this.herdMs,
        challenge: 'A'.repeat(22),
        limits: {
          maxFrameBytes: 32_768,
          maxStreams: 500,
          maxInflight: 64,
          maxContent: 4000,
          dedupeMs: 600_000,
          replayMax: 5000,
          batchMax: 200,
        },
      }),
    );
    for (const resolve of this.#waiting.splice(0)) resolve(connection);
    return connection;
  }

  /** The next connection that is made. */
  nextConnection(): Promise<MockConnection> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  receive(connection: MockConnection, data: Uint8Array): void {
    if (!connection.isOpen) return;
    const decoded = decodeFrame(data, connection.encoding);
    if (!decoded.ok) {
      connection.close(4500);
      return;
    }
    connection.received.push(decoded.frame);
    const parsed = parseRequest(decoded.frame);
    if (!parsed.ok) connection.send(errFrame(parsed.rid, parsed.code));
    else if (!this.intercept(connection, parsed.request)) this.answer(connection, parsed.request);
  }

  closed(connection: MockConnection, code: number): void {
    connection.isOpen = false;
    connection.closeCode = code;
    connection.subscribed.clear();
  }

  answer(connection: MockConnection, request: Request): void {
    const { rid } = request;
    switch (request.op) {
      case Op.IDENTIFY:
        this.#identify(connection, request);
        break;
      case Op.TIME:
        connection.send(okFrame(rid, this.now));
        break;
      case Op.REAUTH:
        connection.send(okFrame(rid, this.now + 900_000));
        break;
      case Op.SUB:
        this.#sub(connection, rid, request.entries);
        break;
      case Op.UNSUB: {
        const count = request.sids.filter((sid) => connection.subscribed.delete(sid)).length;
        connection.send(okFrame(rid, count));
        break;
      }
      case Op.APPEND:
        connection.send(this.#append(connection, request));
        break;
      case Op.HISTORY:
        connection.send(this.#history(request));
        break;
      case Op.SYNC: {
        const moved = request.entries.filter(({ sid, epoch, seq }) => {
          const head = this.headOf(sid);
          return head.epoch !== epoch || head.seq !== seq;
        });
        const list = moved.map(({ sid }) => ({ sid, ...this.headOf(sid) }));
        connection.send(okSyncFrame(rid, list));
        break;
      }
      case Op.GUILD:
        connection.send(this.#guild(rid, request.gid));
        break;
      case Op.MARK:
        connection.send(okFrame(rid, request.seq));
        break;
      case Op.MEMBERS: {
        const online = new Set(this.connections.filter((one) => one.isOpen).map((one) => one.uid));
        const list = (request.uids ?? []).map((uid) => {
          const status = online.has(uid) ? (this.statuses.get(uid) ?? 1) : 0;
          return { uid, name: `user ${uid}`, nick: null, topRole: 1, roles: [], status };
        });
        connection.send(okMembersFrame(rid, list));
        break;
      }
      case Op.STATUS:
        this.statuses.set(connection.uid, request.status);
        connection.send(okFrame(rid));
        break;
      case Op.MWIN_CLOSE:
        connection.send(okFrame(rid));
        break;
    }
  }

  #identify(connection: MockConnection, request: Request & { op: typeof Op.IDENTIFY }): void {
    const { rid, token, resume } = request;
    const uid = this.users.get(token);
    if (uid === undefined) {
      connection.send(errFrame(rid, token === 'old' ? Err.TOKEN_EXPIRED : Err.AUTH_FAILED));
      connection.close(token === 'old' ? 4003 : 4504);
      return;
    }
    const old = this.connections.find((one) => one.isOpen && one.session === resume?.session);
    connection.uid = uid;
    this.#sessions += 1;
    connection.session = resume?.session ?? `session-${this.#sessions}`;
    connection.send(
      okIdentifyFrame(rid, {
        session: connection.session,
        resumeKey: `key-of-${connection.session}`,
        connNo: this.connections.length,
        uid,
        userSid: uid,
        expMs: this.now + 900_000,
        durability: 1,
        caps: 0,
        now: this.now,
        guilds: this.guildsOf(uid),
      }),
    );
    if (old !== undefined && old !== connection) old.close(4505);
  }

  #sub(connection: MockConnection, rid: number, entries: readonly SubEntry[]): void {
    const after: Frame[] = [];
    const results = entries.map(({ sid, cursor }): SubResult => {
      if (!this.streams.has(sid)) {
        return { sid, status: 3, epoch: 0, seq: 0, ts: 0, first: 0, head: 0 };
      }
      const { events, epoch } = this.stream(sid);
      const at = this.headOf(sid);
      connection.subscribed.add(sid);
      const base = { sid, first: 1, head: at.seq };
      if (cursor === null) return { ...base, status: 0, ...at };
      if (cursor.epoch !== epoch) {
        after.push(gapFrame({ sid, reason: 2, epoch, from: 1, to: at.seq, ts: at.ts }));
        return { ...base, status: 2, ...at };
      }
      if (cursor.seq >= at.seq) return { ...base, status: 0, ...at };
      const missed = events.slice(cursor.seq).map(eventFrame);
      after.push(missed.length === 1 ? (missed[0] as Frame) : [Op.BATCH, missed]);
      return { ...base, status: 1, ...cursor };
    });
    connection.send(okSubFrame(rid, results));
    for (const frame of after) connection.send(frame);
  }

  #append(connection: MockConnection, request: Request & { op: typeof Op.APPEND }): Frame {
    const { rid, sid, nonce, kind, body } = request;
    if (!this.streams.has(sid)) return errFrame(rid, Err.FORBIDDEN_OR_ABSENT);
    const { nonces } = this.stream(sid);
    const key = `${connection.uid} ${nonce}`;
    const text = JSON.stringify(appendFrame(0, sid, nonce, kind, body));
    const known = nonces.get(key);
    if (known !== undefined && known.body !== text) return errFrame(rid, Err.NONCE_REUSED);
    const event = known?.event ?? this.publishBody(sid, body, kind, connection.uid);
    nonces.set(key, { event, body: text });
    return okAppendFrame(rid, { ...event, duplicate: known !== undefined });
  }

  #history(request: Request & { op: typeof Op.HISTORY }): Frame {
    const { rid, sid, anchor, before, after } = request;
    const { events, epoch } = this.stream(sid);
    const at = anchor === 0 || anchor > events.length ? events.length : anchor;
    const list = events.slice(Math.max(0, at - before), at + after);
    return okFrame(rid, epoch, 1, events.length, list.map(eventFrame));
  }

  #guild(rid: number, gid: number): Frame {
    const channels = this.channels.map(({ sid, name }) => ({
      sid,
      type: 1,
      name,
      perms: 463,
      ...this.headOf(sid),
      marker: 0,
    }));
    const roles = [[gid, 'everyone', 0, 0, 463]] as const;
    return okGuildFrame(rid, { aclVer: 1, channels, roles, viewSids: [gid + 1], large: false });
  }
}

/** Sockets in memory: what is sent arrives in the next microtask, in order. */
export function memorySockets(server: MockServer): OpenSocket {
  return (_url, subprotocol) => {
    const encoding: Encoding = subprotocol.endsWith('.json') ? 'json' : 'mp';
    let connection: MockConnection | undefined;
    let isOver = false;
    const end = (code: number, reason: string): void => {
      if (isOver) return;
      isOver = true;
      if (connection !== undefined) server.closed(connection, code);
      queueMicrotask(() => socket.onclose?.({ code, reason }));
    };
    const socket: SocketLike = {
      binaryType: '',
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (data) => {
        const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data.slice();
        if (!isOver && connection !== undefined) server.receive(connection, bytes);
      },
      close: (code = 1000, reason = '') => end(code, reason),
    };
    queueMicrotask(() => {
      if (!server.isUp) {
        end(1006, '');
        return;
      }
      connection = server.accept(encoding, {
        send: (data) => {
          const copy = typeof data === 'string' ? data : data.slice().buffer;
          queueMicrotask(() => socket.onmessage?.({ data: copy }));
        },
        close: end,
        terminate: () => end(1006, ''),
      });
    });
    return socket;
  };
}
