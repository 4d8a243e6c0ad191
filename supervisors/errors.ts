/**
 * Error codes of supervisors/: what starting, stopping and keeping keys can refuse. Plain values, any thread.
 */

/** Codes of the DriftwayErrors that this folder throws. */
export const SUPERVISORS_ERRORS = {
  /** The file with the signing keys cannot be read or is not what this program wrote. */
  badKeyFile: 'DRIFT_SUPERVISORS_BAD_KEY_FILE',
  /** The data folder cannot be made or written. */
  badDataDir: 'DRIFT_SUPERVISORS_BAD_DATA_DIR',
} as const;

/** Exit codes of the server and the heart (api.md, starting and stopping). */
export const EXIT = {
  done: 0,
  /** Could not start, or could not stop in time. */
  failed: 1,
  /** Bad configuration or wrong use; nothing was opened. */
  misuse: 2,
} as const;
