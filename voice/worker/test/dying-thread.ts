/**
 * A thread with a pool and a room, which ends by an error of its own when it is told to. Says which processes it started.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../../runtime/index.ts';
import { onLastBreath } from '../../last-breath.ts';
import { createMediaPool } from '../index.ts';

const ignore = () => undefined;

const pool = createMediaPool({
  binary: () => Promise.resolve({ ok: true, path: String(workerData.path) }),
  workers: 1,
  listen: { host: '127.0.0.1', basePort: 0 },
  onEvent: () => {
    const { workers, state } = pool.status();
    if (state === 'ok') parentPort?.postMessage(workers.map(({ pid }) => pid));
  },
});
onLastBreath(() => pool.close(), 5_000, systemClock);
parentPort?.on('message', () => {
  throw new Error('as told');
});
await pool.open({
  key: 1,
  people: 2,
  bitrate: 40_000,
  music: false,
  events: {
    died: ignore,
    transport: ignore,
    live: ignore,
    levels: ignore,
    dominant: ignore,
    advice: ignore,
    excess: ignore,
    mustRelocate: ignore,
    relocated: ignore,
  },
});
