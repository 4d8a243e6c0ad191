/**
 * uWebSockets.js requests to a fetch-style handler and back (gateway.md P12, P13, P18, P21 to P24):
 * `onAborted` first, the request read at once, a bounded body, one `end(body)` in a cork. Runs on the
 * gateway thread that owns the app. Never throws into native code (that would end the process), never
 * touches a response that was aborted or answered.
 */
import type { Clock } from '../../runtime/index.ts';
import { type BodyOutcome, BodyReader } from './body-reader.ts';
import { BODY_BYTES_MAX } from './read-input.ts';
import { type RequestHead, readHead } from './request-head.ts';
import { statusLine } from './status-line.ts';
import type { HttpHandler, HttpLog, RequestEnv } from './types.ts';
import type { UwsHttpApp, UwsRequest, UwsResponse } from './uws-types.ts';

export interface AttachOptions {
  readonly clock: Clock;
  readonly log: HttpLog;
  /** Time for a whole body, in ms; default 10,000 (uWebSockets.js itself allows 10 s of silence). */
  readonly bodyTimeoutMs?: number;
  /** Requests in work at once on this thread; default 1,000. Beyond: 503. */
  readonly inflightMax?: number;
}

/** Counters of one attached adapter since it started, and what is in work now. */
export interface AdapterStats {
  readonly inflight: number;
  readonly aborted: number;
  readonly busy: number;
  readonly refusedBodies: number;
  readonly failed: number;
}

/** Read and dropped of a body that is too large, before the connection is cut instead. */
const DRAIN_BYTES_MAX = 1024 * 1024;
/** Any other method becomes one that no route has: fetch's Request refuses or warns of some. */
const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const OTHER_METHOD = 'OTHER';
/** Written by uWebSockets.js itself, or about the connection. */
const OWN_HEADERS = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'date',
]);
/** Requests have no host of ours in them: routes look at path and query only. */
const BASE = 'http://driftway';

/** One request from head to answer. */
interface Exchange {
  readonly res: UwsResponse;
  readonly head: RequestHead;
  closed: boolean;
  reader?: BodyReader;
}

/** Hands every path that has no other route to `handler`. Call it last, before `listen`. */
export function attachHttp(
  app: UwsHttpApp,
  handler: HttpHandler,
  options: AttachOptions,
): { stats(): AdapterStats } {
  const adapter = new Adapter(handler, options);
  app.any('/*', (res, req) => adapter.accept(res, req));
  return adapter;
}

class Adapter {
  readonly #handler: HttpHandler;
  readonly #clock: Clock;
  readonly #log: HttpLog;
  readonly #bodyTimeoutMs: number;
  readonly #inflightMax: number;
  #inflight = 0;
  #aborted = 0;
  #busy = 0;
  #refusedBodies = 0;
  #failed = 0;

  constructor(handler: HttpHandler, options: AttachOptions) {
    this.#handler = handler;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#bodyTimeoutMs = options.bodyTimeoutMs ?? 10_000;
    this.#inflightMax = options.inflightMax ?? 1000;
  }

  stats(): AdapterStats {
    return {
      inflight: this.#inflight,
      aborted: this.#aborted,
      busy: this.#busy,
      refusedBodies: this.#refusedBodies,
      failed: this.#failed,
    };
  }

  /** The native handler. */
  accept(res: UwsResponse, req: UwsRequest): void {
    let exchange: Exchange | undefined;
    res.onAborted(() => {
      if (exchange === undefined || exchange.closed) return;
      exchange.closed = true;
      exchange.reader?.stop();
      this.#aborted++;
      this.#inflight--;
    });
    try {
      exchange = { res, head: readHead(res, req), closed: false };
      this.#inflight++;
      this.#start(exchange);
    } catch (error) {
      this.#giveUp(exchange ?? { res, head: NO_HEAD, closed: false }, error);
    }
  }

