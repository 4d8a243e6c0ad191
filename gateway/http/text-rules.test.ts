/** Tests of text-rules.ts and negotiate.ts. */
import { describe, expect, test } from 'vitest';
import { ERRORS } from './errors.ts';
import { acceptsJson, bearerToken, isJsonType } from './negotiate.ts';
import { statusLine } from './status-line.ts';
import {
  isEmail,
  isPassword,
  normalizeDisplayName,
  normalizeName,
  normalizeTopic,
  USERNAME_TYPED,
} from './text-rules.ts';

describe('names', () => {
  test.each([
    ['general', 'general'],
    ['  two words  ', 'two words'],
    ['e\u0301', '\u00e9'],
    ['a'.repeat(64), 'a'.repeat(64)],
    ['\u{1f600}'.repeat(64), '\u{1f600}'.repeat(64)],
    ['\u{1f468}\u200d\u{1f469}\u200d\u{1f467}', '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}'],
    ['\u0645\u06cc\u200c\u062e', '\u0645\u06cc\u200c\u062e'],
    ['!', '!'],
    ['7', '7'],
  ])('normalizeName: %j is stored as %j', (typed, stored) => {
    expect(normalizeName(typed)).toBe(stored);
  });

  test.each([
    '',
    '   ',
    '\u00a0\u2003',
    'a'.repeat(65),
    '\u{1f600}'.repeat(65),
    'a\nb',
    'a\tb',
    'a\0b',
    'a\u0007',
    'a\u0085',
    '\u200b',
    '\u200d',
    '\u2800',
    '\u3164',
    '\u00ad',
    'a\u200bb',
    'a\u202eb',
    'a\u2066b',
    'a\u2028b',
    'a\ufeff b',
    'a\ud800',
    '\udc00a',
    'a\ue000',
    'a\ufdd0',
    '\u0301',
    `a${'\u0301'.repeat(18)}`,
    'x'.repeat(70_000),
  ])('normalizeName: %j is refused', (typed) => {
    expect(normalizeName(typed)).toBeUndefined();
  });

  test('normalizeDisplayName: at most 96 bytes', () => {
    expect(normalizeDisplayName('\u{1f600}'.repeat(24))).toBeDefined();
    expect(normalizeDisplayName('\u{1f600}'.repeat(25))).toBeUndefined();
  });

  test('normalizeTopic: an empty one is null, 256 bytes pass, 257 and control characters do not', () => {
    expect(normalizeTopic('  ')).toBeNull();
    expect(normalizeTopic('a'.repeat(256))).toHaveLength(256);
    expect(normalizeTopic('a'.repeat(257))).toBeUndefined();
    expect(normalizeTopic('a\u0001')).toBeUndefined();
  });

  test('USERNAME_TYPED: 2 to 32 of a-z, A-Z, 0-9, _ and .', () => {
    for (const good of ['ab', 'A.b_9', 'a'.repeat(32)])
      expect(USERNAME_TYPED.test(good)).toBe(true);
    for (const bad of [
      'a',
      'a'.repeat(33),
      'a-b',
      'a b',
      '\u212a\u212a',
      '\u00e9\u00e9',
      'ab\n',
      '',
    ]) {
      expect(USERNAME_TYPED.test(bad)).toBe(false);
    }
  });

  test('isPassword: 8 to 256 characters of any kind', () => {
    for (const good of ['12345678', '\u{1f600}'.repeat(8), '\u{1f600}'.repeat(256), '        ']) {
      expect(isPassword(good)).toBe(true);
    }
    for (const bad of [
      '1234567',
      '\u{1f600}'.repeat(7),
      'a'.repeat(257),
      '\u{1f600}'.repeat(257),
      '1234567\ud800',
    ]) {
      expect(isPassword(bad)).toBe(false);
    }
  });

  test('isEmail: something that can be mailed', () => {
    for (const good of ['a@b.cd', 'first.last+tag@mail.example.org'])
      expect(isEmail(good)).toBe(true);
    for (const bad of [
      '',
      'a',
      'a@b',
      '@b.cd',
      'a b@c.de',
      'a@b..cd',
      'a@b.c@d.e',
      `${'a'.repeat(65)}@b.cd`,
      'a@b.cd\n',
    ]) {
      expect(isEmail(bad)).toBe(false);
    }
    expect(isEmail(`a@${'b'.repeat(300)}.de`)).toBe(false);
  });
});

describe('negotiation', () => {
  test.each([
    [null, true],
    ['', true],
    ['*/*', true],
    ['application/*', true],
    ['application/json', true],
    ['text/html, application/json;q=0.1', true],
    ['APPLICATION/JSON; q=0.5', true],
    ['text/html', false],
    ['application/json;q=0', false],
    ['application/json;q=0, */*', false],
    ['*/*;q=0', false],
    ['application/jsonx', false],
    ['application/json;q=zero', true],
  ])('acceptsJson: %j is %j', (accept, expected) => {
    expect(acceptsJson(accept)).toBe(expected);
  });

  test.each([
    ['application/json', true],
    ['Application/JSON; charset=UTF-8', true],
    ['application/json;charset="utf-8"', true],
    ['application/json; charset=latin1', false],
    ['application/merge-patch+json', false],
    ['text/json', false],
    ['', false],
    [null, false],
  ])('isJsonType: %j is %j', (type, expected) => {
    expect(isJsonType(type)).toBe(expected);
  });

  test.each([
    ['Bearer abc.def', 'abc.def'],
    ['bearer  abc', 'abc'],
    ['Basic abc', undefined],
    ['Bearer', undefined],
    ['Bearer a b', undefined],
    ['', undefined],
    [null, undefined],
  ])('bearerToken: %j is %j', (header, token) => {
    expect(bearerToken(header)).toBe(token);
  });
});

test('statusLine: every status of the error table and of the routes has a phrase', () => {
  const statuses = [200, 201, 204, ...Object.values(ERRORS).map(({ status }) => status)];
  for (const status of statuses) expect(statusLine(status)).toMatch(/^\d{3} [A-Z]/);
  expect(statusLine(299)).toBe('299');
});
