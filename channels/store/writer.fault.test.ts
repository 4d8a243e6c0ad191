/** SqliteWriter when the disk is full or broken: never a wrong ok, and on again when the fault is gone. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { OpenedLog } from '../types.ts';
import { nodeSqliteDriver } from './driver.ts';
import { SqliteReader } from './reader.ts';
import {
  type FaultPoint,
  FaultSwitch,
  faultDriver,
  SQLITE_FULL,
  SQLITE_IOERR_FSYNC,
} from './test/fault-driver.ts';
import {
  countingRng,
  freshDirectory,
  freshPath,
  messagesCommit,
  StillClock,
} from './test/fixtures.ts';
import type { Change, Outcome, SqliteDriver, StoreEvent } from './types.ts';
import { SqliteWriter } from './writer.ts';

interface Bench {
  readonly writer: SqliteWriter;
  readonly reader: SqliteReader;
  readonly clock: StillClock;
  readonly faults: FaultSwitch;
  readonly events: StoreEvent[];
  readonly opened: OpenedLog;
  /** Commits one message after `after`. */
  append(after: number): Outcome;
  seqs(): number[];
}

const SID = 42;
/** A write that was refused for another reason than ENOSPC. */
const SQLITE_IOERR_WRITE = 778;

function bench(path = freshPath(), inner: SqliteDriver = nodeSqliteDriver): Bench {
  const faults = new FaultSwitch();
  const clock = new StillClock();
  const events: StoreEvent[] = [];
  const onEvent = (one: StoreEvent): number => events.push(one);
  const driver = faultDriver(inner, faults);
  const walIdleBytes = 4 * 2 ** 20;
  const writer = new SqliteWriter({
    path,
    clock,
    rng: countingRng(),
    driver,
    onEvent,
    walIdleBytes,
  });
  const reader = new SqliteReader({ path });
  const [outcome] = writer.run([{ op: 'open', sid: SID }]);
  const opened = valueOfDone(outcome) as OpenedLog;
  const append = (after: number): Outcome =>
    writer.run([{ op: 'commit', commit: messagesCommit(opened, after, 1) }])[0]!;
  const seqs = (): number[] => reader.replay(SID, 0, 1_000, 1e9).map(({ seq }) => seq);
  return { writer, reader, clock, faults, events, opened, append, seqs };
}

function valueOfDone(outcome: Outcome | undefined): unknown {
  expect(outcome?.status).toBe('done');
  return outcome?.status === 'done' ? outcome.value : undefined;
}

function close({ writer, reader }: Bench): void {
  writer.close();
  reader.close();
}

const GROUP_FAULTS: readonly (readonly [FaultPoint, number])[] = [
  ['write', SQLITE_FULL],
  ['write', SQLITE_IOERR_WRITE],
  ['commit', SQLITE_FULL],
  ['commit', SQLITE_IOERR_FSYNC],
  ['select', 11],
];

