/**
 * Calls that this thread waits for: a slab of pooled records found by the low bits of the From, their
 * deadlines in the wheel. Replies come here directly, never through a mailbox; a late one finds
 * nothing and is dropped.
 */

import type { Ms } from '../clock.ts';
import { ActorError, type FailReason } from '../errors.ts';
import type { AnyRef, From } from '../types.ts';
import { SERIALS, threadOf } from './ref.ts';
import { rt, wheel } from './thread.ts';
import { WheelNode } from './wheel.ts';

/** Serials of calls: 6 bits of the thread's incarnation, 31 bits of counter. */
const COUNTER_SPAN = 2 ** 31;
const POOL_MAX = 4096;

type Resolve = (value: unknown) => void;
type Reject = (error: Error) => void;

class PendingCall extends WheelNode {
  from = 0;
  deadline: Ms = 0;
  /** Thread that the answer is expected from. */
  target = 0;
  /** The actor that called, 0 for none, and the number of the message it was handling. */
  caller = 0;
  callerMessage = 0;
  op = '';
  resolve: Resolve = ignore;
  reject: Reject = ignore;
  signal: AbortSignal | undefined = undefined;
  onAbort: (() => void) | undefined = undefined;

  fire(): void {
    rt.counters.timeouts++;
    settle(this).reject(new ActorError('timeout', `call ${this.op}`));
  }
}

function ignore(): void {}

let slots: (PendingCall | undefined)[] = new Array(256).fill(undefined);
let mask = 255;
let open = 0;
let counter = 0;
let epochBase = 0;
const pool: PendingCall[] = [];

// The executor of `new Promise` leaves its two functions here: no closure per call.
let takenResolve: Resolve = ignore;
let takenReject: Reject = ignore;
const executor = (resolve: Resolve, reject: Reject): void => {
  takenResolve = resolve;
  takenReject = reject;
};

/** Calls open now. */
export function openCalls(): number {
  return open;
}

/** Calls of a restarted thread get another range, so a stale reply of its predecessor hits none. */
export function setCallIncarnation(incarnation: number): void {
  epochBase = (incarnation % 64) * COUNTER_SPAN;
}

/** The actor that calls, and the number of the message it is handling. */
interface Caller {
  readonly ref: number;
  readonly messagesIn: number;
}

/** The From of the call opened last. */
export let openedFrom = 0 as From;

/** Opens a call; its promise settles by resolveCall, failCall, the deadline or the signal. */
export function openCall(
  op: string,
  target: number,
  nowMs: Ms,
  deadline: Ms,
  signal: AbortSignal | undefined,
  caller: Caller | null,
): Promise<unknown> {
  const promise = new Promise(executor);
  const call = pool.pop() ?? new PendingCall();
  if (open * 2 >= mask) growSlots();
  do {
    counter = (counter + 1) % COUNTER_SPAN;
  } while (slots[counter & mask] !== undefined);
  call.from = rt.base + epochBase + counter;
  call.deadline = deadline;
  call.target = target;
  if (caller !== null) {
    call.caller = caller.ref;
    call.callerMessage = caller.messagesIn;
  }
  call.op = op;
  call.resolve = takenResolve;
  call.reject = takenReject;
  slots[counter & mask] = call;
  open++;
  rt.counters.calls++;
  if (deadline !== Number.POSITIVE_INFINITY) wheel.add(call, deadline, nowMs);
  openedFrom = call.from as From;
  if (signal !== undefined) watchSignal(call, signal);
  return promise;
}

/** False once the caller has its answer, has given up, or never was on this thread. */
export function isOpen(from: number): boolean {
  return find(from) !== undefined;
}

export function resolveCall(from: number, value: unknown): void {
  const call = find(from);
  if (call === undefined) rt.counters.lateReplies++;
  else settle(call).resolve(rt.payload === null ? value : rt.payload(value));
}

export function failCall(from: number, reason: FailReason): void {
  const call = find(from);
  if (call === undefined) return;
  const op = call.op;
  settle(call).reject(new ActorError(reason, `call ${op}`));
}

/** Answers a call, wherever its caller is. */
export function answerFrom(from: number, value: unknown): void {
  if (threadOf(from) === rt.thread) resolveCall(from, value);
  else rt.remote?.reply(from as From, true, value);
}

/** Fails a call, wherever its caller is. */
export function failFrom(from: number, reason: FailReason): void {
  if (from === 0) return;
  if (threadOf(from) === rt.thread) failCall(from, reason);
  else rt.remote?.reply(from as From, false, reason);
}

/** The caller has its answer or has given up: work for it would be for nobody. */
export function isExpired(from: number, deadline: Ms): boolean {
  return threadOf(from) === rt.thread ? !isOpen(from) : deadline < rt.now;
}

/** The actor of this thread that waits for a call; 0 when it is none or elsewhere. */
export function callerOf(from: number): AnyRef {
  return (find(from)?.caller ?? 0) as AnyRef;
}

/** The number of the message that the caller was handling when it called. */
export function callerMessageOf(from: number): number {
  return find(from)?.callerMessage ?? -1;
}

/** A thread died: no answer will come from it. */
export function failCallsTo(thread: number): void {
  for (const call of slots) {
    if (call !== undefined && call.target === thread) failCall(call.from, 'noconnection');
  }
}

function find(from: number): PendingCall | undefined {
  const call = slots[(from % SERIALS) & mask];
  return call !== undefined && call.from === from ? call : undefined;
}

interface Settlers {
  readonly resolve: Resolve;
  readonly reject: Reject;
}
const settlers = { resolve: ignore as Resolve, reject: ignore as Reject };

/** Takes the call out and hands its two functions over; the record goes back to the pool. */
function settle(call: PendingCall): Settlers {
  slots[(call.from % SERIALS) & mask] = undefined;
  open--;
  wheel.remove(call);
  if (call.signal !== undefined && call.onAbort !== undefined) {
    call.signal.removeEventListener('abort', call.onAbort);
  }
  settlers.resolve = call.resolve;
  settlers.reject = call.reject;
  call.from = 0;
  call.caller = 0;
  call.resolve = ignore;
  call.reject = ignore;
  call.signal = undefined;
  call.onAbort = undefined;
  if (pool.length < POOL_MAX) pool.push(call);
  return settlers;
}

function watchSignal(call: PendingCall, signal: AbortSignal): void {
  const from = call.from;
  if (signal.aborted) {
    failCall(from, 'aborted');
    return;
  }
  call.signal = signal;
  call.onAbort = () => failCall(from, 'aborted');
  signal.addEventListener('abort', call.onAbort, { once: true });
}

function growSlots(): void {
  const old = slots;
  mask = mask * 2 + 1;
  slots = new Array(mask + 1).fill(undefined);
  for (const call of old) if (call !== undefined) slots[(call.from % SERIALS) & mask] = call;
}
