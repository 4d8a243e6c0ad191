/**
 * Task supervisors: tasks as children of a dynamic supervisor of this thread, so that a tree ends with all
 * of them. Starting one takes a call; its owner is who asked for it, its parent the supervisor.
 */
import { lookup } from '../core/thread.ts';
import { DriftwayError, describeReason } from '../errors.ts';
import { startDynamicChild, terminateDynamicChild, whichChildren } from '../supervision/admin.ts';
import { startDynamicSupervisor } from '../supervision/dynamic-supervisor.ts';
import type {
  ChildIdResult,
  DynamicFlags,
  DynamicSupervisorP,
  StartChildResult,
} from '../supervision/types.ts';
import type { AnyRef, Dest, Ref, SpawnOptions } from '../types.ts';
import { stream } from './many.ts';
import { Outcome } from './outcome.ts';
import { ownerOf, Task, taskActor } from './task.ts';
import type {
  StreamOptions,
  StreamResult,
  SupervisedTaskOptions,
  TaskChildOptions,
  TaskFn,
  TaskP,
} from './types.ts';

const NONE = 0 as AnyRef;

/** A dynamic supervisor of this thread, used for tasks. */
export class TaskSupervisor {
  /** The supervisor. */
  readonly dest: Dest<DynamicSupervisorP>;

  constructor(dest: Dest<DynamicSupervisorP>) {
    this.dest = dest;
  }

  /**
   * A task under the supervisor, linked to its owner as well. Rejects with DriftwayError
   * DRIFT_RUNTIME_MAX_CHILDREN when the supervisor is full, ActorError 'noproc' when it is dead.
   */
  async<T>(fn: TaskFn<T>, options: SupervisedTaskOptions = {}): Promise<Task<T>> {
    const owner = ownerOf(options);
    return this.#start(fn, owner, owner, options);
  }

  /** As async, but not linked: the owner learns of a crash by the result alone. */
  asyncNolink<T>(fn: TaskFn<T>, options: SupervisedTaskOptions = {}): Promise<Task<T>> {
    return this.#start(fn, ownerOf(options), NONE, options);
  }

  /** Runs `fn` for its effect; default restart: temporary. */
  async startChild(
    fn: TaskFn<unknown>,
    options: TaskChildOptions = {},
  ): Promise<
    | { readonly ok: true; readonly ref: Ref<TaskP> }
    | Extract<StartChildResult, { readonly ok: false }>
  > {
    const job = { fn, linkTo: NONE };
    const given = { restart: 'temporary', ...options } as const;
    const result = await startDynamicChild(this.dest, taskActor(), job, given);
    return result.ok ? { ok: true, ref: result.ref as Ref<TaskP> } : result;
  }

  /** The tasks that run now. */
  async children(): Promise<readonly AnyRef[]> {
    const all = await whichChildren(this.dest);
    return all.map(({ ref }) => ref).filter((ref) => typeof ref === 'number');
  }

  /** Ends one task within its shutdown time; notFound for one that has ended and for anything that is no child. */
  async terminateChild(ref: AnyRef): Promise<ChildIdResult<'notFound'>> {
    if (lookup(ref) === undefined) return { ok: false, why: 'notFound' };
    return await terminateDynamicChild(this.dest, ref);
  }

  /** asyncStream with the tasks under this supervisor, linked to the owner. */
  asyncStream<I, T>(
    items: Iterable<I> | AsyncIterable<I>,
    fn: (item: I) => T | Promise<T>,
    options: StreamOptions & SupervisedTaskOptions = {},
  ): AsyncGenerator<StreamResult<I, T>, void, undefined> {
    return stream(items, fn, options, (run, owner) => this.#start(run, owner, owner, options));
  }

  /** asyncStream with the tasks under this supervisor, not linked to the owner. */
  asyncStreamNolink<I, T>(
    items: Iterable<I> | AsyncIterable<I>,
    fn: (item: I) => T | Promise<T>,
    options: StreamOptions & SupervisedTaskOptions = {},
  ): AsyncGenerator<StreamResult<I, T>, void, undefined> {
    return stream(items, fn, options, (run, owner) => this.#start(run, owner, NONE, options));
  }

  async #start<T>(
    fn: TaskFn<T>,
    owner: AnyRef,
    linkTo: AnyRef,
    { shutdown }: SupervisedTaskOptions,
  ): Promise<Task<T>> {
    const outcome = new Outcome<T>();
    const job = { fn, outcome, linkTo };
    const options = {
      restart: 'temporary',
      ...(shutdown === undefined ? {} : { shutdown }),
    } as const;
    const result = await startDynamicChild(this.dest, taskActor<T>(), job, options);
    if (result.ok) return new Task(result.ref ?? NONE, owner, outcome);
    if (result.why === 'maxChildren') {
      throw new DriftwayError(
        'DRIFT_RUNTIME_MAX_CHILDREN',
        'start task: reached the maximum number of tasks of the supervisor',
      );
    }
    const cause = result.why === 'error' ? describeReason(result.reason) : result.why;
    throw new DriftwayError('DRIFT_RUNTIME_TASK_START', `start task: ${cause}`);
  }
}

/** A dynamic supervisor of this thread as a task supervisor: a ref, or a name that survives its restarts. */
export function taskSupervisor(dest: Dest<DynamicSupervisorP>): TaskSupervisor {
  return new TaskSupervisor(dest);
}

/** Starts a task supervisor on this thread, linked to nobody. Rejects with ActorError for bad flags. */
export async function startTaskSupervisor(
  flags: DynamicFlags = {},
  options?: SpawnOptions<DynamicSupervisorP>,
): Promise<TaskSupervisor> {
  return new TaskSupervisor(await startDynamicSupervisor(flags, options));
}
