/**
 * One admin connection behind its transport: frames in, calls and subscriptions carried out, answers and events out, its own
 * limits. Local and remote connections alike; who may connect at all was decided before. Main thread.
 */
import {
  AdminClose,
  AdminLimits,
  type AdminRequest,
  decodeAdmin,
  errFrame,
  helloFrame,
  okFrame,
  parseAdminRequest,
} from '../../gateway/admin-wire/index.ts';
import { TokenBucket } from '../../gateway/rates/index.ts';
import { fail } from './define.ts';
import { ADMIN_LIMITS } from './limits.ts';
import { type AdminTransport, createLane, type Lane, Outbox } from './outbox.ts';
import { type AdminService, describeIssues } from './service.ts';
import type { AdminTopic, TopicFeed } from './topic.ts';
import type { AdminCaller, VerbResult } from './types.ts';

interface Subscription {
  readonly lane: Lane;
  feed: TopicFeed | undefined;
}

export class AdminSession {
  readonly #service: AdminService;
  readonly #transport: AdminTransport;
  readonly #outbox: Outbox;
  readonly #bucket: TokenBucket;
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #calls = new Set<number>();
  readonly #ended = new AbortController();
  readonly #onAuth: ((rid: number, token: string) => void) | undefined;
  #caller: AdminCaller;
  #lastSub = 0;

  /** `onAuth`: takes the AUTH of a connection that is open, and leads to `renewed`; without it every token is taken. */
  constructor(
    service: AdminService,
    transport: AdminTransport,
    caller: AdminCaller,
    onAuth?: (rid: number, token: string) => void,
  ) {
    this.#service = service;
    this.#transport = transport;
    this.#caller = caller;
    this.#onAuth = onAuth;
    const { clock, counters } = service.deps;
    this.#outbox = new Outbox(transport, counters);
    this.#bucket = new TokenBucket(ADMIN_LIMITS.calls, clock.monotonic());
    counters.connectionsOpened += 1;
  }

  /** The first frame: HELLO, or the OK of the AUTH that let the connection in. */
  greet(authRid: number | undefined): void {
    const hello = this.#service.hello();
    this.#send(authRid === undefined ? helloFrame(hello) : okFrame(authRid, hello));
  }

  /** The same person with a newer token. */
  renewed(caller: AdminCaller, rid: number): void {
    this.#caller = caller;
    this.#send(okFrame(rid, this.#service.hello()));
  }

  receive(bytes: Uint8Array): void {
    if (this.#ended.signal.aborted) return;
    const decoded = decodeAdmin(bytes, this.#transport.encoding);
    if (!decoded.ok) {
      this.#bad(`the frame cannot be read: ${decoded.why}`);
      return;
    }
    const request = parseAdminRequest(decoded.frame);
    if (request === undefined) {
      this.#bad('no such frame from a client');
      return;
    }
    this.#serve(request);
  }

  /** The transport has room again. */
  drained(): void {
    this.#outbox.drained();
  }

  /** The connection is gone: everything it began ends. Idempotent. */
  closed(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#outbox.close();
    const { counters } = this.#service.deps;
    counters.subscriptionsNow -= this.#subscriptions.size;
    for (const { feed } of this.#subscriptions.values()) feed?.close();
    this.#subscriptions.clear();
  }

  /** Ends the connection from this side. */
  close(code: number): void {
    this.closed();
    this.#transport.close(code);
  }

  #serve(request: AdminRequest): void {
    const { rid } = request;
    if (request.op === 'auth') {
      if (this.#onAuth !== undefined) {
        this.#onAuth(rid, request.token);
        return;
      }
      // Over the Unix socket nobody asks for a token.
      this.#send(okFrame(rid, this.#service.hello()));
      return;
    }
    if (request.op === 'unsub') {
      this.#unsubscribe(rid, request.sub);
      return;
    }
    const waitMs = this.#bucket.take(this.#service.deps.clock.monotonic());
    if (waitMs > 0) {
      this.#refuseRate(rid, waitMs);
      return;
    }
    if (request.op === 'sub') void this.#subscribe(rid, request.topic, request.options);
    else void this.#call(rid, request.verb, request.args);
  }

  async #call(rid: number, verb: string, args: unknown): Promise<void> {
    if (this.#calls.has(rid)) {
      this.#answer(rid, fail('invalid', `request ${rid} has no answer yet`));
      return;
    }
    if (this.#calls.size >= ADMIN_LIMITS.callsAtOnce) {
      this.#refuseRate(rid, 1000);
      return;
    }
    this.#calls.add(rid);
    const lane = createLane(-rid, 'drop', ADMIN_LIMITS.progressAtOnce);
    const progress = (data: unknown): void => {
      this.#outbox.event(lane, 'progress', data);
    };
    const { signal } = this.#ended;
    const result = await this.#service.run(this.#caller, { verb, args }, signal, progress);
    this.#calls.delete(rid);
    this.#outbox.forget(lane);
    this.#answer(rid, result);
  }

  async #subscribe(rid: number, name: string, given: unknown): Promise<void> {
    const topic = this.#service.topic(name);
    if (topic === undefined) {
      this.#answer(rid, fail('not_found', `there is no topic ${name}`));
      return;
    }
    if (this.#subscriptions.size >= ADMIN_LIMITS.subscriptions) {
      const message = `a connection may have ${ADMIN_LIMITS.subscriptions} subscriptions`;
      this.#answer(rid, fail('too_large', message));
      return;
    }
    const options = topic.options.safeParse(given);
    if (!options.success) {
      this.#answer(rid, fail('invalid', describeIssues(options.error.issues)));
      return;
    }
    this.#lastSub += 1;
    const sub = this.#lastSub;
    const subscription: Subscription = { lane: createLane(sub, topic.onSlow), feed: undefined };
    this.#subscriptions.set(sub, subscription);
    this.#service.deps.counters.subscriptionsNow += 1;
    const opened = await this.#open(topic, options.data, { rid, subscription });
    if (opened.ok) {
      if (!this.#subscriptions.has(sub)) {
        opened.value.close();
        return;
      }
      subscription.feed = opened.value;
    } else if (this.#subscriptions.delete(sub)) {
      this.#service.deps.counters.subscriptionsNow -= 1;
      this.#answer(rid, opened);
    }
  }

