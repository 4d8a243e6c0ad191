#!/usr/bin/env node
/**
 * The launcher behind every npm script: `node native/launch.mjs VERB [arguments]`.
 * Plain JavaScript without dependencies, for any Node >= 18: it makes sure of a Node that can run Driftway and of the installed
 * packages, then runs the program with them. Does and prints nothing else when both are there, and needs no network then.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureDebianPackages } from './setup/debian.mjs';
import { ensurePackages } from './setup/install.mjs';
import { ensureNode } from './setup/node.mjs';
import { environment, runHeart, runTool } from './setup/run.mjs';
import { SetupError, say } from './setup/say.mjs';
import { prepareNative, runTests } from './setup/tests.mjs';
import { ensureTypeCache } from './setup/type-cache-state.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Node's options that keep its type stripper, 25 MB and 100 ms, out of every process and thread. */
const TYPE_CACHE = ['--import', new URL('./type-cache.mjs', import.meta.url).href];

/** Each verb: what it runs, given `{ root, node, env, args }`; resolves with the exit code. */
const VERBS = {
  start,
  setup: async () => 0,
  chat: program('client/terminal/main.ts'),
  driftway: program('supervisors/cli/main.ts'),
  'media-worker': program('native/media-worker/main.ts'),
  'bench-smoke': program('bench/smoke.ts'),
  'bench-runtime': program('bench/runtime/main.ts'),
  'bench-tracing': program('bench/tracing.ts'),
  'bench-voice': program('bench/voice/main.ts'),
  conformance: program('conformance/main.ts'),
  evidence: program('supervisors/test/evidence/main.ts'),
  fuzz: program('supervisors/test/fuzz/main.ts'),
  lint: tool('@biomejs/biome/bin/biome', 'ci'),
  types: tool('typescript/bin/tsc', '--noEmit'),
  test,
  ok,
};

async function main() {
  const [verb, ...args] = process.argv.slice(2);
  const run = Object.hasOwn(VERBS, verb ?? '') ? VERBS[verb] : null;
  if (run === null) {
    say(`unknown command: got ${verb ?? 'none'}, wanted one of ${Object.keys(VERBS).join(', ')}`);
    return 2;
  }
  const node = await ensureNode(root);
  await ensurePackages(root, node);
  return run({
    root,
    node,
    env: environment(root, node),
    args: args[0] === '--' ? args.slice(1) : args,
  });
}

function start(at) {
  ensureTypeCache(root, at.node, at.env);
  return runHeart({
    ...at,
    args: [...TYPE_CACHE, inRoot('supervisors/main.ts'), 'start', ...at.args],
  });
}

function program(path) {
  return (at) => {
    ensureTypeCache(root, at.node, at.env);
    return runTool({ ...at, cwd: process.cwd(), args: [...TYPE_CACHE, inRoot(path), ...at.args] });
  };
}

function tool(path, ...first) {
  return (at) =>
    runTool({ ...at, cwd: root, args: [inRoot(`node_modules/${path}`), ...first, ...at.args] });
}

async function test(at) {
  ensureDebianPackages();
  return runTests({ ...at, env: await prepareNative({ ...at, preload: TYPE_CACHE }) });
}

async function ok(at) {
  const none = { ...at, args: [] };
  const lint = await VERBS.lint(none);
  const types = await VERBS.types(none);
  const tests = await test(at);
  return lint || types || tests;
}

function inRoot(path) {
  return join(root, ...path.split('/'));
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    say(error instanceof SetupError ? error.message : (error?.stack ?? String(error)));
    process.exitCode = 1;
  },
);
