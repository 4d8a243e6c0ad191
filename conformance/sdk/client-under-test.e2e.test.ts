/** The SDK against the scripted server: the client's half of cases 16, 17 and 23. */
import { describe, expect, test } from 'vitest';
import { ignoresUnknowns, repairsHole, repairsTail } from './client-under-test.ts';

describe.each(['mp', 'json'] as const)('SDK, %s', (encoding) => {
  test('case 16: an event is lost, it is repaired on the same connection', async () => {
    await expect(repairsHole(encoding)).resolves.toBeUndefined();
  });

  test('case 17: the last event is lost, HEAD leads to the repair', async () => {
    await expect(repairsTail(encoding)).resolves.toBeUndefined();
  });

  test('case 23: an unknown opcode is ignored, an unknown kind moves the position', async () => {
    await expect(ignoresUnknowns(encoding)).resolves.toBeUndefined();
  });
});
