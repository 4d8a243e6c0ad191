/** Tests of safe text, widths and wrapping. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayWidth, safeText, shorten, wrap } from './text.ts';

describe('safeText', () => {
  test('control characters become a dot, bidirectional controls go, line ends stay', () => {
    expect(safeText('a\u001b[2Jb\rc\u009bd\n\u202ee\u2066f\tg')).toBe('a·[2Jb·c·d\nef    g');
  });
  test('any text: nothing is left that a terminal would act on', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const codes = [...safeText(text)].map((char) => char.codePointAt(0) ?? 0);
        const isBad = (code: number): boolean =>
          (code < 0x20 && code !== 0x0a) || (code >= 0x7f && code < 0xa0);
        expect(codes.filter(isBad)).toEqual([]);
      }),
    );
  });
});

describe('displayWidth', () => {
  test.each([
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['日本', 4],
    ['👍', 2],
    ['', 0],
  ])('%s: %i', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

describe('wrap', () => {
  test('breaks at spaces, inside long words only', () => {
    expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
    expect(wrap('a\nb', 10)).toEqual(['a', 'b']);
    expect(wrap('', 10)).toEqual(['']);
    expect(wrap('日本語', 4)).toEqual(['日本', '語']);
  });
  test('any text and width: no line too wide (but one wide character), nothing but spaces lost', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 200 }),
        fc.integer({ min: 1, max: 40 }),
        (text, width) => {
          const lines = wrap(text, width);
          for (const line of lines) {
            if ([...line].length > 1)
              expect(displayWidth(line)).toBeLessThanOrEqual(Math.max(2, width));
          }
          expect(lines.join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
        },
      ),
    );
  });
});

test('shorten: fits, or ends in an ellipsis inside the width', () => {
  expect(shorten('hello', 5)).toBe('hello');
  expect(shorten('hello world', 8)).toBe('hello w…');
  expect(shorten('hello world', 7)).toBe('hello…');
  expect(shorten('a\nb', 5)).toBe('a b');
  expect(displayWidth(shorten('日本語日本語', 6))).toBeLessThanOrEqual(6);
});
