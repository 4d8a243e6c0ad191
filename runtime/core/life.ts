/**
 * How an actor ends: one function that clears everything (endCell), the way there through the
 * behaviour's terminate (terminateCell), and what signals do to a live cell.
 */
import type { Ms } from '../clock.ts';
import type { FailReason } from '../errors.ts';
import type { AnyRef, From, Key, Reason } from '../types.ts';
import { failCall, isOpen } from './calls.ts';
import {
  AWAITING,
  type Cell,
  DEAD,
  ExitMessage,
  IDLE,
  internName,
  mailboxOf,
  RUNNING,
  STARTING,
  type Status,
  TERMINATING,
} from './cell.ts';
import type { Mailbox } from './mailbox.ts';
import { isNormalClass, reasonOf } from './reason.ts';
import { threadOf } from './ref.ts';
import { enqueue } from './scheduler.ts';
import { sendDeathSignals, setReceiver, unlinkCell } from './signals.ts';
import { removeCell, report, rt, setPulse, wheel } from './thread.ts';

/** Op name of what terminate does, for the watchdog. */
const TERMINATE = internName('terminate');

/** A value that can be awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}

/** Gives a cell that has something to do its turn. */
export function wake(cell: Cell): void {
  if (cell.scheduled || cell.status !== IDLE) return;
  cell.scheduled = true;
  enqueue(cell);
}

/** Fails a call, wherever its caller is. */
export function failFrom(from: number, reason: FailReason): void {
  if (from === 0) return;
  if (threadOf(from) === rt.thread) failCall(from, reason);
  else rt.remote?.reply(from as From, false, reason);
}

// ---------------------------------------------------------------- the end

/**
 * Ends a cell now. In this order: it is found neither by ref nor by any name, its timers are gone, its
 * callers fail, then links and monitors learn of it. What its abandoned code does later has no effect.
 */
export function endCell(cell: Cell, reason: Reason): void {
  if (cell.status === DEAD) return;
  const starting = cell.status === STARTING;
  cell.status = DEAD;
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
  const kept = cell.entity?.ended(cell, reason, !starting) === true;
  failCallers(cell, kept, reason);
  cell.mailbox = null;
  cell.nexts = null;
  cell.state = undefined;
  cell.abort?.abort();
  const starter = cell.starter;
  cell.starter = null;
  // The starter learns of a failed start by its result alone, never by an exit notice as well.
  if (starting) unlinkCell(cell, cell.parent);
  sendDeathSignals(cell, reason);
  starter?.({ ok: false, reason });
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
  if (!reported) reportCrash(cell, reason);
  endCell(cell, reason);
}

/** A crash report for anything outside the normal class. */
function reportCrash(cell: Cell, reason: Reason): void {
  if (isNormalClass(reason)) return;
  rt.counters.crashed++;
  report({ kind: 'crash', ref: cell.ref, actor: actorName(cell), op: cell.currentOp, reason });
}

/** How reports and the tree call an actor. */
export function actorName(cell: Cell): string {
  if (cell.entity !== null) return `${cell.entity.type}:${cell.entity.key}`;
  const name: Key | undefined = cell.name;
  return name === undefined ? cell.compiled.name : `${cell.compiled.name}(${name})`;
}

/** Handler, init or guarded work threw, or called ctx.stop. */
export function crashCell(cell: Cell, thrown: unknown): void {
  if (cell.status === DEAD) {
    rt.counters.zombieErrors++;
    return;
  }
  const reason = reasonOf(thrown);
  if (cell.status === STARTING || cell.status === TERMINATING) {
    finish(cell, reason, false);
    return;
  }
  reportCrash(cell, reason);
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
    const given: Reason = reason === 'kill' ? 'killed' : reason;
    if (!cell.trapExit) {
      if (given === 'normal' && from !== cell.ref) return;
      endCell(cell, given);
    } else if (from === cell.parent && from !== 0) requestStop(cell, given);
    else {
      mailboxOf(cell).push(new ExitMessage(from, given), undefined, 0, 0);
      wake(cell);
    }
  },
  stop: requestStop,
  notice(cell, notice): void {
    mailboxOf(cell).push(notice, undefined, 0, 0);
    wake(cell);
  },
});

function requestStop(cell: Cell, reason: Reason): void {
  const status: Status = cell.status;
  if (status === DEAD || status === TERMINATING) return;
  cell.stopReason ??= reason;
  if (status !== RUNNING && status !== AWAITING) wake(cell);
}
