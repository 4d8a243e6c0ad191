/** Tests of the strict JSON decoder and the JSON twin. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeJson, decodeMp, encodeJson, encodeJsonText, encodeMp, Limits } from './index.ts';

const why = (text: string): string => {
  const decoded = decodeJson(text);
  return decoded.ok ? JSON.stringify(decoded.frame) : decoded.why;
};

describe('decodeJson: numbers are judged by value', () => {
  test.each([
    ['[1,1.0]', '[1,1]'],
    ['[1,1e2]', '[1,100]'],
    ['[1,-0]', '[1,0]'],
    ['[1,-0.0]', '[1,0]'],
    ['[1,0e-9]', '[1,0]'],
    ['[1,1200e-2]', '[1,12]'],
    ['[1,1.25E2]', '[1,125]'],
    ['[1.0,-5]', '[1,-5]'],
    ['[1,9007199254740991]', '[1,9007199254740991]'],
    ['[1,"a 1.5 \\" 1e9"]', '[1,"a 1.5 \\" 1e9"]'],
    ['[1,1.5]', 'number'],
    ['[1,1e400]', 'number'],
    ['[1,-1e400]', 'number'],
    ['[1,1e-400]', 'number'],
    ['[1,0.99999999999999999999999]', 'number'],
    ['[1,9007199254740990.6]', 'number'],
    ['[1,9007199254740992]', 'number'],
    ['[1,-9007199254740993]', 'number'],
    ['[1,[["x",2.5]]]', 'number'],
  ])('%s: %s', (text, expected) => {
    expect(why(text)).toBe(expected);
  });
});

describe('decodeJson: bad frames', () => {
  test.each([
    ['', 'empty'],
    ['[', 'json'],
    ['[1]x', 'json'],
    ['[1,]', 'json'],
    ['[1,NaN]', 'json'],
    ['[01]', 'json'],
    ["['a']", 'json'],
    ['\ufeff[1]', 'json'],
    ['1', 'not_array'],
    ['{}', 'not_array'],
    ['null', 'not_array'],
    ['"x"', 'not_array'],
    ['[]', 'opcode'],
    ['["x"]', 'opcode'],
    ['[256]', 'opcode'],
    ['[-1]', 'opcode'],
    ['[null]', 'opcode'],
    ['[1,{}]', 'object'],
    ['[1,{"__proto__":1}]', 'object'],
    ['[1,[{"constructor":{"prototype":1}}]]', 'object'],
    ['[1,"\\ud800"]', 'utf8'],
    ['[1,["\\udc00\\ud800"]]', 'utf8'],
    ['[1,[[[[]]]]]', 'depth'],
  ])('%.40s: %s', (text, expected) => {
    expect(why(text)).toBe(expected);
  });
  test('invalid UTF-8 bytes: utf8', () => {
    expect(decodeJson(Buffer.from('5b312c22ff225d', 'hex'))).toEqual({ ok: false, why: 'utf8' });
  });
  test('depth 4 accepted; 16 KiB of brackets refused without a throw', () => {
    expect(why('[1,[[[]]]]')).toBe('[1,[[[]]]]');
    expect(why(`${'['.repeat(16_000)}${']'.repeat(16_000)}`)).toBe('depth');
  });
  test('values: 2048 accepted, 2049 refused', () => {
    const wide = (count: number): string => JSON.stringify(Array.from({ length: count }, () => 1));
    expect(decodeJson(wide(Limits.inboundValuesMax)).ok).toBe(true);
    expect(why(wide(Limits.inboundValuesMax + 1))).toBe('values');
  });
  test('escaped surrogate pair: one character', () => {
    expect(why('[1,"\\ud83d\\ude00"]')).toBe('[1,"😀"]');
  });
});

describe('the JSON twin', () => {
  test('encodeJson: the bytes of encodeJsonText, without white space', () => {
    expect(Buffer.from(encodeJson([4, 1, 'é'])).toString()).toBe(encodeJsonText([4, 1, 'é']));
    expect(encodeJsonText([4, 1, [null, true]])).toBe('[4,1,[null,true]]');
  });
  test('any JSON text: never a throw; a decoded frame equals its msgpack twin', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 3 })), (list) => {
        const decoded = decodeJson(JSON.stringify([1, ...list]));
        if (decoded.ok) expect(decodeMp(encodeMp(decoded.frame))).toEqual(decoded);
      }),
    );
  });
  test('mutated JSON text: never a throw', () => {
    const text = '[34,3,70412,"me-1",1,"h\\u00e9\\n",null,1.0,[["a","b",1e2,"c"]]]';
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), (at, insert) => {
        const mutated = text.slice(0, at) + insert + text.slice(at + 1);
        expect(typeof decodeJson(mutated).ok).toBe('boolean');
      }),
      { numRuns: 300 },
    );
  });
});
