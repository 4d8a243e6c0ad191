/**
 * Reads what a connection was sent and checks I3, I8, I9 and I14 of protocol.md 4: after the OK to
 * SUB, EV and GAP of a stream tile consecutive seqs, but for the step back that a repair SUB asks for.
 * Test support; pure.
 */
import { decodeFrame, type Encoding, Op, type WireValue } from '../protocol/index.ts';

export interface Position {
  epoch: number;
  seq: number;
}

type Entry = readonly [sid: number, ...cursor: number[]];

const OUTBOUND = { depthMax: 8, valuesMax: 65_535 };

export class WireChecker {
  readonly violations: string[] = [];
  readonly positions = new Map<number, Position>();
  /** Every frame but those inside of a BATCH's envelope, decoded. */
  readonly frames: (readonly WireValue[])[] = [];
  readonly #encoding: Encoding;
  readonly #subs = new Map<number, readonly Entry[]>();

  constructor(encoding: Encoding) {
    this.#encoding = encoding;
  }

  /** The client sends SUB. */
  subscribing(rid: number, entries: readonly Entry[]): void {
    this.#subs.set(rid, entries);
  }

  /** The client has the OK of UNSUB. */
  unsubscribed(sid: number): void {
    this.positions.delete(sid);
  }

  read(message: Uint8Array): void {
    const decoded = decodeFrame(message, this.#encoding, OUTBOUND);
    if (!decoded.ok) {
      this.violations.push(`unreadable frame: ${decoded.why}`);
      return;
    }
    const [op, inner] = decoded.frame;
    if (op === Op.BATCH) for (const frame of inner as WireValue[][]) this.#frame(frame);
    else this.#frame(decoded.frame);
  }

  #frame(frame: readonly WireValue[]): void {
    this.frames.push(frame);
    const [op, sid] = frame as readonly number[];
    if (op === Op.OK) this.#ok(frame);
    else if (op === Op.EV) this.#ev(frame as readonly number[]);
    else if (op === Op.GAP) this.#gap(frame as readonly number[]);
    else if (op === Op.HEAD) this.#head(frame as readonly number[]);
    else if (op === Op.SUBEND) this.positions.delete(sid as number);
  }

  #ok(frame: readonly WireValue[]): void {
    const entries = this.#subs.get(frame[1] as number);
    if (entries === undefined) return;
    for (const [i, result] of (frame[2] as number[][]).entries()) {
      const [sid, status, epoch, seq] = result as [number, number, number, number];
      const isFresh = (entries[i] as Entry).length === 1;
      if (status >= 3) this.positions.delete(sid);
      else if (status === 2) this.positions.set(sid, cursorOf(entries[i] as Entry));
      else if (!isFresh || !this.positions.has(sid)) this.positions.set(sid, { epoch, seq });
    }
  }

  #ev([, sid, epoch, seq]: readonly number[]): void {
    const at = this.positions.get(sid as number);
    if (at === undefined) this.violations.push(`EV ${seq} of ${sid}, which is not subscribed`);
    else if (epoch !== at.epoch) this.violations.push(`EV of epoch ${epoch}, at ${at.epoch}`);
    else if (seq !== at.seq + 1) this.violations.push(`EV ${seq} of ${sid} at ${at.seq}`);
    if (at !== undefined) at.seq = seq as number;
  }

  #gap([, sid, reason, epoch, from, to]: readonly number[]): void {
    const at = this.positions.get(sid as number);
    if (at === undefined) {
      this.violations.push(`GAP of ${sid}, which is not subscribed`);
      return;
    }
    const wanted = reason === 2 || reason === 3 || reason === 4 ? 1 : at.seq + 1;
    if (from !== wanted) this.violations.push(`GAP ${reason} from ${from}, wanted ${wanted}`);
    at.epoch = epoch as number;
    at.seq = to as number;
  }

  #head([, sid, epoch, seq]: readonly number[]): void {
    const at = this.positions.get(sid as number);
    if (at === undefined || at.epoch !== epoch) return;
    if ((seq as number) > at.seq) this.violations.push(`HEAD ${seq} of ${sid} overtakes ${at.seq}`);
  }
}

function cursorOf([, epoch, seq]: Entry): Position {
  return { epoch: epoch ?? 0, seq: seq ?? 0 };
}
