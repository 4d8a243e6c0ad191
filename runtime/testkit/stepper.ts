/**
 * The scheduler by hand: nobody takes a turn until the test says who. Tests only; one at a time on a thread.
 */
import { assert } from '../assert.ts';
import type { Cell } from '../core/cell.ts';
import {
  holdScheduler,
  isSchedulerHeld,
  releaseScheduler,
  runHeld,
  runnableAt,
  runnableCount,
} from '../core/scheduler.ts';
import { actorName } from '../core/thread.ts';
import type { AnyRef } from '../types.ts';
import { settle } from './fake-clock.ts';

/** An actor that waits for a turn. */
export interface Runnable {
  readonly ref: AnyRef;
  readonly actor: string;
  readonly mailboxLength: number;
}

/** What a step did. */
export interface Stepped {
  readonly ref: AnyRef;
  /** Op of the last message; '' when the turn only ended the actor. */
  readonly op: string;
  readonly messages: number;
}

export interface Stepper {
  /** Actors that wait for a turn, the next one first. */
  runnable(): readonly Runnable[];
  /** One message of `ref`, or of the actor that would be next; then promises run. Undefined: nobody can run. */
  step(ref?: AnyRef): Promise<Stepped | undefined>;
  /** The same with a whole turn, up to 64 messages. */
  turn(ref?: AnyRef): Promise<Stepped | undefined>;
  /** Steps until nobody can run; RangeError beyond `stepsMax` (default 10 000). Gives the number of steps. */
  drain(stepsMax?: number): Promise<number>;
  /** Gives the scheduler back; idempotent. */
  release(): void;
}

const TURN_MESSAGES = 64;
const STEPS_MAX = 10_000;

/** Holds the scheduler of this thread. RangeError when `step(ref)` names an actor that cannot run now. */
export function stepper(): Stepper {
  assert(!isSchedulerHeld(), 'one simulation or stepper at a time holds the scheduler');
  holdScheduler();
  let held = true;
  const run = async (ref: AnyRef | undefined, messages: number): Promise<Stepped | undefined> => {
    assert(held, 'a stepper is used before it is released');
    if (runnableCount() === 0) return undefined;
    const at = ref === undefined ? 0 : placeOf(ref);
    const before = (runnableAt(at) as Cell).messagesIn;
    const cell = runHeld(at, messages);
    await settle();
    const handled = cell.messagesIn - before;
    return { ref: cell.ref, op: handled === 0 ? '' : cell.currentOp, messages: handled };
  };
  return {
    runnable: () =>
      Array.from({ length: runnableCount() }, (_, at) => {
        const cell = runnableAt(at) as Cell;
        return { ref: cell.ref, actor: actorName(cell), mailboxLength: cell.mailbox?.count ?? 0 };
      }),
    step: (ref) => run(ref, 1),
    turn: (ref) => run(ref, TURN_MESSAGES),
    async drain(stepsMax = STEPS_MAX) {
      for (let steps = 0; ; steps++) {
        if (steps > stepsMax) throw new RangeError(`drain: no end after ${stepsMax} steps`);
        if ((await run(undefined, 1)) === undefined) return steps;
      }
    },
    release() {
      if (held) releaseScheduler();
      held = false;
    },
  };
}

function placeOf(ref: AnyRef): number {
  for (let at = 0; at < runnableCount(); at++) if (runnableAt(at)?.ref === ref) return at;
  throw new RangeError(`step: ${ref} waits for no turn`);
}
