/**
 * Owns `npm test`: vitest, then a line for each failure, the real counts as the last line, and an exit code that cannot hide a
 * failure.
 * Runs in the launcher process.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from './run.mjs';

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
