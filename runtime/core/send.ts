/**
 * Messages on their way: cast, call and reply to a ref or a name, on this thread or through a lane;
 * delivery into a mailbox with its overflow policy.
 */
import type { Ms } from '../clock.ts';
import { ActorError, type FailReason } from '../errors.ts';
import type { AnyRef, CallOptions, From, Key, Name } from '../types.ts';
import { useAlias } from './aliases.ts';
import { waitForRoom } from './around.ts';
import { chainOf, closesCircle, wouldWait } from './call-chain.ts';
import { answerFrom, failCall, failFrom, openCall, openedFrom } from './calls.ts';
import { type Cell, mailboxOf } from './cell.ts';
import { PLAIN } from './extra.ts';
import { undeferCall, wake } from './life.ts';
import type { Mailbox } from './mailbox.ts';
import { threadOf } from './ref.ts';
import type { WatchTarget } from './signals.ts';
import { actorName, lookup, report, rt, type Via } from './thread.ts';
import { markOf, tracing } from './trace.ts';

const CALL_TIMEOUT_MS = 5000;
/** What a nested call leaves to its caller: more than the grain of timers, so that it still can answer. */
const MARGIN_MS = 15;
const NONE = 0 as AnyRef;

export type AnyDest = number | Name<unknown>;

/** What the names of one `via` mean on this thread: a type of entity, a registry, a scope of groups. */
export interface Place {
  /** Finds or starts the actor of a key; a reason when that is refused. */
  cell(key: Key): Cell | FailReason;
  /** The live actor of a key, without starting it. */
  ref(key: Key): AnyRef | undefined;
  /** Takes a cast that is not for one actor (fan-out); absent: it goes to cell(key). */
  cast?(key: Key, op: string, arg: unknown): void;
}

const places = new Map<string, Place>();

/** Entities of type `via`, or another meaning that must not look like a type ('@', '%' first). */
export function setPlace(via: string, place: Place): void {
  places.set(via, place);
}

/** Takes a place back, unless another has taken over. */
export function removePlace(via: string, place: Place): void {
  if (places.get(via) === place) places.delete(via);
}

/** A name service of the user, asked on the thread that uses the name. */
export interface ServicePlace {
  ref(of: string, key: Key): AnyRef | undefined;
  cast(of: string, key: Key, op: string, arg: unknown): void;
}
let service: ServicePlace = { ref: () => undefined, cast: () => rt.counters.deadLetters++ };

/** Installed by names/name-service.ts. */
export function setServices(installed: ServicePlace): void {
  service = installed;
}

// ---------------------------------------------------------------- into a mailbox

/** Queues a message; at the limit the cell's policy decides. */
export function post(cell: Cell, op: string, arg: unknown, from: number, deadline: Ms): void {
  const mailbox = mailboxOf(cell);
  if (mailbox.limited >= cell.compiled.limit && !overflow(cell, op, arg, from, deadline)) return;
  mailbox.limited++;
  mailbox.push(op, rt.payload === null ? arg : rt.payload(arg), from, deadline);
  if (tracing.current !== null) mark(mailbox);
  rt.counters.messages++;
  if (!cell.scheduled) wake(cell);
}

function mark(mailbox: Mailbox): void {
  const made = markOf();
  if (made !== null) mailbox.markLast(made);
}

/** True when room was made for the new message. */
function overflow(cell: Cell, op: string, arg: unknown, from: number, deadline: Ms): boolean {
  const policy = cell.compiled.overflow;
  if (policy === 'block' && from !== 0 && waitForRoom(cell, op, arg, from, deadline)) return false;
  countDrop(cell);
  if (policy !== 'dropOldest') {
    failFrom(from, 'mailboxFull');
    return false;
  }
  const oldest = mailboxOf(cell).dropOldest();
  if (oldest > 0) failFrom(oldest, 'mailboxFull');
  return true;
}

