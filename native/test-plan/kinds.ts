/**
 * Owns which test files may share a process: those whose imports, to the last one, hold nothing that a thread has once (the runtime's
 * clock, reports and node; native modules) and that start no processes. Runs in the vitest process, for vitest.config.ts.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

/** Modules of these folders that keep nothing. */
const HARMLESS = new Set(['runtime/clock.ts', 'runtime/rng.ts']);
const IMPORT = /^(?:import|export)\s(?!type\s)[^;]*?from\s+'(\.[^']+)'|^import\s+'(\.[^']+)'/gm;
const REAL = /\.(e2e|fault|media)\.test\.ts$/;

/** Paths below `root` of the test files in `folders` that may share a process. */
export function sharingTests(root: string, folders: readonly string[]): string[] {
  const graph = new Map<string, readonly string[]>();
  return folders
    .map((folder) => join(root, folder))
    .filter(existsSync)
    .flatMap((folder) => testsBelow(folder))
    .filter((path) => !REAL.test(path))
    .filter((path) => [...reached(path, graph)].every((one) => isHarmless(relative(root, one))))
    .map((path) => relative(root, path));
}

function testsBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules'))
    .map((path) => join(folder, path));
}

function isHarmless(path: string): boolean {
  return HARMLESS.has(path) || !/^(runtime|native|bench)\//.test(path);
}

/** A file and all that it imports, directly or not. */
function reached(from: string, graph: Map<string, readonly string[]>): Set<string> {
  const found = new Set([from]);
  for (const path of found) for (const next of importsOf(path, graph)) found.add(next);
  return found;
}

/** Our own modules that a file imports at run time. */
function importsOf(path: string, graph: Map<string, readonly string[]>): readonly string[] {
  const known = graph.get(path);
  if (known !== undefined) return known;
  const imports = [...readFileSync(path, 'utf8').matchAll(IMPORT)]
    .map(([, from, bare]) => normalize(join(dirname(path), from ?? bare ?? '')))
    .filter((each) => /\.tsx?$/.test(each) && existsSync(each));
  graph.set(path, imports);
  return imports;
}
