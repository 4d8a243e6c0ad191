/**
 * The connections of a gateway thread as sessions of the tree. Gateway threads; looks only when it is asked.
 */
import type { ConnectionFacts, GatewayHandle } from '../../gateway/index.ts';
import type { Clock } from '../../runtime/index.ts';
import type { SessionFacts, SessionSource } from './tree-publisher.ts';

const STATES = {
  open: 'starting',
  identifying: 'starting',
  ready: 'running',
  closing: 'terminating',
} as const;

/** The sessions of this thread's sockets. */
export function sessionsOf(
  gateway: Pick<GatewayHandle, 'metrics' | 'connectionsOf'>,
  clock: Pick<Clock, 'now'>,
): SessionSource {
  /** As first told: an age in whole seconds would make another time each second. */
  let startedAt = new Map<number, number>();
  return {
    count: () => gateway.metrics().connectionsNow,
    list: (most) => {
      const now = clock.now();
      const all = gateway.connectionsOf(null, most);
      const known = startedAt;
      startedAt = new Map(
        all.map(({ ageS, conn }) => [conn, known.get(conn) ?? now - ageS * 1000]),
      );
      return all.map((facts) => sessionOf(facts, startedAt.get(facts.conn) ?? now));
    },
  };
}

function sessionOf(facts: ConnectionFacts, startedAt: number): SessionFacts {
  const { backlogBytes, conn, encoding, isLagging, phase, subscriptions, uid } = facts;
  const lag = isLagging ? ', lagging' : '';
  return {
    conn,
    uid,
    label: `${encoding}, ${subscriptions} streams${lag}`,
    state: isLagging ? 'busy' : STATES[phase],
    backlogBytes,
    startedAt,
  };
}
