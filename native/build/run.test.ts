/** Tests of running tools, with real processes. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runTool, runUnbroken } from './run.ts';
import type { ToolRun } from './types.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'driftway-tool-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function shell(script: string, more: Partial<ToolRun> = {}) {
  const log = join(folder, 'log');
  return runTool({ command: 'sh', args: ['-c', script], cwd: folder, log, ...more });
}

test('runTool: it ends with 0, is ok, and each line reaches the log and the listener', async () => {
  const lines: string[] = [];
  const result = await shell('echo one; echo two >&2; printf three', {
    onLine: (line) => lines.push(line),
  });
  expect(result).toEqual({ ok: true });
  expect(lines.sort()).toEqual(['one', 'three', 'two']);
  expect(readFileSync(join(folder, 'log'), 'utf8')).toMatch(/^\$ sh -c /);
  expect(readFileSync(join(folder, 'log'), 'utf8').split('\n')).toHaveLength(5);
});

test('runTool: it fails, tells the code and the last lines', async () => {
  const result = await shell('i=0; while [ $i -lt 50 ]; do echo line $i; i=$((i+1)); done; exit 3');
  expect(result).toMatchObject({ ok: false, code: 3 });
  expect(result.ok ? '' : result.tail).toMatch(/^line 38\n(line \d+\n)+line 49$/);
});

test('runTool: no such program, is a result and not an exception', async () => {
  const result = await shell('', { command: join(folder, 'nothing') });
  expect(result).toMatchObject({ ok: false, code: null, tail: expect.stringContaining('ENOENT') });
});

test('runTool: its signal fires, ends the tool', async () => {
  const controller = new AbortController();
  const result = await shell('echo $$; exec sleep 600', {
    signal: controller.signal,
    onLine: () => controller.abort(),
  });
  expect(result).toMatchObject({ ok: false, code: null });
});

test('runTool: variables of its own, are added to ours', async () => {
  const lines: string[] = [];
  await shell('echo "$EXTRA $PATH"', { env: { EXTRA: 'x' }, onLine: (line) => lines.push(line) });
  expect(lines).toEqual([`x ${process.env.PATH}`]);
});

test('runUnbroken: its signal fires, answers at once and lets the tool end by itself', async () => {
  execFileSync('mkfifo', [join(folder, 'gate')]);
  const controller = new AbortController();
  const running = runUnbroken({
    command: 'sh',
    args: ['-c', 'read line < gate; echo ended > result'],
    cwd: folder,
    log: join(folder, 'log'),
    signal: controller.signal,
  });
  controller.abort();
  expect(await running).toMatchObject({ ok: false, code: null });
  expect(existsSync(join(folder, 'result'))).toBe(false);
  writeFileSync(join(folder, 'gate'), 'go\n');
  await expect.poll(() => existsSync(join(folder, 'result')), { timeout: 20_000 }).toBe(true);
});

test.each([
  ['ends with 0', 'echo fine', { ok: true }],
  ['fails', 'echo bad; exit 4', { ok: false, code: 4, tail: expect.stringMatching(/bad$/) }],
])('runUnbroken: it %s, tells so', async (_title, script, wanted) => {
  const log = join(folder, 'log');
  const run = { command: 'sh', args: ['-c', script], cwd: folder, log };
  expect(await runUnbroken(run)).toEqual(wanted);
});
