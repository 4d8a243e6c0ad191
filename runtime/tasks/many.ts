/**
 * Several tasks at once: awaitMany, yieldMany, and asyncStream, which runs one task per item with a bound on
 * how many at a time. In the owner's thread, asked by the owner only.
 */
import type { Ms } from '../clock.ts';
import { type Cell, type Holding, hold, unhold } from '../core/cell.ts';
import { sendExit } from '../core/signals.ts';
import { after } from '../core/timers.ts';
import { ActorError } from '../errors.ts';
import type { AnyRef } from '../types.ts';
import type { Outcome } from './outcome.ts';
import {
  checkTimeout,
  outcomeOf,
  ownerCell,
  ownerOf,
  resultValue,
  Task,
  task,
  unlinkOwner,
} from './task.ts';
import type { StreamOptions, StreamResult, TaskFn, TaskResult, YieldManyOptions } from './types.ts';

/** Each task asked, in the order of the input; undefined: no reply yet. */
export type Yielded<T> = readonly (readonly [Task<T>, TaskResult<T> | undefined])[];

const TIMEOUT_MS = 5000;
const CONCURRENCY = 8;

/** Resolves when `done` says so, which is asked after each result, or when the time has passed. */
function until(outcomes: readonly Outcome<unknown>[], ms: Ms, done: () => boolean): Promise<void> {
  if (ms <= 0 || done()) return Promise.resolve();
  return new Promise((resolve) => {
    const forget: (() => void)[] = [];
    const finish = (): void => {
      for (const each of forget) each();
      resolve();
    };
    forget.push(after(ms, finish));
    for (const each of outcomes) {
      if (each.result === undefined) forget.push(each.onSettled(() => done() && finish()));
    }
  });
}

/**
 * The values of all tasks, in the order of the input. Rejects with ActorError as soon as one of them has
 * failed (its reason), or after `timeoutMs` (>= 0, default 5000) 'timeout'; the results are dropped then, the
 * tasks go on. TypeError when one belongs to somebody else.
 */
export async function awaitMany<T>(
  tasks: readonly Task<T>[],
  timeoutMs: Ms = TIMEOUT_MS,
): Promise<T[]> {
  const outcomes = tasks.map((each) => outcomeOf(each, 'awaitMany'));
  checkTimeout('awaitMany', timeoutMs);
  const failed = (): boolean => outcomes.some((each) => each.taken || each.result?.ok === false);
  const complete = (): boolean => outcomes.every((each) => each.result !== undefined);
  await until(outcomes, timeoutMs, () => failed() || complete());
  const results = outcomes.map((each) => each.take());
  for (const each of outcomes) each.taken = true;
  const failure = results.find((each) => each?.ok === false);
  if (failure !== undefined) resultValue(failure, 'await tasks');
  return results.map((each) => resultValue(each, 'await tasks'));
}

/**
 * Each task with its result, or undefined when it has none in time, in the order of the input. Returns when
 * all have one, when `limit` have, or after `timeoutMs`. Results beyond the limit are left for the next time.
 * TypeError when one belongs to somebody else.
 */
export async function yieldMany<T>(
  tasks: readonly Task<T>[],
  options: YieldManyOptions = {},
): Promise<Yielded<T>> {
  const { timeoutMs = TIMEOUT_MS, onTimeout = 'nothing', limit = tasks.length } = options;
  const outcomes = tasks.map((each) => outcomeOf(each, 'yieldMany'));
  checkTimeout('yieldMany', timeoutMs);
  if (!(limit >= 1) && tasks.length > 0) {
    throw new RangeError(`yieldMany: limit: got ${limit}, want >= 1`);
  }
  const asked = outcomes.filter((each) => !each.taken);
  const wanted = Math.min(limit, asked.length);
  const ready = (): boolean => asked.filter(({ result }) => result !== undefined).length >= wanted;
  await until(asked, timeoutMs, ready);
  const inTime = ready();
  let left = limit;
  const results = outcomes.map((each) => {
    const result = left > 0 ? each.take() : undefined;
    if (result !== undefined) left--;
    return result;
  });
  if (!inTime && onTimeout !== 'nothing') {
    for (const [i, each] of tasks.entries()) {
      if (results[i] === undefined) results[i] = await giveUp(each, onTimeout);
    }
  }
  return tasks.map((each, i) => [each, results[i]] as const);
}

async function giveUp<T>(
  of: Task<T>,
  how: 'ignore' | 'killTask',
): Promise<TaskResult<T> | undefined> {
  const outcome = Task.outcome(of);
  if (how === 'killTask' && !outcome.taken) return await of.shutdown('brutalKill');
  outcome.taken = true;
  return undefined;
}

// ---------------------------------------------------------------- streams

/** Starts the task of one item. */
export type StartTask<T> = (fn: TaskFn<T>, owner: AnyRef) => Task<T> | Promise<Task<T>>;

interface Slot<I, T> {
  readonly input: I;
  readonly task: Task<T>;
  /** Itself, once there is a result or its time has passed. */
  readonly settled: Promise<Slot<I, T>>;
}

