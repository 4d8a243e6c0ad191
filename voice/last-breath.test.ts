/** A voice thread that dies by an error takes its processes with it, also out of the process table. With a real media worker. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { workerBinary } from './worker/test/kit.ts';

test('onLastBreath: an error ends the thread, and no entry of its workers stays in the process table', async () => {
  const path = await workerBinary();
  const thread = new Worker(new URL('./worker/test/dying-thread.ts', import.meta.url), {
    workerData: { path },
  });
  const [pids] = (await once(thread, 'message')) as [number[]];
  expect(pids).toHaveLength(2);
  const ended = once(thread, 'error');
  thread.postMessage('die');
  expect(String((await ended)[0])).toContain('as told');
  // A dead entry would still be there: /proc has it until its parent has taken notice.
  expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
}, 60_000);
