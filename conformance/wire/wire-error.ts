/** The one error of the wire readers: the other side sent what protocol.md 2.3 forbids. */

/** Bytes that are no frame. */
export class WireError extends Error {
  override readonly name = 'WireError';
}
