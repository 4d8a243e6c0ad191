/**
 * What a client may send on the admin socket, parsed strictly, and what a server says. Pure, any thread.
 */
import type { AdminFrame } from './codec.ts';
import { AdminLimits, AdminOp } from './ops.ts';

/** A frame of a client. `rid` is 1 to 2^32 - 1 and names the answer. */
export type AdminRequest =
  | { readonly op: 'auth'; readonly rid: number; readonly token: string }
  | { readonly op: 'call'; readonly rid: number; readonly verb: string; readonly args: unknown }
  | { readonly op: 'sub'; readonly rid: number; readonly topic: string; readonly options: unknown }
  | { readonly op: 'unsub'; readonly rid: number; readonly sub: number };

/** The first frame of a connection. Without a checked token verbs and topics are empty, pid and startedAt are 0. */
export interface AdminHello {
  readonly v: 1;
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  /** Ms since 1970. */
  readonly startedAt: number;
  /** An AUTH is wanted within `deadlineMs`. */
  readonly auth: boolean;
  readonly deadlineMs: number;
  readonly verbs: readonly {
    readonly name: string;
    readonly about: string;
    readonly effect: 'read' | 'act' | 'danger';
  }[];
  readonly topics: readonly string[];
}

const RID_MAX = 0xffff_ffff;
const NAME = /^[a-z][a-zA-Z0-9-]*(\.[a-zA-Z0-9-]+)*$/;
const NAME_CHARS_MAX = 64;

/** The request in a decoded frame; undefined for one that no client may send. */
export function parseAdminRequest(frame: AdminFrame): AdminRequest | undefined {
  const [op, rid, subject, more] = frame;
  if (!isNumber(rid)) return undefined;
  switch (op) {
    case AdminOp.AUTH:
      if (frame.length !== 3 || typeof subject !== 'string') return undefined;
      if (subject.length > AdminLimits.tokenCharsMax) return undefined;
      return { op: 'auth', rid, token: subject };
    case AdminOp.CALL:
      if (frame.length > 4 || !isName(subject)) return undefined;
      return { op: 'call', rid, verb: subject, args: more ?? {} };
    case AdminOp.SUB:
      if (frame.length > 4 || !isName(subject)) return undefined;
      return { op: 'sub', rid, topic: subject, options: more ?? {} };
    case AdminOp.UNSUB:
      if (frame.length !== 3 || !isNumber(subject)) return undefined;
      return { op: 'unsub', rid, sub: subject };
    default:
      return undefined;
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= RID_MAX;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= NAME_CHARS_MAX && NAME.test(value);
}

export function helloFrame(hello: AdminHello): readonly unknown[] {
  return [AdminOp.HELLO, hello];
}

export function okFrame(rid: number, result: unknown): readonly unknown[] {
  return [AdminOp.OK, rid, result ?? null];
}

/** `rid` 0: about the connection; it is closed afterwards. */
export function errFrame(
  rid: number,
  code: string,
  message: string,
  retryAfterMs: number | null = null,
): readonly unknown[] {
  return [AdminOp.ERR, rid, code, message, retryAfterMs];
}

/** `sub` is a subscription, or minus the rid of a call in progress; `n` counts from 1. */
export function eventFrame(
  sub: number,
  n: number,
  kind: string,
  data: unknown,
): readonly unknown[] {
  return [AdminOp.EVENT, sub, n, kind, data];
}
