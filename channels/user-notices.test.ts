/** Read markers of a user: monotone, kept in time, told to other sessions, whatever fails or dies. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { childKey } from './docs.ts';
import { newNoticeCounters } from './notice-counters.ts';
import { StoreError } from './store/index.ts';
import { HandClock, makeStore, settled } from './test/kit.ts';
import type { DocStore, Id, MarkReply, Ms, Seq } from './types.ts';
import { type MarkerDoc, UserNotices } from './user-notices.ts';

const UID = 7;
const SID = 50;
const PHONE = 'phone';
const LAPTOP = 'laptop';

type WriteFault = 'unavailable' | 'lost' | 'answerLost';

/** A user's notices with a store that fails on request, and lives that end. */
class Rig {
  readonly clock = new HandClock();
  readonly counters = newNoticeCounters();
  readonly inner = makeStore().docs;
  readonly faults: WriteFault[] = [];
  readonly told: [sid: Id, seq: Seq][] = [];
  /** Times of writes, by stream. */
  readonly writtenAt = new Map<string, Ms[]>();
  readonly heads = new Map<Id, Seq>([[SID, 100]]);
  sessions = [PHONE];
  isTellingDown = false;
  #life = 0;
  #timer: ReturnType<HandClock['setTimeout']> | undefined;
  notices = this.#make();

  /** The actor dies; another one starts from the store. */
  crash(): void {
    this.#life += 1;
    this.notices = this.#make();
  }

  async stored(sid = SID): Promise<Seq> {
    const [doc] = await this.inner.get<MarkerDoc>('marker', [childKey(UID, sid)]);
    return doc?.value.seq ?? 0;
  }

  async mark(seq: Seq, sid = SID, session = PHONE): Promise<Seq> {
    const reply = await this.notices.mark({ sid, seq, session });
    if (!reply.ok) throw new Error(`got ${reply.code}`);
    await settled();
    return reply.value.seq;
  }

  #make(): UserNotices {
    const life = this.#life;
    const { clock, counters } = this;
    return new UserNotices({
      uid: UID,
      docs: this.#docs(),
      clock,
      counters,
      mark: async (sid, m): Promise<MarkReply> => {
        const head = this.heads.get(sid);
        if (head === undefined) return { ok: false };
        return { ok: true, seq: Math.max(m.known, Math.min(m.seq, head)) };
      },
      emit: async ({ body, nonce }) => {
        if (this.isTellingDown) throw lost();
        expect(nonce).toBe(`k${Number(body[0]).toString(36)}-${Number(body[1]).toString(36)}`);
        this.told.push([body[0] as Id, body[1] as Seq]);
        return { ok: true, epoch: 1, seq: 1, ts: 1, duplicate: false };
      },
      timer: (ms) => {
        if (life !== this.#life) return;
        if (this.#timer !== undefined) clock.clearTimeout(this.#timer);
        this.#timer = clock.setTimeout(() => {
          if (life === this.#life) void this.notices.run();
        }, ms);
      },
      isAlone: (session) => this.sessions.length === 1 && this.sessions[0] === session,
    });
  }

  #docs(): DocStore {
    const { inner, faults } = this;
    return {
      get: (kind, keys) => inner.get(kind, keys),
      find: (kind, unique) => inner.find(kind, unique),
      list: (kind, prefix, after, limit) => inner.list(kind, prefix, after, limit),
      write: async (batch) => {
        const fault = faults.shift();
        if (fault === 'unavailable') return { ok: false, why: 'unavailable', retryMs: 10 };
        if (fault === 'lost') throw lost();
        for (const { key } of batch) {
          this.writtenAt.set(key, [...(this.writtenAt.get(key) ?? []), this.clock.monotonic()]);
        }
        const result = await inner.write(batch);
        if (fault === 'answerLost') throw lost();
        return result;
      },
    };
  }
}

function lost(): StoreError {
  return new StoreError('DRIFT_CHANNELS_STORE_UNKNOWN', 'simulated: the store died');
}

test('MARK: kept at once, then every 2 s; clipped to the head; never back', async () => {
  const rig = new Rig();
  expect(await rig.mark(3)).toBe(3);
  await rig.clock.advance(0);
  expect(await rig.stored()).toBe(3);
  expect(await rig.mark(5)).toBe(5);
  expect(await rig.mark(4)).toBe(5);
  expect(await rig.mark(900)).toBe(100);
  await rig.clock.advance(1999);
  expect(await rig.stored()).toBe(3);
  await rig.clock.advance(1);
  expect(await rig.stored()).toBe(100);
  expect(rig.notices.isIdle).toBe(true);
});

test('MARK of a stream that is absent or forbidden: not_found', async () => {
  const rig = new Rig();
  expect(await rig.notices.mark({ sid: 51, seq: 1 })).toEqual({ ok: false, code: 'not_found' });
});

test('flush: a session has ended, everything is kept now', async () => {
  const rig = new Rig();
  await rig.mark(3);
  await rig.clock.advance(0);
  await rig.mark(5);
  await rig.notices.flush();
  expect(await rig.stored()).toBe(5);
});

test('kind 43: told to other sessions behind the write, not to the only one there is', async () => {
  const rig = new Rig();
  await rig.mark(3);
  await rig.clock.advance(0);
  expect(rig.told).toEqual([]);
  rig.sessions = [PHONE, LAPTOP];
  for (const seq of [4, 5, 6]) await rig.mark(seq);
  expect(rig.told).toEqual([]);
  await rig.clock.advance(2000);
  expect(rig.told).toEqual([[SID, 6]]);
  await rig.clock.advance(10_000);
  expect(rig.told).toEqual([[SID, 6]]);
});

