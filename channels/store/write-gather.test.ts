/** WriteGather: what leaves together, at which bounds, and that each change keeps its own outcome. */
import { describe, expect, test } from 'vitest';
import { messagesCommit } from './test/fixtures.ts';
import type { Change, Outcome } from './types.ts';
import { WriteGather } from './write-gather.ts';

interface Rig {
  readonly gather: WriteGather;
  readonly batches: (readonly Change[])[];
  /** Settles the oldest batch that is in flight. */
  settle(outcome: readonly Outcome[] | Error): void;
}

function rig(): Rig {
  const batches: (readonly Change[])[] = [];
  const waiting: PromiseWithResolvers<readonly Outcome[]>[] = [];
  const gather = new WriteGather((changes) => {
    batches.push(changes);
    const one = Promise.withResolvers<readonly Outcome[]>();
    waiting.push(one);
    return one.promise;
  });
  const settle = (outcome: readonly Outcome[] | Error): void => {
    const one = waiting.shift();
    if (outcome instanceof Error) one?.reject(outcome);
    else one?.resolve(outcome);
  };
  return { gather, batches, settle };
}

const open = (sid: number): Change => ({ op: 'open', sid });
const done = (head: number): Outcome => ({ status: 'done', value: { ok: true, head } });

describe('WriteGather', () => {
  test('add: changes of one turn, one batch, each with its own outcome', async () => {
    const { gather, batches, settle } = rig();
    const got: unknown[] = [];
    for (const sid of [1, 2, 3]) gather.add(open(sid), (outcome) => got.push([sid, outcome]));
    expect(batches).toEqual([]);
    await Promise.resolve();
    expect(batches).toEqual([[open(1), open(2), open(3)]]);
    const unavailable: Outcome = { status: 'unavailable', retryMs: 5 };
    settle([done(1), unavailable, { status: 'unknown' }]);
    await gather.drained();
    expect(got).toEqual([
      [1, done(1)],
      [2, unavailable],
      [3, { status: 'unknown' }],
    ]);
  });

  test('add: batch full by count or by bytes, leaves at once and in order', async () => {
    const { gather, batches } = rig();
    for (let sid = 1; sid <= 257; sid += 1) gather.add(open(sid), () => undefined);
    expect(batches.map((changes) => changes.length)).toEqual([256]);
    const frame = new Uint8Array(300_000);
    const commit = messagesCommit({ sid: 1, fence: 1 }, 0, 1, () => ({ frame }));
    gather.add({ op: 'commit', commit }, () => undefined);
    expect(batches.map((changes) => changes.length)).toEqual([256, 2]);
    await Promise.resolve();
    expect(batches).toHaveLength(2);
  });

  test('add: batch without an answer, every change of it is told and no other', async () => {
    const { gather, settle } = rig();
    const got: unknown[] = [];
    const tell = (outcome: Outcome | undefined, error: unknown): void => {
      got.push(outcome ?? error);
    };
    gather.add(open(1), tell);
    gather.add(open(2), tell);
    gather.flush();
    gather.add(open(3), tell);
    gather.flush();
    const lost = new Error('lost');
    settle(lost);
    settle([done(3)]);
    await gather.drained();
    expect(got).toEqual([lost, lost, done(3)]);
  });
});
