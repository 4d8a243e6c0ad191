/** What a shell is offered. The library answers on stdout by its own hand, so that is what is looked at. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { FakeAdmin } from './test/fake-admin.ts';
import { ran } from './test/world.ts';

afterEach(() => vi.restoreAllMocks());

async function offered(words: readonly string[], admin?: FakeAdmin): Promise<string[]> {
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  const connect = async () => ({ ok: true as const, admin: admin ?? new FakeAdmin() });
  const { exit } = await ran(['complete', '--', ...words], admin === undefined ? {} : { connect });
  expect(exit).toBe(0);
  expect(lines.at(-1)).toMatch(/^:\d+$/);
  return lines.slice(0, -1).map((line) => line.split('\t')[0] ?? '');
}

describe('complete', () => {
  test('the first word: commands and groups that begin with it, each once', async () => {
    expect(await offered(['tr'])).toEqual(['tree', 'trace']);
    expect(await offered(['use'])).toEqual(['user']);
    expect(await offered([''])).toEqual(expect.arrayContaining(['top', 'kill', 'doctor', 'keys']));
  });

  test('the second word of a group: its commands', async () => {
    expect(await offered(['keys', ''])).toEqual(['rotate']);
    expect(await offered(['record', 'st'])).toEqual(['start', 'stop']);
  });

  test('an option: those of the command and those of all', async () => {
    expect(await offered(['tree', '--d'])).toEqual(['--data-dir', '--depth']);
    expect(await offered(['tree', '--sort', ''])).toEqual(
      expect.arrayContaining(['name', 'mailbox', 'rate']),
    );
  });

  test('an argument with choices: these', async () => {
    expect(await offered(['where', 'm'])).toEqual(['message']);
    expect(await offered(['completion', ''])).toEqual(['bash', 'zsh', 'fish', 'powershell']);
  });

  test('an id: rows of the running tree, with or without the name of the node', async () => {
    const admin = () => new FakeAdmin({ channels: 2 });
    expect(await offered(['kill', 'sh'], admin())).toEqual(['shard-0']);
    expect(await offered(['--data-dir', '/d', 'kill', 'sh'], admin())).toEqual(['shard-0']);
    expect(await offered(['kill', 'n1/sh'], admin())).toEqual(['n1/shard-0']);
    const channels = ['shard-0/stream/241000000000000', 'shard-0/stream/241000000004096'];
    expect(await offered(['inspect', 'shard-0/stream/2'], admin())).toEqual(channels);
  });

  test('an id without a server: nothing', async () => {
    expect(await offered(['kill', 'sh'])).toEqual([]);
  });

  test('no --: wrong use', async () => {
    expect((await ran(['complete'])).exit).toBe(2);
  });
});

test.each([
  ['bash', '__driftway_complete'],
  ['zsh', '#compdef driftway'],
  ['fish', 'complete -c driftway'],
  ['powershell', 'Register-ArgumentCompleter'],
])('completion %s: prints the script', async (shell, text) => {
  let out = '';
  vi.spyOn(console, 'log').mockImplementation((line: string) => {
    out += line;
  });
  expect((await ran(['completion', shell])).exit).toBe(0);
  expect(out).toContain(text);
});
