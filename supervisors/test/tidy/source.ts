/**
 * Owns reading the project's sources for the house rules: which files there are, and each one's syntax tree. Test process only. The
 * parser is the one inside Vite, which vitest cannot do without.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'vite';

/** A node of the tree (ESTree with TypeScript), as far as the rules need it. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** One TypeScript file. `path` is relative to the project, with slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly program: Node;
  readonly comments: readonly { readonly value: string; readonly start: number }[];
}

/** A broken rule. */
export interface Fault {
  readonly rule: string;
  readonly path: string;
  readonly line: number;
  readonly what: string;
}

/** Parses one file. */
export function parse(path: string, text: string): Source {
  const { program, comments, errors } = parseSync(path, text, { lang: 'ts' });
  const [error] = errors;
  if (error !== undefined) throw new Error(`parse ${path}: ${error.message}`);
  return { path, text, program: program as unknown as Node, comments };
}

/** All files of the project that git knows or would add, relative to `root`. */
export function listFiles(root: string): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
  return [...new Set(listed.split('\0'))].filter(
    (path) => path !== '' && existsSync(join(root, path)),
  );
}

/** Reads and parses the TypeScript files among `paths`. */
export function readSources(root: string, paths: readonly string[]): Source[] {
  const files = paths.filter((path) => path.endsWith('.ts'));
  return files.map((path) => parse(path, readFileSync(join(root, path), 'utf8')));
}

/** Every node of a tree with its parents, outermost first. */
export function* walk(
  node: Node,
  parents: readonly Node[] = [],
): Generator<readonly [Node, readonly Node[]]> {
  yield [node, parents];
  const below = [...parents, node];
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) yield* walk(child, below);
    }
  }
}

/** The line of an offset, from 1. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1))
    line++;
  return line;
}

/** `a.b.c` for a chain of plain names; an empty string for anything else. */
export function dotted(node: unknown): string {
  if (!isNode(node)) return '';
  if (node.type === 'Identifier') return String(node.name);
  if (node.type !== 'MemberExpression' || node.computed === true) return '';
  const left = dotted(node.object);
  return left === '' ? '' : `${left}.${dotted(node.property)}`;
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}
