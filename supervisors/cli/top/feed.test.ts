/** Rows from the server: one subscription at a time, and new attempts when the server is gone. */
import { describe, expect, test } from 'vitest';
import { FakeClock, settle } from '../../../runtime/testkit/index.ts';
import { FakeAdmin } from '../test/fake-admin.ts';
import type { Connected } from '../types.ts';
import { TreeFeed } from './feed.ts';

function started(connect: () => Promise<Connected> = async () => refusedBy('no_server')) {
  const clock = new FakeClock();
  const seen: string[] = [];
  let attempts = 0;
  const feed = new TreeFeed(
    {
      clock,
      connect: () => {
        attempts++;
        return connect();
      },
      onOpen: ({ pid }) => seen.push(`open ${pid}`),
      onEvent: (kind) => seen.push(kind),
      onLost: (why, isFinal) => seen.push(`lost ${why}${isFinal ? ' for good' : ''}`),
      onRefused: (code) => seen.push(`refused ${code}`),
    },
    { depth: 2 },
  );
  return { feed, clock, seen, attempts: () => attempts };
}

function refusedBy(code: string): Connected {
  return { ok: false, code, message: code };
}

describe('TreeFeed', () => {
  test('begin: subscribes and hands events on', async () => {
    const { feed, seen } = started();
    const admin = new FakeAdmin();
    feed.begin(admin);
    admin.change({ 'n1/main': { mailbox: 1 } });
    expect(admin.subscriptions[0]?.options).toEqual({ depth: 2 });
    expect(seen).toEqual(['open 4242', 'snapshot', 'delta']);
  });

  test('want: the new subscription first, then the old one ends', async () => {
    const { feed, seen } = started();
    const admin = new FakeAdmin();
    feed.begin(admin);
    await settle();
    feed.want({ depth: 1 });
    await settle();
    expect(admin.subscriptions.map(({ isOpen }) => isOpen)).toEqual([false, true]);
    admin.change({ 'n1/main': { mailbox: 1 } });
    expect(seen).toEqual(['open 4242', 'snapshot', 'snapshot', 'delta']);
  });

  test('want twice at once: one is left open', async () => {
    const { feed } = started();
    const admin = new FakeAdmin();
    feed.begin(admin);
    feed.want({ depth: 1 });
    feed.want({ depth: 4 });
    await settle();
    expect(admin.subscriptions.map(({ isOpen }) => isOpen)).toEqual([false, false, true]);
  });

  test('a refused subscription: the one before it goes on', async () => {
    const { feed, seen } = started();
    const admin = new FakeAdmin();
    feed.begin(admin);
    await settle();
    feed.want({ root: 'n1/gone' });
    await settle();
    admin.change({ 'n1/main': { mailbox: 1 } });
    expect(seen.slice(2)).toEqual(['refused not_found', 'delta']);
  });

  test('a lost server: attempts further and further apart, then goes on', async () => {
    let isUp = false;
    const next = new FakeAdmin();
    const { feed, clock, seen, attempts } = started(async () =>
      isUp ? { ok: true, admin: next } : refusedBy('no_server'),
    );
    const admin = new FakeAdmin();
    feed.begin(admin);
    admin.close('gone');
    await settle();
    expect(seen.at(-1)).toBe('lost gone');
    await clock.advance(250);
    await clock.advance(500);
    await clock.advance(1_000);
    expect(attempts()).toBe(3);
    await clock.advance(2_000);
    await clock.advance(1_999);
    expect(attempts()).toBe(4);
    isUp = true;
    await clock.advance(1);
    expect(seen.slice(-2)).toEqual(['open 4242', 'snapshot']);
    expect(clock.pending).toBe(0);
  });

  test('a refused token: ends for good', async () => {
    const { feed, clock, seen } = started(async () => refusedBy('token_expired'));
    const admin = new FakeAdmin();
    feed.begin(admin);
    admin.close('gone');
    await clock.advance(250);
    expect(seen.at(-1)).toBe('lost token_expired for good');
    expect(clock.pending).toBe(0);
  });

  test('close: no attempt and no event comes after it', async () => {
    const { feed, clock, seen } = started();
    const admin = new FakeAdmin();
    feed.begin(admin);
    admin.close('gone');
    await settle();
    feed.close();
    await clock.advance(10_000);
    expect(seen).toEqual(['open 4242', 'snapshot', 'lost gone']);
  });

  test('call: the answer of the server, a value when there is none', async () => {
    const { feed } = started();
    expect(await feed.call('kill', {})).toMatchObject({ ok: false, code: 'not_available' });
    const admin = new FakeAdmin({ answers: { kill: { ok: true, value: 1 } } });
    feed.begin(admin);
    expect(await feed.call('kill', { id: 'n1' })).toEqual({ ok: true, value: 1 });
  });
});
