/**
 * One turn of an actor: up to 64 messages, one at a time, awaits included. Runs handlers, turns their
 * results into replies and their throws into the actor's end. What an actor with extra parts needs is in
 * around.ts and step-extra.ts; here it is one branch. The way of a message is in one file on purpose:
 * calls between modules cost some ns.
 */
import type { Ms } from '../clock.ts';
import type { From } from '../types.ts';
import { afterHandler, beforeHandler, endTiming, NOREPLY } from './around.ts';
import { answerFrom, isExpired, resolveCall } from './calls.ts';
import {
  AWAITING,
  type Cell,
  DEAD,
  DownMessage,
  ExitMessage,
  type HandlerFn,
  IDLE,
  internName,
  RUNNING,
  type Status,
  TimerEntry,
} from './cell.ts';
import { type Extra, PLAIN } from './extra.ts';
import {
  crashCell,
  deferCall,
  endCell,
  endTrace,
  hasWork,
  isThenable,
  terminateCell,
  undeferCall,
  wake,
} from './life.ts';
import { threadOf } from './ref.ts';
import { setTurn } from './scheduler.ts';
import { takeNotice } from './signals.ts';
import { actorName, report, rt, setPulse } from './thread.ts';
import { after, takeExpiry } from './timers.ts';
import { Span, tracing } from './trace.ts';
import { type TraceMark, traceOf } from './trace-context.ts';

/** Steps of actors with extra parts, and beside a handler that awaits; step-extra.ts installs them. */
interface Special {
  stepWithExtra(cell: Cell, extra: Extra): boolean;
  stepAside(cell: Cell): boolean;
}
let special: Special | null = null;

export function setSpecial(installed: Special): void {
  special = installed;
}

setTurn((cell, messagesMax) => {
  if (cell.status === IDLE) {
    setPulse(cell, 0);
    cell.lastActiveMs = rt.now;
    for (let i = 0; i < messagesMax && step(cell); i++);
  } else if (cell.status === AWAITING && special !== null) {
    for (let i = 0; i < messagesMax && special.stepAside(cell); i++);
  }
  cell.scheduled = false;
  if (hasWork(cell)) wake(cell);
});

/** Handles one message. False when there is none, or when the cell cannot take another now. */
function step(cell: Cell): boolean {
  if (cell.extra !== null && special !== null) return special.stepWithExtra(cell, cell.extra);
  if (cell.stopReason !== null) {
    terminateCell(cell, cell.stopReason);
    return false;
  }
  if (cell.nexts !== null) {
    runNext(cell, cell.nexts);
    return cell.status === IDLE;
  }
  const mailbox = cell.mailbox;
  if (mailbox === null || mailbox.count === 0) return false;
  mailbox.take();
  const { op, arg } = mailbox;
  mailbox.arg = undefined;
  if (typeof op === 'string') {
    mailbox.limited--;
    const { trace } = mailbox;
    if (trace === null) runOp(cell, op, arg, mailbox.from, mailbox.deadline);
    else runTraced(cell, trace, op, arg, mailbox.from, mailbox.deadline);
  } else if (op !== undefined) runNotice(cell, op);
  return cell.status === IDLE;
}

export function runOp(cell: Cell, op: string, arg: unknown, from: number, deadline: Ms): void {
  if (from !== 0 && isExpired(from, deadline)) {
    rt.counters.expired++;
    return;
  }
  cell.from = from;
  cell.deadline = from === 0 ? Number.POSITIVE_INFINITY : deadline;
  cell.currentOp = op;
  const record = cell.compiled.ops.get(op);
  if (record === undefined) {
    runUnknown(cell, op, arg, deadline);
    return;
  }
  rt.pulse.ints[1] = record.number;
  invoke(cell, record.fn, arg);
}

/** As runOp, for a traced message: it gets a span, and what it sends carries the trace on. */
export function runTraced(
  cell: Cell,
  mark: TraceMark,
  op: string,
  arg: unknown,
  from: number,
  deadline: Ms,
): void {
  const span = openSpan(cell, mark, op);
  tracing.current = span.context;
  try {
    runOp(cell, op, arg, from, deadline);
  } finally {
    tracing.current = null;
  }
  // A handler that awaits, or the end of its actor, keeps the span until then.
  if (cell.trace === span && cell.status === IDLE) endTrace(cell, 'normal');
}

