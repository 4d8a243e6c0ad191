/** Trace context: what is sent while a sampled message is handled carries it on, and nothing else does. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  at,
  type Ctx,
  call,
  cast,
  currentTrace,
  defineActor,
  NOREPLY,
  type NodeHandle,
  newTraceId,
  onRequestHandled,
  onSpans,
  type Ref,
  requestContext,
  requestIdOf,
  Span,
  type SpanRecord,
  spawn,
  startNode,
  takeSpans,
  withTrace,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import type { EchoP } from './fixtures/slot.ts';
import { collectReports, reasonOf } from './support.ts';

interface HopP {
  /** Casts to itself are ignored: says under which trace it ran. */
  seen(): string;
  pass(to: Ref<HopP>): Promise<string>;
  passLate(m: { readonly to: Ref<HopP>; readonly when: Promise<void> }): Promise<string>;
  wrapped(m: { readonly to: Ref<HopP>; readonly when: Promise<void> }): string;
  fan(m: { readonly to: Ref<HopP>; readonly count: number }): void;
  again(times: number): void;
  crash(): void;
  putAside(): string;
  resume(): void;
}

const traceOf = (): string => currentTrace()?.traceId ?? 'none';

const Hop = defineActor<HopP, { open: boolean }>({
  name: 'hop',
  init: () => ({ open: false }),
  handle: {
    seen: traceOf,
    pass: (_s, to, ctx) => ctx.call(to, 'seen'),
    async passLate(_s, { to, when }, ctx) {
      await when;
      return ctx.call(to, 'seen');
    },
    wrapped(_s, { to, when }, ctx) {
      const { from } = ctx as Ctx<HopP>;
      const go = ctx.wrap(() => {
        void ctx.call(to, 'seen').then((seen) => from !== undefined && ctx.reply(from, seen));
      });
      void when.then(go);
      return NOREPLY as unknown as string;
    },
    fan(_s, { to, count }, ctx) {
      for (let i = 0; i < count; i++) ctx.cast(to, 'seen');
    },
    again(_s, times, ctx) {
      if (times > 0) ctx.cast(ctx.self, 'again', times - 1);
    },
    crash() {
      throw new Error('on purpose');
    },
    putAside(s, _arg, ctx) {
      if (!s.open) ctx.postpone();
      return traceOf();
    },
    resume(s, _arg, ctx) {
      s.open = true;
      ctx.resumePostponed();
    },
  },
});

const later = (): { promise: Promise<void>; go: () => void } => {
  let go: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    go = resolve;
  });
  return { promise, go };
};

/** Runs `fn` under a new root and gives what it gives. */
function traced<T>(fn: () => T): { readonly root: Span; readonly result: T } {
  const root = new Span(newTraceId(16), '', 'root');
  return { root, result: withTrace(root.context, fn) };
}

/** Names of the spans of a trace, each behind the name of its parent. */
function chain(spans: readonly SpanRecord[], root: Span): string[] {
  const names = new Map(spans.map((span) => [span.spanId, span.name]));
  return spans
    .filter(({ traceId }) => traceId === root.context.traceId)
    .map(({ name, parentId }) => `${names.get(parentId) ?? 'root'} > ${name}`);
}

let a: Ref<HopP>;
let b: Ref<HopP>;
beforeEach(async () => {
  collectReports();
  takeSpans();
  a = await spawn(Hop, undefined);
  b = await spawn(Hop, undefined);
});
afterEach(() => onSpans(null));

test('call: under a trace, the message and what its handler calls are spans of it, in a chain', async () => {
  const { root, result } = traced(() => call(a, 'pass', b));
  expect(await result).toBe(root.context.traceId);
  expect(chain(takeSpans(), root).sort()).toEqual(['hop pass > hop seen', 'root > hop pass']);
});

test('call: a message beside a traced one, it is not traced', async () => {
  const { result } = traced(() => call(a, 'seen'));
  expect(await call(a, 'seen')).toBe('none');
  expect(await result).not.toBe('none');
  expect(takeSpans()).toHaveLength(1);
  expect(currentTrace()).toBeNull();
});

test('ctx.call: after an await of the handler, the trace is still carried, and the span lasts until then', async () => {
  const { go, promise } = later();
  const { root, result } = traced(() => call(a, 'passLate', { to: b, when: promise }));
  await settle();
  expect(takeSpans()).toEqual([]);
  go();
  expect(await result).toBe(root.context.traceId);
  expect(chain(takeSpans(), root)).toEqual(['hop passLate > hop seen', 'root > hop passLate']);
});

test('ctx.wrap: a callback of foreign work, it runs under the trace of where it was made', async () => {
  const { go, promise } = later();
  const { root, result } = traced(() => call(a, 'wrapped', { to: b, when: promise }));
  const other = call(a, 'wrapped', { to: b, when: promise });
  go();
  expect(await result).toBe(root.context.traceId);
  expect(await other).toBe('none');
});

