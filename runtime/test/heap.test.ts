/**
 * Memory over long times: a million lives and a million timeouts leave nothing behind, and an idle actor is small. In processes of
 * their own, with collections on demand.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const FIXTURE = fileURLToPath(new URL('./fixtures/heap-main.ts', import.meta.url));
const MB = 1024 * 1024;
const GROWTH_MAX = 2 * MB;
const IDLE_BYTES_MAX = 400;

async function run(mode: string, count: number): Promise<Record<string, number>> {
  const args = ['--expose-gc', FIXTURE, mode, String(count)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Record<string, number>;
}

const growth = ({ before = 0, after = 0 }) => after - before;

test('heap: a million actors that came and went by kill, stop and crash, is flat', async () => {
  expect(growth(await run('lives', 1_000_000))).toBeLessThan(GROWTH_MAX);
}, 120_000);

test('heap: a million calls that timed out at an actor that keeps them, is flat', async () => {
  expect(growth(await run('timeouts', 1_000_000))).toBeLessThan(GROWTH_MAX);
}, 120_000);

test('idle actor: its bytes, under 400 and within twice an event emitter with a listener', async () => {
  const { actor = 0, emitter = 0 } = await run('idle', 50_000);
  expect(actor).toBeLessThan(IDLE_BYTES_MAX);
  expect(actor / emitter).toBeLessThan(2);
}, 60_000);