function openSpan(cell: Cell, mark: TraceMark, op: string): Span {
  const { hops, parentId, sentMs, traceId } = mark;
  const span = new Span(traceId, parentId, `${cell.compiled.name} ${op}`, { hops });
  span.set('driftway.actor', actorName(cell));
  span.set('driftway.waited_ms', span.startMs - sentMs);
  cell.trace = span;
  return span;
}

/** Runs the first of the continuations; those it asks for come before the others. */
export function runNext(cell: Cell, nexts: unknown[]): void {
  const [op, arg, ...others] = nexts;
  cell.nexts = null;
  runOp(cell, op as string, arg, 0, 0);
  if (others.length === 0 || cell.status === DEAD) return;
  // runOp may have set it again, which the compiler does not see.
  const asked = cell.nexts as unknown[] | null;
  cell.nexts = asked === null ? others : [...asked, ...others];
}

function runUnknown(cell: Cell, op: string, arg: unknown, deadline: Ms): void {
  const { behaviour, name } = cell.compiled;
  const { onUnknown } = behaviour;
  if (onUnknown !== undefined) {
    invoke(cell, (state, given, ctx) => onUnknown.call(behaviour, state, op, given, ctx), arg);
  } else if (deadline === PLAIN) {
    cell.messagesIn++;
    report({ kind: 'unknownMessage', ref: cell.ref, actor: actorName(cell), op });
  } else crashCell(cell, new TypeError(`${name}: no handler for op: got ${op}`), { arg });
}

export function runNotice(cell: Cell, op: unknown): void {
  const behaviour = cell.compiled.behaviour;
  if (op instanceof TimerEntry) {
    if (takeExpiry(op)) runOp(cell, op.op, op.arg, 0, 0);
  } else if (op instanceof DownMessage) {
    const notice = takeNotice(op);
    if (notice !== undefined && behaviour.onDown !== undefined) {
      plain(cell, 'onDown', behaviour.onDown, notice);
    }
  } else if (op instanceof ExitMessage && behaviour.onExit !== undefined) {
    plain(cell, 'onExit', behaviour.onExit, { from: op.from, reason: op.reason });
  }
}

function plain(cell: Cell, op: string, fn: HandlerFn, arg: unknown): void {
  cell.from = 0;
  cell.deadline = Number.POSITIVE_INFINITY;
  cell.currentOp = op;
  rt.pulse.ints[1] = internName(op);
  invoke(cell, fn, arg);
}

function invoke(cell: Cell, fn: HandlerFn, arg: unknown): void {
  if (cell.extra !== null) {
    invokeWithExtra(cell, cell.extra, fn, arg);
    return;
  }
  cell.status = RUNNING;
  cell.messagesIn++;
  rt.current = cell;
  let result: unknown;
  try {
    result = fn.call(cell.compiled.behaviour, cell.state, arg, cell.ctx);
  } catch (thrown) {
    failed(cell, thrown, arg);
    return;
  }
  rt.current = null;
  // Its own handler may have killed it.
  if (cell.status !== RUNNING) return;
  if (isThenable(result)) awaitResult(cell, result, arg);
  else complete(cell, result, arg);
}

function failed(cell: Cell, thrown: unknown, arg: unknown): void {
  rt.current = null;
  crashCell(cell, thrown, { arg });
}

/** The same with what the extra parts want before and after. */
function invokeWithExtra(cell: Cell, extra: Extra, fn: HandlerFn, arg: unknown): void {
  cell.status = RUNNING;
  cell.messagesIn++;
  rt.current = cell;
  beforeHandler(cell, extra, arg);
  let result: unknown;
  try {
    result = fn.call(cell.compiled.behaviour, cell.state, arg, cell.ctx);
  } catch (thrown) {
    failed(cell, thrown, arg);
    return;
  }
  rt.current = null;
  if (extra.runningSinceMs >= 0) endTiming(cell, extra);
  if ((cell.status as Status) !== RUNNING) return;
  if (isThenable(result)) awaitResult(cell, result, arg);
  else complete(cell, result, arg);
}

