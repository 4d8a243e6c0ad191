/** Each invariant against a log that keeps it and one that breaks it: a check that cannot fail checks nothing. */
import { describe, expect, test } from 'vitest';
import type { ConnectionLog, Event, LogEntry } from '../peer/log.ts';
import type { Frame } from '../wire/types.ts';
import { byteIdentity, causality, senderOrder, totalOrder } from './across.ts';
import { acknowledgedIsKept, gapless, oncePerNonce } from './kept.ts';
import { noSilentLoss, revoked, tiles, worstSecond } from './reader.ts';
import { walk } from './walk.ts';

const SID = 7;
const EPOCH = 9;
const UID = 5;

const ev = (seq: number, content = `m${seq}`, kind = 1): Frame => [
  16,
  SID,
  EPOCH,
  seq,
  1000 + seq,
  kind,
  UID,
  content,
];
const out = (...frame: Frame) => ({ dir: 'out' as const, frame });
const into = (...frame: Frame) => ({ dir: 'in' as const, frame });
const gap = (reason: number, from: number, to: number) =>
  into(18, SID, reason, EPOCH, from, to, 1000 + to);
/** SUB with its OK. */
const sub = (
  rid: number,
  cursor: number | undefined,
  status: number,
  seq: number,
  head: number,
) => [
  out(32, rid, [cursor === undefined ? [SID] : [SID, EPOCH, cursor, 1000 + cursor]]),
  into(4, rid, [[SID, status, EPOCH, seq, 1000 + seq, 1, head]]),
];

function log(entries: readonly { dir: 'in' | 'out'; frame: Frame }[], client = 'B'): ConnectionLog {
  const full: LogEntry[] = entries.map(({ dir, frame }, i) => ({
    atMs: i,
    dir,
    frame,
    bytes: Buffer.from(JSON.stringify(frame)),
  }));
  return { client, uid: UID, encoding: 'json', entries: full, isTampered: false, end: undefined };
}

const broken = (...entries: { dir: 'in' | 'out'; frame: Frame }[]): string[] =>
  walk(log(entries)).violations.map(({ invariant }) => invariant);

const event = (seq: number, content = `m${seq}`, kind = 1): Event => ({
  sid: SID,
  epoch: EPOCH,
  seq,
  ts: 1000 + seq,
  kind,
  actor: UID,
  body: [content],
  atMs: 0,
  bytes: Buffer.from(content),
});
const asGap = (from: number, to: number) => ({
  sid: SID,
  reason: 7,
  epoch: EPOCH,
  from,
  to,
  ts: 0,
});

describe('walk', () => {
  test('live, replay, batch, gap, repair, end: nothing broken', () => {
    const entries = [
      ...sub(1, undefined, 0, 0, 0),
      into(...ev(1)),
      into(12, [ev(2), ev(3)]),
      into(17, SID, EPOCH, 3, 1003),
      gap(7, 4, 9),
      into(...ev(10)),
      ...sub(2, 2, 1, 2, 10),
      into(12, [ev(3), ev(4), ev(5), ev(6), ev(7), ev(8), ev(9), ev(10)]),
      into(...ev(11)),
      into(25, SID, 301),
    ];
    expect(broken(...entries)).toEqual([]);
  });

  test.each([
    ['an event twice', [...sub(1, undefined, 0, 0, 0), into(...ev(1)), into(...ev(1))], ['I3']],
    ['a step back', [...sub(1, 5, 1, 5, 6), into(...ev(4))], ['I3']],
    ['a skip in a replay', [...sub(1, 5, 1, 5, 9), into(...ev(7))], ['I8']],
    ['a skip when live', [...sub(1, 5, 0, 5, 5), into(...ev(7))], ['I9']],
    ['an event before the OK', [out(32, 1, [[SID]]), into(...ev(1))], ['I9']],
    ['an event of another epoch', [...sub(1, 1, 0, 1, 1), into(16, SID, 8, 2, 1, 1, 5)], ['I9']],
    ['an event after SUBEND', [...sub(1, 0, 0, 0, 0), into(25, SID, 301), into(...ev(1))], ['I14']],
    ['a gap that begins late', [...sub(1, 5, 0, 5, 5), gap(7, 7, 9)], ['I9']],
    ['an event in the place of the promised gap', [...sub(1, 5, 2, 9, 9), into(...ev(6))], ['I8']],
    ['a promised gap of another end', [...sub(1, 5, 2, 9, 9), gap(1, 6, 8)], ['I8']],
    ['a void gap that does not begin at 1', [...sub(1, 5, 2, 9, 9), gap(3, 6, 9)], ['I8']],
    ['status 0 behind the head', sub(1, 5, 0, 5, 6), ['I8']],
    ['status 1 at another position', sub(1, 5, 1, 4, 6), ['I8']],
    ['a HEAD that overtakes', [...sub(1, 5, 0, 5, 5), into(17, SID, EPOCH, 6, 1006)], ['I9']],
    ['two replies', [out(7, 1), into(4, 1, 5), into(4, 1, 5)], ['I15']],
    ['a reply to nothing', [into(5, 3, 101, 'bad_args')], ['I15']],
  ])('%s: %j', (_what, entries, invariants) => {
    expect(broken(...entries)).toEqual(invariants);
  });
});