  /** The answer names the subscription, so it leaves before the first event does. */
  async #open(
    topic: AdminTopic,
    options: unknown,
    { rid, subscription: { lane } }: { rid: number; subscription: Subscription },
  ): Promise<VerbResult<TopicFeed>> {
    let early: (readonly [kind: string, data: unknown])[] | undefined = [];
    const event = (kind: string, data: unknown): boolean => {
      if (early === undefined) return this.#outbox.event(lane, kind, data);
      early.push([kind, data]);
      return true;
    };
    try {
      const opened = await topic.open(options, { event }, this.#caller);
      const held = early;
      early = undefined;
      if (!opened.ok) return opened;
      this.#answer(rid, { ok: true, value: { sub: lane.sub } });
      for (const [kind, data] of held) event(kind, data);
      return opened;
    } catch (error) {
      early = undefined;
      this.#service.deps.log.error({ err: error, topic: topic.name }, 'an admin topic failed');
      return fail('internal', `${topic.name} failed: see the log of the server`);
    }
  }

  #unsubscribe(rid: number, sub: number): void {
    const subscription = this.#subscriptions.get(sub);
    if (subscription === undefined) {
      this.#answer(rid, fail('not_found', `there is no subscription ${sub}`));
      return;
    }
    this.#subscriptions.delete(sub);
    this.#service.deps.counters.subscriptionsNow -= 1;
    subscription.feed?.close();
    this.#outbox.forget(subscription.lane);
    this.#answer(rid, { ok: true, value: null });
  }

  #refuseRate(rid: number, waitMs: number): void {
    this.#service.deps.counters.rateLimited += 1;
    this.#send(errFrame(rid, 'rate_limited', 'too many requests', Math.ceil(waitMs)));
  }

  #answer(rid: number, result: VerbResult): void {
    if (!result.ok) {
      this.#send(errFrame(rid, result.code, result.message));
      return;
    }
    if (this.#outbox.answer(okFrame(rid, result.value))) {
      this.#look();
      return;
    }
    const message = `the result is over ${AdminLimits.outboundBytesMax} bytes: ask for less`;
    this.#send(errFrame(rid, 'too_large', message));
  }

  #send(frame: readonly unknown[]): void {
    this.#outbox.answer(frame);
    this.#look();
  }

  /** Answers that nobody reads: everything that could be dropped has been. */
  #look(): void {
    if (this.#outbox.backlogBytes <= ADMIN_LIMITS.backlogBytes) return;
    this.#service.deps.counters.closedTooSlow += 1;
    this.close(AdminClose.TOO_SLOW);
  }

  #bad(message: string): void {
    this.#service.deps.counters.framesBad += 1;
    this.#outbox.answer(errFrame(0, 'invalid', message));
    this.close(AdminClose.BAD_FRAME);
  }
}
