/**
 * Which requests of this thread are traced: the policy as the operator set it, and what a caller's traceparent changes. One per
 * gateway thread. Bound: a caller's sampled flag is honoured 20 times a second per thread (burst 100), else anybody could have
 * every request traced; beyond it the request is not traced (counted).
 */
import { type Clock, setTraceRatio, systemClock } from '../../runtime/index.ts';
import { parseTraceparent, type RemoteParent } from './traceparent.ts';

/** As OTEL_TRACES_SAMPLER has it. */
export interface TracePolicy {
  readonly isOn: boolean;
  /** Share of the requests without a parent that are traced. */
  readonly ratio: number;
  /** The caller's sampled flag decides where there is one; else the ratio decides by the caller's trace id. */
  readonly followsParent: boolean;
}

const PARENTS_PER_S = 20;
const PARENTS_BURST = 100;
const OFF: TracePolicy = { isOn: false, ratio: 0, followsParent: true };

let policy = OFF;
let clock: Clock = systemClock;
let tokens = PARENTS_BURST;
let filledMs = 0;
let refused = 0;

/** Sets the policy of this thread from now on. */
export function setTracePolicy(next: TracePolicy, time: Clock): void {
  policy = next;
  if (time !== clock) filledMs = time.monotonic();
  clock = time;
  setTraceRatio(next.isOn ? next.ratio : 0);
}

/** Off: no header is read and none is answered. */
export function isTracingOn(): boolean {
  return policy.isOn;
}

/** Sampled parents that were over the bound. */
export function parentsRefused(): number {
  return refused;
}

/** The caller's parent as it counts here; undefined without one. */
export function judgeParent(header: string): RemoteParent | undefined {
  if (!policy.isOn) return undefined;
  const parent = parseTraceparent(header);
  if (parent === undefined) return undefined;
  return { ...parent, isSampled: isParentSampled(parent) };
}

/** One more request under a parent; charged against the bound. */
export function isParentSampled(parent: RemoteParent): boolean {
  if (!policy.isOn) return false;
  if (!policy.followsParent) return fits(parent.traceId, policy.ratio);
  return parent.isSampled && take();
}

/** The same for everybody who sees the trace: its random part is compared (W3C Trace Context 2, random-trace-id). */
function fits(traceId: string, ratio: number): boolean {
  return Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52;
}

function take(): boolean {
  const nowMs = clock.monotonic();
  tokens = Math.min(PARENTS_BURST, tokens + ((nowMs - filledMs) / 1000) * PARENTS_PER_S);
  filledMs = nowMs;
  if (tokens < 1) {
    refused++;
    return false;
  }
  tokens -= 1;
  return true;
}