describe('SqliteWriter.run', () => {
  test.each(GROUP_FAULTS)(
    'fault at %s with result %i, whole group unavailable and nothing written',
    (point, errcode) => {
      const b = bench();
      b.append(0);
      b.faults.set(point, errcode, 1);
      const group: Change[] = [
        { op: 'commit', commit: messagesCommit(b.opened, 1, 1, () => ({ nonce: 'a' })) },
        { op: 'commit', commit: messagesCommit(b.opened, 2, 3) },
        { op: 'open', sid: 43 },
        {
          op: 'docs',
          batch: [{ kind: 'k', key: 'a', expect: 'any', json: '1', unique: undefined }],
        },
      ];
      const outcomes = b.writer.run(group);
      expect(outcomes.map(({ status }) => status)).toEqual(Array(4).fill('unavailable'));
      expect(b.seqs()).toEqual([1]);
      expect(b.events).toMatchObject([{ type: 'writeFailed', errcode, outcome: 'unavailable' }]);
      // The fault is gone and the back-off is over: the same group goes through.
      b.clock.advance(60);
      const again = b.writer.run(group);
      expect(again.map(({ status }) => status)).toEqual(Array(4).fill('done'));
      expect(b.seqs()).toEqual([1, 2, 3, 4, 5]);
      expect(b.writer.stats()).toMatchObject({ failedGroups: 1, reopens: 1, healthy: true });
      close(b);
    },
  );

  test('fault lasts, unavailable with a growing and bounded back-off, reads go on', () => {
    const b = bench();
    b.append(0);
    b.faults.set('commit', SQLITE_FULL);
    const retries: number[] = [];
    for (let i = 0; i < 12; i += 1) {
      const outcome = b.append(1);
      if (outcome.status !== 'unavailable') throw new Error(outcome.status);
      retries.push(outcome.retryMs);
      expect(b.append(1).status).toBe('unavailable');
      expect(b.seqs()).toEqual([1]);
      b.clock.advance(outcome.retryMs);
    }
    expect(retries).toEqual([50, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000, 5000, 5000]);
    // One attempt for each moment, not one for each request.
    expect(b.faults.hits('commit')).toBe(12);
    b.faults.clear();
    expect(b.append(1)).toEqual({ status: 'done', value: { ok: true, head: 2 } });
    expect(b.seqs()).toEqual([1, 2]);
    close(b);
  });

  test('fault at reopening, unavailable until it opens again', () => {
    const b = bench();
    b.faults.set('commit', SQLITE_IOERR_FSYNC, 1);
    b.faults.set('open', 14, 2);
    expect(b.append(0).status).toBe('unavailable');
    b.clock.advance(60);
    expect(b.append(0).status).toBe('unavailable');
    b.clock.advance(5_000);
    expect(b.append(0).status).toBe('unavailable');
    b.clock.advance(5_000);
    expect(b.append(0).status).toBe('done');
    expect(b.events.map(({ type }) => type)).toEqual([
      'writeFailed',
      'reopenFailed',
      'reopenFailed',
      'reopened',
    ]);
    close(b);
  });

  test('fault also at rollback and close, still unavailable and nothing written', () => {
    const b = bench();
    for (const point of ['commit', 'rollback', 'close'] as const) b.faults.set(point, 10);
    expect(b.append(0).status).toBe('unavailable');
    b.faults.clear();
    b.clock.advance(60);
    expect(b.seqs()).toEqual([]);
    expect(b.append(0).status).toBe('done');
    expect(b.seqs()).toEqual([1]);
    close(b);
  });

  test('COMMIT reports an error but took effect, answered unknown and not unavailable', () => {
    const b = bench();
    b.faults.set('committed', SQLITE_IOERR_FSYNC, 1);
    expect(b.append(0)).toEqual({ status: 'unknown' });
    b.clock.advance(60);
    expect(b.seqs()).toEqual([1]);
    expect(b.append(1).status).toBe('done');
    close(b);
  });

  test('fault at one change only (a constraint), its neighbours are written', () => {
    const b = bench();
    b.faults.set('write', 275, 1);
    const outcomes = b.writer.run([
      { op: 'commit', commit: messagesCommit(b.opened, 0, 2) },
      { op: 'commit', commit: messagesCommit(b.opened, 0, 1) },
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'done']);
    expect(b.seqs()).toEqual([1]);
    close(b);
  });

  test('fault at a checkpoint, the commit is done and the checkpoint is tried again later', () => {
    const b = bench();
    b.faults.set('checkpoint', SQLITE_FULL);
    const big = (after: number): Change => ({
      op: 'commit',
      commit: messagesCommit(b.opened, after, 1, () => ({ frame: new Uint8Array(6 * 2 ** 20) })),
    });
    expect(b.writer.run([big(0)])[0]?.status).toBe('done');
    b.writer.idle();
    b.writer.idle();
    expect(b.writer.stats()).toMatchObject({ checkpoints: 0, checkpointFailures: 1 });
    b.faults.clear();
    b.writer.run([big(1)]);
    b.writer.idle();
    expect(b.writer.stats()).toMatchObject({ checkpoints: 1, walBytes: 0, healthy: true });
    close(b);
  });

  test('SQLite itself finds no room (max_page_count), unavailable, then goes on', () => {
    let limited = true;
    const limitingDriver: SqliteDriver = {
      open(path, options) {
        const connection = nodeSqliteDriver.open(path, options);
        if (limited && !options.readOnly) connection.exec('PRAGMA max_page_count = 60');
        return connection;
      },
    };
    const b = bench(freshPath(), limitingDriver);
    const acknowledged = fillUntilUnavailable(b);
    expect(b.seqs()).toHaveLength(acknowledged);
    expect(b.events[0]).toMatchObject({ type: 'writeFailed', errcode: SQLITE_FULL });
    limited = false;
    b.clock.advance(5_000);
    expect(b.append(acknowledged).status).toBe('done');
    expect(b.seqs()).toHaveLength(acknowledged + 1);
    close(b);
  });
});

