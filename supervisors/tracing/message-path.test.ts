/** Where a message went, from spans as threads make them; and what is kept of them. */
import { expect, test } from 'vitest';
import type { SpanRecord } from '../../runtime/index.ts';
import { messagePath } from './message-path.ts';
import { SpanStore } from './span-store.ts';

const SID = 4711;
let made = 0;

function span(
  name: string,
  thread: string,
  [startMs, endMs]: readonly [number, number],
  more: Partial<SpanRecord> = {},
): SpanRecord {
  made += 1;
  return {
    ...{ traceId: 't1', spanId: `s${made}`, parentId: '', name, kind: 'internal', thread },
    ...{ startMs, endMs, error: '', attributes: {}, links: [] },
    ...more,
  };
}
const of = (seq: number, last?: number): SpanRecord['attributes'] => ({
  'driftway.sid': SID,
  'driftway.seq': seq,
  ...(last === undefined ? {} : { 'driftway.seq_last': last }),
});

const SPANS: readonly SpanRecord[] = [
  span('WS APPEND', 'gateway-0', [100, 110], { kind: 'server', attributes: of(7) }),
  span('stream append', 'shard-1', [101, 101.5], { attributes: { 'driftway.waited_ms': 0.75 } }),
  span('log append', 'shard-1', [101.5, 108], {
    attributes: of(6, 8),
    links: [{ traceId: 't2', spanId: 'x' }],
  }),
  span('log commit', 'store', [102, 107], {
    attributes: { 'driftway.transaction_ms': 4, 'driftway.group_changes': 12 },
  }),
  span('fan-out', 'gateway-1', [108, 112], { attributes: { ...of(6, 8), 'driftway.sockets': 30 } }),
  span('fan-out', 'gateway-0', [108, 109], { attributes: { ...of(6, 8), 'driftway.sockets': 12 } }),
  span('fan-out', 'gateway-0', [120, 121], { attributes: { ...of(9), 'driftway.sockets': 12 } }),
];

test('messagePath: of a message with a whole trace, accepted, ordered, stored, fanned out, slowest', () => {
  const path = messagePath(SPANS, { sid: SID, seq: 7 }, (ms) => ms + 1_000_000);
  expect(path).toMatchObject({
    traceId: 't1',
    accepted: { thread: 'gateway-0', request: 'WS APPEND', at: 1_000_100, afterMs: 0, tookMs: 10 },
    ordered: { thread: 'shard-1', afterMs: 1, waitedMs: 0.75 },
    stored: { thread: 'shard-1', afterMs: 8, transactionMs: 4, together: 12 },
    sockets: 42,
    threads: 2,
    slowest: { thread: 'gateway-1', afterMs: 12 },
  });
  expect(path?.fannedOut.map(({ thread }) => thread)).toEqual(['gateway-0', 'gateway-1']);
  expect(path?.spans).toHaveLength(SPANS.length);
});

test('messagePath: of a message that shared the commit of another trace, its own request and their fan-out', () => {
  const own = span('WS APPEND', 'gateway-1', [99, 111], {
    traceId: 't2',
    kind: 'server',
    attributes: of(8),
  });
  const path = messagePath([own, ...SPANS], { sid: SID, seq: 8 }, (ms) => ms);
  expect(path).toMatchObject({ traceId: 't2', sockets: 42, accepted: { thread: 'gateway-1' } });
  expect(path?.stored).toMatchObject({ afterMs: 9, transactionMs: 4 });
});

test('messagePath: of an HTTP request, whose span does not name the message, it is the root of the trace', () => {
  const [first, ...rest] = SPANS;
  const request = { ...(first as SpanRecord), name: 'POST /x', attributes: {} };
  const path = messagePath([request, ...rest], { sid: SID, seq: 7 }, (ms) => ms);
  expect(path?.accepted).toMatchObject({ request: 'POST /x' });
});

test('messagePath: only parts are kept, what is not known is null', () => {
  const path = messagePath([SPANS[4] as SpanRecord], { sid: SID, seq: 6 }, (ms) => ms);
  expect(path).toMatchObject({ accepted: null, ordered: null, stored: null, sockets: 30 });
  expect(messagePath(SPANS, { sid: SID, seq: 99 }, (ms) => ms)).toBeUndefined();
});

test('SpanStore: more than it holds, the oldest go', () => {
  const store = new SpanStore(3);
  store.add([1, 2, 3, 4].map((seq) => span('x', 'main', [seq, seq], { attributes: of(seq) })));
  expect(store.size).toBe(3);
  expect(store.ofMessage(SID, 1)).toEqual([]);
  store.add([span('y', 'main', [0, 9])]);
  // The same trace: all that is left of it, by the time of its start.
  expect(store.ofMessage(SID, 4).map(({ name }) => name)).toEqual(['y', 'x', 'x']);
});

test('SpanStore: a commit for several traces, the linked ones belong to the message as well', () => {
  const store = new SpanStore();
  const other = span('WS APPEND', 'gateway-0', [1, 2], { traceId: 't2' });
  store.add([...SPANS, other, span('z', 'main', [1, 2], { traceId: 't3' })]);
  expect(store.ofMessage(SID, 7)).toContain(other);
  expect(store.ofMessage(SID, 7).some(({ traceId }) => traceId === 't3')).toBe(false);
});
