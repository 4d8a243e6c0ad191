/**
 * A load process: opens subscribers or senders on either server, publishes in an open loop, counts
 * deliveries. Driven by messages from smoke.ts (see load-types.ts); one process holds the subscribers and
 * one the senders, so that a busy reader delays no message, and neither shows in the servers' CPU.
 */
import { build } from 'hdr-histogram-js';
import { type Feed, Sender, Subscriber } from './feeds.ts';
import type {
  LoadCommand,
  LoadReply,
  SendResult,
  SendSpec,
  Target,
  WatchResult,
  WatchSpec,
} from './load-types.ts';
import { cpuTimeUs } from './proc.ts';

/** Connections being set up at once: below uWS's accept backlog. */
const SETUP_WINDOW = 200;
/** Every n-th subscriber reads the time inside its frames. */
const SAMPLE_EVERY = 11;
/** Time for the last frames to arrive after the window. */
const DRAIN_MS = 200;
/** The senders go on this long after the window, so that its end is still steady state. */
const TAIL_MS = 200;

const groups: Subscriber[][] = [];
const senders: Sender[][] = [];
const idle: Feed[] = [];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The same in every process of this machine; the last 12 digits, which is what a frame carries. */
function nowUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000) % 1e12;
}

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

async function open(target: Target, sids: readonly number[], perRoom: number): Promise<number> {
  const group: Subscriber[] = [];
  await inWindow(sids.length * perRoom, async (index) => {
    const sampled = index % SAMPLE_EVERY === 0;
    const subscriber = new Subscriber(target, sids[index % sids.length]!, sampled);
    group.push(subscriber);
    await subscriber.ready;
  });
  return groups.push(group) - 1;
}

async function openSenders(target: Target, sids: readonly number[]): Promise<number> {
  const group = sids.map((sid) => new Sender(target, sid));
  await Promise.all(group.map((sender) => sender.ready));
  return senders.push(group) - 1;
}

/** Open loop: the messages are spread evenly over time and rooms, and stamped with their due time. */
async function send(spec: SendSpec): Promise<SendResult> {
  const group = senders[spec.group]!;
  for (const sender of group) sender.begin(spec.eventBytes);
  const gapUs = 1_000_000 / (spec.ratePerRoom * group.length);
  const startUs = nowUs();
  const endUs = startUs + spec.durationMs * 1000;
  let sent = 0;
  const sendDue = (): void => {
    const limit = Math.min(nowUs(), endUs);
    for (let due = startUs + sent * gapUs; due < limit; due = startUs + sent * gapUs) {
      group[sent % group.length]!.send(Math.round(due));
      sent += 1;
    }
  };
  const timer = setInterval(sendDue, 1);
  await pause(spec.durationMs);
  clearInterval(timer);
  sendDue();
  await pause(DRAIN_MS);
  return { sent, refused: group.reduce((sum, sender) => sum + sender.errors, 0) };
}

/** Counts what arrives while the senders are at work in another process. */
async function watch(spec: WatchSpec): Promise<WatchResult> {
  const group = groups[spec.group]!;
  const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000 });
  const record = (stampUs: number): void => histogram.recordValue(Math.max(1, nowUs() - stampUs));
  const look = () => ({
    count: group.reduce((sum, one) => sum + one.events, 0),
    server: cpuTimeUs(spec.serverPid),
    own: cpuTimeUs(process.pid),
    at: nowUs(),
  });
  const earlier = look();
  await pause(spec.warmMs);
  for (const one of group) one.measure(record);
  const before = look();
  await pause(spec.windowMs);
  const after = look();
  // The senders stop about now; what is under way still counts as a delivery, not as latency.
  for (const one of group) one.measure(undefined);
  await pause(TAIL_MS + DRAIN_MS);
  return {
    deliveries: after.count - before.count,
    seconds: (after.at - before.at) / 1_000_000,
    serverCpuUs: after.server - before.server,
    loadCpuUs: after.own - before.own,
    p50Ms: histogram.getValueAtPercentile(50) / 1000,
    p99Ms: histogram.getValueAtPercentile(99) / 1000,
    maxMs: histogram.maxValue / 1000,
    samples: histogram.totalCount,
    total: look().count - earlier.count,
    eventBytes: group.find((one) => one.eventBytes > 0)?.eventBytes ?? 0,
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
      return open(command.target, command.sids, command.perRoom);
    case 'openSenders':
      return openSenders(command.target, command.sids);
    case 'watch':
      return watch(command.spec);
    case 'send':
      return send(command.spec);
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
