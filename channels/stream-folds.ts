/**
 * What appends must know of a stream beyond the messages they refer to: which emojis a message has
 * reactions of, and what is pinned. Read from the log when it is first needed, kept up to date by what
 * is committed, and only a cache: dropped whenever the log is opened again. Part of a stream actor.
 */
import { BoundedMap } from './bounded-map.ts';
import type { StreamPorts } from './stream-ports.ts';
import { KIND_DELETE, KIND_PIN, KIND_REACT, KIND_UNREACT } from './stream-rules.ts';
import type { StreamState } from './stream-state.ts';
import type { LogEvent, Seq } from './types.ts';

/** Different emojis on one message; a guess: what people still read, and what bounds a page of messages. */
export const EMOJIS_MAX = 20;
/** Pinned messages of a stream: one page of them. */
export const PINS_MAX = 50;
/** Messages whose emojis are kept. A guess: reactions mostly hit the newest messages. */
const MESSAGES_MAX = 64;

/** Answers whether the fact is known now. */
type Answer = (known: boolean) => void;

/** Key of the pins among the facts that are read; messages have their seq. */
const PINS = 0;

interface Reading {
  readonly answers: Answer[];
  /** It was changed by a commit since the read began: that says too little. */
  stale: boolean;
}

export class Folds {
  readonly #ports: StreamPorts;
  readonly #state: StreamState;
  readonly #emojis = new BoundedMap<Seq, Set<string>>(MESSAGES_MAX);
  #pins: Set<Seq> | undefined;
  readonly #reading = new Map<Seq, Reading>();

  constructor(ports: StreamPorts, state: StreamState) {
    this.#ports = ports;
    this.#state = state;
  }

  /** Emojis of a message by what is committed; undefined: `readEmojis` first. */
  emojisOf(target: Seq): ReadonlySet<string> | undefined {
    return this.#emojis.get(target) ?? this.#emojisInRing(target);
  }

  /** Messages that are pinned by what is committed; undefined: `readPins` first. */
  get pins(): ReadonlySet<Seq> | undefined {
    return this.#pins;
  }

  /** The log has confirmed these. */
  apply(events: readonly LogEvent[]): void {
    for (const event of events) {
      if (event.target === 0) continue;
      this.#applyToEmojis(event);
      this.#applyToPins(event);
    }
  }

  #applyToEmojis({ kind, target, emoji }: LogEvent): void {
    if (kind === KIND_REACT) this.#emojis.peek(target)?.add(emoji);
    // Whether that was the last one of its emoji, the log knows.
    else if (kind === KIND_UNREACT || kind === KIND_DELETE) this.#emojis.delete(target);
    else return;
    this.#makeStale(target);
  }

  #applyToPins({ kind, target, emoji }: LogEvent): void {
    if (kind === KIND_PIN && emoji !== '') this.#pins?.add(target);
    else if (kind === KIND_PIN || kind === KIND_DELETE) this.#pins?.delete(target);
    else return;
    this.#makeStale(PINS);
  }

  #makeStale(key: Seq): void {
    const reading = this.#reading.get(key);
    if (reading !== undefined) reading.stale = true;
  }

  /** The log was opened again. */
  clear(): void {
    this.#emojis.clear();
    this.#pins = undefined;
    for (const reading of this.#reading.values()) reading.stale = true;
  }

  /** Makes the emojis of a message known. `answer` runs inside the actor, later. */
  readEmojis(target: Seq, answer: Answer): void {
    const { log } = this.#ports;
    const ask = () => log.messages(this.#state.sid, { around: target }, 1, 0);
    this.#read(target, answer, ask, (rows) => {
      const row = rows.find(({ event }) => event.seq === target);
      this.#emojis.set(target, new Set(row?.reactions.map(({ emoji }) => emoji)));
    });
  }

  /** Makes `pins` known. `answer` runs inside the actor, later. */
  readPins(answer: Answer): void {
    // One more than is allowed: a stream from before the bound may have more, and gets none added.
    const ask = () => this.#ports.log.pins(this.#state.sid, PINS_MAX + 1, 0);
    this.#read(PINS, answer, ask, (rows) => {
      this.#pins = new Set(rows.map(({ event }) => event.seq));
    });
  }

  #read<T>(key: Seq, answer: Answer, ask: () => Promise<T>, learn: (value: T) => void): void {
    const known = this.#reading.get(key);
    if (known !== undefined) {
      known.answers.push(answer);
      return;
    }
    const reading: Reading = { answers: [answer], stale: false };
    this.#reading.set(key, reading);
    this.#ask(key, reading, ask, learn);
  }

  #ask<T>(key: Seq, reading: Reading, ask: () => Promise<T>, learn: (value: T) => void): void {
    this.#ports.counters.logReads += 1;
    this.#ports.later(ask(), (outcome) => {
      if (outcome.ok && reading.stale) {
        reading.stale = false;
        this.#ask(key, reading, ask, learn);
        return;
      }
      this.#reading.delete(key);
      if (outcome.ok) learn(outcome.value);
      for (const answer of reading.answers) answer(outcome.ok);
    });
  }

  /** Every reaction is younger than its message: for a message in the ring they are all there. */
  #emojisInRing(target: Seq): Set<string> | undefined {
    const { ring } = this.#state;
    if (ring.get(target) === undefined) return undefined;
    const found = new Set<string>();
    for (const event of ring.after(target, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY)) {
      if (event.target !== target) continue;
      if (event.kind === KIND_UNREACT) return undefined;
      if (event.kind === KIND_REACT) found.add(event.emoji);
    }
    this.#emojis.set(target, found);
    return found;
  }
}
