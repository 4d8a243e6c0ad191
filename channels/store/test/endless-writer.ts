/**
 * Worker of the termination test: commits groups without ever yielding and counts what was acknowledged
 * in shared memory, until its thread is terminated. Test code.
 */
import { workerData } from 'node:worker_threads';
import type { OpenedLog } from '../../types.ts';
import { SqliteWriter } from '../writer.ts';
import { messagesCommit } from './builders.ts';

const GROUP = 20;

const { path, shared } = workerData as { path: string; shared: SharedArrayBuffer };
const acknowledged = new Int32Array(shared);
const writer = new SqliteWriter({ path, clock: { monotonic: () => 0 }, rng: { u32: () => 1 } });
const [outcome] = writer.run([{ op: 'open', sid: 1 }]);
if (outcome?.status !== 'done') {
  throw new Error(`open: ${outcome?.status}`);
}
const opened = outcome.value as OpenedLog;
for (let { head } = opened; ; head += GROUP) {
  const outcomes = writer.run(
    Array.from({ length: GROUP }, (_, i) => ({
      op: 'commit' as const,
      commit: messagesCommit(opened, head + i, 1),
    })),
  );
  if (outcomes.some(({ status }) => status !== 'done')) {
    throw new Error('commit: not done');
  }
  Atomics.store(acknowledged, 0, head + GROUP);
  Atomics.notify(acknowledged, 0);
}
