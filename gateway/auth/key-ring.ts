/**
 * The keys of access tokens, imported once per thread: one to sign, all to verify, by `kid`. Owns
 * the imported keys; runs on gateway threads. Never gives out private members, and never lets a
 * token choose its algorithm: the key of its `kid` does.
 */
import type { CryptoKey } from 'jose';
import { importJWK } from 'jose/key/import';
import { DriftwayError } from '../../runtime/index.ts';
import type { JwksDocument, KeySet, PlainJwk, TokenAlg, TokenKey } from './types.ts';

/** Public members of the key types we use (RFC 7518 6.2.1 and 6.3.1, RFC 8037 2). */
const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const;
const ALGORITHMS: ReadonlySet<string> = new Set<TokenAlg>(['EdDSA', 'ES256', 'RS256']);
const KID = /^[A-Za-z0-9._-]{1,64}$/;

interface VerifyKey {
  readonly alg: TokenAlg;
  readonly key: CryptoKey;
}

interface Imported {
  readonly kid: string;
  readonly alg: TokenAlg;
  readonly signKey: CryptoKey;
  readonly verifyKeys: ReadonlyMap<string, VerifyKey>;
  readonly jwks: JwksDocument;
}

/** The key set of one thread. `replace` swaps it at a rotation. */
export class KeyRing {
  #keys: Imported;
  #generation = 1;

  private constructor(keys: Imported) {
    this.#keys = keys;
  }

  /** Imports a key set. Rejects with DRIFT_GATEWAY_BAD_KEY when a key is unusable. */
  static async open(set: KeySet): Promise<KeyRing> {
    return new KeyRing(await importSet(set));
  }

  /** Uses another set from now on; the present one stays when the new one is bad (it rejects). */
  async replace(set: KeySet): Promise<void> {
    this.#keys = await importSet(set);
    this.#generation++;
  }

  /** Rises with each replaced set. */
  get generation(): number {
    return this.#generation;
  }

  signing(): { readonly kid: string; readonly alg: TokenAlg; readonly key: CryptoKey } {
    return { kid: this.#keys.kid, alg: this.#keys.alg, key: this.#keys.signKey };
  }

  verifying(kid: string): VerifyKey | undefined {
    return this.#keys.verifyKeys.get(kid);
  }

  /** The public keys, current one first. */
  jwks(): JwksDocument {
    return this.#keys.jwks;
  }
}

async function importSet(set: KeySet): Promise<Imported> {
  const all: readonly TokenKey[] = [set.current, ...set.previous];
  const verifyKeys = new Map<string, VerifyKey>();
  const published: PlainJwk[] = [];
  for (const { kid, alg, publicJwk } of all) {
    if (!KID.test(kid) || verifyKeys.has(kid) || !ALGORITHMS.has(alg)) {
      throw badKey(kid, 'kid or algorithm is not allowed, or the kid is there twice');
    }
    const plain = publicMembers(publicJwk);
    verifyKeys.set(kid, { alg, key: await importKey(kid, alg, plain) });
    published.push({ ...plain, kid, alg, use: 'sig' });
  }
  const { kid, alg, privateJwk } = set.current;
  const signKey = await importKey(kid, alg, privateJwk);
  if (signKey.type !== 'private') throw badKey(kid, 'the signing key has no private part');
  return { kid, alg, signKey, verifyKeys, jwks: { keys: published } };
}

async function importKey(kid: string, alg: TokenAlg, jwk: PlainJwk): Promise<CryptoKey> {
  try {
    const key = await importJWK({ ...jwk }, alg);
    if (key instanceof Uint8Array) throw new TypeError('a symmetric key cannot sign tokens');
    return key;
  } catch (cause) {
    throw badKey(kid, 'not a usable JWK', cause);
  }
}

function publicMembers(jwk: PlainJwk): PlainJwk {
  const out: Record<string, unknown> = {};
  for (const member of PUBLIC_MEMBERS) if (jwk[member] !== undefined) out[member] = jwk[member];
  return out;
}

function badKey(kid: string, why: string, cause?: unknown): DriftwayError {
  const short = kid.slice(0, 64);
  return new DriftwayError('DRIFT_GATEWAY_BAD_KEY', `import token key ${short}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    data: { kid: short },
  });
}
