/**
 * sys: looking into a live actor and steering it, by requests that act between two of its messages and
 * ahead of its mailbox, also while it is suspended. On actors of other threads through a small server
 * there (functions do not cross). What sys never does: run in the middle of a handler.
 */
import type { Ms } from '../clock.ts';
import { erase } from '../core/api.ts';
import { targetOf } from '../core/send.ts';
import { rt } from '../core/thread.ts';
import { ActorError } from '../errors.ts';
import type { Behaviour, Dest, Reason, SystemEvent } from '../types.ts';
import type { Statistics, Status } from './sys-actions.ts';
import { act, askThread } from './sys-server.ts';

export type { Statistics, Status } from './sys-actions.ts';

/** Switches of statistics, trace and log; true and false are OTP's words for on and off. */
export type Switch = 'on' | 'off' | boolean;

export interface SysOptions {
  /** Default 5000, Infinity allowed. An actor that is in a handler answers after it. */
  readonly timeoutMs?: Ms;
}

function request(
  to: Dest<unknown>,
  op: string,
  arg: unknown,
  options?: SysOptions,
): Promise<unknown> {
  const timeoutMs = options?.timeoutMs ?? 5000;
  if (!(timeoutMs > 0)) throw new RangeError(`sys.${op}: timeoutMs: got ${timeoutMs}, want > 0`);
  const target = targetOf(to);
  if (target.thread !== rt.thread) return askThread(target, op, arg, timeoutMs);
  if (rt.current !== null && target.ref === rt.current.ref) {
    return Promise.reject(new ActorError('callingSelf', `sys.${op}`));
  }
  return act(target.ref, op, arg, timeoutMs);
}

/** The state itself (of an actor of this thread: the object, not a copy). Rejects as call does. */
export function getState(to: Dest<unknown>, options?: SysOptions): Promise<unknown> {
  return request(to, 'getState', undefined, options);
}

/**
 * Puts fn(state) in the state's place and resolves to it. A throw leaves the state as it was: rejects
 * with ActorError, reason { error } named callbackFailed. Actors of this thread.
 */
export function replaceState<S>(
  to: Dest<unknown>,
  fn: (state: S) => S,
  options?: SysOptions,
): Promise<S> {
  return request(to, 'replaceState', fn, options) as Promise<S>;
}

/** Who it is, running or suspended, what is switched on, and its state through formatStatus. */
export function getStatus(to: Dest<unknown>, options?: SysOptions): Promise<Status> {
  return request(to, 'getStatus', undefined, options) as Promise<Status>;
}

/** From now on only sys requests, the parent's death and signals act; the mailbox keeps filling. */
export async function suspend(to: Dest<unknown>, options?: SysOptions): Promise<void> {
  await request(to, 'suspend', undefined, options);
}

export async function resume(to: Dest<unknown>, options?: SysOptions): Promise<void> {
  await request(to, 'resume', undefined, options);
}

/** Counting from on to off; 'get' gives the figures so far, 'noStatistics' while off. */
export function statistics(
  to: Dest<unknown>,
  flag: Switch | 'get',
  options?: SysOptions,
): Promise<Statistics | 'noStatistics' | 'ok'> {
  const asked = request(to, 'statistics', word(flag), options);
  return asked as Promise<Statistics | 'noStatistics' | 'ok'>;
}

/** Reports each message in and out and each state (kind 'trace'), with content: for people who look. */
export async function trace(to: Dest<unknown>, flag: Switch, options?: SysOptions): Promise<void> {
  await request(to, 'trace', word(flag), options);
}

/** Keeps the last `flag` events (on: 10); 'get' gives them, oldest first. RangeError for a bad number. */
export function log(
  to: Dest<unknown>,
  flag: Switch | 'get' | number,
  options?: SysOptions,
): Promise<readonly SystemEvent[]> {
  if (typeof flag === 'number' && !(Number.isInteger(flag) && flag > 0)) {
    throw new RangeError(`sys.log: got ${flag}, want a whole number > 0`);
  }
  const asked = request(to, 'log', typeof flag === 'boolean' ? word(flag) : flag, options);
  return asked as Promise<readonly SystemEvent[]>;
}

/**
 * Calls fn(debugState, event) for each event; what it returns is the next debugState, 'done' removes it,
 * a throw removes it quietly. The same function (or `id`) installed again is one. Actors of this thread.
 */
export async function install<D>(
  to: Dest<unknown>,
  fn: (debugState: D, event: SystemEvent) => D | 'done',
  debugState: D,
  options?: SysOptions & { readonly id?: string },
): Promise<void> {
  await request(to, 'install', { key: options?.id ?? fn, fn, state: debugState }, options);
}

/** Takes a debug function away, by itself or its id. Unknown: nothing. */
export async function remove(
  to: Dest<unknown>,
  key: string | ((debugState: never, event: SystemEvent) => unknown),
  options?: SysOptions,
): Promise<void> {
  await request(to, 'remove', key, options);
}

/** Ends it through terminate with `reason`, also while suspended; resolves when that was asked. */
export async function terminate(
  to: Dest<unknown>,
  reason: Reason = 'normal',
  options?: SysOptions,
): Promise<void> {
  await request(to, 'terminate', reason, options);
}

/**
 * Gives a suspended actor another behaviour, for hot reload in development; the state goes through
 * `convert`. Rejects with ActorError { error } while it is not suspended, or if convert throws (nothing
 * has changed then). Actors of this thread.
 */
export async function replaceBehaviour<P, S, A>(
  to: Dest<P>,
  behaviour: Behaviour<P, S, A>,
  convert?: (state: unknown) => S,
  options?: SysOptions,
): Promise<void> {
  await request(to, 'replaceBehaviour', { behaviour: erase(behaviour), convert }, options);
}

function word(flag: Switch | 'get'): 'on' | 'off' | 'get' {
  if (typeof flag === 'string') return flag;
  return flag ? 'on' : 'off';
}
