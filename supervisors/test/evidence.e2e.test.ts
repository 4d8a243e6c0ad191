/**
 * The evidence drivers (test/evidence/) in their short forms: each starts a server, does its worst, and says `clean`.
 * LONG=1 runs them as issue and README state their figures; they are then better started one by one.
 */
import { spawn } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';

const LONG = process.env.LONG === '1';
const TIMEOUT_MS = LONG ? 1_800_000 : 150_000;

const children = new Set<ReturnType<typeof spawn>>();

afterEach(() => {
  for (const child of children) child.kill('SIGTERM');
});

/** Runs a driver to its end; what it printed and its exit code. */
function run(name: string): Promise<{ code: number | null; text: string }> {
  const file = new URL(`./evidence/${name}.ts`, import.meta.url).pathname.replaceAll('%20', ' ');
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    let text = '';
    const keep = (chunk: Buffer): void => {
      text += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('close', (code) => {
      children.delete(child);
      resolve({ code, text });
    });
  });
}

test.each(['chaos', 'slow-readers', 'reconnect-storm', 'presence', 'revocation'])(
  '%s: the short form, clean',
  async (name) => {
    const { code, text } = await run(name);
    console.log(text);
    expect(text).toMatch(/: clean\n/);
    expect(code).toBe(0);
  },
  TIMEOUT_MS,
);
