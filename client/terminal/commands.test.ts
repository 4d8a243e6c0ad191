/** Tests of what typed lines and the command line mean. */
import { describe, expect, test } from 'vitest';
import { inviteCode, readArgs } from './args.ts';
import { COMMAND_HELP, readCommand } from './commands.ts';

describe('readCommand', () => {
  test.each([
    ['hello /there', { name: 'say', text: 'hello /there' }],
    ['//path', { name: 'say', text: '/path' }],
    ['   ', { name: 'nothing' }],
    ['/help', { name: 'help' }],
    ['/q', { name: 'quit' }],
    ['/who', { name: 'who' }],
    ['/join http://h/invite/abc/', { name: 'join', text: 'abc' }],
    ['/switch #random', { name: 'switch', text: '#random' }],
    ['/create My Guild', { name: 'create', text: 'My Guild' }],
    ['/history', { name: 'history', count: 20 }],
    ['/history 5', { name: 'history', count: 5 }],
    ['/edit 12 new  text', { name: 'edit', seq: 12, text: 'new  text' }],
    ['/edit last x', { name: 'edit', seq: 'last', text: 'x' }],
    ['/reply #3 y', { name: 'reply', seq: 3, text: 'y' }],
    ['/delete 3', { name: 'delete', seq: 3 }],
    ['/react 3 👍', { name: 'react', seq: 3, emoji: '👍' }],
  ])('%s', (line, expected) => {
    expect(readCommand(line)).toEqual(expected);
  });
  test.each([
    '/nope',
    '/join',
    '/history 0',
    '/history x',
    '/edit 3',
    '/edit x y',
    '/delete',
    '/react 3',
  ])('%s: wrong, with a sentence', (line) => {
    expect(readCommand(line)).toMatchObject({
      name: 'wrong',
      message: expect.stringMatching(/\w/),
    });
  });
  test('the help fits 80 columns', () => {
    for (const line of COMMAND_HELP) expect(line.length).toBeLessThan(80);
  });
});

describe('readArgs', () => {
  test('defaults and all options', () => {
    expect(readArgs(['--as', 'Alice'])).toEqual({
      ok: true,
      args: {
        name: 'alice',
        server: 'http://127.0.0.1:7000',
        password: null,
        join: null,
        historyCount: 20,
        useJson: false,
      },
    });
    const all = [
      '--as',
      'bob',
      '--server',
      'https://h/',
      '--join',
      'https://h/i/c0de',
      '--password',
      'pw',
    ];
    expect(readArgs([...all, '--history', '0', '--json'])).toMatchObject({
      args: { server: 'https://h', join: 'c0de', password: 'pw', historyCount: 0, useJson: true },
    });
  });
  test.each([
    [[]],
    [['--as', 'a']],
    [['--as', 'al ice']],
    [['--as', 'alice', '--server', 'nonsense']],
    [['--as', 'alice', '--history', '-1']],
    [['--as', 'alice', '--wrong']],
    [['--as']],
  ])('%j: a sentence', (argv) => {
    expect(readArgs(argv)).toMatchObject({ ok: false, message: expect.stringMatching(/\w/) });
  });
  test('--help', () => {
    expect(readArgs(['--help'])).toEqual({ ok: false, help: true });
  });
  test('inviteCode: code or link', () => {
    expect([inviteCode(' abc '), inviteCode('http://h/invite/abc')]).toEqual(['abc', 'abc']);
  });
});
