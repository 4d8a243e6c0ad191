/**
 * Case 25: 1000 clients on a node that is drained under steady appends. One process has no "elsewhere": the clients come back to the same
 * address when the server is up again, and what the page says of the window is judged by when each was let go.
 */
import { acknowledgedIsKept, gapless, oncePerNonce } from '../invariants/kept.ts';
import { tiles, worstSecond } from '../invariants/reader.ts';
import { walk } from '../invariants/walk.ts';
import { type Connection, ConnectionLost, freshNonce } from '../peer/connection.ts';
import { check, Failure, same } from '../peer/failure.ts';
import type { Follower } from '../peer/follower.ts';
import { nowMs, pause, within } from '../peer/time.ts';
import { violationText } from '../suite/audit.ts';
import type { Case } from '../suite/case.ts';
import type { Stage } from '../suite/stage.ts';
import { Close, Err, Op } from '../wire/codes.ts';
import { UpgradeRefused } from '../wire/socket.ts';

const CLIENTS = 1000;
const USERS = 10;
/** The server takes half of its stop limit for the drain (2.17.22). */
const WINDOW_MS = 10_000;
const env = { DRIFTWAY_STOP_TIMEOUT_MS: String(2 * WINDOW_MS) };
const SHARE_MAX = 0.25;
const AT_ONCE = 20;

const drain: Case = {
  number: 25,
  name: 'drain',
  env,
  needs: 'control',
  isQuick: false,
  async run(stage) {
    const { control } = stage;
    const sid = await stage.world.channel();
    const readers = await crowd(stage, sid);
    const writer = new Writer(stage, sid);
    await pause(1000);
    stage.progress('case 25: draining ...');
    const begun = nowMs();
    const lettingGo = Promise.all(readers.map(({ connection }) => letGo(connection, begun)));
    const exit = control.terminate();
    await pause(500);
    await refusedWhileDraining(stage);
    const times = await within('all let go', WINDOW_MS + 2000, lettingGo);
    const share = worstSecond(times);
    check(share <= SHARE_MAX, `${(share * 100).toFixed(0)} % were let go in one second`);
    same((await exit).code, 0, 'exit code');
    await control.start();
    stage.progress('case 25: coming back ...');
    await inGroups(readers, (reader, i) => stage.join(reader, userOf(i)).then(() => undefined));
    await writer.stop();
    const last = await (await stage.connect('A')).append(sid, 'the last');
    await Promise.all(readers.map((reader) => reader.reach(last.seq, 30_000)));
    await nothingLost(stage, sid, readers, last.seq);
    return `${CLIENTS} let go within ${(Math.max(...times) / 1000).toFixed(1)} s, at most ${(share * 100).toFixed(0)} % in a second; back on the same node`;
  },
};

async function crowd(stage: Stage, sid: number): Promise<Follower[]> {
  const readers: Follower[] = Array.from({ length: CLIENTS });
  await inGroups(readers, async (_, i) => {
    readers[i] = await stage.follow(userOf(i), sid);
    if (i % 100 === 0) stage.progress(`case 25: ${i} of ${CLIENTS} clients ...`);
  });
  return readers;
}

function userOf(i: number): string {
  return `U${i % USERS}`;
}

/** Runs `work` for each item, a few at a time. */
async function inGroups<T>(
  items: readonly T[],
  work: (item: T, i: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const i = next;
      next += 1;
      await work(items[i]!, i);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

/** When the server closed this connection, after `begun`; Failure unless it said RECONNECT first. */
async function letGo(connection: Connection, begun: number): Promise<number> {
  const end = await connection.closing;
  const took = nowMs() - begun;
  same(end.code, Close.DRAINING, 'close code');
  const [reconnect] = connection.frames(Op.RECONNECT);
  const [, minMs, maxMs, , reason] = reconnect ?? [];
  check(reconnect !== undefined, 'RECONNECT before the close');
  check(Number(minMs) <= Number(maxMs), `RECONNECT ${minMs} to ${maxMs} ms`);
  same(reason, 'drain', 'reason in RECONNECT');
  return took;
}

/** New connections get 503. */
async function refusedWhileDraining(stage: Stage): Promise<void> {
  const refusal = await stage.open('late').then(
    () => 'accepted',
    (error) => (error instanceof UpgradeRefused ? error.status : String(error)),
  );
  // The listening socket may be closed already.
  const isRefused = refusal === 503 || /ECONNREFUSED|without an answer/.test(String(refusal));
  check(isRefused, `an upgrade while draining: ${refusal}, wanted 503`);
}

/** A reference sender: one message at a time, each with its nonce until it is acknowledged, over drain and restart. */
class Writer {
  readonly #stage: Stage;
  readonly #sid: number;
  readonly #done: Promise<void>;
  #isRunning = true;

  constructor(stage: Stage, sid: number) {
    this.#stage = stage;
    this.#sid = sid;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#done;
  }

  async #run(): Promise<void> {
    let connection = await this.#stage.connect('A');
    for (let i = 0; this.#isRunning; i += 1) {
      const nonce = freshNonce();
      while (!(await this.#try(connection, nonce, `steady ${i}`))) {
        await pause(200);
        connection = (await this.#reconnected()) ?? connection;
      }
      await pause(20);
    }
  }

  async #try(connection: Connection, nonce: string, content: string): Promise<boolean> {
    try {
      const reply = await connection.request(Op.APPEND, this.#sid, nonce, 1, content);
      if (reply[0] === Op.OK) return true;
      const code = Number(reply[2]);
      const mayRepeat = [Err.UNKNOWN_OUTCOME, Err.UNAVAILABLE, Err.DRAINING].some(
        (c) => c === code,
      );
      check(mayRepeat, `APPEND was answered ${JSON.stringify(reply)}`);
      return false;
    } catch (error) {
      if (error instanceof ConnectionLost) return false;
      throw error;
    }
  }

  async #reconnected(): Promise<Connection | undefined> {
    try {
      return await this.#stage.connect('A');
    } catch (error) {
      if (error instanceof Failure) throw error;
      return undefined;
    }
  }
}

async function nothingLost(
  stage: Stage,
  sid: number,
  readers: readonly Follower[],
  head: number,
): Promise<void> {
  const history = await stage.history(sid);
  const appends = stage.connections.flatMap((one) => walk(one).appends);
  const found = [
    ...gapless(history),
    ...acknowledgedIsKept(history, appends),
    ...oncePerNonce(history, appends),
  ];
  if (found.length > 0) throw new Failure(found.slice(0, 5).map(violationText).join('; '));
  for (const { delivered, gaps, connection } of readers) {
    const from = (delivered[0]?.seq ?? 1) - 1;
    const hole = tiles({ events: delivered, gaps }, from, head);
    check(hole === undefined, `I8 of ${connection.client}: ${hole}`);
  }
}

export const drainCases: readonly Case[] = [drain];
