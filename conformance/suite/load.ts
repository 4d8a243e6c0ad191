/** Many appends: as fast as the server permits, or at a rate; and the delay with which a reader gets them. */
import { type Connection, freshNonce } from '../peer/connection.ts';
import { check } from '../peer/failure.ts';
import { nowMs, pause } from '../peer/time.ts';
import { Err, Op } from '../wire/codes.ts';
import { Unfit } from './types.ts';

/** Appends under way on one connection. */
const WINDOW = 16;
/** The same for a metronome that catches up; the page permits 64 requests. */
const UNDER_WAY_MAX = 48;
/** With public limits a user appends once a second: more than this would take too long. */
const PATIENT_MAX = 300;

/**
 * Appends `count` messages on one connection, `WINDOW` at a time; those that the rate limit refuses go one after the other, as the server asks.
 * @param contentOf content of message i, from 0
 */
export async function flood(
  by: Connection,
  sid: number,
  count: number,
  contentOf: (i: number) => string,
): Promise<void> {
  let next = 0;
  let patient: Promise<unknown> = Promise.resolve();
  const lane = async (): Promise<void> => {
    while (next < count) {
      const content = contentOf(next);
      next += 1;
      const nonce = freshNonce();
      if (await appendNow(by, sid, content, nonce)) continue;
      if (count > PATIENT_MAX)
        throw new Unfit('needs limits', `${count} appends need DRIFTWAY_LIMITS=trusted`);
      patient = patient.then(() => by.append(sid, content, nonce));
      await patient;
    }
  };
  await Promise.all(Array.from({ length: Math.min(WINDOW, count) }, lane));
}

/** Whether it was taken; false for the rate limit. */
async function appendNow(
  by: Connection,
  sid: number,
  content: string,
  nonce: string,
): Promise<boolean> {
  const reply = await by.request(Op.APPEND, sid, nonce, 1, content);
  if (reply[0] === Op.OK) return true;
  check(reply[2] === Err.RATE, `${by.client}: APPEND was answered ${JSON.stringify(reply)}`);
  return false;
}

/** Appends at a rate until it is stopped; open loop, so that a slow server does not slow it down. */
export class Metronome {
  /** When each content that was acknowledged was due. */
  readonly dueAt = new Map<string, number>();
  /** By how much this process was late with each message, ms: part of what `delays` measures. */
  readonly lateness: number[] = [];
  /** Messages that the rate limit refused; they are not sent again. */
  refused = 0;
  readonly #by: Connection;
  readonly #sid: number;
  readonly #done: Promise<void>;
  readonly #pending = new Set<Promise<void>>();
  #isRunning = true;
  #quietUntil = 0;
  #error: unknown;
  readonly #failed = Promise.withResolvers<never>();

  constructor(by: Connection, sid: number, perSecond: number, contentOf: (i: number) => string) {
    this.#by = by;
    this.#sid = sid;
    // A case that does not wait for it hears of the failure from stop().
    this.#failed.promise.catch((error) => {
      this.#error ??= error;
    });
    this.#done = this.#run(perSecond, contentOf);
  }

  /** What the case waits for, or the first failed append where that comes before. */
  during<T>(awaited: Promise<T>): Promise<T> {
    return Promise.race([awaited, this.#failed.promise]);
  }

  /**
   * Ends it; rejects with the first failed append.
   * @param mustKeepRate Unfit when the rate limit slowed it down
   */
  async stop(mustKeepRate: boolean): Promise<void> {
    this.#isRunning = false;
    await this.#done;
    await Promise.all(this.#pending);
    if (this.#error !== undefined) throw this.#error;
    if (mustKeepRate && this.refused > 0)
      throw new Unfit('needs limits', 'this rate of appends needs DRIFTWAY_LIMITS=trusted');
  }

  async #run(perSecond: number, contentOf: (i: number) => string): Promise<void> {
    let begun = nowMs();
    for (let i = 0; this.#isRunning && this.#error === undefined; i += 1) {
      if (this.#quietUntil > nowMs()) {
        await pause(this.#quietUntil - nowMs());
        begun = nowMs() - (i * 1000) / perSecond;
      }
      const due = begun + (i * 1000) / perSecond;
      const waitMs = due - nowMs();
      if (waitMs > 0) await pause(waitMs);
      // Late is late: the message stays due when it was, so a slow server is not let off.
      while (this.#pending.size >= UNDER_WAY_MAX) await Promise.race(this.#pending);
      if (!this.#isRunning) break;
      this.lateness.push(nowMs() - due);
      const sent = this.#send(contentOf(i), due)
        .catch((error) => {
          this.#error ??= error;
          this.#failed.reject(error);
        })
        .finally(() => this.#pending.delete(sent));
      this.#pending.add(sent);
    }
  }

  async #send(content: string, due: number): Promise<void> {
    this.dueAt.set(content, due);
    const reply = await this.#by.request(Op.APPEND, this.#sid, freshNonce(), 1, content);
    if (reply[0] === Op.OK) return;
    const [, , code, , retryMs] = reply;
    check(code === Err.RATE, `${this.#by.client}: APPEND was answered ${JSON.stringify(reply)}`);
    this.dueAt.delete(content);
    this.refused += 1;
    this.#quietUntil = nowMs() + Number(retryMs);
  }
}

/** The delay of each content that a reader got, from when it was due. */
export function delays(
  reader: Connection,
  sid: number,
  dueAt: ReadonlyMap<string, number>,
): number[] {
  return reader.events(sid).flatMap(({ body, atMs }) => {
    const due = dueAt.get(String(body[0]));
    return due === undefined ? [] : [atMs - due];
  });
}
