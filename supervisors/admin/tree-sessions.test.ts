/** Connections as sessions of the tree. */
import { expect, test } from 'vitest';
import type { ConnectionFacts, GatewayMetrics } from '../../gateway/index.ts';
import { FakeClock } from '../../runtime/testkit/index.ts';
import { sessionsOf } from './tree-sessions.ts';

const facts: ConnectionFacts = {
  conn: 7,
  uid: 42,
  phase: 'ready',
  encoding: 'mp',
  ageS: 10,
  silentS: 0,
  subscriptions: 3,
  backlogBytes: 9,
  isLagging: false,
};

test('sessionsOf: number, and sessions with a time of beginning that stays', async () => {
  const clock = new FakeClock();
  let all = [facts];
  const source = sessionsOf(
    {
      metrics: () => ({ connectionsNow: 5 }) as GatewayMetrics,
      connectionsOf: (uid, limit) => {
        expect(uid).toBeNull();
        return all.slice(0, limit);
      },
    },
    clock,
  );
  expect(source.count()).toBe(5);
  const [first] = source.list(10);
  expect(first).toMatchObject({ conn: 7, uid: 42, label: 'mp, 3 streams', state: 'running' });
  expect(first?.startedAt).toBe(clock.now() - 10_000);
  await clock.advance(1500);
  all = [{ ...facts, ageS: 12, isLagging: true }];
  const [second] = source.list(10);
  expect(second).toMatchObject({ label: 'mp, 3 streams, lagging', state: 'busy' });
  expect(second?.startedAt).toBe(first?.startedAt);
});
