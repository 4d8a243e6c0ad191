/** What reports leave behind for the rows of the tree. */
import { beforeEach, expect, test } from 'vitest';
import type { AnyRef, Report } from '../../runtime/index.ts';
import { CrashLog } from './tree-crashes.ts';

let log: CrashLog;
beforeEach(() => {
  log = new CrashLog();
});
const ref = 1 as AnyRef;
const error = { error: { name: 'TypeError', message: 'no such thing', stack: '' } };

function crash(actor: string, at = 5): Report {
  return { kind: 'crash', slot: 'shard-0', at, ref, actor, op: 'append', reason: error } as Report;
}

test('CrashLog: crashes of an entity are counted, the last one stays with its op', () => {
  log.take(crash('stream:4711'));
  log.take(crash('stream:4711', 9));
  expect(log.of('shard-0', 'stream/4711')).toEqual({
    last: { at: 9, reason: 'TypeError: no such thing', op: 'append' },
    count: 2,
  });
  expect(log.of('shard-1', 'stream/4711')).toBeUndefined();
  log.take(crash('stream:4712'));
  expect(log.ofType('shard-0', 'stream')).toBe(3);
});

test('CrashLog: a named actor by its name', () => {
  log.take(crash('reader(log/reader)'));
  expect(log.of('shard-0', 'log%2Freader')?.count).toBe(1);
});

test('CrashLog: an end by force is a crash without an op, other ends of children are none', () => {
  const failed = { kind: 'childFailed', slot: 'shard-0', at: 7, supervisor: 'stream' } as const;
  log.take({ ...failed, child: '4711', phase: 'exit', reason: 'killed' });
  log.take({ ...failed, child: 'presence', phase: 'exit', reason: 'killed' });
  log.take({ ...failed, child: '4712', phase: 'exit', reason: error });
  log.take({ ...failed, child: '4713', phase: 'shutdown', reason: 'killed' });
  expect(log.of('shard-0', 'stream/4711')?.last).toEqual({ at: 7, reason: 'killed', op: null });
  expect(log.of('shard-0', 'presence')?.count).toBe(1);
  expect(log.size).toBe(2);
});

test('CrashLog: a thread that hangs, goes down and comes up again', () => {
  const culprit = { ref, op: 'append' };
  const about = { slot: 'main', at: 3, thread: 'shard-0' } as const;
  log.take({ kind: 'hung', ...about, silentMs: 5000, culprit });
  expect(log.thread('shard-0').state).toBe('hung');
  log.take({ kind: 'threadDown', ...about, incarnation: 1, reason: { message: 'silent' } });
  expect(log.thread('shard-0')).toMatchObject({
    state: 'down',
    last: { at: 3, reason: 'silent', op: null },
  });
  log.take({ kind: 'threadUp', ...about, incarnation: 2, tookMs: 1 });
  expect(log.thread('shard-0')).toMatchObject({ state: 'running', last: { reason: 'silent' } });
});

test('CrashLog: at its bound the actor that crashed longest ago is forgotten and counted', () => {
  for (let key = 0; key <= 4096; key++) log.take(crash(`stream:${key}`));
  expect(log.size).toBe(4096);
  expect(log.forgotten).toBe(1);
  expect(log.of('shard-0', 'stream/0')).toBeUndefined();
  expect(log.of('shard-0', 'stream/4096')).toBeDefined();
});

test('CrashLog: a long reason is cut', () => {
  const reason = { error: { name: 'Error', message: 'x'.repeat(10_000), stack: '' } };
  log.take({ ...crash('stream:1'), reason } as Report);
  expect(log.of('shard-0', 'stream/1')?.last.reason.length).toBeLessThan(400);
});
