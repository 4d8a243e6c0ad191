/**
 * Contract suite of ChannelLog (storage.md 6.1 and 6.2): what reads return, in ranges and in pages of
 * messages with edits and reactions folded in. Every implementation runs it. Test code.
 */
import { expect, test } from 'vitest';
import type { ChannelLog, LogEvent } from '../types.ts';
import { bytes, event, messagesCommit } from './test/builders.ts';
import { SID, type StoreHarness, seqsOf, withLog } from './test/harness.ts';

/** Registers these tests for one implementation; run it inside a `describe`. */
export function channelLogReadsContract(start: () => StoreHarness): void {
  rangeTests(start);
  rewriteTests(start);
  reactionTests(start);
  pinTests(start);
  pageTests(start);
  recentTests(start);
}

function rangeTests(start: () => StoreHarness): void {
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
      const redact = { seq: 1, kind: 0, frame: structuredClone(new Uint8Array(0)), editedAt: 9 };
      const only = { ...commit, after: 1, events: [], rewrites: [redact] };
      expect(await log.commit(only)).toEqual({ ok: true, head: 1 });
      expect(await log.messages(SID, { after: 0 }, 10, 7)).toEqual([]);
      expect((await log.heads([SID]))[0]?.headTs).toBe(event(1).ts);
    }));
}

function reactionTests(start: () => StoreHarness): void {
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
}

function pinTests(start: () => StoreHarness): void {
  test('pins: newest pin first, off and delete take it away, a stream of the same sid has none', () =>
    withLog(start, async (log, opened) => {
      await log.commit(messagesCommit(opened, 0, 4));
      let head = 4;
      const commit = async (fields: Partial<LogEvent>, rewrites: object[] = []): Promise<void> => {
        const events = [event(head + 1, fields)];
        const whole = { ...messagesCommit(opened, head, 1), events, rewrites: rewrites as [] };
        expect(await log.commit(whole)).toMatchObject({ ok: true });
        head += 1;
      };
      const pin = (target: number, emoji = 'on'): Promise<void> =>
        commit({ kind: 6, target, emoji });
      const pinned = async (limit = 10): Promise<number[]> =>
        (await log.pins(SID, limit, 7)).map((row) => row.event.seq);
      for (const target of [2, 1, 3, 99]) await pin(target);
      expect(await pinned()).toEqual([3, 1, 2]);
      await pin(2);
      expect(await pinned()).toEqual([2, 3, 1]);
      expect(await pinned(2)).toEqual([2, 3]);
      await pin(3, '');
      await pin(4, '');
      expect(await pinned()).toEqual([2, 1]);
      await commit({ kind: 4, actor: 20, emoji: 'z', target: 1 });
      const reactions = [{ emoji: 'z', count: 1, me: true }];
      expect((await log.pins(SID, 10, 20)).map((row) => row.reactions)).toEqual([[], reactions]);
      const redact = { seq: 2, kind: 0, frame: bytes(''), editedAt: 0 };
      await commit({ kind: 3, target: 2 }, [redact]);
      expect(await pinned()).toEqual([1]);
      expect(await log.pins(SID + 1, 10, 7)).toEqual([]);
      await log.drop(SID);
      expect(await pinned()).toEqual([]);
      const again = await log.open(SID);
      await log.commit(messagesCommit(again, 0, 4));
      expect(await pinned()).toEqual([]);
    }));

  test('reactors: users of one emoji in pages, none after the delete', () =>
    withLog(start, async (log, opened) => {
      const reactions = [30, 10, 20, 10, 40].map((actor, i) =>
        event(i + 2, { kind: 4, actor, emoji: i === 4 ? 'y' : 'x', target: 1 }),
      );
      const first = messagesCommit(opened, 0, 1);
      await log.commit({ ...first, events: [...first.events, ...reactions] });
      expect(await log.reactors(SID, 1, 'x', 0, 10)).toEqual([10, 20, 30]);
      expect(await log.reactors(SID, 1, 'x', 10, 1)).toEqual([20]);
      expect(await log.reactors(SID, 1, 'y', 0, 10)).toEqual([40]);
      expect(await log.reactors(SID, 1, 'z', 0, 10)).toEqual([]);
      expect(await log.reactors(SID + 1, 1, 'x', 0, 10)).toEqual([]);
      const redact = { seq: 1, kind: 0, frame: bytes(''), editedAt: 0 };
      const gone = { ...messagesCommit(opened, 6, 1, () => ({ kind: 3, target: 1 })) };
      await log.commit({ ...gone, rewrites: [redact] });
      expect(await log.reactors(SID, 1, 'x', 0, 10)).toEqual([]);
    }));
}

function recentTests(start: () => StoreHarness): void {
  test('recent: streams with a young message, by the newest message of all; none dropped', () =>
    withLog(start, async (log, opened) => {
      const at = (ts: number) => () => ({ ts });
      await log.commit(messagesCommit(opened, 0, 1, at(5000)));
      for (const [sid, ts] of [
        [SID + 1, 9000],
        [SID + 2, 8000],
        [SID + 3, 9500],
      ] as const) {
        const one = await log.open(sid);
        await log.commit(messagesCommit(one, 0, 1, at(ts)));
        // Other kinds do not count.
        await log.commit(messagesCommit(one, 1, 1, () => ({ ts: ts + 5000, kind: 20 })));
      }
      expect(await log.recent(1000)).toEqual([SID + 1, SID + 3]);
      expect(await log.recent(100_000)).toEqual([SID, SID + 1, SID + 2, SID + 3]);
      await log.drop(SID + 3);
      expect(await log.recent(1000)).toEqual([SID + 1, SID + 2]);
    }));
}

function pageTests(start: () => StoreHarness): void {
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
