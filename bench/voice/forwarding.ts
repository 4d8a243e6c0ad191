/**
 * VP1 to VP6 and V2 to V5: people in rooms on both servers, the same load in turns, CPU per packet and latency. Both crowds stay
 * connected; the one whose turn it is talks.
 */
import { type Row, row } from '../report.ts';
import type { Bench } from './bench.ts';
import { Crowd } from './crowd.ts';
import { type Forwarding, LOSS_MAX_PERCENT } from './plan.ts';
import { measure, type Summary, summarize, voidReason, type Window } from './window.ts';

const REST = 'of it outside the media worker';
const NOTHING_VALID = 'every window was disturbed: proves nothing';

export async function forward(bench: Bench, scenario: Forwarding): Promise<Row[]> {
  const { generator, serverCore } = bench;
  const crowds: Crowd[] = [];
  const windows: Window[][] = [[], []];
  try {
    for (const side of [bench.driftway, bench.bare]) {
      const crowd = await Crowd.open(side, generator, scenario.shape);
      crowds.push(crowd);
      await crowd.join();
    }
    for (let round = 0; round < scenario.windows; round += 1) {
      for (let turn = 0; turn < 2; turn += 1) {
        const which = (round + turn) % 2;
        const window = await measure(generator, crowds[which]!, scenario.windowMs, serverCore);
        windows[which]!.push(window);
      }
      bench.say(`${scenario.id} window ${round + 1}: ${windows.map(lastOf).join(', ')}`);
    }
  } finally {
    for (const crowd of crowds) await crowd.close();
  }
  return rowsOf(scenario, summarize(windows[0]!), summarize(windows[1]!));
}

function lastOf(windows: readonly Window[]): string {
  const window = windows.at(-1)!;
  const { report } = window;
  const reason = voidReason(window);
  const us = (window.cpuUs / report.received).toFixed(1);
  const p99 = (report.p99Us / 1000).toFixed(2);
  return `${us} us, p99 ${p99} ms${reason === '' ? '' : ` (void: ${reason})`}`;
}

function rowsOf({ bars, id, what }: Forwarding, driftway: Summary, bare: Summary): Row[] {
  const packets = `${Math.round(driftway.packetsPerS)} packets/s out`;
  const note = `${validity(driftway)}; bare ${validity(bare)}`;
  const rows: Row[] = [
    row(
      ...([`${id}.ratio`, `${what}: CPU per packet, x bare`] as const),
      ...([driftway.usPerPacket / bare.usPerPacket, 'x', bars.ratio ?? null, note] as const),
    ),
    row(
      `${id}.cpu.driftway`,
      'Driftway: CPU per packet',
      driftway.usPerPacket,
      'us',
      null,
      packets,
    ),
    row(`${id}.cpu.bare`, 'bare: CPU per packet', bare.usPerPacket, 'us'),
    row(`${id}.rest.driftway`, `Driftway: ${REST}`, driftway.restUsPerPacket, 'us'),
    row(`${id}.rest.bare`, `bare: ${REST}`, bare.restUsPerPacket, 'us'),
    row(
      ...([`${id}.core.driftway`, 'Driftway: share of its core', driftway.cpuShare * 100] as const),
      ...(['%', bars.corePercent ?? null] as const),
    ),
    row(`${id}.p50.driftway`, 'Driftway: p50', driftway.p50Ms, 'ms'),
    row(`${id}.p99.driftway`, 'Driftway: p99', driftway.p99Ms, 'ms', bars.p99Ms ?? null),
    row(`${id}.p99.bare`, 'bare: p99', bare.p99Ms, 'ms'),
    row(`${id}.p999.driftway`, 'Driftway: p99.9', driftway.p999Ms, 'ms', bars.p999Ms ?? null),
    row(`${id}.p999.bare`, 'bare: p99.9', bare.p999Ms, 'ms'),
    row(`${id}.loss.driftway`, 'Driftway: lost', driftway.lossPercent, '%', LOSS_MAX_PERCENT),
    row(`${id}.loss.bare`, 'bare: lost', bare.lossPercent, '%'),
  ];
  if (bars.gapMs !== undefined) {
    const gap = 'Driftway: longest gap of a stream';
    rows.push(row(`${id}.gap.driftway`, gap, driftway.gapMs, 'ms', bars.gapMs));
    rows.push(row(`${id}.gap.bare`, 'bare: longest gap of a stream', bare.gapMs, 'ms'));
  }
  if (driftway.valid > 0 && bare.valid > 0) return rows;
  return rows.map((one) => (one.bar === null ? one : { ...one, ok: false, note: NOTHING_VALID }));
}

function validity({ reasons, valid, windows }: Summary): string {
  if (valid === windows) return `all ${windows} windows valid`;
  return `${windows - valid} of ${windows} windows void (${[...new Set(reasons)].join(', ')})`;
}
