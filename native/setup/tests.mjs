/**
 * Owns `npm test`: the native programs that tests need, then vitest, then a line for each failure, the real counts as the last line, and
 * an exit code that cannot hide a failure.
 * Runs in the launcher process.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from './run.mjs';

/** Set for all that tests start: a launcher inside a test need not look for the native programs again. The prefix is one that servers leave alone. */
const PREPARED = 'DRIFTWAY_TEST_NATIVE';
/** Folders of native/ whose `main.ts` gets a program, from its cache or by a build. */
const PROGRAMS = ['media-worker', 'audio'];

/**
 * Gets the native programs before the tests, so that none of them waits for a build; returns the environment to go on with. Without one
 * the tests that need it fail with the reason, and the build's log is above.
 */
export async function prepareNative({ root, node, env, preload }) {
  if (env[PREPARED]) return env;
  for (const name of PROGRAMS) {
    const main = join(root, 'native', name, 'main.ts');
    await runTool({ node, cwd: root, env, args: [...preload, main] });
  }
  return { ...env, [PREPARED]: '1' };
}

/** Runs all tests, or those that `args` (vitest's own) select; resolves with the exit code. */
export async function runTests({ root, node, env, args }) {
  const folder = mkdtempSync(join(tmpdir(), 'driftway-tests-'));
  const file = join(folder, 'counts.json');
  try {
    const code = await runTool({
      node,
      cwd: root,
      env: { ...env, DRIFTWAY_TEST_COUNTS: file },
      args: [
        join(root, 'node_modules', 'vitest', 'vitest.mjs'),
        'run',
        '--reporter=default',
        `--reporter=${join(root, 'native', 'setup', 'counts-reporter.mjs')}`,
        ...args,
      ],
    });
    const { passed, failed, skipped, failures } = readCounts(file);
    for (const failure of failures) process.stdout.write(`failed: ${failure}\n`);
    process.stdout.write(
      `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
    );
    if (failed > 0 || passed === 0) return code || 1;
    return code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0, failures: [] }; // vitest ended before it could count: its own exit code says so
  }
}
