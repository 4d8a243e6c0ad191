/**
 * The next message of an actor with extra parts: sys requests first, none while suspended, the
 * inactivity timeout when there is none; and what may run beside a handler that awaits.
 */
import { admitWaiters, serveRequests } from './around.ts';
import { AWAITING, type Cell, IDLE } from './cell.ts';
import type { Extra } from './extra.ts';
import { mayRunAside, terminateCell } from './life.ts';
import { runAside, runNext, runNotice, runOp, runTraced, setSpecial } from './turn.ts';

/** As step() in turn.ts. */
function stepWithExtra(cell: Cell, extra: Extra): boolean {
  if (extra.requests !== null) serveRequests(cell, extra);
  if (cell.status !== IDLE) return false;
  if (cell.stopReason !== null) {
    terminateCell(cell, cell.stopReason);
    return false;
  }
  if (extra.suspended) return false;
  const { nexts, mailbox } = cell;
  if (nexts !== null) {
    extra.continuing = true;
    runNext(cell, nexts);
    extra.continuing = false;
  } else if (mailbox !== null && mailbox.count > 0) takeMessage(cell, extra);
  else if (extra.inactivity?.due === true) {
    const { op, arg } = extra.inactivity;
    extra.inactivity = null;
    runOp(cell, op, arg, 0, 0);
  } else return false;
  return (cell.status as number) === IDLE;
}

function takeMessage(cell: Cell, extra: Extra): void {
  const mailbox = cell.mailbox;
  if (mailbox === null) return;
  mailbox.take();
  const { op, arg, from, deadline, trace } = mailbox;
  mailbox.arg = undefined;
  if (typeof op === 'string') {
    mailbox.limited--;
    if (extra.waiters !== null) admitWaiters(cell, extra);
    if (trace === null) runOp(cell, op, arg, from, deadline);
    else runTraced(cell, trace, op, arg, from, deadline);
  } else if (op !== undefined) runNotice(cell, op);
}

/** Runs the next message if it is a concurrent op, while another handler of the actor awaits. */
function stepAside(cell: Cell): boolean {
  const { mailbox, extra } = cell;
  if (mailbox === null || !mayRunAside(cell)) return false;
  mailbox.take();
  const { op, arg, from, deadline, trace } = mailbox;
  mailbox.arg = undefined;
  mailbox.limited--;
  if (extra !== null && extra.waiters !== null) admitWaiters(cell, extra);
  runAside(cell, trace, op as string, arg, from, deadline);
  return cell.status === AWAITING;
}

setSpecial({ stepWithExtra, stepAside });
