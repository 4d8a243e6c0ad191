/**
 * The client algorithm of protocol.md 2.7 at its smallest: a cursor per stream that outlives connections, what was delivered and which
 * ranges are known to be missing. One stream per follower; it neither repairs nor reconnects unless a case says so.
 */
import { Op } from '../wire/codes.ts';
import type { Connection, ConnectionOptions, SubAnswer } from './connection.ts';
import { asEvent, asGap, type Cursor, type Event, type Gap, type Received } from './log.ts';

/** Opens an identified connection; the stage of a case does it and keeps the log. */
export type Connect = (options: Pick<ConnectionOptions, 'onFrame'>) => Promise<Connection>;

/** One reader of one stream. */
export class Follower {
  readonly sid: number;
  readonly delivered: Event[] = [];
  readonly gaps: Gap[] = [];
  /** The present connection. */
  connection!: Connection;
  /** The answer to the SUB of the present connection. */
  joined!: SubAnswer;
  cursor: Cursor | undefined;

  constructor(sid: number) {
    this.sid = sid;
  }

  /** Connects and subscribes, from the cursor where there is one. */
  async join(connect: Connect): Promise<SubAnswer> {
    this.connection = await connect({ onFrame: (frame) => this.#take(frame) });
    const before = this.cursor;
    this.joined = await this.connection.sub(this.sid, before);
    if (before === undefined && this.cursor === undefined) {
      const { epoch, seq, ts } = this.joined;
      this.cursor = { epoch, seq, ts };
    }
    return this.joined;
  }

  /** Waits until the position has reached `seq`. */
  reach(seq: number, timeoutMs?: number): Promise<void> {
    const reached = (): boolean => (this.cursor?.seq ?? -1) >= seq;
    return this.connection.until(`position ${seq}`, reached, timeoutMs);
  }

  #take(received: Received): void {
    const { frame } = received;
    if (frame[1] !== this.sid) return;
    if (frame[0] === Op.EV) this.#onEvent(asEvent(received));
    else if (frame[0] === Op.GAP) {
      const gap = asGap(frame);
      this.gaps.push(gap);
      this.cursor = { epoch: gap.epoch, seq: gap.to, ts: gap.ts };
    }
  }

  #onEvent(event: Event): void {
    const { epoch, seq, ts } = event;
    const at = this.cursor;
    // Without a position yet the frames of a SUB "from now" race its OK; the first event begins.
    if (at !== undefined && (epoch !== at.epoch || seq !== at.seq + 1)) return;
    this.cursor = { epoch, seq, ts };
    this.delivered.push(event);
  }
}
