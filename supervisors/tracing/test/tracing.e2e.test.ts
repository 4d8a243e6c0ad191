/** A real server with a real collector: one trace from the client's request to the sockets, over every thread between. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { AdminClient } from '../../admin/index.ts';
import { driftway } from '../../test/support/cli.ts';
import { HttpClient, type Login } from '../../test/support/http-client.ts';
import { RawClient } from '../../test/support/raw-client.ts';
import { ServerProcess, until } from '../../test/support/server-process.ts';
import { asNumber, OP } from '../../test/support/wire.ts';
import type { MessagePath } from '../message-path.ts';
import { OtlpReceiver, type ReceivedSpan } from './otlp-receiver.ts';

const CANARY = 'canary-content-4711';
const KIND_MESSAGE = 1;

let receiver: OtlpReceiver;
let server: ServerProcess;
let http: HttpClient;
let admin: AdminClient;
let owner: Login;
let gid: number;
let sid: number;
const clients: RawClient[] = [];

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  server = await ServerProcess.start({
    env: {
      DRIFTWAY_GATEWAY_THREADS: '2',
      DRIFTWAY_SHARD_THREADS: '2',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=chat',
      OTEL_TRACES_SAMPLER: 'parentbased_always_off',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    },
  });
  http = new HttpClient(server.port);
  owner = await http.register('tracer');
  const guild = await http.guild(owner.accessToken, 1);
  ({ gid } = guild);
  sid = guild.sids[0] as number;
  admin = await AdminClient.connect({ socketPath: `${server.dataDir}/admin.sock` });
}, 60_000);

// A user has ten connections.
afterEach(() => {
  for (const client of clients.splice(0)) client.socket.cut();
});

afterAll(async () => {
  await admin.close();
  http.close();
  await server.dispose();
  await receiver.close();
});

/** A connection that has identified; with a traceparent, its requests are traced. */
async function connect(traceparent?: string): Promise<RawClient> {
  const headers = traceparent === undefined ? {} : { headers: { traceparent } };
  const client = await RawClient.open({ port: server.port, ...headers });
  clients.push(client);
  await client.identify(owner.accessToken);
  return client;
}

async function append(client: RawClient, nonce: string): Promise<number> {
  const [, seq] = await client.ask(OP.append, [sid, nonce, KIND_MESSAGE, CANARY]);
  return asNumber(seq, 'seq');
}

/** The caller's span, above all of ours. */
const CALLER = '00f067aa0ba902b7';

const parentOf = (traceId: string, isSampled = true): string =>
  `00-${traceId}-${CALLER}-${isSampled ? '01' : '00'}`;

const named =
  (traceId: string, name: string) =>
  (spans: readonly ReceivedSpan[]): ReceivedSpan | undefined =>
    spans.find((span) => span.traceId === traceId && span.name === name);

/** Spans from the topmost one that has come to this one. */
function wayTo(span: ReceivedSpan): ReceivedSpan[] {
  const parent = receiver.spans.find(
    ({ spanId, traceId }) => traceId === span.traceId && spanId === span.parentSpanId,
  );
  return parent === undefined ? [span] : [...wayTo(parent), span];
}

/** Names from the root of the trace to this span. */
const pathTo = (span: ReceivedSpan): string[] => wayTo(span).map(({ name }) => name);

/** The span, once all above it have come too: threads tell of theirs one by one. */
const whole =
  (find: (spans: readonly ReceivedSpan[]) => ReceivedSpan | undefined) =>
  (spans: readonly ReceivedSpan[]): ReceivedSpan | undefined => {
    const span = find(spans);
    return span !== undefined && wayTo(span)[0]?.parentSpanId === CALLER ? span : undefined;
  };

