/**
 * Requests as ids, for who wants to wait, look or give up by hand instead of awaiting a promise: OTP's
 * send_request family, and collections of requests with labels.
 */
import type { Ms } from '../clock.ts';
import { ActorError, type FailReason } from '../errors.ts';
import type { CastRest, Dest, Ops, Reply } from '../types.ts';
import { type AnyDest, callTo } from './send.ts';
import { rt } from './thread.ts';
import { after } from './timers.ts';

declare const requestBrand: unique symbol;

/** A request under way (sendRequest); an object of this thread. */
export type RequestId<R> = { readonly op: string; readonly [requestBrand]: R };
/** How a request ended. */
export type Response<R> =
  | { readonly ok: true; readonly reply: R }
  | { readonly ok: false; readonly reason: FailReason };

type Settled = Response<unknown>;

/** What is known of a request that nobody has taken the response of. */
interface Request {
  settled: Settled | undefined;
  readonly abort: AbortController;
  /** Told of the response when it comes. */
  readonly waiting: Set<(response: Settled) => void>;
}

const requests = new WeakMap<RequestId<unknown>, Request>();

/**
 * Sends a request; its response is taken by waitResponse, receiveResponse or checkResponse, once. It has
 * no deadline of its own. Never throws for what becomes of it. Any thread.
 */
export function sendRequest<P, K extends Ops<P>>(
  to: Dest<P>,
  op: K,
  ...rest: CastRest<P[K]>
): RequestId<Reply<P[K]>>;
export function sendRequest(to: AnyDest, op: string, arg?: unknown): RequestId<unknown> {
  const abort = new AbortController();
  const request: Request = { settled: undefined, abort, waiting: new Set() };
  const id = Object.freeze({ op }) as unknown as RequestId<unknown>;
  requests.set(id, request);
  const never = Number.POSITIVE_INFINITY;
  const options = { timeoutMs: never, signal: abort.signal };
  callTo(to, op, arg, options, rt.current, never).then(
    (reply) => settle(request, { ok: true, reply }),
    (error: unknown) => settle(request, { ok: false, reason: reasonIn(error) }),
  );
  return id;
}

function reasonIn(error: unknown): FailReason {
  if (error instanceof ActorError) return error.reason;
  return { error: { name: 'Error', message: String(error) } };
}

function settle(request: Request, response: Settled): void {
  request.settled = response;
  for (const tell of [...request.waiting]) tell(response);
}

/** Takes the response away: it is given once. */
function take(id: RequestId<unknown>, response: Settled): Settled {
  requests.delete(id);
  return response;
}

/** The response if it is there, 'noReply' while it is not, 'noRequest' when it was taken or abandoned. */
export function checkResponse<R>(id: RequestId<R>): Response<R> | 'noReply' | 'noRequest';
export function checkResponse(id: RequestId<unknown>): Settled | 'noReply' | 'noRequest' {
  const request = requests.get(id);
  if (request === undefined) return 'noRequest';
  return request.settled === undefined ? 'noReply' : take(id, request.settled);
}

/**
 * Waits for the response up to `timeoutMs` (>= 0, default Infinity). On 'timeout' the request stays and
 * may be waited for again. RangeError for a bad timeout.
 */
export function waitResponse<R>(
  id: RequestId<R>,
  timeoutMs?: Ms,
): Promise<Response<R> | 'timeout' | 'noRequest'>;
export async function waitResponse(
  id: RequestId<unknown>,
  timeoutMs: Ms = Number.POSITIVE_INFINITY,
): Promise<Settled | 'timeout' | 'noRequest'> {
  checkTimeout('waitResponse', timeoutMs);
  if (!requests.has(id)) return 'noRequest';
  const first = await firstOf([id], timeoutMs);
  if (first === undefined) return 'timeout';
  return take(id, first.response);
}

/** As waitResponse, but on 'timeout' the request is abandoned: a late reply is dropped. */
export function receiveResponse<R>(
  id: RequestId<R>,
  timeoutMs?: Ms,
): Promise<Response<R> | 'timeout' | 'noRequest'>;
export async function receiveResponse(
  id: RequestId<unknown>,
  timeoutMs: Ms = Number.POSITIVE_INFINITY,
): Promise<Settled | 'timeout' | 'noRequest'> {
  const response = await waitResponse(id, timeoutMs);
  if (response === 'timeout') abandon(id);
  return response;
}