function awaitResult(cell: Cell, promise: PromiseLike<unknown>, arg: unknown): void {
  const { concurrent, maxHandlerMs } = cell.compiled;
  if (concurrent?.has(cell.currentOp) === true) {
    awaitAside(cell, promise, arg);
    return;
  }
  cell.status = AWAITING;
  const cancel =
    maxHandlerMs === Number.POSITIVE_INFINITY
      ? undefined
      : after(maxHandlerMs, () => giveUp(cell, maxHandlerMs));
  promise.then(
    (value) => {
      cancel?.();
      if (cell.status !== AWAITING) return;
      if (cell.trace !== null) endTrace(cell, 'normal');
      complete(cell, value, arg);
      if (hasWork(cell)) wake(cell);
    },
    (thrown) => {
      cancel?.();
      if (cell.status === AWAITING || cell.status === DEAD) crashCell(cell, thrown, { arg });
    },
  );
  // What is queued behind it may be allowed to run meanwhile.
  if (concurrent !== null && hasWork(cell)) wake(cell);
}

/** The handler awaits for too long: it goes with its actor. */
function giveUp(cell: Cell, tookMs: Ms): void {
  if (cell.status !== AWAITING) return;
  const { ref, currentOp: op } = cell;
  report({ kind: 'handlerTimeout', ref, actor: actorName(cell), op, tookMs, ...traceOf(cell) });
  endCell(cell, 'killed');
}

function complete(cell: Cell, result: unknown, arg: unknown): void {
  cell.status = IDLE;
  if (cell.extra !== null && afterHandler(cell, cell.extra, result, arg)) return;
  const from = cell.from as From;
  if (from === 0) return;
  cell.from = 0;
  if (result === NOREPLY) deferCall(cell, from, cell.deadline);
  else if (threadOf(from) === rt.thread) resolveCall(from, result);
  else rt.remote?.reply(from, true, result);
}

// ---------------------------------------------------------------- concurrent ops

/** A concurrent handler awaits: the actor is free at once, the answer goes to its own caller. */
function awaitAside(cell: Cell, promise: PromiseLike<unknown>, arg: unknown): void {
  const from = cell.from as From;
  const op = cell.currentOp;
  complete(cell, from === 0 ? undefined : NOREPLY, arg);
  promise.then(
    (value) => {
      if (from === 0 || value === NOREPLY || cell.status === DEAD) return;
      undeferCall(from);
      answerFrom(from, value);
    },
    (thrown) => {
      if (cell.status !== DEAD) cell.currentOp = op;
      crashCell(cell, thrown, { arg });
    },
  );
}

/** Runs a concurrent op while another handler awaits; that one's place is kept. */
export function runAside(
  cell: Cell,
  mark: TraceMark | null,
  op: string,
  arg: unknown,
  from: number,
  deadline: Ms,
): void {
  const { from: keptFrom, deadline: keptDeadline, currentOp: keptOp } = cell;
  // Should the actor end in here, the caller of the one that waits is told as well.
  if (keptFrom !== 0) deferCall(cell, keptFrom as From, keptDeadline);
  if (mark === null) runOp(cell, op, arg, from, deadline);
  else runTracedAside(cell, mark, op, arg, from, deadline);
  if ((cell.status as number) !== IDLE && (cell.status as number) !== AWAITING) return;
  if (keptFrom !== 0) undeferCall(keptFrom as From);
  cell.status = AWAITING;
  cell.from = keptFrom;
  cell.deadline = keptDeadline;
  cell.currentOp = keptOp;
}

/** Its span ends with its synchronous part; that of the handler that awaits is kept. */
function runTracedAside(
  cell: Cell,
  mark: TraceMark,
  op: string,
  arg: unknown,
  from: number,
  deadline: Ms,
): void {
  const kept = cell.trace;
  const span = openSpan(cell, mark, op);
  tracing.current = span.context;
  try {
    runOp(cell, op, arg, from, deadline);
  } finally {
    tracing.current = null;
  }
  if (cell.trace !== span) return;
  span.end();
  cell.trace = kept;
}
