/**
 * One simulated channel: its stream actor with log, documents, guild and a gateway, what writers do. Tests only.
 */
import { expect } from 'vitest';
import {
  ActorError,
  call,
  cast,
  entity,
  hostEntity,
  type Ref,
  spawn,
  whereis,
} from '../../runtime/index.ts';
import type { Simulation } from '../../runtime/testkit/index.ts';
import { pad } from '../ids.ts';
import { newNoticeCounters } from '../notice-counters.ts';
import { memoryStore } from '../store/index.ts';
import { Stream, type StreamEnvironment } from '../stream.ts';
import { createAbsentSids } from '../stream-absent.ts';
import { newStreamCounters, STREAM_LIMITS } from '../stream-ports.ts';
import type { ChannelLog, Id, StreamP } from '../types.ts';
import { jsonCodec } from './kit.ts';
import {
  type GatewayP,
  gatewayOf,
  guildOf,
  type LogFault,
  simulatedDocs,
  simulatedLog,
  Truth,
} from './simulation-kit.ts';

export const SID: Id = 500;
const GID: Id = 400;
export const stream = entity<StreamP>('stream', SID);

export interface StreamWorld {
  readonly truth: Truth;
  /** The log without delays and faults. */
  readonly log: ChannelLog;
  readonly gateway: Ref<GatewayP>;
  /** Seq by nonce, as acknowledged. */
  readonly acknowledged: Map<string, number>;
}

export async function buildStream(sim: Simulation): Promise<StreamWorld> {
  const truth = new Truth();
  const store = memoryStore({ rng: sim.rng });
  await store.docs.write([
    { kind: 'stream', key: pad(SID), expect: 'any', value: { type: 'channel', gid: GID } },
  ]);
  const faults = sim.pick<readonly LogFault[]>([
    ['none'],
    ['none', 'none', 'none', 'unavailable', 'lost', 'answerLost', 'usurped'],
    ['none', 'answerLost'],
  ]);
  const environment: StreamEnvironment = {
    log: simulatedLog(sim, store.log, truth, () => sim.pick(faults)),
    docs: simulatedDocs(sim, store.docs),
    codec: jsonCodec,
    clock: sim.clock,
    limits: { ...STREAM_LIMITS, batchEventsMax: 3, appendQueueMax: 8, chunkEventsMax: 3 },
    counters: newStreamCounters(),
    absentSids: createAbsentSids(sim.clock),
    noticeCounters: newNoticeCounters(),
  };
  await hostEntity('guild', { behaviour: guildOf(sim), arg: (gid) => gid, idleMs: 60_000 });
  await hostEntity('stream', {
    behaviour: Stream,
    arg: (sid) => ({ sid, environment }),
    idleMs: sim.pick([400, 60_000]),
    intensity: 1000,
  });
  const gateway = await spawn(gatewayOf(SID, truth), undefined);
  cast(gateway, 'join');
  return { truth, log: store.log, gateway, acknowledged: new Map() };
}

/** Sends until the outcome is known, as a client does: the same nonce each time. */
export async function append(
  sim: Simulation,
  world: StreamWorld,
  uid: Id,
  nonce: string,
): Promise<void> {
  for (;;) {
    const m = { uid, nonce, kind: 1, body: [nonce] };
    const reply = await call(stream, 'append', m).catch((error: unknown) => {
      if (!(error instanceof ActorError)) throw error;
      return undefined;
    });
    if (reply?.ok === true) {
      await confirm(world, reply.seq, reply.ts, nonce);
      return;
    }
    if (reply !== undefined && reply.code !== 501) expect(reply.retryMs).toBeGreaterThan(0);
    await sim.sleep(1 + sim.int(100));
  }
}

/** An OK: the event is in the log, at that place, now and for every repetition. */
export async function confirm(
  { truth, log, acknowledged }: StreamWorld,
  seq: number,
  ts: number,
  nonce: string,
) {
  expect(truth.head).toBeGreaterThanOrEqual(seq);
  const [event] = await log.get(SID, [seq]);
  expect([event?.seq, event?.ts, event?.nonce]).toEqual([seq, ts, nonce]);
  expect(acknowledged.get(nonce) ?? seq).toBe(seq);
  acknowledged.set(nonce, seq);
}

/** The stream actor is killed at random, and now and then its guild. */
export function killing(sim: Simulation, rate: number): void {
  sim.killing('stream', rate, () => whereis(stream));
  sim.killing('guild', 0.002, () => whereis(entity('guild', GID)));
}
