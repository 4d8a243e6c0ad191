/**
 * Mentions of one stream: finds them in the log behind the appends, and emits kind 44 on the user streams
 * of those who may view (protocol.md 2.5, 2.9). Part of a stream actor; it never waits inside a handler.
 *
 * The log is the only queue. What was looked at is a seq, and a look is the same whether the events are a
 * second old or were committed before a crash: a new owner begins a little before the point that is surely
 * told. Telling twice is harmless, since the nonce is made of (sid, seq) and the log keeps it for ever.
 */
import { channelsError } from './errors.ts';
import { pad } from './ids.ts';
import { may, PERM_VIEW } from './permissions.ts';
import type { StreamPerms } from './stream-perms.ts';
import type { Outcome, StreamPorts } from './stream-ports.ts';
import { RING_OPTIONS } from './stream-ring.ts';
import {
  ERR_OUTCOME_UNKNOWN,
  ERR_UNAVAILABLE,
  FLAG_EVERYONE,
  KIND_MESSAGE,
} from './stream-rules.ts';
import type { StreamState } from './stream-state.ts';
import type { DocStore, DocWrite, Id, Ms, RingEvent, Seq } from './types.ts';

/** `mentions/<sid>`: everything up to `seq` is told. Written by the stream only, and only behind the truth. */
export interface MentionsDoc {
  readonly seq: Seq;
}

/** Distinct users of one message (issue 5). */
const USERS_MAX = 20;
/** Messages whose mentions wait for somebody; beyond it the stream looks for no more until they are told. */
const PENDING_MAX = 64;
const PAGE_EVENTS = 256;
/** Half of the ring. */
const LATE_EVENTS = RING_OPTIONS.eventsMax / 2;
const PAGE_BYTES = 256 * 1024;
/** Emits on their way at once. */
const EMITS_MAX = 32;
/**
 * A new owner looks at the events of this time before the head. What could not be told for longer is
 * named by `mentionsDue/<sid>`: written as soon as something cannot be told, or many are to be told.
 */
export const LOOK_BACK_MS: Ms = 15_000;
const LOOK_BACK_EVENTS_MAX = 10_000;
const LOOK_BACK_FIRST = 32;
const KIND_MENTION = 44;
const MENTION = /<@(\d{1,16})>/g;

/** One message whose mentions are not all told. */
interface Pending {
  readonly seq: Seq;
  readonly author: Id;
  /** A message to everyone, of which it is not known yet who that is. */
  isToAll: boolean;
  /** Named in the content, of which it is not known yet whether they may view. */
  named: Id[];
  /** To be told. */
  uids: Id[];
}

export class StreamMentions {
  readonly #ports: StreamPorts;
  readonly #state: StreamState;
  readonly #perms: StreamPerms;
  readonly #gid: Id;
  /** Events up to here were looked at; undefined until it is known where to begin. */
  #looked: Seq | undefined;
  #pending: Pending[] = [];
  /** `mentionsDue/<sid>` is in the store. */
  #isDue = false;
  /** Something was told since `mentions/<sid>` was written. */
  #isUnwritten = false;
  #isRunning = false;
  #isRemoved = false;

  constructor(ports: StreamPorts, state: StreamState, perms: StreamPerms, gid: Id) {
    this.#ports = ports;
    this.#state = state;
    this.#perms = perms;
    this.#gid = gid;
  }

