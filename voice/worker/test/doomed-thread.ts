/**
 * A thread with a pool and a room, for a test that ends it from outside. Says which processes it started.
 */
import { parentPort, workerData } from 'node:worker_threads';
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