/** Appends 20 KB messages until the store refuses; returns how many were acknowledged. */
function fillUntilUnavailable(b: Bench): number {
  for (let after = 0; after < 2_000; after += 1) {
    const commit = messagesCommit(b.opened, after, 1, () => ({ frame: new Uint8Array(20_000) }));
    const outcome = b.writer.run([{ op: 'commit', commit }])[0]!;
    if (outcome.status !== 'done') {
      expect(outcome.status).toBe('unavailable');
      return after;
    }
  }
  throw new Error('the disk never filled up');
}

/** A directory whose disk can be made full and given room again, and what SQLite says when it is full. */
interface SmallDisk {
  readonly path: string;
  readonly errcode: number;
  fill(): void;
  free(): void;
  release(): void;
}

/** A file system of its own of 8 MiB; undefined where only root may have one. */
function smallFileSystem(): SmallDisk | undefined {
  const path = freshDirectory();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const ballast = join(path, 'ballast');
  return {
    path,
    errcode: SQLITE_FULL,
    fill: () => writeFileSync(ballast, new Uint8Array(4 * 2 ** 20)),
    free: () => writeFileSync(ballast, ''),
    release: () => execFileSync('umount', [path]),
  };
}

/** The kernel refuses this process every byte beyond 1 MiB of a file (RLIMIT_FSIZE), as a quota does; anybody may have that. */
function limitedFiles(): SmallDisk {
  const limit = (bytes: number | 'unlimited'): void => {
    execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`]);
  };
  return {
    path: freshDirectory(),
    errcode: SQLITE_IOERR_WRITE,
    fill: () => limit(2 ** 20),
    free: () => limit('unlimited'),
    release: () => limit('unlimited'),
  };
}

describe('SqliteWriter on a full disk', () => {
  test.each([
    ['ENOSPC where mounting is allowed', () => smallFileSystem() ?? limitedFiles()],
    ['EFBIG by a limit of the kernel', limitedFiles],
  ])('real %s, unavailable, no acknowledged loss, on again with room', (_name, make) => {
    const disk = make();
    try {
      const path = join(disk.path, 'driftway.db');
      const b = bench(path);
      disk.fill();
      const acknowledged = fillUntilUnavailable(b);
      expect(b.seqs()).toHaveLength(acknowledged);
      const { errcode } = disk;
      expect(b.events).toMatchObject([{ type: 'writeFailed', errcode, outcome: 'unavailable' }]);
      b.clock.advance(60_000);
      expect(b.append(acknowledged).status).toBe('unavailable');
      disk.free();
      b.clock.advance(60_000);
      expect(b.append(acknowledged).status).toBe('done');
      close(b);
      const reader = new SqliteReader({ path });
      expect(reader.heads([SID])[0]?.head).toBe(acknowledged + 1);
      reader.close();
    } finally {
      disk.release();
    }
  });
});
