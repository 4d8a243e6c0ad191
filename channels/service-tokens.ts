/**
 * The list of tokens that operators made for programs and for themselves: who may what until when. The tokens are signed
 * elsewhere and kept nowhere; here are their logins (`sid` claim), so that they can be listed and ended. A service on the main thread.
 */
import type { Clock, Rng } from '../runtime/index.ts';
import { revokedWrite } from './accounts-logins.ts';
import type { ServiceTokenDoc } from './docs.ts';
import { FAILED, settle } from './settle.ts';
import type { DocStore, DocWrite, Id, Ms, Result } from './types.ts';

/** User id of tokens that speak for a program: below every id that is given to a user (ids.ts). */
export const SERVICE_UID: Id = 1;
/** Live tokens at most: whoever needs more should have few with longer lives. A guess. */
export const SERVICE_TOKENS_MAX = 1_000;

export interface ServiceToken extends ServiceTokenDoc {
  /** Its `sid` claim. */
  readonly login: string;
}

export interface ServiceTokenOptions {
  readonly docs: DocStore;
  readonly clock: Pick<Clock, 'now'>;
  readonly rng: Pick<Rng, 'bytes'>;
}

const KIND = 'serviceToken';
const LOGIN_BYTES = 16;
const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;

export class ServiceTokens {
  readonly #options: ServiceTokenOptions;

  constructor(options: ServiceTokenOptions) {
    this.#options = options;
  }

  /** Notes a token before it is signed. 'conflict' when there are too many. */
  async note(m: {
    readonly name: string;
    readonly uid: Id;
    readonly scopes: readonly string[];
    readonly ttlMs: Ms;
  }): Promise<Result<ServiceToken>> {
    const { clock, docs, rng } = this.#options;
    const live = await this.list();
    if (!live.ok) return live;
    if (live.value.length >= SERVICE_TOKENS_MAX) return { ok: false, code: 'conflict' };
    const createdAt = clock.now();
    const { name, uid, scopes, ttlMs } = m;
    const value: ServiceTokenDoc = { name, uid, scopes, createdAt, expiresAt: createdAt + ttlMs };
    const login = Buffer.from(rng.bytes(LOGIN_BYTES)).toString('base64url');
    const written = await settle(docs.write([{ kind: KIND, key: login, expect: 'absent', value }]));
    return written === FAILED || !written.ok
      ? UNAVAILABLE
      : { ok: true, value: { login, ...value } };
  }

  /** Those that live, the oldest first; forgets the others. */
  async list(): Promise<Result<readonly ServiceToken[]>> {
    const { clock, docs } = this.#options;
    const found = await settle(
      docs.list<ServiceTokenDoc>(KIND, '', undefined, 2 * SERVICE_TOKENS_MAX),
    );
    if (found === FAILED) return UNAVAILABLE;
    const now = clock.now();
    const over = found.filter(({ value }) => value.expiresAt <= now);
    if (over.length > 0) await settle(docs.write(over.map(({ key }) => removal(key))));
    const live = found.filter(({ value }) => value.expiresAt > now);
    const tokens = live.map(({ key, value }) => ({ login: key, ...value }));
    return { ok: true, value: tokens.sort((a, b) => a.createdAt - b.createdAt) };
  }

  /** Ends a token for those who ask the store; the gateway threads have to be told. */
  async end(login: string): Promise<Result<ServiceToken>> {
    const { docs } = this.#options;
    const found = await settle(docs.get<ServiceTokenDoc>(KIND, [login]));
    if (found === FAILED) return UNAVAILABLE;
    const token = found[0]?.value;
    if (token === undefined) return { ok: false, code: 'not_found' };
    const revoked = revokedWrite(token.uid, login, token.expiresAt);
    const written = await settle(docs.write([removal(login), revoked]));
    return written === FAILED || !written.ok
      ? UNAVAILABLE
      : { ok: true, value: { login, ...token } };
  }
}

function removal(key: string): DocWrite {
  return { kind: KIND, key, expect: 'any', value: null };
}
