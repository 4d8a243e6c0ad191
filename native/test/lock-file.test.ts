/** Tests of package-lock.json: what would break `npm ci` on a stranger's machine. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, ROOT), 'utf8');

interface LockFile {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly version?: string;
        readonly hasInstallScript?: boolean;
        readonly optionalDependencies?: unknown;
      }
    >
  >;
}

test('package-lock.json: every optional package of every platform, has its entry', () => {
  const script = fileURLToPath(new URL('native/setup/complete-lock.mjs', ROOT));
  const said = execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect(said, 'run: node native/setup/complete-lock.mjs').toBe('0 missing\n');
});

test('package-lock.json: no entry, names a registry', () => {
  expect(read('package-lock.json')).not.toMatch(/"resolved"|https?:\/\/[^"]*\.tgz/);
});

test('package.json: every package with an install script, is denied it', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as LockFile;
  const { allowScripts } = JSON.parse(read('package.json')) as {
    allowScripts: Record<string, boolean>;
  };
  const names = Object.entries(packages)
    .filter(([, entry]) => entry.hasInstallScript)
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
  expect(names.filter((name) => allowScripts[name] !== false)).toEqual([]);
});

test('package.json: every script, is the launcher in place of the shell', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect(
    Object.values(scripts).filter((script) => !script.startsWith('exec node native/launch.mjs ')),
  ).toEqual([]);
});
