/**
 * Contract suite of ChannelLog (storage.md 6.1 and 6.2): open, commit, nonces, owners, life and death.
 * Every implementation runs it. Test code.
 */
import { expect, test } from 'vitest';
import { bytes, event, messagesCommit } from './test/builders.ts';
import { SID, type StoreHarness, seqsOf, withLog } from './test/harness.ts';

/** Registers these tests for one implementation; run it inside a `describe`. */
export function channelLogContract(start: () => StoreHarness): void {
  openTests(start);
  refusalTests(start);
  contentTests(start);
  nonceTests(start);
  concurrencyTests(start);
  lifeTests(start);
}

function openTests(start: () => StoreHarness): void {
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

  test('commit: stream that was never opened, refused', () =>
    withLog(start, async (log) => {
      const result = await log.commit(messagesCommit({ sid: 5, fence: 1 }, 0, 1));
      expect(result).toEqual({ ok: false, why: 'fenced', head: 0 });
      expect(await log.heads([5])).toEqual([]);
    }));
}

function refusalTests(start: () => StoreHarness): void {
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
}

function contentTests(start: () => StoreHarness): void {
  test('commit: 1,000 events, all readable in order', () =>
    withLog(start, async (log, opened) => {
      const commit = messagesCommit(opened, 0, 1_000, (i) => ({ nonce: `n${i}` }));
      expect(await log.commit(commit)).toEqual({ ok: true, head: 1_000 });
      expect(await log.replay(SID, 0, 2_000, 1e9)).toEqual(commit.events);
    }));

  test('commit: empty, 1 MiB and NUL frames, digests and u53 extremes, come back exactly', () =>
    withLog(start, async (log, opened) => {
      const max = Number.MAX_SAFE_INTEGER;
      const unbacked = structuredClone(new Uint8Array(0));
      const events = [
        event(1, { frame: new Uint8Array(0) }),
        // As it comes off a lane: without memory behind it, which node:sqlite binds as NULL.
        event(2, { frame: unbacked, digest: unbacked }),
        event(3, { frame: new Uint8Array(2 ** 20).fill(0xa5) }),
        event(4, { frame: bytes('\0a\0'), digest: new Uint8Array(16), nonce: 'x' }),
        event(5, { actor: max, ts: max, target: max, kind: 4, emoji: '👩‍👩‍👧‍👦' }),
      ];
      const base = messagesCommit(opened, 0, 1);
      expect(await log.commit({ ...base, events })).toEqual({ ok: true, head: 5 });
      const stored = await log.get(SID, [1, 2, 3, 4, 5]);
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
