/** Reading along in a thread's log: from a level on, bounded, and over by itself. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { call, cast, defineActor, name, spawn, startSupervisor, stop } from '../runtime/index.ts';
import { FakeClock } from '../runtime/testkit/index.ts';
import {
  LOG_LINES,
  LOG_TAP,
  type LogLines,
  type LogLinesP,
  type LogTapP,
  lineTap,
  logTap,
} from './log-tap.ts';

const tap = name<LogTapP>(LOG_TAP);
const line = (level: number, text = 'x'): string => `{"level":${level},"msg":"${text}"}\n`;

let clock: FakeClock;
let got: LogLines[];
let ends: (() => Promise<void>)[];

beforeEach(async () => {
  clock = new FakeClock();
  got = [];
  const behaviour = defineActor<LogLinesP, null>({
    init: () => null,
    handle: { lines: (_state, lines) => void got.push(lines) },
  });
  const taker = await spawn(behaviour, undefined, { name: name<LogLinesP>(LOG_LINES) });
  const supervisor = await startSupervisor({ children: [logTap(clock)] });
  ends = [() => stop(taker), () => stop(supervisor, 'shutdown')];
});
afterEach(async () => {
  lineTap.take = null;
  await Promise.all(ends.map((end) => end()));
});

/** Writes as the logger does. */
function write(...lines: readonly string[]): void {
  for (const each of lines) lineTap.take?.(each);
}

async function order(given: Parameters<LogTapP['tap']>[0]): Promise<void> {
  await call(tap, 'tap', given);
}

test('tap: nobody reads, nothing is taken', () => {
  expect(lineTap.take).toBeNull();
});

test('tap: lines from the level on, gathered', async () => {
  await order({ level: 40, forMs: 10_000 });
  write(line(30), line(40), line(60));
  expect(got).toEqual([]);
  await clock.advance(200);
  expect(got).toEqual([{ thread: 'main', lines: [line(40), line(60)], dropped: 0 }]);
  write(line(50));
  await clock.advance(200);
  expect(got[1]?.lines).toEqual([line(50)]);
});

test('tap: more than fit, the rest is counted', async () => {
  await order({ level: 10, forMs: 10_000 });
  write(...Array.from({ length: 600 }, () => line(30)), line(30, 'y'.repeat(9_000)));
  await clock.advance(200);
  expect([got[0]?.lines.length, got[0]?.dropped]).toEqual([500, 101]);
});

test('tap: taken back, or not renewed, it ends', async () => {
  await order({ level: 10, forMs: 10_000 });
  cast(tap, 'tap', null);
  await clock.advance(0);
  expect(lineTap.take).toBeNull();
  await order({ level: 10, forMs: 1_000 });
  await clock.advance(1_500);
  write(line(30));
  await clock.advance(200);
  expect(lineTap.take).toBeNull();
});
