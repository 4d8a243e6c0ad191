/**
 * One stream: opening, the requests that wait for it, opening again after a failed commit, and the
 * end. Owns the parts (state, appender, reads, permissions, audience). Runs inside a stream actor on
 * a shard thread, or in a test with other ports; it never waits and never blocks.
 */
import type { MonitorId, Ref } from '../runtime/index.ts';
import { pad } from './ids.ts';
import { may, PERM_VIEW } from './permissions.ts';
import { AbsentAppends, type AbsentSids } from './stream-absent.ts';
import { Appender } from './stream-appender.ts';
import { Audience } from './stream-audience.ts';
import { dropMentions } from './stream-mentions.ts';
import { MetaTeller } from './stream-meta.ts';
import { StreamNotices } from './stream-notices.ts';
import { StreamPerms } from './stream-perms.ts';
import type { Outcome, StreamPorts } from './stream-ports.ts';
import { Reads } from './stream-reads.ts';
import { ERR_FORBIDDEN, ERR_UNAVAILABLE, type StreamType } from './stream-rules.ts';
import { StreamState } from './stream-state.ts';
import { hasTyping, Typing } from './stream-typing.ts';
import type {
  AppendReply,
  AppendRequest,
  Doc,
  FanOutP,
  HeadReply,
  HistoryReply,
  HistoryRequest,
  Id,
  LogEvent,
  MarkReply,
  MessageAnchor,
  MessagesReply,
  Ms,
  Notice,
  OpenedLog,
  PullRequest,
  ReactorsReply,
  ReactorsRequest,
  Seq,
  StreamP,
  SubscribeReply,
  SubscribeRequest,
} from './types.ts';

type Answer<T> = (reply: T) => void;

/** What document `stream/<sid>` says. */
export interface StreamDoc {
  readonly type: StreamType;
  readonly gid: Id;
}

interface Parts {
  readonly type: StreamType;
  readonly state: StreamState;
  readonly perms: StreamPerms;
  readonly audience: Audience;
  readonly reads: Reads;
  readonly appender: Appender;
  /** From the first TYPE on. */
  typing: Typing | undefined;
  /** Of a group only. */
  readonly meta: MetaTeller | undefined;
  /** Of channels, threads and DMs. */
  readonly notices: StreamNotices | undefined;
}

/** A request that came before the stream was open. */
interface Waiting {
  readonly run: (parts: Parts | undefined) => void;
  readonly late: () => void;
  readonly deadlineAt: Ms;
}

/** Delay before the log is opened again: doubles from the first to the last. */
const RETRY_FIRST_MS: Ms = 50;
const RETRY_LAST_MS: Ms = 2000;
const LATE_MS: Ms = 500;
/** Events read at once when the log turns out to be ahead. */
const CATCH_UP_EVENTS = 512;
const CATCH_UP_BYTES = 4 * 1024 * 1024;
/** Users judged at once after a change for all. */
const JUDGE_AT_ONCE = 32;
const JUDGE_RETRY_MS: Ms = 500;

export class StreamCore {
  readonly #sid: Id;
  readonly #ports: StreamPorts;
  readonly #absentSids: AbsentSids;
  readonly #absentAppends: AbsentAppends;
  #phase: 'opening' | 'open' | 'absent' = 'opening';
  #parts: Parts | undefined;
  #waiting: Waiting[] = [];
  #lateArmed = false;
  #reopening = false;
  #removing = false;
  /** Users whose right to view is still to be looked at. */
  readonly #toJudge = new Set<Id>();

  constructor(sid: Id, ports: StreamPorts, absentSids: AbsentSids) {
    this.#sid = sid;
    this.#ports = ports;
    this.#absentSids = absentSids;
    this.#absentAppends = new AbsentAppends(sid, ports);
    if (absentSids.has(sid)) this.#absent();
    else this.#find(RETRY_FIRST_MS);
  }

