/**
 * Tasks: one-shot actors that run a function and hand its result to their owner. On the owner's thread. A
 * task is linked to its owner unless asked otherwise; its result needs no mailbox and no monitor.
 */
import type { Ms } from '../clock.ts';
import { erase } from '../core/api.ts';
import { AWAITING, type Cell, hold, STARTING, TERMINATING } from '../core/cell.ts';
import { isThenable } from '../core/life.ts';
import { unlinkCell } from '../core/signals.ts';
import { startActor } from '../core/spawn.ts';
import { lookup, rt } from '../core/thread.ts';
import { ActorError } from '../errors.ts';
import { child } from '../supervision/child-spec.ts';
import { shutdownChild } from '../supervision/shutdown.ts';
import type { ChildSpec, Shutdown } from '../supervision/types.ts';
import type { AnyRef, Behaviour, Ctx, Ref } from '../types.ts';
import { Outcome } from './outcome.ts';
import type { TaskChildOptions, TaskFn, TaskOptions, TaskP, TaskResult } from './types.ts';

const TIMEOUT_MS = 5000;
const SHUTDOWN_MS = 5000;
const NONE = 0 as AnyRef;

/** What a task's actor is started with. */
export interface Job<T> {
  readonly fn: TaskFn<T>;
  /** Absent for children that nobody awaits. */
  readonly outcome?: Outcome<T>;
  /** Linked besides the parent; 0: nobody. */
  readonly linkTo: AnyRef;
}

interface Running {
  readonly fn: TaskFn<unknown>;
  readonly outcome: Outcome<unknown>;
}

const taskBehaviour: Behaviour<TaskP, Running, Job<unknown>> = {
  name: 'task',
  init(ctx, { fn, outcome = new Outcome(), linkTo }) {
    const cell = lookup(ctx.self);
    if (cell !== undefined) hold(cell, outcome);
    if (linkTo !== NONE) ctx.link(linkTo);
    ctx.next('run');
    return { fn, outcome };
  },
  handle: {
    run({ fn, outcome }, _arg, ctx) {
      const value = fn(ctx);
      if (!isThenable(value)) return finish(outcome, value, ctx);
      return (value as Promise<unknown>).then((done) => finish(outcome, done, ctx));
    },
  },
};

function finish(outcome: Outcome<unknown>, value: unknown, ctx: Ctx<TaskP>): void {
  // Killed meanwhile: nobody waits for what its function came to.
  if (outcome.over) return;
  outcome.settle({ ok: true, value });
  ctx.stop('normal');
}

/** The behaviour of tasks for a job of type T. */
export function taskActor<T>(): Behaviour<TaskP, unknown, Job<T>> {
  return taskBehaviour as unknown as Behaviour<TaskP, unknown, Job<T>>;
}

/**
 * A task as its owner sees it. Only the owner may ask: a TypeError otherwise. The result is taken once; who
 * asks after that finds what a task that never answers would give, at once.
 */
export class Task<T> {
  /** Its actor; 0 for a completed task. */
  readonly ref: Ref<TaskP>;
  /** The actor that may ask; 0 when it was made outside of any. */
  readonly owner: AnyRef;
  readonly #outcome: Outcome<T>;

  constructor(ref: AnyRef, owner: AnyRef, outcome: Outcome<T>) {
    this.ref = ref as Ref<TaskP>;
    this.owner = owner;
    this.#outcome = outcome;
  }

  /**
   * The result. `timeoutMs` >= 0, default 5000, Infinity allowed. Rejects with ActorError: the reason the task
   * ended with ('normal' too when it did not return), or 'timeout'; then its result is dropped, but it goes on.
   */
  async await(timeoutMs: Ms = TIMEOUT_MS): Promise<T> {
    const outcome = outcomeOf(this, 'await');
    checkTimeout('await', timeoutMs);
    if (!outcome.taken) await outcome.wait(timeoutMs);
    const result = outcome.take();
    outcome.taken = true;
    return resultValue(result, 'await task');
  }

  /** The result as a value, or undefined when there is none in time; may be asked again then. Default 5000 ms. */
  async yield(timeoutMs: Ms = TIMEOUT_MS): Promise<TaskResult<T> | undefined> {
    const outcome = outcomeOf(this, 'yield');
    checkTimeout('yield', timeoutMs);
    if (!outcome.taken) await outcome.wait(timeoutMs);
    return outcome.take();
  }

