/**
 * ChannelLog in memory: the model that the SQLite store is compared with, and the store of tests.
 * Durability 0. Runs on the caller's thread; every call is carried out before it returns its promise.
 */
import type {
  ChannelLog,
  Commit,
  CommitDone,
  CommitResult,
  DuplicateNonce,
  Id,
  LogEvent,
  LogHead,
  MessageAnchor,
  MessageRow,
  Ms,
  OpenedLog,
  Seq,
} from '../types.ts';
import { checkAnchor, checkCommit, checkIds, checkLimit, checkText, checkU53 } from './check.ts';
import type { U32Source } from './types.ts';

interface StoredEvent {
  event: LogEvent;
  editedAt: number;
}

interface MemoryStream {
  readonly epoch: number;
  fence: number;
  /** events[i] has seq i + 1. */
  readonly events: StoredEvent[];
  /** `${actor} ${nonce}` of an event to its seq. */
  readonly nonces: Map<string, Seq>;
  /** Target to emoji to the users that reacted; the order of the emojis is that of the first reaction. */
  readonly reactions: Map<Seq, Map<string, Set<Id>>>;
  /** Pinned targets to the seq of the event that pinned them. */
  readonly pins: Map<Seq, Seq>;
}

export class MemoryLog implements ChannelLog {
  readonly durability = 0;
  readonly #streams = new Map<Id, MemoryStream>();
  readonly #rng: U32Source;
  #fences = 0;
  /** Throws when the store is closed. */
  readonly #guard: () => void;

  constructor(rng: U32Source, guard: () => void) {
    this.#rng = rng;
    this.#guard = guard;
  }

  async open(sid: Id): Promise<OpenedLog> {
    this.#guard();
    checkU53('sid', sid);
    let stream = this.#streams.get(sid);
    if (stream === undefined) {
      const epoch = this.#rng.u32() || 1;
      const folded = { nonces: new Map(), reactions: new Map(), pins: new Map() };
      stream = { epoch, fence: 0, events: [], ...folded };
      this.#streams.set(sid, stream);
    }
    this.#fences += 1;
    stream.fence = this.#fences;
    return { ...headOf(sid, stream), fence: stream.fence };
  }

  async commit(commit: Commit): Promise<CommitResult> {
    this.#guard();
    checkCommit(commit);
    const stream = this.#streams.get(commit.sid);
    const head = stream?.events.length ?? 0;
    if (stream === undefined || stream.fence !== commit.fence || head !== commit.after) {
      return { ok: false, why: 'fenced', head };
    }
    const at = duplicatesIn(stream, commit.events);
    if (at.length > 0) {
      return { ok: false, why: 'duplicate', at };
    }
    for (const event of commit.events) {
      stream.events.push({ event: copyOf(event), editedAt: 0 });
      if (event.nonce !== '') {
        stream.nonces.set(nonceKey(event.actor, event.nonce), event.seq);
      }
      applyReaction(stream, event);
      applyPin(stream, event);
    }
    for (const rewrite of commit.rewrites) {
      const stored = stream.events[rewrite.seq - 1]!;
      const emoji = rewrite.kind === 0 ? '' : stored.event.emoji;
      stored.event = { ...stored.event, kind: rewrite.kind, emoji, frame: rewrite.frame.slice() };
      stored.editedAt = rewrite.editedAt;
      if (rewrite.kind === 0) {
        stream.reactions.delete(rewrite.seq);
        stream.pins.delete(rewrite.seq);
      }
    }
    return { ok: true, head: stream.events.length };
  }

  submit(commit: Commit, done: CommitDone): void {
    this.commit(commit).then(done, (error: unknown) => done(undefined, error));
  }

  async replay(sid: Id, after: Seq, limit: number, bytesMax: number): Promise<LogEvent[]> {
    this.#guard();
    checkU53('sid', sid);
    checkU53('after', after);
    checkLimit('limit', limit);
    const page: LogEvent[] = [];
    let bytes = 0;
    for (const { event } of this.#range(sid, after, limit)) {
      bytes += event.frame.length;
      if (page.length > 0 && bytes > bytesMax) {
        break;
      }
      page.push(copyOf(event));
    }
    return page;
  }

