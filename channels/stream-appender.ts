/**
 * The append pipeline of one stream: nonce first, then right and target, then one commit in flight;
 * whatever arrives meanwhile is the next commit. Part of a stream actor; it never waits: results of
 * the store and the guild come back through `ports.later` and `ports.commit`. Nothing changes the
 * committed state before the log has confirmed it (storage.md 5).
 */
import { assert, tracing, withTrace } from '../runtime/index.ts';
import { AppendTraces, endCommit } from './append-traces.ts';
import { channelsError } from './errors.ts';
import { Batch } from './stream-batch.ts';
import { type Answer, type CommittedFacts, type Item, startsWith } from './stream-item.ts';
import { Judge, type Missing } from './stream-judge.ts';
import { digestOf, isNonce, NonceTable, nonceKey, sameDigest } from './stream-nonces.ts';
import type { StreamPerms } from './stream-perms.ts';
import type { StreamPorts } from './stream-ports.ts';
import {
  draftOf,
  ERR_BAD_ARGS,
  ERR_FORBIDDEN,
  ERR_NONCE_REUSED,
  ERR_OUTCOME_UNKNOWN,
  ERR_UNAVAILABLE,
  emitDraft,
  judgeRight,
  type StreamType,
} from './stream-rules.ts';
import type { StreamState } from './stream-state.ts';
import type {
  AppendReply,
  AppendRequest,
  CommitResult,
  DuplicateNonce,
  Id,
  LogEvent,
  Ms,
  OpenedLog,
} from './types.ts';

/** What the appender needs of the actor around it. */
export interface AppenderHost {
  /** The log confirmed these: tell the audience. */
  committed(events: readonly LogEvent[]): void;
  /** The log must be opened again; the appender waits for `resume`. */
  reopen(): void;
}

/** Commits that may fail without an answer before an append gets 502 and the next ones their turn. */
const TRIES_MAX = 3;
/** How often waiting appends are looked at for their deadline. */
const EXPIRY_MS: Ms = 500;

export class Appender {
  readonly #ports: StreamPorts;
  readonly #state: StreamState;
  readonly #perms: StreamPerms;
  readonly #type: StreamType;
  readonly #host: AppenderHost;
  readonly #judge: Judge;
  /** Waiting for a commit, in order of arrival. */
  #queue: Item[] = [];
  /** By (uid, nonce): what is being decided (queued, in flight, looked up before a refusal), what is committed. */
  readonly #nonces = new NonceTable<Item>();
  /** Facts that are being asked for: rights of users, targets below the ring. */
  readonly #facts = new Set<string>();
  #inFlight: Batch<Item> | undefined;
  /** Open appends that are traced; null without any. */
  #traces: AppendTraces | null = null;
  #suspended = false;
  #expiryArmed = false;

  constructor(
    ports: StreamPorts,
    state: StreamState,
    perms: StreamPerms,
    type: StreamType,
    host: AppenderHost,
  ) {
    this.#ports = ports;
    this.#state = state;
    this.#perms = perms;
    this.#type = type;
    this.#host = host;
    this.#judge = new Judge(ports, state, perms);
  }

  /** True while an append is not answered yet. */
  get busy(): boolean {
    return this.#nonces.open > 0;
  }

