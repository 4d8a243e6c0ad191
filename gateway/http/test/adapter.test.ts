/**
 * The adapter over real sockets: raw requests by node:net against uWebSockets.js, since a decent HTTP
 * client cannot send what a hostile one can. The native app lives in this process and is closed at the end.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadUws, type us_listen_socket } from '../../../native/index.ts';
import { type Clock, systemClock } from '../../../runtime/index.ts';
import { type AdapterStats, attachHttp } from '../adapter.ts';
import type { RequestEnv } from '../types.ts';
import { Harness } from './harness.ts';

/** The system's clock, but the time limit of a body runs out when the test says so. */
const pending = new Set<() => void>();
const clock: Clock = {
  ...systemClock,
  setTimeout: (fn) => {
    pending.add(fn);
    return fn as unknown as Record<string, never>;
  },
  clearTimeout: (handle) => pending.delete(handle as unknown as () => void),
};

interface Seen {
  readonly request: Request;
  readonly env: RequestEnv;
}

let port = 0;
let stats: () => AdapterStats;
let close: () => void;
let h: Harness;
/** What the handler does instead of asking the app, and what it saw. */
let handle: ((request: Request, env: RequestEnv) => Promise<Response>) | undefined;
const seen: Seen[] = [];
const logged: string[] = [];

beforeAll(async () => {
  const uws = loadUws();
  const app = uws.App();
  const log = (fields: object, message: string) =>
    logged.push(`${message} ${JSON.stringify(fields)}`);
  const handler = (request: Request, env: RequestEnv): Promise<Response> => {
    seen.push({ request, env });
    return handle === undefined ? h.app.fetch(request, env) : handle(request, env);
  };
  const options = { clock, log: { debug: log, info: log, warn: log, error: log }, inflightMax: 8 };
  stats = () => attached.stats();
  const attached = attachHttp(app, handler, options);
  const listening = await new Promise<us_listen_socket>((resolve, reject) => {
    app.listen('127.0.0.1', 0, (socket) =>
      socket ? resolve(socket) : reject(new Error('no port')),
    );
  });
  port = uws.us_socket_local_port(listening);
  close = () => app.close();
});
afterAll(() => close());
beforeEach(async () => {
  h = await Harness.create();
  handle = undefined;
  seen.length = 0;
});

interface RawAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** One connection that is spoken to in bytes. */
class Raw {
  readonly socket: Socket;
  #text = '';
  #ended = false;

  constructor() {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('latin1');
    this.socket.on('data', (chunk: string) => {
      this.#text += chunk;
    });
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => {
      this.#ended = true;
    });
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** The next answer; `bodiless` for HEAD and 204. */
  async answer(bodiless = false): Promise<RawAnswer> {
    for (;;) {
      const parsed = this.#parse(bodiless);
      if (parsed !== undefined) return parsed;
      if (this.#ended)
        throw new Error(`the connection ended after ${JSON.stringify(this.#text.slice(0, 200))}`);
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')]);
    }
  }

  async closed(): Promise<string> {
    if (!this.#ended) await once(this.socket, 'close');
    return this.#text;
  }

  end(): void {
    this.socket.destroy();
  }

  #parse(bodiless: boolean): RawAnswer | undefined {
    const headEnd = this.#text.indexOf('\r\n\r\n');
    if (headEnd < 0) return undefined;
    const [first = '', ...lines] = this.#text.slice(0, headEnd).split('\r\n');
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const length = bodiless ? 0 : Number(headers['content-length'] ?? 0);
    if (this.#text.length < headEnd + 4 + length) return undefined;
    const body = this.#text.slice(headEnd + 4, headEnd + 4 + length);
    this.#text = this.#text.slice(headEnd + 4 + length);
    return { status: Number(first.split(' ')[1]), headers, body };
  }
}

const REGISTER = '{"username":"alice","password":"12345678"}';
const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const post = (body: string, more = `Content-Length: ${body.length}\r\n`): string =>
  `POST /api/v1/auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${more}\r\n${body}`;
const code = (answer: RawAnswer): unknown => (JSON.parse(answer.body) as { code: string }).code;
/** Resolves when `check` holds; events of the sockets drive the loop meanwhile. */
async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve));
}

