/**
 * DriftwayClient: the SDK's face. Puts together the link (connection over time), the streams (positions,
 * repair) and the sender (unsent messages), and turns what they tell into typed events.
 */

import type {
  AppendResult,
  Cursor,
  Encoding,
  Frame,
  GuildResult,
  HistoryResult,
  IdentifyResult,
  MemberResult,
  StreamEvent,
  SubResult,
  VoiceFrame,
  WireValue,
} from '../gateway/protocol/index.ts';
import {
  guildFrame,
  historyFrame,
  Kind,
  membersFrame,
  Op,
  parseGuildResult,
  parseHistoryResult,
  parseMembersResult,
  timeFrame,
  trimBody,
  unsubFrame,
} from '../gateway/protocol/index.ts';
import { repairDelayMs } from './backoff.ts';
import { type Clock, type Rng, systemClock, systemRng } from './clock.ts';
import type { OpenSocket, Reply, SocketLike } from './connection.ts';
import { Emitter, type Unlisten } from './emitter.ts';
import { ClientError } from './errors.ts';
import { type ClientState, Link } from './link.ts';
import { type NoticeEvents, Notices } from './notices.ts';
import { meaningOf, type OutboxEntry } from './outbox.ts';
import type { TokenSource } from './rest.ts';
import { type Outgoing, Sender } from './sender.ts';
import { type ClientStorage, memoryStorage } from './storage.ts';
import type { UnknownRange } from './stream-position.ts';
import { Streams } from './streams.ts';

/** Options of DriftwayClient. */
export interface ClientOptions {
  /** Server, for example `http://127.0.0.1:7000`, or the socket's own `wss://HOST/gw`. */
  readonly url: string;
  readonly tokens: TokenSource;
  /** Default `mp`. */
  readonly encoding?: Encoding;
  /** Name and version of the program, at most 64 bytes. Default `driftway-sdk/1`. */
  readonly clientName?: string;
  /** Default: forgets at the end of the program. */
  readonly storage?: ClientStorage;
  /** Before the keys in the storage; one per server and user. Default `driftway`. */
  readonly storagePrefix?: string;
  /** Unsent messages kept at most; more are refused. Default 200. */
  readonly outboxMax?: number;
  /** Default: the global WebSocket. */
  readonly openSocket?: OpenSocket;
  readonly clock?: Clock;
  readonly rng?: Rng;
}

/** Events of DriftwayClient; those of NoticeEvents are about what is no durable event. */
export interface ClientEvents extends NoticeEvents {
  readonly state: ClientState;
  /** Identified on a new connection; the session may be a new one. */
  readonly ready: IdentifyResult;
  /** A durable event of a subscribed stream: each once, in order. The position has moved already. */
  readonly event: StreamEvent;
  /** A range that will not be delivered. `isVoid`: drop what is cached for the stream. */
  readonly gap: UnknownRange;
  /** The server ended or refused a subscription (301: no right, or absent; 411: too many). */
  readonly ended: { readonly sid: number; readonly code: number };
  /** Mentioned in a message. Comes from the own inbox: subscribe to `identity.userSid`. */
  readonly mention: { readonly sid: number; readonly seq: number };
  /** What happens in a voice room that this session is in. */
  readonly voice: VoiceFrame;
  /** A message of the outbox is durable. */
  readonly sent: { readonly entry: OutboxEntry; readonly result: AppendResult };
  /** A message of the outbox failed for good, or nobody can tell (DRIFT_CLIENT_OUTCOME_UNKNOWN). */
  readonly failed: { readonly entry: OutboxEntry; readonly error: ClientError };
  /** Something went wrong that does not stop the client: the storage, a member window that is refused. */
  readonly warning: unknown;
}

const SYNC_EVERY_MS = 5 * 60_000;
const READ_ATTEMPTS_MAX = 5;

/** One user's connection to one server. */
export class DriftwayClient {
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #clock: Clock;
  readonly #link: Link;
  readonly #streams: Streams;
  readonly #sender: Sender;
  readonly #notices: Notices;
  #state: ClientState = { name: 'idle' };
  #identity: IdentifyResult | null = null;
  #skewMs = 0;
  #syncTimer: unknown = null;

