/** The canary's judgement: clean logs are clean, and each planted fault is found. */
import { describe, expect, test } from 'vitest';
import { judgeLog, type LoggedAppend, nonceOf } from './canary-log.ts';

const RUN = '17-3-0';
const logged = (...numbers: readonly number[]): LoggedAppend[] =>
  numbers.map((n, i) => ({ seq: i + 1, nonce: nonceOf(RUN, n) }));
const ACKNOWLEDGED = new Map([
  [1, 1],
  [2, 2],
  [3, 3],
]);
const CLEAN = { lost: 0, repeated: 0, reordered: 0 };

describe('judgeLog', () => {
  test('everything where it was said to be: clean', () => {
    expect(judgeLog(RUN, ACKNOWLEDGED, logged(1, 2, 3))).toEqual(CLEAN);
  });

  test('an unacknowledged append, there or not: clean', () => {
    expect(judgeLog(RUN, ACKNOWLEDGED, logged(1, 2, 3, 4))).toEqual(CLEAN);
  });

  test('an acknowledged one is missing: lost', () => {
    expect(judgeLog(RUN, ACKNOWLEDGED, logged(1, 2))).toEqual({ ...CLEAN, lost: 1 });
  });

  test('an acknowledged one is at another place: lost', () => {
    const log = [...logged(1, 2), { seq: 4, nonce: nonceOf(RUN, 3) }];
    expect(judgeLog(RUN, ACKNOWLEDGED, log)).toEqual({ ...CLEAN, lost: 1 });
  });

  test('one is there twice: repeated', () => {
    expect(judgeLog(RUN, ACKNOWLEDGED, logged(1, 2, 3, 2))).toEqual({ ...CLEAN, repeated: 1 });
  });

  test('one is behind what was sent later: reordered', () => {
    const at = new Map([
      [1, 1],
      [3, 2],
      [2, 3],
    ]);
    expect(judgeLog(RUN, at, logged(1, 3, 2))).toEqual({ ...CLEAN, reordered: 1 });
  });

  test('events of another run: are not looked at', () => {
    const log = [{ seq: 0, nonce: nonceOf('17-2-0', 1) }, ...logged(1, 2, 3)];
    expect(judgeLog(RUN, ACKNOWLEDGED, log)).toEqual(CLEAN);
  });
});
