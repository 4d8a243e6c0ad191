/**
 * What makes a copied database fit to be served: it is whole, of this version's schema, and every stream has a new epoch, in its
 * head and in the bytes of each stored frame (protocol.md 2.7 and 2.17 item 4). Synchronous and long: for tools, on a file that
 * nobody else has open. Never on a thread of a running server.
 */
import type { Rng } from '../../runtime/index.ts';
import { BUSY_TIMEOUT_MS, openForWriting } from './connection.ts';
import { nodeSqliteDriver } from './driver.ts';
import { SCHEMA_VERSION } from './schema.ts';
import type { SqliteConnection, SqlRow } from './types.ts';

/** Rows per transaction: bounds memory and the WAL. */
const BATCH_ROWS = 5_000;
/** Faults that `verifyDatabase` lists of each kind. */
const FAULTS_MAX = 10;

export interface StampOptions {
  readonly path: string;
  readonly rng: Pick<Rng, 'u32'>;
  /** An EV frame with another epoch; the wire format is not this folder's to know. */
  readonly withEpoch: (frame: Uint8Array, epoch: number) => Uint8Array;
  /** Share of the rows that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/** How much was stamped. */
export interface Stamped {
  readonly streams: number;
  readonly events: number;
}

/** The newest schema that this version can read; older ones are migrated. */
export const NEWEST_SCHEMA: number = SCHEMA_VERSION;

/**
 * Migrates the database, gives every stream a new random epoch and closes the file without a WAL beside it. A crash on the way
 * leaves a file of no use: work on a copy.
 * @throws StoreError DRIFT_CHANNELS_STORE_SCHEMA for a newer schema; what `withEpoch` throws of a damaged frame
 */
export function stampEpochs(options: StampOptions): Stamped {
  const db = openForWriting(nodeSqliteDriver, options.path, BUSY_TIMEOUT_MS);
  try {
    // Nothing is acknowledged on the way; the last checkpoint below is durable.
    db.exec('PRAGMA synchronous = OFF');
    const epochs = stampHeads(db, options.rng);
    const events = stampFrames(db, epochs, options);
    db.exec('PRAGMA synchronous = FULL');
    db.exec("UPDATE meta SET value = value + 1 WHERE key = 'group'");
    db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
    return { streams: epochs.size, events };
  } finally {
    db.close();
  }
}

function stampHeads(db: SqliteConnection, rng: Pick<Rng, 'u32'>): ReadonlyMap<number, number> {
  const epochs = new Map<number, number>();
  const update = db.prepare('UPDATE heads SET epoch = ? WHERE sid = ?');
  db.exec('BEGIN IMMEDIATE');
  for (const row of db.prepare('SELECT sid, epoch FROM heads').all()) {
    const sid = row[0] as number;
    const epoch = otherEpoch(rng, row[1] as number);
    update.run(epoch, sid);
    epochs.set(sid, epoch);
  }
  db.exec('COMMIT');
  return epochs;
}

function otherEpoch(rng: Pick<Rng, 'u32'>, old: number): number {
  for (;;) {
    const epoch = rng.u32();
    if (epoch !== 0 && epoch !== old) return epoch;
  }
}

function stampFrames(
  db: SqliteConnection,
  epochs: ReadonlyMap<number, number>,
  { onProgress, withEpoch }: StampOptions,
): number {
  const page = db.prepare('SELECT gsn, sid, frame FROM log WHERE gsn > ? ORDER BY gsn LIMIT ?');
  const update = db.prepare('UPDATE log SET frame = ? WHERE gsn = ?');
  const checkpoint = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)');
  const newest = (db.prepare('SELECT ifnull(max(gsn), 0) FROM log').get()?.[0] ?? 0) as number;
  let events = 0;
  for (let after = 0; after < newest; ) {
    const rows: readonly SqlRow[] = page.all(after, BATCH_ROWS);
    db.exec('BEGIN IMMEDIATE');
    for (const [gsn, sid, frame] of rows) {
      const epoch = epochs.get(sid as number);
      // A dropped stream has no head: its rows wait to be swept, nobody reads them.
      if (epoch === undefined) continue;
      update.run(withEpoch(frame as Uint8Array, epoch), gsn as number);
      events += 1;
    }
    db.exec('COMMIT');
    checkpoint.get();
    after = rows.at(-1)?.[0] as number;
    onProgress?.(after / newest);
  }
  return events;
}

/** What must give no rows, and what it means when it does. */
const RULES: readonly { readonly fault: string; readonly sql: string }[] = [
  {
    fault: 'a stream whose events are not gapless up to its head',
    sql: `SELECT heads.sid FROM heads LEFT JOIN log ON log.sid = heads.sid AND log.seq >= heads.first
          GROUP BY heads.sid
          HAVING count(log.seq) <> heads.head - heads.first + 1
              OR ifnull(max(log.seq), heads.first - 1) <> heads.head`,
  },
  {
    fault: 'a stream whose head has another time than its last event',
    sql: `SELECT heads.sid FROM heads JOIN log ON log.sid = heads.sid AND log.seq = heads.head
          WHERE log.ts <> heads.head_ts`,
  },
  {
    fault: 'a count of reactions that is not their number',
    // What is left of a dropped stream is half swept away.
    sql: `SELECT sid FROM tallies WHERE sid IN (SELECT sid FROM heads) AND count <> (SELECT count(*) FROM reactions
          WHERE reactions.sid = tallies.sid AND reactions.target = tallies.target
            AND reactions.emoji = tallies.emoji)`,
  },
  { fault: 'a document that is not JSON', sql: 'SELECT kind FROM docs WHERE NOT json_valid(json)' },
  {
    fault: 'a unique value of a document that is not there',
    sql: `SELECT kind FROM uniques WHERE NOT EXISTS (SELECT 1 FROM docs
          WHERE docs.kind = uniques.kind AND docs.key = uniques.key)`,
  },
];

/**
 * Looks the whole database over: SQLite's own check of the file, and the rules of the store.
 * @returns what is wrong, one line each, without content; empty when nothing is
 * @throws what SQLite throws when the file is none of its databases
 */
export function verifyDatabase(path: string): readonly string[] {
  const db = nodeSqliteDriver.open(path, { readOnly: true, busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    const sound = db.prepare(`PRAGMA integrity_check(${FAULTS_MAX})`).all();
    const damage = sound.map((row) => String(row[0])).filter((line) => line !== 'ok');
    if (damage.length > 0) return damage.map((line) => `the file is damaged: ${line}`);
    return RULES.flatMap(({ fault, sql }) => {
      const found = db.prepare(`${sql} LIMIT ${FAULTS_MAX}`).all();
      return found.map((row) => `${fault}: ${String(row[0])}`);
    });
  } finally {
    db.close();
  }
}
