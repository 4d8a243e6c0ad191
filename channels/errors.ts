/**
 * Error codes of channels/. Thrown only where the caller may act; expected outcomes (absent,
 * forbidden, unavailable, a refused append) are values.
 */
import { DriftwayError, type DriftwayErrorOptions } from '../runtime/index.ts';

/** Codes that `channelsError` may carry. */
export type ChannelsErrorCode =
  /** The log answered against its contract (for example ok with another head): the stream restarts. */
  | 'DRIFT_CHANNELS_LOG_CONTRACT'
  /** The store cannot answer now and the op has no value to say so: ask again. */
  | 'DRIFT_CHANNELS_UNAVAILABLE';

/**
 * An error of channels/. Any thread.
 * @param code see `ChannelsErrorCode`
 * @param message the action, a colon, got and wanted; no secrets, no content
 */
export function channelsError(
  code: ChannelsErrorCode,
  message: string,
  options?: DriftwayErrorOptions,
): DriftwayError {
  return new DriftwayError(code, message, options);
}
