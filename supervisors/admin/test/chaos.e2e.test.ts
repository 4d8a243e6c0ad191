/**
 * Chaos as operators have it: refused unless it is enabled; a fault outlives whoever asked for it and ends by itself; it can be ended;
 * the result is on the disk, told to those who listen, and in the audit log. Clients see nothing but delay.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../test/support/server-process.ts';
import { OP } from '../../test/support/wire.ts';
import type { ChaosResult, ChaosStatus } from '../chaos/types.ts';
import type { AdminEvent } from '../index.ts';
import { connect, Operated } from './operated.ts';

let operated: Operated;

/** Resolves when nothing is broken any more and there is another result than `before`. */
async function over(before: string | null): Promise<ChaosResult> {
  const name = await until('the end of the run', 30_000, async () => {
    const { last, running } = await operated.call<ChaosStatus>('chaos.status', {});
    return running === null && last !== null && last !== before ? last : undefined;
  });
  const file = join(operated.server.dataDir, 'chaos', `${name}.json`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  return JSON.parse(readFileSync(file, 'utf8')) as ChaosResult;
}

async function active(): Promise<void> {
  await until('the fault', 10_000, async () => {
    const { running } = await operated.call<ChaosStatus>('chaos.status', {});
    return running?.phase === 'active' || undefined;
  });
}

/** Connections of a user, as its own actor counts them; undefined while that cannot be asked, for a refusal has no state. */
async function connectedOf(uid: number): Promise<number | undefined> {
  const { user } = await operated.call<{ user?: { id: string } }>('where', { what: 'user', uid });
  if (user === undefined) return undefined;
  const seen = await operated.call<{ state?: { connected: number } }>('inspect', { id: user.id });
  return seen.state?.connected;
}

describe('on a server without CHAOS_ENABLED', () => {
  beforeAll(async () => {
    operated = await Operated.start('chaos off');
  }, 60_000);
  afterAll(() => operated.dispose());

  test('chaos.start: is disabled, and nothing of it is on any thread', async () => {
    expect(await operated.call('chaos.menu', {})).toMatchObject({ enabled: false });
    const start = { item: 'kill-thread', id: 'n1/shard-0' };
    expect(await operated.call('chaos.start', start)).toMatchObject({ code: 'disabled' });
    const agent = await operated.call('inspect', { id: 'n1/shard-0/chaos-agent' });
    expect(agent).toMatchObject({ code: 'not_found' });
    expect(await operated.call('chaos.stop', {})).toMatchObject({ code: 'not_found' });
  });
});

describe('chaos.start', () => {
  beforeAll(async () => {
    operated = await Operated.start('chaos on', {}, { DRIFTWAY_CHAOS_ENABLED: 'on' });
  }, 60_000);
  afterAll(() => operated.dispose());

  test('beyond its limit, or what is no target: is refused, nothing happens and nothing is written', async () => {
    const refused: readonly (readonly [Record<string, unknown>, string])[] = [
      [{ item: 'kill-thread', id: 'n1/shard-0', limit: 1 }, 'too_large'],
      [{ item: 'kill-actor', id: 'n1/shard-0/chaos-agent' }, 'forbidden'],
      [{ item: 'kill-actor', id: 'n1/shard-0/stream' }, 'forbidden'],
      [{ item: 'kill-thread', id: 'n1/gateway-0' }, 'forbidden'],
      [{ item: 'kill-media' }, 'not_available'],
      [{ item: 'stall-thread', id: 'n1/shard-0', forMs: 60_001 }, 'invalid'],
      [{ item: 'unplug' }, 'invalid'],
    ];
    for (const [args, code] of refused) {
      expect(await operated.call('chaos.start', args)).toMatchObject({ code });
    }
    expect(await operated.call('chaos.status', {})).toMatchObject({ running: null, last: null });
  });

  test('the connection ends while the store is frozen: the fault ends, the result is written', async () => {
    const other = await connect(operated.server);
    const start = { item: 'freeze-store', forMs: 1000 };
    expect(await other.call('chaos.start', start)).toMatchObject({ endsAt: expect.any(Number) });
    await other.close();
    expect(await operated.call('chaos.start', start)).toMatchObject({ code: 'conflict' });
    const result = await over(null);
    expect(result).toMatchObject({ verdict: 'clean', endedBy: 'time', lost: 0, repeated: 0 });
    expect(result.effect?.commits).toBeGreaterThan(0);
    expect(result.canary.longestSilenceMs).toBeGreaterThan(500);
  });

  test('the disk is full and the store thread is replaced meanwhile: 502 with a time to wait, then on again at once', async () => {
    const { last } = await operated.call<ChaosStatus>('chaos.status', {});
    const { client } = operated.crowd.observers[0]!;
    const send = () => client!.append(operated.sids[0]!, 'while-full', 'while full');
    const full = { item: 'fill-disk', forMs: 60_000 };
    expect(await operated.call('chaos.start', full)).toMatchObject({ run: expect.any(Number) });
    await active();
    const [op, , code, name, retryMs] = await send();
    expect([op, code, name]).toEqual([OP.err, 502, 'unavailable']);
    expect(retryMs).toBeGreaterThan(0);
    expect(await operated.call('restart', { id: 'n1/store' })).not.toHaveProperty('code');
    const result = await over(last);
    expect(result).toMatchObject({ verdict: 'clean', endedBy: 'guard', lost: 0, repeated: 0 });
    expect(result.tree.threadsDown).toEqual(['store']);
    await operated.progress(20);
    const again = await send();
    expect([again[0], again[5]]).toEqual([OP.ok, false]);
  });

  test('an operator ends it: it ends, and listeners hear of every phase and the result', async () => {
    const heard: AdminEvent[] = [];
    const { close } = await operated.admin.subscribe('chaos', {}, (event) => heard.push(event));
    const waiting = operated.call<ChaosResult>('chaos.start', {
      item: 'cut-lane',
      id: 'n1/gateway-0',
      to: 'n1/shard-0',
      forMs: 60_000,
      wait: true,
    });
    await active();
    expect(await operated.call('chaos.stop', {})).toMatchObject({ run: expect.any(Number) });
    const result = await waiting;
    expect(result).toMatchObject({ verdict: 'clean', endedBy: 'operator' });
    expect(result.activeMs).toBeLessThan(30_000);
    const phases = heard.map(({ data }) => (data as Partial<ChaosStatus>).running?.phase);
    expect(phases).toEqual(
      expect.arrayContaining(['preparing', 'active', 'recovering', 'verifying', 'over']),
    );
    expect(heard.some(({ kind }) => kind === 'result')).toBe(true);
    const list = await operated.call<{ results: { result: string }[] }>('chaos.results', {});
    expect(list.results[0]?.result).toBe(result.result);
    await close();
  });

  test('a stalled thread: hears that it is over', async () => {
    const { last } = await operated.call<ChaosStatus>('chaos.status', {});
    const stall = { item: 'stall-thread', id: 'n1/shard-0', forMs: 60_000 };
    expect(await operated.call('chaos.start', stall)).toMatchObject({ run: expect.any(Number) });
    await operated.call('chaos.stop', {});
    const result = await over(last);
    expect(result).toMatchObject({ verdict: 'clean', endedBy: 'operator' });
    expect(result.tree.threadsDown).toEqual([]);
  });

  test('another thread goes down meanwhile: the guard ends it', async () => {
    const { last } = await operated.call<ChaosStatus>('chaos.status', {});
    const id = await operated.rowOf(operated.sids[0] ?? 0);
    const slow = { item: 'delay-mailbox', id, forMs: 60_000, delayMs: 20 };
    expect(await operated.call('chaos.start', slow)).toMatchObject({ run: expect.any(Number) });
    await active();
    await operated.progress(20);
    await operated.call('restart', { id: 'n1/reader-0' });
    const result = await over(last);
    expect(result).toMatchObject({ verdict: 'clean', endedBy: 'guard' });
    expect(result.tree.threadsDown).toEqual(['reader-0']);
    expect(result.effect?.delayed).toBeGreaterThan(0);
  });

  test('a lane is torn: the users beyond it are connected again afterwards, by the sockets they had', async () => {
    const users = operated.crowd.members.logins.map(({ id }) => Number(id));
    const before = await until('all are connected', 10_000, async () => {
      const now = await Promise.all(users.map(connectedOf));
      return now.every((count) => (count ?? 0) > 0) ? now : undefined;
    });
    const torn = { item: 'cut-lane', mode: 'break', forMs: 300, wait: true } as const;
    for (const to of ['shard-0', 'shard-1']) {
      const result = await operated.call<ChaosResult>('chaos.start', {
        ...torn,
        id: 'gateway-0',
        to,
      });
      expect(result).toMatchObject({ verdict: 'clean' });
    }
    await until('all are connected again', 10_000, async () => {
      const now = await Promise.all(users.map(connectedOf));
      return now.every((count, i) => count === before[i]) || undefined;
    });
  });

  test('all of it: is in the audit log, before and after, and clients saw nothing but delay', async () => {
    const { entries } = await operated.call<{
      entries: { verb: string; phase: string }[];
    }>('audit', { limit: 200 });
    const phases = entries.filter(({ verb }) => verb === 'chaos.start').map(({ phase }) => phase);
    const count = (phase: string): number => phases.filter((each) => each === phase).length;
    expect(count('began')).toBe(count('done') + count('failed'));
    expect(count('done')).toBe(7);
    await operated.expectUnhurt();
  });
});
