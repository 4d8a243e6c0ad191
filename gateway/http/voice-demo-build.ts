/**
 * Builds the voice demo page: esbuild bundles its scripts in processes of its own, and every file gets a name with a hash of its
 * content. Loaded at the first request of the page only. The scripts are client/voice, which this folder only names: it is built for
 * browsers and imported by no thread of the server.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DemoFile } from './types.ts';

const SOURCES = new URL('../../client/voice/', import.meta.url);
const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
/** Placeholder in the page, and what it becomes. */
const SCRIPTS = {
  main: 'demo/main.ts',
  mic: 'mic-worklet.ts',
  e2ee: 'e2ee-worker.ts',
} as const;
const SCRIPT_TYPE = 'text/javascript; charset=utf-8';
const BUILD_MAX_MS = 20_000;
const BUNDLE_BYTES_MAX = 8 * 1024 * 1024;

const run = promisify(execFile);

/** Bundles one script, named by its path in client/voice. */
export type BundleScript = (entry: string) => Promise<string>;

/** All files by name, '' for the page. Rejects when esbuild is missing or fails. */
export async function buildDemo(
  bundle: BundleScript = bundleWithEsbuild,
): Promise<ReadonlyMap<string, DemoFile>> {
  const names = Object.keys(SCRIPTS) as (keyof typeof SCRIPTS)[];
  const scripts = await Promise.all(names.map((name) => bundle(SCRIPTS[name])));
  const style = await source('demo/style.css');
  const files = new Map<string, DemoFile>();
  let page = await source('demo/index.html');
  const add = (name: string, extension: string, mediaType: string, text: string): void => {
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
    const file = `${name}-${hash}.${extension}`;
    files.set(file, { mediaType, text, isHashed: true });
    page = page.replaceAll(`{{${name}}}`, `/voice-demo/${file}`);
  };
  for (const [i, name] of names.entries()) add(name, 'js', SCRIPT_TYPE, scripts[i] ?? '');
  add('style', 'css', 'text/css; charset=utf-8', style);
  files.set('', { mediaType: 'text/html; charset=utf-8', text: page, isHashed: false });
  return files;
}

function source(name: string): Promise<string> {
  return readFile(new URL(name, SOURCES), 'utf8');
}

/** The native program is called directly: its JavaScript side would stay in this thread's memory. */
async function bundleWithEsbuild(entry: string): Promise<string> {
  const program = createRequire(import.meta.url).resolve(
    `@esbuild/${process.platform}-${process.arch}/bin/esbuild`,
  );
  const args = [
    fileURLToPath(new URL(entry, SOURCES)),
    '--bundle',
    '--minify',
    '--format=iife',
    '--platform=browser',
    '--target=es2022',
    '--loader:.wasm=binary',
    '--log-level=error',
  ];
  const { stdout } = await run(program, args, {
    cwd: PROJECT,
    env: {},
    encoding: 'utf8',
    timeout: BUILD_MAX_MS,
    maxBuffer: BUNDLE_BYTES_MAX,
  });
  return stdout;
}
