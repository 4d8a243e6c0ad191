/**
 * The load process: opens subscribers and senders on either server, publishes in an open loop and
 * counts deliveries. A process of its own, driven by messages from smoke.ts (see load-types.ts), so that
 * its work shows neither in the servers' CPU nor in the bench's own timing.
 */
import { build } from 'hdr-histogram-js';
import { type Feed, Sender, Subscriber } from './feeds.ts';
import type { LoadCommand, LoadReply, RunResult, RunSpec, Target } from './load-types.ts';
import { cpuTimeUs } from './proc.ts';

/** Connections being set up at once: below uWS's accept backlog. */
const SETUP_WINDOW = 200;
/** Every n-th subscriber reads the time inside its frames. */
const SAMPLE_EVERY = 11;
/** Time for the last frames to arrive after the window. */
const DRAIN_MS = 300;

interface Room {
  readonly subscribers: Subscriber[];
  readonly sender: Sender;
}

interface Group {
  readonly rooms: Room[];
}

const groups: Group[] = [];
const idle: Feed[] = [];

const nowUs = (): number => Math.round(performance.now() * 1000);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs `count` tasks, at most SETUP_WINDOW at a time. */
async function inWindow(count: number, task: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await task(next - 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(SETUP_WINDOW, count) }, worker));
}

async function openGroup(
  target: Target,
  sids: readonly number[],
  perRoom: number,
): Promise<number> {
  const rooms: Room[] = sids.map((sid) => ({ subscribers: [], sender: new Sender(target, sid) }));
  await inWindow(rooms.length * perRoom, async (index) => {
    const room = index % rooms.length;
    const subscriber = new Subscriber(target, sids[room]!, index % SAMPLE_EVERY === 0);
    await subscriber.ready;
    rooms[room]!.subscribers.push(subscriber);
  });
  await Promise.all(rooms.map((room) => room.sender.ready));
  groups.push({ rooms });
  return groups.length - 1;
}

/** Messages per room and second are spread evenly over the rooms: one is due every `gapUs`. */
async function run(spec: RunSpec): Promise<RunResult> {
  const { rooms } = groups[spec.group]!;
  const subscribers = rooms.flatMap((room) => room.subscribers);
  const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000 });
  for (const one of subscribers) one.measure(undefined);
  for (const room of rooms) room.sender.begin(spec.eventBytes);

  const gapUs = 1_000_000 / (spec.ratePerRoom * rooms.length);
  const startUs = nowUs();
  const windowUs = startUs + spec.warmMs * 1000;
  const endUs = windowUs + spec.windowMs * 1000;
  let sent = 0;
  const sendDue = (): void => {
    const limit = Math.min(nowUs(), endUs);
    for (let due = startUs + sent * gapUs; due < limit; due = startUs + sent * gapUs) {
      rooms[sent % rooms.length]!.sender.send(Math.round(due));
      sent += 1;
    }
  };
  const timer = setInterval(sendDue, 1);

  const deliveries = (): number => subscribers.reduce((sum, one) => sum + one.events, 0);
  const earlier = deliveries();
  await pause(spec.warmMs);
  for (const one of subscribers)
    one.measure((stampUs) => histogram.recordValue(Math.max(1, nowUs() - stampUs)));
  const before = {
    count: deliveries(),
    server: cpuTimeUs(spec.serverPid),
    own: cpuTimeUs(process.pid),
    at: nowUs(),
  };
  await pause(spec.windowMs);
  const after = {
    count: deliveries(),
    server: cpuTimeUs(spec.serverPid),
    own: cpuTimeUs(process.pid),
    at: nowUs(),
  };
  clearInterval(timer);
  sendDue();
  await pause(DRAIN_MS);
  for (const one of subscribers) one.measure(undefined);

  const perRoom = subscribers.length / rooms.length;
  return {
    deliveries: after.count - before.count,
    seconds: (after.at - before.at) / 1_000_000,
    serverCpuUs: after.server - before.server,
    loadCpuUs: after.own - before.own,
    p50Ms: histogram.getValueAtPercentile(50) / 1000,
    p99Ms: histogram.getValueAtPercentile(99) / 1000,
    maxMs: histogram.maxValue / 1000,
    samples: histogram.totalCount,
    missing: sent * perRoom - (deliveries() - earlier),
    refused: rooms.reduce((sum, room) => sum + room.sender.errors, 0),
    eventBytes: subscribers.find((one) => one.eventBytes > 0)?.eventBytes ?? 0,
  };
}

async function openIdle(target: Target, sids: readonly number[], count: number): Promise<void> {
  await inWindow(count, async (index) => {
    const feed = new Subscriber(target, sids[index % sids.length]!, false);
    idle.push(feed);
    await feed.ready;
  });
}

async function closeIdle(): Promise<void> {
  const closing = idle.splice(0).map((feed) => feed.close());
  await Promise.all(closing);
}

async function handle(command: LoadCommand): Promise<unknown> {
  switch (command.type) {
    case 'open':
      return openGroup(command.target, command.sids, command.perRoom);
    case 'run':
      return run(command.spec);
    case 'idle':
      return openIdle(command.target, command.sids, command.count);
    case 'closeIdle':
      return closeIdle();
  }
}

process.on('message', (message: { id: number; command: LoadCommand }) => {
  const answer = (reply: LoadReply): void => {
    process.send?.(reply);
  };
  handle(message.command).then(
    (value) => answer({ id: message.id, ok: true, value }),
    (error: unknown) => answer({ id: message.id, ok: false, value: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
