/** Values of a record: every kind of plain data comes back as it was. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ActorError } from '../index.ts';
import { digestOf, fromPlain, toPlain } from '../record/plain.ts';

const roundTrip = (value: unknown): unknown =>
  fromPlain(JSON.parse(JSON.stringify(toPlain(value))));

test('toPlain, fromPlain: any plain data, comes back equal', () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.constant(undefined),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array(),
  );
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('value')),
      fc.dictionary(fc.string(), tie('value')),
      fc.array(fc.tuple(fc.string(), tie('value'))).map((entries) => new Map(entries)),
      fc.array(leaf).map((items) => new Set(items)),
    ),
  })).value;
  fc.assert(
    fc.property(value, (given) => {
      const plainObject = JSON.stringify(toPlain(given));
      expect(toPlain(roundTrip(given))).toEqual(JSON.parse(plainObject));
      expect(digestOf(roundTrip(given))).toBe(digestOf(given));
    }),
  );
});

test('toPlain, fromPlain: what JSON does not know, keeps its type', () => {
  const value = { a: -0, b: Number.NaN, c: [undefined], $d: 1, e: new Map([[1, new Set(['x'])]]) };
  const back = roundTrip(value);
  expect(back).toEqual(value);
  expect(Object.is((back as typeof value).a, -0)).toBe(true);
});

test('fromPlain: errors, are errors again with reason and code', () => {
  const actor = roundTrip(new ActorError('timeout', 'call x'));
  expect(actor).toBeInstanceOf(ActorError);
  expect(actor).toMatchObject({ reason: 'timeout', message: 'call x: timeout' });
  const coded = roundTrip(
    Object.assign(new Error('full'), { code: 'DRIFT_X', name: 'StoreError' }),
  );
  expect(coded).toMatchObject({ name: 'StoreError', message: 'full', code: 'DRIFT_X' });
});

test('toPlain: functions, promises and endless depth, leave a mark', () => {
  const endless: Record<string, unknown> = {};
  endless.self = endless;
  expect(() => toPlain(endless)).not.toThrow();
  expect(toPlain([() => 1, Promise.resolve(), Symbol('s')])).toEqual([
    { $f: 0 },
    { $p: 1 },
    { $symbol: 's' },
  ]);
});
