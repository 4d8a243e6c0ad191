/** The command line of bench:runtime. */
import { expect, test } from 'vitest';
import { parseOptions, UsageError } from './options.ts';

const ROWS = ['ring', 'call'];

test('parseOptions: nothing, five rounds of everything with Erlang', () => {
  expect(parseOptions([], ROWS)).toEqual({
    help: false,
    rounds: 5,
    quick: false,
    only: [],
    withErlang: true,
    json: undefined,
    keep: false,
    check: false,
  });
});

test('parseOptions: everything, is taken', () => {
  const args = '--rounds 3 --only ring,call --without-erlang --json out.json --keep --check';
  expect(parseOptions(args.split(' '), ROWS)).toEqual({
    help: false,
    rounds: 3,
    quick: false,
    only: ['ring', 'call'],
    withErlang: false,
    json: 'out.json',
    keep: true,
    check: true,
  });
});

test('parseOptions: --quick, one round unless told otherwise', () => {
  expect(parseOptions(['--quick'], ROWS).rounds).toBe(1);
  expect(parseOptions(['--quick', '--rounds=2'], ROWS).rounds).toBe(2);
});

test.each([['--rounds=0'], ['--rounds=x'], ['--only=rung'], ['--slow'], ['ring']])(
  'parseOptions: %s, is refused by name',
  (arg) => {
    expect(() => parseOptions([arg], ROWS)).toThrow(UsageError);
    expect(() => parseOptions([arg], ROWS)).toThrow(arg.split('=')[0]);
  },
);
