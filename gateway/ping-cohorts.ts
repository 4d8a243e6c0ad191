/**
 * PING every 20 s to 16 cohorts of connections at staggered offsets (protocol.md 2.14), through native
 * topics: 2 bytes published cost a tenth of one message from a client. Nobody answers. Runs on gateway
 * threads.
 */
import type { Connection } from './connection.ts';
import { encodeFrame, Limits, pingFrame } from './protocol/index.ts';
import { PING_COHORTS } from './socket-limits.ts';
import type { Publish } from './topic.ts';

/** Time between two cohorts. */
export const COHORT_MS = Limits.pingMs / PING_COHORTS;

const ascii = new TextEncoder();
const MP_TOPICS = Array.from({ length: PING_COHORTS }, (_, i) => ascii.encode(`1mP${i}`));
const JSON_TOPICS = Array.from({ length: PING_COHORTS }, (_, i) => ascii.encode(`1jP${i}`));

export class PingCohorts {
  readonly #publish: Publish;
  readonly #now: () => number;
  #next = 0;

  /** `now`: server time in ms since 1970. */
  constructor(publish: Publish, now: () => number) {
    this.#publish = publish;
    this.#now = now;
  }

  join(connection: Connection): void {
    connection.join(topicOf(connection));
  }

  leave(connection: Connection): void {
    connection.leave(topicOf(connection));
  }

  /** Every COHORT_MS: the next cohort gets its PING. */
  tick(): void {
    const at = this.#next;
    this.#next = (at + 1) % PING_COHORTS;
    const frame = pingFrame(this.#now());
    this.#publish(MP_TOPICS[at] as Uint8Array, encodeFrame(frame, 'mp'), true);
    this.#publish(JSON_TOPICS[at] as Uint8Array, encodeFrame(frame, 'json'), false);
  }
}

function topicOf(connection: Connection): Uint8Array {
  const topics = connection.isBinary ? MP_TOPICS : JSON_TOPICS;
  return topics[connection.no % PING_COHORTS] as Uint8Array;
}
