/** The last inputs in a crash report: how many, in which order, how much of their content. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { call, cast, configureRuntime, defineActor, type Report, spawn, stop } from '../index.ts';
import { keepInputs, shapeOf } from '../record/index.ts';
import { settle } from '../testkit/index.ts';
import { collectReports, reasonOf } from './support.ts';

interface P {
  say(m: unknown): void;
  crash(m: unknown): void;
}
const Talker = defineActor<P, null>({
  name: 'talker',
  init: () => null,
  handle: {
    say: () => undefined,
    crash: () => {
      throw new Error('crash on request');
    },
  },
});

let reports: Report[] = [];
let end = () => {};
beforeEach(() => {
  reports = collectReports();
});
afterEach(() => {
  end();
  configureRuntime({ report: () => undefined });
});

async function crash(): Promise<Report & { kind: 'crash' }> {
  const talker = await spawn(Talker, undefined);
  for (let n = 0; n < 5; n++) cast(talker, 'say', { n, secret: 'x'.repeat(n) });
  await reasonOf(call(talker, 'crash', 'the secret'));
  const found = reports.find((each) => each.kind === 'crash');
  if (found?.kind !== 'crash') throw new Error('no crash report');
  return found;
}

test('keepInputs: a crash, its report carries the last inputs in order, as shapes only', async () => {
  end = keepInputs({ count: 3 });
  const { inputs } = await crash();
  expect(inputs).toEqual([
    { op: 'say', arg: '{"n":"number","secret":"string(3)"}' },
    { op: 'say', arg: '{"n":"number","secret":"string(4)"}' },
    { op: 'crash', arg: '"string(10)"' },
  ]);
});

test('keepInputs: a redaction of the owner, decides what is shown, and the size is bounded', async () => {
  end = keepInputs({ count: 2, charsMax: 10, redact: (actor, op, arg) => [actor, op, arg] });
  const { inputs } = await crash();
  expect(inputs).toEqual([
    { op: 'say', arg: '["talker",...' },
    { op: 'crash', arg: '["talker",...' },
  ]);
});

test('keepInputs: off, or for other behaviours, the report carries none', async () => {
  expect((await crash()).inputs).toBeUndefined();
  end = keepInputs({ only: (behaviour) => behaviour === 'other' });
  reports.length = 0;
  expect((await crash()).inputs).toBeUndefined();
});

test('keepInputs: an actor that ends well, is the same as without', async () => {
  end = keepInputs();
  const talker = await spawn(Talker, undefined);
  cast(talker, 'say', 1);
  await settle();
  await stop(talker);
  expect(reports).toEqual([]);
});

test('keepInputs: bad counts, are refused', () => {
  expect(() => keepInputs({ count: 0 })).toThrow(RangeError);
});

test('shapeOf: values, tells types and sizes and no content', () => {
  const bytes = new Uint8Array(3);
  expect(shapeOf({ a: 'hello', b: [1, null], c: bytes, d: undefined, e: true })).toEqual({
    a: 'string(5)',
    b: ['number', 'null'],
    c: 'bytes(3)',
    d: 'undefined',
    e: 'boolean',
  });
  expect(shapeOf(Array.from({ length: 100 }, () => 'x'))).toBe('array(100)');
});
