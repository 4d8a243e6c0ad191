/**
 * Access tokens signed with the key in a server's data folder: with any scope, of any age. What an operator who may read that folder
 * can make. Test process only; must never import product code.
 */
import { createPrivateKey, type JsonWebKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SignedTokenOptions {
  readonly dataDir: string;
  readonly uid: number;
  /** Default: none, the claim is left out. */
  readonly scope?: string;
  /** Ms from now to its end, negative for one that has ended. Default one hour. */
  readonly lifeMs?: number;
  /** Login session; default one that nobody has. */
  readonly login?: string;
}

interface KeysFile {
  readonly instanceId: string;
  readonly keys: readonly { readonly kid: string; readonly privateJwk: JsonWebKey }[];
}

const HOUR_MS = 3_600_000;

/** A token of this server, if its keys are Ed25519. */
export function signedToken(options: SignedTokenOptions): string {
  const { dataDir, lifeMs = HOUR_MS, login = 'operator', scope, uid } = options;
  const file = JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8')) as KeysFile;
  const [key] = file.keys;
  if (key === undefined) throw new Error('keys.json holds no key');
  const expS = Math.floor((Date.now() + lifeMs) / 1000);
  const claims = {
    ...(scope === undefined ? {} : { scope }),
    sid: login,
    sub: String(uid),
    iss: file.instanceId,
    aud: 'driftway',
    iat: expS - 2 * (HOUR_MS / 1000),
    exp: expS,
  };
  const input = `${encode({ alg: 'EdDSA', kid: key.kid, typ: 'JWT' })}.${encode(claims)}`;
  const signer = createPrivateKey({ key: key.privateJwk, format: 'jwk' });
  return `${input}.${sign(null, Buffer.from(input), signer).toString('base64url')}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
