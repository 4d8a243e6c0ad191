/**
 * One turn of an actor: up to 64 messages, one at a time, awaits included.
 */
import { AWAITING, type Cell, extraOf, IDLE } from './cell.ts';
import { hasWork, terminateCell, wake } from './life.ts';
import { runNext, runNotice, runOp } from './run.ts';
import { setTurn } from './scheduler.ts';
import { stepAside, stepWithExtra } from './step-extra.ts';
import { lookup, rt, setPulse } from './thread.ts';

export { hasWork } from './life.ts';

/** Looks of the scheduler at the clock are this many turns apart. */
const SUSPECTS = 8;
/** Handlers of a suspect that are timed. */
const TIMED = 1000;
const suspects = new Float64Array(SUSPECTS);
let turns = 0;
let seenNow = 0;
let seenDrain = -1;
let seenYields = -1;

setTurn((cell, messagesMax) => {
  if (rt.now !== seenNow) lookBack();
  suspects[turns++ % SUSPECTS] = cell.ref;
  if (cell.status === IDLE) {
    setPulse(cell, 0);
    cell.lastActiveMs = rt.now;
    for (let i = 0; i < messagesMax && step(cell); i++);
  } else if (cell.status === AWAITING) {
    for (let i = 0; i < messagesMax && stepAside(cell); i++);
  }
  cell.scheduled = false;
  if (hasWork(cell)) wake(cell);
});

/**
 * The scheduler has looked at the clock. Turns that took too long together make their actors suspects:
 * their next handlers are timed, so the one that holds the thread is named when it does it again.
 */
function lookBack(): void {
  const { drains, yields } = rt.counters;
  // Between two drains the thread may have been idle, unless the first one left work behind.
  const isBusy = drains === seenDrain || yields !== seenYields;
  const tooLong = isBusy && rt.now - seenNow > rt.longHandlerMs;
  seenNow = rt.now;
  seenDrain = drains;
  seenYields = yields;
  const count = Math.min(turns, SUSPECTS);
  turns = 0;
  if (!tooLong) return;
  for (let i = 0; i < count; i++) {
    const cell = lookup(suspects[i] as number);
    if (cell === undefined) continue;
    const extra = extraOf(cell);
    if (extra.timed < TIMED) extra.timed = TIMED;
  }
}

/** Handles one message. False when there is none, or when the cell cannot take another now. */
function step(cell: Cell): boolean {
  if (cell.extra !== null) return stepWithExtra(cell, cell.extra);
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
    runOp(cell, op, arg, mailbox.from, mailbox.deadline);
  } else if (op !== undefined) runNotice(cell, op);
  return cell.status === IDLE;
}
