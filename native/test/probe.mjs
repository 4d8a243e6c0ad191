/**
 * Proves that a server answers: waits for /ready, reads /health, upgrades a WebSocket and gets HELLO. `node probe.mjs URL`.
 * Needs Node >= 22 and nothing else. Run by the shell scripts beside it.
 */
import { setTimeout as wait } from 'node:timers/promises';

const url = process.argv[2];
const DEADLINE_MS = 60_000;

async function ready() {
  for (const until = Date.now() + DEADLINE_MS; Date.now() < until; await wait(100)) {
    const answer = await fetch(`${url}/ready`).catch(() => null); // not listening yet
    if (answer?.status === 200) return;
  }
  throw new Error(`${url}/ready did not answer 200 within ${DEADLINE_MS} ms`);
}

async function hello() {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/gw`, ['driftway.v1.json']);
  const frame = await new Promise((resolve, reject) => {
    socket.onmessage = ({ data }) => resolve(data);
    socket.onerror = () => reject(new Error('the WebSocket upgrade was refused'));
  });
  socket.close();
  return frame;
}

await ready();
const health = await (await fetch(`${url}/health`)).json();
process.stdout.write(`health: ${health.status}, ${health.version}\n`);
if (health.status !== 'ok') throw new Error(`health is ${JSON.stringify(health)}`);
process.stdout.write(`hello: ${String(await hello()).slice(0, 60)}\n`);
process.exit();
