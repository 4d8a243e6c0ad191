/**
 * Leaving in order (protocol.md 2.14, gateway.md P14): RECONNECT to all, ERR 503 for new requests, a
 * close with 4001 at a random point of the window for each, then the end of the native server. Who
 * still waits for an answer at its point keeps its connection until it has it, or until the window
 * ends. Runs on gateway threads.
 */
import type { Clock, Rng, TimerHandle } from '../runtime/index.ts';
import type { Connection } from './connection.ts';
import { Close, encodeFrame, reconnectFrame } from './protocol/index.ts';

const STEP_MS = 50;
/** Connections told or closed per turn. */
const SLICE = 500;
const REASON = 'drain';

export interface DrainOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly nextTurn: (fn: () => void) => void;
}

/**
 * Tells all connections to go and closes each within the window.
 * @param windowMs length of the window, at least 0
 * @returns resolves when the last one was closed
 */
export async function drainConnections(
  connections: readonly Connection[],
  windowMs: number,
  options: DrainOptions,
): Promise<void> {
  const { clock, nextTurn, rng } = options;
  const frame = reconnectFrame(0, Math.max(0, Math.floor(windowMs)), null, REASON);
  const frames = { mp: encodeFrame(frame, 'mp'), json: encodeFrame(frame, 'json') };
  await inSlices(connections, nextTurn, (connection) =>
    connection.send(frames[connection.encoding]),
  );
  const startMs = clock.monotonic();
  const due = connections
    .map((connection) => ({ connection, atMs: startMs + (rng.u32() / 2 ** 32) * windowMs }))
    .sort((a, b) => b.atMs - a.atMs);
  let waiting: Connection[] = [];
  while (due.length + waiting.length > 0) {
    const nowMs = clock.monotonic();
    const leaving = waiting;
    for (let last = due.at(-1); last !== undefined && last.atMs <= nowMs; last = due.at(-1)) {
      due.pop();
      leaving.push(last.connection);
    }
    const isOver = nowMs - startMs >= windowMs;
    waiting = leaving.filter((one) => !isOver && one.isOpen && one.inFlight > 0);
    const staying = new Set(waiting);
    for (const one of leaving) if (!staying.has(one)) one.close(Close.DRAINING);
    if (due.length + waiting.length > 0) await pause(clock, STEP_MS);
  }
}

/** Closes all that are left with 4001, some per turn (P14). */
export async function closeConnections(
  connections: readonly Connection[],
  nextTurn: (fn: () => void) => void,
): Promise<void> {
  await inSlices(connections, nextTurn, (connection) => connection.close(Close.DRAINING));
}

async function inSlices(
  connections: readonly Connection[],
  nextTurn: (fn: () => void) => void,
  visit: (connection: Connection) => void,
): Promise<void> {
  for (const [i, connection] of connections.entries()) {
    visit(connection);
    if (i % SLICE === SLICE - 1) await new Promise<void>((resolve) => nextTurn(resolve));
  }
}

function pause(clock: Clock, ms: number): Promise<TimerHandle | undefined> {
  return new Promise((resolve) => {
    clock.setTimeout(() => resolve(undefined), ms);
  });
}
