/** Tests of the argument checks of client frames. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  appendFrame,
  checkContent,
  decodeJson,
  type Frame,
  guildFrame,
  historyFrame,
  identifyFrame,
  isNonce,
  parseAppendBody,
  parseRequest,
  reauthFrame,
  subFrame,
  syncFrame,
  timeFrame,
  unsubFrame,
  utf8Length,
  type WireValue,
} from './index.ts';

/** Code of a refusal, or the request. */
function outcome(...frame: WireValue[]): unknown {
  const parsed = parseRequest(frame as unknown as Frame);
  return parsed.ok ? parsed.request : [parsed.rid, parsed.code];
}

describe('parseRequest: what the builders build', () => {
  const cursor = { epoch: 2, seq: 3, ts: 4 };
  test('each op, the request', () => {
    expect(outcome(...timeFrame(1))).toEqual({ op: 7, rid: 1 });
    expect(outcome(...identifyFrame(1, { token: 't', client: 'c' }))).toEqual({
      op: 2,
      rid: 1,
      token: 't',
      proof: null,
      client: 'c',
      caps: 0,
      resume: null,
    });
    const resume = { session: 's', key: 'k' };
    expect(outcome(...identifyFrame(1, { token: 't', client: 'c', resume }))).toMatchObject({
      resume,
    });
    expect(outcome(...reauthFrame(2, 't'))).toEqual({ op: 8, rid: 2, token: 't', proof: null });
    const entries = [
      { sid: 5, cursor: null },
      { sid: 6, cursor },
    ];
    expect(outcome(...subFrame(3, entries))).toEqual({ op: 32, rid: 3, entries });
    expect(outcome(...unsubFrame(3, [1, 2]))).toEqual({ op: 33, rid: 3, sids: [1, 2] });
    expect(outcome(...appendFrame(4, 9, 'n-1', 1, ['hi', null, 0]))).toEqual({
      op: 34,
      rid: 4,
      sid: 9,
      nonce: 'n-1',
      kind: 1,
      body: ['hi'],
    });
    expect(outcome(...historyFrame(5, 9, 0, 150, 50))).toMatchObject({ before: 150, after: 50 });
    expect(outcome(...syncFrame(6, [{ sid: 1, epoch: 2, seq: 3 }]))).toEqual({
      op: 36,
      rid: 6,
      entries: [{ sid: 1, epoch: 2, seq: 3 }],
    });
    expect(outcome(...guildFrame(7, 8))).toEqual({ op: 43, rid: 7, gid: 8 });
  });
  test('extra trailing elements are ignored, missing optional ones are nil', () => {
    expect(outcome(32, 1, [[5, 2, 3, 4, 'x']], 'more')).toMatchObject({
      entries: [{ sid: 5, cursor }],
    });
    expect(outcome(2, 1, 't', null, 'c', 0)).toMatchObject({ resume: null });
    expect(outcome(32, 1, [[5, 2, 0]])).toMatchObject({
      entries: [{ cursor: { epoch: 2, seq: 0, ts: 0 } }],
    });
  });
});

