/** Spans at the edge: requests over HTTP and WebSocket, and the fan-out to sockets. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  call,
  currentTrace,
  defineActor,
  newTraceId,
  Span,
  spawn,
  systemClock,
  takeSpans,
  withTrace,
} from '../../runtime/index.ts';
import { Op } from '../protocol/index.ts';
import { FanOutSpans } from './fan-out-spans.ts';
import { traceHttp } from './http-spans.ts';
import { setTracePolicy } from './policy.ts';
import {
  beginRequest,
  dropRequests,
  endRequest,
  noteCommitted,
  noteRefused,
  type TracedConnection,
  traceUpgrade,
} from './request-spans.ts';
import { inTraceScope } from './scope.ts';
import { formatTraceparent } from './traceparent.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = formatTraceparent(TRACE, '00f067aa0ba902b7', true);
const ALL = { isOn: true, ratio: 1, followsParent: true };

beforeEach(() => {
  takeSpans();
  setTracePolicy(ALL, systemClock);
});
afterEach(() => setTracePolicy({ ...ALL, isOn: false }, systemClock));

const connection = (): TracedConnection => ({ no: 5, trace: null, spans: null });
const appendRequest = (rid: number) =>
  ({ op: Op.APPEND, rid, sid: 7, nonce: 'n', kind: 1, body: ['hi'] }) as never;

interface WhoP {
  who(): string;
}
const Who = defineActor<WhoP, null>({
  name: 'who',
  init: () => null,
  handle: { who: () => currentTrace()?.traceId ?? 'none' },
});

// ---------------------------------------------------------------- HTTP

test('traceHttp: sampled, calls behind awaits of the handler are under its trace, those beside it are not', async () => {
  const who = await spawn(Who, undefined);
  const ask = (): Promise<string> => inTraceScope(() => call(who, 'who'));
  const handler = traceHttp(async (_request, env) => {
    if (env.trace !== undefined) env.trace.route = '/things/:id';
    await Promise.resolve();
    return new Response(await ask(), { status: 200 });
  });
  const request = new Request('http://driftway/things/secret-code', {
    headers: { traceparent: PARENT },
  });
  const answering = handler(request, { ip: '127.0.0.1' });
  const beside = ask();
  const response = await answering;
  expect(await response.text()).toBe(TRACE);
  expect(await beside).toBe('none');
  expect(await ask()).toBe('none');
  const server = takeSpans().find(({ kind }) => kind === 'server');
  expect(server).toMatchObject({ name: 'GET /things/:id', traceId: TRACE });
  expect(response.headers.get('traceparent')).toBe(
    formatTraceparent(TRACE, server?.spanId ?? '', true),
  );
  expect(JSON.stringify(server)).not.toContain('secret-code');
});

test('traceHttp: off, the handler is given the request as it is and nothing is added', async () => {
  setTracePolicy({ ...ALL, isOn: false }, systemClock);
  const handler = traceHttp(async (_request, env) => new Response(String(env.trace)));
  const request = new Request('http://driftway/', { headers: { traceparent: PARENT } });
  const response = await handler(request, { ip: '127.0.0.1' });
  expect(await response.text()).toBe('undefined');
  expect(response.headers.has('traceparent')).toBe(false);
  expect(takeSpans()).toEqual([]);
});

test('traceHttp: an answer of 503 or a failure, the span ends with an error', async () => {
  const request = new Request('http://driftway/');
  const env = { ip: '127.0.0.1' };
  await traceHttp(async () => new Response(null, { status: 503 }))(request, env);
  const failing = traceHttp(() => Promise.reject(new Error('secret')))(request, env);
  await expect(failing).rejects.toThrow('secret');
  expect(takeSpans().map(({ error }) => error)).toEqual(['503', 'failed']);
});

// ---------------------------------------------------------------- WebSocket

test('beginRequest: answered, refused, crashed and dropped requests, each span ends once with what came of it', () => {
  const socket = connection();
  for (const rid of [1, 2, 3, 4]) beginRequest(socket, appendRequest(rid), systemClock.monotonic());
  noteCommitted(socket, 1, 42);
  endRequest(socket, 1);
  noteRefused(socket, 2, 303);
  endRequest(socket, 2);
  noteRefused(socket, 3, 501);
  endRequest(socket, 3);
  expect(socket.spans?.size).toBe(1);
  dropRequests(socket);
  expect(socket.spans).toBeNull();
  const facts = takeSpans().map(({ attributes: a, error }) => [
    a['driftway.seq'],
    a['driftway.err'],
    error,
  ]);
  expect(facts).toEqual([
    [42, undefined, ''],
    [undefined, 303, ''],
    [undefined, 501, '501'],
    [undefined, undefined, 'closed'],
  ]);
});

test('traceUpgrade: a sampled parent, requests of the connection are children of the upgrade', () => {
  const socket = connection();
  const upgraded = traceUpgrade(PARENT);
  socket.trace = upgraded?.trace ?? null;
  beginRequest(socket, appendRequest(1), systemClock.monotonic());
  endRequest(socket, 1);
  const [upgrade, append] = takeSpans();
  expect(upgrade).toMatchObject({ name: 'WS upgrade', parentId: '00f067aa0ba902b7' });
  expect(append).toMatchObject({ name: 'WS APPEND', parentId: upgrade?.spanId, traceId: TRACE });
  expect(upgraded?.header).toBe(formatTraceparent(TRACE, upgrade?.spanId ?? '', true));
});

test('traceUpgrade: a parent that is not sampled, it is answered and its requests are not traced', () => {
  const socket = connection();
  const upgraded = traceUpgrade(formatTraceparent(TRACE, '00f067aa0ba902b7', false));
  expect(upgraded?.header).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
  socket.trace = upgraded?.trace ?? null;
  expect(beginRequest(socket, appendRequest(1), systemClock.monotonic())).toBeNull();
  expect(takeSpans()).toEqual([]);
});

// ---------------------------------------------------------------- fan-out

test('FanOutSpans: a traced publish, one span with its range and its sockets when all is published', () => {
  const spans = new FanOutSpans();
  const topic = {
    sid: 7,
    seq: 12,
    joined: 30,
    slices: [
      { seq: 9, count: 20 },
      { seq: 9, count: 10 },
    ],
  };
  spans.begin(topic);
  expect(spans.size).toBe(0);
  const publish = new Span(newTraceId(16), '', 'publish');
  withTrace(publish.context, () => spans.begin(topic));
  expect(spans.size).toBe(1);
  spans.end({ ...topic });
  expect(takeSpans()).toEqual([]);
  spans.end(topic);
  expect(takeSpans()).toMatchObject([
    {
      name: 'fan-out',
      parentId: publish.context.spanId,
      attributes: {
        'driftway.sid': 7,
        'driftway.seq': 10,
        'driftway.seq_last': 12,
        'driftway.sockets': 30,
        'driftway.slices': 2,
      },
    },
  ]);
  expect(spans.size).toBe(0);
});
