/**
 * One append on its way through the appender of a stream, and how appends are told apart. Types and pure
 * functions; data of one stream actor.
 */
import { type CommittedNonce, sameDigest } from './stream-nonces.ts';
import type { Draft } from './stream-rules.ts';
import type { AppendReply, Id, LogEvent, Ms } from './types.ts';

export type Answer = (reply: AppendReply) => void;

/** What the log says of an append that it holds. */
export type CommittedFacts = Omit<CommittedNonce, 'decided'>;

export interface Item {
  readonly uid: Id;
  readonly nonce: string;
  readonly key: string;
  readonly draft: Draft;
  readonly digest: Uint8Array;
  /** Emitted by the server: no rights are judged. */
  readonly system: boolean;
  readonly answer: Answer;
  readonly deadlineAt: Ms;
  /** Other attempts with this nonce: each is answered by what became of this one. */
  repeats: Answer[] | undefined;
  /** It has its answer. */
  decided: boolean;
  /** A commit with this append ended without an answer: until it is looked up, it may be in the log. */
  unknown: boolean;
  /** Commits that came back without this append. */
  tries: number;
}

export function byUser(uid: Id): (item: Item) => boolean {
  return (item) => item.uid === uid && !item.system;
}

export function byTarget(target: number): (item: Item) => boolean {
  return ({ draft }) => draft.target === target || draft.replyTo === target;
}

/** True when the log holds exactly these events next: seq, ts and bytes are the batch's own. */
export function startsWith(found: readonly LogEvent[], events: readonly LogEvent[]): boolean {
  if (found.length < events.length) return false;
  return events.every((event, i) => {
    const other = found[i] as LogEvent;
    return other.seq === event.seq && other.ts === event.ts && sameDigest(other.frame, event.frame);
  });
}
