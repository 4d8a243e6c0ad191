/**
 * Contract suite of ChannelLog (storage.md 6.1 and 6.2): every implementation runs it. Test code.
 */
import { expect, test } from 'vitest';
import type { ChannelLog, LogEvent, OpenedLog, Store } from '../types.ts';
import { bytes, event, messagesCommit } from './test/fixtures.ts';

/** How the suite gets stores. `reopen` is absent where nothing survives `close`. */
export interface StoreHarness {
  open(): Promise<Store>;
  reopen?(): Promise<Store>;
}

const SID = 90_071_992_547_409;

/** Registers the tests of the contract for one implementation; run it inside a `describe`. */
export function channelLogContract(start: () => StoreHarness): void {
  commitTests(start);
  nonceTests(start);
  rewriteTests(start);
  concurrencyTests(start);
  lifeTests(start);
}

async function withLog(
  start: () => StoreHarness,
  body: (log: ChannelLog, opened: OpenedLog) => Promise<void>,
): Promise<void> {
  const store = await start().open();
  try {
    await body(store.log, await store.log.open(SID));
  } finally {
    await store.close();
  }
}

const seqsOf = (events: readonly LogEvent[]): number[] => events.map(({ seq }) => seq);

function commitTests(start: () => StoreHarness): void {
  test('open: absent stream, creates it empty with an epoch', () =>
    withLog(start, async (log, opened) => {
      expect(opened).toMatchObject({ sid: SID, first: 1, head: 0, headTs: 0 });
      expect(opened.epoch).toBeGreaterThan(0);
      expect(opened.epoch).toBeLessThan(2 ** 32);
      const { fence: _, ...head } = opened;
      expect(await log.heads([SID, SID + 1])).toEqual([head]);
    }));

  test('open: again, keeps epoch and head and raises the fence', () =>
    withLog(start, async (log, opened) => {
      await log.commit(messagesCommit(opened, 0, 3));
      const again = await log.open(SID);
      expect(again).toMatchObject({ epoch: opened.epoch, head: 3, headTs: event(3).ts });
      expect(again.fence).toBeGreaterThan(opened.fence);
    }));

  test('commit: stale fence, refused without trace', () =>
    withLog(start, async (log, opened) => {
      await log.commit(messagesCommit(opened, 0, 1));
      const next = await log.open(SID);
      const stale = messagesCommit(opened, 1, 1, () => ({ nonce: 'n' }));
      expect(await log.commit(stale)).toEqual({ ok: false, why: 'fenced', head: 1 });
      expect(await log.findNonce(SID, 7, 'n')).toBeUndefined();
      expect(await log.commit({ ...stale, fence: next.fence })).toEqual({ ok: true, head: 2 });
    }));

  test('commit: after is not the head, refused without trace', () =>
    withLog(start, async (log, opened) => {
      await log.commit(messagesCommit(opened, 0, 2));
      expect(await log.commit(messagesCommit(opened, 1, 1))).toMatchObject({ why: 'fenced' });
      expect(await log.commit(messagesCommit(opened, 3, 1))).toMatchObject({ why: 'fenced' });
      expect(seqsOf(await log.replay(SID, 0, 10, 1e6))).toEqual([1, 2]);
    }));

  test('commit: stream that was never opened, refused', () =>
    withLog(start, async (log) => {
      const result = await log.commit(messagesCommit({ sid: 5, fence: 1 }, 0, 1));
      expect(result).toEqual({ ok: false, why: 'fenced', head: 0 });
      expect(await log.heads([5])).toEqual([]);
    }));

  test('commit: wrong seq, hole, empty commit, absent rewrite target, rejects without trace', () =>
    withLog(start, async (log, opened) => {
      const base = messagesCommit(opened, 0, 2);
      const rewrite = { seq: 3, kind: 0, frame: bytes(''), editedAt: 0 };
      const wrong = [
        { ...base, events: [event(2)] },
        { ...base, events: [event(1), event(3)] },
        { ...base, events: [event(1), event(1)] },
        { ...base, events: [] },
        { ...base, rewrites: [rewrite] },
        { ...base, rewrites: [{ ...rewrite, seq: 0 }] },
        { ...base, events: [event(1, { actor: -1 })] },
        { ...base, events: [event(1, { nonce: 'a\0b' })] },
        { ...base, events: [event(1, { emoji: '\ud800' })] },
      ];
      for (const commit of wrong) {
        await expect(log.commit(commit)).rejects.toThrow();
      }
      expect(await log.replay(SID, 0, 10, 1e6)).toEqual([]);
      expect(await log.commit(base)).toEqual({ ok: true, head: 2 });
    }));

  test('commit: 1,000 events, all readable in order', () =>
    withLog(start, async (log, opened) => {
      const commit = messagesCommit(opened, 0, 1_000, (i) => ({ nonce: `n${i}` }));
      expect(await log.commit(commit)).toEqual({ ok: true, head: 1_000 });
      expect(await log.replay(SID, 0, 2_000, 1e9)).toEqual(commit.events);
    }));

  test('commit: empty, 1 MiB and NUL frames, digests and u53 extremes, come back exactly', () =>
    withLog(start, async (log, opened) => {
      const max = Number.MAX_SAFE_INTEGER;
      const events = [
        event(1, { frame: new Uint8Array(0) }),
        event(2, { frame: new Uint8Array(2 ** 20).fill(0xa5) }),
        event(3, { frame: bytes('\0a\0'), digest: new Uint8Array(16), nonce: 'x' }),
        event(4, { actor: max, ts: max, target: max, kind: 4, emoji: '👩‍👩‍👧‍👦' }),
      ];
      const base = messagesCommit(opened, 0, 1);
      expect(await log.commit({ ...base, events })).toEqual({ ok: true, head: 4 });
      const stored = await log.get(SID, [1, 2, 3, 4]);
      expect(stored.map((e) => e && { ...e, frame: undefined })).toEqual(
        events.map((e) => ({ ...e, frame: undefined })),
      );
      for (const [i, one] of events.entries()) {
        expect(Buffer.compare(stored[i]!.frame, one.frame)).toBe(0);
      }
    }));

  test('commit: buffers changed by the caller afterwards, stored event unchanged', () =>
    withLog(start, async (log, opened) => {
      const frame = bytes('before');
      await log.commit(messagesCommit(opened, 0, 1, () => ({ frame })));
      frame.fill(0);
      const [read] = await log.get(SID, [1]);
      expect(read?.frame).toEqual(bytes('before'));
      read?.frame.fill(0);
      expect((await log.get(SID, [1]))[0]?.frame).toEqual(bytes('before'));
    }));

  test('replay: limits by count and bytes, at least one event, no hole', () =>
    withLog(start, async (log, opened) => {
      await log.commit(messagesCommit(opened, 0, 9, () => ({ frame: new Uint8Array(100) })));
      expect(seqsOf(await log.replay(SID, 0, 4, 1e6))).toEqual([1, 2, 3, 4]);
      expect(seqsOf(await log.replay(SID, 4, 100, 250))).toEqual([5, 6]);
      expect(seqsOf(await log.replay(SID, 4, 100, 1))).toEqual([5]);
      expect(seqsOf(await log.replay(SID, 8, 100, 1e6))).toEqual([9]);
      expect(await log.replay(SID, 9, 100, 1e6)).toEqual([]);
      expect(await log.replay(SID, 90, 100, 1e6)).toEqual([]);
      expect(await log.replay(SID, 0, 0, 1e6)).toEqual([]);
      expect(await log.replay(SID + 1, 0, 10, 1e6)).toEqual([]);
      await expect(log.replay(SID, 0, -1, 1e6)).rejects.toThrow(RangeError);
    }));

  test('history: both directions at both ends, exact', () =>
    withLog(start, async (log, opened) => {
      await log.commit(messagesCommit(opened, 0, 10));
      const page = async (anchor: number, before: number, after: number): Promise<number[]> =>
        seqsOf(await log.history(SID, anchor, before, after));
      expect(await page(5, 2, 3)).toEqual([4, 5, 6, 7, 8]);
      expect(await page(5, 0, 2)).toEqual([6, 7]);
      expect(await page(5, 2, 0)).toEqual([4, 5]);
      expect(await page(1, 5, 1)).toEqual([1, 2]);
      expect(await page(10, 3, 5)).toEqual([8, 9, 10]);
      expect(await page(99, 2, 2)).toEqual([9, 10]);
      expect(await page(0, 3, 2)).toEqual([1, 2]);
      expect(await page(5, 0, 0)).toEqual([]);
      expect(await log.history(SID + 1, 5, 5, 5)).toEqual([]);
    }));

  test('get: keeps the order of the request, holes and repeats', () =>
    withLog(start, async (log, opened) => {
      await log.commit(messagesCommit(opened, 0, 3));
      const events = await log.get(SID, [3, 9, 1, 3, 0]);
      expect(events.map((e) => e?.seq)).toEqual([3, undefined, 1, 3, undefined]);
      expect(await log.get(SID, [])).toEqual([]);
    }));
}