test('kind 43: from no session (REST), told to the only one there is', async () => {
  const rig = new Rig();
  await rig.notices.mark({ sid: SID, seq: 3 });
  await rig.clock.advance(0);
  expect(rig.told).toEqual([[SID, 3]]);
});

test('kind 43: the user stream is away, told later', async () => {
  const rig = new Rig();
  rig.sessions = [];
  rig.isTellingDown = true;
  await rig.mark(3);
  await rig.clock.advance(5000);
  rig.isTellingDown = false;
  expect(rig.notices.isIdle).toBe(false);
  await rig.clock.advance(1000);
  expect(rig.told).toEqual([[SID, 3]]);
  expect(rig.notices.isIdle).toBe(true);
});

test('own messages: they move the marker, kept within a second', async () => {
  const rig = new Rig();
  await rig.notices.wrote({
    at: [
      [SID, 8],
      [SID + 1, 2],
    ],
    session: PHONE,
  });
  await rig.clock.advance(0);
  await rig.notices.wrote({ at: [[SID, 9]], session: PHONE });
  await rig.clock.advance(1000);
  expect([await rig.stored(), await rig.stored(SID + 1)]).toEqual([9, 2]);
  expect(await rig.notices.markers([SID, SID + 1, SID + 2])).toEqual({
    ok: true,
    value: [9, 2, 0],
  });
});

test('own messages: a marker asked for behind them is the one that they have moved', async () => {
  const rig = new Rig();
  void rig.notices.wrote({ at: [[SID, 8]], session: PHONE });
  expect(await rig.notices.markers([SID])).toEqual({ ok: true, value: [8] });
  void rig.notices.wrote({ at: [[SID + 1, 3]], session: PHONE });
  rig.heads.set(SID + 1, 3);
  expect(await rig.mark(1, SID + 1)).toBe(3);
});

test('a dead owner writes late: its write is refused, the newer marker stays', async () => {
  const rig = new Rig();
  await rig.mark(3);
  const old = rig.notices;
  rig.crash();
  await rig.mark(9);
  await rig.notices.flush();
  await old.flush();
  expect(await rig.stored()).toBe(9);
  rig.crash();
  expect(await rig.mark(1)).toBe(9);
});

test('markers: any order of marks, messages, crashes, outages: never back, at most 2 s are lost', async () => {
  const sids = [SID, SID + 1, SID + 2];
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ sid: fc.constantFrom(...sids), mark: fc.nat(120) }) },
    { weight: 3, arbitrary: fc.record({ sid: fc.constantFrom(...sids), wrote: fc.nat(100) }) },
    { weight: 5, arbitrary: fc.record({ waitMs: fc.integer({ min: 1, max: 1500 }) }) },
    { weight: 2, arbitrary: fc.constant({ crash: true }) },
    { weight: 1, arbitrary: fc.constant({ ended: true }) },
    {
      weight: 1,
      arbitrary: fc.record({ fault: fc.constantFrom('unavailable', 'lost', 'answerLost') }),
    },
  );
  type Step = {
    sid?: Id;
    mark?: Seq;
    wrote?: Seq;
    waitMs?: Ms;
    fault?: WriteFault;
    crash?: true;
    ended?: true;
  };
  const run = async (steps: readonly Step[]): Promise<void> => {
    const rig = new Rig();
    const { clock } = rig;
    for (const sid of sids) rig.heads.set(sid, 100);
    /** What each marker was known to be, and since when. */
    const seen = new Map<Id, { seq: Seq; atMs: Ms }[]>();
    let faultAtMs = Number.NEGATIVE_INFINITY;
    const note = (sid: Id, seq: Seq): void => {
      const before = seen.get(sid) ?? [];
      expect(seq).toBeGreaterThanOrEqual(before.at(-1)?.seq ?? 0);
      seen.set(sid, [...before, { seq, atMs: clock.monotonic() }]);
    };
    for (const { sid = SID, mark, wrote, waitMs, fault, crash, ended } of steps) {
      if (mark !== undefined) note(sid, await rig.mark(mark, sid));
      else if (wrote !== undefined) await rig.notices.wrote({ at: [[sid, wrote]] });
      else if (waitMs !== undefined) await clock.advance(waitMs);
      else if (ended) await rig.notices.flush();
      else if (fault !== undefined) {
        rig.faults.push(fault);
        faultAtMs = clock.monotonic();
      } else if (crash) {
        rig.crash();
        rig.faults.length = 0;
        const sinceMs = Math.min(clock.monotonic() - 2000, faultAtMs);
        for (const one of sids) {
          const kept = (seen.get(one) ?? []).filter(({ atMs }) => atMs <= sinceMs);
          seen.set(one, kept);
          const holds = await rig.mark(0, one);
          expect(holds).toBeGreaterThanOrEqual(kept.at(-1)?.seq ?? 0);
          note(one, holds);
        }
      }
      await settled();
    }
    rig.faults.length = 0;
    await clock.advance(5000);
    for (const sid of sids) expect(await rig.mark(0, sid)).toBe(await rig.stored(sid));
    expect(rig.notices.isIdle).toBe(true);
    for (const times of rig.writtenAt.values()) {
      const isCrowded = times.some((atMs, i) => i > 0 && atMs - (times[i - 1] as Ms) < 1000);
      // Only what ends a session or a life, and repeats of what failed, come closer.
      expect(isCrowded && !steps.some(({ crash, ended, fault }) => crash || ended || fault)).toBe(
        false,
      );
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), run), { numRuns: 40 });
});