function countDrop(cell: Cell): void {
  const dropped = ++cell.dropped;
  rt.counters.dropped++;
  // At 1, 2, 4, 8 ... drops: enough for a log, and bounded.
  if (cell.compiled.overflow !== 'dropNewest' && (dropped & (dropped - 1)) === 0) {
    report({ kind: 'mailboxFull', ref: cell.ref, actor: actorName(cell), dropped });
  }
}

/** A message for this thread, from here or from a lane. `via` as in Remote. */
export function deliver(
  via: Via,
  key: Key,
  op: string,
  arg: unknown,
  from: number,
  deadline: Ms,
): void {
  if (late.size > 0 && via !== 0 && joinLate(via, key, op, arg, from, deadline)) return;
  const place = via === 0 || via === '' ? undefined : places.get(via);
  if (place?.cast !== undefined && from === 0) {
    place.cast(key, op, arg);
    return;
  }
  const cell = place === undefined ? resolve(via, key) : place.cell(key);
  if (from !== 0 && deadline === PLAIN) takeSend(cell, op, arg, from);
  else if (typeof cell === 'object' && 'compiled' in cell) {
    if (from !== 0 && closesCircle(from, cell, op)) failFrom(from, 'callingSelf');
    else post(cell, op, arg, from, deadline);
  } else if (from === 0) rt.counters.deadLetters++;
  else if (via !== 0 && cell === 'noproc' && threadOf(from) !== rt.thread) {
    waitLate(via, key, op, arg, from, deadline);
  } else failFrom(from, cell);
}

/**
 * A name used from another thread is resolved once more: its owner may be about to be restarted. Not before what is runnable now
 * had its turn, which may be one setImmediate away. What comes for the same name meanwhile waits behind it, so that the owner
 * gets it in the order in which it was sent. By via and key.
 */
const late = new Map<string, (() => void)[]>();
/** Messages that wait for one name; a call beyond it fails, a cast is dropped. */
const LATE_MAX = 10_000;

function waitLate(via: Via, key: Key, op: string, arg: unknown, from: number, deadline: Ms): void {
  const again = (): void => {
    const found = resolve(via, key);
    if (typeof found === 'object' && 'compiled' in found) post(found, op, arg, from, deadline);
    else failFrom(from, found);
  };
  const waiting = [again];
  late.set(`${via}:${key}`, waiting);
  const run = (): void => {
    late.delete(`${via}:${key}`);
    for (const each of waiting) each();
  };
  setImmediate(() => setImmediate(run));
}

/** False: nothing waits for this name. */
function joinLate(
  via: Via,
  key: Key,
  op: string,
  arg: unknown,
  from: number,
  deadline: Ms,
): boolean {
  const waiting = late.get(`${via}:${key}`);
  if (waiting === undefined) return false;
  if (waiting.length < LATE_MAX) waiting.push(() => deliver(via, key, op, arg, from, deadline));
  else {
    rt.counters.dropped++;
    if (from !== 0) failFrom(from, 'mailboxFull');
  }
  return true;
}

function resolve(via: Via, key: Key): Cell | FailReason {
  if (via === 0) return lookup(key as number) ?? useAlias(key as number) ?? 'noproc';
  if (via !== '') return places.get(via)?.cell(key) ?? 'noproc';
  const ref = rt.names.get(key);
  return (ref === undefined ? undefined : lookup(ref)) ?? 'noproc';
}

/** The live ref of a name of this thread, without starting an entity. */
export function findRef(via: Via, key: Key): AnyRef {
  if (via === 0) return key as AnyRef;
  if (via !== '') return places.get(via)?.ref(key) ?? NONE;
  return rt.names.get(key) ?? NONE;
}

// ---------------------------------------------------------------- where a destination is