test('APPEND: on a connection with a sampled traceparent, one trace reaches the sockets over all threads', async () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const reader = await connect();
  await reader.sub([[sid]]);
  const writer = await connect(parentOf(traceId));
  expect(writer.socket.responseHeaders.get('traceparent')).toMatch(
    new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`),
  );
  const seq = await append(writer, 'traced-1');
  const isFanOut = ({ attributes, name, traceId: of }: ReceivedSpan): boolean =>
    name === 'fan-out' && of === traceId && attributes['driftway.seq'] === seq;
  const fanOut = await receiver.waitFor(
    'fan-out',
    whole((spans) => spans.find(isFanOut)),
  );
  expect(pathTo(fanOut)).toEqual([
    'WS upgrade',
    'WS APPEND',
    'stream append',
    'log append',
    'fan-out publish',
    'fan-out',
  ]);
  const commit = await receiver.waitFor('commit', whole(named(traceId, 'log commit')));
  expect(pathTo(commit).slice(0, 5)).toEqual([
    'WS upgrade',
    'WS APPEND',
    'stream append',
    'log append',
    'store write',
  ]);
  expect(commit.attributes).toMatchObject({ 'thread.name': 'store', 'driftway.changes': 1 });
  expect(fanOut.attributes).toMatchObject({ 'driftway.sid': sid, 'driftway.sockets': 1 });
  expect(fanOut.resource).toMatchObject({
    'service.name': 'driftway',
    'deployment.environment': 'test',
  });
  expect(receiver.headers[0]).toMatchObject({ 'x-tenant': 'chat' });
  // Times of all threads are of one clock: a child never begins before its parent.
  for (const span of receiver.spans.filter(({ traceId: of }) => of === traceId)) {
    const parent = receiver.spans.find(({ spanId }) => spanId === span.parentSpanId);
    expect(span.startMs, span.name).toBeGreaterThanOrEqual((parent?.startMs ?? 0) - 0.01);
  }
});

test('trace.message: of a traced message, tells where it was accepted, stored and fanned out to how many', async () => {
  const readers = await Promise.all([connect(), connect(), connect()]);
  await Promise.all(readers.map((each) => each.sub([[sid]])));
  const writer = await connect(parentOf('0af7651916cd43dd8448eb211c80319c'));
  const seq = await append(writer, 'traced-2');
  const path = await until('the path', 10_000, async () => {
    const got = (await admin.call('trace.message', { sid, seq })) as MessagePath;
    // The threads tell of their spans one by one.
    return got.stored === null || got.sockets < readers.length ? undefined : got;
  });
  expect(path).toMatchObject({ sid, seq, traceId: '0af7651916cd43dd8448eb211c80319c' });
  expect(path.accepted).toMatchObject({ request: 'WS APPEND' });
  expect(path.accepted?.thread).toMatch(/^gateway-/);
  expect(path.ordered?.thread).toMatch(/^shard-/);
  expect(path.stored?.transactionMs).toBeGreaterThan(0);
  expect(path.sockets).toBe(path.fannedOut.reduce((sum, { sockets }) => sum + sockets, 0));
  expect(path.sockets).toBeGreaterThanOrEqual(readers.length);
  expect(path.threads).toBe(path.fannedOut.length);
  expect(path.slowest?.afterMs).toBeGreaterThan(path.stored?.afterMs ?? Number.NaN);
});

test('driftway trace message: of a traced message, prints its way in lines, or the same as JSON', async () => {
  const traceId = '1af7651916cd43dd8448eb211c80319d';
  const reader = await connect();
  await reader.sub([[sid]]);
  const seq = await append(await connect(parentOf(traceId)), 'traced-3');
  const words = ['trace', 'message', String(sid), String(seq), '--data-dir', server.dataDir];
  const ran = await driftway(words);
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  expect(ran.stdout).toMatch(new RegExp(`^message ${seq} of channel ${sid}, trace ${traceId}\n`));
  expect(ran.stdout).toMatch(/\naccepted +\d\d:\d\d:\d\d\.\d{3} gateway-\d: WS APPEND, answered/);
  expect(ran.stdout).toMatch(/\nstored +\+\d+\.\d\d ms shard-\d, transaction \d+\.\d\d ms with/);
  expect(ran.stdout).toMatch(
    /\n\d+ sockets? on \d threads?, slowest gateway-\d after \d+\.\d\d ms\n$/,
  );
  const asJson = await driftway([...words, '--json']);
  expect(asJson.json<MessagePath>()).toMatchObject({ sid, seq, traceId });
});

test('trace.message: of a message that was not sampled, not_found with the way to sample', async () => {
  const seq = await append(await connect(), 'plain-1');
  await expect(admin.call('trace.message', { sid, seq })).rejects.toMatchObject({
    code: 'not_found',
  });
});

test('POST messages: with a sampled traceparent, the answer names the span and the trace reaches the log', async () => {
  const traceId = 'a3ce929d0e0e47364bf92f3577b34da6';
  const answer = await http.api(`/channels/${sid}/messages`, {
    token: owner.accessToken,
    body: { content: CANARY, nonce: 'http-1' },
    headers: { traceparent: parentOf(traceId) },
  });
  expect(answer.status).toBe(201);
  const [, of, spanId, flags] = String(answer.headers.traceparent).split('-');
  expect([of, flags]).toEqual([traceId, '01']);
  const commit = await receiver.waitFor('commit', whole(named(traceId, 'log commit')));
  const [root] = pathTo(commit);
  expect(root).toBe('POST /api/v1/channels/:id/messages');
  const request = named(traceId, root ?? '')(receiver.spans);
  expect(request).toMatchObject({ spanId, parentSpanId: CALLER, kind: 2 });
  expect(request?.attributes).toMatchObject({ 'http.response.status_code': 201 });
});

test('GET: with a traceparent that is not sampled, it is answered as such and nothing is recorded', async () => {
  const traceId = 'ffce929d0e0e47364bf92f3577b34dff';
  const answer = await http.api('/users/@me', {
    token: owner.accessToken,
    headers: { traceparent: parentOf(traceId, false) },
  });
  expect(answer.headers.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  const plain = await http.api('/users/@me', { token: owner.accessToken });
  expect(plain.headers).not.toHaveProperty('traceparent');
  const broken = await http.api('/users/@me', {
    token: owner.accessToken,
    headers: { traceparent: '00-zz-1-01' },
  });
  expect(broken.headers).not.toHaveProperty('traceparent');
  expect(receiver.spans.filter((span) => span.traceId === traceId)).toEqual([]);
});

test('trace.sample: 1 for a time, any message is traced; the spans hold no content and no token', async () => {
  await admin.call('trace.sample', { ratio: 1, forMs: 30_000 });
  const seq = await append(await connect(), 'sampled-1');
  const path = await until('the path', 10_000, async () => {
    const got = await admin.call('trace.message', { sid, seq }).catch(() => undefined);
    return (got as MessagePath | undefined)?.accepted ?? undefined;
  });
  expect(path.request).toBe('WS APPEND');
  await http.api(`/guilds/${gid}/channels`, { token: owner.accessToken });
  await receiver.waitFor('a request', (spans) =>
    spans.find(({ name }) => name === 'GET /api/v1/guilds/:id/channels'),
  );
  const { entries } = (await admin.call('audit', {})) as {
    entries: { verb: string; phase: string }[];
  };
  expect(entries.filter(({ verb }) => verb === 'trace.sample').map(({ phase }) => phase)).toContain(
    'done',
  );
  const { text: metrics } = await http.raw('/metrics');
  expect(metrics).toMatch(/^driftway_tracing_exported\S* [1-9]/m);
  expect(metrics).toMatch(/^driftway_tracing_spans_dropped\S* 0$/m);
  expect(metrics).toMatch(/^driftway_trace_parents_refused\S* 0$/m);
  const text = JSON.stringify(receiver.spans);
  expect(text).not.toContain(CANARY);
  expect(text).not.toContain(owner.accessToken.slice(0, 20));
});

test('SIGTERM: spans that wait are still sent', async () => {
  await admin.call('trace.sample', { ratio: 1, forMs: 30_000 });
  const seq = await append(await connect(), 'last-1');
  server.signal('SIGTERM');
  await server.exit;
  expect(
    receiver.spans.some(
      ({ attributes, name }) => name === 'WS APPEND' && attributes['driftway.seq'] === seq,
    ),
  ).toBe(true);
});
