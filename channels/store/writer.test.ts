/** SqliteWriter and SqliteReader: settings, schema, groups, checkpoints, sweeps. */
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { OpenedLog } from '../types.ts';
import { nodeSqliteDriver } from './driver.ts';
import { SqliteReader } from './reader.ts';
import { migrate, SCHEMA_VERSION } from './schema.ts';
import { countingRng, event, freshPath, messagesCommit, StillClock } from './test/fixtures.ts';
import type { Outcome, SqliteConnection, SqliteDriver, WriterOptions } from './types.ts';
import { SqliteWriter } from './writer.ts';

function openWriter(path: string, options: Partial<WriterOptions> = {}): SqliteWriter {
  return new SqliteWriter({ path, clock: new StillClock(), rng: countingRng(), ...options });
}

function openStream(writer: SqliteWriter, sid: number): OpenedLog {
  const [outcome] = writer.run([{ op: 'open', sid }]);
  if (outcome?.status !== 'done') throw new Error(outcome?.status);
  return outcome.value as OpenedLog;
}

/** The driver with every SQL text that is executed or run noted in `seen`. */
function noting(seen: string[], mutate: (sql: string) => string = (sql) => sql): SqliteDriver {
  return {
    open(path, options): SqliteConnection {
      const connection = nodeSqliteDriver.open(path, options);
      return {
        get inTransaction() {
          return connection.inTransaction;
        },
        exec: (sql) => {
          seen.push(sql);
          connection.exec(mutate(sql));
        },
        prepare: (sql) => {
          const statement = connection.prepare(mutate(sql));
          return {
            run: (...params) => {
              seen.push(sql);
              return statement.run(...params);
            },
            get: (...params) => statement.get(...params),
            all: (...params) => statement.all(...params),
            iterate: (...params) => statement.iterate(...params),
          };
        },
        close: () => connection.close(),
      };
    },
  };
}

