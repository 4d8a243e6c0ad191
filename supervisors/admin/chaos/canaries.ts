/**
 * The canaries of all gateway threads together, as the main thread drives them.
 */
import { at, type Clock, call, entity, slotOf, slotsOf } from '../../../runtime/index.ts';
import { done, fail } from '../define.ts';
import type { VerbResult } from '../types.ts';
import { CHAOS_LIMITS } from './limits.ts';
import { type CanaryP, type CanaryVerdict, CHAOS_CANARY } from './types.ts';

/** Ids of real streams carry a time and are far above. */
const SIDS_PER_GATEWAY = 4_096;
/** Appends of all canary streams together, per ms of pause: 200 a second. */
const STREAM_PACE_MS = 5;

const NOTHING: CanaryVerdict = {
  sent: 0,
  acknowledged: 0,
  refused: 0,
  unanswered: 0,
  longestSilenceMs: 0,
  lost: 0,
  repeated: 0,
  reordered: 0,
  isVerified: false,
};

export class Canaries {
  readonly #clock: Clock;
  readonly #gateways: readonly string[];
  readonly #sids: readonly (readonly number[])[];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#gateways = slotsOf('gateway').slice(0, CHAOS_LIMITS.canaryGateways);
    const shards = slotsOf('shard').slice(0, CHAOS_LIMITS.canaryShards);
    this.#sids = this.#gateways.map((_, i) => shards.map((shard) => sidOn(shard, i)));
  }

  get #streams(): number {
    return this.#sids.flat().length;
  }

  /** All of them append, or none does. */
  async start(run: number, lifeMs: number): Promise<VerbResult<null>> {
    const paceMs = Math.max(CHAOS_LIMITS.canaryPaceMs, this.#streams * STREAM_PACE_MS);
    const started = await Promise.all(
      this.#gateways.map((slot, i) => {
        const tag = `${this.#clock.now()}-${run}-${i}`;
        const order = { run: tag, sids: this.#sids[i] ?? [], paceMs, lifeMs };
        return call(canaryOf(slot), 'start', order, { timeoutMs: CHAOS_LIMITS.agentMs }).catch(() =>
          fail('not_available', `the canary of ${slot} does not answer`),
        );
      }),
    );
    const refused = started.find((one) => !one.ok);
    if (refused === undefined) return done(null);
    await this.finish(0);
    return refused;
  }

  /** When the last stream had an append acknowledged that was sent at or after `since`, monotonic; undefined: not all have. */
  async wellSince(since: number): Promise<number | undefined> {
    const looks = await Promise.allSettled(
      this.#gateways.map((slot) =>
        call(canaryOf(slot), 'progress', { since }, { timeoutMs: CHAOS_LIMITS.agentMs }),
      ),
    );
    const seen = looks.flatMap((look) => (look.status === 'fulfilled' ? [look.value] : []));
    const well = seen.reduce((total, one) => total + one.well, 0);
    if (well < this.#streams) return undefined;
    return Math.max(...seen.map(({ lastWellMs }) => lastWellMs));
  }

  /** The verdicts of all as one. */
  async finish(graceMs: number): Promise<CanaryVerdict> {
    const timeoutMs = graceMs + CHAOS_LIMITS.agentMs + CHAOS_LIMITS.graceMs;
    const verdicts = await Promise.all(
      this.#gateways.map((slot) =>
        call(canaryOf(slot), 'finish', { graceMs }, { timeoutMs }).catch(() => NOTHING),
      ),
    );
    const sum = (field: keyof CanaryVerdict): number =>
      verdicts.reduce((total, verdict) => total + Number(verdict[field]), 0);
    return {
      sent: sum('sent'),
      acknowledged: sum('acknowledged'),
      refused: sum('refused'),
      unanswered: sum('unanswered'),
      longestSilenceMs: Math.round(
        Math.max(0, ...verdicts.map(({ longestSilenceMs }) => longestSilenceMs)),
      ),
      lost: sum('lost'),
      repeated: sum('repeated'),
      reordered: sum('reordered'),
      isVerified: verdicts.every(({ isVerified }) => isVerified),
    };
  }
}

function canaryOf(slot: string) {
  return at<CanaryP>(slot, CHAOS_CANARY);
}

/** A stream of the canary of gateway `i` whose home is `shard`. */
function sidOn(shard: string, i: number): number {
  const first = 1 + i * SIDS_PER_GATEWAY;
  for (let sid = first; sid < first + SIDS_PER_GATEWAY; sid += 1) {
    if (slotOf(entity('stream', sid)) === shard) return sid;
  }
  throw new RangeError(`no stream id of the canary lives on ${shard}`);
}
