/** The form of frames: what keeps the page, and each way to break it. */
import { describe, expect, test } from 'vitest';
import type { ConnectionLog } from '../peer/log.ts';
import { writeJsonForm } from '../wire/json-form.ts';
import { writeMsgpack } from '../wire/msgpack.ts';
import type { Ended } from '../wire/socket.ts';
import type { Encoding, Frame } from '../wire/types.ts';
import { wellFormed } from './form.ts';

const EPOCH = 2_914_771_203;
const ev = (...body: Frame): Frame => [16, 7, EPOCH, 1, 1000, 1, 5, ...body];

function broken(frames: readonly Frame[], encoding: Encoding = 'mp', end?: Ended): string[] {
  const entries = frames.map((frame) => ({
    atMs: 0,
    dir: 'in' as const,
    frame,
    bytes: encoding === 'mp' ? writeMsgpack(frame) : Buffer.from(writeJsonForm(frame)),
  }));
  const log: ConnectionLog = { client: 'B', uid: 5, encoding, entries, isTampered: false, end };
  return wellFormed(log).map(({ invariant }) => invariant);
}

describe('wellFormed', () => {
  test('events, a batch, an answer, a close as the page wants them: nothing', () => {
    const frames: Frame[] = [
      ev('hi'),
      [16, 7, EPOCH, 2, 1000, 0, 5],
      [12, [ev('hi', 3), [17, 7, EPOCH, 1, 1000]]],
      [5, 3, 420, 'rate', 1000],
      [5, 0, 4500, 'bad_frame'],
    ];
    expect(broken(frames, 'mp', { code: 4500, reason: 'bad_frame' })).toEqual([]);
    expect(broken(frames, 'json', { code: 4001, reason: 'draining' })).toEqual([]);
  });

  test.each<[string, Frame, string]>([
    ['a trailing nil', ev('hi', null), '2.17.19'],
    ['a trailing 0', ev('hi', 0), '2.17.19'],
    ['a trailing empty array', ev('hi', 3, []), '2.17.19'],
    ['an epoch in its shortest form', [16, 7, 9, 1, 1000, 1, 5, 'hi'], '2.17.4'],
    ['an event of 16 KiB', ev('x'.repeat(16_384)), '2.13'],
    ['a batch of 201', [12, Array.from({ length: 201 }, () => ev('x'))], '2.13'],
    ['a batch over 64 KiB', [12, Array.from({ length: 9 }, () => ev('x'.repeat(8000)))], '2.13'],
    ['a frame over 128 KiB', [4, 1, Array.from({ length: 9 }, () => 'x'.repeat(16_000))], '2.13'],
    ['a reply in a batch', [12, [[4, 1]]], '2.4'],
    ['another name for a code', [5, 1, 301, 'forbidden'], '2.12'],
    ['an unknown code', [5, 1, 999, 'strange'], '2.12'],
    ['a retry_ms that is no number', [5, 1, 420, 'rate', 'soon'], '2.4'],
  ])('%s: told', (_what, frame, rule) => {
    expect(broken([frame])).toEqual([rule]);
  });

  test('a close with another reason, and one without its ERR: told', () => {
    expect(broken([], 'mp', { code: 4001, reason: 'bye' })).toEqual(['2.12']);
    expect(broken([], 'mp', { code: 4501, reason: 'too_large' })).toEqual(['2.17.10']);
  });
});
