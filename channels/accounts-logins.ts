/**
 * Logins: families of refresh tokens in the DocStore. Issues, rotates, ends them, and keeps the list
 * of logins whose access tokens are void. Safe on several threads at once by compare-and-set.
 */
import type { Clock, Rng } from '../runtime/index.ts';
import { childPrefix, type LoginDoc, lastPart, type RevokedDoc } from './docs.ts';
import { pad, unpad } from './ids.ts';
import {
  hashToken,
  REFRESH_SECRET_BYTES,
  type RefreshToken,
  readToken,
  sameHash,
  successorOf,
  writeToken,
} from './refresh-tokens.ts';
import type { Doc, DocStore, DocWrite, Id, Ms, Result } from './types.ts';

export interface LoginOptions {
  readonly docs: DocStore;
  readonly clock: Clock;
  readonly rng: Rng;
  /** At least 32 bytes, kept with the signing keys and not in the store. */
  readonly serverSecret: Uint8Array;
  readonly accessTokenTtlMs: Ms;
  readonly refreshTokenTtlMs: Ms;
  /** Tells the user actor that a login ended; failures are its own matter. */
  readonly onRevoked: (uid: Id, login: string) => void;
}

export interface IssuedLogin {
  readonly uid: Id;
  readonly login: string;
  readonly refreshToken: string;
}

/** api.md: a repeat within 10 s gets the same successor. */
const REPEAT_MS: Ms = 10_000;
/** Logins per user; the oldest ends when one more begins. */
const LOGINS_MAX = 100;
const LOGIN_BYTES = 16;
/** Compare-and-set against other threads: two racing rotations need two rounds. */
const TRIES_MAX = 4;
/** Clocks of issuer and checker may differ; added to the life of an access token. */
const SLACK_MS: Ms = 60_000;
const PAGE = 500;

const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;
const UNAUTHORIZED = { ok: false, code: 'unauthorized' } as const;
const REUSED = { ok: false, code: 'refresh_reused' } as const;

export class Logins {
  readonly #options: LoginOptions;

  constructor(options: LoginOptions) {
    this.#options = options;
  }

  /** Begins a login. The user's oldest ones end when there are too many. */
  async issue(uid: Id): Promise<Result<IssuedLogin>> {
    const { docs, clock, rng, serverSecret, refreshTokenTtlMs } = this.#options;
    const now = clock.now();
    const login = Buffer.from(rng.bytes(LOGIN_BYTES)).toString('base64url');
    const token: RefreshToken = { login, secret: rng.bytes(REFRESH_SECRET_BYTES) };
    const doc: LoginDoc = {
      uid,
      createdAt: now,
      expiresAt: now + refreshTokenTtlMs,
      current: hashToken(token),
      previous: null,
      rotatedAt: now,
      reusedAt: null,
    };
    const old = await this.#surplus(uid);
    const result = await docs.write([
      { kind: 'login', key: login, expect: 'absent', value: doc },
      { kind: 'userLogin', key: indexKey(uid, now, login), expect: 'any', value: {} },
      ...old.flatMap((surplus) => this.#endWrites(uid, surplus.login, surplus.key)),
    ]);
    if (!result.ok) return UNAVAILABLE;
    for (const surplus of old) this.#options.onRevoked(uid, surplus.login);
    return { ok: true, value: { uid, login, refreshToken: writeToken(serverSecret, token) } };
  }

  /** Rotation and reuse detection of api.md. */
  async rotate(text: string): Promise<Result<IssuedLogin>> {
    const { docs, serverSecret } = this.#options;
    const token = readToken(serverSecret, text);
    if (token === undefined) return UNAUTHORIZED;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const [doc] = await docs.get<LoginDoc>('login', [token.login]);
      if (doc === undefined) return UNAUTHORIZED;
      const outcome = await this.#rotateOnce(doc, token);
      if (outcome !== 'again') return outcome;
    }
    return UNAVAILABLE;
  }

