/**
 * Which requests begin a trace: a countdown drawn from the geometric distribution of the ratio, so that an unsampled request
 * costs one decrement. One per thread; set by whoever configures the thread. Off until then.
 */
import { rt } from './thread.ts';

/** Small integers count down without an allocation. */
const NEVER = 2 ** 30 - 1;
const U32 = 2 ** 32;

let left = NEVER;
let ratio = 0;

/** Share of requests that begin a trace, 0 to 1. RangeError for anything else. */
export function setTraceRatio(share: number): void {
  if (!(share >= 0 && share <= 1)) {
    throw new RangeError(`setTraceRatio: share: got ${share}, want 0 to 1`);
  }
  ratio = share;
  left = drawn();
}

/** The share as it was set last. */
export function traceRatio(): number {
  return ratio;
}

/** True for a request that begins a trace. */
export function isTraceDrawn(): boolean {
  if (--left >= 0) return false;
  left = drawn();
  return ratio > 0;
}

/** Requests until the next sampled one. */
function drawn(): number {
  if (ratio <= 0) return NEVER;
  if (ratio >= 1) return 0;
  const uniform = (rt.rng.u32() + 1) / U32;
  return Math.min(NEVER, Math.floor(Math.log(uniform) / Math.log(1 - ratio)));
}