  /** An append of a user (`system` false) or of the server. `answer` is called exactly once. */
  append(request: AppendRequest, system: boolean, answer: Answer): void {
    const { uid, nonce } = request;
    if (!isNonce(nonce)) {
      answer({ ok: false, code: ERR_BAD_ARGS });
      return;
    }
    const { kind, body } = request;
    const judged = system ? emitDraft(kind, body) : draftOf(this.#type, kind, body);
    const draft = judged ?? emitDraft(kind, body);
    const digest = digestOf(draft.kind, draft.body, this.#state.bytes);
    const key = nonceKey(uid, nonce);
    const known = this.#nonces.find(key);
    if (known !== undefined) {
      if ('seq' in known) answer(this.#repeated(known, digest));
      else this.#repeat(known, digest, request, system, answer);
      return;
    }
    const { limits, clock, counters } = this.#ports;
    if (this.#nonces.open >= limits.appendQueueMax) {
      counters.overflow += 1;
      answer(this.#unavailable());
      return;
    }
    const deadlineAt = clock.monotonic() + limits.appendWaitMaxMs;
    const item: Item = {
      uid,
      nonce,
      key,
      draft,
      digest,
      system,
      answer,
      deadlineAt,
      repeats: undefined,
      decided: false,
      unknown: false,
      tries: 0,
    };
    this.#nonces.begin(key, item);
    if (tracing.current !== null) this.#trace(item);
    if (judged === undefined) {
      this.#judgeBadForm(item);
      return;
    }
    this.#armExpiry();
    if (this.#suspended || this.#inFlight !== undefined || this.#queue.length > 0) {
      this.#queue.push(item);
      this.flush();
    } else {
      this.#commitAlone(item);
    }
  }

  /** Starts the next commit when none is in flight. */
  flush(): void {
    if (this.#suspended || this.#inFlight !== undefined || this.#queue.length === 0) return;
    this.#start(this.#plan());
  }

  /**
   * The log was opened again. `found` are the events that it holds beyond the committed state; they
   * are published here. What was in flight is in `found`, or goes to the head of the queue with its
   * nonces, where the log itself tells a repeat.
   */
  resume(opened: OpenedLog, found: readonly LogEvent[]): void {
    const batch = this.#inFlight;
    this.#inFlight = undefined;
    const sameLog = opened.epoch === this.#state.epoch;
    let rest = found;
    if (batch !== undefined && sameLog && startsWith(found, batch.events)) {
      this.#confirm(batch);
      rest = found.slice(batch.events.length);
    } else if (batch !== undefined) {
      this.#again(batch.items);
    }
    this.#state.reopen(opened);
    this.#judge.reopened();
    if (!sameLog) this.#nonces.clearCommitted();
    if (sameLog) this.#host.committed(rest);
    this.#suspended = false;
    this.flush();
  }

  /** The stream is gone: everything that waits is answered as absent. */
  remove(): void {
    this.#suspended = true;
    this.#queue = [];
    for (const item of this.#nonces.openItems()) {
      this.#settle(item, { ok: false, code: ERR_FORBIDDEN });
    }
  }

  // -------------------------------------------------------------- planning

  /** Nearly all of the load: nothing waits, nothing is in flight. Does what `flush` would, without a queue. */
  #commitAlone(item: Item): void {
    const { codec, clock, limits } = this.#ports;
    const batch = new Batch<Item>(this.#state, codec, clock.now(), limits);
    if (this.#admit(item, batch)) this.#start(batch);
    else this.#queue = [item, ...this.#queue];
  }

  #start(batch: Batch<Item>): void {
    if (batch.events.length === 0) return;
    this.#inFlight = batch;
    this.#ports.counters.commits += 1;
    if (this.#traces === null && tracing.current === null) {
      this.#ports.commit(batch, (result) => this.#settled(batch, result));
    } else {
      this.#commitTraced(batch);
    }
  }

  /** What is committed runs under the trace of its own appends, not under that of what began the commit. */
  #commitTraced(batch: Batch<Item>): void {
    const span = this.#traces?.span(batch.items) ?? null;
    withTrace(span?.context ?? null, () =>
      this.#ports.commit(batch, (result) => {
        if (span !== null) endCommit(span, batch, result?.ok === true);
        this.#settled(batch, result);
      }),
    );
  }

  #trace(item: Item): void {
    this.#traces ??= new AppendTraces();
    this.#traces.note(item);
  }

  #untrace(item: Item): void {
    this.#traces?.forget(item);
    if (this.#traces?.size === 0) this.#traces = null;
  }

  /** Takes from the queue what may be committed now; leaves what still waits, in order. */
  #plan(): Batch<Item> {
    const { codec, clock, limits } = this.#ports;
    const batch = new Batch<Item>(this.#state, codec, clock.now(), limits);
    const queue = this.#queue;
    this.#queue = [];
    let waiting: Item[] | undefined;
    // A user's appends keep their order: when one waits, those behind it wait too (I11).
    let held: Set<Id> | undefined;
    for (const item of queue) {
      if (!batch.full && held?.has(item.uid) !== true && this.#admit(item, batch)) continue;
      waiting ??= [];
      waiting.push(item);
      if (batch.full) continue;
      held ??= new Set();
      held.add(item.uid);
    }
    if (waiting !== undefined) this.#queue = [...waiting, ...this.#queue];
    return batch;
  }

  /** False when the append must wait. True when it is in the batch, or refused. */
  #admit(item: Item, batch: Batch<Item>): boolean {
    const judge = this.#judge;
    const verdict = judge.look(item, batch);
    if (verdict === 'admit') {
      batch.add(item, judge.target);
      return true;
    }
    if (verdict === 'refuse') return this.#refuse(item, judge.code, judge.retryMs);
    if (verdict === 'ask') this.#await(judge.missing);
    return false;
  }

  /** Asks for a fact once; when it cannot be had, the appends that need it get 502. */
  #await({ fact, needs, ask }: Missing): void {
    if (this.#facts.has(fact)) return;
    this.#facts.add(fact);
    ask((ok) => {
      this.#facts.delete(fact);
      if (!ok) {
        const failed = this.#queue.filter(needs);
        this.#queue = this.#queue.filter((item) => !needs(item));
        for (const item of failed) this.#fail(item);
      }
      this.flush();
    });
  }

  // -------------------------------------------------------------- results of a commit

  /** `result` undefined: nobody can tell what became of the commit. */
  #settled(batch: Batch<Item>, result: CommitResult | undefined): void {
    if (batch !== this.#inFlight) return;
    if (result === undefined) {
      for (const item of batch.items) item.unknown = true;
      this.#reopen();
      return;
    }
    if (result.ok) {
      if (result.head !== batch.head) {
        const data = { got: result.head, wanted: batch.head };
        const what = `commit answered: got head ${result.head}, wanted ${batch.head}`;
        throw channelsError('DRIFT_CHANNELS_LOG_CONTRACT', what, { data });
      }
      this.#inFlight = undefined;
      this.#confirm(batch);
      this.flush();
    } else if (result.why === 'fenced') {
      this.#reopen();
    } else if (result.why === 'duplicate') {
      this.#inFlight = undefined;
      this.#withoutDuplicates(batch, result.at);
      this.flush();
    } else {
      this.#inFlight = undefined;
      for (const item of batch.items) this.#fail(item, result.retryMs);
      this.flush();
    }
  }

  /** The batch is in the log: state, audience, answers, in this order. */
  #confirm(batch: Batch<Item>): void {
    this.#state.apply(batch);
    this.#judge.apply(batch.events, batch.refers);
    this.#ports.counters.events += batch.events.length;
    this.#host.committed(batch.events);
    const { epoch, items, events } = batch;
    for (let i = 0; i < items.length; i += 1) {
      const event = events[i] as LogEvent;
      const { seq, ts } = event;
      this.#accept(items[i] as Item, event, { ok: true, epoch, seq, ts, duplicate: false });
    }
  }

