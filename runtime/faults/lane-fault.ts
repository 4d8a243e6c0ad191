/**
 * Holds the lane between this thread and another: nothing is lost, nothing passes, in either direction, until it flows again.
 * Any thread. Ends by itself, on this thread's own clock. A lane without such a fault pays nothing for there being one: its
 * transport is exchanged for the time being.
 */
import type { Ms } from '../clock.ts';
import { rt } from '../core/thread.ts';
import { after } from '../core/timers.ts';
import { Router } from '../threads/router.ts';

export interface LaneFault {
  /** Lets everything pass now, in order. Idempotent. */
  end(): void;
}

export interface LaneFaultOptions {
  readonly forMs: Ms;
  /** It is over, by time or by `end`. */
  readonly onEnd?: () => void;
}

/**
 * Holds the lane to the thread of `slot`. undefined when there is none (the slot is unknown, down, or this thread itself) or it
 * is held already. What waits counts against the lane's bound of bytes under way. If either thread dies meanwhile, what was held is
 * lost with the lane. RangeError for a time that is not above 0.
 */
export function holdLane(slot: string, options: LaneFaultOptions): LaneFault | undefined {
  const { forMs, onEnd } = options;
  if (!(forMs > 0 && Number.isFinite(forMs))) {
    throw new RangeError(`holdLane: forMs: got ${forMs}, want > 0 and finite`);
  }
  const { remote } = rt;
  if (!(remote instanceof Router)) return undefined;
  const flow = remote.holdLane(remote.slotThread(slot));
  if (flow === undefined) return undefined;
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    cancel();
    flow();
    onEnd?.();
  };
  const cancel = after(forMs, end);
  return { end };
}