function nonceTests(start: () => StoreHarness): void {
  const digest = bytes('0123456789abcdef');

  test('commit: nonce in the log, answered with the first event and nothing written', () =>
    withLog(start, async (log, opened) => {
      await log.commit(messagesCommit(opened, 0, 1, () => ({ nonce: 'n1', digest })));
      const again = messagesCommit(opened, 1, 2, (i) => ({ nonce: `n${i}`, digest: bytes('x') }));
      expect(await log.commit(again)).toEqual({
        ok: false,
        why: 'duplicate',
        at: [{ index: 1, seq: 1, ts: event(1).ts, digest }],
      });
      expect(seqsOf(await log.replay(SID, 0, 10, 1e6))).toEqual([1]);
      expect(await log.findNonce(SID, 7, 'n0')).toBeUndefined();
      expect(await log.findNonce(SID, 7, 'n1')).toEqual({ seq: 1, ts: event(1).ts, digest });
    }));

  test('commit: nonce twice in one commit, the second is answered with the first', () =>
    withLog(start, async (log, opened) => {
      const twice = messagesCommit(opened, 0, 3, (i) => ({ nonce: i === 1 ? 'b' : 'a', digest }));
      expect(await log.commit(twice)).toEqual({
        ok: false,
        why: 'duplicate',
        at: [{ index: 2, seq: 1, ts: event(1).ts, digest }],
      });
      expect(await log.replay(SID, 0, 10, 1e6)).toEqual([]);
    }));

  test('commit: nonce of another author or stream, and no nonce at all, is free', () =>
    withLog(start, async (log, opened) => {
      const nonces = ['n', 'n', '', ''];
      const mixed = messagesCommit(opened, 0, 4, (i) => ({ nonce: nonces[i]!, actor: 7 + i }));
      expect(await log.commit(mixed)).toEqual({ ok: true, head: 4 });
      const other = await log.open(SID + 1);
      const same = messagesCommit(other, 0, 1, () => ({ nonce: 'n' }));
      expect(await log.commit(same)).toEqual({ ok: true, head: 1 });
      expect((await log.findNonce(SID, 8, 'n'))?.seq).toBe(2);
      expect(await log.findNonce(SID, 9, 'n')).toBeUndefined();
      expect(await log.findNonce(SID, 9, '')).toBeUndefined();
    }));

  test('commit: fence is judged before nonces', () =>
    withLog(start, async (log, opened) => {
      await log.commit(messagesCommit(opened, 0, 1, () => ({ nonce: 'n' })));
      const stale = messagesCommit(opened, 0, 1, () => ({ nonce: 'n' }));
      expect(await log.commit(stale)).toMatchObject({ why: 'fenced' });
    }));
}

