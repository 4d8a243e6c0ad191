/**
 * The herd of reconnect-storm.ts in a process of its own: many followers that do as protocol.md 2.14 says, in the SDK's way,
 * when their connections end. Told over IPC to connect, to cut everything at once and to say who is back.
 */
import { herdDelayMs } from '../../../client/index.ts';
import { Follower } from '../support/follower.ts';
import { nowMs } from '../support/raw-client.ts';
import { Seeded } from '../support/seeded.ts';
import { pause } from '../support/server-process.ts';

/** Orders of the driver. */
export type HerdOrder =
  | {
      readonly type: 'connect';
      readonly port: number;
      readonly tokens: readonly string[];
      readonly sids: readonly number[];
      readonly count: number;
      readonly perReader: number;
      readonly seed: number;
    }
  /** Each connects anew beside the others: a HELLO of the first minutes says too little. */
  | { readonly type: 'settle' }
  | { readonly type: 'cut' }
  | { readonly type: 'heads'; readonly heads: readonly (readonly [sid: number, head: number])[] };

/** Answers of the herd, one for each order. */
export type HerdReport =
  | { readonly type: 'connected'; readonly herdMs: number }
  | {
      readonly type: 'back';
      /** From the cut until each had its SUB answered, ascending. */
      readonly tookMs: readonly number[];
      /** Attempts to connect that failed or were refused. */
      readonly refused: number;
      readonly herdMs: number;
    }
  | {
      readonly type: 'satisfied';
      /** Streams of a follower that are not at the head yet. */
      readonly behind: number;
      /** Events that came twice, or after a hole. */
      readonly repeated: number;
      readonly repairs: number;
      readonly events: number;
      /** Close codes from 4500 on. */
      readonly refusals: number;
    }
  | { readonly type: 'failed'; readonly why: string };

const SETUP_WINDOW = 100;
const LOOK_MS = 20;
/** Shorter than in protocol.md 2.14, so that a storm need not wait for a minute. */
const STABLE_MS = 1000;
const BACK_TIMEOUT_MS = 180_000;

const followers: Follower[] = [];
let herdMs = 0;
let attempts = 0;
let isSettling = false;
let repeated = 0;
let events = 0;

async function connectAll(order: HerdOrder & { type: 'connect' }): Promise<HerdReport> {
  const chance = new Seeded(order.seed);
  const { port, tokens, sids } = order;
  for (let i = 0; i < order.count; i += 1) {
    const own = new Set<number>();
    while (own.size < Math.min(order.perReader, sids.length)) own.add(chance.pick(sids));
    const last = new Map<number, number>();
    followers.push(
      new Follower({
        name: `herd-${i}`,
        port,
        token: tokens[i % tokens.length]!,
        sids: [...own],
        encoding: 'mp',
        keepsLog: false,
        reconnectMs: (told, upMs, attempt) => {
          attempts += 1;
          if (isSettling) return 0;
          herdMs = Math.max(herdMs, told);
          // As after a minute of a stable connection: the run stands for hours.
          const isStable = upMs > STABLE_MS;
          const most = isStable ? herdDelayMs(told) : Math.min(60_000, 1000 * 2 ** attempt);
          return chance.between(0, most);
        },
        onEvent: (frame) => {
          events += 1;
          const [sid, seq] = [frame[1] as number, frame[3] as number];
          if (seq <= (last.get(sid) ?? 0)) repeated += 1;
          last.set(sid, seq);
        },
      }),
    );
  }
  for (let i = 0; i < followers.length; i += SETUP_WINDOW) {
    await Promise.all(followers.slice(i, i + SETUP_WINDOW).map((one) => one.start()));
  }
  return { type: 'connected', herdMs };
}

async function settle(): Promise<HerdReport> {
  isSettling = true;
  for (let i = 0; i < followers.length; i += SETUP_WINDOW) {
    const group = followers.slice(i, i + SETUP_WINDOW);
    for (const one of group) one.client?.socket.cut();
    await pause(LOOK_MS);
    while (group.some((one) => one.liveSince === Number.POSITIVE_INFINITY)) await pause(LOOK_MS);
  }
  isSettling = false;
  return { type: 'connected', herdMs };
}

async function cutAll(): Promise<HerdReport> {
  attempts = 0;
  herdMs = 0;
  const at = nowMs();
  for (const one of followers) one.client?.socket.reset();
  // The ends of the sockets are told in the next turns.
  await pause(LOOK_MS);
  while (followers.some((one) => one.liveSince === Number.POSITIVE_INFINITY)) {
    if (nowMs() - at > BACK_TIMEOUT_MS) break;
    await pause(LOOK_MS);
  }
  const tookMs = followers.map((one) => one.liveSince - at).sort((a, b) => a - b);
  return { type: 'back', tookMs, refused: attempts - followers.length, herdMs };
}

async function satisfied(heads: ReadonlyMap<number, number>): Promise<HerdReport> {
  const behind = (): number =>
    followers.reduce((sum, one) => {
      const late = one.options.sids.filter(
        (sid) => (one.cursors.get(sid)?.seq ?? 0) < (heads.get(sid) ?? 0),
      );
      return sum + late.length;
    }, 0);
  for (const end = nowMs() + 30_000; behind() > 0 && nowMs() < end; ) await pause(LOOK_MS);
  const repairs = followers.reduce((sum, one) => sum + one.repairs, 0);
  const refusals = followers.flatMap((one) => one.closes).filter((code) => code >= 4500).length;
  return { type: 'satisfied', behind: behind(), repeated, repairs, events, refusals };
}

function carryOut(order: HerdOrder): Promise<HerdReport> {
  if (order.type === 'connect') return connectAll(order);
  if (order.type === 'settle') return settle();
  return order.type === 'cut' ? cutAll() : satisfied(new Map(order.heads));
}

process.on('message', (order: HerdOrder) => {
  carryOut(order).then(
    (report) => process.send?.(report),
    (error: unknown) => process.send?.({ type: 'failed', why: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
