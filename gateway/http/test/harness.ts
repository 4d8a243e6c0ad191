/** Drives the HTTP app of a FakeWorld with real tokens and a fake clock. Tests only. */
import { exportJWK, generateKeyPair } from 'jose';
import { expect } from 'vitest';
import { memoryStore } from '../../../channels/index.ts';
import type { Clock, Rng } from '../../../runtime/index.ts';
import {
  CachingTokenVerifier,
  createTokenIssuer,
  KeyRing,
  RevokedLogins,
  type SigningKey,
} from '../../auth/index.ts';
import { createRateTableBuffer, RateTable } from '../../rates/index.ts';
import { createHttpApp, type HttpApp } from '../app.ts';
import type { HealthReport, HttpDeps } from '../types.ts';
import { FakeWorld } from './fake-world.ts';

/** One thing of an answer, or the fields of several: tests say which they expect, and look. */
export interface AnswerItem {
  readonly id: string;
  readonly code: string;
  readonly name: string;
  readonly seq: number;
  readonly content: string;
  readonly user: { readonly id: string; readonly displayName: string };
  readonly [field: string]: unknown;
}

/** The parsed JSON of an answer, as the tests look at it. Not checked: what is not there is undefined. */
export interface AnswerBody extends AnswerItem {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: string;
  readonly field: string;
  readonly message: string;
  readonly requestId: string;
  readonly retryAfterMs: number;
  readonly items: readonly AnswerItem[];
  readonly next: string | null;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: AnswerBody;
}

export interface Ask {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly raw?: string | Uint8Array;
  readonly headers?: Record<string, string>;
  readonly ip?: string;
}

/** Wall and monotonic time in one number; timers run at once, moving the time on. */
export class JumpClock implements Clock {
  ms = 1_763_694_000_000;
  now(): number {
    return this.ms;
  }
  monotonic(): number {
    return this.ms;
  }
  setTimeout(fn: () => void, ms: number): Record<string, never> {
    queueMicrotask(() => {
      this.ms += ms;
      fn();
    });
    return {};
  }
  clearTimeout(): void {}
}

export class Harness {
  readonly world = new FakeWorld();
  readonly clock = new JumpClock();
  readonly logged: { level: string; fields: object; message: string }[] = [];
  health: HealthReport = {
    status: 'ok',
    version: '0.1.0',
    uptimeS: 5,
    checks: { gateway: { status: 'ok' } },
  };
  ready = true;
  readonly docs = memoryStore({ rng: { u32: () => 1 } }).docs;
  readonly app: HttpApp;
  readonly revoked: RevokedLogins;
  readonly rateTable: RateTable;
  readonly issue: (uid: number, login: string, scopes?: readonly string[]) => Promise<string>;

  private constructor(keys: KeyRing, change: Partial<HttpDeps>) {
    const { clock } = this;
    let seed = 1;
    const u32 = (): number => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0);
    const rng: Rng = { u32, bytes: (n) => Uint8Array.from({ length: n }, () => u32() >>> 24) };
    const log = (level: string) => (fields: object, message: string) => {
      this.logged.push({ level, fields, message });
    };
    this.revoked = new RevokedLogins({ clock });
    this.rateTable = new RateTable(createRateTableBuffer(rng), { clock });
    const issuer = createTokenIssuer({ keys, instanceId: 'i', ttlS: 900, clock });
    this.issue = async (uid, login, scopes) => (await issuer.issue(uid, login, scopes)).token;
    const { world } = this;
    this.app = createHttpApp({
      accounts: world.accounts,
      guild: world.guild,
      dm: world.dm,
      user: world.user,
      stream: world.stream,
      docs: this.docs,
      streamInfo: async (sid) => world.streams.get(sid),
      verifier: new CachingTokenVerifier({ keys, instanceId: 'i', clock, revoked: this.revoked }),
      issuer,
      jwks: () => keys.jwks(),
      rateTable: this.rateTable,
      health: () => this.health,
      ready: () => this.ready,
      metrics: () => 'driftway_up 1\n',
      publicUrl: 'https://chat.example/',
      corsOrigins: ['https://web.example'],
      version: '0.1.0',
      clock,
      rng,
      log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      checkAnswers: true,
      ...change,
    });
  }

  static async create(change: Partial<HttpDeps> = {}): Promise<Harness> {
    return new Harness(await KeyRing.open({ current: await testKey(), previous: [] }), change);
  }

  async ask(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    const headers = new Headers(ask.headers);
    if (ask.token !== undefined) headers.set('authorization', `Bearer ${ask.token}`);
    let body: BodyInit | null = null;
    if (ask.body !== undefined) {
      body = JSON.stringify(ask.body);
      if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    }
    if (ask.raw !== undefined) body = ask.raw as BodyInit;
    const request = new Request(`http://any${path}`, { method, headers, body });
    const response = await this.app.fetch(request, { ip: ask.ip ?? '192.0.2.1' });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    const answer = { status: response.status, headers: response.headers, text };
    expect(response.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
    return { ...answer, body: isJson && text !== '' ? JSON.parse(text) : undefined };
  }

  api(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    return this.ask(method, `/api/v1${path}`, ask);
  }

  /** A user in the fake world, and a token for it. */
  async user(username: string): Promise<{ uid: number; token: string }> {
    const uid = this.world.id();
    this.world.users.set(uid, {
      id: uid,
      username,
      displayName: username,
      createdAt: this.clock.ms,
      password: 'correct horse',
    });
    return { uid, token: await this.issue(uid, `login-${uid}`) };
  }

  /** A guild of `owner` with its first channel. */
  async guild(owner: number, name = 'Guild'): Promise<{ gid: number; sid: number }> {
    const made = await this.world.accounts.createGuild(owner, name);
    if (!made.ok) throw new Error('the fake world makes every guild');
    const [sid] = this.world.guilds.get(made.value.id)?.channels.keys() ?? [];
    return { gid: made.value.id, sid: sid as number };
  }
}

/** Checks the shape of an error answer, and its code, status and field. */
export function expectError(answer: Answer, status: number, code: string, field?: string): void {
  expect({ status: answer.status, code: answer.body?.code, field: answer.body?.field }).toEqual({
    status,
    code,
    field,
  });
  const { code: _code, message, requestId, field: _field, retryAfterMs, ...rest } = answer.body;
  expect(typeof message).toBe('string');
  expect(requestId).toBe(answer.headers.get('x-request-id'));
  expect(rest).toEqual({});
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  if (retryAfterMs !== undefined) {
    expect(answer.headers.get('retry-after')).toBe(
      String(Math.max(1, Math.ceil(retryAfterMs / 1000))),
    );
  }
}

let made: Promise<SigningKey> | undefined;
function testKey(): Promise<SigningKey> {
  made ??= (async () => {
    const pair = await generateKeyPair('EdDSA', { extractable: true });
    return {
      kid: 'test',
      alg: 'EdDSA',
      publicJwk: { ...(await exportJWK(pair.publicKey)) },
      privateJwk: { ...(await exportJWK(pair.privateKey)) },
    };
  })();
  return made;
}