  /**
   * Unlinks the task, ends it ('shutdown', then kill after `how` ms; or 'brutalKill') and waits for its end. A
   * reply wins, also one that came before the death. undefined: it ended as asked ('shutdown' within the time,
   * 'killed' by brutalKill); else the reason. Asked of a task whose result was taken: reason 'noproc'.
   */
  async shutdown(how: Shutdown = SHUTDOWN_MS): Promise<TaskResult<T> | undefined> {
    const outcome = outcomeOf(this, 'shutdown');
    if (how !== 'brutalKill' && how !== 'infinity') checkTimeout('shutdown', how);
    unlinkOwner(this);
    if (outcome.taken) {
      if (lookup(this.ref) !== undefined) await shutdownChild(this.owner, this.ref, how);
      return { ok: false, reason: 'noproc' };
    }
    if (outcome.result === undefined) await shutdownChild(this.owner, this.ref, how);
    const result = outcome.take();
    if (result === undefined || result.ok) return result;
    return result.reason === (how === 'brutalKill' ? 'killed' : 'shutdown') ? undefined : result;
  }

  /** Unlinks the task and drops its result; it goes on. Gives the result if there is one already. */
  ignore(): TaskResult<T> | undefined {
    const outcome = outcomeOf(this, 'ignore');
    unlinkOwner(this);
    const result = outcome.take();
    outcome.taken = true;
    return result;
  }

  /** For the functions of this folder: its outcome, past the check of the owner. */
  static outcome<T>(of: Task<T>): Outcome<T> {
    return of.#outcome;
  }
}

/** The outcome of a task for its owner; TypeError for anybody else. */
export function outcomeOf<T>(task: Task<T>, what: string): Outcome<T> {
  if (!mayAsk(task.owner)) {
    const by = rt.current === null ? 'no actor' : String(rt.current.ref);
    throw new TypeError(`${what}: task of ${task.owner} must be asked by its owner: got ${by}`);
  }
  return Task.outcome(task);
}

// After an await nobody knows whose code runs. It can be the owner's only while that is in the middle of
// something asynchronous.
function mayAsk(owner: AnyRef): boolean {
  if (rt.current !== null) return rt.current.ref === owner;
  if (owner === NONE) return true;
  const status = lookup(owner)?.status;
  return status === AWAITING || status === STARTING || status === TERMINATING;
}

/** Ends the link between a task and its owner: what becomes of it no longer touches the owner. */
export function unlinkOwner(task: Task<unknown>): void {
  const owner = lookup(task.owner);
  if (owner !== undefined) unlinkCell(owner, task.ref);
}

export function checkTimeout(what: string, timeoutMs: Ms): void {
  if (!(timeoutMs >= 0)) throw new RangeError(`${what}: timeoutMs: got ${timeoutMs}, want >= 0`);
}

/** The value of a result; ActorError with its reason, or 'timeout' when there is none. */
export function resultValue<T>(result: TaskResult<T> | undefined, what: string): T {
  if (result === undefined) throw new ActorError('timeout', what);
  if (!result.ok) throw new ActorError(result.reason, what);
  return result.value;
}

/** Who makes a task: as told, else the actor that runs now; 0 outside of actors. */
export function ownerOf(options: { readonly owner?: AnyRef }): AnyRef {
  return options.owner ?? rt.current?.ref ?? NONE;
}

/**
 * Starts a task on this thread: `fn` runs in an actor of its own, in its own turn, and may be asynchronous.
 * Linked to its owner, the actor that runs now: if either crashes the other gets the exit signal. Outside of
 * actors it has no owner and anybody outside may await it.
 */
export function task<T>(fn: TaskFn<T>, options: TaskOptions = {}): Task<T> {
  const owner = ownerOf(options);
  const outcome = new Outcome<T>();
  const link = options.link !== false && owner !== NONE;
  const { ref } = startActor(
    erase(taskActor<T>()),
    { fn, outcome, linkTo: NONE },
    { parent: owner, link },
  );
  return new Task(ref, owner, outcome);
}

/** A task that has its result from the start and no actor. */
export function completedTask<T>(value: T, options: { readonly owner?: AnyRef } = {}): Task<T> {
  const outcome = new Outcome<T>();
  outcome.settle({ ok: true, value });
  return new Task(NONE, ownerOf(options), outcome);
}

/** A task as the child of a supervisor; its result goes nowhere. Default restart: temporary. */
export function taskChild(
  id: string,
  fn: TaskFn<unknown>,
  options: TaskChildOptions = {},
): ChildSpec {
  return child(id, taskActor(), { fn, linkTo: NONE }, { restart: 'temporary', ...options });
}

/** Waits until all have ended; then ActorError with the first failure in their order. Asks for nobody's leave. */
export async function allDone(tasks: readonly Task<unknown>[]): Promise<void> {
  const outcomes = tasks.map((each) => Task.outcome(each));
  await Promise.all(outcomes.map((each) => each.wait(Number.POSITIVE_INFINITY)));
  for (const each of outcomes) resultValue(each.take(), 'task');
}

/** The cell of a task's owner, if it is an actor that lives. */
export function ownerCell(owner: AnyRef): Cell | undefined {
  return lookup(owner);
}
