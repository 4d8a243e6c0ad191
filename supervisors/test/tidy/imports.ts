/**
 * The house rules about imports: the layers of architecture.md, entry through index.ts, and no cycles (types included). Pure.
 */
import { posix } from 'node:path';
import { type Fault, isNode, lineOf, type Node, type Source, walk } from './source.ts';

/** Which layer may import which (architecture.md, folders and the direction of imports). */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  native: [],
  'gateway/protocol': [],
  channels: ['runtime'],
  voice: ['channels', 'runtime', 'native'],
  gateway: ['gateway/protocol', 'voice', 'channels', 'runtime', 'native'],
  client: ['gateway/protocol'],
  bench: ['client', 'gateway/protocol'],
  web: ['client', 'gateway/protocol'],
  conformance: [],
  supervisors: ['gateway', 'gateway/protocol', 'voice', 'channels', 'runtime', 'native'],
};

/** Exceptions, each with its reason. */
const EXCEPTIONS: readonly { from: RegExp; to: RegExp; why: string }[] = [
  {
    from: /^supervisors\/(cli\/)?main\.ts$/,
    to: /^runtime\/clock\.ts$/,
    why: 'the heart and the command line need a clock and must not load the runtime',
  },
  {
    from: /^supervisors\/test\//,
    to: /^client\/index\.ts$/,
    why: 'tests of the whole speak as clients do',
  },
  {
    from: /^bench\/runtime\//,
    to: /^runtime\/index\.ts$/,
    why: 'bench:runtime measures the library itself, not a server over the wire',
  },
  {
    from: /^bench\/voice\//,
    to: /^native\/(media-worker|audio)\/index\.ts$/,
    why: 'bench:voice gives the bare server the media worker that Driftway uses, and measures driftway-audio by itself',
  },
  {
    from: /^conformance\/sdk\//,
    to: /^client\/index\.ts$/,
    why: 'the cases of a client under test need one; the rest of the suite knows the wire only',
  },
];

/** One import: `to` is a path in the project. */
interface Edge {
  readonly from: string;
  readonly to: string;
  readonly line: number;
}

/** All imports between files of the project: static, of types, re-exports, dynamic ones with a fixed path. */
export function importEdges(source: Source): Edge[] {
  const edges: Edge[] = [];
  for (const [node] of walk(source.program)) {
    const specifier = specifierOf(node);
    if (specifier === null || !specifier.startsWith('.')) continue;
    const to = posix.join(posix.dirname(source.path), specifier);
    edges.push({ from: source.path, to, line: lineOf(source.text, node.start) });
  }
  return edges;
}

function specifierOf(node: Node): string | null {
  const known = [
    'ImportDeclaration',
    'ExportNamedDeclaration',
    'ExportAllDeclaration',
    'ImportExpression',
    'TSImportType',
  ];
  if (!known.includes(node.type)) return null;
  const literal =
    node.source ?? (isNode(node.argument) ? (node.argument.literal ?? node.argument) : null);
  return isNode(literal) && typeof literal.value === 'string' ? literal.value : null;
}

/** The layer of a path. */
function layerOf(path: string): string {
  return path.startsWith('gateway/protocol/') ? 'gateway/protocol' : (path.split('/')[0] ?? '');
}

/** Imports against the arrows, or past the entry of a folder. */
export function layerFaults(sources: readonly Source[]): Fault[] {
  return sources.flatMap(importEdges).flatMap(({ from, to, line }) => {
    const [here, there] = [layerOf(from), layerOf(to)];
    if (here === there || EXCEPTIONS.some((rule) => rule.from.test(from) && rule.to.test(to)))
      return [];
    const faults: Fault[] = [];
    const allowed = MAY_IMPORT[here];
    if (allowed !== undefined && !allowed.includes(there)) {
      faults.push({
        rule: 'layers',
        path: from,
        line,
        what: `${here} may not import ${there} (${to})`,
      });
    }
    // A folder's entry, or that of one of its direct sub-folders, so that a thread loads only what it needs.
    if (!/^[^/]+(\/[^/]+)?\/index\.ts$/.test(to)) {
      faults.push({
        rule: 'entry',
        path: from,
        line,
        what: `${to} is not the index.ts of ${there}`,
      });
    }
    return faults;
  });
}

/** Import cycles, each once, from its first file in the alphabet on. */
export function cycleFaults(sources: readonly Source[]): Fault[] {
  const graph = new Map(
    sources.map((source) => [
      source.path,
      [...new Set(importEdges(source).map((edge) => edge.to))],
    ]),
  );
  const faults: Fault[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const stack: string[] = [];
  const visit = (path: string) => {
    state.set(path, 'open');
    stack.push(path);
    for (const next of graph.get(path) ?? []) {
      if (state.get(next) === 'open') {
        const cycle = [...stack.slice(stack.indexOf(next)), next].join(' > ');
        faults.push({ rule: 'cycle', path: next, line: 1, what: cycle });
      } else if (graph.has(next) && !state.has(next)) visit(next);
    }
    stack.pop();
    state.set(path, 'done');
  };
  for (const path of [...graph.keys()].sort()) if (!state.has(path)) visit(path);
  return faults;
}
