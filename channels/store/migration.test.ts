/** Old data folders: what a schema version below this one holds is there after opening. */
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openSqliteStore } from './sqlite-store.ts';
import { bytes, countingRng, event, freshPath, StillClock } from './test/fixtures.ts';

const ON = new Uint8Array([...bytes('pin'), 0xc3]);
const OFF = new Uint8Array([...bytes('pin'), 0xc2]);

test('openSqliteStore: file of schema version 1, its pins are those of its newest events', async () => {
  const path = freshPath();
  const options = { path, clock: new StillClock(), rng: countingRng() };
  const old = openSqliteStore(options);
  const { fence } = await old.log.open(5);
  const pin = (seq: number, target: number, frame: Uint8Array) =>
    event(seq, { kind: 6, target, frame });
  const events = [
    ...[1, 2, 3].map((seq) => event(seq)),
    pin(4, 1, ON),
    pin(5, 2, ON),
    pin(6, 2, OFF),
    pin(7, 3, OFF),
    pin(8, 3, ON),
    pin(9, 4, ON),
  ];
  await old.log.commit({ sid: 5, fence, after: 0, events, rewrites: [] });
  await old.close();
  const file = new DatabaseSync(path);
  file.exec('DROP TABLE pins; PRAGMA user_version = 1');
  file.close();

  const store = openSqliteStore(options);
  expect((await store.log.pins(5, 10, 7)).map((row) => row.event.seq)).toEqual([3, 1]);
  await store.close();
});