describe('ordinary requests', () => {
  test('GET and POST on one connection, address from the socket, one Content-Length', async () => {
    const raw = new Raw();
    const health = await raw.send(get('/health')).answer();
    expect(health.status).toBe(200);
    expect(JSON.parse(health.body)).toEqual(h.health);
    expect(health.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(health.headers['x-request-id']).toMatch(/^[\w-]{16}$/);
    const made = await raw.send(post(REGISTER)).answer();
    expect(made.status).toBe(201);
    const again = await raw.send(post(REGISTER)).answer();
    expect([again.status, code(again)]).toEqual([409, 'username_taken']);
    expect(seen.map(({ env }) => env.ip)).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1']);
    raw.end();
  });

  test('a chunked body, a body in single bytes, a body without length', async () => {
    const raw = new Raw();
    const chunks = `5\r\n${REGISTER.slice(0, 5)}\r\n${(REGISTER.length - 5).toString(16)}\r\n${REGISTER.slice(5)}\r\n0\r\n\r\n`;
    const chunked = await raw
      .send(`${post('', 'Transfer-Encoding: chunked\r\n')}${chunks}`)
      .answer();
    expect(chunked.status).toBe(201);
    const bytes = post(REGISTER.replace('alice', 'bobby'));
    raw.socket.setNoDelay(true);
    for (const byte of bytes) {
      raw.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await raw.answer()).status).toBe(201);
    const empty = await raw.send(post('', '')).answer();
    expect([empty.status, code(empty)]).toEqual([422, 'invalid']);
    raw.end();
  });

  test('HEAD has the head of GET, with its length and without its body', async () => {
    const raw = new Raw();
    const full = await raw.send(get('/health')).answer();
    const head = await raw.send(get('/health').replace('GET', 'HEAD')).answer(true);
    expect(head.status).toBe(200);
    expect(head.headers['content-length']).toBe(full.headers['content-length']);
    expect(head.headers['content-type']).toBe(full.headers['content-type']);
    const next = await raw.send(get('/ready')).answer();
    expect(next.status).toBe(200);
    raw.end();
  });

  test('204 has neither body nor Content-Length', async () => {
    const raw = new Raw();
    const body = '{"refreshToken":"x"}';
    const request = post(body).replace('/register', '/logout');
    const answer = await raw.send(request).answer(true);
    expect(answer.status).toBe(204);
    expect(answer.headers['content-length']).toBeUndefined();
    expect((await raw.send(get('/ready')).answer()).status).toBe(200);
    raw.end();
  });

  test('query, path and header bytes arrive as sent', async () => {
    const raw = new Raw();
    const answer = await raw
      .send(get('/api/v1/invites/a%2Fb?x=%20&y', 'X-Odd: caf\u00e9\r\n'))
      .answer();
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'bad_request', field: 'x' });
    expect(seen[0]?.request.url).toBe('http://driftway/api/v1/invites/a%2Fb?x=%20&y');
    raw.end();
  });

  test.each(['PUT', 'TRACE', 'CONNECT', 'FOO', 'patch'])('method %s is 405', async (method) => {
    const raw = new Raw();
    const answer = await raw.send(get('/api/v1/users/@me').replace('GET', method)).answer();
    expect([answer.status, code(answer)]).toEqual([405, 'method_not_allowed']);
    raw.end();
  });

  test('a WebSocket path without upgrade and an unknown path have error bodies', async () => {
    const raw = new Raw();
    expect((await raw.send(get('/gw')).answer()).status).toBe(426);
    const answer = await raw.send(get('/nope', 'X-Request-Id: my-id\r\n')).answer();
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'not_found', requestId: 'my-id' });
    raw.end();
  });
});

