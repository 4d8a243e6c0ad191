/**
 * What a gateway thread can tell operators of its connections and topics: plain facts without addresses, names and content. Reads
 * only, synchronous; gateway threads.
 */
import { type Connection, Phase } from './connection.ts';
import type { Topic } from './topic.ts';

/** An open connection. */
export interface ConnectionFacts {
  /** Its number on this thread. */
  readonly conn: number;
  readonly uid: number;
  readonly phase: 'open' | 'identifying' | 'ready' | 'closing';
  readonly encoding: string;
  readonly ageS: number;
  /** Since the last message or pong. */
  readonly silentS: number;
  readonly subscriptions: number;
  readonly backlogBytes: number;
  readonly isLagging: boolean;
}

/** Who listens to a stream on this thread, and how far the thread has heard it. */
export interface AudienceFacts {
  readonly sid: number;
  readonly subscribers: number;
  readonly lagging: number;
  readonly epoch: number;
  readonly seq: number;
  /** False while the owner is not known, for example since it is starting again. */
  readonly isAttached: boolean;
}

const PHASES = {
  [Phase.OPEN]: 'open',
  [Phase.IDENTIFYING]: 'identifying',
  [Phase.READY]: 'ready',
  [Phase.CLOSING]: 'closing',
  [Phase.CLOSED]: 'closing',
} as const;

/** The connections of one user, of everybody for null; at most `limit`. O(connections). */
export function connectionsOf(
  all: readonly Connection[],
  uid: number | null,
  limit: number,
  nowS: number,
): readonly ConnectionFacts[] {
  const own: ConnectionFacts[] = [];
  for (const each of all) {
    if (own.length >= limit) break;
    if (uid !== null && each.uid !== uid) continue;
    own.push({
      conn: each.no,
      uid: each.uid,
      phase: PHASES[each.phase],
      encoding: each.encoding,
      ageS: nowS - each.openedS,
      silentS: nowS - each.seenS,
      subscriptions: each.subscriptions.length,
      backlogBytes: each.isOpen ? each.backlogBytes() : 0,
      isLagging: each.isLagging,
    });
  }
  return own;
}

/** O(subscribers). */
export function audienceOf(topic: Topic | undefined): AudienceFacts | undefined {
  if (topic === undefined) return undefined;
  let lagging = 0;
  for (const { subscriber } of topic.subscriptions) if (subscriber.isLagging) lagging += 1;
  return {
    sid: topic.sid,
    subscribers: topic.subscriptions.size,
    lagging,
    epoch: topic.epoch,
    seq: topic.seq,
    isAttached: topic.state === 'live',
  };
}
