/** Traces of appends that wait for a commit together: each keeps its own, the commit is of the first and linked to the others. */
import { beforeEach, expect, test } from 'vitest';
import { newTraceId, Span, type SpanRecord, takeSpans, withTrace } from '../runtime/index.ts';
import { SID, StreamRig } from './test/kit.ts';

const A = 11;

beforeEach(() => {
  takeSpans();
});

const root = (): Span => new Span(newTraceId(16), '', 'root');
const commits = (): SpanRecord[] => takeSpans().filter(({ name }) => name === 'log append');

async function warm(): Promise<StreamRig> {
  const rig = await new StreamRig().start();
  await rig.append(A, 'warm', 1, ['w']);
  return rig;
}

test('append: traced, the commit is a span under it with the numbers of its events', async () => {
  const rig = await warm();
  const { context } = root();
  await withTrace(context, () => rig.append(A, 'n1', 1, ['hi']));
  expect(commits()).toMatchObject([
    {
      traceId: context.traceId,
      parentId: context.spanId,
      error: '',
      attributes: { 'driftway.sid': SID, 'driftway.seq': 2, 'driftway.seq_last': 2 },
    },
  ]);
});

test('append: others in flight before and after, only the commit with a traced one is a span', async () => {
  const rig = await warm();
  const [one, two] = [root(), root()];
  const first = rig.send(A, 'a', 1, ['alone in its commit']);
  const others = [
    rig.send(A, 'b', 1, ['untraced']),
    withTrace(one.context, () => rig.send(A, 'c', 1, ['first trace'])),
    withTrace(two.context, () => rig.send(A, 'd', 1, ['second trace'])),
  ];
  await Promise.all([first, ...others]);
  await rig.append(A, 'e', 1, ['after']);
  const spans = commits();
  expect(spans).toMatchObject([
    {
      traceId: one.context.traceId,
      links: [{ traceId: two.context.traceId, spanId: two.context.spanId }],
      attributes: { 'driftway.seq': 3, 'driftway.seq_last': 5, 'driftway.events': 3 },
    },
  ]);
});

test('append: traced and refused, no commit and nothing is kept', async () => {
  const rig = await warm();
  await withTrace(root().context, () => rig.append(A, 'bad', 2, [77, 'edit of nothing']));
  await rig.append(A, 'next', 1, ['x']);
  expect(commits()).toEqual([]);
});