  async #rotateOnce(
    doc: Doc<LoginDoc>,
    token: RefreshToken,
  ): Promise<Result<IssuedLogin> | 'again'> {
    const { docs, clock, serverSecret, refreshTokenTtlMs } = this.#options;
    const { value } = doc;
    if (value.reusedAt !== null) return REUSED;
    const now = clock.now();
    const hash = hashToken(token);
    const next = successorOf(serverSecret, token);
    const refreshToken = writeToken(serverSecret, next);
    const issued = { uid: value.uid, login: token.login, refreshToken };
    if (sameHash(hash, value.current)) {
      if (now >= value.expiresAt) return { ok: false, code: 'token_expired' };
      const rotated: LoginDoc = {
        ...value,
        expiresAt: now + refreshTokenTtlMs,
        current: hashToken(next),
        previous: hash,
        rotatedAt: now,
      };
      const write = { kind: 'login', key: doc.key, expect: doc.rev, value: rotated };
      const result = await docs.write([write]);
      if (result.ok) return { ok: true, value: issued };
      return result.why === 'rev' ? 'again' : UNAVAILABLE;
    }
    // The successor is unused as long as it is the current one.
    const repeats = sameHash(hash, value.previous) && now <= value.rotatedAt + REPEAT_MS;
    if (repeats) return { ok: true, value: issued };
    return await this.#endReused(doc, now);
  }

  /** A token came back that had a successor: somebody else has it too, so the family ends. */
  async #endReused(doc: Doc<LoginDoc>, now: Ms): Promise<Result<IssuedLogin> | 'again'> {
    const { docs, onRevoked } = this.#options;
    const login = doc.key;
    const { uid } = doc.value;
    const value: LoginDoc = { ...doc.value, reusedAt: now };
    const write = { kind: 'login', key: login, expect: doc.rev, value };
    const result = await docs.write([write, this.#revokedWrite(uid, login)]);
    if (!result.ok) return result.why === 'rev' ? 'again' : UNAVAILABLE;
    onRevoked(uid, login);
    return REUSED;
  }

  /** Ends the login of any of its tokens. An unknown token is not an error: there is nothing to end. */
  async end(text: string): Promise<Result<null>> {
    const { docs, serverSecret, onRevoked } = this.#options;
    const token = readToken(serverSecret, text);
    if (token === undefined) return { ok: true, value: null };
    const { login } = token;
    const [doc] = await docs.get<LoginDoc>('login', [login]);
    if (doc === undefined || doc.value.reusedAt !== null) return { ok: true, value: null };
    const { uid, createdAt } = doc.value;
    const result = await docs.write(this.#endWrites(uid, login, indexKey(uid, createdAt, login)));
    if (!result.ok) return UNAVAILABLE;
    onRevoked(uid, login);
    return { ok: true, value: null };
  }

  /** Ends all logins of a user. How many there were. */
  async endAll(uid: Id): Promise<Result<number>> {
    const { docs, onRevoked } = this.#options;
    const prefix = childPrefix(uid);
    const index = await docs.list('userLogin', prefix, undefined, LOGINS_MAX + 1);
    if (index.length === 0) return { ok: true, value: 0 };
    const result = await docs.write(
      index.flatMap(({ key }) => this.#endWrites(uid, lastPart(key), key)),
    );
    if (!result.ok) return UNAVAILABLE;
    for (const { key } of index) onRevoked(uid, lastPart(key));
    return { ok: true, value: index.length };
  }

  /** Logins whose access tokens are void, as long as such a token may live. */
  async revoked(): Promise<{ login: string; until: Ms }[]> {
    const { docs, clock } = this.#options;
    const all: { login: string; until: Ms }[] = [];
    let after: string | undefined = pad(clock.now());
    for (;;) {
      const page: readonly Doc<RevokedDoc>[] = await docs.list('revoked', '', after, PAGE);
      all.push(...page.map(({ key }) => ({ login: lastPart(key), until: revokedUntil(key) })));
      if (page.length < PAGE) break;
      after = page.at(-1)?.key;
    }
    await this.#forgetRevoked();
    return all;
  }

  /** Removes entries that are past their time. */
  async #forgetRevoked(): Promise<void> {
    const { docs, clock } = this.#options;
    const page = await docs.list<RevokedDoc>('revoked', '', undefined, PAGE);
    const now = clock.now();
    const over = page.filter((doc) => revokedUntil(doc.key) < now);
    if (over.length === 0) return;
    // A refusal costs nothing: the next thread that starts tries again.
    await docs.write(over.map(({ key }) => ({ kind: 'revoked', key, expect: 'any', value: null })));
  }

  /** The oldest logins beyond the bound, one place left free. */
  async #surplus(uid: Id): Promise<{ login: string; key: string }[]> {
    const prefix = childPrefix(uid);
    const index = await this.#options.docs.list('userLogin', prefix, undefined, LOGINS_MAX + 1);
    return index.slice(0, Math.max(0, index.length - LOGINS_MAX + 1)).map(({ key }) => {
      return { login: lastPart(key), key };
    });
  }

  #endWrites(uid: Id, login: string, index: string): DocWrite[] {
    return [
      { kind: 'login', key: login, expect: 'any', value: null },
      { kind: 'userLogin', key: index, expect: 'any', value: null },
      this.#revokedWrite(uid, login),
    ];
  }

  #revokedWrite(uid: Id, login: string): DocWrite {
    const { accessTokenTtlMs, clock } = this.#options;
    return revokedWrite(uid, login, clock.now() + accessTokenTtlMs);
  }
}

/** Makes the access tokens of a login void, which live until `lastMs` at most. */
export function revokedWrite(uid: Id, login: string, lastMs: Ms): DocWrite {
  const value: RevokedDoc = { uid };
  const key = `${pad(lastMs + SLACK_MS)}/${login}`;
  return { kind: 'revoked', key, expect: 'any', value };
}

/** By user, then by age. */
function indexKey(uid: Id, createdAt: Ms, login: string): string {
  return `${childPrefix(uid)}${pad(createdAt)}/${login}`;
}

function revokedUntil(key: string): Ms {
  return unpad(key.slice(0, key.indexOf('/')));
}
