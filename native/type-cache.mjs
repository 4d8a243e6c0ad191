/**
 * A preload (`node --import native/type-cache.mjs`): serves our TypeScript files with their types stripped from a cache on
 * disk. Node strips anew in every thread, and the stripper (a WebAssembly module) costs each thread about 25 MB and 100 ms;
 * with the cache no thread loads it (measured on Node 22.23, figures in README.md). Runs in every thread, workers inherit it.
 *
 * Never changes what runs: the key is the hash of the source, the content is Node's own stripping, and without a usable
 * cache folder the files are stripped as ever.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ours = new URL('..', import.meta.url).href;

/** Where this Node's stripped files are, named by the hash of their source. */
export const folder = join(root, '.cache', 'stripped', process.version);

// Older Node 22 has no synchronous hooks: it strips for itself.
registerHooks?.({
  load(url, context, nextLoad) {
    if (!url.endsWith('.ts') || !url.startsWith(ours) || url.includes('/node_modules/')) {
      return nextLoad(url, context);
    }
    const source = readFileSync(fileURLToPath(url), 'utf8');
    return { format: 'module', source: stripped(source), shortCircuit: true };
  },
});

/** The name of a source's stripped form in `folder`. */
export function nameOf(source) {
  return createHash('sha256').update(source).digest('hex').slice(0, 32);
}

/** The source without its types, from the cache or else into it. */
export function stripped(source) {
  const path = join(folder, nameOf(source));
  try {
    return readFileSync(path, 'utf8');
  } catch {
    const text = stripTypeScriptTypes(source); // not there yet
    keep(path, text);
    return text;
  }
}

/** By rename, so that a reader never sees half a file. */
function keep(path, text) {
  const draft = `${path}.${process.pid}.${threadId}`;
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(draft, text);
    renameSync(draft, path);
  } catch {
    return; // a read-only project folder: stripped again next time
  }
}