  /** True while something is to be looked at, told or written. */
  get busy(): boolean {
    if (this.#isRemoved) return false;
    if (this.#isRunning || this.#pending.length > 0 || this.#isUnwritten || this.#isDue)
      return true;
    return this.#looked !== this.#state.head;
  }

  /** What is still to be looked at has come into the older half of the ring: soon only the log would have it. */
  get isLate(): boolean {
    if (this.#looked === undefined || this.#isRunning) return false;
    if (this.#pending.length >= PENDING_MAX) return false;
    const { head, ring } = this.#state;
    const behind = head - this.#looked;
    return behind >= LATE_EVENTS || !ring.covers(Math.max(0, this.#looked - behind));
  }

  /**
   * Looks at what was committed since, and tells it. Runs beside the actor's messages; calls `done` inside
   * the actor when it can do no more now. One run at a time.
   */
  run(done: () => void): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#ports.later(this.#run(), (outcome) => {
      this.#isRunning = false;
      if (!outcome.ok) throw outcome.error;
      done();
    });
  }

  async #run(): Promise<void> {
    if (!(await this.#begin())) return;
    await this.#look();
    const told = this.#pending;
    for (const pending of told) await this.#tell(pending);
    this.#pending = told.filter((pending) => !isTold(pending));
    this.#ports.noticeCounters.mentionsRetried += this.#pending.length;
    await this.#write();
  }

  // -------------------------------------------------------------- looking

  /** Finds the first event to look at; false when the store cannot tell now. */
  async #begin(): Promise<boolean> {
    const { head, sid } = this.#state;
    if (head === 0) this.#looked = 0;
    if (this.#looked !== undefined) {
      // Another log took its place: what it has lost is not told.
      this.#looked = Math.min(this.#looked, head);
      return true;
    }
    const { docs } = this.#ports;
    const key = pad(sid);
    const found = await this.#settled(
      Promise.all([docs.get<MentionsDoc>('mentions', [key]), docs.get('mentionsDue', [key])]),
    );
    if (!found.ok) return false;
    const [[told], [due]] = found.value;
    const upTo = told?.value.seq ?? 0;
    this.#isDue = due !== undefined;
    if (this.#isDue) this.#looked = Math.min(upTo, head);
    else this.#looked = await this.#lookBack(upTo);
    return this.#looked !== undefined;
  }

  /** The seq behind which everything is younger than LOOK_BACK_MS before the head, not below `upTo`. */
  async #lookBack(upTo: Seq): Promise<Seq | undefined> {
    const { sid, head, headTs } = this.#state;
    const since = headTs - LOOK_BACK_MS;
    let at = head;
    for (let page = LOOK_BACK_FIRST; at > upTo && head - at < LOOK_BACK_EVENTS_MAX; ) {
      const found = await this.#settled(this.#ports.log.history(sid, at, page, 0));
      if (!found.ok) return undefined;
      const old = found.value.findLast((event) => event.ts < since);
      if (old !== undefined) return Math.max(old.seq, upTo);
      if (found.value.length < page) return upTo;
      at -= found.value.length;
      page = PAGE_EVENTS;
    }
    return Math.max(at, upTo);
  }

  async #look(): Promise<void> {
    const { noticeCounters } = this.#ports;
    for (let at = this.#looked as Seq; at < this.#state.head; at = this.#looked) {
      if (this.#pending.length >= PENDING_MAX) {
        noticeCounters.mentionsStopped += 1;
        return;
      }
      const events = await this.#eventsAfter(at);
      const last = events.at(-1);
      if (last === undefined) return;
      for (const event of events) {
        const pending = this.#pendingOf(event);
        if (pending !== undefined) this.#pending.push(pending);
      }
      this.#looked = last.seq;
    }
  }

  async #eventsAfter(at: Seq): Promise<readonly RingEvent[]> {
    const { ring, sid } = this.#state;
    if (ring.covers(at)) return ring.after(at, PAGE_EVENTS, PAGE_BYTES);
    const found = await this.#settled(this.#ports.log.replay(sid, at, PAGE_EVENTS, PAGE_BYTES));
    return found.ok ? found.value : [];
  }