describe('large and slow bodies', () => {
  test('70 KiB: 413, and the connection goes on', async () => {
    const raw = new Raw();
    const refused = stats().refusedBodies;
    const answer = await raw.send(post('x'.repeat(70 * 1024))).answer();
    expect([answer.status, code(answer)]).toEqual([413, 'too_large']);
    expect((await raw.send(get('/ready')).answer()).status).toBe(200);
    expect(stats().refusedBodies).toBe(refused + 1);
    expect(seen[0]?.env.body).toBeUndefined();
    raw.end();
  });

  test('64 KiB exactly is read whole', async () => {
    const raw = new Raw();
    handle = async () => new Response('ok');
    await raw.send(post('x'.repeat(64 * 1024))).answer();
    expect(seen[0]?.env.body?.length).toBe(65_536);
    raw.end();
  });

  test('70 KiB chunked: 413', async () => {
    const raw = new Raw();
    const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;
    const answer = await raw
      .send(`${post('', 'Transfer-Encoding: chunked\r\n')}${chunk.repeat(18)}0\r\n\r\n`)
      .answer();
    expect(answer.status).toBe(413);
    raw.end();
  });

  test('2 MiB declared: 413 before any of it is read, then closed', async () => {
    const raw = new Raw();
    const answer = await raw.send(post('', 'Content-Length: 2097152\r\n')).answer();
    expect(answer.status).toBe(413);
    await raw.closed();
  });

  test('endless chunks: cut once the bound is passed', async () => {
    const raw = new Raw();
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    raw.send(post('', 'Transfer-Encoding: chunked\r\n'));
    for (let i = 0; i < 17; i++) raw.send(chunk);
    await raw.closed();
    expect(seen[0]?.env.problem).toBe('tooLarge');
  });

  test('a body that does not come in time: 400, then closed; nothing of it is kept', async () => {
    const raw = new Raw();
    raw.send(post('{"user', 'Content-Length: 60\r\n'));
    await until(() => pending.size === 1);
    for (const fire of [...pending]) fire();
    const answer = await raw.answer();
    expect([answer.status, code(answer)]).toEqual([400, 'bad_request']);
    await raw.closed();
    expect(seen[0]?.env).toEqual({ ip: '127.0.0.1', problem: 'tooSlow' });
    pending.clear();
  });

  test('a timer is not left behind by a body that came', async () => {
    const raw = new Raw();
    await raw.send(post(REGISTER)).answer();
    expect(pending.size).toBe(0);
    raw.end();
  });
});

describe('hostile heads', () => {
  test.each([
    ['two different lengths', 'Content-Length: 42\r\nContent-Length: 5\r\n'],
    [
      'two equal lengths',
      `Content-Length: ${REGISTER.length}\r\nContent-Length: ${REGISTER.length}\r\n`,
    ],
    [
      'two tokens',
      `Authorization: Bearer a\r\nAuthorization: Bearer b\r\nContent-Length: ${REGISTER.length}\r\n`,
    ],
    ['two types', `Content-Type: text/plain\r\nContent-Length: ${REGISTER.length}\r\n`],
    ['an unknown transfer encoding', 'Transfer-Encoding: gzip\r\n'],
  ])('%s: 400 and closed, and what follows is never taken for a request', async (_what, more) => {
    const raw = new Raw();
    const text = await raw.send(post(REGISTER, more)).closed();
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toMatch(/connection: close/i);
    const pipelined = new Raw();
    const rest = await pipelined.send(post(REGISTER, more) + get('/ready')).closed();
    expect(rest).not.toMatch(/HTTP\/1\.1 200/);
    expect(seen.every(({ env }) => env.problem === 'badHead')).toBe(true);
  });

  test.each([
    '/api/v1/../metrics',
    '/api/v1/%2e%2e/metrics',
    '/./health',
    '/a/..',
    '/a\\b',
    '/health#x',
  ])('path %s: 400', async (path) => {
    const raw = new Raw();
    const answer = await raw.send(get(path)).answer();
    expect([answer.status, code(answer)]).toEqual([400, 'bad_request']);
    raw.end();
  });

  test('Content-Length with Transfer-Encoding never reaches a route', async () => {
    const raw = new Raw();
    const more = `Content-Length: ${REGISTER.length}\r\nTransfer-Encoding: chunked\r\n`;
    const text = await raw.send(post(REGISTER, more)).closed();
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(seen.every(({ env }) => env.problem === 'badHead')).toBe(true);
  });

  test('a PROXY header on the plain listener does not change the address', async () => {
    const raw = new Raw();
    const proxy = Buffer.concat([
      Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'),
      Buffer.from([9, 9, 9, 9, 127, 0, 0, 1, 0, 80, 0, 80]),
    ]);
    raw.socket.write(proxy);
    raw.send(get('/ready', 'X-Forwarded-For: 8.8.8.8\r\n'));
    await raw.answer();
    expect(seen[0]?.env.ip).toBe('127.0.0.1');
    raw.end();
  });
});