  /** True when nobody would miss this actor now. */
  get idle(): boolean {
    if (this.#waiting.length > 0 || this.#removing || this.#reopening) return false;
    const parts = this.#parts;
    if (parts === undefined) return !this.#absentAppends.busy;
    const { audience, appender, reads, perms } = parts;
    if (this.#toJudge.size > 0) return false;
    if (parts.meta?.busy === true || parts.notices?.busy === true) return false;
    return audience.size === 0 && !appender.busy && !reads.busy && !perms.busy;
  }

  /** What may be shown of it: no content. */
  status(): Readonly<Record<string, unknown>> {
    const waiting = this.#waiting.length;
    const common = { sid: this.#sid, phase: this.#phase, idle: this.idle, waiting };
    if (this.#parts === undefined) return common;
    const { appender, audience, reads, state, type } = this.#parts;
    const { epoch, fence, first, head, headTs, ring } = state;
    const log = { type, epoch, first, head, headTs, fence, ring: ring.size };
    const work = { isAppending: appender.busy, isReading: reads.busy };
    return { ...common, ...log, ...work, isReopening: this.#reopening, gateways: audience.size };
  }

  // -------------------------------------------------------------- requests

  subscribe(m: SubscribeRequest, answer: Answer<SubscribeReply>): void {
    const late = (): void => answer({ ok: false, retryMs: this.#ports.limits.retryMs });
    this.#whenOpen(late, (parts) => {
      if (parts === undefined) answer({ ok: false });
      else parts.reads.subscribe(m, answer);
    });
  }

  pull(m: PullRequest): void {
    // A puller waits for its chunk, whatever happens: it is asked for again until the stream is open.
    const late = (): void => this.pull(m);
    this.#whenOpen(late, (parts) => {
      if (parts !== undefined) {
        parts.reads.pull(m);
        return;
      }
      const { gateway, token, after } = m;
      const empty = { epoch: after.epoch, frames: [], at: after, atHead: false, forbidden: true };
      this.#ports.gateways.chunk(gateway, { sid: this.#sid, token, ...empty });
    });
  }

  /** `uids`: who is subscribed there; those who may not view any more are revoked. */
  attach(m: { readonly gateway: Ref<FanOutP>; readonly uids?: readonly Id[] }): void {
    const late = (): void => this.attach(m);
    this.#whenOpen(late, (parts) => {
      if (parts === undefined) {
        this.#ports.gateways.revoke(m.gateway, { sid: this.#sid, uid: 0, code: ERR_FORBIDDEN });
        return;
      }
      parts.audience.leave(m.gateway);
      parts.audience.join(m.gateway, parts.state);
      parts.perms.keepWatch(() => parts.audience.size > 0, true);
      this.#judge(m.uids ?? []);
    });
  }

  detach(m: { readonly gateway: Ref<FanOutP> }): void {
    // Waits its turn, so that it cannot overtake an attach.
    const late = (): void => this.detach(m);
    this.#whenOpen(late, (parts) => {
      parts?.audience.leave(m.gateway);
      parts?.typing?.live(m.gateway, 0);
    });
  }

  /** Best effort, as is all of typing: while the stream is being opened nobody is subscribed. */
  typing(uid: Id): void {
    if (this.#parts !== undefined) this.#typing(this.#parts)?.heard(uid);
  }

  live(m: { readonly gateway: Ref<unknown>; readonly count: number }): void {
    if (this.#parts !== undefined) this.#typing(this.#parts)?.live(m.gateway, m.count);
  }

  #typing(parts: Parts): Typing | undefined {
    if (!hasTyping(parts.type)) return undefined;
    parts.typing ??= new Typing(this.#sid, this.#ports, parts.perms, (notice) =>
      parts.audience.broadcast(this.#sid, notice),
    );
    return parts.typing;
  }

  append(m: AppendRequest, system: boolean, answer: Answer<AppendReply>): void {
    // Nearly all of the load finds the stream open: no closure is made for it.
    if (this.#parts !== undefined) this.#parts.appender.append(m, system, answer);
    else this.#appendLater(m, system, answer);
  }

  #appendLater(m: AppendRequest, system: boolean, answer: Answer<AppendReply>): void {
    if (this.#phase === 'absent') {
      this.#ports.counters.absent += 1;
      this.#absentAppends.refuse(m, answer);
    } else {
      this.#orRefuse(answer, (parts) => parts.appender.append(m, system, answer));
    }
  }

  history(m: HistoryRequest, answer: Answer<HistoryReply>): void {
    this.#orRefuse(answer, (parts) => parts.reads.history(m, answer));
  }

  messages(
    m: { readonly uid: Id; readonly anchor: MessageAnchor; readonly limit: number },
    answer: Answer<MessagesReply>,
  ): void {
    this.#orRefuse(answer, (parts) => parts.reads.messages(m, answer));
  }

  message(m: { readonly uid: Id; readonly seq: Seq }, answer: Answer<MessagesReply>): void {
    this.#orRefuse(answer, (parts) => parts.reads.message(m, answer));
  }

  pins(m: { readonly uid: Id }, answer: Answer<MessagesReply>): void {
    this.#orRefuse(answer, (parts) => parts.reads.pins(m, answer));
  }

  reactors(m: ReactorsRequest, answer: Answer<ReactorsReply>): void {
    this.#orRefuse(answer, (parts) => parts.reads.reactors(m, answer));
  }

  head(uid: Id, answer: Answer<HeadReply>): void {
    this.#whenOpen(
      () => answer('unavailable'),
      (parts) => {
        if (parts === undefined) answer(undefined);
        else parts.reads.head(uid, answer);
      },
    );
  }

  /** Best effort: while the stream is being opened nobody is subscribed. */
  broadcast(notice: Notice): void {
    this.#parts?.audience.broadcast(this.#sid, notice);
  }

  mark(m: Parameters<StreamP['mark']>[0], answer: Answer<MarkReply>): void {
    const late = (): void => answer({ ok: false, retryMs: this.#ports.limits.retryMs });
    this.#whenOpen(late, (parts) => {
      if (parts?.notices === undefined) answer({ ok: false });
      else parts.notices.mark(m, answer);
    });
  }

  /** Rights of one user, or of all (uid 0), changed: those who may not view any more lose the stream. */
  permsChanged(uid: Id): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    const users = parts.perms.forget(uid);
    if (parts.audience.size === 0) return;
    this.#judge(users);
    if (uid === 0 && !parts.perms.knowsAll) parts.audience.askAll(parts.state);
  }

  /** The monitored guild or gateway ended. */
  down(monitor: MonitorId): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    if (!parts.perms.guildDown(monitor)) {
      const gateway = parts.audience.down(monitor);
      if (gateway !== undefined) parts.typing?.live(gateway, 0);
      return;
    }
    this.permsChanged(0);
    if (parts.audience.size > 0) parts.perms.keepWatch(() => parts.audience.size > 0);
  }

  /**
   * The stream is deleted: subscriptions end, what waits is answered, the log is dropped. `answer`
   * comes only after all of it is gone; without it the guild asks again.
   */
  remove(answer: Answer<undefined>): void {
    this.#parts?.audience.revoke(this.#sid, 0, ERR_FORBIDDEN);
    this.#parts?.appender.remove();
    this.#parts?.notices?.removed();
    this.#absent();
    this.#removing = true;
    const { docs, log } = this.#ports;
    const gone = Promise.all([log.drop(this.#sid), dropMentions(docs, this.#sid)]);
    this.#ports.later(gone, (outcome) => {
      this.#removing = false;
      if (outcome.ok) answer(undefined);
      this.#ports.retire();
    });
  }

  // -------------------------------------------------------------- opening

  #find(delayMs: Ms): void {
    this.#ports.later(this.#ports.docs.get<StreamDoc>('stream', [pad(this.#sid)]), (outcome) => {
      if (this.#phase !== 'opening') return;
      if (!outcome.ok) {
        this.#ports.timer('open', delayMs, () => this.#find(backOff(delayMs)));
        return;
      }
      const doc = outcome.value[0];
      if (doc !== undefined) {
        this.#open(doc, RETRY_FIRST_MS);
        return;
      }
      this.#absentSids.add(this.#sid);
      this.#absent();
    });
  }

  #open(doc: Doc<StreamDoc>, delayMs: Ms): void {
    this.#ports.later(this.#ports.log.open(this.#sid), (outcome) => {
      if (this.#phase !== 'opening') return;
      if (outcome.ok) this.#opened(doc.value, outcome.value);
      else this.#ports.timer('open', delayMs, () => this.#open(doc, backOff(delayMs)));
    });
  }

  #opened(doc: StreamDoc, log: OpenedLog): void {
    const ports = this.#ports;
    ports.label(doc.type);
    const state = new StreamState(log);
    const perms = new StreamPerms(ports, this.#sid, doc.type, doc.gid);
    const audience = new Audience(ports);
    const reads = new Reads(ports, state, perms, audience);
    const meta = doc.type === 'group' ? new MetaTeller(ports, this.#sid) : undefined;
    const around = { ports, state, perms, audience, gid: doc.gid };
    const isTalk = doc.type !== 'view' && doc.type !== 'user';
    const notices = isTalk ? new StreamNotices(around) : undefined;
    const host = {
      committed: (events: readonly LogEvent[]) => {
        audience.publish(state, events);
        meta?.committed(events);
        notices?.committed();
        parts.typing?.committed(events);
      },
      reopen: () => this.#reopen(RETRY_FIRST_MS),
    };
    const appender = new Appender(ports, state, perms, doc.type, host);
    const { type } = doc;
    const told = { meta, notices, typing: undefined };
    const parts: Parts = { type, state, perms, audience, reads, appender, ...told };
    this.#parts = parts;
    this.#phase = 'open';
    ports.counters.opened += 1;
    meta?.opened(log.head);
    notices?.opened();
    this.#runWaiting(parts);
  }

  #absent(): void {
    this.#phase = 'absent';
    this.#parts = undefined;
    this.#runWaiting(undefined);
    if (!this.#removing) this.#ports.retire();
  }

  #runWaiting(parts: Parts | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const request of waiting) {
      if (parts === undefined) this.#ports.counters.absent += 1;
      request.run(parts);
    }
  }

  #whenOpen(late: () => void, run: (parts: Parts | undefined) => void): void {
    if (this.#phase !== 'opening') {
      if (this.#phase === 'absent') this.#ports.counters.absent += 1;
      run(this.#parts);
      return;
    }
    const { limits, clock, counters } = this.#ports;
    if (this.#waiting.length >= limits.waitingMax) {
      counters.waitingOverflow += 1;
      return; // The caller's deadline answers: outcome unknown, nothing was done.
    }
    const deadlineAt = clock.monotonic() + limits.appendWaitMaxMs;
    this.#waiting.push({ run, late, deadlineAt });
    this.#armLate();
  }

  /** Runs `run` on the open stream; says 502 when it cannot be opened in time, 301 when it is absent. */
  #orRefuse(
    answer: Answer<{ ok: false; code: number; retryMs?: number }>,
    run: (parts: Parts) => void,
  ): void {
    this.#whenOpen(
      () => answer(this.#unavailable()),
      (parts) => {
        if (parts === undefined) answer({ ok: false, code: ERR_FORBIDDEN });
        else run(parts);
      },
    );
  }

  #armLate(): void {
    if (this.#lateArmed) return;
    this.#lateArmed = true;
    this.#ports.timer('late', LATE_MS, () => {
      this.#lateArmed = false;
      const now = this.#ports.clock.monotonic();
      const late = this.#waiting.filter((request) => request.deadlineAt <= now);
      this.#waiting = this.#waiting.filter((request) => request.deadlineAt > now);
      for (const request of late) request.late();
      if (this.#waiting.length > 0) this.#armLate();
    });
  }

  // -------------------------------------------------------------- opening again

  /** After a commit without an answer, or a fence: takes the log over again and looks what it holds. */
  #reopen(delayMs: Ms): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    this.#reopening = true;
    this.#ports.later(this.#take(parts.state), (outcome) => {
      if (this.#parts !== parts) return;
      if (outcome.ok) this.#resume(parts, outcome);
      else this.#ports.timer('open', delayMs, () => this.#reopen(backOff(delayMs)));
    });
  }

  /** Opens the log and reads what it holds beyond the confirmed head. */
  async #take(state: StreamState): Promise<{ opened: OpenedLog; found: readonly LogEvent[] }> {
    const { log } = this.#ports;
    const { epoch, head } = state;
    const opened = await log.open(this.#sid);
    const found: LogEvent[] = [];
    while (opened.epoch === epoch && head + found.length < opened.head) {
      const at = head + found.length;
      const next = await log.replay(this.#sid, at, CATCH_UP_EVENTS, CATCH_UP_BYTES);
      if (next[0]?.seq !== at + 1) break;
      found.push(...next.filter((event) => event.seq <= opened.head));
    }
    return { opened, found };
  }

  #resume(
    parts: Parts,
    outcome: Outcome<{ opened: OpenedLog; found: readonly LogEvent[] }> & { ok: true },
  ): void {
    this.#reopening = false;
    const { opened, found } = outcome.value;
    const { state } = parts;
    const contiguous = opened.epoch === state.epoch && state.head + found.length === opened.head;
    parts.appender.resume(opened, contiguous ? found : []);
    parts.reads.reopened();
    if (!contiguous) parts.audience.tellAll(state);
  }

  // -------------------------------------------------------------- revocation

  /** Asks for the rights of users anew, a few at a time, and revokes where view is gone. */
  #judge(users: readonly Id[]): void {
    const before = this.#toJudge.size;
    for (const uid of users) this.#toJudge.add(uid);
    if (before === 0 && this.#toJudge.size > 0) this.#judgeSome();
  }

  #judgeSome(): void {
    let unknown = false;
    for (const uid of [...this.#toJudge].slice(0, JUDGE_AT_ONCE)) {
      this.#toJudge.delete(uid);
      this.#parts?.perms.get(uid, (perms) => {
        if (perms === undefined) {
          // The guild is away. Nobody keeps a right for that: asked again until it answers.
          unknown = true;
          this.#toJudge.add(uid);
          this.#ports.timer('judge', JUDGE_RETRY_MS, () => this.#judgeSome());
        } else if (!may(perms, PERM_VIEW)) {
          this.#parts?.audience.revoke(this.#sid, uid, ERR_FORBIDDEN);
        }
      });
    }
    if (this.#toJudge.size > 0 && !unknown) {
      this.#ports.timer('judge', 1, () => this.#judgeSome());
    }
  }

  #unavailable(): { ok: false; code: number; retryMs: number } {
    return { ok: false, code: ERR_UNAVAILABLE, retryMs: this.#ports.limits.retryMs };
  }
}

function backOff(delayMs: Ms): Ms {
  return Math.min(delayMs * 2, RETRY_LAST_MS);
}
