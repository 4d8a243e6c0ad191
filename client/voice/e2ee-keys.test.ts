/** Keys of one speaker at a listener: what is kept, what follows from what, what is forgotten. */
import { expect, test } from 'vitest';
import { FakeClock } from '../test/fake-clock.ts';
import { OLD_KEY_MS, SpeakerKeys, senderKey, stepKey } from './e2ee-keys.ts';

const keyOf = (kid: number) => senderKey(kid, new Uint8Array(32).fill(kid));

async function keysWith(...kids: number[]) {
  const clock = new FakeClock();
  const keys = new SpeakerKeys(clock);
  for (const kid of kids) keys.add(await keyOf(kid));
  const found = async (kid: number) => (await keys.find(kid))?.material;
  return { clock, keys, found };
}

test('SpeakerKeys.find: a later step of the same generation follows, an earlier one and another generation do not', async () => {
  const { found } = await keysWith(0x105);
  expect(await found(0x105)).toEqual((await keyOf(0x105)).material);
  expect(await found(0x107)).toEqual((await stepKey(await keyOf(0x105), 2)).material);
  expect(await found(0x104)).toBeUndefined();
  expect(await found(0x205)).toBeUndefined();
});

test('SpeakerKeys: a newer key has come, frames of the old one still open, later they do not', async () => {
  const { clock, found } = await keysWith(0x100, 0x200);
  await clock.advance(OLD_KEY_MS - 1);
  expect(await found(0x100)).toBeDefined();
  await clock.advance(1);
  expect(await found(0x100)).toBeUndefined();
  expect(await found(0x200)).toBeDefined();
});

test('SpeakerKeys.add: not newer than what is there, not taken', async () => {
  const { keys } = await keysWith(0x200);
  expect(keys.add(await keyOf(0x200))).toBe(false);
  expect(keys.add(await keyOf(0x1ff))).toBe(false);
});

test('SpeakerKeys: a sender that changes its key without end, only the last few are kept', async () => {
  const kids = Array.from({ length: 40 }, (_, i) => (i + 1) << 8);
  const { found } = await keysWith(...kids);
  const kept = await Promise.all(kids.map(found));
  expect(kept.filter((material) => material !== undefined)).toHaveLength(8);
  expect(kept.at(-1)).toBeDefined();
});