function abandon(id: RequestId<unknown>): void {
  const request = requests.get(id);
  requests.delete(id);
  request?.abort.abort();
}

function checkTimeout(what: string, timeoutMs: Ms): void {
  if (!(timeoutMs >= 0)) throw new RangeError(`${what}: timeoutMs: got ${timeoutMs}, want >= 0`);
}

interface First {
  readonly id: RequestId<unknown>;
  readonly response: Settled;
}

/** The first response among `ids`; undefined when the time is over. */
function firstOf(ids: readonly RequestId<unknown>[], timeoutMs: Ms): Promise<First | undefined> {
  const open: [RequestId<unknown>, Request][] = [];
  for (const id of ids) {
    const request = requests.get(id);
    if (request?.settled !== undefined) return Promise.resolve({ id, response: request.settled });
    if (request !== undefined) open.push([id, request]);
  }
  return new Promise((resolve) => {
    const undo: (() => void)[] = [];
    const done = (first: First | undefined): void => {
      for (const each of undo) each();
      resolve(first);
    };
    undo.push(after(timeoutMs, () => done(undefined)));
    for (const [id, request] of open) {
      const tell = (response: Settled): void => done({ id, response });
      request.waiting.add(tell);
      undo.push(() => request.waiting.delete(tell));
    }
  });
}

// ---------------------------------------------------------------- collections

/** A response out of a collection, with the label its request was added under. */
export interface LabelledResponse {
  readonly label: unknown;
  readonly response: Response<unknown>;
}

/** Requests with labels. Changed in place; one collection is one owner's. */
export class RequestIds {
  readonly #labels = new Map<RequestId<unknown>, unknown>();

  get size(): number {
    return this.#labels.size;
  }

  /** TypeError when it is in already. */
  add(id: RequestId<unknown>, label: unknown): this {
    if (this.#labels.has(id))
      throw new TypeError('RequestIds.add: got a request that is in already');
    this.#labels.set(id, label);
    return this;
  }

  /** Requests with their labels, in the order they were added. */
  toList(): [RequestId<unknown>, unknown][] {
    return [...this.#labels];
  }

  /** As the function of that name, for whichever of the requests is answered. */
  check(remove = true): LabelledResponse | 'noReply' | 'noRequest' {
    if (this.size === 0) return 'noRequest';
    for (const id of this.#labels.keys()) {
      const response = checkResponse(id);
      if (typeof response !== 'string') return this.#take({ id, response }, remove);
    }
    return 'noReply';
  }

  /** The next response of any of them; all stay on 'timeout'. `remove` false leaves the answered one in. */
  async wait(
    timeoutMs: Ms = Number.POSITIVE_INFINITY,
    remove = true,
  ): Promise<LabelledResponse | 'timeout' | 'noRequest'> {
    checkTimeout('RequestIds.wait', timeoutMs);
    const open = [...this.#labels.keys()].filter((id) => requests.has(id));
    if (open.length === 0) return 'noRequest';
    const first = await firstOf(open, timeoutMs);
    return first === undefined ? 'timeout' : this.#take(first, remove);
  }

  /** As wait, but on 'timeout' all that are not answered are abandoned. */
  async receive(
    timeoutMs: Ms = Number.POSITIVE_INFINITY,
    remove = true,
  ): Promise<LabelledResponse | 'timeout' | 'noRequest'> {
    const next = await this.wait(timeoutMs, remove);
    if (next === 'timeout') for (const id of this.#labels.keys()) abandon(id);
    return next;
  }

  #take({ id, response }: First, remove: boolean): LabelledResponse {
    take(id, response);
    const label = this.#labels.get(id);
    if (remove) this.#labels.delete(id);
    return { label, response };
  }
}

/** OTP's names for it: an empty collection. */
export function reqidsNew(): RequestIds {
  return new RequestIds();
}

/** Adds a request under a label; gives the collection back. */
export function reqidsAdd(id: RequestId<unknown>, label: unknown, into: RequestIds): RequestIds {
  return into.add(id, label);
}

export function reqidsSize(of: RequestIds): number {
  return of.size;
}

export function reqidsToList(of: RequestIds): [RequestId<unknown>, unknown][] {
  return of.toList();
}