/** Thread of a name; -1 for a slot nobody knows. */
function nameThread(to: Name<unknown>): number {
  if (to.via === 'name') return rt.thread;
  if (to.via === 'at' || to.via === 'registry') {
    const slot = to.via === 'at' ? to.of : (to.slot ?? rt.slot);
    if (slot === rt.slot) return rt.thread;
    return rt.remote === null ? -1 : rt.remote.slotThread(slot);
  }
  const home = rt.remote === null ? -1 : rt.remote.homeThread(to.of, to.key as number);
  return home === -1 ? rt.thread : home;
}

/** The via of a name on the thread that resolves it. */
function viaOf(to: Name<unknown>): Via {
  return to.via === 'entity' || to.via === 'registry' ? to.of : '';
}

/** Resolves a destination for monitor and stop. */
export function targetOf(to: AnyDest): WatchTarget {
  if (typeof to === 'number') {
    return { thread: threadOf(to), via: 0, key: to, ref: to as AnyRef, name: undefined };
  }
  if (to.via === 'service') {
    const ref = service.ref(to.of, to.key);
    const thread = ref === undefined ? rt.thread : threadOf(ref);
    return { thread, via: 0, key: ref ?? NONE, ref: ref ?? NONE, name: to };
  }
  const thread = nameThread(to);
  const via = viaOf(to);
  const ref = thread === rt.thread ? findRef(via, to.key) : NONE;
  return { thread, via, key: to.key, ref, name: to };
}

// ---------------------------------------------------------------- cast, call, reply

export function castTo(to: AnyDest, op: string, arg: unknown): void {
  if (typeof to === 'number') {
    const cell = lookup(to);
    if (cell !== undefined) post(cell, op, arg, 0, 0);
    else castAway(threadOf(to), 0, to, op, arg);
  } else if (to.via === 'service') service.cast(to.of, to.key, op, arg);
  else castAway(nameThread(to), viaOf(to), to.key, op, arg);
}

function castAway(thread: number, via: Via, key: Key, op: string, arg: unknown): void {
  if (thread === rt.thread) deliver(via, key, op, arg, 0, 0);
  else if (rt.remote !== null && thread >= 0) rt.remote.cast(thread, via, key, op, arg);
  else rt.counters.deadLetters++;
}

/** `latest`: monotonic time beyond which the answer is of no use (the caller's own deadline). */
export function callTo(
  to: AnyDest,
  op: string,
  arg: unknown,
  options: CallOptions | undefined,
  caller: Cell | null,
  latest: Ms,
): Promise<unknown> {
  const timeoutMs = options?.timeoutMs ?? CALL_TIMEOUT_MS;
  if (!(timeoutMs > 0)) {
    throw new RangeError(`call ${op}: timeoutMs: got ${timeoutMs}, want > 0`);
  }
  const now = rt.clock.monotonic();
  const deadline =
    latest === Number.POSITIVE_INFINITY
      ? now + timeoutMs
      : Math.min(now + timeoutMs, latest - Math.min(MARGIN_MS, (latest - now) / 4));
  if (deadline <= now) return Promise.reject(new ActorError('timeout', `call ${op}`));
  if (typeof to !== 'number' && to.via === 'service') {
    return callService(to, op, arg, options, caller, deadline);
  }
  const byRef = typeof to === 'number';
  const thread = byRef ? threadOf(to) : nameThread(to);
  const via = byRef ? 0 : viaOf(to);
  const key = byRef ? to : to.key;
  if (caller !== null && thread === rt.thread && wouldWait(caller, findRef(via, key), op)) {
    return Promise.reject(new ActorError('callingSelf', `call ${op}`));
  }
  const signal = options?.signal;
  const promise = openCall(op, thread, now, deadline, signal, caller);
  const from = openedFrom;
  if (signal?.aborted === true) return promise;
  if (thread === rt.thread) deliver(via, key, op, arg, from, deadline);
  else {
    // Who waits for a circle that is closed on another thread is told by that thread.
    if (caller !== null) rt.remote?.signals.callChain(thread, from, chainOf(caller));
    sendAway(thread, via, key, op, arg, from, deadline);
  }
  return promise;
}

