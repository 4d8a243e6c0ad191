/** VP10: the media worker that carries the calls gets SIGKILL; how long until each of 50 people hears again. Both servers in turns. */
import { type Row, row } from '../report.ts';
import type { Bench } from './bench.ts';
import { Crowd } from './crowd.ts';
import { mediaWorkers } from './proc-tree.ts';
import type { Side } from './types.ts';
import { median } from './window.ts';

const SHAPE = { rooms: 5, perRoom: 10, talkers: 3, spread: 'even' } as const;
const HEAR_TIMEOUT_MS = 15_000;
/** For the next spare worker; and fewer deaths in a minute than make a server give up a slot. */
const BETWEEN_MS = 5000;
const P50_MAX_MS = 110;
const SLOWEST_MAX_MS = 250;
const RATIO_MAX = 0.7;

interface Outcome {
  /** Ms from the signal to the first packet, of each person and kill. */
  readonly hearMs: number[];
  /** People who did not hear again in time. */
  deaf: number;
}

async function kill(bench: Bench, side: Side, outcome: Outcome): Promise<void> {
  const crowd = await Crowd.open(side, bench.generator, SHAPE);
  try {
    await crowd.join();
    crowd.talk(true);
    const [worker] = mediaWorkers(side.pid);
    if (worker === undefined) throw new Error(`${side.name}: no media worker found`);
    const again = crowd.people.map((person) => person.hearsAgain());
    const killedNs = process.hrtime.bigint();
    process.kill(worker, 'SIGKILL');
    const late = new Promise<undefined>((resolve) => {
      setTimeout(resolve, HEAR_TIMEOUT_MS);
    });
    const firsts = await Promise.all(again.map((one) => Promise.race([one, late])));
    for (const first of firsts) {
      if (first === undefined) outcome.deaf += 1;
      else outcome.hearMs.push(Number(first.ns - killedNs) / 1e6);
    }
  } finally {
    await crowd.close();
  }
}

export async function killing(bench: Bench): Promise<Row[]> {
  const outcomes: Outcome[] = [bench.driftway, bench.bare].map(() => ({ hearMs: [], deaf: 0 }));
  for (let round = 0; round < bench.plan.kills; round += 1) {
    for (const [which, side] of [bench.driftway, bench.bare].entries()) {
      await kill(bench, side, outcomes[which]!);
      await new Promise((resolve) => {
        setTimeout(resolve, BETWEEN_MS);
      });
    }
    const shown = outcomes.map(({ hearMs }) => `p50 ${median(hearMs).toFixed(0)} ms`);
    bench.say(`VP10 kill ${round + 1}: ${shown.join(', bare ')}`);
  }
  const [driftway, bare] = outcomes as [Outcome, Outcome];
  const [ours, theirs] = [median(driftway.hearMs), median(bare.hearMs)];
  const note = `50 people, ${bench.plan.kills} kills`;
  return [
    row('VP10.p50', 'SIGKILL to hearing again, p50', ours, 'ms', P50_MAX_MS, note),
    row('VP10.slowest', 'the slowest', Math.max(...driftway.hearMs), 'ms', SLOWEST_MAX_MS),
    row('VP10.p50.bare', 'bare: p50', theirs, 'ms'),
    row('VP10.slowest.bare', 'bare: the slowest', Math.max(...bare.hearMs), 'ms'),
    row('VP10.ratio', 'p50, x bare', ours / theirs, 'x', RATIO_MAX),
    row('VP10.deaf', 'people who never heard again', driftway.deaf, '', 0),
    row('VP10.deaf.bare', 'bare: the same', bare.deaf, ''),
  ];
}