describe('several logs', () => {
  const reader = (client: string, ...events: Frame[]) =>
    walk(log([...sub(1, 0, 1, 0, 9), ...events.map((one) => into(...one))], client));

  test('totalOrder: another content at the same seq, I1; an edited one, nothing', () => {
    const copy = (one: Event) => ({ client: 'B', event: one });
    expect(totalOrder([copy(event(1)), copy(event(1))])).toEqual([]);
    expect(totalOrder([copy(event(1)), copy(event(1, 'other'))])).toHaveLength(1);
    const edit = { ...event(2, '', 2), body: [1, 'other'] };
    expect(totalOrder([copy(event(1)), copy(event(1, 'other')), copy(edit)])).toEqual([]);
  });

  test('byteIdentity: other bytes for the same event, I16', () => {
    const spaced = reader('C');
    const withSpace = { ...event(1), bytes: Buffer.from(`${JSON.stringify(ev(1))} `) };
    expect(byteIdentity([reader('B', ev(1)), reader('C', ev(1))])).toEqual([]);
    expect(byteIdentity([reader('B', ev(1)), { ...spaced, events: [withSpace] }])).toHaveLength(1);
  });

  const append = (rid: number, nonce: string, content: string) =>
    out(34, rid, SID, nonce, 1, content);
  const ok = (rid: number, seq: number, isDuplicate = false) =>
    into(4, rid, EPOCH, seq, 1000 + seq, isDuplicate);

  test('senderOrder: seqs against the order of sending, I11; a duplicate, nothing', () => {
    const order = (...seqs: [number, number]) =>
      senderOrder([
        walk(log([append(1, 'a', 'x'), append(2, 'b', 'y'), ok(2, seqs[1]), ok(1, seqs[0])])),
      ]);
    expect(order(1, 2)).toEqual([]);
    expect(order(2, 1)).toHaveLength(1);
    const retried = [append(1, 'a', 'x'), ok(1, 4), append(2, 'b', 'y'), ok(2, 3, true)];
    expect(senderOrder([walk(log(retried))])).toEqual([]);
  });

  test('causality: HISTORY asked after an OK shows an older head, I12', () => {
    const history = (head: number) => [out(35, 2, SID, 0, 0, 0), into(4, 2, EPOCH, 1, head, [])];
    const before = [append(1, 'a', 'x'), ok(1, 5)];
    expect(causality([walk(log([...before, ...history(5)]))])).toEqual([]);
    expect(causality([walk(log([...before, ...history(4)]))])).toHaveLength(1);
  });

  test('kept: what is acknowledged and missing, changed or doubled, is told', () => {
    const kept = (...events: Event[]) => ({
      sid: SID,
      epoch: EPOCH,
      first: 1,
      head: events.at(-1)?.seq ?? 0,
      events,
    });
    const { appends } = walk(log([append(1, 'a', 'm1'), ok(1, 1)]));
    const good = kept(event(1), event(2));
    expect([gapless(good), acknowledgedIsKept(good, appends), oncePerNonce(good, appends)]).toEqual(
      [[], [], []],
    );
    expect(gapless(kept(event(1), event(3)))).toHaveLength(1);
    expect(acknowledgedIsKept(kept(event(2)), appends)).toHaveLength(1);
    expect(acknowledgedIsKept(kept(event(1, 'other')), appends)).toHaveLength(1);
    expect(oncePerNonce(kept(event(1), event(2, 'm1')), appends)).toHaveLength(1);
    const open = walk(log([append(1, 'a', 'm1')])).appends;
    expect(oncePerNonce(kept(), open)).toEqual([]);
    expect(oncePerNonce(kept(event(1), event(2, 'm1')), open)).toHaveLength(1);
    const twice = [append(1, 'a', 'm1'), ok(1, 1), append(2, 'a', 'm1'), ok(2, 2)];
    expect(oncePerNonce(good, walk(log(twice)).appends).length).toBeGreaterThan(0);
  });
});

describe('one reader', () => {
  const reader = (delivered: Event[], gaps = [asGap(4, 5)]) =>
    noSilentLoss({ client: 'B', sid: SID, delivered, gaps }, 1, 6);

  test('noSilentLoss: a hole is I2, twice is I3', () => {
    const all = [1, 2, 3, 6].map((seq) => event(seq));
    expect(reader(all)).toEqual([]);
    expect(reader(all.slice(1)).map(({ invariant }) => invariant)).toEqual(['I2']);
    expect(reader([...all, event(6)]).map(({ invariant }) => invariant)).toEqual(['I3']);
  });

  test('tiles: events and gaps side by side, else what is wrong', () => {
    const of = (...seqs: number[]) => ({
      events: seqs.map((seq) => event(seq)),
      gaps: [asGap(4, 5)],
    });
    expect(tiles(of(3, 6, 7), 2, 7)).toBeUndefined();
    expect(tiles(of(3, 6), 2, 7)).toContain('ends at 6');
    expect(tiles(of(6, 7), 2, 7)).toContain('4 follows 2');
    expect(tiles(of(3, 3, 6, 7), 2, 7)).toContain('3 follows 3');
  });

  test('revoked: an event of a second later, I14', () => {
    expect(revoked('B', [event(1)], 1)).toEqual([]);
    expect(revoked('B', [event(1)], 0)).toHaveLength(1);
  });

  test('worstSecond: the largest share in one second', () => {
    expect(worstSecond([0, 999, 1000, 5000])).toBe(0.5);
    expect(worstSecond([])).toBe(0);
  });
});
