/** Chains of calls from other threads: bounded, and gone with the answer. */
import { expect, test } from 'vitest';
import { counters } from '../index.ts';
import { forgetChain, noteChain } from './call-chain.ts';

test('noteChain: beyond 4096 calls that are not answered, the oldest is forgotten and counted', () => {
  const before = counters().chainsForgotten;
  for (let from = 1; from <= 4096; from += 1) noteChain(from, [from, 1]);
  forgetChain(4096);
  noteChain(4097, [1, 1]);
  expect(counters().chainsForgotten - before).toBe(0);
  noteChain(4098, [1, 1]);
  expect(counters().chainsForgotten - before).toBe(1);
  for (let from = 1; from <= 4098; from += 1) forgetChain(from);
});
