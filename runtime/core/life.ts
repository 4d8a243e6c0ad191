/**
 * How an actor ends: one function that clears everything (endCell), the way there through the
 * behaviour's terminate (terminateCell), and what signals do to a live cell.
 */
import type { Ms } from '../clock.ts';
import type { FailReason } from '../errors.ts';
import type { AnyRef, From, Reason } from '../types.ts';
import { endExtra, setWaker } from './around.ts';
import { answerFrom, callerOf, failFrom, isOpen } from './calls.ts';
import {
  AWAITING,
  type Cell,
  DEAD,
  ExitMessage,
  extraOf,
  IDLE,
  internName,
  mailboxOf,
  RUNNING,
  STARTING,
  type Status,
  TERMINATING,
} from './cell.ts';
import type { Extra } from './extra.ts';
import type { Mailbox } from './mailbox.ts';
import { isNormalClass, reasonOf, StopSignal } from './reason.ts';
import { threadOf } from './ref.ts';
import { enqueue } from './scheduler.ts';
import { sendDeathSignals, setReceiver, unlinkCell } from './signals.ts';
import { actorName, removeCell, report, rt, setPulse, wheel } from './thread.ts';
import { traceOf } from './trace-context.ts';

/** Op name of what terminate does, for the watchdog. */
const TERMINATE = internName('terminate');

/** A value that can be awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}

/** Gives a cell that has something to do its turn. */
export function wake(cell: Cell): void {
  if (cell.scheduled || (cell.status !== IDLE && !mayRunAside(cell))) return;
  cell.scheduled = true;
  enqueue(cell);
}

/** Something is waiting for the cell's next turn. */
export function hasWork(cell: Cell): boolean {
  if (cell.extra !== null) return hasWorkWithExtra(cell, cell.extra);
  return (
    cell.stopReason !== null ||
    cell.nexts !== null ||
    (cell.mailbox !== null && cell.mailbox.count > 0)
  );
}

function hasWorkWithExtra(cell: Cell, extra: Extra): boolean {
  if (cell.stopReason !== null || extra.requests !== null) return true;
  if (extra.suspended) return false;
  if (extra.inactivity?.due === true || cell.nexts !== null) return true;
  return cell.mailbox !== null && cell.mailbox.count > 0;
}

/** A handler awaits, and the next message is one that may run meanwhile. */
export function mayRunAside(cell: Cell): boolean {
  const { compiled, mailbox } = cell;
  if (cell.status !== AWAITING || compiled.concurrent === null) return false;
  if (mailbox === null || mailbox.count === 0 || cell.extra?.suspended === true) return false;
  const op = mailbox.peekOp();
  return typeof op === 'string' && compiled.concurrent.has(op);
}

setWaker({ wake, hasWork });

// ---------------------------------------------------------------- the end

/**
 * Ends a cell now. In this order: it is found neither by ref nor by any name, its timers are gone, its
 * callers fail, then links and monitors learn of it. What its abandoned code does later has no effect.
 */
export function endCell(cell: Cell, reason: Reason): void {
  if (cell.status === DEAD) return;
  const starting = cell.status === STARTING;
  cell.status = DEAD;
  if (cell.trace !== null) endTrace(cell, reason);
  removeCell(cell);
  if (cell.name !== undefined && rt.names.get(cell.name) === cell.ref) rt.names.delete(cell.name);
  const holdings = cell.holdings;
  cell.holdings = null;
  if (holdings !== null) for (const each of holdings) each.ownerEnded(cell, reason);
  if (cell.timers !== null) {
    for (const timer of cell.timers.values()) {
      timer.live = false;
      wheel.remove(timer);
    }
    cell.timers = null;
  }
  if (cell.extra !== null) endExtra(cell, cell.extra, reason);
  const kept = cell.entity?.ended(cell, reason, !starting) === true;
  failCallers(cell, kept, reason);
  cell.mailbox = null;
  cell.nexts = null;
  cell.state = undefined;
  cell.extra?.abort?.abort();
  const starter = cell.starter;
  cell.starter = null;
  // The starter learns of a failed start by its result alone, never by an exit notice as well.
  if (starting) unlinkCell(cell, cell.parent);
  sendDeathSignals(cell, reason);
  starter?.({ ok: false, reason });
}

/** The traced message that was being handled ends with its actor. */
export function endTrace(cell: Cell, reason: Reason): void {
  const span = cell.trace;
  cell.trace = null;
  if (isNormalClass(reason)) span?.end();
  else span?.end(typeof reason === 'string' ? reason : 'crashed');
}

function failCallers(cell: Cell, mailboxKept: boolean, reason: Reason): void {
  failFrom(cell.from, reason);
  cell.from = 0;
  if (cell.deferred !== null) {
    for (const from of cell.deferred) {
      deferredOf.delete(from);
      failFrom(from, reason);
    }
    cell.deferred = null;
  }
  if (cell.mailbox !== null && !mailboxKept) drainMailbox(cell.mailbox, reason);
}

/** Fails what is queued: calls get the reason, the rest is counted. */
export function drainMailbox(mailbox: Mailbox, reason: FailReason): void {
  while (mailbox.count > 0) {
    mailbox.take();
    if (typeof mailbox.op !== 'string') continue;
    if (mailbox.from === 0) rt.counters.deadLetters++;
    else failFrom(mailbox.from, reason);
  }
}

/**
 * Ends a cell through terminate; a throw there replaces the reason. `reported`: the crash report of
 * `reason` is out already.
 */
