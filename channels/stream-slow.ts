/**
 * Slow mode of one stream: when each user last sent a message. Kept only while the stream has slow
 * mode; after a start it is read from the newest events of the log. Part of a stream actor.
 */
import { BoundedMap } from './bounded-map.ts';
import type { StreamPorts } from './stream-ports.ts';
import { RING_OPTIONS } from './stream-ring.ts';
import { KIND_MESSAGE, KIND_REDACTED } from './stream-rules.ts';
import type { StreamState } from './stream-state.ts';
import type { Id, LogEvent, Ms } from './types.ts';

/** Users remembered; who is forgotten may send at once. More write in one period only where it is short. */
const USERS_MAX = 4096;
/** Newest events that are read at a start: further back is forgotten (README, "slow mode"). */
const TAIL_EVENTS = RING_OPTIONS.eventsMax;

export class SlowMode {
  readonly #ports: StreamPorts;
  readonly #state: StreamState;
  /** Monotonic time of each user's last message: a wall clock that is set back keeps nobody waiting. */
  readonly #last = new BoundedMap<Id, Ms>(USERS_MAX);
  #phase: 'off' | 'reading' | 'on' = 'off';
  /** Rises with `clear`: a read that began before it says too little. */
  #life = 0;
  #answers: ((known: boolean) => void)[] = [];

  constructor(ports: StreamPorts, state: StreamState) {
    this.#ports = ports;
    this.#state = state;
  }

  /** False: `read` first. */
  get known(): boolean {
    return this.#phase === 'on';
  }

  /** How long a user must wait for the next message; 0: may send now. */
  waitMs(uid: Id, slowModeS: number): Ms {
    const last = this.#last.get(uid);
    if (last === undefined) return 0;
    return Math.max(0, Math.ceil(last + slowModeS * 1000 - this.#ports.clock.monotonic()));
  }

  /** The log has confirmed these. */
  apply(events: readonly LogEvent[]): void {
    if (this.#phase === 'off') return;
    const at = this.#ports.clock.monotonic();
    for (const event of events) this.#note(event, at);
  }

  /** The log was opened again, or slow mode is off. Whoever waits for a read asks anew. */
  clear(): void {
    this.#last.clear();
    this.#phase = 'off';
    this.#life += 1;
    this.#answer(true);
  }

  /** Learns from the log who sent lately. `answer` runs inside the actor, later. */
  read(answer: (known: boolean) => void): void {
    this.#answers.push(answer);
    if (this.#phase === 'reading') return;
    this.#phase = 'reading';
    const { sid, head } = this.#state;
    const life = this.#life;
    this.#ports.counters.logReads += 1;
    this.#ports.later(this.#ports.log.history(sid, head, TAIL_EVENTS, 0), (outcome) => {
      if (life !== this.#life) return;
      if (outcome.ok) this.#learn(outcome.value);
      this.#phase = outcome.ok ? 'on' : 'off';
      this.#answer(outcome.ok);
    });
  }

  #learn(events: readonly LogEvent[]): void {
    const { clock } = this.#ports;
    const now = clock.now();
    const monotonic = clock.monotonic();
    for (const event of events) this.#note(event, monotonic - Math.max(0, now - event.ts));
  }

  #answer(known: boolean): void {
    const answers = this.#answers;
    this.#answers = [];
    for (const answer of answers) answer(known);
  }

  /** A deleted message counts: deleting does not give another turn. Redacted edits keep their target. */
  #note({ kind, target, actor }: LogEvent, at: Ms): void {
    if (kind !== KIND_MESSAGE && !(kind === KIND_REDACTED && target === 0)) return;
    if ((this.#last.peek(actor) ?? -Infinity) < at) this.#last.set(actor, at);
  }
}