  /** Nothing was written: answers the repeats, puts the others back to be numbered again. */
  #withoutDuplicates(batch: Batch<Item>, at: readonly DuplicateNonce[]): void {
    assert(at.length > 0, 'a duplicate result names its events');
    const known = new Map(at.map((duplicate) => [duplicate.index, duplicate]));
    const others: Item[] = [];
    for (const [i, item] of batch.items.entries()) {
      const duplicate = known.get(i);
      if (duplicate === undefined) {
        others.push(item);
        continue;
      }
      this.#accept(item, duplicate, this.#repeated(duplicate, item.digest));
    }
    this.#queue = [...others, ...this.#queue];
  }

  /** Puts appends that were not committed back in front; what fails again and again is refused. */
  #again(items: readonly Item[]): void {
    for (const item of items) {
      item.unknown = false;
      item.tries += 1;
      if (item.tries >= TRIES_MAX) this.#fail(item);
    }
    this.#queue = [...items.filter((item) => !item.decided), ...this.#queue];
  }

  #reopen(): void {
    this.#suspended = true;
    this.#ports.counters.reopened += 1;
    this.#host.reopen();
  }

  // -------------------------------------------------------------- answers

  /** Removes an append that may not be made, after a look for its nonce (2.17 item 17). */
  #refuse(item: Item, code: number, retryMs?: Ms): true {
    const { uid, nonce } = item;
    const { sid } = this.#state;
    this.#ports.later(this.#ports.log.findNonce(sid, uid, nonce), (outcome) => {
      if (item.decided) return;
      if (!outcome.ok) {
        this.#fail(item);
      } else if (outcome.value !== undefined) {
        this.#settle(item, this.#repeated(outcome.value, item.digest));
      } else {
        this.#ports.counters.refused += 1;
        this.#settle(
          item,
          retryMs === undefined ? { ok: false, code } : { ok: false, code, retryMs },
        );
      }
    });
    return true;
  }

  #judgeBadForm(item: Item): void {
    this.#perms.get(item.uid, (perms) => this.#refuseBadForm(item, perms));
  }

  #refuseBadForm(item: Item, perms: number | undefined): void {
    if (item.decided) return;
    if (perms === undefined) {
      this.#fail(item);
      return;
    }
    const code = judgeRight({ ...item.draft, needs: 0 }, perms);
    this.#refuse(item, code === 0 ? ERR_BAD_ARGS : code);
  }

  #fail(item: Item, retryMs?: Ms): void {
    this.#ports.counters.unavailable += 1;
    this.#settle(item, this.#unavailable(retryMs));
  }

  #unavailable(retryMs: Ms = this.#ports.limits.retryMs): AppendReply {
    return { ok: false, code: ERR_UNAVAILABLE, retryMs };
  }

  #repeated(first: CommittedFacts, digest: Uint8Array): AppendReply {
    this.#ports.counters.duplicates += 1;
    if (!sameDigest(first.digest, digest)) return { ok: false, code: ERR_NONCE_REUSED };
    const { seq, ts } = first;
    return { ok: true, epoch: this.#state.epoch, seq, ts, duplicate: true };
  }

  /** Waits for the attempt that came first with this nonce. */
  #repeat(
    first: Item,
    digest: Uint8Array,
    request: AppendRequest,
    system: boolean,
    answer: Answer,
  ): void {
    first.repeats ??= [];
    if (first.repeats.length >= this.#ports.limits.appendQueueMax) {
      this.#ports.counters.overflow += 1;
      answer(this.#unavailable());
      return;
    }
    const same = sameDigest(first.digest, digest);
    first.repeats.push((reply) => {
      if (reply.ok) {
        answer(same ? { ...reply, duplicate: true } : { ok: false, code: ERR_NONCE_REUSED });
      } else if (same || reply.code === ERR_UNAVAILABLE || reply.code === ERR_OUTCOME_UNKNOWN) {
        answer(reply);
      } else {
        // The first was refused for what it said: this one is judged anew.
        this.append(request, system, answer);
      }
    });
  }

  /** The append is in the log, as `first` says. */
  #accept(item: Item, first: CommittedFacts, reply: AppendReply): void {
    const { seq, ts, digest } = first;
    const committed = { decided: true, seq, ts, digest } as const;
    if (item.decided) {
      // It had 501 already, and may have been sent again since: then the log tells that one.
      this.#nonces.learn(item.key, committed);
      return;
    }
    item.decided = true;
    this.#nonces.commit(item.key, committed);
    this.#answer(item, reply);
  }

  /** The append is not made: answers it; once. */
  #settle(item: Item, reply: AppendReply): void {
    if (item.decided) return;
    item.decided = true;
    this.#nonces.forget(item.key);
    this.#answer(item, reply);
  }

  /** Answers an append and those that waited for it. */
  #answer(item: Item, reply: AppendReply): void {
    if (this.#traces !== null) this.#untrace(item);
    item.answer(reply);
    if (item.repeats === undefined) return;
    for (const repeat of item.repeats) repeat(reply);
  }

  // -------------------------------------------------------------- deadlines

  #armExpiry(): void {
    if (this.#expiryArmed) return;
    this.#expiryArmed = true;
    // All streams of a thread look at the same moments: one wake-up for all, not one for each.
    const sinceMs = this.#ports.clock.monotonic() % EXPIRY_MS;
    this.#ports.timer('expiry', EXPIRY_MS + EXPIRY_MS - sinceMs, () => this.#expire());
  }

  /** What waited too long for the log is answered before its caller gives up. */
  #expire(): void {
    this.#expiryArmed = false;
    const now = this.#ports.clock.monotonic();
    const late = this.#queue.filter((item) => item.deadlineAt <= now);
    this.#queue = this.#queue.filter((item) => item.deadlineAt > now);
    for (const item of late) this.#fail(item);
    for (const item of this.#inFlight?.items ?? []) {
      if (!item.unknown || item.deadlineAt > now) continue;
      this.#ports.counters.unknown += 1;
      this.#settle(item, { ok: false, code: ERR_OUTCOME_UNKNOWN });
    }
    if (this.busy) this.#armExpiry();
  }
}