  async history(sid: Id, anchor: Seq, before: number, after: number): Promise<LogEvent[]> {
    this.#guard();
    checkU53('sid', sid);
    checkU53('anchor', anchor);
    checkLimit('before', before);
    checkLimit('after', after);
    const upTo = Math.min(anchor, this.#streams.get(sid)?.events.length ?? 0);
    const start = Math.max(0, upTo - before);
    return [...this.#range(sid, start, upTo - start), ...this.#range(sid, anchor, after)].map((s) =>
      copyOf(s.event),
    );
  }

  async get(sid: Id, seqs: readonly Seq[]): Promise<(LogEvent | undefined)[]> {
    this.#guard();
    checkU53('sid', sid);
    checkIds('seq', seqs);
    const events = this.#streams.get(sid)?.events;
    return seqs.map((seq) => {
      const stored = events?.[seq - 1];
      return stored && copyOf(stored.event);
    });
  }

  async editsOf(sid: Id, target: Seq): Promise<Seq[]> {
    this.#guard();
    checkU53('sid', sid);
    checkU53('target', target);
    return (this.#streams.get(sid)?.events ?? [])
      .filter(({ event }) => event.kind === 2 && event.target === target)
      .map(({ event }) => event.seq);
  }

  async findNonce(
    sid: Id,
    actor: Id,
    nonce: string,
  ): Promise<{ seq: Seq; ts: number; digest: Uint8Array } | undefined> {
    this.#guard();
    checkU53('sid', sid);
    checkU53('actor', actor);
    checkText('nonce', nonce);
    const stream = this.#streams.get(sid);
    const seq = nonce === '' ? undefined : stream?.nonces.get(nonceKey(actor, nonce));
    if (stream === undefined || seq === undefined) {
      return undefined;
    }
    const { event } = stream.events[seq - 1]!;
    return { seq, ts: event.ts, digest: event.digest.slice() };
  }

  async messages(
    sid: Id,
    anchor: MessageAnchor,
    limit: number,
    viewer: Id,
  ): Promise<readonly MessageRow[]> {
    this.#guard();
    checkU53('sid', sid);
    checkAnchor(anchor);
    checkLimit('limit', limit);
    checkU53('viewer', viewer);
    const stream = this.#streams.get(sid);
    if (stream === undefined) {
      return [];
    }
    const live = stream.events.filter(({ event }) => event.kind === 1);
    return pageOf(live, anchor, limit).map((stored) => rowOf(stream, stored, viewer));
  }

  async pins(sid: Id, limit: number, viewer: Id): Promise<readonly MessageRow[]> {
    this.#guard();
    checkU53('sid', sid);
    checkLimit('limit', limit);
    checkU53('viewer', viewer);
    const stream = this.#streams.get(sid);
    if (stream === undefined) {
      return [];
    }
    return [...stream.pins]
      .sort(([, a], [, b]) => b - a)
      .flatMap(([target]) => stream.events[target - 1] ?? [])
      .filter(({ event }) => event.kind === 1)
      .slice(0, limit)
      .map((stored) => rowOf(stream, stored, viewer));
  }

  async reactors(
    sid: Id,
    target: Seq,
    emoji: string,
    after: Id,
    limit: number,
  ): Promise<readonly Id[]> {
    this.#guard();
    checkU53('sid', sid);
    checkU53('target', target);
    checkText('emoji', emoji);
    checkU53('after', after);
    checkLimit('limit', limit);
    const users = this.#streams.get(sid)?.reactions.get(target)?.get(emoji) ?? [];
    return [...users]
      .filter((uid) => uid > after)
      .sort((a, b) => a - b)
      .slice(0, limit);
  }

  async recent(windowMs: Ms): Promise<readonly Id[]> {
    this.#guard();
    checkU53('windowMs', windowMs);
    const newest = [...this.#streams].flatMap(([sid, { events }]) => {
      const messages = events.filter(({ event }) => event.kind === 1);
      const ts = messages.reduce((latest, { event }) => Math.max(latest, event.ts), 0);
      return messages.length === 0 ? [] : [{ sid, ts }];
    });
    const since = Math.max(0, ...newest.map(({ ts }) => ts)) - windowMs;
    return newest.flatMap(({ sid, ts }) => (ts >= since ? [sid] : [])).sort((a, b) => a - b);
  }

  async heads(sids: readonly Id[]): Promise<readonly LogHead[]> {
    this.#guard();
    checkIds('sid', sids);
    return [...new Set(sids)].flatMap((sid) => {
      const stream = this.#streams.get(sid);
      return stream === undefined ? [] : [headOf(sid, stream)];
    });
  }

  async drop(sid: Id): Promise<void> {
    this.#guard();
    checkU53('sid', sid);
    this.#streams.delete(sid);
  }

  #range(sid: Id, after: Seq, limit: number): readonly StoredEvent[] {
    return this.#streams.get(sid)?.events.slice(after, after + limit) ?? [];
  }
}

