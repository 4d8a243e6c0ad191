/**
 * The tables of the database and the numbered migrations that lead to them: forward only, each in its
 * own transaction together with `user_version`. Runs in the writer when it opens the file.
 */
import { StoreError } from './errors.ts';
import type { SqliteConnection } from './types.ts';

/**
 * Version 1. A log row is appended at the right edge (gsn) and found through log_seq: 2.6 times the
 * write rate of a table clustered by (sid, seq), storage.md 1.2. `kind` rides in log_seq, so that pages
 * of messages skip other events without an index of their own (README, "indexes"). That index cannot
 * be UNIQUE on (sid, seq) alone; the compare-and-set on heads.head guarantees it.
 */
const VERSION_1 = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta (key, value) VALUES ('fence', 0), ('group', 0);

CREATE TABLE heads (
  sid INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, fence INTEGER NOT NULL,
  first INTEGER NOT NULL, head INTEGER NOT NULL, head_ts INTEGER NOT NULL
);

CREATE TABLE log (
  gsn INTEGER PRIMARY KEY, sid INTEGER NOT NULL, seq INTEGER NOT NULL, ts INTEGER NOT NULL,
  kind INTEGER NOT NULL, actor INTEGER NOT NULL, target INTEGER NOT NULL, emoji TEXT NOT NULL,
  nonce TEXT NOT NULL, nonce_hash INTEGER, digest BLOB NOT NULL, edited_at INTEGER NOT NULL,
  frame BLOB NOT NULL
);
CREATE UNIQUE INDEX log_seq ON log (sid, seq, kind);
CREATE INDEX log_edits ON log (sid, target) WHERE kind = 2;
CREATE INDEX log_nonce ON log (sid, nonce_hash) WHERE nonce_hash IS NOT NULL;

CREATE TABLE reactions (
  sid INTEGER NOT NULL, target INTEGER NOT NULL, uid INTEGER NOT NULL, emoji TEXT NOT NULL,
  PRIMARY KEY (sid, target, uid, emoji)
) WITHOUT ROWID;
CREATE TABLE tallies (
  sid INTEGER NOT NULL, target INTEGER NOT NULL, emoji TEXT NOT NULL,
  count INTEGER NOT NULL, first_seq INTEGER NOT NULL,
  PRIMARY KEY (sid, target, emoji)
) WITHOUT ROWID;

CREATE TABLE dropped (sid INTEGER PRIMARY KEY);

CREATE TABLE docs (
  kind TEXT NOT NULL, key TEXT NOT NULL, rev INTEGER NOT NULL, json TEXT NOT NULL,
  PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE uniques (
  kind TEXT NOT NULL, value TEXT NOT NULL, key TEXT NOT NULL,
  PRIMARY KEY (kind, value)
) WITHOUT ROWID;
CREATE INDEX uniques_key ON uniques (kind, key);
`;

/**
 * Version 2. A pin is a row as long as it is set and its message lives; `at` is the seq of the kind 6
 * event that set it. Until then pins were events only: `on` is the last element of their frames, so the
 * last byte (msgpack true) of the newest one of each message tells.
 */
const VERSION_2 = `
CREATE TABLE pins (
  sid INTEGER NOT NULL, target INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (sid, target)
) WITHOUT ROWID;
INSERT INTO pins (sid, target, at)
  SELECT sid, target, seq FROM (
    SELECT sid, target, max(seq) AS seq, substr(frame, -1) AS on_off FROM log
    WHERE kind = 6 GROUP BY sid, target
  ) AS newest
  WHERE on_off = x'c3' AND EXISTS (
    SELECT 1 FROM log AS message
    WHERE message.sid = newest.sid AND message.seq = newest.target AND message.kind = 1
  );
`;

/** migrations[i] leads from version i to i + 1. */
const MIGRATIONS: readonly string[] = [VERSION_1, VERSION_2];

/** The schema version that this code reads and writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings the database to SCHEMA_VERSION. Throws DRIFT_CHANNELS_STORE_SCHEMA when it is newer. */
export function migrate(connection: SqliteConnection, migrations = MIGRATIONS): void {
  for (let version = schemaVersion(connection); version !== migrations.length; version += 1) {
    if (version > migrations.length) {
      throw schemaError(version, migrations.length);
    }
    connection.exec('BEGIN IMMEDIATE');
    try {
      connection.exec(migrations[version]!);
      connection.exec(`PRAGMA user_version = ${version + 1}`);
      connection.exec('COMMIT');
    } catch (error) {
      if (connection.inTransaction) {
        connection.exec('ROLLBACK');
      }
      throw error;
    }
  }
}

/** For readers, which may not migrate: throws DRIFT_CHANNELS_STORE_SCHEMA unless the version fits. */
export function checkSchema(connection: SqliteConnection): void {
  const version = schemaVersion(connection);
  if (version !== SCHEMA_VERSION) {
    throw schemaError(version, SCHEMA_VERSION);
  }
}

function schemaVersion(connection: SqliteConnection): number {
  return Number(connection.prepare('PRAGMA user_version').get()?.[0]);
}

function schemaError(have: number, want: number): StoreError {
  return new StoreError(
    'DRIFT_CHANNELS_STORE_SCHEMA',
    `open the database: got schema version ${have}, want ${want}`,
    { data: { have, want } },
  );
}