describe('SqliteWriter', () => {
  test('constructor: new file, private mode, WAL, incremental vacuum, schema version', () => {
    const path = freshPath();
    const writer = openWriter(path);
    openStream(writer, 1);
    for (const suffix of ['', '-wal', '-shm']) {
      expect(statSync(path + suffix).mode & 0o777).toBe(0o600);
    }
    const look = new DatabaseSync(path, { readOnly: true });
    expect(look.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(look.prepare('PRAGMA auto_vacuum').get()).toEqual({ auto_vacuum: 2 });
    expect(look.prepare('PRAGMA user_version').get()).toEqual({ user_version: SCHEMA_VERSION });
    expect(look.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    look.close();
    writer.close();
  });

  test('constructor: file with a wide mode, narrowed', () => {
    const path = freshPath();
    writeFileSync(path, '');
    chmodSync(path, 0o666);
    openWriter(path).close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('constructor: setting that does not hold, throws DRIFT_CHANNELS_STORE_PRAGMA', () => {
    const driver = noting([], (sql) => sql.replace('synchronous = FULL', 'synchronous = NORMAL'));
    const code = 'DRIFT_CHANNELS_STORE_PRAGMA';
    expect(() => openWriter(freshPath(), { driver })).toThrow(expect.objectContaining({ code }));
  });

  test.each(['3.51.2', '3.9.10', '2.99.99'])(
    'constructor: SQLite %s, throws DRIFT_CHANNELS_STORE_SQLITE_VERSION',
    (version) => {
      const driver = noting([], (sql) => sql.replace('sqlite_version()', `'${version}'`));
      const code = 'DRIFT_CHANNELS_STORE_SQLITE_VERSION';
      expect(() => openWriter(freshPath(), { driver })).toThrow(expect.objectContaining({ code }));
    },
  );

  test('constructor: newer schema, throws DRIFT_CHANNELS_STORE_SCHEMA and leaves the file alone', () => {
    const path = freshPath();
    openWriter(path).close();
    const newer = new DatabaseSync(path);
    newer.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    newer.close();
    const schema = expect.objectContaining({ code: 'DRIFT_CHANNELS_STORE_SCHEMA' });
    expect(() => openWriter(path)).toThrow(schema);
    expect(() => new SqliteReader({ path })).toThrow(schema);
  });

  test('run: group of many changes, one transaction and one COMMIT', () => {
    const seen: string[] = [];
    const writer = openWriter(freshPath(), { driver: noting(seen) });
    const opened = openStream(writer, 1);
    seen.length = 0;
    const group = Array.from({ length: 200 }, (_, i) => ({
      op: 'commit' as const,
      commit: messagesCommit(opened, i, 1),
    }));
    const outcomes = writer.run(group);
    expect(outcomes.at(-1)).toEqual({ status: 'done', value: { ok: true, head: 200 } });
    expect(seen.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
    expect(writer.stats()).toMatchObject({ groups: 2, changes: 201, events: 200 });
    writer.close();
  });

  test('run: change that is wrong, rejected alone', () => {
    const writer = openWriter(freshPath());
    const opened = openStream(writer, 1);
    const wrong = messagesCommit(opened, 0, 2, (i) => ({ seq: 1 + 2 * i }));
    const outcomes = writer.run([
      { op: 'commit', commit: wrong },
      { op: 'commit', commit: messagesCommit(opened, 0, 1) },
      { op: 'open', sid: -1 },
    ]);
    expect(outcomes.map(({ status }: Outcome) => status)).toEqual(['rejected', 'done', 'rejected']);
    writer.close();
  });

  test('run: WAL above its bound, checkpoint after the commit; a pinned WAL is not tried each time', () => {
    const path = freshPath();
    const limits = { walBytesMax: 200_000, walIdleBytes: 100_000 };
    const writer = openWriter(path, limits);
    const opened = openStream(writer, 1);
    let head = 0;
    const append = (): void => {
      const commit = messagesCommit(opened, head, 1, () => ({ frame: new Uint8Array(30_000) }));
      expect(writer.run([{ op: 'commit', commit }])[0]?.status).toBe('done');
      head += 1;
    };
    while (writer.stats().checkpoints === 0 && head < 100) append();
    expect(writer.stats()).toMatchObject({ checkpoints: 1, walBytes: 0 });
    const pin = new DatabaseSync(path, { readOnly: true });
    pin.exec('BEGIN');
    pin.prepare('SELECT count(*) FROM log').get();
    for (let i = 0; i < 20; i += 1) append();
    const { checkpoints, walBytes } = writer.stats();
    expect(checkpoints).toBeLessThan(15);
    expect(walBytes).toBeGreaterThan(limits.walBytesMax);
    pin.close();
    while (writer.stats().walBytes > 0 && head < 200) append();
    expect(writer.stats().walBytes).toBe(0);
    writer.close();
  });

  test('idle: WAL above its bound for quiet moments, checkpoint; below, nothing', () => {
    const writer = openWriter(freshPath(), { walIdleBytes: 4 * 2 ** 20 });
    const opened = openStream(writer, 1);
    expect(writer.idle()).toBe(false);
    expect(writer.stats().checkpoints).toBe(0);
    const frame = new Uint8Array(5 * 2 ** 20);
    writer.run([{ op: 'commit', commit: messagesCommit(opened, 0, 1, () => ({ frame })) }]);
    expect(writer.stats()).toMatchObject({ checkpoints: 0 });
    expect(writer.idle()).toBe(false);
    expect(writer.stats()).toMatchObject({ checkpoints: 1, walBytes: 0 });
    writer.close();
  });

  test('idle: dropped stream, its rows go in slices, also after a restart', () => {
    const path = freshPath();
    let writer = openWriter(path);
    const opened = openStream(writer, 1);
    const kept = openStream(writer, 2);
    writer.run([{ op: 'commit', commit: messagesCommit(kept, 0, 3) }]);
    writer.run([{ op: 'commit', commit: messagesCommit(opened, 0, 1_200) }]);
    const reaction = (i: number) => ({ kind: 4, target: 1, emoji: 'x', actor: i + 1 });
    writer.run([{ op: 'commit', commit: messagesCommit(opened, 1_200, 600, reaction) }]);
    writer.run([{ op: 'drop', sid: 1 }]);
    expect(writer.idle()).toBe(true);
    writer.close();
    writer = openWriter(path);
    let slices = 1;
    while (writer.idle()) slices += 1;
    expect(slices).toBeGreaterThan(5);
    writer.close();
    const look = new DatabaseSync(path);
    const count = (table: string): unknown =>
      look.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n;
    expect(['log', 'reactions', 'tallies', 'dropped', 'heads'].map(count)).toEqual([3, 0, 0, 0, 1]);
    look.close();
  });

  test('commit: delete, the old bytes are nowhere in the file after a checkpoint', () => {
    const path = freshPath();
    const writer = openWriter(path, { walIdleBytes: 0 });
    const opened = openStream(writer, 1);
    const secret = new Uint8Array(Buffer.from('SECRET-OF-ALICE-0123456789'));
    writer.run([{ op: 'commit', commit: messagesCommit(opened, 0, 1, () => ({ frame: secret })) }]);
    writer.idle();
    const rewrites = [{ seq: 1, kind: 0, frame: new Uint8Array(4), editedAt: 0 }];
    const events = [event(2, { kind: 3, target: 1 })];
    const commit = { sid: 1, fence: opened.fence, after: 1, events, rewrites };
    expect(writer.run([{ op: 'commit', commit }])[0]?.status).toBe('done');
    writer.idle();
    writer.close();
    expect(readFileSync(path).includes('SECRET')).toBe(false);
    expect(existsSync(`${path}-wal`)).toBe(false);
  });
});

describe('SqliteReader', () => {
  test('replay: left early by its byte limit, no snapshot stays open', () => {
    const path = freshPath();
    const writer = openWriter(path, { walIdleBytes: 0 });
    const reader = new SqliteReader({ path });
    const opened = openStream(writer, 1);
    writer.run([{ op: 'commit', commit: messagesCommit(opened, 0, 50) }]);
    expect(reader.replay(1, 0, 50, 1)).toHaveLength(1);
    writer.run([{ op: 'commit', commit: messagesCommit(opened, 50, 1) }]);
    writer.idle();
    expect(writer.stats().walBytes).toBe(0);
    expect(reader.replay(1, 50, 50, 1)).toHaveLength(1);
    writer.close();
    reader.close();
  });

  test('messages: pages and edits come from indexes, no scan and no sort', () => {
    const path = freshPath();
    openWriter(path).close();
    const look = new DatabaseSync(path);
    const plan = (sql: string): string =>
      look
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((row) => String(row.detail))
        .join('\n');
    const page =
      'SELECT frame FROM log WHERE sid = ? AND seq > ? AND kind = 1 ORDER BY seq LIMIT ?';
    expect(plan(page)).toBe('SEARCH log USING INDEX log_seq (sid=? AND seq>?)');
    const edits = 'SELECT seq FROM log WHERE sid = ? AND target = ? AND kind = 2';
    expect(plan(edits)).toBe('SEARCH log USING INDEX log_edits (sid=? AND target=?)');
    const nonce = 'SELECT seq FROM log WHERE sid = ? AND nonce_hash = ?';
    expect(plan(nonce)).toBe('SEARCH log USING INDEX log_nonce (sid=? AND nonce_hash=?)');
    look.close();
  });
});

describe('migrate', () => {
  test('from an older version, runs what is missing in order; a failing one changes nothing', () => {
    const connection = nodeSqliteDriver.open(freshPath(), { readOnly: false, busyTimeoutMs: 0 });
    const steps = ['CREATE TABLE a (x)', 'ALTER TABLE a ADD COLUMN y'];
    migrate(connection, steps.slice(0, 1));
    migrate(connection, steps);
    const bad = [...steps, 'CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)'];
    expect(() => migrate(connection, bad)).toThrow('nowhere');
    expect(connection.inTransaction).toBe(false);
    expect(connection.prepare('PRAGMA user_version').get()).toEqual([2]);
    const tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    expect(connection.prepare(tables).all()).toEqual([['a']]);
    connection.close();
  });
});
