/**
 * The house rules about calls: time and chance only through a Clock and an Rng, the environment in one place, no empty catch, no
 * sleeping or skipped tests, no open ends. Pure.
 */
import { dotted, type Fault, isNode, lineOf, type Node, type Source, walk } from './source.ts';

interface Ban {
  readonly rule: string;
  /** Dotted names, called or read. */
  readonly names: readonly string[];
  /** Where they may be all the same. */
  readonly except: RegExp;
  readonly what: string;
}

/** Tests from outside, the conformance suite and benches measure and wait in real time. */
const OUTSIDE =
  /^(bench\/|conformance\/|supervisors\/test\/|native\/)|\.test\.ts$|\/test\/|\/testkit\//;

const BANS: readonly Ban[] = [
  {
    rule: 'clock',
    names: [
      'Date.now',
      'performance.now',
      'process.hrtime',
      'process.hrtime.bigint',
      'setTimeout',
      'setInterval',
    ],
    except: new RegExp(
      `^(runtime/clock|runtime/threads/(pulse|watchdog-entry)|client/clock)\\.ts$|${OUTSIDE.source}`,
    ),
    what: 'take a Clock',
  },
  {
    rule: 'chance',
    names: ['Math.random', 'crypto.getRandomValues'],
    except: /^(runtime|client)\/clock\.ts$/,
    what: 'take an Rng',
  },
  {
    rule: 'environment',
    names: ['process.env'],
    except: new RegExp(
      `^(supervisors/config[a-z-]*|client/terminal/main|voice/worker/spawn)\\.ts$|${OUTSIDE.source}`,
    ),
    // spawn.ts hides it from the media workers, and reads nothing.
    what: 'the environment is read by the configuration only',
  },
  {
    rule: 'skipped test',
    names: ['test', 'it', 'describe'].flatMap((name) =>
      ['skip', 'only', 'todo', 'skipIf', 'runIf', 'fails'].map((how) => `${name}.${how}`),
    ),
    except: /^$/,
    what: 'fix it or delete it',
  },
];

/** Uses of banned names. */
export function bannedFaults(sources: readonly Source[]): Fault[] {
  return sources.flatMap((source) => {
    const bans = BANS.filter((ban) => !ban.except.test(source.path));
    return [...walk(source.program)].flatMap(([node, parents]) => {
      const name = usedName(node, parents.at(-1));
      const ban = name === '' ? undefined : bans.find(({ names }) => names.includes(name));
      return ban === undefined ? [] : [at(source, node, ban.rule, `${name}: ${ban.what}`)];
    });
  });
}

/** A dotted name that is read, or a plain one that is called. */
function usedName(node: Node, parent: Node | undefined): string {
  if (node.type === 'MemberExpression') return dotted(node).replace(/^globalThis\./, '');
  const isCalled = parent?.type === 'CallExpression' && parent.callee === node;
  return node.type === 'Identifier' && isCalled ? String(node.name) : '';
}

/** Catch blocks without a statement, and `.catch` with an empty function. */
export function emptyCatchFaults(sources: readonly Source[]): Fault[] {
  return sources.flatMap((source) =>
    [...walk(source.program)].flatMap(([node]) => {
      const block = node.type === 'CatchClause' ? node.body : handlerOf(node);
      const isEmpty =
        isNode(block) && block.type === 'BlockStatement' && (block.body as Node[]).length === 0;
      return isEmpty ? [at(source, node, 'empty catch', 'say what happens instead, in code')] : [];
    }),
  );
}

function handlerOf(node: Node): unknown {
  const isCatch =
    node.type === 'CallExpression' &&
    isNode(node.callee) &&
    isNode(node.callee.property) &&
    node.callee.property.name === 'catch';
  const [handler] = isCatch ? (node.arguments as Node[]) : [];
  return handler?.body;
}

/** Tests that wait for time to pass instead of for an event. */
export function sleepFaults(sources: readonly Source[]): Fault[] {
  return sources
    .filter(({ path }) => path.endsWith('.test.ts') && !path.startsWith('bench/'))
    .flatMap((source) =>
      [...walk(source.program)].flatMap(([node, parents]) => {
        const isSleep =
          isTimersPromises(node) || (isTimeout(node) && parents.slice(-3).some(isNewPromise));
        return isSleep
          ? [at(source, node, 'sleep', 'wait for an event, or move a fake clock')]
          : [];
      }),
    );
}

function isTimersPromises(node: Node): boolean {
  return (
    node.type === 'ImportDeclaration' &&
    isNode(node.source) &&
    /^(node:)?timers\/promises$/.test(String(node.source.value))
  );
}

function isTimeout(node: Node): boolean {
  return node.type === 'CallExpression' && /^(globalThis\.)?setTimeout$/.test(dotted(node.callee));
}

function isNewPromise(node: Node): boolean {
  return node.type === 'NewExpression' && dotted(node.callee) === 'Promise';
}

/** Open ends in comments that name no issue. */
export function todoFaults(sources: readonly Source[]): Fault[] {
  const open = new RegExp(
    `\\b(${['TO', 'FIX'].map((word, i) => word + ['DO', 'ME'][i]).join('|')}|XXX)\\b(?!\\(#\\d+\\))`,
  );
  return sources.flatMap((source) =>
    source.comments
      .filter(({ value }) => open.test(value))
      .map(({ start }) => ({
        rule: 'open end',
        path: source.path,
        line: lineOf(source.text, start),
        what: 'name the issue: (#n)',
      })),
  );
}

function at(source: Source, node: Node, rule: string, what: string): Fault {
  return { rule, path: source.path, line: lineOf(source.text, node.start), what };
}
