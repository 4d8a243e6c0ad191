/**
 * Owns `keys.json` in the data folder: the keys that sign access tokens, the instance id (`iss`) and the secret behind refresh
 * tokens. Main thread of the server, which hands plain data to the gateway threads; and `keys rotate` on the command line. Private
 * keys and the secret are never logged. A file that cannot be read is never replaced by a new one: that would end every login.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';
import { type Clock, DriftwayError } from '../runtime/index.ts';
import { SUPERVISORS_ERRORS } from './errors.ts';
import { takeFileLock } from './file-lock.ts';

/** Signing keys are replaced after this time (api.md, TOKEN_ALG). */
export const ROTATE_AFTER_MS = 90 * 86_400_000;
/** How much longer than its last token a retired key is kept: clocks differ, and a gateway may sign for a moment more. */
const KEEP_MARGIN_MS = 10 * 60_000;
/** Another process changes the file for some milliseconds at most. */
const LOCK_TIMEOUT_MS = 5_000;

const jwkSchema = z.record(z.string(), z.unknown());
const keySchema = z.strictObject({
  kid: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  alg: z.enum(['EdDSA', 'ES256', 'RS256']),
  createdAt: z.number().int(),
  /** Longest life of the tokens it signed, so far. */
  tokenTtlS: z.number().int(),
  retiredAt: z.number().int().nullable(),
  publicJwk: jwkSchema,
  privateJwk: jwkSchema,
});
const fileSchema = z.strictObject({
  version: z.literal(1),
  instanceId: z.string().min(1),
  refreshSecret: z.string().min(32),
  /** Newest first; the first one signs. */
  keys: z.array(keySchema).min(1),
});

type StoredKey = z.output<typeof keySchema>;
type KeyFile = z.output<typeof fileSchema>;

/** Algorithms of access tokens. */
export type TokenAlg = StoredKey['alg'];

/** What gateway threads get: plain data, private parts only of the key that signs. */
export interface KeyMaterial {
  /** `iss` of access tokens: made once per data folder. */
  readonly instanceId: string;
  /** 32 bytes, base64url: the key under which refresh tokens are hashed. */
  readonly refreshSecret: string;
  readonly keySet: {
    readonly current: PublicKey & { readonly privateJwk: Readonly<Record<string, unknown>> };
    readonly previous: readonly PublicKey[];
  };
}

interface PublicKey {
  readonly kid: string;
  readonly alg: TokenAlg;
  readonly publicJwk: Readonly<Record<string, unknown>>;
}

/** Where the keys are, and what new ones are like. */
export interface KeyOptions {
  readonly dataDir: string;
  readonly alg: TokenAlg;
  /** ACCESS_TOKEN_TTL_S: how long a retired key's tokens may live. */
  readonly accessTokenTtlS: number;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Reads the keys; makes them on the first start, and a new signing key when the present one is 90 days old. Call it again every
 * day, and on SIGHUP, which is how `keys rotate` tells a running server. Rejects with DRIFT_SUPERVISORS_BAD_KEY_FILE.
 */
export function openKeys(options: KeyOptions): Promise<KeyMaterial> {
  return change(options, (file) => {
    const current = file.keys[0];
    return current === undefined || options.clock.now() - current.createdAt >= ROTATE_AFTER_MS;
  });
}

/** Makes a new signing key now; the old one goes on verifying as long as its tokens may live. Rejects as `openKeys`. */
export function rotateKeys(options: KeyOptions): Promise<KeyMaterial> {
  return change(options, () => true);
}

async function change(
  options: KeyOptions,
  isDue: (file: KeyFile) => boolean,
): Promise<KeyMaterial> {
  const path = join(options.dataDir, 'keys.json');
  const lock = takeFileLock(join(options.dataDir, 'keys.lock.db'), LOCK_TIMEOUT_MS);
  if (lock === null) throw badFile(path, 'another process has been changing it for 5 s');
  try {
    const found = read(path);
    const file = found ?? (await emptyFile(options));
    const now = options.clock.now();
    const rotated = found !== null && isDue(found);
    const newKey = rotated ? [await makeKey(options)] : [];
    const retired = rotated
      ? file.keys.map((key) => ({ ...key, retiredAt: key.retiredAt ?? now }))
      : file.keys;
    const keys = [...newKey, ...retired]
      .filter((key) => isAlive(key, now))
      .map((key, i) => noteTtl(key, i, options));
    const next = { ...file, keys };
    if (found === null || JSON.stringify(next) !== JSON.stringify(found)) write(path, next);
    return materialOf(next);
  } finally {
    lock.release();
  }
}

/** The key that signs must remember the longest life it has given: it may be shortened later, its tokens not. */
function noteTtl(key: StoredKey, index: number, { accessTokenTtlS }: KeyOptions): StoredKey {
  return index === 0 ? { ...key, tokenTtlS: Math.max(key.tokenTtlS, accessTokenTtlS) } : key;
}

function isAlive({ retiredAt, tokenTtlS }: StoredKey, now: number): boolean {
  return retiredAt === null || now < retiredAt + tokenTtlS * 1000 + KEEP_MARGIN_MS;
}

async function emptyFile(options: KeyOptions): Promise<KeyFile> {
  return {
    version: 1,
    instanceId: randomUUID(),
    refreshSecret: randomBytes(32).toString('base64url'),
    keys: [await makeKey(options)],
  };
}

async function makeKey({ alg, clock, accessTokenTtlS }: KeyOptions): Promise<StoredKey> {
  const pair = await generateKeyPair(alg, { extractable: true });
  return {
    kid: randomBytes(12).toString('base64url'),
    alg,
    createdAt: clock.now(),
    tokenTtlS: accessTokenTtlS,
    retiredAt: null,
    publicJwk: { ...(await exportJWK(pair.publicKey)) },
    privateJwk: { ...(await exportJWK(pair.privateKey)) },
  };
}

function materialOf({
  instanceId,
  refreshSecret,
  keys: [current, ...previous],
}: KeyFile): KeyMaterial {
  if (current === undefined) throw new RangeError('hand out keys: got none, wanted at least one');
  const { kid, alg, publicJwk, privateJwk } = current;
  return {
    instanceId,
    refreshSecret,
    keySet: {
      current: { kid, alg, publicJwk, privateJwk },
      previous: previous.map((key) => ({ kid: key.kid, alg: key.alg, publicJwk: key.publicJwk })),
    },
  };
}

function read(path: string): KeyFile | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
    // Copied or restored with a wider mode: other users must not read it from now on.
    if ((statSync(path).mode & 0o077) !== 0 && process.platform !== 'win32') chmodSync(path, 0o600);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw badFile(path, 'it cannot be read', cause);
  }
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch {
    // The cause would quote the file.
    throw badFile(
      path,
      'it is damaged; restore it from a backup, or delete it, which ends every login',
    );
  }
}

/** Durable before it counts: a token must not outlive the key that signed it through a power cut. */
function write(path: string, file: KeyFile): void {
  const beside = `${path}.new`;
  const fd = openSync(beside, 'w', 0o600);
  try {
    writeSync(fd, `${JSON.stringify(file, null, 2)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(beside, path);
  if (process.platform === 'win32') return; // folders cannot be opened there
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function badFile(path: string, why: string, cause?: unknown): DriftwayError {
  const options = cause === undefined ? { data: { path } } : { cause, data: { path } };
  return new DriftwayError(
    SUPERVISORS_ERRORS.badKeyFile,
    `read keys from ${path}: ${why}`,
    options,
  );
}
