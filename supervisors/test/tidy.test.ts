/**
 * The house rules (style.md 3) held against the whole project, and each rule against a planted fault: a check that cannot fail
 * checks nothing.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { bannedFaults, emptyCatchFaults, sleepFaults, todoFaults } from './tidy/banned.ts';
import { cycleFaults, layerFaults } from './tidy/imports.ts';
import {
  fileSizeFaults,
  functionSizeFaults,
  headerFaults,
  indexFaults,
  layoutFaults,
} from './tidy/shape.ts';
import { type Fault, listFiles, parse, readSources, type Source } from './tidy/source.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const files = listFiles(ROOT);
const sources = readSources(ROOT, files);

/** Known faults that wait for their turn, as `rule path`. Ratchet: it may only get shorter. */
const RATCHET: readonly string[] = [];

type Check = (sources: readonly Source[]) => Fault[];

const CHECKS: Readonly<Record<string, Check>> = {
  layers: layerFaults,
  cycles: cycleFaults,
  'file sizes': fileSizeFaults,
  'function sizes': functionSizeFaults,
  headers: headerFaults,
  'index files': indexFaults,
  'banned names': bannedFaults,
  'empty catches': emptyCatchFaults,
  sleeps: sleepFaults,
  'open ends': todoFaults,
};

const found = new Map<Check, Fault[]>();

/** What a check finds in the project; looked for once. */
function faultsOf(check: Check): Fault[] {
  const faults = found.get(check) ?? check(sources);
  found.set(check, faults);
  return faults;
}

const shown = ({ rule, path, line, what }: Fault) => `${path}:${line} ${rule}: ${what}`;

