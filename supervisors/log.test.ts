/** Tests of the log: form, hidden fields, and that a reader who is gone hurts nobody. */
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { isPretty, type LogOptions, openLog } from './log.ts';
import { Child } from './test/support/child.ts';
import { NODE_FLAGS } from './test/support/server-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftway-log-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What `use` logged: the first line may be on its way in the thread pool when `flush` returns. */
async function written(
  format: LogOptions['format'],
  use: (log: ReturnType<typeof openLog>) => void,
): Promise<string> {
  const path = join(folder, `${format}.log`);
  const log = openLog({ level: 'info', format, slot: 'gateway-0', fd: openSync(path, 'w') });
  use(log);
  log.flush();
  return vi.waitFor(() => {
    const text = readFileSync(path, 'utf8');
    expect(text).toMatch(/\n$/);
    return text;
  });
}

const SECRETS = {
  token: 's3cret',
  user: { password: 's3cret', refreshToken: 's3cret' },
  request: { headers: { authorization: 's3cret', cookie: 's3cret' } },
  message: { content: 's3cret' },
};

test('openLog: json, one line of JSON with slot and session and without secrets', async () => {
  const text = await written('json', ({ logger }) => {
    logger.child({ session: 17 }).info(SECRETS, 'hello');
    logger.debug('below the level');
  });
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({
    level: 30,
    slot: 'gateway-0',
    session: 17,
    msg: 'hello',
    pid: process.pid,
  });
  expect(text).not.toContain('s3cret');
});

test('openLog: auto into a file, is JSON; pretty, is readable and without secrets', async () => {
  expect(isPretty('auto', openSync(join(folder, 'x'), 'w'))).toBe(false);
  expect(await written('auto', ({ logger }) => logger.info('hello'))).toMatch(/^\{.*\}\n$/);
  const text = await written('pretty', ({ logger }) => logger.warn(SECRETS, 'hello'));
  expect(text).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: \(gateway-0\) hello \{/);
  expect(text).not.toContain('s3cret');
});

const LOG_URL = JSON.stringify(new URL('./log.ts', import.meta.url).href);

function logging(code: string): Child {
  const text = `const { openLog } = await import(${LOG_URL}); ${code}`;
  return new Child(process.execPath, [...NODE_FLAGS, '--input-type=module', '-e', text]);
}

test('openLog: the process exits right after a line, the line is there', async () => {
  await using child = logging(
    `openLog({ level: 'info', format: 'json', slot: 'main' }).logger.fatal('last words'); process.exit(3);`,
  );
  expect((await child.ended).code).toBe(3);
  expect(child.output).toContain('last words');
});

test('openLog: the reader has closed the pipe, the process lives on', async () => {
  await using child = logging(`
    const log = openLog({ level: 'info', format: 'json', slot: 'main' });
    const chatter = setInterval(() => log.logger.info('x'), 1);
    const check = setInterval(() => log.droppedCount() > 0 && process.exit(7), 5);
  `);
  await child.line(/"msg":"x"/);
  child.process.stdout?.destroy();
  expect((await child.ended).code).toBe(7);
});

test('openLog: the reader has stopped reading, lines are dropped and counted and the thread goes on', async () => {
  await using child = logging(`
    const log = openLog({ level: 'info', format: 'json', slot: 'main' });
    const pad = 'x'.repeat(100_000);
    const chatter = setInterval(() => {
      for (let i = 0; i < 10; i++) log.logger.info(pad);
      if (log.droppedCount() > 0) process.kill(process.pid, 'SIGKILL');
    }, 1);
  `);
  child.process.stdout?.pause();
  await new Promise((resolve) => child.process.once('exit', resolve));
  expect(child.process.signalCode).toBe('SIGKILL');
  child.process.stdout?.destroy();
});
