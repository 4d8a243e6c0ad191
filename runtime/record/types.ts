/**
 * Types of recording and replay: what a record holds, where it goes, what the recorder must be told about
 * an actor. Types only.
 */
import type { Behaviour } from '../types.ts';

/** A value as JSON that can be turned back (plain.ts). */
export type Plain =
  | null
  | boolean
  | number
  | string
  | readonly Plain[]
  | { readonly [k: string]: Plain };

/** What came of something: a value, a throw, a promise that settles later. */
export type Came = { readonly v: Plain } | { readonly x: Plain } | { readonly p: number };

/** One line of a record. Short keys: a busy actor writes many. */
export type Entry =
  /** A life begins: its start argument, or a snapshot when it was recorded from the middle on. */
  | {
      readonly t: 'start';
      readonly version: 1;
      readonly actor: string;
      readonly behaviour: string;
      readonly self: number;
      readonly parent: number;
      readonly entityKey?: number;
      readonly arg?: Plain;
      readonly snapshot?: Plain;
    }
  /** Input: a message (or onDown, onExit, terminate), `call` when an answer is awaited. */
  | {
      readonly t: 'in';
      readonly op: string;
      readonly arg: Plain;
      readonly call?: true;
      /** No promise ran between the message before and this one: they were taken in one turn. */
      readonly j?: true;
    }
  /** Input: promise `n` settled. */
  | { readonly t: 'settled'; readonly n: number; readonly v?: Plain; readonly x?: Plain }
  /** Input: callback `n` was called. */
  | { readonly t: 'enter'; readonly n: number; readonly a: Plain }
  /** Output and input: the actor used its context or a port; `a` its arguments, `r` what it got. */
  | {
      readonly t: 'use';
      readonly port: string;
      readonly m: string;
      readonly a: Plain;
      readonly r: Came;
      /** A value was read, nothing was called. */
      readonly g?: true;
    }
  /** Output: what a handler gave; `s` is a digest of the state after it. */
  | {
      readonly t: 'out';
      readonly op: string;
      readonly v?: Plain;
      readonly x?: Plain;
      readonly s?: string;
    }
  /** The life ended, or the recording did. */
  | { readonly t: 'end'; readonly why: Plain };

/** Inputs: what makes an actor move. */
export type Input = Extract<Entry, { t: 'in' | 'settled' | 'enter' }>;

/** Where a record goes. Bounded: at its bound it says false and counts. */
export interface RecordSink {
  /** One entry as a line of JSON, without the line's end. False: it was not kept. */
  write(line: string): boolean;
  close(): void;
  readonly counters: SinkCounters;
}

export interface SinkCounters {
  readonly entries: number;
  readonly bytes: number;
  /** Entries refused at the bound, or lost with a file that was rotated away. */
  readonly dropped: number;
}

/** Puts a port (a clock, a source of randomness, a store ...) behind the recorder. */
export type Tap = <T extends object>(name: string, port: T) => T;

/** What a recorder must know of a kind of actor. */
export interface RecordPlan<S = unknown, A = unknown> {
  /** The start argument with its ports behind taps: without, what the actor learns from them is not recorded. */
  tap?(arg: A, tap: Tap): A;
  /** What of the start argument goes into the record. Default: all of it, functions left out. */
  plain?(arg: A): unknown;
  /** What of the state tells two states apart; its digest is recorded after each handler. */
  view?(state: S): unknown;
  /** Replaces content before it is written. `where`: `in append`, `out append`, `use log.commit`, `start`. */
  redact?(where: string, value: unknown): unknown;
}

export interface RecordOptions<S = unknown, A = unknown> extends RecordPlan<S, A> {
  readonly sink: RecordSink;
}

/** A recording that was asked for. */
export interface Recording {
  /** Lives recorded so far. */
  readonly lives: number;
  readonly counters: SinkCounters;
  /** Ends it and closes the sink. Idempotent. */
  stop(): void;
}

export interface ReplayOptions<P, S, A> {
  readonly behaviour: Behaviour<P, S, A>;
  /**
   * Builds the start argument: `plain` is what the record holds of it, `tap(name)` a port that answers
   * from the record (its own ports count as any type). Default: `plain` itself.
   */
  arg?(plain: unknown, tap: <T extends object>(name: string) => T): A;
  /** As RecordPlan.view, to compare states and to show them. */
  view?(state: S): unknown;
  /** Which life of the record, 0 = the first; default the last. */
  readonly life?: number;
}

/** Where a replay left the record. */
export interface Divergence {
  /** Place in the entries of the life. */
  readonly at: number;
  readonly expected: Entry | undefined;
  readonly got: string;
}

export interface ReplayStep {
  readonly at: number;
  /** What was put in: one input, or several that came together (promises, messages of one turn). */
  readonly inputs: readonly (Input | Extract<Entry, { t: 'start' }>)[];
  /** What the actor did with it. */
  readonly outputs: readonly Entry[];
  /** view(state) before and after; undefined without `view`. */
  readonly before: unknown;
  readonly after: unknown;
  readonly divergence: Divergence | undefined;
}

export interface ReplayResult {
  readonly steps: number;
  readonly divergence: Divergence | undefined;
  /** view(state) at the end. */
  readonly state: unknown;
}
