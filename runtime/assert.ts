/**
 * assert(): states what must hold. A failed assertion is a bug: the actor that runs it dies and its
 * supervisor decides. Pure; any thread.
 */

/** Thrown by `assert`. Never caught to go on: let the actor die. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/**
 * Throws AssertionError when `condition` is false. `why` says what should have held.
 * Any thread; O(1).
 */
export function assert(condition: boolean, why: string): asserts condition {
  if (!condition) throw new AssertionError(`assertion failed: ${why}`);
}
