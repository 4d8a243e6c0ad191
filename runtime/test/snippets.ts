/**
 * The TypeScript blocks of runtime/README.md, for the tests that run them. Test processes only.
 */
import { readFileSync } from 'node:fs';

/** A block; `name` is the file that its first line names, '' for one that names none. */
export interface Snippet {
  readonly name: string;
  readonly line: number;
  readonly code: string;
}

/** All blocks in the order of the page. */
export function readmeSnippets(): readonly Snippet[] {
  const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => {
    const code = match[1] ?? '';
    return {
      name: /^\/\/ ([a-z-]+\.ts)\n/.exec(code)?.[1] ?? '',
      line: text.slice(0, match.index).split('\n').length + 1,
      code,
    };
  });
}

/** Name of the package that runtime/ is published as. */
export const PACKAGE = 'driftway-runtime';
