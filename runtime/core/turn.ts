/**
 * One turn of an actor: up to 64 messages, one at a time, awaits included. Runs handlers, turns their
 * results into replies and their throws into the actor's end.
 */
import type { Ms } from '../clock.ts';
import type { From, NoReply } from '../types.ts';
import { isOpen, resolveCall } from './calls.ts';
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
  TimerEntry,
} from './cell.ts';
import { crashCell, deferCall, isThenable, terminateCell, wake } from './life.ts';
import { threadOf } from './ref.ts';
import { setTurn } from './scheduler.ts';
import { takeNotice } from './signals.ts';
import { rt, setPulse } from './thread.ts';
import { takeExpiry } from './timers.ts';

/** Return it from a handler that answers later with reply(from, value). */
export const NOREPLY = Object.freeze({ noReply: true }) as unknown as NoReply;

setTurn((cell, messagesMax) => {
  if (cell.status === IDLE) {
    setPulse(cell, 0);
    cell.lastActiveMs = rt.now;
    for (let i = 0; i < messagesMax && step(cell); i++);
  }
  cell.scheduled = false;
  if (hasWork(cell)) wake(cell);
});

/** Something is waiting for the cell's next turn. */
export function hasWork(cell: Cell): boolean {
  return (
    cell.stopReason !== null ||
    cell.nexts !== null ||
    (cell.mailbox !== null && cell.mailbox.count > 0)
  );
}

/** Handles one message. False when there is none, or when the cell cannot take another now. */
function step(cell: Cell): boolean {
  if (cell.stopReason !== null) {
    terminateCell(cell, cell.stopReason);
    return false;
  }
  if (cell.nexts !== null) {
    const arg = cell.nexts[1];
    const op = cell.nexts[0] as string;
    if (cell.nexts.length === 2) cell.nexts = null;
    else cell.nexts.splice(0, 2);
    runOp(cell, op, arg, 0, 0);
    return cell.status === IDLE;
  }
  const mailbox = cell.mailbox;
  if (mailbox === null || mailbox.count === 0) return false;
  mailbox.take();
  const { op, arg } = mailbox;
  mailbox.arg = undefined;
  if (typeof op === 'string') {
    mailbox.limited--;
    runOp(cell, op, arg, mailbox.from, mailbox.deadline);
  } else if (op !== undefined) runNotice(cell, op);
  return cell.status === IDLE;
}

function runOp(cell: Cell, op: string, arg: unknown, from: number, deadline: Ms): void {
  if (from !== 0 && isExpired(from, deadline)) {
    rt.counters.expired++;
    return;
  }
  cell.from = from;
  cell.deadline = from === 0 ? Number.POSITIVE_INFINITY : deadline;
  cell.currentOp = op;
  const record = cell.compiled.ops.get(op);
  if (record === undefined) {
    crashCell(cell, new TypeError(`${cell.compiled.name}: no handler for op: got ${op}`));
    return;
  }
  rt.pulse.ints[1] = record.number;
  invoke(cell, record.fn, arg);
}

/** The caller has its answer or has given up: work for it would be for nobody. */
function isExpired(from: number, deadline: Ms): boolean {
  return threadOf(from) === rt.thread ? !isOpen(from) : deadline < rt.now;
}

function runNotice(cell: Cell, op: unknown): void {
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
  cell.status = RUNNING;
  cell.messagesIn++;
  rt.current = cell;
  let result: unknown;
  try {
    result = fn.call(cell.compiled.behaviour, cell.state, arg, cell.ctx);
  } catch (thrown) {
    rt.current = null;
    crashCell(cell, thrown);
    return;
  }
  rt.current = null;
  // Its own handler may have killed it.
  if (cell.status !== RUNNING) return;
  if (isThenable(result)) awaitResult(cell, result);
  else complete(cell, result);
}

function awaitResult(cell: Cell, promise: PromiseLike<unknown>): void {
  cell.status = AWAITING;
  promise.then(
    (value) => {
      if (cell.status !== AWAITING) return;
      complete(cell, value);
      if (hasWork(cell)) wake(cell);
    },
    (thrown) => {
      if (cell.status === AWAITING || cell.status === DEAD) crashCell(cell, thrown);
    },
  );
}

function complete(cell: Cell, result: unknown): void {
  cell.status = IDLE;
  const from = cell.from as From;
  if (from === 0) return;
  cell.from = 0;
  if (result === NOREPLY) deferCall(cell, from, cell.deadline);
  else if (threadOf(from) === rt.thread) resolveCall(from, result);
  else rt.remote?.reply(from, true, result);
}
