/**
 * The errors of the stores that a caller may act on. Expected outcomes (fenced, duplicate, unavailable)
 * are values of the contract, not errors. Any thread.
 */
import { DriftwayError } from '../../runtime/index.ts';

export type StoreErrorCode =
  /** The store was closed by its owner. */
  | 'DRIFT_CHANNELS_STORE_CLOSED'
  /** Nothing was written or read; try again after `data.retryMs`. */
  | 'DRIFT_CHANNELS_STORE_UNAVAILABLE'
  /** A write may or may not have happened: open the stream again and look. */
  | 'DRIFT_CHANNELS_STORE_UNKNOWN'
  /** The writer refused a change that is wrong in itself: a bug of the caller. */
  | 'DRIFT_CHANNELS_STORE_REJECTED'
  /** The SQLite library is older than 3.51.3. */
  | 'DRIFT_CHANNELS_STORE_SQLITE_VERSION'
  /** The database was written by a newer version of Driftway, or is not migrated yet. */
  | 'DRIFT_CHANNELS_STORE_SCHEMA'
  /** A setting that durability depends on did not take effect. */
  | 'DRIFT_CHANNELS_STORE_PRAGMA';

/** Thrown by, or rejection of, calls on a Store; look at `code`. */
export class StoreError extends DriftwayError {
  override readonly name = 'StoreError';
  declare readonly code: StoreErrorCode;

  constructor(
    code: StoreErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly data?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(code, message, options);
  }
}

/** Result codes of SQLite (sqlite.org/rescode.html) that blame one statement and not the database. */
const STATEMENT_CODES: ReadonlySet<number> = new Set([18, 19, 20, 25]);

/** The SQLite result code of an error thrown by a driver, extended bits included. */
export function errcodeOf(error: unknown): number | undefined {
  const code: unknown = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? code : undefined;
}

/**
 * True when the error concerns one change only: a constraint (18 too big, 19 constraint, 20 mismatch,
 * 25 range) or a bad argument. Everything else (full disk, I/O, corruption, what is not known) may have
 * harmed the transaction, so the whole group has to fail.
 */
export function concernsOneChange(error: unknown): boolean {
  const code = errcodeOf(error);
  if (code !== undefined) {
    return STATEMENT_CODES.has(code & 0xff);
  }
  return error instanceof TypeError || error instanceof RangeError || error instanceof StoreError;
}

/** Message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
