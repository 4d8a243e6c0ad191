/**
 * The house rules about files and folders: sizes, headers, entries, and what may lie where. Pure.
 */
import { type Fault, isNode, lineOf, type Node, type Source, walk } from './source.ts';

const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;

const TOP_FOLDERS = [
  '.ci',
  'bench',
  'channels',
  'client',
  'conformance',
  'gateway',
  'native',
  'runtime',
  'supervisors',
  'voice',
  'web',
];
const TOP_FILES = [
  '.gitattributes',
  '.gitignore',
  '.npmrc',
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'biome.json',
  'compose.yaml',
  'package-lock.json',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
];

/** Layers that others enter; the others (supervisors, bench, web, conformance) are imported by nobody. */
const ENTERED = ['runtime', 'native', 'channels', 'voice', 'gateway', 'gateway/protocol', 'client'];

/** Files over 500 lines. */
export function fileSizeFaults(sources: readonly Source[]): Fault[] {
  return sources.flatMap(({ path, text }) => {
    const lines = text.split('\n').length - 1;
    if (lines <= FILE_LINES_MAX) return [];
    return [
      {
        rule: 'file size',
        path,
        line: lines,
        what: `got ${lines} lines, wanted at most ${FILE_LINES_MAX}`,
      },
    ];
  });
}

/** Functions over 70 lines. The block of a `describe` is a chapter, not a function. */
export function functionSizeFaults(sources: readonly Source[]): Fault[] {
  const kinds = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'];
  return sources.flatMap(({ path, text, program }) =>
    [...walk(program)].flatMap(([node, parents]) => {
      if (!kinds.includes(node.type) || isDescribe(parents.at(-1))) return [];
      const line = lineOf(text, node.start);
      const lines = lineOf(text, node.end) - line + 1;
      if (lines <= FUNCTION_LINES_MAX) return [];
      return [
        {
          rule: 'function size',
          path,
          line,
          what: `got ${lines} lines, wanted at most ${FUNCTION_LINES_MAX}`,
        },
      ];
    }),
  );
}

function isDescribe(parent: Node | undefined): boolean {
  return (
    parent?.type === 'CallExpression' &&
    isNode(parent.callee) &&
    /\bdescribe\b/.test(JSON.stringify(parent.callee, withoutBigInt))
  );
}

/** Files that do not begin with a docblock. */
export function headerFaults(sources: readonly Source[]): Fault[] {
  return sources
    .filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text))
    .map(({ path }) => ({
      rule: 'header',
      path,
      line: 1,
      what: 'wanted a docblock: what it owns, who runs it, what it must never do',
    }));
}

/** index.ts files with anything but exports of other files. */
export function indexFaults(sources: readonly Source[]): Fault[] {
  return sources
    .filter(({ path }) => path.endsWith('/index.ts'))
    .flatMap(({ path, text, program }) =>
      (program.body as Node[])
        .filter((node) => !/^Export(Named|All)Declaration$/.test(node.type) || !isNode(node.source))
        .map((node) => ({
          rule: 'index',
          path,
          line: lineOf(text, node.start),
          what: 'wanted exports of other files only',
        })),
    );
}

/** Stray files at the top, folders without README.md, layers without index.ts. */
export function layoutFaults(files: readonly string[]): Fault[] {
  const faults: Fault[] = [];
  const fault = (path: string, what: string) =>
    faults.push({ rule: 'layout', path, line: 1, what });
  const tops = new Set(files.map((path) => path.split('/')[0] ?? ''));
  for (const top of tops) {
    const isFolder = files.some((path) => path.startsWith(`${top}/`));
    if (!(isFolder ? TOP_FOLDERS : TOP_FILES).includes(top))
      fault(top, 'does not belong at the top level');
    if (isFolder && top !== '.ci' && !files.includes(`${top}/README.md`))
      fault(top, 'has no README.md');
  }
  for (const path of files.filter((file) => /^[^/]+\/[^/]+\/index\.ts$/.test(file))) {
    const folder = path.slice(0, -'/index.ts'.length);
    if (!files.includes(`${folder}/README.md`)) fault(folder, 'has an index.ts and no README.md');
  }
  for (const layer of ENTERED) {
    const hasSources = files.some((path) => path.startsWith(`${layer}/`) && path.endsWith('.ts'));
    if (hasSources && !files.includes(`${layer}/index.ts`)) fault(layer, 'has no index.ts');
  }
  for (const path of files) {
    const isDocument = /(^|\/)([A-Z]+\.md|LICENSE)$/.test(path);
    if (!isDocument && !/^[a-z0-9._/-]+$/.test(path)) fault(path, 'is not kebab-case');
  }
  return faults;
}

/** JSON has no bigint; a table of tests may hold one. */
function withoutBigInt(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
