/** The command line. */
import { describe, expect, test } from 'vitest';
import { readArgs, UsageError } from './args.ts';

const read = (...argv: string[]) => readArgs(argv, [1, 2, 25]);

describe('readArgs', () => {
  test('nothing: all cases in both encodings on a server of our own', () => {
    expect(read()).toMatchObject({ urls: [], cases: [], encodings: ['mp', 'json'], isHelp: false });
  });

  test('URLs and cases, more than once: all of them', () => {
    const args = read('--url', 'ws://a:1/', '--url', 'https://b', '--case', '1,2', '--case', '25');
    expect(args.urls).toEqual(['http://a:1', 'https://b']);
    expect(args.cases).toEqual([1, 2, 25]);
  });

  test.each([
    ['an unknown case', ['--case', '26']],
    ['no number', ['--case', 'x']],
    ['another encoding', ['--encoding', 'xml']],
    ['a URL with a path', ['--url', 'http://a/gw']],
    ['an unknown option', ['--fast']],
    ['a stray word', ['fast']],
  ])('%s: UsageError', (_what, argv) => {
    expect(() => read(...argv)).toThrow(UsageError);
  });
});
