/** Tests of the command line. */
import { expect, test } from 'vitest';
import { helpText, packageVersion, parseCommandLine } from './args.ts';
import { CONFIG_KEYS } from './config.ts';
import { flagName } from './config-source.ts';

test.each([
  [[], { ok: true, verb: 'start', flags: {} }],
  [['start', '--port', '7001'], { ok: true, verb: 'start', flags: { port: '7001' } }],
  [['serve', '--data-dir=a b'], { ok: true, verb: 'serve', flags: { dataDir: 'a b' } }],
  [['keys', 'rotate'], { ok: true, verb: 'keys rotate', flags: {} }],
  [['start', '-h'], { ok: true, verb: 'help', flags: {} }],
  [['--version'], { ok: true, verb: 'version', flags: {} }],
])('parseCommandLine: %j, is understood', (argv, wanted) => {
  expect(parseCommandLine(argv)).toEqual(wanted);
});

test.each([
  [['--prot', '1'], 'unknown flag --prot: the nearest is --port; see --help'],
  [['stat'], 'unknown command: got "stat", the nearest is "start"; see --help'],
  [['keys'], 'unknown command: got "keys"'],
  [['--port'], 'argument missing; see --help'],
])('parseCommandLine: %j, is refused with what would be right', (argv, wanted) => {
  const parsed = parseCommandLine(argv);
  expect(parsed.ok ? 'no fault' : parsed.message).toContain(wanted);
});

test('helpText: every setting, has its flag there', () => {
  for (const key of CONFIG_KEYS) expect(helpText()).toContain(`--${flagName(key)} VALUE`);
});

test('packageVersion: this project, is a version', () => {
  expect(packageVersion()).toMatch(/^\d+\.\d+\.\d+/);
});