describe('parseRequest: refusals', () => {
  test.each<[string, WireValue[], [number, number]]>([
    ['unknown op', [200, 7], [7, 103]],
    ["a server's op", [16, 7], [7, 103]],
    ['an op of a later issue', [59, 7, 1, 1], [7, 103]],
    ['an admin op', [96, 'x'], [0, 103]],
    ['rid missing', [7], [0, 101]],
    ['rid 0', [7, 0], [0, 101]],
    ['rid a string', [7, '1'], [0, 101]],
    ['rid over u32', [7, 2 ** 32], [0, 101]],
    ['token no string', [2, 1, 5, null, 'c', 0], [1, 101]],
    ['proof no string', [2, 1, 't', 5, 'c', 0], [1, 101]],
    ['client missing', [2, 1, 't'], [1, 101]],
    ['client too long', [2, 1, 't', null, 'c'.repeat(65), 0], [1, 111]],
    ['caps negative', [2, 1, 't', null, 'c', -1], [1, 101]],
    ['resume of wrong shape', [2, 1, 't', null, 'c', 0, ['s']], [1, 101]],
    ['token too long', [8, 1, 't'.repeat(5000)], [1, 111]],
    ['SUB without entries', [32, 1, []], [1, 101]],
    ['SUB of 101', [32, 1, Array.from({ length: 101 }, (_, i) => [i])], [1, 101]],
    ['SUB twice', [32, 1, [[5], [5, 1, 1, 1]]], [1, 101]],
    ['SUB negative', [32, 1, [[-5]]], [1, 101]],
    ['SUB epoch over u32', [32, 1, [[5, 2 ** 32, 1, 1]]], [1, 101]],
    ['SUB entry no list', [32, 1, [5]], [1, 101]],
    ['SUB without seq', [32, 1, [[5, 1]]], [1, 101]],
    ['UNSUB no list', [33, 1, 5], [1, 101]],
    ['UNSUB negative', [33, 1, [-1]], [1, 101]],
    ['nonce empty', [34, 1, 5, '', 1, 'x'], [1, 101]],
    ['nonce of 37', [34, 1, 5, 'n'.repeat(37), 1, 'x'], [1, 101]],
    ['nonce with a newline at its end', [34, 1, 5, 'n\n', 1, 'x'], [1, 101]],
    ['nonce number', [34, 1, 5, 5, 1, 'x'], [1, 101]],
    ['kind 0', [34, 1, 5, 'n', 0, 'x'], [1, 101]],
    ['kind 8', [34, 1, 5, 'n', 8, 'x'], [1, 101]],
    ['kind 20', [34, 1, 5, 'n', 20, 'x'], [1, 101]],
    ['HISTORY over 200', [35, 1, 5, 0, 200, 1], [1, 101]],
    ['HISTORY without after', [35, 1, 5, 0, 50], [1, 101]],
    ['SYNC entry', [36, 1, [[5, 1]]], [1, 101]],
    ['GUILD', [43, 1, 'x'], [1, 101]],
  ])('%s', (_name, frame, expected) => {
    expect(outcome(...frame)).toEqual(expected);
  });
  test('any JSON frame: a request or a refusal, never a throw', () => {
    const element = fc.jsonValue({ maxDepth: 2 });
    fc.assert(
      fc.property(
        fc.constantFrom(2, 7, 8, 32, 33, 34, 35, 36, 43),
        fc.array(element),
        (op, rest) => {
          const decoded = decodeJson(JSON.stringify([op, 1, ...rest]));
          if (decoded.ok) expect(typeof parseRequest(decoded.frame).ok).toBe('boolean');
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('parseAppendBody', () => {
  const code = (kind: number, ...body: WireValue[]): unknown => {
    const parsed = parseAppendBody(kind, body);
    return parsed.ok ? parsed.body : parsed.code;
  };
  const file = ['id', 'a.png', 5, 'image/png'];
  test.each<[number, WireValue[], unknown]>([
    [1, ['hi', 5, 3, [[...file, 'more']]], ['hi', 5, 3, [file]]],
    [1, ['hi', null, null, null], ['hi']],
    [1, ['tab\tand\nnewline'], ['tab\tand\nnewline']],
    [1, ['x'.repeat(4000)], ['x'.repeat(4000)]],
    [1, ['語'.repeat(4000)], ['語'.repeat(4000)]],
    [1, ['😀'.repeat(3000)], ['😀'.repeat(3000)]],
    [1, [`e${'\u0301'.repeat(16)}`], [`e${'\u0301'.repeat(16)}`]],
    [1, ['\u202eevil'], ['\u202eevil']],
    [1, [''], 110],
    [1, ['a\0b'], 110],
    [1, ['a\rb'], 110],
    [1, ['a\x7f'], 110],
    [1, ['a\x85'], 110],
    [1, ['a\x1b[2J'], 110],
    [1, [`e${'\u0301'.repeat(17)}`], 110],
    [1, ['x'.repeat(4001)], 111],
    [1, ['😀'.repeat(3001)], 111],
    [1, ['x'.repeat(100_000)], 111],
    [1, [5], 101],
    [1, [], 101],
    [1, ['hi', 0], 101],
    [1, ['hi', -1], 101],
    [1, ['hi', 'x'], 101],
    [1, ['hi', null, 4], 101],
    [1, ['hi', null, 8], 101],
    [1, ['hi', null, -1], 101],
    [1, ['hi', null, true], 101],
    [1, ['hi', null, 0, 'x'], 101],
    [1, ['hi', null, 0, ['x']], 101],
    [1, ['hi', null, 0, [['id', 'n', -1, 'm']]], 101],
    [1, ['hi', null, 0, [['id', 'n'.repeat(257), 1, 'm']]], 111],
    [1, ['hi', null, 0, Array.from({ length: 11 }, () => file)], 101],
    [2, [5, 'new'], [5, 'new']],
    [2, [0, 'new'], 101],
    [2, [5, ''], 110],
    [2, [5], 101],
    [3, [5, 'more'], [5]],
    [3, [], 101],
    [4, [5, '👍'], [5, '👍']],
    [5, [5, '👍'], [5, '👍']],
    [4, [5, ''], 110],
    [4, [5, 'x'.repeat(65)], 111],
    [4, [5, '\n\0'], 110],
    [4, ['5', 'x'], 101],
    [6, [5, false], [5, false]],
    [6, [5, 1], 101],
    [7, ['name', null], ['name']],
    [7, ['name', 'topic'], ['name', 'topic']],
    [7, ['name', ''], ['name', '']],
    [7, ['n'.repeat(65)], 111],
    [7, ['n', 't'.repeat(257)], 111],
    [7, ['n', 5], 101],
    [7, [null], 101],
    [0, [], 101],
  ])('kind %i %.40j', (kind, body, expected) => {
    expect(code(kind, ...body)).toEqual(expected);
  });
  test('isNonce: the form of protocol.md 2.8', () => {
    expect(['a', 'A_z-9', 'n'.repeat(36)].every(isNonce)).toBe(true);
    expect(['', 'a b', 'é', 'n'.repeat(37), 5, null].some(isNonce)).toBe(false);
    for (let code = 0; code < 0x400; code += 1) {
      const char = String.fromCharCode(code);
      expect(isNonce(`a${char}`)).toBe(/^[A-Za-z0-9_-]$/.test(char));
    }
  });
  test('checkContent: any text around the bounds, the verdict of the definition', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are refused
    const refused = /[\0-\x08\x0b-\x1f\x7f-\x9f]|\p{M}{17}/u;
    const unit = fc.oneof(
      fc.integer({ min: 0, max: 0xa0 }).map((code) => String.fromCharCode(code)),
      fc.string({ unit: 'binary', maxLength: 3 }),
      fc.constantFrom('\u0301'.repeat(17), '\ud800', 'plain text'),
    );
    const length = fc.constantFrom(0, 0, 0, 2999, 3000, 3990, 4000);
    fc.assert(
      fc.property(
        fc.array(unit, { maxLength: 4 }),
        length,
        fc.boolean(),
        (units, count, isWide) => {
          const text = (isWide ? '😀' : 'x').repeat(count) + units.join('');
          const points = [...text].length;
          const isLong = points > 4000 || Buffer.byteLength(text) > 12_000;
          const isBad = points === 0 || refused.test(text) || !text.isWellFormed();
          expect(checkContent(text)).toBe(isLong ? 111 : isBad ? 110 : 0);
          expect(utf8Length(text)).toBe(Buffer.byteLength(text));
        },
      ),
    );
  });
});
