/**
 * Errors of the SDK that a caller may act on. Programming mistakes are TypeError and RangeError.
 */

/** Codes of ClientError. */
export type ClientErrorCode =
  /** The server answered with an ERR frame; `data.err` is its code. */
  | 'DRIFT_CLIENT_REFUSED'
  /** The connection ended before the answer came. */
  | 'DRIFT_CLIENT_CONNECTION_LOST'
  /** There is no connection now. */
  | 'DRIFT_CLIENT_OFFLINE'
  /** The client was closed, or stopped by a close code of 4500-4999. */
  | 'DRIFT_CLIENT_STOPPED'
  /** The outbox holds as much as it may. */
  | 'DRIFT_CLIENT_OUTBOX_FULL'
  /** A message may have been committed or not, and its nonce is too old to ask by. */
  | 'DRIFT_CLIENT_OUTCOME_UNKNOWN'
  /** The user took a message back before it was sent. */
  | 'DRIFT_CLIENT_CANCELLED'
  /** The server's answer could not be read. */
  | 'DRIFT_CLIENT_BAD_ANSWER'
  /** HTTP answered with an error body; `data.status` and `data.err` say which. */
  | 'DRIFT_CLIENT_HTTP'
  /** HTTP could not be reached. */
  | 'DRIFT_CLIENT_UNREACHABLE'
  /** The login is over: log in again. */
  | 'DRIFT_CLIENT_SIGNED_OUT';

/** What an error says beside its code. */
export interface ClientErrorData {
  /** ERR code of the socket, or `code` of an HTTP error body. */
  readonly err?: number | string;
  readonly status?: number;
  readonly field?: string;
  readonly retryMs?: number;
}

/** An error that the caller of the SDK may act on. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: ClientErrorCode;
  readonly data: ClientErrorData;

  /**
   * @param code stable code
   * @param message the action, then what was got
   * @param data details
   * @param cause the error behind it
   */
  constructor(code: ClientErrorCode, message: string, data: ClientErrorData = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.data = data;
  }
}