  #start(exchange: Exchange): void {
    const { head, res } = exchange;
    if (head.bad) {
      this.#dispatch(exchange, { ip: head.ip, problem: 'badHead' }, true);
    } else if (this.#inflight > this.#inflightMax) {
      this.#busy++;
      this.#dispatch(exchange, { ip: head.ip, problem: 'busy' }, head.hasBody);
    } else if (head.hasBody) {
      const limits = {
        bytesMax: BODY_BYTES_MAX,
        drainBytesMax: DRAIN_BYTES_MAX,
        timeoutMs: this.#bodyTimeoutMs,
      };
      exchange.reader = new BodyReader(this.#clock, limits, (body) =>
        this.#gotBody(exchange, body),
      );
      exchange.reader.start(res, head.contentLength);
    } else {
      this.#dispatch(exchange, { ip: head.ip, body: new Uint8Array(0) }, false);
    }
  }

  /** Called from native code too (end of the body), so it lets nothing out. */
  #gotBody(exchange: Exchange, outcome: BodyOutcome): void {
    const { ip } = exchange.head;
    if (outcome.problem !== undefined) this.#refusedBodies++;
    const env: RequestEnv =
      outcome.problem === undefined
        ? { ip, body: outcome.body ?? new Uint8Array(0) }
        : { ip, problem: outcome.problem };
    this.#dispatch(exchange, env, outcome.mustClose);
  }

  #dispatch(exchange: Exchange, env: RequestEnv, mustClose: boolean): void {
    const run = (): void => {
      this.#run(exchange, env, mustClose).catch((error: unknown) => this.#giveUp(exchange, error));
    };
    // Answered while the parser still works on this chunk, `close` would be forgotten and what follows
    // taken for a request (seen on 20.51). One turn later the parser is done, or has cut the
    // connection because more came before the answer.
    if (mustClose) setImmediate(run);
    else run();
  }

  async #run(exchange: Exchange, env: RequestEnv, mustClose: boolean): Promise<void> {
    if (exchange.closed) return;
    const { request, usable } = toRequest(exchange.head);
    const response = await this.#handler(
      request,
      usable ? env : { ip: env.ip, problem: 'badHead' },
    );
    const body = response.body === null ? undefined : new Uint8Array(await response.arrayBuffer());
    if (exchange.closed) return;
    exchange.closed = true;
    this.#inflight--;
    exchange.res.cork(() => {
      writeAnswer(exchange.res, exchange.head.method, response, body, mustClose || !usable);
    });
  }

  /** Something that must not happen did: the connection ends, the process does not. */
  #giveUp(exchange: Exchange, error: unknown): void {
    this.#failed++;
    this.#log.error(
      { name: error instanceof Error ? error.name : typeof error },
      'http: adapter failed',
    );
    if (exchange.head !== NO_HEAD && !exchange.closed) this.#inflight--;
    exchange.closed = true;
    exchange.reader?.stop();
    try {
      exchange.res.close();
    } catch (closeError) {
      this.#log.warn({ name: String(closeError instanceof Error) }, 'http: the response was gone');
    }
  }
}

const NO_HEAD: RequestHead = {
  method: '',
  target: '/',
  headers: [],
  ip: 'unknown',
  hasBody: false,
  contentLength: undefined,
  bad: true,
};

/** A fetch Request of the head; `usable` false when fetch's rules refuse it (the request then says nothing). */
function toRequest(head: RequestHead): { readonly request: Request; readonly usable: boolean } {
  const asked = head.method === 'HEAD' ? 'GET' : head.method;
  const method = METHODS.has(asked) ? asked : OTHER_METHOD;
  try {
    const headers = head.headers.map(([key, value]): [string, string] => [key, value]);
    return { request: new Request(BASE + head.target, { method, headers }), usable: true };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { request: new Request(BASE), usable: false };
  }
}

function writeAnswer(
  res: UwsResponse,
  method: string,
  response: Response,
  body: Uint8Array | undefined,
  close: boolean,
): void {
  const { status } = response;
  res.writeStatus(statusLine(status));
  response.headers.forEach((value, key) => {
    if (!OWN_HEADERS.has(key)) res.writeHeader(key, value);
  });
  // RFC 9110 8.6: no Content-Length with 204; with HEAD the length that GET would have. That one is
  // written by hand: endWithoutBody(n) never counts as done in this build (it waits for n bytes), and
  // an explicit undefined becomes 2^63.
  const bodiless = status === 204 || status === 304 || method === 'HEAD';
  if (!bodiless) res.end(body ?? '', close);
  else if (close) res.endWithoutBody(0, true);
  else {
    if (method === 'HEAD' && status !== 204 && status !== 304)
      res.writeHeader('content-length', `${body?.length ?? 0}`);
    res.endWithoutBody();
  }
}
