/**
 * Reads MARK of a client, and UNREAD, RECEIPT and the result of MARK of a server (protocol.md 2.4, 2.9).
 * Pure functions; run anywhere.
 */
import type { ErrCode } from './err-codes.ts';
import { Err } from './err-codes.ts';
import { isU53 } from './limits.ts';
import { Op } from './ops.ts';
import type { Frame, Request, ServerFrame, UnreadEntry, WireValue } from './types.ts';

type Values = readonly WireValue[];

/** `[37, rid, sid, seq]`. */
export function parseMark(rid: number, frame: Frame): Request | ErrCode {
  const [, , sid, seq] = frame;
  if (!isU53(sid) || !isU53(seq)) return Err.BAD_ARGS;
  return { op: Op.MARK, rid, sid, seq };
}

/**
 * Result of MARK.
 * @param result elements after the rid
 * @returns the marker that holds; null when it is no u53
 */
export function parseMarkResult(result: Values): number | null {
  return isU53(result[0]) ? result[0] : null;
}

/** `[19, [[sid, seq, ts], ...]]`; null when an element has the wrong type. */
export function parseUnread(frame: Values): ServerFrame | null {
  const moved: UnreadEntry[] = [];
  for (const item of listOf(frame[1]) ?? [null]) {
    const [sid, seq, ts] = listOf(item) ?? [];
    if (!isU53(sid) || !isU53(seq) || !isU53(ts)) return null;
    moved.push({ sid, seq, ts });
  }
  return { op: Op.UNREAD, moved };
}

/** `[24, sid, [[uid, seq], ...]]`; null when an element has the wrong type. */
export function parseReceipt(frame: Values): ServerFrame | null {
  const sid = frame[1];
  if (!isU53(sid)) return null;
  const markers: { uid: number; seq: number }[] = [];
  for (const item of listOf(frame[2]) ?? [null]) {
    const [uid, seq] = listOf(item) ?? [];
    if (!isU53(uid) || !isU53(seq)) return null;
    markers.push({ uid, seq });
  }
  return { op: Op.RECEIPT, sid, markers };
}

function listOf(value: WireValue | undefined): Values | null {
  return Array.isArray(value) ? (value as Values) : null;
}
