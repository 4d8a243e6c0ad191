/**
 * What happens around a handler of an actor with extra parts: debug events, timing, inactivity,
 * postponing, hibernation, snapshots, sys requests, callers that wait for room. Never called for
 * actors without any of it.
 */
import type { Ms } from '../clock.ts';
import type { From, NoReply, Reason } from '../types.ts';
import { dropAliases } from './aliases.ts';
import { answerFrom, failFrom, isExpired } from './calls.ts';
import { type Cell, extraOf, IDLE, mailboxOf } from './cell.ts';
import { type Extra, PLAIN, type SysRequest } from './extra.ts';
import { Mailbox } from './mailbox.ts';
import { isNormalClass } from './reason.ts';
import { takeSnapshot } from './snapshot-take.ts';
import { actorName, report, rt, wheel } from './thread.ts';
import { markOf, tracing } from './trace.ts';
import { TraceMark, traceOf } from './trace-context.ts';
import { WheelNode } from './wheel.ts';

/** Return it from a handler that answers later with reply(from, value). */
export const NOREPLY = Object.freeze({ noReply: true }) as unknown as NoReply;

/** Has a cell looked at again; life.ts installs it. */
interface Waker {
  wake(cell: Cell): void;
  hasWork(cell: Cell): boolean;
}
let waker: Waker = { wake: () => undefined, hasWork: () => false };

export function setWaker(installed: Waker): void {
  waker = installed;
}

// ---------------------------------------------------------------- before and after

export function beforeHandler(cell: Cell, extra: Extra, arg: unknown): void {
  extra.hibernated = false;
  extra.postponing = false;
  if (extra.continuing) extra.continuing = false;
  else cancelInactivity(extra);
  if (extra.debug !== null) {
    extra.debug.event({ kind: 'in', op: cell.currentOp, arg, isCall: cell.from !== 0 });
  }
  extra.runningSinceMs = extra.isTimed ? rt.clock.monotonic() : -1;
}

/** The handler's synchronous part is over. */
export function endTiming(cell: Cell, extra: Extra): void {
  const tookMs = rt.clock.monotonic() - extra.runningSinceMs;
  extra.runningSinceMs = -1;
  extra.handlerTimeMs += tookMs;
  if (tookMs > extra.longestHandlerMs) extra.longestHandlerMs = tookMs;
  if (extra.debug?.statistics != null) extra.debug.statistics.handlerMs += tookMs;
  if (tookMs > rt.longHandlerMs) {
    const { ref, currentOp: op } = cell;
    report({ kind: 'longHandler', ref, actor: actorName(cell), op, tookMs, ...traceOf(cell) });
  }
}

/** True: the message was put aside, there is no result. */
export function afterHandler(cell: Cell, extra: Extra, result: unknown, arg: unknown): boolean {
  const { debug } = extra;
  const from = cell.from as From;
  if (extra.postponing) {
    extra.postponing = false;
    extra.postponed ??= [];
    const deadline = from === 0 ? 0 : cell.deadline;
    extra.postponed.push({ op: cell.currentOp, arg, from, deadline, trace: markAgain(cell) });
    cell.from = 0;
    if (extra.resuming) resumePostponed(cell);
    afterMessage(cell, extra);
    return true;
  }
  if (debug !== null) {
    if (from !== 0 && result !== NOREPLY) debug.event({ kind: 'reply', value: result, to: from });
    debug.event({ kind: 'state', state: cell.state });
  }
  if (extra.snapshots !== null) takeSnapshot(cell, extra.snapshots, false);
  afterMessage(cell, extra);
  return false;
}

/** After init and after each message: what waits for the actor to be idle. */
export function afterMessage(cell: Cell, extra: Extra): void {
  const { inactivity } = extra;
  if (inactivity !== null && !inactivity.armed) {
    inactivity.armed = true;
    if (inactivity.ms === 0) inactivity.due = true;
    else armInactivity(extra);
  }
  if (extra.hibernate) {
    extra.hibernate = false;
    if (!waker.hasWork(cell)) hibernate(cell, extra);
  }
  const afterMs = cell.compiled.hibernateAfterMs;
  if (afterMs !== Number.POSITIVE_INFINITY && !extra.hibernated) watchIdle(cell, extra, afterMs);
}

// ---------------------------------------------------------------- inactivity

