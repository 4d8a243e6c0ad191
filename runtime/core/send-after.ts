/**
 * Messages for later: sendAfter to any destination, with the time left to be read and taken back.
 * Timers of an actor itself are ctx.timer.
 */
import type { Ms } from '../clock.ts';
import type { CastRest, Dest, Ops, TimerId } from '../types.ts';
import { type AnyDest, sendTo } from './send.ts';
import { rt, wheel } from './thread.ts';
import { leftOf } from './timers.ts';
import { WheelNode } from './wheel.ts';

class SendTimer extends WheelNode {
  readonly id: number;
  readonly #to: AnyDest;
  readonly #op: string;
  readonly #arg: unknown;

  constructor(id: number, to: AnyDest, op: string, arg: unknown) {
    super();
    this.id = id;
    this.#to = to;
    this.#op = op;
    this.#arg = arg;
  }

  fire(): void {
    timers.delete(this.id);
    // Refused at a full mailbox: counted and reported there, as for any message.
    sendTo(this.#to, this.#op, this.#arg).catch(() => rt.counters.deadLetters++);
  }
}

const timers = new Map<number, SendTimer>();
let serial = 0;

/**
 * Sends a plain message (as send) after `ms` >= 0; 10 ms grain, never early. To an actor that is dead by
 * then it is a dead letter. RangeError for a bad `ms`. Any thread; the timer is this thread's.
 */
export function sendAfter<P, K extends Ops<P>>(
  to: Dest<P>,
  ms: Ms,
  op: K,
  ...rest: CastRest<P[K]>
): TimerId;
export function sendAfter(to: AnyDest, ms: Ms, op: string, arg?: unknown): TimerId {
  if (!(ms >= 0)) throw new RangeError(`sendAfter ${op}: ms: got ${ms}, want >= 0`);
  const timer = new SendTimer(++serial, to, op, arg);
  if (ms !== Number.POSITIVE_INFINITY) {
    const now = rt.clock.monotonic();
    timers.set(timer.id, timer);
    wheel.add(timer, now + ms, now);
  }
  return timer.id as TimerId;
}

/** Ms until the message is sent; false when it was sent or cancelled. The thread that set it. */
export function readTimer(id: TimerId): Ms | false {
  const timer = timers.get(id);
  return timer === undefined ? false : leftOf(timer);
}

/** Takes the message back: the ms that were left; false when it was sent or cancelled already. */
export function cancelTimer(id: TimerId): Ms | false {
  const timer = timers.get(id);
  if (timer === undefined) return false;
  timers.delete(id);
  wheel.remove(timer);
  return leftOf(timer);
}
