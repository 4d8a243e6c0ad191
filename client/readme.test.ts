/** Runs the example of README.md in a process of its own. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { MockSite } from './test/mock-site.ts';

test('README: its example runs, and prints what it says', async () => {
  const page = await readFile(new URL('./README.md', import.meta.url), 'utf8');
  const code = /```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const folder = await mkdtemp(join(tmpdir(), 'driftway-readme-'));
  const site = new MockSite();
  await site.start();
  try {
    const file = join(folder, 'example.ts');
    await writeFile(file, code.replace('./index.ts', new URL('./index.ts', import.meta.url).href));
    const env = { ...process.env, DRIFTWAY_URL: site.url };
    const { stdout } = await promisify(execFile)(process.execPath, [file], { env });
    expect(stdout).toContain("event 1 1 [ 'hello' ]");
    expect(stdout).toContain("event 2 2 [ 1, 'hello, world' ]");
    expect(stdout).toContain('history 2 of 2');
    expect(stdout).toContain('state stopped');
  } finally {
    await site.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
