/**
 * The public functions on actors, typed by their protocols. Runs on the caller's thread.
 */
import type { Clock, Ms, Rng } from '../clock.ts';
import { ActorError } from '../errors.ts';
import type {
  AnyRef,
  Behaviour,
  CallOptions,
  CallRest,
  CastRest,
  Dest,
  From,
  Key,
  MonitorId,
  Name,
  Ops,
  Reason,
  Ref,
  Reply,
  Report,
  SpawnOptions,
} from '../types.ts';
import { type AnyBehaviour, compile, extraOf } from './cell.ts';
import { clonePayload, freezePayload } from './payload.ts';
import { isNormalClass } from './reason.ts';
import { type AnyDest, callTo, castTo, replyTo, sendTo, targetOf } from './send.ts';
import { sendExit, sendStop, unwatch, watch } from './signals.ts';
import { spawnAny } from './spawn.ts';
import { allCells, lookup, rt, wheel } from './thread.ts';
import { after } from './timers.ts';

const NONE = 0 as AnyRef;

/**
 * Declares what an actor is; gives the same object back, checked. Handlers are
 * `(state, arg, ctx) => reply`. TypeError / RangeError for a handler that is no function or a bad
 * mailbox limit. Any thread; pure.
 */
export function defineActor<P, S, A = undefined>(
  behaviour: Behaviour<P, S, A>,
): Behaviour<P, S, A> {
  compile(erase(behaviour));
  return behaviour;
}

/** A behaviour with its types forgotten. */
export function erase<P, S, A>(behaviour: Behaviour<P, S, A>): AnyBehaviour {
  return behaviour as unknown as AnyBehaviour;
}

/**
 * Starts an actor on this thread, linked to nobody; resolves after its init. Rejects with ActorError:
 * reason { error } (init threw), 'ignore', 'timeout' (initTimeoutMs), { alreadyStarted } (name taken).
 */
export function spawn<P, S, A>(
  behaviour: Behaviour<P, S, A>,
  arg: NoInfer<A>,
  options?: SpawnOptions<P>,
): Promise<Ref<P>> {
  const parent = rt.current === null ? NONE : rt.current.ref;
  return spawnAny(erase(behaviour), arg, options, parent, false) as Promise<Ref<P>>;
}

/**
 * Sends a message and forgets it: never throws, never blocks, also to the dead, to an unknown name and
 * to a thread that is down (counted as dead letter). The argument belongs to the receiver from now on:
 * do not change it. To another thread it must be plain data. Any thread; tens of ns on this thread.
 */
export function cast<P, K extends Ops<P>>(to: Dest<P>, op: K, ...rest: CastRest<P[K]>): void;
export function cast(to: AnyDest, op: string, arg?: unknown): void {
  castTo(to, op, arg);
}

/**
 * Sends a plain message: as cast, but resolves when the message is queued, which under the overflow
 * policy `block` is when there is room, also on another thread; and an op that no handler knows goes to
 * onUnknown or is reported and ignored, never a crash. Resolves as well when the receiver is dead or
 * ends meanwhile. Rejects with ActorError 'mailboxFull' when as many wait as the mailbox holds.
 */
export function send<P, K extends Ops<P>>(
  to: Dest<P>,
  op: K,
  ...rest: CastRest<P[K]>
): Promise<void>;
export function send(to: AnyDest, op: string, arg?: unknown): Promise<void> {
  return sendTo(to, op, arg);
}

/**
 * Sends a request and resolves to the reply. `timeoutMs` > 0, default 5000, Infinity allowed. Rejects
 * with ActorError: 'timeout', 'noproc', 'noconnection' (the thread is down or died), 'mailboxFull',
 * 'unavailable' (entity over its restart intensity), 'callingSelf', 'aborted', or the reason with which
 * the callee ended. RangeError for a bad timeout. Any thread; under 1 us on this thread.
 */
export function call<P, K extends Ops<P>>(
  to: Dest<P>,
  op: K,
  ...rest: CallRest<P[K]>
): Promise<Reply<P[K]>>;
export function call(
  to: AnyDest,
  op: string,
  arg?: unknown,
  options?: CallOptions,
): Promise<unknown> {
  return callTo(to, op, arg, options, rt.current, Number.POSITIVE_INFINITY);
}

/**
 * Answers a call whose handler returned NOREPLY; from any actor and any thread. Late and second
 * answers are dropped.
 */
export function reply(from: From, value: unknown): void {
  replyTo(from, value);
}

/**
 * Ends an actor through terminate and resolves when it is gone. Rejects with ActorError 'noproc',
 * 'noconnection', 'timeout' (it still has to end; default Infinity), 'callingSelf', or the reason it ended
 * with instead. RangeError for a bad timeout: nothing is sent.
 */
