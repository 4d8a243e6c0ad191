/** The JSON form against protocol.md 2.3 E7 and 2.17.13. */
import { describe, expect, test } from 'vitest';
import { jsonElementsOf, readJsonForm, writeJsonForm } from './json-form.ts';
import { WireError } from './wire-error.ts';

const EV = '[16,70412,2914771203,918274,1763694000123,1,1048871,"hi"]';

describe('readJsonForm', () => {
  test('the worked EV: its array, and back', () => {
    const frame = [16, 70412, 2914771203, 918274, 1763694000123, 1, 1048871, 'hi'];
    expect(readJsonForm(EV)).toEqual(frame);
    expect(writeJsonForm(frame)).toBe(EV);
  });

  test.each(['[1.5]', '[9007199254740992]', '[{}]', '{}', '7', '[7', '', '["\\ud800"]', '[NaN]'])(
    '%s: refused',
    (text) => {
      expect(() => readJsonForm(text)).toThrow(WireError);
    },
  );
});

test('jsonElementsOf: brackets and commas in strings, no borders', () => {
  const text = '[12, [1,"a],[\\"b"] ,[],"x,y"]';
  expect(jsonElementsOf(text)).toEqual(['12', '[1,"a],[\\"b"]', '[]', '"x,y"']);
  expect(jsonElementsOf('[]')).toEqual([]);
});
