/** Tests of the heart with real processes: the heart of test/fixtures/heart.ts over fake servers. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Child, gone } from './test/support/child.ts';
import { NODE_FLAGS } from './test/support/server-process.ts';

const FIXTURE = fileURLToPath(new URL('./test/fixtures/heart.ts', import.meta.url));

function heart(...plan: string[]): Child {
  return new Child(process.execPath, [...NODE_FLAGS, FIXTURE, ...plan]);
}

async function readyPid(child: Child): Promise<number> {
  return Number((await child.line(/"event":"ready","pid":(\d+)/))[1]);
}

test('heart: the server is asked to stop, ends with 0', async () => {
  await using child = heart('serve');
  const server = await readyPid(child);
  child.process.kill('SIGTERM');
  expect(await child.ended).toEqual({ code: 0, signal: null });
  expect(child.output).toContain('"reason":"parent asked"');
  await gone(server);
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  'heart: the server itself gets %s, ends with 0 and is not started again',
  async (signal) => {
    await using child = heart('serve');
    process.kill(await readyPid(child), signal);
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(child.output).not.toContain('"died"');
  },
);

test('heart: the server crashes, is started at once, then with growing delays', async () => {
  await using child = heart('crash', 'crash', 'crash', 'serve');
  await child.line(/"died","how":"SIGABRT","restartInMs":0/);
  await child.line(/"died","how":"SIGABRT","restartInMs":10/);
  await child.line(/"died","how":"SIGABRT","restartInMs":20/);
  await readyPid(child);
  child.process.kill('SIGTERM');
  expect((await child.ended).code).toBe(0);
});

test('heart: the server crashes after a time of readiness, is started at once again', async () => {
  await using child = heart('longcrash', 'longcrash', 'serve');
  await child.line(/"died","how":"SIGABRT","restartInMs":0/);
  await child.line(/"died","how":"SIGABRT","restartInMs":0/);
  await readyPid(child);
});

test('heart: the server is killed by SIGKILL, is started again', async () => {
  await using child = heart('serve');
  const first = await readyPid(child);
  process.kill(first, 'SIGKILL');
  await child.line(/"died","how":"SIGKILL","restartInMs":0/);
  expect(await readyPid(child)).not.toBe(first);
});

test.each([1, 2])(
  'heart: the first start fails with %i, ends with it and does not loop',
  async (code) => {
    await using child = heart(`exit:${code}`);
    expect((await child.ended).code).toBe(code);
    expect(child.output.match(/"started"/g)).toHaveLength(1);
  },
);

test('heart: exit code 1 after readiness, is a crash', async () => {
  await using child = heart('readyexit:1', 'serve');
  await child.line(/"died","how":"exit code 1"/);
  await readyPid(child);
});

test('heart: a wish to stop while it waits to restart, ends with 0', async () => {
  await using child = heart('exit:7');
  await child.line(/"restartInMs":40/);
  child.process.kill('SIGTERM');
  expect((await child.ended).code).toBe(0);
});

test('heart: the server hangs at a stop, is killed after its limit', async () => {
  await using child = heart('hang:200');
  const server = await readyPid(child);
  child.process.kill('SIGTERM');
  await child.line(/"killed","afterMs":300/);
  expect((await child.ended).code).toBe(1);
  await gone(server);
});

test('heart: a second signal, ends at once with the server', async () => {
  await using child = heart('hang:60000');
  const server = await readyPid(child);
  child.process.kill('SIGINT');
  await child.line(/"event":"stop"/);
  // The heart takes a repeat within 300 ms for an echo; its own clock decides, so the signal is repeated until it counts.
  const repeat = setInterval(() => child.process.kill('SIGINT'), 50);
  const { code } = await child.ended;
  clearInterval(repeat);
  expect(code).toBe(130);
  await gone(server);
});

test('heart: killed by SIGKILL, the server notices and stops', async () => {
  await using child = heart('serve');
  const server = await readyPid(child);
  child.process.kill('SIGKILL');
  await child.line(/"event":"stop".*"reason":"parent died"/);
  await gone(server);
});

test('heart: its own parent dies, stops with the server', async () => {
  const parent = `
    const { spawn } = require('node:child_process');
    const args = ${JSON.stringify([...NODE_FLAGS, FIXTURE, 'serve'])};
    spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  `;
  await using child = new Child(process.execPath, ['-e', parent]);
  const [, heartPid] = await child.line(/"event":"ready".*"heartPid":(\d+)/);
  child.process.kill('SIGKILL');
  await child.line(/"stopping","reason":"parent died"/);
  await gone(Number(heartPid));
});

test('heart: SIGHUP, is passed on to the server', async () => {
  await using child = heart('serve');
  await readyPid(child);
  child.process.kill('SIGHUP');
  await child.line(/"event":"reload"/);
});
