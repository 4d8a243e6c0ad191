/** Tests of the queue of unsent messages. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { meaningOf, Outbox } from './index.ts';

const NOW = 1_763_694_000_000;
const MINUTE = 60_000;
const message = (nonce: string, sid = 1) => ({
  nonce,
  sid,
  kind: 1,
  body: [nonce],
  createdAt: NOW,
});
const due = (outbox: Outbox, now = NOW): string[] =>
  outbox.due(now).map((one) => `${one.nonce}:${one.state}`);

describe('Outbox', () => {
  test('due: one under way per stream, in the order written', () => {
    const outbox = new Outbox(10);
    for (const [nonce, sid] of [
      ['a', 1],
      ['b', 1],
      ['c', 2],
    ] as const)
      outbox.add(message(nonce, sid));
    expect(due(outbox)).toEqual(['a:waiting', 'c:waiting']);
    outbox.sending('a', NOW);
    outbox.sending('c', NOW);
    expect(due(outbox)).toEqual([]);
    outbox.remove('a');
    expect(due(outbox)).toEqual(['b:waiting']);
  });
  test('add: full, refused', () => {
    const outbox = new Outbox(1);
    expect([outbox.add(message('a')), outbox.add(message('b')), outbox.size]).toEqual([
      true,
      false,
      1,
    ]);
  });
  test('refused with retry_ms: later, and blocks the rest of its stream', () => {
    const outbox = new Outbox(10);
    outbox.add(message('a'));
    outbox.add(message('b'));
    outbox.sending('a', NOW);
    outbox.refused('a', NOW, 700);
    expect([due(outbox), outbox.nextDueAt(NOW)]).toEqual([[], NOW + 700]);
    expect(due(outbox, NOW + 700)).toEqual(['a:waiting']);
  });
  test('outcome unknown for over 8 minutes: stale; refused or never sent: any age', () => {
    const outbox = new Outbox(10);
    for (const [nonce, sid] of [
      ['u', 1],
      ['r', 2],
      ['n', 3],
      ['x', 4],
    ] as const)
      outbox.add(message(nonce, sid));
    outbox.sending('u', NOW);
    outbox.unknown('u', NOW, 0);
    outbox.sending('r', NOW);
    outbox.refused('r', NOW, 0);
    // Unknown first, refused afterwards: the first may have been committed.
    outbox.sending('x', NOW);
    outbox.unknown('x', NOW, 0);
    outbox.sending('x', NOW + MINUTE);
    outbox.refused('x', NOW + MINUTE, 0);
    expect(due(outbox, NOW + 8 * MINUTE)).toEqual([
      'u:waiting',
      'r:waiting',
      'n:waiting',
      'x:waiting',
    ]);
    expect(due(outbox, NOW + 8 * MINUTE + 1)).toEqual([
      'u:stale',
      'r:waiting',
      'n:waiting',
      'x:stale',
    ]);
  });
  test('unsent: nothing left the machine, any age', () => {
    const outbox = new Outbox(10);
    outbox.add(message('a'));
    outbox.sending('a', NOW);
    outbox.unsent('a', NOW);
    expect(due(outbox, NOW + 60 * MINUTE)).toEqual(['a:waiting']);
  });
  test('undecided: stays, does not block', () => {
    const outbox = new Outbox(10);
    outbox.add(message('a'));
    outbox.add(message('b'));
    outbox.undecided('a');
    expect(due(outbox)).toEqual(['b:waiting']);
  });
  test('save, load: nonces, order and the time of the first unknown attempt stay', () => {
    const outbox = new Outbox(10);
    outbox.add(message('a'));
    outbox.add(message('b'));
    outbox.sending('a', NOW);
    const next = new Outbox(10);
    next.add(message('c'));
    expect(next.load(outbox.save())).toBe(2);
    expect(next.list().map((one) => one.nonce)).toEqual(['a', 'b', 'c']);
    expect(next.get('a')).toMatchObject({ unknownSince: NOW, state: 'waiting', body: ['a'] });
    expect(due(next, NOW + 9 * MINUTE)).toEqual(['a:stale']);
  });
  test('load: any text, never a throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(new Outbox(5).load(text)).toBeGreaterThanOrEqual(0);
      }),
    );
    expect(new Outbox(5).load('[{"nonce":"a"},null,{"nonce":"a b","sid":1}]')).toBe(0);
  });
});

test('meaningOf: what may be sent again', () => {
  expect([420, 421, 502, 503, 410].map(meaningOf)).toEqual(Array(5).fill('retry'));
  expect(meaningOf(501)).toBe('unknown');
  expect([101, 110, 111, 301, 303, 311, 500].map(meaningOf)).toEqual(Array(7).fill('final'));
});