describe('the project', () => {
  test.each(Object.entries(CHECKS))('%s: every file, keeps the rule', (_name, check) => {
    const faults = faultsOf(check).filter(({ rule, path }) => !RATCHET.includes(`${rule} ${path}`));
    expect(faults.map(shown)).toEqual([]);
  });

  test('layout: every file, lies where it belongs', () => {
    expect(layoutFaults(files).map(shown)).toEqual([]);
  });

  test('ratchet: every entry, is still needed', () => {
    const all = new Set(
      Object.values(CHECKS)
        .flatMap(faultsOf)
        .map(({ rule, path }) => `${rule} ${path}`),
    );
    expect(RATCHET.filter((entry) => !all.has(entry))).toEqual([]);
  });

  test('machine: no file, names the folder that it happens to lie in', () => {
    const text = files.filter((path) => /\.(ts|mjs|md|json|yaml|html|css)$|^\.ci\//.test(path));
    expect(text.filter((path) => readFileSync(join(ROOT, path), 'utf8').includes(ROOT))).toEqual(
      [],
    );
  });
});

/** Each row: what is wrong, the files, and the rules that must speak, nothing else. */
const PLANTED: readonly (readonly [string, Readonly<Record<string, string>>, readonly string[]])[] =
  [
    [
      'an import against the layers',
      { 'runtime/a.ts': "import { x } from '../channels/index.ts';" },
      ['layers'],
    ],
    [
      'a type against the layers',
      { 'channels/a.ts': "import type { X } from '../gateway/index.ts';" },
      ['layers'],
    ],
    [
      'the protocol importing its gateway',
      { 'gateway/protocol/a.ts': "import '../gather.ts';" },
      ['layers', 'entry'],
    ],
    [
      'the client importing the gateway',
      { 'client/a.ts': "export * from '../gateway/index.ts';" },
      ['layers'],
    ],
    [
      'somebody importing supervisors',
      { 'bench/a.ts': "import { x } from '../supervisors/index.ts';" },
      ['layers'],
    ],
    [
      'the conformance suite importing what it judges',
      {
        'conformance/a.ts': "import { x } from '../gateway/protocol/index.ts';",
        'conformance/b.ts': "import { x } from '../client/index.ts';",
        'conformance/sdk/c.ts': "import { x } from '../../client/index.ts';",
      },
      ['layers', 'layers'],
    ],
    [
      'an import past an entry',
      { 'channels/a.ts': "import { x } from '../runtime/core/mailbox.ts';" },
      ['entry'],
    ],
    [
      'a dynamic import past an entry',
      { 'channels/a.ts': "export const x = import('../runtime/clock.ts');" },
      ['entry'],
    ],
    [
      'a type import past an entry',
      { 'channels/a.ts': "export type X = import('../runtime/clock.ts').Clock;" },
      ['entry'],
    ],
    [
      'an entry of a sub-folder',
      { 'supervisors/a.ts': "import { x } from '../gateway/http/index.ts';" },
      [],
    ],
    [
      'a cycle',
      {
        'runtime/a.ts': "import './b.ts';",
        'runtime/b.ts': "export * from './c.ts';",
        'runtime/c.ts': "import './a.ts';",
      },
      ['cycle'],
    ],
    [
      'a cycle of types',
      {
        'runtime/a.ts': "import type { B } from './b.ts';",
        'runtime/b.ts': "import type { A } from './a.ts';",
      },
      ['cycle'],
    ],
    ['a long file', { 'runtime/a.ts': '// x\n'.repeat(500) }, ['file size']],
    [
      'a long function',
      { 'runtime/a.ts': `export function f() {\n${'f();\n'.repeat(69)}}` },
      ['function size'],
    ],
    [
      'a long method',
      { 'runtime/a.ts': `export class A { m() {\n${'f();\n'.repeat(70)}} }` },
      ['function size'],
    ],
    [
      'a long arrow function',
      { 'runtime/a.ts': `export const f = () => {\n${'f();\n'.repeat(70)}};` },
      ['function size'],
    ],
    [
      'a long describe',
      { 'runtime/a.test.ts': `describe('x', () => {\n${'f();\n'.repeat(100)}});` },
      [],
    ],
    ['code in an index', { 'runtime/index.ts': 'export const x = 1;' }, ['index']],
    ['the clock', { 'channels/a.ts': 'export const x = Date.now();' }, ['clock']],
    [
      'the clock, handed over',
      { 'channels/a.ts': 'export const x = { now: performance.now };' },
      ['clock'],
    ],
    ['a timer', { 'gateway/a.ts': 'setTimeout(() => f(), 5);' }, ['clock']],
    ['a method named like a timer', { 'gateway/a.ts': 'clock.setTimeout(() => f(), 5);' }, []],
    ['chance', { 'channels/a.ts': 'export const x = Math.random();' }, ['chance']],
    ['chance in a test', { 'channels/a.test.ts': 'export const x = Math.random();' }, ['chance']],
    ['the environment', { 'gateway/a.ts': 'export const x = process.env.HOME;' }, ['environment']],
    [
      'the environment in the configuration',
      { 'supervisors/config.ts': 'export const x = process.env.HOME;' },
      [],
    ],
    [
      'words in a comment or text',
      { 'gateway/a.ts': "// Date.now()\nexport const x = 'Math.random()';" },
      [],
    ],
    ['an empty catch', { 'runtime/a.ts': 'try { f(); } catch { /* why */ }' }, ['empty catch']],
    ['an empty rejection handler', { 'runtime/a.ts': 'f().catch(() => {});' }, ['empty catch']],
    [
      'a sleep',
      { 'runtime/a.test.ts': 'await new Promise((done) => setTimeout(done, 50));' },
      ['sleep'],
    ],
    [
      'a bought sleep',
      { 'runtime/a.test.ts': "import { setTimeout as sleep } from 'node:timers/promises';" },
      ['sleep'],
    ],
    ['a skipped test', { 'runtime/a.test.ts': "test.skip('x', () => f());" }, ['skipped test']],
    ['an only test', { 'runtime/a.test.ts': "describe.only('x', () => f());" }, ['skipped test']],
    ['an open end', { 'runtime/a.ts': `// ${'TO'}${'DO'}: later` }, ['open end']],
    ['an open end with its issue', { 'runtime/a.ts': `// ${'TO'}${'DO'}(#7): later` }, []],
  ];

describe('planted', () => {
  test.each(PLANTED)('%s: the rules, see it', (_what, planted, rules) => {
    const parsed = Object.entries(planted).map(([path, text]) =>
      parse(path, `/** x */\n${text}\n`),
    );
    const found = Object.values(CHECKS).flatMap((check) => check(parsed));
    expect(found.map(({ rule }) => rule)).toEqual(rules);
  });

  test('no header: the rule, sees it', () => {
    expect(headerFaults([parse('runtime/a.ts', '// x\nf();\n')])).toHaveLength(1);
    expect(headerFaults([parse('runtime/a.ts', '#!/usr/bin/env node\n/** x */\n')])).toHaveLength(
      0,
    );
  });

  test('layout: stray files and missing ones, are seen', () => {
    const whats = layoutFaults([
      'notes.txt',
      'src/a.ts',
      'runtime/a.ts',
      'runtime/core/index.ts',
      'voice/README.md',
      'voice/Camel.md',
    ]);
    expect(whats.map(({ path, what }) => `${path} ${what}`)).toEqual([
      'notes.txt does not belong at the top level',
      'src does not belong at the top level',
      'src has no README.md',
      'runtime has no README.md',
      'runtime/core has an index.ts and no README.md',
      'runtime has no index.ts',
      'voice/Camel.md is not kebab-case',
    ]);
  });
});

describe('Biome', () => {
  test.each([
    ['a floating promise', 'async function f(): Promise<void> {}\nf();\n', 'noFloatingPromises'],
    [
      'a floating promise of a method',
      'class A { async m(): Promise<number> { return 1; } }\nnew A().m();\n',
      'noFloatingPromises',
    ],
    [
      'a promise where a handler returns nothing',
      '[1].forEach(async () => {});\n',
      'noMisusedPromises',
    ],
    ['any', 'export const x: any = 1;\n', 'noExplicitAny'],
    [
      'an import without .ts',
      "import { x } from './other';\nexport const y = x;\n",
      'useImportExtensions',
    ],
    ['a default export', 'export default 1;\n', 'noDefaultExport'],
    ['an enum', 'export enum E { A }\n', 'noEnum'],
    [
      'a type imported as a value',
      "import { X } from './other.ts';\nexport const y = {} as X;\n",
      'useImportType',
    ],
  ])('%s: the linter, names it', (_what, text, rule) => {
    const folder = mkdtempSync(join(tmpdir(), 'driftway-lint-'));
    try {
      cpSync(join(ROOT, 'biome.json'), join(folder, 'biome.json'));
      writeFileSync(join(folder, '.gitignore'), 'node_modules\n');
      mkdirSync(join(folder, 'runtime'));
      symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
      writeFileSync(
        join(folder, 'runtime', 'other.ts'),
        'export type X = number;\nexport const x: X = 1;\n',
      );
      writeFileSync(join(folder, 'runtime', 'planted.ts'), text);
      expect(lint(folder)).toContain(rule);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function lint(folder: string): string {
  const biome = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  try {
    return execFileSync(process.execPath, [biome, 'lint', '--colors=off'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return stdout + stderr;
  }
}
