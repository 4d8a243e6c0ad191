/**
 * Extra: the parts of an actor that most actors never use, in one object made on first use. A cell
 * without it pays one branch per message for all of them. Data only.
 */
import type { Ms } from '../clock.ts';
import type { AnyRef } from '../types.ts';
import type { Debug } from './debug.ts';
import type { Mailbox } from './mailbox.ts';
import type { SnapshotState } from './snapshots.ts';
import type { TraceMark } from './trace-context.ts';
import type { WheelNode } from './wheel.ts';

/** A sys request: acts between two messages, ahead of the mailbox. */
export interface SysRequest {
  /** Must not throw. */
  run(): void;
  /** The actor ended first. */
  fail(reason: unknown): void;
}

/** The inactivity timeout asked for last. */
export interface Inactivity {
  readonly ms: Ms;
  readonly op: string;
  readonly arg: unknown;
  /** Asked for by the handler that runs: it counts from the handler's end. */
  armed: boolean;
  /** The time is over, or 0: it runs when the mailbox is empty. */
  due: boolean;
  readonly node: WheelNode;
}

/** A message put aside. */
export interface Postponed {
  readonly op: string;
  readonly arg: unknown;
  readonly from: number;
  readonly deadline: Ms;
  readonly trace: TraceMark | null;
}

export class Extra {
  requests: SysRequest[] | null = null;
  suspended = false;
  debug: Debug | null = null;
  inactivity: Inactivity | null = null;
  /** ctx.hibernate() was called by the handler that runs. */
  hibernate = false;
  hibernated = false;
  /** Looks whether hibernateAfter has passed. */
  idleNode: WheelNode | null = null;
  /** ctx.postpone() was called for the message that is handled. */
  postponing = false;
  /** A ctx.next message comes: it is no message to the inactivity timeout. */
  continuing = false;
  postponed: Postponed[] | null = null;
  /** resumePostponed() came after postpone() in the same handler. */
  resuming = false;
  /** Calls and sends that wait for room (`block`): (op, arg, from, deadline), deadline PLAIN is a send. */
  waiters: Mailbox | null = null;
  aliases: Set<AnyRef> | null = null;
  /** Handlers are timed: statistics are on, or RuntimeOptions.longHandlerMs. */
  isTimed = false;
  /** When the handler that runs began; -1 when it is not timed. */
  runningSinceMs: Ms = -1;
  handlerTimeMs: Ms = 0;
  longestHandlerMs: Ms = 0;
  snapshots: SnapshotState | null = null;
  /** Reply of ctx.stop(reason, reply), sent after terminate. */
  stopReply: { readonly value: unknown } | null = null;
  restarts = 0;
  /** Of ctx.signal. */
  abort: AbortController | null = null;
}

/** `deadline` of a plain message (send): an op that nobody knows is no crash. */
export const PLAIN = -1;