  #pendingOf(event: RingEvent): Pending | undefined {
    const { codec } = this.#ports;
    if (event.kind !== KIND_MESSAGE || !codec.mayMention(event.frame)) return undefined;
    const { seq, actor: author } = event;
    const { body } = codec.decodeEvent(event.frame);
    const flags = typeof body[2] === 'number' ? body[2] : 0;
    const isToAll = (flags & FLAG_EVERYONE) !== 0;
    const named = namedIn(String(body[0])).filter((uid) => uid !== author);
    if (!isToAll && named.length === 0) return undefined;
    return { seq, author, isToAll, named, uids: [] };
  }

  // -------------------------------------------------------------- telling

  /** Does what can be done now; what cannot stays in `pending`. */
  async #tell(pending: Pending): Promise<void> {
    await this.#judge(pending);
    // What takes long or waits for somebody is named first: the head may move on by more than LOOK_BACK_MS.
    if (pending.uids.length > EMITS_MAX || pending.isToAll || pending.named.length > 0) {
      await this.#write();
    }
    for (let at = 0; at < pending.uids.length; ) {
      const some = pending.uids.slice(at, at + EMITS_MAX);
      const outcomes = await Promise.all(some.map((uid) => this.#emit(uid, pending)));
      const left = some.filter((_uid, i) => !outcomes[i]);
      pending.uids.splice(at, some.length, ...left);
      at += left.length;
      if (left.length > 0) await this.#write();
    }
  }

  /** Who of those named may view the stream, and who everyone is. */
  async #judge(pending: Pending): Promise<void> {
    const { sid } = this.#state;
    const uids = new Set(pending.uids);
    const { named } = pending;
    const perms = await Promise.all(named.map((uid) => this.#permsOf(uid)));
    for (const [i, uid] of named.entries()) if (may(perms[i] ?? 0, PERM_VIEW)) uids.add(uid);
    pending.named = named.filter((_uid, i) => perms[i] === undefined);
    if (pending.isToAll) {
      const found = await this.#settled(this.#ports.notices.everyone(this.#gid, sid));
      const all = found.ok ? found.value : null;
      for (const uid of all ?? []) if (uid !== pending.author) uids.add(uid);
      pending.isToAll = all === null;
    }
    pending.uids = [...uids];
  }

  #permsOf(uid: Id): Promise<number | undefined> {
    return new Promise((resolve) => this.#perms.get(uid, resolve));
  }

  /** True when it is in the user's stream, or can never be. */
  async #emit(uid: Id, { author, seq }: Pending): Promise<boolean> {
    const { sid } = this.#state;
    const nonce = `a${sid.toString(36)}-${seq.toString(36)}`;
    const event = { uid: author, nonce, kind: KIND_MENTION, body: [sid, seq] };
    const outcome = await this.#settled(this.#ports.notices.emit(uid, event));
    if (!outcome.ok) return false;
    const reply = outcome.value;
    const isPassing =
      !reply.ok && (reply.code === ERR_UNAVAILABLE || reply.code === ERR_OUTCOME_UNKNOWN);
    if (isPassing) return false;
    if (reply.ok && !reply.duplicate) this.#ports.noticeCounters.mentionsSent += 1;
    this.#isUnwritten = true;
    return true;
  }

  // -------------------------------------------------------------- what a new owner reads

  /** Everything up to here is told. */
  get #told(): Seq {
    const first = this.#pending[0];
    return first === undefined ? (this.#looked as Seq) : first.seq - 1;
  }

  /**
   * While something waits: names this stream, so that its next owner begins at the oldest of it and is
   * woken for it. When all is told: moves the point on, so that a new owner need not tell it again.
   */
  async #write(): Promise<void> {
    const isWaiting = this.#pending.length > 0;
    if (this.#isRemoved) return;
    if (isWaiting ? this.#isDue : !this.#isDue && !this.#isUnwritten) return;
    const key = pad(this.#state.sid);
    const doc: MentionsDoc = { seq: this.#told };
    const batch: DocWrite[] = [
      { kind: 'mentions', key, expect: 'any', value: doc },
      { kind: 'mentionsDue', key, expect: 'any', value: isWaiting ? {} : null },
    ];
    const written = await this.#settled(this.#ports.docs.write(batch));
    if (!written.ok || !written.value.ok) return;
    this.#isDue = isWaiting;
    this.#isUnwritten = false;
  }

  /** The stream is deleted: `dropMentions` follows, and nothing is written behind it. */
  removed(): void {
    this.#isRemoved = true;
  }

  /** The outcome of work of others, inside the actor; never, when the actor ends first. */
  #settled<T>(work: Promise<T>): Promise<Outcome<T>> {
    return new Promise((resolve) => this.#ports.later(work, resolve));
  }
}

/** Deletes what a new owner of the stream would read. Rejects when the store is away. */
export async function dropMentions(docs: DocStore, sid: Id): Promise<void> {
  const key = pad(sid);
  const written = await docs.write([
    { kind: 'mentions', key, expect: 'any', value: null },
    { kind: 'mentionsDue', key, expect: 'any', value: null },
  ]);
  if (written.ok) return;
  throw channelsError('DRIFT_CHANNELS_UNAVAILABLE', 'drop mentions: the store cannot write now');
}

function isTold({ isToAll, named, uids }: Pending): boolean {
  return !isToAll && named.length === 0 && uids.length === 0;
}

/** Users named as `<@UID>`, the first 20 distinct ones. */
export function namedIn(content: string): Id[] {
  const named = new Set<Id>();
  for (const [, digits] of content.matchAll(MENTION)) {
    const uid = Number(digits);
    if (uid > 0 && Number.isSafeInteger(uid)) named.add(uid);
    if (named.size >= USERS_MAX) break;
  }
  return [...named];
}