  constructor(options: ClientOptions) {
    const clock = options.clock ?? systemClock;
    const rng = options.rng ?? systemRng;
    const storage = options.storage ?? memoryStorage();
    const prefix = options.storagePrefix ?? 'driftway';
    const emit = this.#emitter;
    this.#clock = clock;
    const request = (build: (rid: number) => Frame) => this.#link.request(build);
    this.#streams = new Streams({
      clock,
      request,
      event: (event) => this.#onEvent(event),
      gap: (range) => emit.emit('gap', range),
      ended: (end) => emit.emit('ended', end),
    });
    this.#notices = new Notices({
      clock,
      request,
      send: (frame) => this.#link.send(frame),
      emit: (name, argument) => emit.emit(name, argument as ClientEvents[typeof name]),
      windowRefused: (gid, err) => {
        const message = `Open the members of ${gid}: the server answered ${err}`;
        emit.emit('warning', new ClientError('DRIFT_CLIENT_REFUSED', message, { err }));
      },
    });
    this.#sender = new Sender(
      {
        clock,
        rng,
        storage,
        storageKey: `${prefix}.outbox`,
        request,
        uid: () => this.#identity?.uid ?? null,
        skewMs: () => this.#skewMs,
        sent: (sent) => emit.emit('sent', sent),
        failed: (failed) => emit.emit('failed', failed),
        warning: (error) => emit.emit('warning', error),
      },
      options.outboxMax ?? 200,
    );
    this.#link = new Link({
      url: socketUrl(options.url),
      encoding: options.encoding ?? 'mp',
      clientName: options.clientName ?? 'driftway-sdk/1',
      clock,
      rng,
      tokens: options.tokens,
      storage,
      herdKey: `${prefix}.herd_ms`,
      openSocket: options.openSocket ?? openGlobalSocket,
      state: (state) => this.#onState(state),
      online: (result) => this.#onOnline(result),
      offline: () => this.#onOffline(),
      frame: (frame) => {
        if (frame.op === Op.VOICE) emit.emit('voice', frame);
        else if (!this.#notices.frame(frame)) this.#streams.frame(frame);
      },
    });
  }

  /** State of the connection. */
  get state(): ClientState {
    return this.#state;
  }

  /** Result of the last IDENTIFY, null before the first. */
  get identity(): IdentifyResult | null {
    return this.#identity;
  }

  /** Server time in ms since 1970, as far as known. */
  serverNow(): number {
    return this.#clock.now() + this.#skewMs;
  }

  /** Calls `listener` at every `name`; the returned function ends that. */
  on<Name extends keyof ClientEvents>(
    name: Name,
    listener: (argument: ClientEvents[Name]) => void,
  ): Unlisten {
    return this.#emitter.on(name, listener);
  }

  /** Resolves with the next `name` that `accept` agrees to. */
  once<Name extends keyof ClientEvents>(
    name: Name,
    accept?: (argument: ClientEvents[Name]) => boolean,
  ): Promise<ClientEvents[Name]> {
    return this.#emitter.once(name, accept);
  }

  /**
   * Connects, and stays connected until close().
   * @returns resolves when identified for the first time
   * @throws ClientError DRIFT_CLIENT_SIGNED_OUT or DRIFT_CLIENT_STOPPED when it stops before
   */
  async connect(): Promise<IdentifyResult> {
    const outcome = new Promise<IdentifyResult>((resolve, reject) => {
      const unlisten = [
        this.on('ready', (result) => {
          for (const end of unlisten) end();
          resolve(result);
        }),
        this.on('state', (state) => {
          if (state.name !== 'stopped') return;
          for (const end of unlisten) end();
          reject(stoppedError(state));
        }),
      ];
    });
    // Reported by the caller's await below; a failing load must not leave it unhandled.
    outcome.catch(() => undefined);
    await this.#sender.load().catch((error: unknown) => this.#emitter.emit('warning', error));
    await this.#link.start();
    return outcome;
  }

  /** Ends the session. Unsent messages stay in the storage. */
  async close(): Promise<void> {
    this.#link.close();
    this.#streams.close();
    this.#notices.close();
    await this.#sender.close();
  }

  /** Tells that the network has changed (for example a browser's `online` event). */
  networkChanged(): void {
    this.#link.networkChanged();
  }

  // ------------------------------------------------------------- streams

  /**
   * Subscribes to a stream, over all reconnects.
   * @param sid stream id, u53
   * @param cursor position to go on from; default: from now
   * @returns the server's answer (first and head of the stream, position); waits while offline
   * @throws ClientError DRIFT_CLIENT_REFUSED with data.err 301 or 411
   */
  subscribe(sid: number, cursor: Cursor | null = null): Promise<SubResult> {
    return this.#streams.subscribe(sid, cursor);
  }

  /** Ends a subscription. Nothing of that stream is delivered any more. */
  async unsubscribe(sid: number): Promise<void> {
    if (!this.#streams.unsubscribe(sid)) return;
    await this.#link.request((rid) => unsubFrame(rid, [sid]));
  }

  /** Positions of all subscriptions: what a later run may give to subscribe(). */
  positions(): Map<number, Cursor> {
    return this.#streams.positions();
  }

  /** Asks which streams have moved unseen, and repairs them. Call it when a page becomes visible. */
  sync(): Promise<void> {
    return this.#streams.sync();
  }

  // ------------------------------------------------------------- sending

  /**
   * Sends a message; offline it waits in the outbox.
   * @param sid channel
   * @param content 1-4000 code points, at most 12,000 bytes
   * @param options seq of the message that this one answers
   * @throws ClientError DRIFT_CLIENT_OUTBOX_FULL
   */
  send(sid: number, content: string, options: { readonly replyTo?: number } = {}): Outgoing {
    this.#notices.typed(sid);
    return this.append(sid, Kind.MSG_CREATE, [content, options.replyTo ?? null, 0]);
  }

  /** Replaces the content of an own message. */
  edit(sid: number, seq: number, content: string): Outgoing {
    return this.append(sid, Kind.MSG_EDIT, [seq, content]);
  }

  /** Deletes a message. */
  remove(sid: number, seq: number): Outgoing {
    return this.append(sid, Kind.MSG_DELETE, [seq]);
  }

  /** Adds (or with `on` false takes back) a reaction. */
  react(sid: number, seq: number, emoji: string, on = true): Outgoing {
    return this.append(sid, on ? Kind.REACT_ADD : Kind.REACT_DEL, [seq, emoji]);
  }

  /** Pins or unpins a message. */
  pin(sid: number, seq: number, on = true): Outgoing {
    return this.append(sid, Kind.PIN, [seq, on]);
  }

  /**
   * Appends an event of any kind that clients may append (1-7).
   * @throws ClientError DRIFT_CLIENT_OUTBOX_FULL
   */
  append(sid: number, kind: number, body: readonly WireValue[]): Outgoing {
    return this.#sender.send(sid, kind, trimBody(body));
  }

  /** Messages that are not acknowledged, oldest first. */
  outbox(): readonly OutboxEntry[] {
    return this.#sender.list();
  }

  /**
   * Takes an unsent message back.
   * @returns false when it is under way or not there
   */
  cancel(nonce: string): boolean {
    return this.#sender.cancel(nonce);
  }

  // ------------------------------------------------------------- reading

  /**
   * Events around an anchor; before + after at most 200. The server may return fewer than asked.
   * @param sid stream
   * @param page anchor 0 = head (default), before default 50, after default 0
   * @throws ClientError REFUSED, OFFLINE, CONNECTION_LOST
   */
  history(
    sid: number,
    page: { readonly anchor?: number; readonly before?: number; readonly after?: number } = {},
  ): Promise<HistoryResult> {
    const { anchor = 0, before = 50, after = 0 } = page;
    return this.#read(
      'Read history',
      (rid) => historyFrame(rid, sid, anchor, before, after),
      parseHistoryResult,
    );
  }

  /** Channels, roles and view streams of a guild. */
  guild(gid: number): Promise<GuildResult> {
    return this.#read('Read a guild', (rid) => guildFrame(rid, gid), parseGuildResult);
  }

  /**
   * Members of a guild by id (at most 100) or by the start of their name, with their status.
   * @throws ClientError REFUSED, OFFLINE, CONNECTION_LOST
   */
  members(
    gid: number,
    by: { readonly uids: readonly number[] } | { readonly prefix: string },
    limit = 100,
  ): Promise<readonly MemberResult[]> {
    return this.#read(
      'Read members',
      (rid) => membersFrame(rid, gid, by, limit),
      parseMembersResult,
    );
  }

  // ------------------------------------------------------------- who is there, what was read

  /** Read up to here. Sent at once or on the next connection; the event `marker` says what holds. */
  mark(sid: number, seq: number): void {
    this.#notices.mark(sid, seq);
  }

  /** The user is typing. Call it at every key: it is sent every 8 s at most, and never while offline. */
  typing(sid: number): void {
    this.#notices.typing(sid);
  }

  /** What others see of this user: 1 online, 2 idle, 3 do not disturb; kept over reconnects. */
  setStatus(status: number, activity: string | null = null): void {
    this.#notices.setStatus(status, activity);
  }

  /**
   * Shows part of a guild's member list, over all reconnects: event `window` now and at each change. One window
   * per guild, the next takes its place.
   */
  openWindow(gid: number, from = 0, count = 100): void {
    this.#notices.openWindow(gid, from, count);
  }

  closeWindow(gid: number): void {
    this.#notices.closeWindow(gid);
  }

  /** One voice request, raw: V_JOIN and its like. Never rejects; not repeated. */
  voice(build: (rid: number) => Frame): Promise<Reply> {
    return this.#link.request(build);
  }

  /** Server time now, ms since 1970. */
  time(): Promise<number> {
    const parse = ([now]: readonly WireValue[]): number | null =>
      typeof now === 'number' ? now : null;
    return this.#read('Read the time', timeFrame, parse);
  }

  /** Reads change nothing: an ERR that allows it is repeated a few times. */
  async #read<T>(
    what: string,
    build: (rid: number) => Frame,
    parse: (result: readonly WireValue[]) => T | null,
  ): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      if (this.#state.name !== 'online') {
        throw new ClientError('DRIFT_CLIENT_OFFLINE', `${what}: not connected`);
      }
      const reply = await this.#link.request(build);
      if (reply.ok) {
        const value = parse(reply.result);
        if (value !== null) return value;
        throw new ClientError('DRIFT_CLIENT_BAD_ANSWER', `${what}: the answer has another shape`);
      }
      if (reply.isLost) {
        throw new ClientError('DRIFT_CLIENT_CONNECTION_LOST', `${what}: the connection ended`);
      }
      const { code, name, retryMs } = reply;
      if (meaningOf(code) === 'final' || attempt + 1 >= READ_ATTEMPTS_MAX) {
        const message = `${what}: the server answered ${code} ${name}`;
        throw new ClientError('DRIFT_CLIENT_REFUSED', message, { err: code });
      }
      await this.#sleep(retryMs ?? repairDelayMs(attempt));
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimeout(resolve, ms);
    });
  }

  // ------------------------------------------------------------- what the link tells

  #onState(state: ClientState): void {
    this.#state = state;
    this.#emitter.emit('state', state);
  }

  #onEvent(event: StreamEvent): void {
    const isInbox = event.sid === this.#identity?.userSid;
    const [sid, seq = 0] = event.body;
    if (isInbox && typeof sid === 'number' && typeof seq === 'number') {
      if (event.kind === Kind.MENTION) this.#emitter.emit('mention', { sid, seq });
      if (event.kind === Kind.MARKER) this.#emitter.emit('marker', { sid, seq });
    }
    this.#emitter.emit('event', event);
  }

  #onOnline(result: IdentifyResult): void {
    this.#identity = result;
    this.#skewMs = result.now - this.#clock.now();
    this.#state = { name: 'online' };
    this.#streams.online();
    this.#notices.online(result.session);
    this.#sender.online();
    this.#syncLater();
    this.#emitter.emit('ready', result);
  }

  #onOffline(): void {
    this.#clock.clearTimeout(this.#syncTimer);
    this.#streams.offline();
    this.#notices.offline();
    this.#sender.offline();
  }

  #syncLater(): void {
    this.#clock.clearTimeout(this.#syncTimer);
    this.#syncTimer = this.#clock.setTimeout(() => {
      void this.#streams.sync();
      this.#syncLater();
    }, SYNC_EVERY_MS);
  }
}

function stoppedError(state: ClientState & { readonly name: 'stopped' }): ClientError {
  const code = state.why === 'signedOut' ? 'DRIFT_CLIENT_SIGNED_OUT' : 'DRIFT_CLIENT_STOPPED';
  return new ClientError(code, `Connect: stopped with ${state.code} ${state.reason}`.trimEnd(), {
    err: state.code,
  });
}

/** The socket's address of a server's address. */
function socketUrl(url: string): string {
  const parsed = new URL(url);
  if (parsed.protocol === 'ws:' || parsed.protocol === 'wss:') return parsed.href;
  const scheme = parsed.protocol === 'https:' ? 'wss' : 'ws';
  return `${scheme}://${parsed.host}/gw`;
}

function openGlobalSocket(url: string, subprotocol: string): SocketLike {
  return new WebSocket(url, [subprotocol]) as unknown as SocketLike;
}