/** The tasks of one stream that run now: they end with its owner. */
class Slots<I, T> implements Holding {
  readonly all = new Set<Slot<I, T>>();

  ownerEnded(): void {
    this.endAll();
  }

  endAll(): void {
    for (const { task: each } of this.all) kill(each);
    this.all.clear();
  }
}

function kill(of: Task<unknown>): void {
  const outcome = Task.outcome(of);
  // Unlinks too, so that the owner does not learn of what it does itself.
  outcome.taken = true;
  unlinkOwner(of);
  if (!outcome.over) sendExit(of.ref, of.owner, 'kill', false);
}

/**
 * Runs `fn` on each item in a task of its own, at most `maxConcurrency` at a time, and gives the results as
 * they are asked for. A task that crashes gives { ok: false }; its owner, when that is an actor, gets the exit
 * signal too. Leaving the loop, or the owner's end, kills what still runs. RangeError or TypeError for bad
 * options, at once.
 */
export function asyncStream<I, T>(
  items: Iterable<I> | AsyncIterable<I>,
  fn: (item: I) => T | Promise<T>,
  options: StreamOptions = {},
): AsyncGenerator<StreamResult<I, T>, void, undefined> {
  return stream(items, fn, options, (run, owner) => task(run, { owner }));
}

/** asyncStream with tasks started by `start`. Checks at once, so that bad options do not wait for the loop. */
export function stream<I, T>(
  items: Iterable<I> | AsyncIterable<I>,
  fn: (item: I) => T | Promise<T>,
  options: StreamOptions,
  start: StartTask<T>,
): AsyncGenerator<StreamResult<I, T>, void, undefined> {
  const { maxConcurrency = CONCURRENCY, timeoutMs = TIMEOUT_MS, onTimeout = 'exit' } = options;
  if (!Number.isInteger(maxConcurrency) || maxConcurrency < 1) {
    throw new RangeError(
      `asyncStream: maxConcurrency: got ${maxConcurrency}, want a whole number > 0`,
    );
  }
  if (!(timeoutMs > 0)) throw new RangeError(`asyncStream: timeoutMs: got ${timeoutMs}, want > 0`);
  if (onTimeout !== 'exit' && onTimeout !== 'killTask') {
    throw new TypeError(`asyncStream: onTimeout: got ${String(onTimeout)}, want exit or killTask`);
  }
  return run(items, fn, { ...options, owner: ownerOf(options) }, start);
}

async function* run<I, T>(
  items: Iterable<I> | AsyncIterable<I>,
  fn: (item: I) => T | Promise<T>,
  options: StreamOptions & { readonly owner: AnyRef },
  start: StartTask<T>,
): AsyncGenerator<StreamResult<I, T>, void, undefined> {
  const { owner, maxConcurrency = CONCURRENCY, timeoutMs = TIMEOUT_MS } = options;
  const slots = new Slots<I, T>();
  const cell: Cell | undefined = ownerCell(owner);
  if (cell !== undefined) hold(cell, slots);
  const input = iterate(items);
  try {
    for (let more = true; ; ) {
      while (more && slots.all.size < maxConcurrency) {
        const next = await input.next();
        if (next.done === true) more = false;
        else {
          const item = next.value;
          slots.all.add(openSlot(item, await start(() => fn(item), owner), timeoutMs));
        }
      }
      const slot = await nextSlot(slots.all, options.ordered !== false);
      if (slot === undefined) return;
      slots.all.delete(slot);
      yield resultOf(slot, options);
    }
  } finally {
    slots.endAll();
    if (cell !== undefined) unhold(cell, slots);
    await input.return?.();
  }
}

function iterate<I>(items: Iterable<I> | AsyncIterable<I>): AsyncIterator<I> | Iterator<I> {
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
}

function openSlot<I, T>(input: I, of: Task<T>, timeoutMs: Ms): Slot<I, T> {
  const settled: Promise<Slot<I, T>> = Task.outcome(of)
    .wait(timeoutMs)
    .then(() => slot);
  const slot: Slot<I, T> = { input, task: of, settled };
  return slot;
}

function nextSlot<I, T>(
  slots: ReadonlySet<Slot<I, T>>,
  ordered: boolean,
): Promise<Slot<I, T>> | undefined {
  const [first] = slots;
  if (first === undefined || ordered) return first?.settled;
  return Promise.race([...slots].map((slot) => slot.settled));
}

function resultOf<I, T>(slot: Slot<I, T>, options: StreamOptions): StreamResult<I, T> {
  const result = Task.outcome(slot.task).take();
  if (result?.ok === true) return result;
  if (result === undefined) {
    kill(slot.task);
    if (options.onTimeout !== 'killTask') throw new ActorError('timeout', 'asyncStream');
  }
  const reason = result?.reason ?? 'timeout';
  const { input } = slot;
  return options.zipInputOnExit === true ? { ok: false, reason, input } : { ok: false, reason };
}
