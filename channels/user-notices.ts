/**
 * Read markers of one user: MARK, own messages, the documents `marker/<uid>/<sid>`, and kind 43 for the
 * user's other sessions (protocol.md 2.9). Part of a user actor; runs beside its handlers, so that a slow
 * stream or store holds up nobody. It must never let a marker go back.
 */
import type { Clock } from '../runtime/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { childKey } from './docs.ts';
import type { NoticeCounters } from './notice-counters.ts';
import { FAILED, settle } from './settle.ts';
import { ERR_OUTCOME_UNKNOWN, ERR_UNAVAILABLE } from './stream-rules.ts';
import type {
  AppendReply,
  AppendRequest,
  DocResult,
  DocStore,
  DocWrite,
  Id,
  MarkReply,
  Ms,
  Result,
  Seq,
  UserMarkersP,
} from './types.ts';
import { Markers, type MarkerWrite } from './user-markers.ts';

/** `marker/<uid>/<sid>`. Written by the user entity only, by revision. */
export interface MarkerDoc {
  readonly seq: Seq;
}

export interface UserNoticesOptions {
  readonly uid: Id;
  readonly docs: DocStore;
  readonly clock: Clock;
  readonly counters: NoticeCounters;
  /** Asks a stream how far a marker may go. Rejects when it is away. */
  readonly mark: (
    sid: Id,
    m: { readonly uid: Id; readonly seq: Seq; readonly known: Seq },
  ) => Promise<MarkReply>;
  /** Emits on the user's own stream. Rejects when it is away. */
  readonly emit: (event: AppendRequest) => Promise<AppendReply>;
  /** Calls `run` again after that time; setting it again replaces it. */
  readonly timer: (ms: Ms) => void;
  /** True when this session is the only one of the user. */
  readonly isAlone: (session: string) => boolean;
}

/** protocol.md 2.9: stored at most every 2 s per (user, stream). */
const SPACING_MS: Ms = 2000;
/** Own messages have waited up to 1 s on the gateway thread: together no more than 2 s are lost (I13). */
const OWN_SPACING_MS: Ms = 1000;
const RETRY_MS: Ms = 500;
const TELL_RETRY_MS: Ms = 1000;
const BATCH_MAX = 100;
/** Writes that meet another revision are made again at once this often. */
const TRIES_MAX = 3;
/** Markers that wait to be told to other sessions; beyond it the oldest is left to GUILD. */
const UNTOLD_MAX = 512;
const MARKERS_ASKED_MAX = 1000;
/** Events of kind 43 on their way at once. */
const TELL_MAX = 64;
const KIND_MARKER = 43;

const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;

export class UserNotices {
  readonly #options: UserNoticesOptions;
  readonly #markers = new Markers();
  /** Streams whose marker another session must hear of once it is written. */
  readonly #heard = new Set<Id>();
  readonly #untold = new BoundedMap<Id, Seq>(UNTOLD_MAX);
  #untoldAtMs: Ms = 0;
  #asking = 0;
  /** Settled when all own messages told so far have moved their markers. */
  #wrote: Promise<void> = Promise.resolve();
  #isTelling = false;
  #wantsAll = false;
  #running: Promise<void> | undefined;

  constructor(options: UserNoticesOptions) {
    this.#options = options;
  }

  /** True when nobody would miss what is in memory. */
  get isIdle(): boolean {
    return this.#asking === 0 && this.#markers.isIdle && this.#untold.size === 0;
  }

