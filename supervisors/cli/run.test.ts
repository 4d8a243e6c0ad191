/** The frame of the command line: words, help, --json, exit codes, and that only the asked command is loaded. */
import { describe, expect, test } from 'vitest';
import { done, failed, misuse } from './outcome.ts';
import { FakeAdmin } from './test/fake-admin.ts';
import { ran } from './test/world.ts';
import type { CliCommand, CliEntry, Target } from './types.ts';

const greet: CliCommand = {
  args: [
    { name: 'who', about: 'whom' },
    { name: 'how', about: 'in which way', optional: true, choices: ['loud', 'soft'] },
  ],
  options: [
    { name: 'times', kind: 'number', about: 'how often', min: 1, max: 9, fallback: 1 },
    { name: 'in-color', kind: 'flag', about: 'in colour' },
  ],
  examples: ['greet bob'],
  run: async (_context, given) => {
    const [who, how] = [given.arg('who'), given.text('how')];
    const document = { who, how, times: given.number('times'), inColor: given.flag('in-color') };
    return done(document, `hello ${who}`);
  },
};

function entry(name: string, command: CliCommand, loads: string[] = []): CliEntry {
  const load = async (): Promise<CliCommand> => {
    loads.push(name);
    return command;
  };
  return { name, about: `about ${name}`, load };
}

const bad: CliCommand = {
  run: async () => {
    throw new Error('planted');
  },
};
const entries = [
  entry('greet', greet),
  entry('key make', { run: async () => done({ made: true }, 'made') }),
  entry('greet all', { run: async () => done({ all: true }, 'hello all') }),
  entry('fail', { run: async () => failed('conflict', 'somebody is there') }),
  entry('wrong', { run: async () => misuse('this is wrong') }),
  entry('bad', bad),
];
const groups = { key: 'keys' };
const run = (...words: string[]) => ran(words, { entries, groups });

describe('runCli', () => {
  test('a command: words, text on stdout and exit code 0', async () => {
    expect(await run('greet', 'bob')).toEqual({ exit: 0, out: 'hello bob\n', error: '' });
  });

  test('--json: before or after the command, one document and nothing else', async () => {
    const words = ['greet', 'bob', 'loud', '--times', '3', '--in-color'];
    for (const all of [
      ['--json', ...words],
      [...words, '--json'],
    ]) {
      const { exit, out, error } = await run(...all);
      expect([exit, error]).toEqual([0, '']);
      expect(JSON.parse(out)).toEqual({ who: 'bob', how: 'loud', times: 3, inColor: true });
    }
  });

  test('a failure: exit code 1, on stderr or as a document', async () => {
    expect(await run('fail')).toEqual({ exit: 1, out: '', error: 'somebody is there\n' });
    const { exit, out, error } = await run('fail', '--json');
    expect([exit, error]).toEqual([1, '']);
    expect(JSON.parse(out)).toEqual({ error: { code: 'conflict', message: 'somebody is there' } });
  });

  test('a command that throws: exit code 1 and its message, no stack', async () => {
    expect(await run('bad')).toEqual({ exit: 1, out: '', error: 'planted\n' });
  });

  test.each([
    [['gret', 'bob'], /unknown command 'gret'[\s\S]*Did you mean greet/],
    [['greet'], /missing required argument 'who'/],
    [['greet', 'bob', 'loud', 'more'], /too many arguments/],
    [['greet', 'bob', '--time', '3'], /unknown option '--time'/],
    [['greet', 'bob', '--times', '12'], /--times: got "12", wanted an integer from 1 to 9/],
    [['greet', 'bob', '--times', 'x'], /--times: got "x", wanted an integer from 1 to 9/],
    [['greet', 'bob', 'hoarse'], /how: got "hoarse", wanted loud or soft/],
    [['greet', 'bob', '--token', 'x'], /--token and --token-file: got one without --url/],
    [['key'], /Usage: driftway key/],
    [['key', 'melt'], /unknown command 'melt'/],
    [['wrong'], /this is wrong/],
    [[], /Usage: driftway/],
  ])('wrong use %j: exit code 2, says what, nothing on stdout', async (words, message) => {
    const { exit, out, error } = await run(...words);
    expect([exit, out]).toEqual([2, '']);
    expect(error).toMatch(message);
  });

  test('wrong use with --json: exit code 2 and a document', async () => {
    const { exit, out, error } = await run('greet', '--json');
    expect([exit, error]).toEqual([2, '']);
    expect(JSON.parse(out)).toEqual({
      error: { code: 'misuse', message: "missing required argument 'who'" },
    });
  });

  test('help and version: on stdout, exit code 0', async () => {
    const all = await run('--help');
    expect([all.exit, all.error]).toEqual([0, '']);
    for (const text of ['greet', 'about fail', 'key', '--json', '--data-dir', 'Exit codes'])
      expect(all.out).toContain(text);
    for (const words of [
      ['greet', '--help'],
      ['help', 'greet'],
    ]) {
      const one = await run(...words);
      expect([one.exit, one.error]).toEqual([0, '']);
      for (const text of ['about greet', 'loud, soft', '--times <N>', 'how often (1)', '--json'])
        expect(one.out).toContain(text);
      expect(one.out).toContain('driftway greet bob');
    }
    expect((await run('--version')).out).toBe('1.2.3\n');
  });

  test('a command of a group: is found by both words', async () => {
    expect((await run('--data-dir', '/d', 'key', 'make')).out).toBe('made\n');
    expect((await run('key', 'make', '--help')).out).toContain('about key make');
  });

  test('a command that is a group too: its own words, or a command below it', async () => {
    expect((await run('greet', 'all')).out).toBe('hello all\n');
    expect((await run('greet', 'alf')).out).toBe('hello alf\n');
    expect((await run('greet', '--help')).out).toContain('about greet all');
  });

  test('one command: no other one is loaded', async () => {
    const loads: string[] = [];
    const watched = entries.map(({ name }) => entry(name, greet, loads));
    await ran(['greet', 'bob'], { entries: watched, groups });
    await ran(['--help'], { entries: watched, groups });
    expect(loads).toEqual(['greet']);
  });
});

describe('the context of a command', () => {
  const asked = async (words: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const targets: [Target, string][] = [];
    const look: CliCommand = {
      run: async (context) => {
        await context.connect();
        return done({ dataDir: context.dataDir }, '');
      },
    };
    const { out } = await ran([...words, '--json'], {
      entries: [entry('look', look)],
      env,
      connect: async (target, command) => {
        targets.push([target, command]);
        return { ok: true, admin: new FakeAdmin() };
      },
    });
    return { ...JSON.parse(out), target: targets[0] };
  };

  test('the data folder: the flag, then the environment, then the default', async () => {
    const env = { DRIFTWAY_DATA_DIR: '/env' };
    expect(await asked(['look'])).toEqual({
      dataDir: '/nowhere/data',
      target: [{ dataDir: '/nowhere/data' }, 'look'],
    });
    expect((await asked(['look'], env)).dataDir).toBe('/env');
    expect((await asked(['look', '--data-dir', 'here'], env)).dataDir).toBe('/nowhere/here');
  });

  test('--url with a token: goes there instead', async () => {
    const { target } = await asked(['look', '--url', 'http://h:1', '--token-file', 'f']);
    expect(target).toEqual([{ url: 'http://h:1', token: null, tokenFile: 'f' }, 'look']);
  });
});
