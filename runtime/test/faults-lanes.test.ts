/** Lanes of a running node that are held or torn for a time: what passes, what fails, and that it ends by itself. */
import { afterEach, describe, expect, test } from 'vitest';
import {
  ActorError,
  at,
  call,
  faults,
  type NodeHandle,
  type NodeOptions,
  startNode,
} from '../index.ts';
import type { EchoP } from './fixtures/slot.ts';

const MODULE = new URL('./fixtures/slot.ts', import.meta.url);
const shard = (i: number): NodeOptions['slots'][number] => ({
  name: `shard-${i}`,
  group: 'shard',
  module: MODULE,
  onDown: 'restart',
});
const BASE: NodeOptions = {
  slots: [shard(0), shard(1)],
  entities: { thing: 'shard' },
  watchdog: false,
  report: ({ kind }) => {
    if (kind === 'threadUp') onUp();
  },
};
let onUp: () => void = () => {};
const LONG_MS = 30_000;

let node: NodeHandle | undefined;
afterEach(async () => {
  await node?.stop();
  node = undefined;
});

const echo0 = at<EchoP>('shard-0', 'echo');
const echo1 = at<EchoP>('shard-1', 'echo');

const reason = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: unknown) => (error instanceof ActorError ? error.reason : error),
  );

describe('holdLane', () => {
  test('calls, wait until it flows again, in order, and other lanes are not touched', async () => {
    node = await startNode(BASE);
    const order: unknown[] = [];
    const fault = faults.holdLane('shard-0', { forMs: LONG_MS });
    const waiting = [1, 2, 3].map((n) => call(echo0, 'echo', n).then((value) => order.push(value)));
    order.push(await call(echo1, 'echo', 'other'));
    expect(order).toEqual(['other']);
    expect(faults.holdLane('shard-0', { forMs: LONG_MS })).toBeUndefined();
    fault?.end();
    await Promise.all(waiting);
    expect(order).toEqual(['other', 1, 2, 3]);
  });

  test('its time is over, flows by itself', async () => {
    node = await startNode(BASE);
    const ended = new Promise<void>((onEnd) => {
      faults.holdLane('shard-0', { forMs: 30, onEnd });
    });
    const answer = call(echo0, 'echo', 1);
    await ended;
    expect(await answer).toBe(1);
  });

  test('its thread is replaced, the new lane is free and the end of the fault changes nothing', async () => {
    node = await startNode(BASE);
    const fault = faults.holdLane('shard-0', { forMs: LONG_MS });
    const lost = reason(call(echo0, 'echo', 1));
    const back = new Promise<void>((resolve) => {
      onUp = resolve;
    });
    node.terminateSlot('shard-0');
    expect(await lost).toBe('noconnection');
    await back;
    expect(await call(echo0, 'echo', 2)).toBe(2);
    fault?.end();
    expect(await call(echo0, 'echo', 3)).toBe(3);
  });

  test('no such lane, is undefined', async () => {
    expect(faults.holdLane('shard-0', { forMs: 1 })).toBeUndefined();
    node = await startNode(BASE);
    expect(faults.holdLane('nowhere', { forMs: 1 })).toBeUndefined();
    expect(faults.holdLane('main', { forMs: 1 })).toBeUndefined();
    expect(() => faults.holdLane('shard-0', { forMs: 0 })).toThrow(RangeError);
  });
});

describe('breakLane', () => {
  test('two threads, take each other for dead, main reaches both, and talk again when it is over', async () => {
    node = await startNode(BASE);
    const far = await call(echo1, 'self');
    await call(echo0, 'watch', far);
    const join = node.breakLane('shard-0', 'shard-1', LONG_MS);
    await call(echo0, 'echo', 1);
    expect(await reason(call(echo0, 'relay', [echo1]))).toBe('noconnection');
    expect(await call(echo0, 'downs')).toMatchObject([{ reason: 'noconnection' }]);
    expect(await call(echo1, 'echo', 2)).toBe(2);
    join?.();
    join?.();
    await call(echo1, 'echo', 0);
    expect(await call(echo0, 'relay', [echo1])).toBe('end');
    expect(await call(echo1, 'relay', [echo0])).toBe('end');
    expect(await call(echo1, 'self')).toBe(far);
  });

  test('a call under way, fails noconnection on the side of its caller', async () => {
    node = await startNode(BASE);
    const relayed = call(echo0, 'relay', [echo1, echo1]);
    const held = call(echo1, 'wait').catch(() => 'never');
    node.breakLane('shard-0', 'shard-1', LONG_MS)?.();
    expect(['noconnection', 'end', 'callingSelf']).toContain(await reason(relayed));
    await node.stop();
    expect(await held).toBe('never');
  });

  test('its time is over, the lane is there by itself', async () => {
    node = await startNode(BASE);
    node.breakLane('shard-0', 'shard-1', 30);
    await call(echo0, 'echo', 1);
    expect(await call(echo0, 'relay', [echo1])).toBe('noconnection');
    let answer: unknown;
    while (answer !== 'end') answer = await call(echo0, 'relay', [echo1]);
  });

  test('one of them is replaced meanwhile, keeps the lane that the new thread brought', async () => {
    node = await startNode(BASE);
    const join = node.breakLane('shard-0', 'shard-1', LONG_MS);
    await node.restartSlot('shard-1');
    expect(await call(echo0, 'relay', [echo1])).toBe('end');
    join?.();
    expect(await call(echo0, 'relay', [echo1])).toBe('end');
    expect(node.breakLane('shard-0', 'shard-0', 1)).toBeUndefined();
    expect(node.breakLane('shard-0', 'nowhere', 1)).toBeUndefined();
    expect(() => node?.breakLane('shard-0', 'shard-1', 0)).toThrow(RangeError);
  });
});
