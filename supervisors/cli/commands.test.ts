/** The table of all commands, each loaded: that they describe themselves well, and that the README has them all. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COMMANDS, GROUPS } from './commands.ts';
import { GLOBAL_OPTIONS } from './program.ts';
import { ran } from './test/world.ts';

const loaded = await Promise.all(
  COMMANDS.map(async (entry) => ({ ...entry, command: await entry.load() })),
);

describe('every command', () => {
  test('its name: is its own, and its group is described', () => {
    const names = COMMANDS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const groups = names.filter((name) => name.includes(' ')).map((name) => name.split(' ')[0]);
    const own = groups.filter((name) => name !== undefined && !names.includes(name));
    expect(Object.keys(GROUPS).sort()).toEqual([...new Set(own)].sort());
  });

  test.each(loaded)('$name: words are well declared', ({ about, command }) => {
    const { args = [], options = [] } = command;
    const names = [...args, ...options, ...GLOBAL_OPTIONS].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[a-z][a-z0-9-]*$/.test(name))).toEqual([]);
    const needed = args.map(({ optional }) => optional !== true);
    expect(needed).toEqual([...needed].sort().reverse());
    expect(args.slice(0, -1).some(({ variadic }) => variadic)).toBe(false);
    const texts = [about, ...args.map((each) => each.about), ...options.map((each) => each.about)];
    expect(texts.filter((text) => text === '' || /[a-z]\.$/.test(text))).toEqual([]);
  });

  test.each(loaded)(
    '$name: --help says its line and its words',
    async ({ name, about, command }) => {
      const { exit, out } = await ran([...name.split(' '), '--help']);
      expect(exit).toBe(0);
      for (const text of [about, ...(command.options ?? []).map((option) => `--${option.name}`)])
        expect(out.replace(/\s+/g, ' ')).toContain(text.replace(/\s+/g, ' '));
    },
  );

  test.each(loaded)('$name: examples are its own', ({ name, command }) => {
    for (const example of command.examples ?? [])
      expect(example).toMatch(new RegExp(`^${name}\\b`));
  });

  test('the README: names each', () => {
    const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8');
    expect(
      COMMANDS.map(({ name }) => name).filter((name) => !readme.includes(`\`${name}`)),
    ).toEqual([]);
  });
});
