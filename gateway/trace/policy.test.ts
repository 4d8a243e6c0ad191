/** Who is traced: the ratio, what a caller's flag changes, and the bound of that. */
import { afterEach, expect, test } from 'vitest';
import { isTraceDrawn, systemClock } from '../../runtime/index.ts';
import { FakeClock } from '../../runtime/testkit/index.ts';
import {
  isParentSampled,
  isTracingOn,
  judgeParent,
  parentsRefused,
  setTracePolicy,
} from './policy.ts';
import { formatTraceparent } from './traceparent.ts';

const OFF = { isOn: false, ratio: 1, followsParent: true };
afterEach(() => setTracePolicy(OFF, systemClock));

const header = (traceId: string, isSampled: boolean): string =>
  formatTraceparent(traceId, '00f067aa0ba902b7', isSampled);
const LOW = `${'a'.repeat(19)}0000000000001`;
const HIGH = `${'a'.repeat(19)}fffffffffffff`;

test('setTracePolicy: off, nothing is drawn and no header is read, whatever the ratio', () => {
  setTracePolicy(OFF, systemClock);
  expect(isTracingOn()).toBe(false);
  expect(isTraceDrawn()).toBe(false);
  expect(judgeParent(header(LOW, true))).toBeUndefined();
});

test('judgeParent: following the parent, its flag decides and not the ratio', () => {
  setTracePolicy({ isOn: true, ratio: 0, followsParent: true }, systemClock);
  expect(judgeParent(header(HIGH, true))?.isSampled).toBe(true);
  expect(judgeParent(header(LOW, false))?.isSampled).toBe(false);
  expect(judgeParent('00-broken')).toBeUndefined();
});

test('judgeParent: not following it, the ratio decides by the trace id', () => {
  setTracePolicy({ isOn: true, ratio: 0.5, followsParent: false }, systemClock);
  expect(judgeParent(header(LOW, false))?.isSampled).toBe(true);
  expect(judgeParent(header(HIGH, true))?.isSampled).toBe(false);
});

test('isParentSampled: many requests under sampled parents, 100 at once and 20 a second are traced', async () => {
  const clock = new FakeClock();
  setTracePolicy({ isOn: true, ratio: 0, followsParent: true }, clock);
  const parent = { traceId: LOW, parentId: '1', isSampled: true };
  const ask = (count: number): number =>
    Array.from({ length: count }, () => isParentSampled(parent)).filter(Boolean).length;
  await clock.advance(60_000);
  const before = parentsRefused();
  expect(ask(150)).toBe(100);
  expect(parentsRefused() - before).toBe(50);
  await clock.advance(1000);
  expect(ask(150)).toBe(20);
});
