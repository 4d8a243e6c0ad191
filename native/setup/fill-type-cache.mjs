/**
 * Fills the cache of native/type-cache.mjs with every source that a program may load, and drops what no source needs any more: then
 * no thread of the server ever loads the type stripper. A program of its own, since it runs with the Node that the server will run with.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folder, nameOf, stripped } from '../type-cache.mjs';
import { sourceFiles } from './type-cache-state.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const wanted = new Set();
for (const path of sourceFiles(root)) {
  const source = readFileSync(path, 'utf8');
  stripped(source);
  wanted.add(nameOf(source));
}
for (const name of readdirSync(folder)) {
  if (!wanted.has(name)) rmSync(join(folder, name), { force: true });
}
