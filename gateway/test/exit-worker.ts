/** A gateway thread in a worker, for the test of its orderly end (P14). Test support. */
import { parentPort } from 'node:worker_threads';
import { Harness } from './harness.ts';

const port = parentPort;
if (port === null) throw new Error('run in a worker');
const harness = await Harness.start();
port.on('message', (word: string) => {
  if (word !== 'stop') return;
  harness.stop().then(
    () => port.close(),
    (error: unknown) => {
      throw error;
    },
  );
});
port.postMessage(harness.handle.port);