class InactivityNode extends WheelNode {
  readonly #cell: Cell;
  constructor(cell: Cell) {
    super();
    this.#cell = cell;
  }
  fire(): void {
    const inactivity = this.#cell.extra?.inactivity;
    if (inactivity == null || inactivity.node !== this) return;
    inactivity.due = true;
    waker.wake(this.#cell);
  }
}

/** Asked for by the handler that runs; it counts from its end. */
export function setInactivity(cell: Cell, ms: Ms, op: string, arg: unknown): void {
  if (!(ms >= 0)) throw new RangeError(`timeout: ms: got ${ms}, want >= 0`);
  const extra = extraOf(cell);
  cancelInactivity(extra);
  if (ms === Number.POSITIVE_INFINITY) return;
  const node = new InactivityNode(cell);
  extra.inactivity = { ms, op, arg, armed: false, due: false, node };
}

function armInactivity(extra: Extra): void {
  if (extra.inactivity === null) return;
  const now = rt.clock.monotonic();
  wheel.add(extra.inactivity.node, now + extra.inactivity.ms, now);
}

function cancelInactivity(extra: Extra): void {
  if (extra.inactivity === null) return;
  wheel.remove(extra.inactivity.node);
  extra.inactivity = null;
}

// ---------------------------------------------------------------- hibernation

function hibernate(cell: Cell, extra: Extra): void {
  extra.hibernated = true;
  cell.mailbox = null;
  if (cell.timers?.size === 0) cell.timers = null;
  if (cell.links?.size === 0) cell.links = null;
  if (cell.monitors?.size === 0) cell.monitors = null;
  if (cell.monitoredBy?.size === 0) cell.monitoredBy = null;
  if (cell.deferred?.size === 0) cell.deferred = null;
}

class IdleNode extends WheelNode {
  readonly #cell: Cell;
  readonly #afterMs: Ms;
  constructor(cell: Cell, afterMs: Ms) {
    super();
    this.#cell = cell;
    this.#afterMs = afterMs;
  }
  fire(): void {
    const cell = this.#cell;
    const now = rt.clock.monotonic();
    const idleSince = cell.lastActiveMs + this.#afterMs;
    if (cell.extra === null || cell.status !== IDLE || waker.hasWork(cell)) return;
    if (idleSince <= now) hibernate(cell, cell.extra);
    else wheel.add(this, idleSince, now);
  }
}

function watchIdle(cell: Cell, extra: Extra, afterMs: Ms): void {
  extra.idleNode ??= new IdleNode(cell, afterMs);
  if (extra.idleNode.bucket >= 0) return;
  const now = rt.clock.monotonic();
  wheel.add(extra.idleNode, now + afterMs, now);
}

// ---------------------------------------------------------------- postponed messages

/** The message being handled is to be put aside. The caller has checked that it can be. */
export function postponeMessage(cell: Cell): boolean {
  const extra = extraOf(cell);
  if ((extra.postponed?.length ?? 0) >= cell.compiled.limit) return false;
  extra.postponing = true;
  return true;
}

/** A traced message that is put aside is handled again under the span that puts it aside. */
function markAgain({ trace }: Cell): TraceMark | null {
  if (trace === null) return null;
  const { traceId, spanId, hops } = trace.context;
  return new TraceMark(traceId, spanId, hops, rt.clock.monotonic());
}

/** What was put aside comes before everything that is queued, in its order. */
export function resumePostponed(cell: Cell): void {
  const { extra } = cell;
  if (extra === null) return;
  // The message that is handled is one of them, once its handler is through.
  extra.resuming = extra.postponing;
  if (extra.resuming || extra.postponed === null) return;
  const mailbox = mailboxOf(cell);
  for (const { op, arg, from, deadline, trace } of extra.postponed.reverse()) {
    mailbox.unshift(op, arg, from, deadline);
    if (trace !== null) mailbox.markFirst(trace);
    mailbox.limited++;
  }
  extra.postponed = null;
}

// ---------------------------------------------------------------- sys requests

/** Runs `request` between two messages, ahead of what is queued. */
export function addRequest(cell: Cell, request: SysRequest): void {
  const extra = extraOf(cell);
  extra.requests ??= [];
  extra.requests.push(request);
  waker.wake(cell);
}

export function serveRequests(cell: Cell, extra: Extra): void {
  const requests = extra.requests ?? [];
  extra.requests = null;
  for (const request of requests) request.run();
  // OTP's rule: a system message does not use the timeout up, it starts anew.
  if (extra.inactivity?.armed === true && !extra.inactivity.due) armInactivity(extra);
  if (cell.status === IDLE && extra.requests !== null) serveRequests(cell, extra);
}

// ---------------------------------------------------------------- waiting for room (block)

/**
 * Lets a call or send wait for room: false when as many wait already as the mailbox holds. `from` of a
 * send is the call that is answered when its message is queued.
 */
export function waitForRoom(
  cell: Cell,
  op: string,
  arg: unknown,
  from: number,
  deadline: Ms,
): boolean {
  const extra = extraOf(cell);
  extra.waiters ??= new Mailbox();
  if (extra.waiters.count >= cell.compiled.limit) return false;
  extra.waiters.push(op, arg, from, deadline);
  const mark = tracing.current === null ? null : markOf();
  if (mark !== null) extra.waiters.markLast(mark);
  return true;
}

/** Moves what waits into the room there is, in the order it came. */
export function admitWaiters(cell: Cell, extra: Extra, roomMax = cell.compiled.limit): void {
  const { waiters } = extra;
  if (waiters === null) return;
  const mailbox = mailboxOf(cell);
  while (waiters.count > 0 && mailbox.limited < roomMax) {
    waiters.take();
    const { op, arg, from, deadline, trace } = waiters;
    waiters.arg = undefined;
    const isSend = deadline === PLAIN;
    if (!isSend && isExpired(from, deadline)) {
      rt.counters.expired++;
      continue;
    }
    mailbox.limited++;
    mailbox.push(op, arg, isSend ? 0 : from, deadline);
    if (trace !== null) mailbox.markLast(trace);
    rt.counters.messages++;
    if (isSend) answerFrom(from, undefined);
  }
}

// ---------------------------------------------------------------- the end

/** The cell is dead: what it held beyond its mailbox goes, who waits for it is told. */
export function endExtra(cell: Cell, extra: Extra, reason: Reason): void {
  // An end that was wanted: the next life begins with init.
  if (isNormalClass(reason)) extra.snapshots?.keeper.clear();
  // They join the mailbox, whose end decides: an entity's next activation takes it over.
  admitWaiters(cell, extra, Number.POSITIVE_INFINITY);
  cancelInactivity(extra);
  if (extra.idleNode !== null) wheel.remove(extra.idleNode);
  dropAliases(cell);
  for (const { from } of extra.postponed ?? []) {
    if (from === 0) rt.counters.deadLetters++;
    else failFrom(from, reason);
  }
  extra.postponed = null;
  const requests = extra.requests ?? [];
  extra.requests = null;
  for (const request of requests) request.fail(reason);
}
