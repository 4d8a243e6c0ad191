/**
 * Which gateway thread of one process holds a connection, by the outside contract only: GET /metrics tells the connections of each
 * thread, and which thread gets a new one is the kernel's choice, so it is tried until it fits.
 */
import type { Connection } from '../peer/connection.ts';
import { Failure } from '../peer/failure.ts';
import { pause } from '../peer/time.ts';
import { Unfit } from './types.ts';

/** A connection and the thread that holds it. */
export interface Held {
  readonly connection: Connection;
  readonly thread: string;
}

const SAMPLE = /^driftway_gateway_connections_now\{thread="([^"]+)"\} (\d+)$/gm;
const LOOKS = 40;
/** A server may make the page anew only a few times a second. */
const LOOK_MS = 400;
/** Each try misses one of two threads with probability 1/2. */
const TRIES = 40;

/**
 * Opens connections until one is held by a thread that `fits`; the others are ended. Nobody else may connect or leave meanwhile.
 * @throws Unfit where the server has fewer than two gateway threads, or does not tell
 */
export async function openOn(
  url: string,
  open: () => Promise<Connection>,
  fits: (thread: string) => boolean,
): Promise<Held> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const before = await settled(url);
    if (before.size < 2)
      throw new Unfit('needs two nodes', 'one gateway thread, or no /metrics: give --url twice');
    const connection = await open();
    const thread = await risen(url, before);
    if (fits(thread)) return { connection, thread };
    connection.socket.reset();
    await connection.ended;
  }
  throw new Failure(`${TRIES} connections, none on the thread that was wanted`);
}

/** Connections by thread, read twice the same. */
async function settled(url: string): Promise<ReadonlyMap<string, number>> {
  let last = await connectionsByThread(url);
  for (let looks = 0; looks < LOOKS; looks += 1) {
    await pause(LOOK_MS);
    const now = await connectionsByThread(url);
    if ([...now].every(([thread, count]) => last.get(thread) === count)) return now;
    last = now;
  }
  throw new Failure('connections come and go: no thread can be told');
}

async function risen(url: string, before: ReadonlyMap<string, number>): Promise<string> {
  for (let looks = 0; looks < LOOKS; looks += 1) {
    const now = await connectionsByThread(url);
    const up = [...now].filter(([thread, count]) => count > (before.get(thread) ?? 0));
    if (up.length === 1) return up[0]![0];
    await pause(LOOK_MS);
  }
  throw new Failure('no thread has one connection more');
}

async function connectionsByThread(url: string): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(new URL('/metrics', url));
  if (!answer.ok) return new Map();
  const text = await answer.text();
  return new Map([...text.matchAll(SAMPLE)].map(([, thread, count]) => [thread!, Number(count)]));
}