describe('aborts and failures', () => {
  test('a client that leaves during the body or the answer: nothing is written, nothing is left', async () => {
    const aborted = stats().aborted;
    const early = new Raw();
    early.send(post('{"user', 'Content-Length: 60\r\n'));
    await until(() => stats().inflight === 1);
    early.end();
    await until(() => stats().inflight === 0);
    expect(pending.size).toBe(0);
    let answer: (response: Response) => void = () => {};
    handle = () =>
      new Promise<Response>((resolve) => {
        answer = resolve;
      });
    const late = new Raw();
    late.send(get('/ready'));
    await until(() => seen.length === 1);
    late.end();
    await until(() => stats().inflight === 0);
    answer(new Response('too late'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(stats().aborted).toBe(aborted + 2);
    handle = undefined;
    const next = new Raw();
    expect((await next.send(get('/ready')).answer()).status).toBe(200);
    next.end();
  });

  test('a handler that throws or rejects ends the connection, not the process', async () => {
    const failed = stats().failed;
    for (const bad of [
      (): never => {
        throw new Error('at once');
      },
      () => Promise.reject(new Error('later')),
      async () => new Response(new ReadableStream({ start: (c) => c.error(new Error('body')) })),
    ]) {
      handle = bad;
      const raw = new Raw();
      expect(await raw.send(get('/ready')).closed()).toBe('');
    }
    expect(stats().failed).toBe(failed + 3);
    expect(stats().inflight).toBe(0);
    expect(logged.join()).not.toMatch(/at once|later/);
  });

  test('beyond inflightMax: 503 at once, and room again afterwards', async () => {
    const release: (() => void)[] = [];
    handle = (request, env) =>
      env.problem === undefined
        ? new Promise((resolve) => {
            release.push(() => resolve(new Response('done')));
          })
        : h.app.fetch(request, env);
    const waiting = Array.from({ length: 8 }, () => new Raw().send(get('/ready')));
    await until(() => release.length === 8);
    const over = new Raw();
    const answer = await over.send(get('/ready')).answer();
    expect([answer.status, code(answer)]).toEqual([503, 'unavailable']);
    expect(answer.headers['retry-after']).toBe('1');
    for (const done of release) done();
    for (const raw of waiting) {
      expect((await raw.answer()).body).toBe('done');
      raw.end();
    }
    handle = undefined;
    expect((await over.send(get('/ready')).answer()).status).toBe(200);
    over.end();
  });

  test('pipelined requests are answered in order while answers need no wait', async () => {
    const raw = new Raw();
    raw.send(get('/health') + get('/nope') + get('/ready'));
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await raw.answer()).status);
    expect(statuses).toEqual([200, 404, 200]);
    raw.end();
  });

  test('a request pipelined behind an answer that takes time: the connection ends, nothing is mixed up', async () => {
    const aborted = stats().aborted;
    handle = () =>
      new Promise((resolve) => {
        setImmediate(() => resolve(new Response('late')));
      });
    const raw = new Raw();
    expect(await raw.send(get('/health') + get('/ready')).closed()).toBe('');
    await until(() => stats().inflight === 0);
    expect(stats().aborted).toBe(aborted + 1);
  });
});