function rewriteTests(start: () => StoreHarness): void {
  const edited = bytes('edited');

  test('commit: edit with rewrites, served as edited and the older edit as redacted', () =>
    withLog(start, async (log, opened) => {
      const base = { sid: SID, fence: opened.fence };
      await log.commit({ ...base, after: 0, events: [event(1), event(2)], rewrites: [] });
      const edit = (seq: number): LogEvent => event(seq, { kind: 2, target: 1 });
      const rewrite = { seq: 1, kind: 1, frame: edited, editedAt: 50 };
      await log.commit({ ...base, after: 2, events: [edit(3)], rewrites: [rewrite] });
      expect(await log.editsOf(SID, 1)).toEqual([3]);
      const redact = { seq: 3, kind: 0, frame: bytes('gone'), editedAt: 0 };
      const again = { ...rewrite, editedAt: 60 };
      await log.commit({ ...base, after: 3, events: [edit(4)], rewrites: [again, redact] });
      expect(await log.editsOf(SID, 1)).toEqual([4]);
      expect(await log.editsOf(SID, 2)).toEqual([]);
      expect(await log.get(SID, [1, 3])).toEqual([
        { ...event(1), frame: edited },
        { ...event(3), kind: 0, target: 1, frame: bytes('gone') },
      ]);
      const rows = await log.messages(SID, { after: 0 }, 10, 7);
      expect(rows.map((r) => [r.event.seq, r.editedAt])).toEqual([
        [1, 60],
        [2, 0],
      ]);
    }));

  test('commit: event and its rewrite in one commit, the rewrite wins', () =>
    withLog(start, async (log, opened) => {
      const commit = messagesCommit(opened, 0, 1);
      const rewrites = [{ seq: 1, kind: 1, frame: edited, editedAt: 9 }];
      expect(await log.commit({ ...commit, rewrites })).toEqual({ ok: true, head: 1 });
      expect((await log.get(SID, [1]))[0]?.frame).toEqual(edited);
      const only = { ...commit, after: 1, events: [], rewrites: [{ ...rewrites[0]!, kind: 0 }] };
      expect(await log.commit(only)).toEqual({ ok: true, head: 1 });
      expect(await log.messages(SID, { after: 0 }, 10, 7)).toEqual([]);
      expect((await log.heads([SID]))[0]?.headTs).toBe(event(1).ts);
    }));

  test('messages: reactions are a set, in order of the first, and vanish with the message', () =>
    withLog(start, async (log, opened) => {
      let head = 0;
      const commit = async (fields: Partial<LogEvent>, rewrites: object[] = []): Promise<void> => {
        const events = [event(head + 1, fields)];
        const whole = { ...messagesCommit(opened, head, 1), events, rewrites: rewrites as [] };
        expect(await log.commit(whole)).toMatchObject({ ok: true });
        head += 1;
      };
      const react = (kind: 4 | 5, actor: number, emoji: string): Promise<void> =>
        commit({ kind, actor, emoji, target: 1 });
      const reactions = async (viewer: number): Promise<unknown> =>
        (await log.messages(SID, { around: 1 }, 1, viewer))[0]?.reactions;
      await commit({});
      await react(4, 20, 'z');
      await react(4, 20, 'z');
      await react(4, 21, 'a');
      await react(4, 22, 'z');
      await react(5, 23, 'z');
      expect(await reactions(20)).toEqual([
        { emoji: 'z', count: 2, me: true },
        { emoji: 'a', count: 1, me: false },
      ]);
      await react(5, 20, 'z');
      await react(5, 20, 'z');
      await react(5, 22, 'z');
      expect(await reactions(21)).toEqual([{ emoji: 'a', count: 1, me: true }]);
      await react(4, 22, 'z');
      expect(await reactions(22)).toEqual([
        { emoji: 'a', count: 1, me: false },
        { emoji: 'z', count: 1, me: true },
      ]);
      const redact = { seq: 1, kind: 0, frame: bytes(''), editedAt: 0 };
      await commit({ kind: 3, target: 1 }, [redact]);
      expect(await reactions(22)).toBeUndefined();
    }));

  test('messages: only kind 1, ascending, exact at limit and at both ends', () =>
    withLog(start, async (log, opened) => {
      // Messages at the odd seqs 1 to 19, something else at the even ones.
      await log.commit(messagesCommit(opened, 0, 20, (i) => ({ kind: i % 2 === 0 ? 1 : 6 })));
      const page = async (
        anchor: Parameters<ChannelLog['messages']>[1],
        limit: number,
      ): Promise<number[]> =>
        (await log.messages(SID, anchor, limit, 7)).map((row) => row.event.seq);
      expect(await page({ before: 7 }, 2)).toEqual([3, 5]);
      expect(await page({ before: 7 }, 3)).toEqual([1, 3, 5]);
      expect(await page({ before: 7 }, 4)).toEqual([1, 3, 5]);
      expect(await page({ before: 1 }, 4)).toEqual([]);
      expect(await page({ before: 0 }, 4)).toEqual([]);
      expect(await page({ after: 15 }, 1)).toEqual([17]);
      expect(await page({ after: 15 }, 5)).toEqual([17, 19]);
      expect(await page({ after: 0 }, 0)).toEqual([]);
      expect(await page({ around: 9 }, 1)).toEqual([9]);
      expect(await page({ around: 9 }, 4)).toEqual([5, 7, 9, 11]);
      expect(await page({ around: 10 }, 4)).toEqual([7, 9, 11, 13]);
      expect(await page({ around: 1 }, 4)).toEqual([1, 3, 5, 7]);
      expect(await page({ around: 19 }, 4)).toEqual([13, 15, 17, 19]);
      expect(await page({ around: 500 }, 3)).toEqual([15, 17, 19]);
      expect(await page({ around: 9 }, 100)).toHaveLength(10);
      expect(await log.messages(SID + 1, { after: 0 }, 10, 7)).toEqual([]);
    }));

  test('messages: walks in both directions while others are deleted, each live one once', () =>
    withLog(start, async (log, opened) => {
      await log.commit(messagesCommit(opened, 0, 30));
      let head = 30;
      const remove = async (seq: number): Promise<void> => {
        const events = [event(head + 1, { kind: 3, target: seq })];
        const rewrites = [{ seq, kind: 0, frame: bytes(''), editedAt: 0 }];
        await log.commit({ sid: SID, fence: opened.fence, after: head, events, rewrites });
        head += 1;
      };
      const back: number[] = [];
      for (let before = 31; ; before = back[0]!) {
        const page = await log.messages(SID, { before }, 4, 7);
        if (page.length === 0) break;
        back.unshift(...page.map((row) => row.event.seq));
        await remove(back[0]!);
      }
      expect(back).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
      const forth: number[] = [];
      for (let after = 0; ; after = forth.at(-1)!) {
        const page = await log.messages(SID, { after }, 4, 7);
        if (page.length === 0) break;
        forth.push(...page.map((row) => row.event.seq));
        await remove(forth.at(-1)!);
      }
      const deleted = new Set([27, 23, 19, 15, 11, 7, 3, 1]);
      expect(forth).toEqual(back.filter((seq) => !deleted.has(seq)));
    }));
}