export function terminateCell(cell: Cell, reason: Reason, reported = false): void {
  cell.status = TERMINATING;
  const behaviour = cell.compiled.behaviour;
  if (behaviour.terminate === undefined) {
    finish(cell, reason, reported);
    return;
  }
  if (!reported) cell.currentOp = 'terminate';
  const outer = rt.current;
  rt.current = cell;
  setPulse(cell, TERMINATE);
  try {
    const result = behaviour.terminate(cell.state, reason, cell.ctx);
    if (isThenable(result)) {
      result.then(
        () => finish(cell, reason, reported),
        (thrown) => failTerminate(cell, thrown),
      );
      return;
    }
  } catch (thrown) {
    failTerminate(cell, thrown);
    return;
  } finally {
    rt.current = outer;
  }
  finish(cell, reason, reported);
}

function failTerminate(cell: Cell, thrown: unknown): void {
  cell.currentOp = 'terminate';
  if (cell.status === DEAD) rt.counters.zombieErrors++;
  else finish(cell, reasonOf(thrown), false);
}

function finish(cell: Cell, reason: Reason, reported: boolean): void {
  if (cell.status === DEAD) return;
  if (!reported) reportCrash(cell, reason, undefined);
  const { extra } = cell;
  if (extra !== null) {
    if (extra.stopReply !== null && cell.from !== 0) {
      answerFrom(cell.from, extra.stopReply.value);
      cell.from = 0;
    }
  }
  endCell(cell, reason);
}

/** A crash report for anything outside the normal class. */
function reportCrash(cell: Cell, reason: Reason, last: Last | undefined): void {
  if (isNormalClass(reason)) return;
  rt.counters.crashed++;
  const { ref, currentOp: op, from } = cell;
  const caller = from === 0 ? {} : { caller: callerOf(from) };
  const lastMessage = last === undefined ? undefined : { op, arg: last.arg };
  const kept = rt.crashInputs?.(cell);
  const inputs = kept === undefined ? {} : { inputs: kept };
  report(
    {
      kind: 'crash',
      ref,
      actor: actorName(cell),
      op,
      reason,
      ...caller,
      ...inputs,
      ...traceOf(cell),
    },
    { lastMessage, state: formattedState(cell) },
  );
}

/** The state as its behaviour wants it shown. */
export function formattedState(cell: Cell): unknown {
  const { behaviour } = cell.compiled;
  if (behaviour.formatStatus === undefined) return cell.state;
  try {
    return behaviour.formatStatus(cell.state);
  } catch {
    // It is there to hide secrets: when it fails, everything stays hidden.
    return 'formatStatus failed';
  }
}

/** The argument of the message that was being handled. */
interface Last {
  readonly arg: unknown;
}

/** Handler, init or guarded work threw, or called ctx.stop. */
export function crashCell(cell: Cell, thrown: unknown, last?: Last): void {
  if (cell.status === DEAD) {
    rt.counters.zombieErrors++;
    return;
  }
  const reason = reasonOf(thrown);
  if (thrown instanceof StopSignal && thrown.reply !== null) {
    extraOf(cell).stopReply = thrown.reply;
  }
  if (cell.status === STARTING || cell.status === TERMINATING) {
    finish(cell, reason, false);
    return;
  }
  reportCrash(cell, reason, last);
  terminateCell(cell, reason, !isNormalClass(reason));
}

// ---------------------------------------------------------------- calls answered later

interface Deferred {
  readonly cell: Cell;
  readonly deadline: Ms;
}

/** Which cell owes the answer of a call taken with NOREPLY. */
const deferredOf = new Map<From, Deferred>();
const SWEEP_MIN = 1024;
let sweepAt = SWEEP_MIN;

/** The handler returned NOREPLY: the call fails should the cell end first. */
export function deferCall(cell: Cell, from: From, deadline: Ms): void {
  cell.deferred ??= new Set();
  cell.deferred.add(from);
  deferredOf.set(from, { cell, deadline });
  if (deferredOf.size >= sweepAt) sweepDeferred();
}

/** The call was answered on this thread. */
export function undeferCall(from: From): void {
  const found = deferredOf.get(from);
  if (found === undefined) return;
  deferredOf.delete(from);
  found.cell.deferred?.delete(from);
}

// Answers given on another thread are not seen here: what its caller has given up goes now and then.
function sweepDeferred(): void {
  const now = rt.clock.monotonic();
  for (const [from, { deadline }] of deferredOf) {
    const over = threadOf(from) === rt.thread ? !isOpen(from) : deadline < now;
    if (over) undeferCall(from);
  }
  sweepAt = Math.max(SWEEP_MIN, deferredOf.size * 2);
}

// ---------------------------------------------------------------- signals

setReceiver({
  exit(cell: Cell, from: AnyRef, reason: Reason | 'kill', linked: boolean): void {
    if (reason === 'kill' && !linked) {
      if (rt.current !== cell) cell.currentOp = 'kill';
      endCell(cell, 'killed');
      return;
    }
    if (!cell.trapExit) {
      if (reason === 'normal' && from !== cell.ref) return;
      endCell(cell, reason);
    } else if (from === cell.parent && cell.isChild) requestStop(cell, reason);
    else {
      mailboxOf(cell).push(new ExitMessage(from, reason), undefined, 0, 0);
      wake(cell);
    }
  },
  stop: requestStop,
  notice(cell, notice): void {
    mailboxOf(cell).push(notice, undefined, 0, 0);
    wake(cell);
  },
});

/** Ends it through terminate, between two messages, ahead of the mailbox. */
export function requestStop(cell: Cell, reason: Reason): void {
  const status: Status = cell.status;
  if (status === DEAD || status === TERMINATING) return;
  cell.stopReason ??= reason;
  if (status !== RUNNING && status !== AWAITING) wake(cell);
}
