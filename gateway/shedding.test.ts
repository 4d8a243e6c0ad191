/** The order in which classes of notices are dropped. */
import { expect, test } from 'vitest';
import type { ShedClass } from '../channels/index.ts';
import { Shedding, type ShedLevel } from './shedding.ts';

const CLASSES: readonly ShedClass[] = ['typing', 'presence', 'receipt', 'unread', 'voice'];

test.each<[ShedLevel, readonly ShedClass[]]>([
  [0, CLASSES],
  [1, ['presence', 'receipt', 'unread', 'voice']],
  [2, ['unread', 'voice']],
  [3, ['voice']],
])('Shedding: level %d, what is less dear goes first', (level, kept) => {
  const shedding = new Shedding();
  shedding.level = level;
  expect(CLASSES.filter((shedClass) => shedding.allows(shedClass))).toEqual(kept);
});
