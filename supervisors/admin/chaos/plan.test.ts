/** What may be broken and what may not, before anything is asked of a thread. */
import { describe, expect, test } from 'vitest';
import type { SlotStatus } from '../../../runtime/index.ts';
import { CHAOS_GROUPS, CHAOS_LIMITS } from './limits.ts';
import { chaosMenu } from './menu.ts';
import { planOf } from './plan.ts';
import { CHAOS_ITEMS, type ChaosStart } from './types.ts';

const slot = (name: string, group: string, up = true): SlotStatus => {
  return { name, group, thread: 1, up, incarnation: 1 };
};
const SLOTS = [
  slot('store', 'store'),
  slot('reader-0', 'reader'),
  slot('shard-0', 'shard'),
  slot('shard-1', 'shard', false),
  slot('gateway-0', 'gateway'),
];
const START: ChaosStart = {
  item: 'kill-actor',
  mode: 'hold',
  forMs: 1000,
  delayMs: 200,
  share: 0.5,
  limit: 1000,
  wait: false,
};

const codeOf = (start: Partial<ChaosStart>): string => {
  const plan = planOf({ ...START, ...start }, 'n1', SLOTS);
  return plan.ok ? 'ok' : plan.code;
};

describe('planOf', () => {
  test.each<readonly [Partial<ChaosStart>, string]>([
    [{ item: 'kill-media' }, 'not_available'],
    [{ item: 'kill-actor' }, 'invalid'],
    [{ item: 'kill-actor', id: 'n1/shard-0' }, 'invalid'],
    [{ item: 'kill-thread', id: 'n1/shard-0/stream/7' }, 'invalid'],
    [{ item: 'kill-thread', id: 'n1/main' }, 'forbidden'],
    [{ item: 'kill-thread', id: 'n1/gateway-0' }, 'forbidden'],
    [{ item: 'kill-thread', id: 'n1/shard-7' }, 'not_found'],
    [{ item: 'kill-thread', id: 'n1/shard-1' }, 'conflict'],
    [{ item: 'kill-actor', id: 'n1/gateway-0/fan-out' }, 'forbidden'],
    [{ item: 'drop-mailbox', id: 'n1/gateway-0/fan-out' }, 'forbidden'],
    [{ item: 'freeze-store', id: 'n1/shard-0' }, 'forbidden'],
    [{ item: 'cut-lane', id: 'n1/shard-0' }, 'invalid'],
    [{ item: 'cut-lane', id: 'n1/shard-0', to: 'shard-0' }, 'invalid'],
    [{ item: 'cut-lane', id: 'n1/shard-0', to: 'main' }, 'forbidden'],
    [{ item: 'cut-lane', id: 'n1/shard-0', to: 'store/log-writer' }, 'invalid'],
    [{ item: 'stall-thread', id: 'n1/gateway-0', forMs: 3001 }, 'forbidden'],
    [{ item: 'stall-thread', id: 'n1/gateway-0', forMs: 3000 }, 'ok'],
    [{ item: 'stall-thread', id: 'shard-0', forMs: 60_000 }, 'ok'],
    [{ item: 'delay-mailbox', id: 'n1/gateway-0/fan-out' }, 'ok'],
    [{ item: 'freeze-store' }, 'ok'],
    [{ item: 'fill-disk' }, 'ok'],
    [{ item: 'cut-lane', id: 'gateway-0', to: 'n1/shard-0', mode: 'break' }, 'ok'],
  ])('%o: is %s', (start, code) => {
    expect(codeOf(start)).toBe(code);
  });

  test('a kill: is over at once, a fault lasts', () => {
    const kill = planOf({ ...START, id: 'shard-0/stream/7' }, 'n1', SLOTS);
    expect(kill).toMatchObject({ value: { slot: 'shard-0', path: 'stream/7', forMs: 0 } });
    const freeze = planOf({ ...START, item: 'freeze-store' }, 'n1', SLOTS);
    expect(freeze).toMatchObject({ value: { slot: 'store', forMs: 1000, isStoreWide: true } });
    const voice = [...SLOTS, slot('voice-0', 'voice')];
    const media = planOf({ ...START, item: 'kill-media' }, 'n1', voice);
    expect(media).toMatchObject({ value: { slot: 'voice-0', forMs: 0, mayFall: [] } });
  });

  test('a path with slashes: stays whole', () => {
    const plan = planOf({ ...START, id: 'n1/shard-0/supervisor/0.3.17' }, 'n1', SLOTS);
    expect(plan).toMatchObject({ value: { path: 'supervisor/0.3.17' } });
  });
});

test('the menu: has every item, and threads for each', () => {
  const menu = chaosMenu();
  expect(menu.map(({ item }) => item)).toEqual([...CHAOS_ITEMS]);
  const absent = menu.filter(({ threads }) => threads.length === 0);
  expect(absent).toEqual([]);
  expect(Object.values(CHAOS_GROUPS).flat()).not.toContain('main');
});

test('limits: a gateway never stalls for as long as the watchdog waits', () => {
  expect(CHAOS_LIMITS.gatewayStallMsMax).toBeGreaterThan(0);
  expect(CHAOS_LIMITS.gatewayStallMsMax).toBeLessThanOrEqual(3_000);
});