function concurrencyTests(start: () => StoreHarness): void {
  test('commit: 40 streams with 25 commits in flight together, all gapless', () =>
    withLog(start, async (log) => {
      const streams = await Promise.all(Array.from({ length: 40 }, (_, i) => log.open(1_000 + i)));
      const results = await Promise.all(
        streams.flatMap((stream) =>
          Array.from({ length: 25 }, (_, n) => log.commit(messagesCommit(stream, n, 1))),
        ),
      );
      expect(results.every((result) => result.ok)).toBe(true);
      for (const { sid } of streams) {
        const seqs = seqsOf(await log.replay(sid, 0, 100, 1e6));
        expect(seqs).toEqual(Array.from({ length: 25 }, (_, i) => i + 1));
      }
    }));

  test('commit: a wrong one among others in flight, only that one rejects', () =>
    withLog(start, async (log, opened) => {
      const other = await log.open(SID + 1);
      const wrong = { ...messagesCommit(other, 0, 1), rewrites: [] as never[], events: [] };
      const results = await Promise.allSettled([
        log.commit(messagesCommit(opened, 0, 1)),
        log.commit(wrong),
        log.commit(messagesCommit(opened, 1, 1)),
        log.commit(messagesCommit(other, 5, 1)),
        log.commit(messagesCommit(other, 0, 1)),
      ]);
      const ok = results.map((r) => (r.status === 'fulfilled' ? r.value.ok : r.status));
      expect(ok).toEqual([true, 'rejected', true, false, true]);
    }));

  test('commit: two owners racing, no gap and no acknowledged loss', () =>
    withLog(start, async (log) => {
      const acknowledged = new Map<number, string>();
      const owner = async (name: string): Promise<void> => {
        let opened = await log.open(SID);
        let { head } = opened;
        for (let round = 0; round < 60; round += 1) {
          const count = 1 + (round % 3);
          const commit = messagesCommit(opened, head, count, (i) => ({
            nonce: `${name}-${round}-${i}`,
            frame: bytes(`${name}-${round}-${i}`),
          }));
          const result = await log.commit(commit);
          if (result.ok) {
            head = result.head;
            for (const { seq, nonce } of commit.events) acknowledged.set(seq, nonce);
          } else {
            expect(result.why).toBe('fenced');
            opened = await log.open(SID);
            head = opened.head;
          }
        }
      };
      await Promise.all([owner('a'), owner('b')]);
      const events = await log.replay(SID, 0, 10_000, 1e9);
      expect(seqsOf(events)).toEqual(events.map((_, i) => i + 1));
      expect(new Map(events.map((e) => [e.seq, e.nonce]))).toEqual(acknowledged);
    }));
}

