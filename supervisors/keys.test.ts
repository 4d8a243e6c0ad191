/** Tests of the signing keys and their file. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importJWK, jwtVerify, SignJWT } from 'jose';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { takeFileLock } from './file-lock.ts';
import { type KeyOptions, openKeys, ROTATE_AFTER_MS, rotateKeys, type TokenAlg } from './keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftway-keys-'));
afterAll(() => rmSync(folder, { recursive: true }));

let nowMs = 0;
let options: KeyOptions;
beforeEach(() => {
  nowMs = 1_800_000_000_000;
  options = {
    dataDir: mkdtempSync(join(folder, 'data-')),
    alg: 'EdDSA',
    accessTokenTtlS: 900,
    clock: { now: () => nowMs },
  };
});

const file = () => join(options.dataDir, 'keys.json');

test('openKeys: a new folder, makes a file of mode 0600 that stays as it is', async () => {
  const first = await openKeys(options);
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  const text = readFileSync(file(), 'utf8');
  expect(await openKeys(options)).toEqual(first);
  expect(readFileSync(file(), 'utf8')).toBe(text);
  expect(Buffer.from(first.refreshSecret, 'base64url')).toHaveLength(32);
});

test.each<TokenAlg>(['EdDSA', 'ES256', 'RS256'])(
  'openKeys: %s, signs and verifies',
  async (alg) => {
    const { keySet } = await openKeys({ ...options, alg });
    const { current } = keySet;
    expect(current.alg).toBe(alg);
    expect(JSON.stringify(current.publicJwk)).not.toContain('"d"');
    const token = await new SignJWT({})
      .setProtectedHeader({ alg })
      .sign(await importJWK({ ...current.privateJwk }, alg));
    await jwtVerify(token, await importJWK({ ...current.publicJwk }, alg));
  },
);

test('rotateKeys: asked for, signs with a new key and keeps the old one while its tokens may live', async () => {
  const before = await openKeys(options);
  const after = await rotateKeys({ ...options, alg: 'ES256' });
  expect(after.keySet.current.alg).toBe('ES256');
  expect(after.keySet.previous.map((key) => key.kid)).toEqual([before.keySet.current.kid]);
  expect(JSON.stringify(after.keySet.previous)).not.toContain('privateJwk');
  expect(after).toMatchObject({
    instanceId: before.instanceId,
    refreshSecret: before.refreshSecret,
  });
  nowMs += 900_000;
  expect((await openKeys(options)).keySet.previous).toHaveLength(1);
  nowMs += 10 * 60_000;
  expect((await openKeys(options)).keySet).toEqual({ current: after.keySet.current, previous: [] });
});

test('openKeys: the life of tokens was shortened before a rotation, keeps the old key for the longer one', async () => {
  await openKeys({ ...options, accessTokenTtlS: 86_400 });
  await rotateKeys(options);
  nowMs += 86_399_000;
  expect((await openKeys(options)).keySet.previous).toHaveLength(1);
});

test('openKeys: the key is 90 days old, makes a new one', async () => {
  const before = await openKeys(options);
  nowMs += ROTATE_AFTER_MS - 1;
  expect((await openKeys(options)).keySet.current).toEqual(before.keySet.current);
  nowMs += 1;
  const after = await openKeys(options);
  expect(after.keySet.current.kid).not.toBe(before.keySet.current.kid);
  expect(after.keySet.previous).toHaveLength(1);
});

test('openKeys: a file that others may read, is closed to them', async () => {
  await openKeys(options);
  chmodSync(file(), 0o644);
  await openKeys(options);
  expect(statSync(file()).mode & 0o777).toBe(0o600);
});

test.each(['', '{', '{"version":1}', '{"version":2,"secret":"hunter2"}'])(
  'openKeys: damaged file %j, rejects, keeps it and quotes nothing',
  async (content) => {
    writeFileSync(file(), content);
    const error = (await openKeys(options).catch((reason: unknown) => reason)) as Error & {
      code: string;
    };
    expect(error.code).toBe('DRIFT_SUPERVISORS_BAD_KEY_FILE');
    expect(`${error.message}${error.cause ?? ''}`).not.toContain('hunter2');
    expect(readFileSync(file(), 'utf8')).toBe(content);
  },
);

test('rotateKeys: two at once, one waits or is refused, none is lost', async () => {
  await openKeys(options);
  const held = takeFileLock(join(options.dataDir, 'keys.lock.db'));
  held?.release();
  const both = await Promise.allSettled([rotateKeys(options), openKeys(options)]);
  expect(both.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
  expect((await openKeys(options)).keySet.previous.length).toBe(1);
});