/** By way of a user's name service; what it found on another thread may just have died: asked once more. */
function callService(
  to: Name<unknown>,
  op: string,
  arg: unknown,
  options: CallOptions | undefined,
  caller: Cell | null,
  deadline: Ms,
): Promise<unknown> {
  const ref = service.ref(to.of, to.key);
  if (ref === undefined) return Promise.reject(new ActorError('noproc', `call ${op}`));
  const first = callTo(ref, op, arg, options, caller, deadline);
  if (threadOf(ref) === rt.thread) return first;
  return first.catch((error: unknown) => {
    const next = service.ref(to.of, to.key);
    const stale = error instanceof ActorError && error.reason === 'noproc';
    if (!stale || next === undefined || next === ref) throw error;
    return callTo(next, op, arg, options, null, deadline);
  });
}

function sendAway(
  thread: number,
  via: Via,
  key: Key,
  op: string,
  arg: unknown,
  from: From,
  deadline: Ms,
): void {
  if (rt.remote === null || thread < 0) failCall(from, thread < 0 ? 'noproc' : 'noconnection');
  else {
    const failed = rt.remote.call(thread, via, key, op, arg, from, deadline);
    if (failed !== undefined) failCall(from, failed);
  }
}

/** Answers a call; a second answer and an answer too late are dropped. */
export function replyTo(from: From, value: unknown): void {
  undeferCall(from);
  if (rt.current !== null && rt.current.from === from) rt.current.from = 0;
  answerFrom(from, value);
}

// ---------------------------------------------------------------- send: a cast that waits for room

const DONE = Promise.resolve();

/** As castTo, but resolves when the message is queued; an op nobody knows is no crash. */
export function sendTo(to: AnyDest, op: string, arg: unknown): Promise<void> {
  if (typeof to !== 'number' && to.via === 'service') {
    service.cast(to.of, to.key, op, arg);
    return DONE;
  }
  const thread = typeof to === 'number' ? threadOf(to) : nameThread(to);
  const via = typeof to === 'number' ? 0 : viaOf(to);
  const key = typeof to === 'number' ? to : to.key;
  if (thread !== rt.thread) {
    const sent = openSend(op, thread);
    sendAway(thread, via, key, op, arg, openedFrom, PLAIN);
    return sent;
  }
  if (via !== 0 && places.get(via)?.cast !== undefined) {
    deliver(via, key, op, arg, 0, PLAIN);
    return DONE;
  }
  const cell = resolve(via, key);
  if (typeof cell === 'object' && 'compiled' in cell && isFull(cell)) {
    const sent = openSend(op, thread);
    takeSend(cell, op, arg, openedFrom);
    return sent;
  }
  takeSend(cell, op, arg, 0);
  return DONE;
}

/** Resolves whatever becomes of the receiver, as a cast does; rejects only when nobody may wait any more. */
function openSend(op: string, thread: number): Promise<void> {
  const never = Number.POSITIVE_INFINITY;
  return openCall(op, thread, rt.clock.monotonic(), never, undefined, null).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof ActorError && error.reason === 'mailboxFull') throw error;
    },
  );
}

function isFull(cell: Cell): boolean {
  const { overflow: policy, limit } = cell.compiled;
  return policy === 'block' && mailboxOf(cell).limited >= limit;
}

/** `from`: answered when the message is queued; 0 when nobody waits for that. */
function takeSend(cell: Cell | FailReason, op: string, arg: unknown, from: number): void {
  if (typeof cell !== 'object' || !('compiled' in cell)) rt.counters.deadLetters++;
  else if (from === 0 || !isFull(cell)) post(cell, op, arg, 0, PLAIN);
  else if (waitForRoom(cell, op, arg, from, PLAIN)) return;
  else {
    countDrop(cell);
    failFrom(from, 'mailboxFull');
    return;
  }
  if (from !== 0) answerFrom(from, undefined);
}
