/**
 * Cases 16, 17 and 23: what both sides do about a hole, a lost tail and unknown numbers. The server's half runs over the wire; the half of
 * the "client under test" runs the SDK of this repository against a scripted server (sdk/).
 */
import { same } from '../peer/failure.ts';
import type { Case } from '../suite/case.ts';
import { flood } from '../suite/load.ts';
import { Err, Op, Status } from '../wire/codes.ts';

const EVENTS = 10;
const HEAD_MS = 20_000;

const holeRepair: Case = {
  number: 16,
  name: 'hole repair in-band',
  isQuick: true,
  async run(stage) {
    const sid = await stage.world.channel();
    const a = await stage.connect('A');
    const b = await stage.connect('B');
    await b.sub(sid);
    await flood(a, sid, EVENTS, (i) => `event ${i}`);
    await b.until('the events', () => b.events(sid).length === EVENTS);
    // As if a proxy had deleted event 6: the last contiguous one is 5.
    const cursor = b.events(sid)[4]!;
    const answer = await b.sub(sid, cursor);
    same([answer.status, answer.seq], [Status.REPLAYING, cursor.seq], 'status and position');
    await a.append(sid, 'live again');
    await b.until('replay and live', () => b.events(sid).length === EVENTS + 6);
    const wanted = [...Array.from({ length: EVENTS }, (_, i) => i + 1), 6, 7, 8, 9, 10, 11];
    same(
      b.events(sid).map(({ seq }) => seq),
      wanted,
      'seqs',
    );
    await (await clientUnderTest()).repairsHole(stage.encoding);
    return 'server and SDK';
  },
};

const lostTail: Case = {
  number: 17,
  name: 'lost tail',
  isQuick: true,
  async run(stage) {
    const sid = await stage.world.channel();
    const a = await stage.connect('A');
    const b = await stage.connect('B');
    await b.sub(sid);
    await flood(a, sid, EVENTS, (i) => `event ${i}`);
    const isHead = () => b.frames(Op.HEAD).some(([, of, , seq]) => of === sid && seq === EVENTS);
    await b.until('HEAD with the last seq', isHead, HEAD_MS);
    await (await clientUnderTest()).repairsTail(stage.encoding);
    return 'server and SDK';
  },
};

const unknowns: Case = {
  number: 23,
  name: 'unknowns',
  isQuick: true,
  async run(stage) {
    const sid = await stage.world.channel();
    const b = await stage.connect('B');
    const refused = await b.request(200, 'something', 1);
    same([refused[0], refused[2]], [Op.ERR, Err.UNKNOWN_OP], 'answer to op 200');
    await b.time();
    const reply = await b.request(Op.SUB, [[sid]], 'extra', 5, [1, [2]]);
    same(reply[0], Op.OK, 'answer to SUB with trailing elements');
    const ok = await (await stage.connect('A')).append(sid, 'seen');
    await b.until('the event', () => b.events(sid).some(({ seq }) => seq === ok.seq));
    await (await clientUnderTest()).ignoresUnknowns(stage.encoding);
    return 'server and SDK';
  },
};

/** Loaded here only, so that nothing else of the suite depends on the SDK. */
function clientUnderTest() {
  return import('../sdk/client-under-test.ts');
}

export const repairCases: readonly Case[] = [holeRepair, lostTail, unknowns];
