/**
 * Events, commits, clocks and random numbers for the tests of the stores. Needs no test runner, so that
 * child processes can use it too. Test code.
 */
import type { Commit, LogEvent, OpenedLog } from '../../types.ts';

/** Deterministic stand-in for the system's random source. */
export function countingRng(start = 1): { u32(): number } {
  let value = start;
  return {
    u32: () => {
      value = (Math.imul(value, 1_664_525) + 1_013_904_223) >>> 0;
      return value;
    },
  };
}

/** A clock that stands still until a test moves it. */
export class StillClock {
  #nowMs = 1_000;

  monotonic(): number {
    return this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }
}

/** Bytes of a text, as frames and digests. */
export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

/** An event with defaults: a message without nonce. */
export function event(seq: number, fields: Partial<LogEvent> = {}): LogEvent {
  return {
    seq,
    ts: 1_700_000_000_000 + seq,
    kind: 1,
    actor: 7,
    target: 0,
    emoji: '',
    nonce: '',
    digest: new Uint8Array(0),
    frame: bytes(`frame ${seq}`),
    ...fields,
  };
}

/** A commit of `count` messages that follow `after`. */
export function messagesCommit(
  opened: Pick<OpenedLog, 'sid' | 'fence'>,
  after: number,
  count: number,
  fields: (index: number) => Partial<LogEvent> = () => ({}),
): Commit {
  const events = Array.from({ length: count }, (_, i) => event(after + 1 + i, fields(i)));
  return { sid: opened.sid, fence: opened.fence, after, events, rewrites: [] };
}
