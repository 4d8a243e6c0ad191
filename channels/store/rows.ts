/**
 * How events and heads lie in their rows. Pure; used by the writer and by readers.
 */
import { hash } from 'node:crypto';
import type { Id, LogEvent, LogHead } from '../types.ts';
import type { SqlRow } from './types.ts';

/** Columns of `eventOf`, in its order. */
export const EVENT_COLUMNS = 'seq, ts, kind, actor, target, emoji, nonce, digest, frame';
/** Columns of `headOf`, in its order. */
export const HEAD_COLUMNS = 'sid, epoch, first, head, head_ts';

/** An event from a row that begins with EVENT_COLUMNS. */
export function eventOf(row: SqlRow): LogEvent {
  const [seq, ts, kind, actor, target, emoji, nonce, digest, frame] = row;
  return {
    seq: seq as number,
    ts: ts as number,
    kind: kind as number,
    actor: actor as number,
    target: target as number,
    emoji: emoji as string,
    nonce: nonce as string,
    digest: digest as Uint8Array,
    frame: frame as Uint8Array,
  };
}

/** A head from a row of HEAD_COLUMNS. */
export function headOf(row: SqlRow): LogHead {
  const [sid, epoch, first, head, headTs] = row;
  return {
    sid: sid as number,
    epoch: epoch as number,
    first: first as number,
    head: head as number,
    headTs: headTs as number,
  };
}

/**
 * Index key of (actor, nonce): 52 bits of SHA-256, so that it is an exact number and nobody can pile
 * up collisions. A hit is always verified against the stored actor and nonce. Stored: never change it.
 */
export function nonceHash(actor: Id, nonce: string): number {
  return Number.parseInt(hash('sha256', `${actor} ${nonce}`, 'hex').slice(0, 13), 16);
}