  /** See UserMarkersP. */
  async mark(m: Parameters<UserMarkersP['mark']>[0]): Promise<Result<{ readonly seq: Seq }>> {
    const { uid, mark, counters } = this.#options;
    const { sid, seq, session } = m;
    if (this.#markers.isFull) {
      counters.markersRefused += 1;
      return UNAVAILABLE;
    }
    this.#asking += 1;
    try {
      await this.#wrote;
      const [known] = (await this.#known([sid])) ?? [];
      if (known === undefined) return UNAVAILABLE;
      const reply = await settle(mark(sid, { uid, seq, known }));
      if (reply === FAILED) return UNAVAILABLE;
      if (!reply.ok) {
        if (reply.retryMs === undefined) return { ok: false, code: 'not_found' };
        return { ...UNAVAILABLE, retryMs: reply.retryMs };
      }
      // Others may have pushed it out of what is kept while the stream was asked.
      const [present] = (await this.#known([sid])) ?? [];
      if (present === undefined) return UNAVAILABLE;
      this.#raise(sid, reply.seq, SPACING_MS, session);
      return { ok: true, value: { seq: Math.max(present, reply.seq) } };
    } finally {
      this.#asking -= 1;
    }
  }

  /** See UserMarkersP. */
  async markers(sids: readonly Id[]): Promise<Result<readonly Seq[]>> {
    if (sids.length > MARKERS_ASKED_MAX) return { ok: false, code: 'invalid', field: 'sids' };
    this.#asking += 1;
    try {
      await this.#wrote;
      const value = await this.#known(sids);
      return value === undefined ? UNAVAILABLE : { ok: true, value };
    } finally {
      this.#asking -= 1;
    }
  }

  /** See UserMarkersP. What cannot be read now is lost: the next message or MARK brings it back. */
  async wrote(m: Parameters<UserMarkersP['wrote']>[0]): Promise<void> {
    const moved = this.#moveOwn(m);
    // Whoever asks for a marker behind this message gets the one that it has moved.
    this.#wrote = Promise.all([this.#wrote, moved]).then(ignoreResult, ignoreResult);
    await moved;
  }

  async #moveOwn({ at, session }: Parameters<UserMarkersP['wrote']>[0]): Promise<void> {
    this.#asking += 1;
    try {
      if ((await this.#known(at.map(([sid]) => sid))) === undefined) return;
      for (const [sid, seq] of at) this.#raise(sid, seq, OWN_SPACING_MS, session);
    } finally {
      this.#asking -= 1;
    }
  }

  /** The timer: writes what is due, tells what is written. */
  async run(): Promise<void> {
    await this.#write(false);
  }

  /** A session has ended, or the actor does: everything is written now. */
  async flush(): Promise<void> {
    await this.#write(true);
  }

  // -------------------------------------------------------------- reading and raising

  /** Markers of these streams, read where they are not kept; undefined when the store is away. */
  async #known(sids: readonly Id[]): Promise<readonly Seq[] | undefined> {
    const markers = this.#markers;
    // Taken before the read: what is read for it may push it out of what is kept.
    const known = new Map<Id, Seq>();
    for (const sid of sids) {
      const seq = markers.get(sid);
      if (seq !== undefined) known.set(sid, seq);
    }
    const missing = sids.filter((sid) => !known.has(sid));
    const read = missing.length === 0 ? [] : await this.#read(missing);
    if (read === undefined) return undefined;
    for (const [i, sid] of missing.entries()) known.set(sid, read[i] as Seq);
    return sids.map((sid) => Math.max(known.get(sid) ?? 0, markers.get(sid) ?? 0));
  }

  async #read(sids: readonly Id[]): Promise<readonly Seq[] | undefined> {
    const { docs, uid } = this.#options;
    const keys = sids.map((sid) => childKey(uid, sid));
    const found = await settle(docs.get<MarkerDoc>('marker', keys));
    if (found === FAILED) return undefined;
    return sids.map((sid, i) => {
      const doc = found[i];
      const seq = doc?.value.seq ?? 0;
      this.#markers.learn(sid, { seq, rev: doc?.rev ?? 'absent' });
      return seq;
    });
  }

  #raise(sid: Id, seq: Seq, spacingMs: Ms, session: string | undefined): void {
    const { clock, counters, isAlone } = this.#options;
    if (!this.#markers.raise(sid, seq, clock.monotonic(), spacingMs)) return;
    counters.markersMoved += 1;
    if (session === undefined || !isAlone(session)) this.#heard.add(sid);
    this.#arm();
  }

  // -------------------------------------------------------------- writing

  #arm(): void {
    const { clock, timer } = this.#options;
    if (this.#running !== undefined) return;
    const nowMs = clock.monotonic();
    let dueMs = this.#markers.nextDueMs;
    if (dueMs !== undefined && this.#wantsAll) dueMs = nowMs;
    if (this.#untold.size > 0) dueMs = Math.min(dueMs ?? this.#untoldAtMs, this.#untoldAtMs);
    if (dueMs !== undefined) timer(Math.max(0, dueMs - nowMs));
  }

  /** One run at a time; whoever asks meanwhile waits for it. */
  async #write(isAll: boolean): Promise<void> {
    this.#wantsAll ||= isAll;
    while (this.#running !== undefined) {
      await this.#running;
      if (!this.#wantsAll) return;
    }
    this.#running = this.#writeDue();
    try {
      await this.#running;
    } finally {
      this.#running = undefined;
      this.#arm();
    }
  }

  async #writeDue(): Promise<void> {
    const { clock } = this.#options;
    for (let tries = 0; tries < TRIES_MAX; ) {
      const isAll = this.#wantsAll;
      const unsure = this.#markers.unsure(clock.monotonic(), isAll);
      if (unsure.length > 0 && (await this.#read(unsure)) === undefined) break;
      const writes = this.#markers.take(clock.monotonic(), isAll, BATCH_MAX);
      if (writes.length === 0) break;
      if (!(await this.#writeSome(writes))) tries += 1;
    }
    this.#wantsAll = false;
    await this.#tell();
  }

  async #writeSome(writes: readonly MarkerWrite[]): Promise<boolean> {
    const { clock, counters, docs, uid } = this.#options;
    const batch = writes.map(({ sid, seq, rev }): DocWrite => {
      const value: MarkerDoc = { seq };
      return { kind: 'marker', key: childKey(uid, sid), expect: rev, value };
    });
    const result = await settle<DocResult>(docs.write(batch));
    if (result === FAILED || !result.ok) {
      counters.markersRetried += 1;
      // Another revision: read and made again at once. The store is away: later.
      const isStale = result !== FAILED && result.why === 'rev';
      this.#markers.failed(writes, clock.monotonic() + (isStale ? 0 : RETRY_MS));
      return false;
    }
    counters.markersWritten += writes.length;
    this.#markers.written(writes, result.revs, SPACING_MS);
    for (const { sid, seq } of writes) if (this.#heard.delete(sid)) this.#toTell(sid, seq);
    return true;
  }

  // -------------------------------------------------------------- kind 43

  #toTell(sid: Id, seq: Seq): void {
    if (this.#untold.size >= UNTOLD_MAX && this.#untold.peek(sid) === undefined) {
      this.#options.counters.markersTellDropped += 1;
    }
    this.#untold.set(sid, seq);
    this.#untoldAtMs = this.#options.clock.monotonic();
  }

  /** What is told was written before: no session ever sees a marker that a crash takes back. */
  async #tell(): Promise<void> {
    if (this.#isTelling || this.#untold.size === 0) return;
    this.#isTelling = true;
    try {
      const sids = [...this.#untold.keys()];
      // Side by side: what the stream gets while one of them is committed is its next commit.
      for (let i = 0; i < sids.length; i += TELL_MAX) {
        const told = await Promise.all(
          sids.slice(i, i + TELL_MAX).map((sid) => this.#tellOne(sid)),
        );
        if (told.every((ok) => ok)) continue;
        this.#untoldAtMs = this.#options.clock.monotonic() + TELL_RETRY_MS;
        return;
      }
    } finally {
      this.#isTelling = false;
    }
  }

  /** False when the stream cannot take it now. */
  async #tellOne(sid: Id): Promise<boolean> {
    const { counters, emit, uid } = this.#options;
    const seq = this.#untold.peek(sid);
    if (seq === undefined) return true;
    const nonce = `k${sid.toString(36)}-${seq.toString(36)}`;
    const reply = await settle(emit({ uid, nonce, kind: KIND_MARKER, body: [sid, seq] }));
    if (reply === FAILED || isPassing(reply)) {
      counters.markersTellRetried += 1;
      return false;
    }
    counters.markersTold += 1;
    if (this.#untold.peek(sid) === seq) this.#untold.delete(sid);
    return true;
  }
}

/** Failures are those of `moved`, which is awaited where it was made. */
function ignoreResult(): void {}

function isPassing(reply: AppendReply): boolean {
  return !reply.ok && (reply.code === ERR_UNAVAILABLE || reply.code === ERR_OUTCOME_UNKNOWN);
}