export function stop(
  to: Dest<unknown>,
  reason: Reason = 'normal',
  timeoutMs: Ms = Number.POSITIVE_INFINITY,
): Promise<void> {
  if (!(timeoutMs > 0)) throw new RangeError(`stop: timeoutMs: got ${timeoutMs}, want > 0`);
  const target = targetOf(to);
  if (rt.current !== null && target.ref === rt.current.ref) {
    return Promise.reject(new ActorError('callingSelf', 'stop'));
  }
  return new Promise((resolve, reject) => {
    const cancel = after(timeoutMs, () => {
      if (id !== undefined) unwatch(id);
      reject(new ActorError('timeout', 'stop'));
    });
    let id: MonitorId | undefined;
    id = watch(target, null, (ended) => {
      cancel();
      if (isNormalClass(ended) || JSON.stringify(ended) === JSON.stringify(reason)) resolve();
      else reject(new ActorError(ended, 'stop'));
    });
    sendStop(target, reason);
  });
}

/** Sends an exit signal: 'kill' cannot be trapped (the victim ends 'killed'); 'normal' only ends the sender itself. */
export function exit(to: AnyRef, reason: Reason | 'kill'): void {
  sendExit(to, rt.current === null ? NONE : rt.current.ref, reason, false);
}

/** The live actor behind a name of this thread; undefined when there is none or it is elsewhere. Starts nothing. */
export function whereis<P>(dest: Name<P>): Ref<P> | undefined {
  const { ref } = targetOf(dest);
  return ref === NONE || lookup(ref) === undefined ? undefined : (ref as Ref<P>);
}

/** True while the actor lives on this thread; for actors elsewhere ask by a call. O(1). */
export function isAlive(ref: AnyRef): boolean {
  return lookup(ref) !== undefined;
}

/** The actor named `key` on the thread that uses the name. Plain data. */
export function name<P>(key: Key): Name<P> {
  return { via: 'name', of: '', key };
}

/** The actor named `key` on the thread of `slot`, for example at<LogWriterP>('store', 'log-writer'). */
export function at<P>(slot: string, key: Key): Name<P> {
  return { via: 'at', of: slot, key };
}

/** The entity `key` (a whole number >= 0) of `type`: lives on its home thread, started there by the first message. */
export function entity<P>(type: string, key: number): Name<P> {
  return { via: 'entity', of: type, key };
}

/** Name of the slot this thread is: 'main' on the main thread. */
export function thisSlot(): string {
  return rt.slot;
}

/** Slots of a group in their fixed order, whether up or not; empty outside a node. */
export function slotsOf(group: string): readonly string[] {
  return rt.remote === null ? [] : rt.remote.slotsOf(group);
}

/** Slot on which a name is resolved: the home of an entity, the slot of `at`; whether that is up or not. O(1). */
export function slotOf(to: Name<unknown>): string {
  const { thread } = targetOf(to);
  return thread === rt.thread || rt.remote === null ? rt.slot : rt.remote.slotName(thread);
}

const PAYLOADS = { share: null, freeze: freezePayload, clone: clonePayload } as const;

/** What a thread may be given instead of the defaults. */
export interface RuntimeOptions {
  /** Only while no timer and no call is pending. */
  readonly clock?: Clock;
  /** For the jitter of delayed restarts; default systemRng. A seeded one makes them repeatable. */
  readonly rng?: Rng;
  /** Takes the reports of this thread; default writes all but progress to stderr. */
  readonly report?: (report: Report) => void;
  /**
   * What happens to messages and replies between actors of this thread. `share` (default): they go by
   * reference. `freeze`, for development: plain objects and arrays are frozen all the way down, so a
   * later change throws. `clone`, for tests: the receiver gets a copy of all plain data. With both, call
   * circles are looked for without a bound.
   */
  readonly payloads?: 'share' | 'freeze' | 'clone';
  /**
   * A synchronous handler over it is reported (longHandler) with actor and op; > 0, BEAM's long_schedule
   * and our advice is 50. Handlers are timed from now on, which costs two looks at the clock for each
   * message; Infinity (default) takes that back. In a node the watchdog reports what holds a thread for
   * 250 ms without it.
   */
  readonly longHandlerMs?: Ms;
}

/** Sets clock and report sink of this thread's runtime. startNode does it for a node. */
export function configureRuntime(options: RuntimeOptions): void {
  const { clock } = options;
  if (clock !== undefined) {
    wheel.changeClock(() => {
      rt.clock = clock;
    });
  }
  if (options.rng !== undefined) rt.rng = options.rng;
  if (options.report !== undefined) rt.report = options.report;
  if (options.payloads !== undefined) rt.payload = PAYLOADS[options.payloads];
  if (options.longHandlerMs !== undefined) timeHandlers(options.longHandlerMs);
}

function timeHandlers(limitMs: Ms): void {
  if (!(limitMs > 0)) throw new RangeError(`longHandlerMs: got ${limitMs}, want > 0`);
  rt.timeAll = limitMs !== Number.POSITIVE_INFINITY;
  rt.longHandlerMs = limitMs;
  for (const cell of allCells()) {
    if (rt.timeAll) extraOf(cell).isTimed = true;
    else if (cell.extra !== null) cell.extra.isTimed = cell.extra.debug?.statistics != null;
  }
}
