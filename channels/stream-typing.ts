/**
 * Who is typing in one stream (protocol.md 2.9): TYPING at most once per second, names lapse 10 s after
 * their last mention or with a message. Part of a stream actor, made with the first TYPE; memory only.
 * Each frame tells everybody who is typing now, so it takes the place of the one before it.
 */
import type { Ref } from '../runtime/index.ts';
import { may, PERM_SEND, PERM_VIEW } from './permissions.ts';
import { Pulse } from './pulse.ts';
import type { StreamPerms } from './stream-perms.ts';
import type { StreamPorts } from './stream-ports.ts';
import type { StreamType } from './stream-rules.ts';
import type { Id, LogEvent, Ms, Notice } from './types.ts';

const OP_TYPING = 20;
/** protocol.md 2.9. */
const LAPSE_MS: Ms = 10_000;
const AGAIN_MS: Ms = 8000;
const PERIOD_MS: Ms = 1000;
const NAMES_MAX = 8;
const LIVE_MAX = 2000;
/** Users kept; the rest is not told and not counted. A guess: LIVE_MAX subscribers could all type. */
const TYPISTS_MAX = 2000;
const KIND_MESSAGE = 1;

export class Typing {
  readonly #sid: Id;
  readonly #ports: StreamPorts;
  readonly #perms: StreamPerms;
  readonly #broadcast: (notice: Notice) => void;
  /** When each was last heard, oldest first. */
  readonly #typists = new Map<Id, Ms>();
  readonly #live = new Map<Ref<unknown>, number>();
  readonly #pulse: Pulse;
  #toldAt: Ms = Number.NEGATIVE_INFINITY;
  #isLapseArmed = false;

  constructor(
    sid: Id,
    ports: StreamPorts,
    perms: StreamPerms,
    broadcast: (notice: Notice) => void,
  ) {
    this.#sid = sid;
    this.#ports = ports;
    this.#perms = perms;
    this.#broadcast = broadcast;
    this.#pulse = new Pulse({
      timer: (ms, run) => ports.timer('typing', ms, run),
      gatherMs: 0,
      periodMs: PERIOD_MS,
      beat: () => this.#tell(),
    });
  }

  /** TYPE of a user who may send here; anything else, and a repeat within 8 s, is ignored. */
  heard(uid: Id): void {
    this.#perms.get(uid, (perms) => {
      if (perms === undefined || !may(perms, PERM_VIEW) || !may(perms, PERM_SEND)) return;
      const now = this.#ports.clock.monotonic();
      const last = this.#typists.get(uid);
      if (last !== undefined && now - last < AGAIN_MS) return;
      if (last === undefined && this.#typists.size >= TYPISTS_MAX) {
        this.#ports.counters.typistsDropped += 1;
        return;
      }
      this.#typists.delete(uid);
      this.#typists.set(uid, now);
      this.#pulse.mark();
      this.#armLapse();
    });
  }

  /** Events were committed: who has sent a message is not typing any more, and clients see that too. */
  committed(events: readonly LogEvent[]): void {
    if (this.#typists.size === 0) return;
    for (const { kind, actor } of events) if (kind === KIND_MESSAGE) this.#typists.delete(actor);
  }

  /** Sockets of a gateway thread that hear this stream now; 0 forgets the thread. */
  live(gateway: Ref<unknown>, count: number): void {
    if (count === 0) this.#live.delete(gateway);
    else this.#live.set(gateway, count);
  }

  #tell(): boolean {
    const now = this.#ports.clock.monotonic();
    this.#lapse(now);
    let live = 0;
    for (const count of this.#live.values()) live += count;
    if (live > LIVE_MAX) {
      this.#ports.counters.typingSuppressed += 1;
      return false;
    }
    const uids = [...this.#typists.keys()];
    this.#toldAt = now;
    const names = uids.slice(-NAMES_MAX).reverse();
    const frame = this.#ports.codec.encodeNotice([OP_TYPING, this.#sid, names, uids.length]);
    this.#broadcast({ frame, class: 'typing' });
    return false;
  }

  #lapse(now: Ms): boolean {
    let gone = false;
    for (const [uid, at] of this.#typists) {
      if (now - at < LAPSE_MS) break;
      this.#typists.delete(uid);
      gone = true;
    }
    return gone;
  }

  /** Names that lapse are told only to clients that would show them longer: who heard them lately. */
  #armLapse(): void {
    if (this.#isLapseArmed) return;
    const now = this.#ports.clock.monotonic();
    for (const at of this.#typists.values()) {
      this.#isLapseArmed = true;
      this.#ports.timer('typingLapse', Math.max(1, at + LAPSE_MS - now), () => {
        this.#isLapseArmed = false;
        const then = this.#ports.clock.monotonic();
        if (this.#lapse(then) && then - this.#toldAt < LAPSE_MS) this.#pulse.mark();
        this.#armLapse();
      });
      return;
    }
  }
}

/** Whether people type in streams of this type. */
export function hasTyping(type: StreamType): boolean {
  return type !== 'view' && type !== 'user';
}
