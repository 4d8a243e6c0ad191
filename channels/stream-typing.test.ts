/** TYPE and TYPING of a stream: coalesced, lapsing, only for those who may send. */
import { expect, test } from 'vitest';
import type { MonitorId } from '../runtime/index.ts';
import { PERM_VIEW, PERMS_EVERYONE } from './permissions.ts';
import { OWNER, SID, StreamRig, settled } from './test/kit.ts';
import type { Id } from './types.ts';

interface Told {
  readonly uids: readonly Id[];
  readonly total: number;
}

async function rigOf(type: 'channel' | 'view' = 'channel'): Promise<StreamRig> {
  const rig = await new StreamRig().start(type);
  for (let uid = 101; uid <= 120; uid += 1) rig.perms.set(uid, PERMS_EVERYONE);
  await rig.subscribe(OWNER);
  return rig;
}

async function type(rig: StreamRig, ...uids: Id[]): Promise<void> {
  for (const uid of uids) rig.core.typing(uid);
  await settled();
}

function told(rig: StreamRig): readonly Told[] {
  return rig.listen().flatMap((heard) => {
    if (heard.op !== 'ephemeral') return [];
    const [op, sid, uids, total] = JSON.parse(new TextDecoder().decode(heard.m.frame));
    expect([op, sid, heard.m.class]).toEqual([20, SID, 'typing']);
    return [{ uids, total }];
  });
}

test('typing: the first at once, what follows within the second as one frame', async () => {
  const rig = await rigOf();
  await type(rig, 101);
  expect(told(rig)).toEqual([{ uids: [101], total: 1 }]);
  await type(rig, 102, 103);
  await rig.clock.advance(999);
  expect(told(rig)).toHaveLength(1);
  await rig.clock.advance(1);
  expect(told(rig).slice(1)).toEqual([{ uids: [103, 102, 101], total: 3 }]);
});

test('typing: more than eight, the newest eight and the total', async () => {
  const rig = await rigOf();
  await type(rig, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110);
  await rig.clock.advance(1000);
  expect(told(rig).at(-1)).toEqual({
    uids: [110, 109, 108, 107, 106, 105, 104, 103],
    total: 10,
  });
});

test('typing: a repeat within 8 s is ignored, a later one is a new mention', async () => {
  const rig = await rigOf();
  await type(rig, 101);
  await rig.clock.advance(7000);
  await type(rig, 101);
  await rig.clock.advance(1500);
  expect(told(rig)).toHaveLength(1);
  await type(rig, 101);
  expect(told(rig)).toHaveLength(2);
});

test('typing: a name lapses after 10 s; told only to who would show it longer', async () => {
  const rig = await rigOf();
  await type(rig, 101);
  await rig.clock.advance(9500);
  await type(rig, 102);
  await rig.clock.advance(1600);
  expect(told(rig).slice(1)).toEqual([
    { uids: [102, 101], total: 2 },
    { uids: [102], total: 1 },
  ]);
  await rig.clock.advance(60_000);
  expect(told(rig).slice(3)).toEqual([{ uids: [], total: 0 }]);
  const alone = await rigOf();
  await type(alone, 101);
  await alone.clock.advance(60_000);
  expect(told(alone)).toHaveLength(1);
});

test('typing: a message of the user takes the name away', async () => {
  const rig = await rigOf();
  await type(rig, 101, 102);
  await rig.append(101, 'n1', 1, ['hi']);
  await rig.clock.advance(1000);
  expect(told(rig).at(-1)).toEqual({ uids: [102], total: 1 });
});

test('typing: no right to view or to send, the guild away, a view: nothing', async () => {
  const rig = await rigOf();
  rig.perms.set(101, 0);
  rig.perms.set(102, PERM_VIEW);
  rig.perms.set(103, null);
  await type(rig, 101, 102, 103);
  expect(told(rig)).toEqual([]);
  const view = await rigOf('view');
  await type(view, 101);
  expect(told(view)).toEqual([]);
});

test('typing: over 2000 live subscribers on all threads, suppressed until they are fewer', async () => {
  const rig = await rigOf();
  rig.core.live({ gateway: rig.gateway(1), count: 1200 });
  rig.core.live({ gateway: rig.gateway(2), count: 900 });
  await type(rig, 101);
  await rig.clock.advance(2000);
  expect(told(rig)).toEqual([]);
  expect(rig.ports.counters.typingSuppressed).toBe(1);
  rig.core.live({ gateway: rig.gateway(2), count: 0 });
  await type(rig, 102);
  expect(told(rig)).toEqual([{ uids: [102, 101], total: 2 }]);
});

test('typing: a thread that has died, its subscribers do not count any more', async () => {
  const rig = await rigOf();
  const monitors: MonitorId[] = [];
  const { monitor } = rig.ports.gateways;
  rig.ports.gateways.monitor = (gateway) => {
    const id = monitor(gateway);
    monitors.push(id);
    return id;
  };
  rig.core.attach({ gateway: rig.gateway(2) });
  rig.core.live({ gateway: rig.gateway(1), count: 1200 });
  rig.core.live({ gateway: rig.gateway(2), count: 900 });
  for (const id of monitors) rig.core.down(id);
  await type(rig, 101);
  expect(told(rig)).toEqual([{ uids: [101], total: 1 }]);
});