test('cast: many under one span, the first 16 and then powers of two carry the trace on', async () => {
  const { root } = traced(() => cast(a, 'fan', { to: b, count: 1000 }));
  await settle();
  const spans = takeSpans();
  expect(spans.filter(({ name }) => name === 'hop seen')).toHaveLength(16 + 5);
  const fan = spans.find(({ name }) => name === 'hop fan');
  expect(fan?.attributes['driftway.messages']).toBe(1000);
  expect(fan?.traceId).toBe(root.context.traceId);
});

test('cast: an actor that goes on by messages to itself, the trace ends after 32 of them', async () => {
  traced(() => cast(a, 'again', 100));
  await settle();
  expect(takeSpans()).toHaveLength(32);
});

test('postpone: a traced message put aside, it is handled under its trace later', async () => {
  const { root, result } = traced(() => call(a, 'putAside'));
  await settle();
  cast(a, 'resume');
  expect(await result).toBe(root.context.traceId);
});

test('crash: of the handler of a traced message, the span ends with an error without content', async () => {
  const { result } = traced(() => reasonOf(call(a, 'crash')));
  expect(await result).toHaveProperty('error');
  const [span] = takeSpans();
  expect(span).toMatchObject({ name: 'hop crash', error: 'crashed' });
  expect(JSON.stringify(span)).not.toContain('on purpose');
});

test('onSpans: spans end, it is told once until they are taken', async () => {
  let told = 0;
  onSpans(() => {
    told++;
  });
  await traced(() => call(a, 'pass', b)).result;
  expect(told).toBe(1);
  takeSpans();
  await traced(() => call(a, 'seen')).result;
  expect(told).toBe(2);
});

test('takeSpans: nobody drains, what waits is bounded', async () => {
  for (let i = 0; i < 5000; i++) new Span(newTraceId(16), '', 'one').end();
  expect(takeSpans(1000)).toHaveLength(1000);
  expect(takeSpans()).toHaveLength(3096);
});

test('call: over a lane, the spans of the other thread are of the same trace, and its answers untraced', async () => {
  const module = new URL('./fixtures/slot.ts', import.meta.url);
  const node: NodeHandle = await startNode({
    slots: [{ name: 'one', module, onDown: 'restart' }],
    watchdog: false,
    report: () => undefined,
  });
  try {
    const echo = at<EchoP>('one', 'echo');
    const here: Ref<EchoP> = await spawn<EchoP, null, undefined>(
      { name: 'here', init: () => null, handle: { echo: () => traceOf() } as never },
      undefined,
    );
    const { root, result } = traced(() => call(echo, 'forward', { to: here, value: 1 }));
    expect(await result).toBe(root.context.traceId);
    expect(await call(echo, 'forward', { to: here, value: 1 })).toBe('none');
    const [back] = takeSpans();
    expect(back).toMatchObject({ name: 'here echo', traceId: root.context.traceId });
    // Its parent is the span of the other thread, which is drained there.
    expect(back?.parentId).not.toBe(root.context.spanId);
    expect(back?.attributes['driftway.waited_ms']).toBeGreaterThanOrEqual(0);
  } finally {
    await node.stop();
  }
});

test('requestContext: carried as a trace is, told to the listener, kept nowhere', async () => {
  const handled: [string, string][] = [];
  onRequestHandled(({ name }, requestId) => handled.push([name, requestId]));
  const [one, two] = [await spawn(Hop, undefined), await spawn(Hop, undefined)];
  const seen = await withTrace(requestContext('r1'), () => call(one, 'pass', two));
  expect(requestIdOf(seen)).toBe('r1');
  expect(await call(one, 'seen')).toBe('none');
  expect(handled).toEqual([
    ['hop seen', 'r1'],
    ['hop pass', 'r1'],
  ]);
  expect(takeSpans()).toEqual([]);
  onRequestHandled(null);
  expect(await withTrace(requestContext('r2'), () => call(one, 'seen'))).toBe('@r2');
});

test('reports: a crash on behalf of a request or of a trace, names it; any other names none', async () => {
  const reports = collectReports();
  const crash = async (context: Parameters<typeof withTrace>[0]): Promise<void> => {
    const hop = await spawn(Hop, undefined);
    withTrace(context, () => cast(hop, 'crash', undefined));
    await settle();
  };
  await crash(requestContext('r3'));
  const traceId = newTraceId(16);
  await crash(new Span(traceId, '', 'root').context);
  await crash(null);
  const crashes = reports.filter(({ kind }) => kind === 'crash').map(({ trace }) => trace);
  expect(crashes).toEqual(['@r3', traceId, undefined]);
  expect(requestIdOf(traceId)).toBeUndefined();
  takeSpans();
});
