/**
 * Types of tasks: options and results. Types only.
 */
import type { Ms } from '../clock.ts';
import type { Restart, Shutdown } from '../supervision/types.ts';
import type { AnyRef, Ctx, Reason } from '../types.ts';

/** The protocol of a task's actor; nobody but the task itself sends it. */
export interface TaskP {
  run(): void;
}

/** What a task runs; `ctx` is that of the task's own actor. */
export type TaskFn<T> = (ctx: Ctx<TaskP>) => T | Promise<T>;

/** A reply, or why there will be none. */
export type TaskResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: Reason };

/** Whose a task is. */
export interface OwnerOptions {
  /** Who may await, and is linked: default the actor whose handler runs now. After an await say it: ctx.self. */
  readonly owner?: AnyRef;
}

/** Options of task(). */
export interface TaskOptions extends OwnerOptions {
  /** Default true: the crash of one ends the other (the owner may trap it). */
  readonly link?: boolean;
}

/** Options of a task supervisor's async and asyncNolink. */
export interface SupervisedTaskOptions extends OwnerOptions {
  /** Time to end when the supervisor ends it; default 5000. */
  readonly shutdown?: Shutdown;
}

/** Options of a task that is a child and nobody awaits. */
export interface TaskChildOptions {
  /** Default temporary. */
  readonly restart?: Restart;
  /** Default 5000. */
  readonly shutdown?: Shutdown;
}

/** Options of yieldMany. */
export interface YieldManyOptions {
  /** Default 5000, Infinity allowed; >= 0. */
  readonly timeoutMs?: Ms;
  /**
   * What becomes of tasks that have not replied then. nothing (default): they may be asked again; ignore:
   * their result is dropped; killTask: they are killed.
   */
  readonly onTimeout?: 'nothing' | 'ignore' | 'killTask';
  /** Returns as soon as so many have replied; default all. */
  readonly limit?: number;
}

/** Options of asyncStream. */
export interface StreamOptions extends OwnerOptions {
  /** Tasks at a time, those with a result that nobody has taken yet included; default 8. */
  readonly maxConcurrency?: number;
  /** Default true: results in the order of the input; false: as they come. */
  readonly ordered?: boolean;
  /** For each task, from its start; default 5000, Infinity allowed; > 0. */
  readonly timeoutMs?: Ms;
  /** exit (default): the stream throws ActorError 'timeout'; killTask: the result is { ok: false, reason: 'timeout' }. */
  readonly onTimeout?: 'exit' | 'killTask';
  /** Failures carry their input. */
  readonly zipInputOnExit?: boolean;
}

/** One result of a stream. */
export type StreamResult<I, T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: Reason; readonly input?: I };
