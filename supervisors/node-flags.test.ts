/**
 * Tests of the flags that processes and threads are started with.
 */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

const ENTRY = new URL('./node-flags.ts', import.meta.url).href;

function flagsUnder(...execArgv: string[]): { process: string[]; threads: string[] } {
  const script = `const { nodeFlags, THREAD_FLAGS } = await import('${ENTRY}');
    const { Worker } = await import('node:worker_threads');
    new Worker('process.stdout.write("")', { eval: true, execArgv: [...THREAD_FLAGS] });
    console.log(JSON.stringify({ process: nodeFlags(), threads: THREAD_FLAGS }));`;
  const args = [...execArgv, '--input-type=module', '-e', script];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

test('THREAD_FLAGS: the process has flags of V8, a Worker takes them all the same', () => {
  const { process, threads } = flagsUnder('--max-old-space-size=512');
  expect(process).toContain('--max-old-space-size=512');
  expect(threads).not.toContain('--max-old-space-size=512');
  expect(threads.join(' ')).toMatch(/--import \S+type-cache\.mjs/);
});

test('nodeFlags: given already, adds nothing twice', () => {
  const { process } = flagsUnder('--disable-warning=ExperimentalWarning');
  expect(process.filter((flag) => flag.startsWith('--disable-warning'))).toHaveLength(1);
});
