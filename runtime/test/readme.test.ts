/**
 * The README's snippets run as they stand, each in a process of its own; those with a file name lie beside it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import * as runtime from '../index.ts';
import { PACKAGE, readmeSnippets, type Snippet } from './snippets.ts';

const INDEX = new URL('../index.ts', import.meta.url).href;
const TSC = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
const TYPES = fileURLToPath(new URL('../../node_modules/@types', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'driftway-readme-'));
afterAll(() => rmSync(folder, { recursive: true }));

const snippets = readmeSnippets();
const fileOf = ({ name, line }: Snippet) => (name === '' ? `block-${line}.ts` : name);

/** The snippet with the imports that it leaves out, on its first line so that lines stay. */
function program({ code }: Snippet): string {
  if (code.includes(PACKAGE)) return code.replace(PACKAGE, INDEX);
  const used = Object.keys(runtime).filter((each) => new RegExp(`\\b${each}\\b`).test(code));
  return `import { ${used.join(', ')} } from '${INDEX}'; ${code}`;
}

writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
for (const snippet of snippets) writeFileSync(join(folder, fileOf(snippet)), program(snippet));

function run(args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 25_000,
  });
  return { status, stdout, stderr };
}

test('README: there are snippets, the slot modules among them', () => {
  expect(snippets.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['', 'boot-store.ts', 'boot-shard.ts', 'main.ts']),
  );
});

test.each(snippets.filter(({ name }) => !name.startsWith('boot-')))(
  'README line $line: the snippet, runs to its end',
  (snippet) => {
    // The first page leaves its actors running; nothing may keep the process from ending all the same.
    const { status, stderr } = run([fileOf(snippet)]);
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  },
);

test('README: all snippets, keep to the types', () => {
  const compilerOptions = {
    target: 'es2024',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    types: ['node'],
    typeRoots: [TYPES],
  };
  // tsc takes paths where Node takes URLs.
  for (const snippet of snippets) {
    const text = program(snippet).replaceAll(INDEX, fileURLToPath(INDEX));
    writeFileSync(join(folder, fileOf(snippet)), text);
  }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: snippets.map(fileOf) }),
  );
  const { stdout } = run([TSC, '-p', folder]);
  // What other files of the runtime have to say is for `npm run types`.
  expect(stdout.split('\n').filter((line) => /^[a-z0-9-]+\.ts\(/.test(line))).toEqual([]);
});
