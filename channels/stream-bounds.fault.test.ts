/**
 * Bounds of a stream under faults and crashes: random reactions, pins, replies, deletes and messages in slow
 * mode, with a log that fails. What the log holds in the end must keep every bound at every event.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EMOJIS_MAX, PINS_MAX } from './stream-folds.ts';
import { type CommitFault, OWNER, SID, StreamRig, settled } from './test/kit.ts';
import type { LogEvent } from './types.ts';

const USERS = [11, 12, 13];
const MESSAGES = PINS_MAX + 10;
const SLOW_S = 10;
/** `ts` runs ahead of a clock that stands still, by one per event. */
const AHEAD_MS = 1000;

const act = fc.record({
  op: fc.constantFrom('react', 'react', 'react', 'unreact', 'pin', 'pin', 'pin', 'unpin'),
  uid: fc.constantFrom(...USERS),
  target: fc.integer({ min: 1, max: MESSAGES }),
  emoji: fc.integer({ min: 0, max: EMOJIS_MAX + 5 }),
});
const talk = fc.record({
  op: fc.constantFrom('message', 'reply', 'reply', 'delete'),
  uid: fc.constantFrom(...USERS),
  target: fc.integer({ min: 1, max: MESSAGES + 20 }),
});
const fault = fc.constantFrom<CommitFault[]>(
  'unavailable',
  'rejectBefore',
  'rejectAfter',
  'usurp',
  'fenced',
);
const step = fc.oneof(
  { weight: 30, arbitrary: act },
  { weight: 12, arbitrary: talk },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('fault' as const), fault }) },
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constantFrom('tick' as const, 'tick' as const, 'wait' as const, 'crash' as const),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Run {
  readonly rig = new StreamRig();
  #nonces = 0;

  async run(plan: readonly Step[]): Promise<readonly LogEvent[]> {
    const { rig } = this;
    await rig.start();
    for (let i = 0; i < MESSAGES; i += 1) await rig.append(OWNER, `m${i}`, 1, [`m${i}`]);
    // Nearly full from the start.
    for (let seq = 1; seq < PINS_MAX - 2; seq += 1) {
      await rig.append(OWNER, `p${seq}`, 6, [seq, true]);
    }
    for (let i = 0; i < EMOJIS_MAX - 3; i += 1) await rig.append(OWNER, `r${i}`, 4, [1, `e${i}`]);
    rig.slowModeS = SLOW_S;
    rig.core.permsChanged(0);
    for (const one of plan) await this.#step(one);
    await rig.clock.advance(30_000);
    return await rig.store.log.replay(SID, 0, 10_000, Number.MAX_SAFE_INTEGER);
  }

  async #step(one: Step): Promise<void> {
    const { rig } = this;
    if (one.op === 'fault') rig.log.commitFaults.push(one.fault);
    else if (one.op === 'tick') await settled();
    else if (one.op === 'wait') await rig.clock.advance(3000);
    else if (one.op === 'crash') await rig.restart();
    else if (one.op === 'react') this.#send(one.uid, 4, [this.#busy(one), `e${one.emoji}`]);
    else if (one.op === 'unreact') this.#send(one.uid, 5, [this.#busy(one), `e${one.emoji}`]);
    else if (one.op === 'pin') this.#send(OWNER, 6, [MESSAGES - (one.target % 15), true]);
    else if (one.op === 'unpin') this.#send(OWNER, 6, [1 + (one.target % 5), false]);
    else if (one.op === 'message') this.#send(one.uid, 1, ['x']);
    else if (one.op === 'reply') this.#send(one.uid, 1, ['re', one.target]);
    else if (one.op === 'delete') this.#send(OWNER, 3, [one.target]);
  }

  /** Most reactions go to two messages, so that these are full. */
  #busy({ target }: { readonly target: number }): number {
    return target % 3 === 0 ? target : 1 + (target % 2);
  }

  #send(uid: number, kind: number, body: (string | number | boolean)[]): void {
    this.#nonces += 1;
    this.rig.send(uid, `n${this.#nonces}`, kind, body).catch((error: unknown) => {
      throw error;
    });
  }
}

/** Follows the log and looks at every bound. */
function check(log: readonly LogEvent[], rig: StreamRig): void {
  const emojis = new Map<number, Map<string, Set<number>>>();
  const pins = new Set<number>();
  const deleted = new Set<number>();
  const last = new Map<number, number>();
  for (const { seq, kind, target, emoji, actor, ts, frame } of log) {
    if (kind === 3) {
      deleted.add(target);
      emojis.delete(target);
      pins.delete(target);
    } else if (kind === 4 || kind === 5) {
      const all = emojis.get(target) ?? new Map<string, Set<number>>();
      const users = all.get(emoji) ?? new Set<number>();
      if (kind === 4) users.add(actor);
      else users.delete(actor);
      if (users.size > 0) all.set(emoji, users);
      else all.delete(emoji);
      emojis.set(target, all);
      expect(all.size).toBeLessThanOrEqual(EMOJIS_MAX);
    } else if (kind === 6) {
      if (emoji === '') pins.delete(target);
      else pins.add(target);
      expect(pins.size).toBeLessThanOrEqual(PINS_MAX);
    } else if (kind === 1) {
      const [, replyTo] = rig.ports.codec.decodeEvent(frame).body;
      if (typeof replyTo === 'number') {
        expect(log[replyTo - 1]?.kind).toBeLessThanOrEqual(1);
        expect(deleted.has(replyTo)).toBe(false);
      }
    }
    if (target > 0) expect(deleted.has(target) && kind !== 3 && kind !== 0).toBe(false);
    const isMessage = kind === 1 || (kind === 0 && target === 0);
    if (!isMessage || actor === OWNER) continue;
    const passed = ts - (last.get(actor) ?? Number.NEGATIVE_INFINITY);
    expect(passed, `seq ${seq}`).toBeGreaterThanOrEqual(SLOW_S * 1000 - AHEAD_MS);
    last.set(actor, ts);
  }
}

test('stream: random acts, faults and crashes, every bound holds at every event of the log', async () => {
  const plans = fc.array(step, { minLength: 40, maxLength: 250, size: 'max' });
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const run = new Run();
      check(await run.run(plan), run.rig);
    }),
    { numRuns: 60 },
  );
}, 60_000);
