/**
 * Makes the package that others install: `npm pack` in this folder runs it before (build) and after (clean). Node strips no types
 * inside of node_modules, so the package carries JavaScript and declarations, made by tsc in dist/. Nothing in the repository uses dist/.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const dist = join(here, 'dist');
const licence = join(here, 'LICENSE');

function build() {
  clean();
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', join(here, 'tsconfig.pack.json')], {
    stdio: ['ignore', process.stderr, 'inherit'],
  });
  // tsc renames what JavaScript imports, but not the modules that a thread is started with, nor what declarations import.
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(js|d\.ts)$/.test(name)) continue;
    const path = join(dist, name);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replaceAll(/((?:new URL\(|import\(|from )'\.[^']*)\.ts'/g, "$1.js'"));
  }
  copyFileSync(join(root, 'LICENSE'), licence);
}

function clean() {
  rmSync(dist, { recursive: true, force: true });
  rmSync(licence, { force: true });
}

const verbs = { build, clean };
const verb = process.argv[2] ?? '';
if (!Object.hasOwn(verbs, verb)) throw new Error(`pack: got ${verb}, want build or clean`);
verbs[verb]();
