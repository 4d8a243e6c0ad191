/** End-to-end encryption of single frames: round trip, and everything that must not open. */
import { expect, test } from 'vitest';
import { E2EE_OVERHEAD, FrameKeys, openFrame, sealFrame } from './e2ee-frame.ts';

const SECRET = 'a secret of the room';
const FRAME = Uint8Array.from({ length: 80 }, (_, i) => (i * 7) & 255);
const IV = Uint8Array.from({ length: 12 }, (_, i) => i);

async function keyOf(secret: string, sid: number, uid: number): Promise<CryptoKey> {
  return (await FrameKeys.of(secret, sid)).speaker(uid);
}

test('sealFrame: opened with the same secret, channel and speaker, gives the frame', async () => {
  const sealed = await sealFrame(FRAME, await keyOf(SECRET, 5, 1), IV);
  expect(sealed).toHaveLength(FRAME.length + E2EE_OVERHEAD);
  expect(sealed[0]).toBe(FRAME[0]);
  expect(await openFrame(sealed, await keyOf(SECRET, 5, 1))).toEqual(FRAME);
});

test('sealFrame: nothing of the sound stays readable but the first byte', async () => {
  const sealed = await sealFrame(new Uint8Array(80), await keyOf(SECRET, 5, 1), IV);
  expect(new Set(sealed.subarray(1, 80)).size).toBeGreaterThan(30);
});

test.each([
  ['another secret', 'another secret of it', 5, 1],
  ['another channel', SECRET, 6, 1],
  ['another speaker', SECRET, 5, 2],
])('openFrame: %s, null', async (_what, secret, sid, uid) => {
  const sealed = await sealFrame(FRAME, await keyOf(SECRET, 5, 1), IV);
  expect(await openFrame(sealed, await keyOf(secret, sid, uid))).toBeNull();
});

test('openFrame: changed, cut or never encrypted, null', async () => {
  const key = await keyOf(SECRET, 5, 1);
  const sealed = await sealFrame(FRAME, key, IV);
  for (const at of [0, 1, 40, sealed.length - 1]) {
    const changed = sealed.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(await openFrame(changed, key)).toBeNull();
  }
  expect(await openFrame(sealed.slice(0, -1), key)).toBeNull();
  expect(await openFrame(FRAME, key)).toBeNull();
  expect(await openFrame(new Uint8Array(0), key)).toBeNull();
});

test('FrameKeys.of: a short secret is refused', async () => {
  await expect(FrameKeys.of('short', 5)).rejects.toThrow(RangeError);
});
