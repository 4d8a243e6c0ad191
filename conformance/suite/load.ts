/** Many appends: as fast as the server permits, or at a rate; and the delay with which a reader gets them. */
import { type Connection, freshNonce } from '../peer/connection.ts';
import { nowMs, pause } from '../peer/time.ts';
import { Err, Op } from '../wire/codes.ts';
import { Unfit } from './types.ts';

/** Appends under way on one connection; the page permits 64. */
const WINDOW = 16;
/** With public limits a user appends once a second: more than this would take too long. */
const PATIENT_MAX = 300;

/**
 * Appends `count` messages on one connection, `WINDOW` at a time and in order.
 * @param contentOf content of message i, from 0
 */
export async function flood(
  by: Connection,
  sid: number,
  count: number,
  contentOf: (i: number) => string,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const i = next;
      next += 1;
      await appendPatiently(by, sid, contentOf(i), count);
    }
  };
  await Promise.all(Array.from({ length: Math.min(WINDOW, count) }, lane));
}

async function appendPatiently(
  by: Connection,
  sid: number,
  content: string,
  count: number,
): Promise<void> {
  const nonce = freshNonce();
  const reply = await by.request(Op.APPEND, sid, nonce, 1, content);
  if (reply[0] === Op.OK) return;
  if (reply[2] === Err.RATE && count > PATIENT_MAX)
    throw new Unfit('needs limits', `${count} appends need DRIFTWAY_LIMITS=trusted`);
  await by.append(sid, content, nonce);
}

/** Appends at a rate until it is stopped; open loop, so that a slow server does not slow it down. */
export class Metronome {
  /** When each content was due. */
  readonly dueAt = new Map<string, number>();
  readonly #by: Connection;
  readonly #sid: number;
  readonly #done: Promise<void>;
  readonly #pending = new Set<Promise<void>>();
  #isRunning = true;
  #error: unknown;

  constructor(by: Connection, sid: number, perSecond: number, contentOf: (i: number) => string) {
    this.#by = by;
    this.#sid = sid;
    this.#done = this.#run(perSecond, contentOf);
  }

  /** Ends it; rejects with the first failed append. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#done;
    await Promise.all(this.#pending);
    if (this.#error !== undefined) throw this.#error;
  }

  async #run(perSecond: number, contentOf: (i: number) => string): Promise<void> {
    const begun = nowMs();
    for (let i = 0; this.#isRunning; i += 1) {
      const due = begun + (i * 1000) / perSecond;
      const waitMs = due - nowMs();
      if (waitMs > 0) await pause(waitMs);
      if (!this.#isRunning) break;
      const content = contentOf(i);
      this.dueAt.set(content, due);
      const sent = this.#by
        .append(this.#sid, content)
        .then(
          () => undefined,
          (error) => {
            this.#error ??= error;
          },
        )
        .finally(() => this.#pending.delete(sent));
      this.#pending.add(sent);
    }
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
