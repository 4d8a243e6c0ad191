/**
 * What HTTP needs from the rest of the server, and what travels between the adapter and the app.
 * Types only.
 */
import type { Accounts, DmP, DocStore, GuildP, Id, StreamP, UserP } from '../../channels/index.ts';
import type { CallRest, Clock, Ops, Reply, Rng } from '../../runtime/index.ts';
import type { RoomP } from '../../voice/index.ts';
import type { JwksDocument, TokenIssuer, TokenVerifier } from '../auth/index.ts';
import type { RateTable } from '../rates/index.ts';

/** A typed `call` to one actor: `(op, arg, options?) => Promise<reply>`; rejects with ActorError. */
export type Caller<P> = <K extends Ops<P>>(op: K, ...rest: CallRest<P[K]>) => Promise<Reply<P[K]>>;

/** What a stream id is; undefined where there is no such stream. */
export interface StreamInfo {
  readonly type: 'channel' | 'thread' | 'dm' | 'group' | 'view' | 'user';
  /** Guild of a channel, thread or view, 0 for the others. */
  readonly gid: Id;
}

export type HealthStatus = 'ok' | 'starting' | 'degraded' | 'failed' | 'off';

/** Body of GET /health. */
export interface HealthReport {
  readonly status: HealthStatus;
  readonly version: string;
  readonly uptimeS: number;
  readonly checks: Readonly<
    Record<string, { readonly status: HealthStatus; readonly detail?: string }>
  >;
}

/** Structured log lines; pino fits. Callers never pass bodies, tokens, passwords or paths with codes. */
export interface HttpLog {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface HttpDeps {
  readonly accounts: Accounts;
  /** Entities; `requestId` goes along with the message, so that reports of other threads can name the request. */
  guild(gid: Id, requestId?: string): Caller<GuildP>;
  dm(sid: Id, requestId?: string): Caller<DmP>;
  user(uid: Id, requestId?: string): Caller<UserP>;
  stream(sid: Id, requestId?: string): Caller<StreamP>;
  /** Voice rooms; absent: this server has no voice. */
  room?(sid: Id, requestId?: string): Caller<RoomP>;
  /** Document `stream/pad(sid)`; what a sid is never changes, so positive answers are cached. */
  streamInfo(sid: Id): Promise<StreamInfo | undefined>;
  /** Kept answers of Idempotency-Key, kind `idempotency`; nothing else is read or written here. */
  readonly docs: Pick<DocStore, 'get' | 'list' | 'write'>;
  readonly verifier: TokenVerifier;
  readonly issuer: TokenIssuer;
  jwks(): JwksDocument;
  readonly rateTable: RateTable;
  health(): HealthReport | Promise<HealthReport>;
  ready(): boolean;
  /** Prometheus text exposition, format 0.0.4; undefined when it cannot be had now. */
  metrics(): string | undefined | Promise<string | undefined>;
  /** Absolute URL without path (a trailing slash is ignored): invite links and the first allowed origin. */
  readonly publicUrl: string;
  /** Further origins for CORS, exact (`https://chat.example`), or `*`. */
  readonly corsOrigins: readonly string[];
  readonly version: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: HttpLog;
  /** The voice demo page; without it there is none. */
  readonly voiceDemo?: VoiceDemo;
  /** Compares every answer with its schema and fails the request if it differs (tests). Default false. */
  readonly checkAnswers?: boolean;
}

/** One file of the voice demo page. */
export interface DemoFile {
  readonly mediaType: string;
  readonly text: string;
  /** The name says the content: it may be kept for ever. */
  readonly isHashed: boolean;
}

/** The voice demo page. */
export interface VoiceDemo {
  /**
   * A file by the rest of its path behind `/voice-demo/`, '' for the page itself.
   * @returns undefined where there is none, `failed` when the page could not be built
   */
  file(name: string): Promise<DemoFile | undefined | 'failed'>;
}

/** What the adapter knows and a Request does not say. Bindings of the Hono app. */
export interface RequestEnv {
  /** Address of the socket's other end in canonical text (gateway/address.ts). Never a forwarded one. */
  readonly ip: string;
  /** The body, when the adapter has read it. */
  readonly body?: Uint8Array;
  /** What is told of the request beside its answer: the pattern of its route, never the path itself. */
  readonly trace?: { route?: string };
  /** Why the body or head could not be used; answered with the right error by the app. */
  readonly problem?: RequestProblem;
}

/** tooLarge: 413. tooSlow, badHead: 400. busy: 503 (too many requests at once on this thread). */
export type RequestProblem = 'tooLarge' | 'tooSlow' | 'badHead' | 'busy';

/** Fetch-style handler: never rejects. */
export type HttpHandler = (request: Request, env: RequestEnv) => Promise<Response>;
