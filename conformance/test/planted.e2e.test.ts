/** A server that lies, made of the real one and a proxy: the suite must notice. A check that cannot fail checks nothing. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CASES } from '../cases/all.ts';
import { OwnServer } from '../suite/own-server.ts';
import { runCases } from '../suite/runner.ts';
import type { Outcome } from '../suite/types.ts';
import { Op } from '../wire/codes.ts';
import type { Frame, Wire } from '../wire/types.ts';
import { type Tamper, TamperingProxy } from './tampering-proxy.ts';

let server: OwnServer;
let proxy: TamperingProxy;

beforeAll(async () => {
  server = await OwnServer.start();
  proxy = await TamperingProxy.start(server.url);
});

afterAll(async () => {
  await proxy.stop();
  await server.dispose();
});

async function run(number: number, tamper: Tamper): Promise<Outcome> {
  proxy.tamper = tamper;
  const [outcome] = await runCases({
    cases: CASES.filter((one) => one.number === number),
    encodings: ['mp'],
    urls: [proxy.url],
    patienceMs: 2000,
    onStart: () => undefined,
    onProgress: () => undefined,
    onOutcome: () => undefined,
  });
  return outcome!;
}

/** Tampers with the frames of one opcode. */
function only(op: number, how: (frame: Frame) => readonly Frame[]): Tamper {
  return (frame) => (frame[0] === op ? how(frame) : [frame]);
}

/** Event `seq` does not arrive. */
function lost(seq: number): Tamper {
  return only(Op.EV, (frame) => (frame[3] === seq ? [] : [frame]));
}

/** Event `seq`, or every event, arrives twice. */
function twice(seq?: number): Tamper {
  return only(Op.EV, (frame) => (seq === undefined || frame[3] === seq ? [frame, frame] : [frame]));
}

test.each([1, 5, 6, 8, 14, 15])(
  'case %i: an honest server behind the proxy, passed',
  async (number) => {
    const { status, note } = await run(number, (frame) => [frame]);
    expect({ status, note }).toEqual({ status: 'passed', note: '' });
  },
);

test.each<[string, number, Tamper, RegExp]>([
  ['two OKs to IDENTIFY', 1, only(Op.OK, (frame) => [frame, frame]), /OK frames/],
  ['every EV twice', 5, twice(), /I3 A/],
  ['no first EV', 5, lost(1), /both events.*I9 A/],
  ['another content', 5, only(Op.EV, (frame) => [frame.with(7, 'z')]), /EV at/],
  ['a replay in another order', 8, swapped(7), /position.*I8 B/],
  ['a replay without its third event', 8, lost(8), /position.*I8 B/],
  ['a replay that skips into live', 8, lost(42), /position.*I[89] B/],
  ['an EV of the replay twice', 8, twice(9), /seqs.*I3 B/],
  ['status 0 for a replay', 8, only(Op.OK, lying), /status/],
  ['every append a duplicate', 14, only(Op.OK, duplicate), /duplicates/],
  ['no ERR for a nonce used again', 15, only(Op.ERR, ([, rid]) => accepted(rid!)), /"y"/],
])('%s: case %i, told', async (_what, number, tamper, why) => {
  const { status, note } = await run(number, tamper);
  expect(status).toBe('failed');
  expect(note).toMatch(why);
});

/** Event `seq` after the one behind it. */
function swapped(seq: number): Tamper {
  let held: Frame | undefined;
  return (frame) => {
    if (frame[0] !== Op.EV) return [frame];
    if (frame[3] === seq) {
      held = frame;
      return [];
    }
    const first = held;
    held = undefined;
    return first === undefined ? [frame] : [frame, first];
  };
}

/** An OK to APPEND that nobody gave. */
function accepted(rid: Wire): readonly Frame[] {
  return [[Op.OK, rid, 1, 1, 1, false]];
}

/** The OK to SUB with status 0 in the place of 1. */
function lying(frame: Frame): readonly Frame[] {
  const entries = frame[2];
  if (!Array.isArray(entries) || !Array.isArray(entries[0]) || entries[0][1] !== 1) return [frame];
  return [frame.with(2, [entries[0].with(1, 0)])];
}

/** The OK to APPEND with `duplicate` true. */
function duplicate(frame: Frame): readonly Frame[] {
  return [frame[5] === false ? frame.with(5, true) : frame];
}
