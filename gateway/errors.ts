/**
 * Error codes of the socket side: thrown only while a gateway starts or reloads; what happens on a
 * connection is a value, an ERR or a close code.
 */
import { DriftwayError, type DriftwayErrorOptions } from '../runtime/index.ts';

/** Codes of GatewayError. */
export type GatewayErrorCode =
  /** The port could not be listened on. */
  | 'DRIFT_GATEWAY_LISTEN'
  /** The TLS certificate or key cannot be read or used. */
  | 'DRIFT_GATEWAY_TLS';

/** A gateway thread could not start, or could not take over a new certificate. */
export class GatewayError extends DriftwayError {
  declare readonly code: GatewayErrorCode;

  /**
   * @param code stable code
   * @param message the action, then got and wanted
   */
  constructor(code: GatewayErrorCode, message: string, options?: DriftwayErrorOptions) {
    super(code, message, options);
  }
}