function lifeTests(start: () => StoreHarness): void {
  test('drop: everything is gone, its old owner is fenced, and the sid starts anew', () =>
    withLog(start, async (log, opened) => {
      await log.commit(messagesCommit(opened, 0, 3, () => ({ nonce: '', kind: 1 })));
      const reaction = event(4, { kind: 4, target: 1, emoji: 'x', nonce: 'n' });
      await log.commit({ ...messagesCommit(opened, 3, 1), events: [reaction] });
      await log.drop(SID);
      await log.drop(SID);
      expect(await log.heads([SID])).toEqual([]);
      expect(await log.replay(SID, 0, 10, 1e6)).toEqual([]);
      expect(await log.history(SID, 9, 9, 9)).toEqual([]);
      expect(await log.get(SID, [1])).toEqual([undefined]);
      expect(await log.messages(SID, { after: 0 }, 9, 7)).toEqual([]);
      expect(await log.findNonce(SID, 7, 'n')).toBeUndefined();
      expect(await log.editsOf(SID, 1)).toEqual([]);
      const anew = await log.open(SID);
      expect(anew.head).toBe(0);
      expect(await log.commit(messagesCommit(opened, 0, 1))).toMatchObject({ why: 'fenced' });
      await log.commit(messagesCommit(anew, 0, 1, () => ({ nonce: 'n' })));
      expect((await log.messages(SID, { after: 0 }, 9, 7))[0]?.reactions).toEqual([]);
    }));

  test('close: again and afterwards, idempotent and later calls reject', async () => {
    const store = await start().open();
    const opened = await store.log.open(SID);
    const last = store.log.commit(messagesCommit(opened, 0, 1));
    await Promise.all([store.close(), store.close()]);
    expect(await last).toEqual({ ok: true, head: 1 });
    const closed = { code: 'DRIFT_CHANNELS_STORE_CLOSED' };
    await expect(store.log.open(SID)).rejects.toMatchObject(closed);
    await expect(store.log.commit(messagesCommit(opened, 1, 1))).rejects.toMatchObject(closed);
    await expect(store.log.replay(SID, 0, 1, 1)).rejects.toMatchObject(closed);
    await expect(store.docs.get('k', ['a'])).rejects.toMatchObject(closed);
  });

  test('reopen: events, nonces, epoch and reactions survive where the store is durable', async () => {
    const harness = start();
    const store = await harness.open();
    expect(store.log.durability > 0).toBe(harness.reopen !== undefined);
    const opened = await store.log.open(SID);
    await store.log.commit(messagesCommit(opened, 0, 2, (i) => ({ nonce: `n${i}` })));
    const reaction = event(3, { kind: 4, target: 1, emoji: 'x' });
    await store.log.commit({ ...messagesCommit(opened, 2, 1), events: [reaction] });
    await store.close();
    const again = await harness.reopen?.();
    if (again === undefined) {
      return;
    }
    try {
      const reopened = await again.log.open(SID);
      expect(reopened).toMatchObject({ epoch: opened.epoch, head: 3 });
      expect(reopened.fence).toBeGreaterThan(opened.fence);
      const repeat = messagesCommit(reopened, 3, 1, () => ({ nonce: 'n1' }));
      expect(await again.log.commit(repeat)).toMatchObject({ why: 'duplicate', at: [{ seq: 2 }] });
      const [row] = await again.log.messages(SID, { after: 0 }, 1, 7);
      expect(row?.reactions).toEqual([{ emoji: 'x', count: 1, me: true }]);
    } finally {
      await again.close();
    }
  });
}
