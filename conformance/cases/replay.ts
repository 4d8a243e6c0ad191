/** Cases 8 to 10 and 18: what a reader gets that was away or slow. */
import { tiles } from '../invariants/reader.ts';
import type { SubAnswer } from '../peer/connection.ts';
import { check, same } from '../peer/failure.ts';
import { Follower } from '../peer/follower.ts';
import { nowMs, pause, percentile } from '../peer/time.ts';
import type { Case } from '../suite/case.ts';
import { openOn } from '../suite/gateways.ts';
import { delays, flood, Metronome } from '../suite/load.ts';
import type { Stage } from '../suite/stage.ts';
import { Op, Reason, Status } from '../wire/codes.ts';

/** Position of B when it is cut, and what it misses. */
const BEFORE = 5;
const MISSED = 37;

const exactReplay: Case = {
  number: 8,
  name: 'exact replay',
  isQuick: true,
  async run(stage) {
    const join = (b: Follower): Promise<SubAnswer> => stage.join(b, 'B');
    await replayed(stage, join, join);
    return undefined;
  },
};

const otherNode: Case = {
  number: 9,
  name: 'replay through a different node',
  isQuick: true,
  run: (stage) =>
    stage.urls.length > 1 ? throughOtherNode(stage, stage.urls[1]!) : throughOtherThread(stage),
};

async function throughOtherNode(stage: Stage, url: string): Promise<undefined> {
  await replayed(
    stage,
    (b) => stage.join(b, 'B'),
    (b) => stage.join(b, 'B', url),
  );
  return undefined;
}

/** One process: its gateway threads share nothing of a connection either. */
async function throughOtherThread(stage: Stage): Promise<string> {
  const threads: string[] = [];
  const join = (b: Follower): Promise<SubAnswer> =>
    b.join(async (options) => {
      const { connection, thread } = await openOn(
        stage.world.url,
        () => stage.open('B', options),
        (candidate) => !threads.includes(candidate),
      );
      threads.push(thread);
      await stage.identify(connection, 'B');
      return connection;
    });
  await replayed(stage, join, join);
  return `one process: ${threads.join(', then ')}`;
}

type Join = (b: Follower) => Promise<SubAnswer>;

async function replayed(stage: Stage, joinFirst: Join, joinAgain: Join): Promise<void> {
  const sid = await stage.world.channel();
  const a = await stage.connect('A');
  const b = new Follower(sid);
  await joinFirst(b);
  await flood(a, sid, BEFORE, (i) => `before ${i}`);
  await b.reach(BEFORE);
  b.connection.socket.reset();
  await b.connection.ended;
  await flood(a, sid, MISSED, (i) => `missed ${i}`);
  const [joined] = await Promise.all([joinAgain(b), a.append(sid, 'during')]);
  same([joined.status, joined.seq], [Status.REPLAYING, BEFORE], 'status and position');
  await b.reach(BEFORE + MISSED + 1);
  const seqs = b.connection.events(sid).map(({ seq }) => seq);
  same(
    seqs,
    Array.from({ length: MISSED + 1 }, (_, i) => BEFORE + 1 + i),
    'seqs after the reconnect',
  );
  same(b.connection.events(sid).at(-1)?.body, ['during'], 'the last event');
}

const tooFarBehind: Case = {
  number: 10,
  name: 'too far behind',
  env: { DRIFTWAY_REPLAY_MAX: '500' },
  isQuick: false,
  async run(stage) {
    const sid = await stage.world.channel();
    const a = await stage.connect('A');
    const replayMax = a.limit(5);
    const b = await stage.follow('B', sid);
    await flood(a, sid, BEFORE, (i) => `before ${i}`);
    await b.reach(BEFORE);
    b.connection.socket.reset();
    const missed = replayMax + 1000;
    stage.progress(`case 10: ${missed} appends ...`);
    await flood(a, sid, missed, (i) => `missed ${i}`);
    const head = BEFORE + missed;
    const joined = await stage.join(b, 'B');
    same(joined.status, Status.GAP, 'status');
    await b.reach(head, 60_000);
    const gaps = b.connection.gaps(sid);
    const wanted = { reason: Reason.TOO_FAR, from: BEFORE + 1, to: head - replayMax };
    same(
      gaps.map(({ reason, from, to }) => ({ reason, from, to })),
      [wanted],
      'GAPs',
    );
    const hole = tiles({ events: b.connection.events(sid), gaps }, BEFORE, head);
    check(hole === undefined, `replay and GAP tile what was missed: ${hole}`);
    await a.append(sid, 'live');
    await b.reach(head + 1);
    const { events } = await stage.history(sid);
    same(events.length, head + 1, 'events in HISTORY');
    return `replay_max ${replayMax}, GAP ${wanted.from}..${wanted.to}`;
  },
};

/** 20 MiB in messages of 12,000 bytes, published while B does not read for 10 s. */
const CONTENT = '語'.repeat(3990);
const MESSAGES = 1750;
const PER_SECOND = 190;
const DEAF_MS = 10_000;
const P99_MS = 250;

const slowReader: Case = {
  number: 18,
  name: 'slow reader',
  isQuick: false,
  async run(stage) {
    const sid = await stage.world.channel();
    const a = await stage.connect('A');
    const c = await stage.connect('C');
    await c.sub(sid);
    const b = await stage.follow('B', sid);
    const start = b.cursor?.seq ?? 0;
    // Somebody without a raised limit cannot publish this much in this time.
    await flood(a, sid, 301, (i) => `warm ${i}`);
    b.connection.socket.pause();
    const deafSince = nowMs();
    const metronome = new Metronome(a, sid, PER_SECOND, (i) => `${CONTENT}${i}`);
    const published = (): boolean => c.events(sid).length >= MESSAGES + 301;
    await metronome.during(c.until('20 MiB', published, 60_000));
    await metronome.stop(true);
    await pause(Math.max(0, deafSince + DEAF_MS - nowMs()));
    b.connection.socket.resume();
    const [first] = await a.ok(Op.SYNC, [[sid, 1, 0]]);
    const head = Number((first as readonly (readonly number[])[])[0]?.[2]);
    const how = await caughtUp(stage, b, head);
    const hole = tiles({ events: b.delivered, gaps: b.gaps }, start, head);
    check(hole === undefined, `events and GAPs of B tile the loss: ${hole}`);
    const p99 = percentile(delays(c, sid, metronome.dueAt), 0.99);
    check(p99 < P99_MS, `p99 of C is ${p99.toFixed(0)} ms, wanted under ${P99_MS}`);
    return `B ${how}, ${b.gaps.length} GAP(s); p99 of C ${p99.toFixed(0)} ms`;
  },
};

/** Waits for the head on the old connection, or on a new one when the old one ended. */
async function caughtUp(
  stage: Stage,
  b: Awaited<ReturnType<Stage['follow']>>,
  head: number,
): Promise<string> {
  const { connection } = b;
  const reached = b.reach(head, 60_000).then(
    () => true,
    (error) => {
      if (connection.end === undefined) throw error;
      return false;
    },
  );
  const isThere = await reached;
  const reasons = connection.gaps(b.sid).map(({ reason }) => reason);
  check(
    reasons.every((reason) => reason === Reason.SLOW),
    `GAP reasons on the slow connection: ${reasons}`,
  );
  if (isThere) return 'went on';
  await stage.join(b, 'B');
  await b.reach(head, 60_000);
  return `ended with ${connection.end?.code} and came back`;
}

export const replayCases: readonly Case[] = [exactReplay, otherNode, tooFarBehind, slowReader];