function pageOf(
  live: readonly StoredEvent[],
  anchor: MessageAnchor,
  limit: number,
): readonly StoredEvent[] {
  if ('before' in anchor) {
    const older = live.filter(({ event }) => event.seq < anchor.before);
    return older.slice(Math.max(0, older.length - limit));
  }
  if ('after' in anchor) {
    return live.filter(({ event }) => event.seq > anchor.after).slice(0, limit);
  }
  // Half of the page before the anchor; what one side lacks the other side fills.
  const older = live.filter(({ event }) => event.seq < anchor.around).length;
  const newer = live.length - older;
  const start = older - Math.min(older, Math.max(Math.floor(limit / 2), limit - newer));
  return live.slice(start, start + limit);
}

function rowOf(stream: MemoryStream, { event, editedAt }: StoredEvent, viewer: Id): MessageRow {
  const sets = [...(stream.reactions.get(event.seq) ?? [])];
  const reactions = sets.map(([emoji, users]) => ({
    emoji,
    count: users.size,
    me: users.has(viewer),
  }));
  return { event: copyOf(event), editedAt, reactions };
}

function headOf(sid: Id, stream: MemoryStream): LogHead {
  const last = stream.events.at(-1);
  return {
    sid,
    epoch: stream.epoch,
    first: 1,
    head: stream.events.length,
    headTs: last?.event.ts ?? 0,
  };
}

function duplicatesIn(stream: MemoryStream, events: readonly LogEvent[]): DuplicateNonce[] {
  const inCommit = new Map<string, LogEvent>();
  const at: DuplicateNonce[] = [];
  for (const [index, event] of events.entries()) {
    if (event.nonce === '') {
      continue;
    }
    const key = nonceKey(event.actor, event.nonce);
    const seq = stream.nonces.get(key);
    const first = seq === undefined ? inCommit.get(key) : stream.events[seq - 1]!.event;
    if (first === undefined) {
      inCommit.set(key, event);
    } else {
      at.push({ index, seq: first.seq, ts: first.ts, digest: first.digest.slice() });
    }
  }
  return at;
}

function applyReaction(stream: MemoryStream, { kind, target, emoji, actor }: LogEvent): void {
  if (kind === 3) {
    stream.reactions.delete(target);
  } else if (kind === 4) {
    const sets = stream.reactions.get(target) ?? new Map<string, Set<Id>>();
    const users = sets.get(emoji) ?? new Set<Id>();
    stream.reactions.set(target, sets.set(emoji, users.add(actor)));
  } else if (kind === 5) {
    const sets = stream.reactions.get(target);
    const users = sets?.get(emoji);
    users?.delete(actor);
    if (users?.size === 0) {
      sets?.delete(emoji);
    }
  }
}

function applyPin(stream: MemoryStream, { kind, target, emoji, seq }: LogEvent): void {
  if (kind === 3 || (kind === 6 && emoji === '')) {
    stream.pins.delete(target);
  } else if (kind === 6) {
    stream.pins.set(target, seq);
  }
}

function nonceKey(actor: Id, nonce: string): string {
  return `${actor} ${nonce}`;
}

/** Callers own what they pass and what they get; a store that shares buffers would hide such faults. */
function copyOf(event: LogEvent): LogEvent {
  const { seq, ts, kind, actor, target, emoji, nonce } = event;
  const digest = event.digest.slice();
  const frame = event.frame.slice();
  return { seq, ts, kind, actor, target, emoji, nonce, digest, frame };
}
