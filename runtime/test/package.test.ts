/**
 * runtime/ as others get it: packed by `npm pack`, unpacked outside of the tree, used by the README's supervised pool and by a node
 * with a thread of its own.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PACKAGE, readmeSnippets } from './snippets.ts';

const RUNTIME = fileURLToPath(new URL('..', import.meta.url));
const ROOT = dirname(RUNTIME.replace(/\/$/, ''));
const EXAMPLE_LINES_MAX = 40;

const folder = mkdtempSync(join(tmpdir(), 'driftway-package-'));
const unpacked = join(folder, 'user', 'node_modules', PACKAGE);
const user = join(folder, 'user');

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly type: string;
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}
let manifest: Manifest;

/** Packs a copy, so that no other test meets dist/. */
beforeAll(() => {
  const copy = join(folder, 'copy');
  cpSync(RUNTIME, join(copy, 'runtime'), { recursive: true });
  for (const name of ['LICENSE', 'tsconfig.json']) cpSync(join(ROOT, name), join(copy, name));
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const args = ['pack', '--pack-destination', folder, '--loglevel=error'];
  execFileSync('npm', args, { cwd: join(copy, 'runtime'), stdio: ['ignore', 'pipe', 'pipe'] });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  mkdirSync(unpacked, { recursive: true });
  execFileSync('tar', ['xzf', join(folder, tarball ?? ''), '-C', unpacked, '--strip-components=1']);
  manifest = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8')) as Manifest;
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    symlinkSync(join(ROOT, 'node_modules', name), join(user, 'node_modules', name));
  }
  writeFileSync(join(user, 'package.json'), '{ "type": "module" }');
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Runs Node where only the package and what it declares can be found. */
function run(...args: readonly string[]) {
  return spawnSync(process.execPath, args, { cwd: user, encoding: 'utf8', timeout: 25_000 });
}

function files(): readonly string[] {
  const all = readdirSync(unpacked, { recursive: true, encoding: 'utf8', withFileTypes: true });
  return all
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(unpacked.length + 1));
}

describe('the package', () => {
  test('files: JavaScript, declarations and documents, nothing else', () => {
    const strange = files().filter((path) => !/^dist\/[a-z/-]+\.(js|d\.ts)$/.test(path));
    expect(strange.sort()).toEqual(['LICENSE', 'README.md', 'package.json']);
  });

  test('manifest: name, version and module type, exports that exist', () => {
    expect(manifest).toMatchObject({
      name: PACKAGE,
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      type: 'module',
    });
    const targets = Object.values(manifest.exports).flatMap((each) => Object.values(each));
    expect(files()).toEqual(expect.arrayContaining(targets.map((path) => path.slice(2))));
  });

  test('imports: its own files, Node, and what it declares', () => {
    const texts = files().filter((path) => path.endsWith('.js'));
    const specifiers = texts.flatMap((path) =>
      [
        ...readFileSync(join(unpacked, path), 'utf8').matchAll(
          /^(?:import|export)\b[^;]*?from '([^']+)'|\bimport\('([^']+)'\)/gm,
        ),
      ].map((match) => (match[1] ?? match[2]) as string),
    );
    const strangers = new Set(
      specifiers
        .filter((each) => !each.startsWith('.') && !each.startsWith('node:'))
        .map((each) => each.split('/')[0] as string),
    );
    expect([...strangers]).toEqual(Object.keys(manifest.dependencies ?? {}));
    expect(specifiers.filter((each) => each.endsWith('.ts'))).toEqual([]);
    expect(specifiers.filter((each) => builtinModules.includes(each))).toEqual([]);
  });
});

describe('outside of the tree', () => {
  const example = readmeSnippets().find(({ code }) => code.includes(PACKAGE))?.code ?? '';

  test('example: the supervised pool of the README, at most 40 lines, runs', () => {
    expect(example.trim().split('\n').length).toBeLessThanOrEqual(EXAMPLE_LINES_MAX);
    writeFileSync(join(user, 'pool.ts'), example);
    const { status, stdout, stderr } = run('pool.ts');
    expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: '1 4 failed 16 25 36\n' });
  });

  test('example: its types, come with the package', () => {
    writeFileSync(join(user, 'pool.ts'), example);
    writeFileSync(join(user, 'wrong.ts'), example.replace("'square', n", "'square', 'n'"));
    const compilerOptions = {
      target: 'es2024',
      module: 'nodenext',
      strict: true,
      noEmit: true,
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules', '@types')],
    };
    const config = { compilerOptions, files: ['pool.ts', 'wrong.ts'] };
    writeFileSync(join(user, 'tsconfig.json'), JSON.stringify(config));
    const { stdout } = run(join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', user);
    expect(stdout.split('\n').filter((line) => line.includes('error'))).toEqual([
      expect.stringMatching(/^wrong\.ts.*TS2345: Argument of type 'string'/),
    ]);
  });

  test('threads: a node of the package, starts its worker, watchdog included', () => {
    writeFileSync(
      join(user, 'slot.mjs'),
      `import { defineActor, name, spawn, thisSlot } from '${PACKAGE}';
       const Where = defineActor({ init: () => null, handle: { where: () => thisSlot() } });
       export const boot = async () => { await spawn(Where, undefined, { name: name('where') }); };`,
    );
    writeFileSync(
      join(user, 'node.mjs'),
      `import { at, call, startNode } from '${PACKAGE}';
       const module = new URL('./slot.mjs', import.meta.url);
       const node = await startNode({ slots: [{ name: 'side', module, onDown: 'restart' }] });
       console.log(await call(at('side', 'where'), 'where'));
       await node.stop();`,
    );
    const { status, stdout, stderr } = run('node.mjs');
    expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: 'side\n' });
  });

  test('testkit: a test of a user, moves the fake clock', () => {
    const code = `import { FakeClock } from '${PACKAGE}/testkit';
      const clock = new FakeClock(); const before = clock.now();
      await clock.advance(50); console.log(clock.now() - before);`;
    const { stdout, stderr } = run('--input-type=module', '-e', code);
    expect(stdout, stderr).toBe('50\n');
  });
});
