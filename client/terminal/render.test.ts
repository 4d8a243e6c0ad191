/** Tests of the lines that the terminal client draws. */
import { describe, expect, test } from 'vitest';
import { Kind, MsgFlag, type StreamEvent, type WireValue } from '../../gateway/protocol/index.ts';
import {
  clockTime,
  dayLine,
  errorLine,
  eventLines,
  isOtherDay,
  listLines,
  noteLine,
  promptText,
  stateText,
  unsentLine,
} from './render.ts';
import { displayWidth } from './text.ts';

const plain = { columns: 80, hasColor: false };
const color = { columns: 80, hasColor: true };
const TS = new Date(2026, 10, 21, 9, 5).getTime();
const names = {
  user: (uid: number) => (uid === 1 ? 'alice' : 'bob'),
  quote: (seq: number) => (seq === 4 ? 'the quoted message of bob' : null),
  ownUid: 1,
};
const ev = (kind: number, body: WireValue[], actor = 2, seq = 12): StreamEvent => ({
  sid: 7,
  epoch: 1,
  seq,
  ts: TS,
  kind,
  actor,
  body,
});
const draw = (event: StreamEvent, style = plain): string[] => eventLines(style, event, names);

describe('eventLines', () => {
  test('a message: time, number, name, text', () => {
    expect(draw(ev(Kind.MSG_CREATE, ['hello']))).toEqual(['09:05   12 bob: hello']);
  });
  test('a long message: wrapped under its text, never wider than the window', () => {
    const lines = draw(ev(Kind.MSG_CREATE, ['word '.repeat(40).trim()]));
    expect(lines.length).toBe(4);
    for (const line of lines) expect(displayWidth(line)).toBeLessThan(80);
    expect(lines[1]).toMatch(/^ {16}word/);
  });
  test('a narrow window or a long name: text on lines of its own', () => {
    const lines = draw(ev(Kind.MSG_CREATE, ['hello there']), { columns: 30, hasColor: false });
    expect(lines).toEqual(['09:05   12 bob:', '             hello there']);
  });
  test('a reply and an edited message', () => {
    expect(draw(ev(Kind.MSG_CREATE, ['yes', 4, MsgFlag.EDITED]))).toEqual([
      '09:05   12 bob: [to 4 (the quoted message of b…)] yes (edited)',
    ]);
    expect(draw(ev(Kind.MSG_CREATE, ['yes', 9]))).toEqual(['09:05   12 bob: [to 9] yes']);
  });
  test.each<[string, number, WireValue[], string]>([
    ['edit', Kind.MSG_EDIT, [4, 'new'], '09:05   12 bob changed 4 to: new'],
    ['delete', Kind.MSG_DELETE, [4], '09:05   12 bob deleted 4'],
    ['react', Kind.REACT_ADD, [9, '👍'], '09:05   12 bob reacted 👍 to 9'],
    ['unreact', Kind.REACT_DEL, [4, '👍'], '09:05   12 bob took 👍 back from 4'],
    ['pin', Kind.PIN, [9, true], '09:05   12 bob pinned 9'],
    ['unpin', Kind.PIN, [9, false], '09:05   12 bob unpinned 9'],
  ])('%s: one line', (_name, kind, body, expected) => {
    expect(draw(ev(kind, body))).toEqual([expected]);
  });
  test('redacted and unknown kinds: nothing', () => {
    expect([...draw(ev(Kind.REDACTED, [])), ...draw(ev(999, ['x']))]).toEqual([]);
  });
  test('escape sequences of others never reach the terminal', () => {
    const line = draw(ev(Kind.MSG_CREATE, ['\u001b[31mred\u0007']), color).join('');
    expect(line.endsWith(': ·[31mred·')).toBe(true);
  });
  test('colour only where wanted', () => {
    expect(draw(ev(Kind.MSG_CREATE, ['x'])).join('')).not.toContain('\u001b');
    expect(draw(ev(Kind.MSG_CREATE, ['x']), color).join('')).toContain('\u001b[');
  });
});

describe('other lines', () => {
  test('promptText: where one is, and what is wrong', () => {
    expect(promptText(plain, 'Lobby #general', { name: 'online' }, 0)).toBe('Lobby #general > ');
    const waiting = { name: 'waiting', retryInMs: 1, code: 1006 } as const;
    expect(promptText(plain, 'Lobby #general', waiting, 2)).toBe(
      'Lobby #general (offline, 2 unsent) > ',
    );
    expect(promptText(plain, 'alice', { name: 'idle' }, 0)).toBe('alice (connecting) > ');
  });
  test('stateText: a sentence only where the user should know', () => {
    expect(stateText({ name: 'online' })).toBeNull();
    expect(stateText({ name: 'waiting', retryInMs: 2400, code: 1006 })).toBe(
      'connection lost (1006); next attempt in 2 s',
    );
    expect(stateText({ name: 'stopped', why: 'closed', code: 1000, reason: '' })).toBeNull();
    expect(
      stateText({ name: 'stopped', why: 'refused', code: 4505, reason: 'session_replaced' }),
    ).toBe('stopped by the server: 4505 session_replaced');
  });
  test('unsentLine: marked, the text readable', () => {
    const entry = {
      nonce: 'n',
      sid: 7,
      kind: 1,
      body: ['hello'],
      createdAt: TS,
      unknownSince: null,
    };
    expect(unsentLine(plain, { ...entry, state: 'waiting' })).toBe('09:05    … not sent: hello');
    expect(unsentLine(plain, { ...entry, state: 'undecided' })).toBe('09:05    ? not sent: hello');
  });
  test('noteLine, errorLine: wrapped at the window', () => {
    for (const line of [
      ...noteLine(plain, 'x '.repeat(80)),
      ...errorLine(plain, 'y '.repeat(80)),
    ]) {
      expect(displayWidth(line)).toBeLessThan(80);
    }
    expect(noteLine(plain, 'hi')).toEqual(['· hi']);
  });
  test('listLines: the current row marked', () => {
    expect(listLines(plain, 'Lobby', [{ text: '#a', isCurrent: true }, { text: '#b' }])).toEqual([
      'Lobby',
      ' * #a',
      '   #b',
    ]);
  });
  test('clockTime, dayLine, isOtherDay: local time', () => {
    expect(clockTime(TS)).toBe('09:05');
    expect(dayLine(plain, TS)).toBe('── Sat 21 Nov ──');
    expect([isOtherDay(TS, TS + 1000), isOtherDay(TS, TS - 36_000_000)]).toEqual([false, true]);
  });
});
