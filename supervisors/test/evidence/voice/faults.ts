/** Part of the driver `voice`: media workers are killed under people who talk (V9), and emptied while people talk (planned moves). */
import { KIND } from '../../../../voice/test/index.ts';
import { percentile } from '../../support/driver.ts';
import { until } from '../../support/server-process.ts';
import { type Gap, GapMeter } from '../../support/voice-gaps.ts';
import { VoiceWorld } from '../../support/voice-world.ts';
import type { VoicePart } from './types.ts';

const PER_ROOM = 5;
/** Messages of the chat before each kill and behind it. */
const CHAT = 150;
/** V9. */
const AGAIN_P95_MS = 3_000;
const CHAT_RATIO = 1.5;
/** A planned move. */
const GAP_MS = 60;
const MOVED_MAX_MS = 20_000;
const ENDS: readonly number[] = [KIND.left, KIND.ended, KIND.epoch];

export async function faults(at: VoicePart): Promise<void> {
  const { people, calls } = at.settings;
  await inWorld(at, people, PER_ROOM, (world) => kills(at, world));
  await inWorld(at, 2 * calls, 2, (world) => moves(at, world));
}

async function inWorld(
  { server }: VoicePart,
  people: number,
  perRoom: number,
  act: (world: VoiceWorld) => Promise<void>,
): Promise<void> {
  const world = await VoiceWorld.create(server, people, perRoom);
  try {
    await act(world);
    await world.crowd.leave();
  } finally {
    await world.close();
  }
}

/** How many were told something of these kinds since the last call. */
function told(world: VoiceWorld, kinds: readonly number[]): number {
  return world.crowd.clients.reduce((sum, { peer }) => {
    const events = peer.events.splice(0);
    return sum + events.filter(({ kind }) => kinds.includes(kind)).length;
  }, 0);
}

async function kills({ settings, verdict }: VoicePart, world: VoiceWorld): Promise<void> {
  const again: number[] = [];
  const chat = { before: [] as number[], meanwhile: [] as number[] };
  told(world, []);
  for (let kill = 0; kill < settings.kills; kill += 1) {
    await world.workers.active();
    await world.witness.take();
    chat.before.push(...(await world.witness.take(CHAT)).times);
    again.push(...(await world.kill()));
    chat.meanwhile.push(...(await world.witness.take(CHAT)).times);
    await world.crowd.allHear();
  }
  verdict.progress(`${settings.kills} media workers were killed under ${settings.people} people`);
  const [before, meanwhile] = [percentile(chat.before, 0.99), percentile(chat.meanwhile, 0.99)];
  verdict.figure('V9 people who hear again, half of them within', percentile(again, 0.5), 'ms');
  verdict.time('V9 p95', percentile(again, 0.95), 'ms', AGAIN_P95_MS);
  verdict.figure('V9 the slowest', Math.max(...again), 'ms');
  verdict.figure(
    'V9 people who left, or were put out',
    told(world, [KIND.left, KIND.ended]),
    '',
    0,
  );
  verdict.figure('V9 chat p99 before', before, 'ms');
  verdict.figure('V9 chat p99 meanwhile', meanwhile, 'ms');
  verdict.time('V9 chat p99, x before', meanwhile / before, 'x', CHAT_RATIO);
  verdict.figure('V9 messages refused', (await world.witness.take()).refused, '', 0);
}

async function moves({ settings, verdict }: VoicePart, world: VoiceWorld): Promise<void> {
  const rounds = Math.ceil(settings.moves / settings.calls);
  const gaps: Gap[] = [];
  let put = 0;
  const meter = new GapMeter(world.crowd.clients);
  const { counters: first } = await world.workers.pool();
  told(world, []);
  for (let round = 1; round <= rounds; round += 1) {
    await world.workers.active();
    meter.take();
    await world.move();
    await until('all have moved', MOVED_MAX_MS, async () => {
      const { relocations } = (await world.workers.pool()).counters;
      return relocations - first.relocations >= round * settings.calls ? true : undefined;
    });
    gaps.push(...meter.take());
    put += told(world, ENDS);
  }
  const { counters } = await world.workers.pool();
  verdict.progress(`${rounds * settings.calls} calls were moved, ${settings.calls} at a time`);
  const expected = 2 * settings.calls * rounds;
  const unheard = expected - gaps.length;
  const broken = counters.roomsLost - first.roomsLost + put + unheard;
  verdict.figure('moves that failed (a room lost, somebody put out or unheard)', broken, '', 0);
  const missing = gaps.map(({ missingMs }) => missingMs);
  const silent = gaps.map(({ silentMs }) => silentMs);
  verdict.figure('packets of the moves that never came', sum(gaps.map(({ lost }) => lost)));
  verdict.time('longest gap in what was said', Math.max(...missing), 'ms', GAP_MS);
  verdict.figure(
    'longest time without sound by the clock, half of the moves',
    percentile(silent, 0.5),
    'ms',
  );
  verdict.figure('the same, p99', percentile(silent, 0.99), 'ms');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
