/**
 * The error class of gateway/protocol: thrown only where bytes of our own making do not read back
 * (a damaged store). Frames of a peer never throw; their outcome is a value.
 */

/** Codes of ProtocolError. */
export type ProtocolErrorCode = 'DRIFT_PROTOCOL_BAD_EVENT';

/** Stored bytes are not an event frame. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: ProtocolErrorCode;

  /**
   * @param code stable code
   * @param message the action, then what was got
   */
  constructor(code: ProtocolErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
