/**
 * Chaos as operators have it: refused unless it is enabled; a fault outlives whoever asked for it and ends by itself; it can be ended;
 * the result is on the disk, told to those who listen, and in the audit log. Clients see nothing but delay.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../test/support/server-process.ts';
import type { ChaosResult, ChaosStatus } from '../chaos/types.ts';
import type { AdminEvent } from '../index.ts';
import { connect, Operated } from './operated.ts';

let operated: Operated;
afterEach(() => operated.dispose());

const enabled = { DRIFTWAY_CHAOS_ENABLED: 'on' };

/** Resolves when nothing is broken any more and there is a result. */
async function over(): Promise<string> {
  return until('the end of the run', 30_000, async () => {
    const { last, running } = await operated.call<ChaosStatus>('chaos.status', {});
    return running === null && last !== null ? last : undefined;
  });
}

function written(name: string): ChaosResult {
  const file = join(operated.server.dataDir, 'chaos', `${name}.json`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  return JSON.parse(readFileSync(file, 'utf8')) as ChaosResult;
}

test('chaos.start: on a server without CHAOS_ENABLED, is disabled and nothing of it is there', async ({
  task,
}) => {
  operated = await Operated.start(task.name);
  expect(await operated.call('chaos.menu', {})).toMatchObject({ enabled: false });
  const start = { item: 'kill-thread', id: 'n1/shard-0' };
  expect(await operated.call('chaos.start', start)).toMatchObject({ code: 'disabled' });
  const agent = await operated.call('inspect', { id: 'n1/shard-0/chaos-agent' });
  expect(agent).toMatchObject({ code: 'not_found' });
  expect(await operated.call('chaos.stop', {})).toMatchObject({ code: 'not_found' });
  await operated.expectUnhurt();
});

describe('chaos.start', () => {
  test('the connection ends while the store is frozen: the fault ends, the result is written', async ({
    task,
  }) => {
    operated = await Operated.start(task.name, {}, enabled);
    const other = await connect(operated.server);
    const start = { item: 'freeze-store', forMs: 1000 };
    expect(await other.call('chaos.start', start)).toMatchObject({ run: 1 });
    await other.close();
    const second = await operated.call('chaos.start', start);
    expect(second).toMatchObject({ code: 'conflict' });
    const result = written(await over());
    expect(result).toMatchObject({ verdict: 'clean', endedBy: 'time', lost: 0, repeated: 0 });
    expect(result.effect?.commits).toBeGreaterThan(0);
    expect(result.canary.longestSilenceMs).toBeGreaterThan(500);
    await operated.expectUnhurt();
  });

  test('an operator ends it: it ends, and listeners hear of every phase and the result', async ({
    task,
  }) => {
    operated = await Operated.start(task.name, {}, enabled);
    const heard: AdminEvent[] = [];
    await operated.admin.subscribe('chaos', {}, (event) => heard.push(event));
    const begun = performance.now();
    const waiting = operated.call<ChaosResult>('chaos.start', {
      item: 'stall-thread',
      id: 'n1/shard-0',
      forMs: 60_000,
      wait: true,
    });
    await until('the fault', 10_000, async () => {
      const { running } = await operated.call<ChaosStatus>('chaos.status', {});
      return running?.phase === 'active' || undefined;
    });
    expect(await operated.call('chaos.stop', {})).toMatchObject({ run: 1 });
    const result = await waiting;
    expect(result).toMatchObject({ verdict: 'clean', endedBy: 'operator' });
    expect(performance.now() - begun).toBeLessThan(30_000);
    const phases = heard.map(({ data }) => (data as Partial<ChaosStatus>).running?.phase);
    expect(phases).toEqual(
      expect.arrayContaining(['preparing', 'active', 'recovering', 'verifying', 'over']),
    );
    expect(heard.some(({ kind }) => kind === 'result')).toBe(true);
    const { entries } = await operated.call<{
      entries: { verb: string; phase: string }[];
    }>('audit', {});
    const acts = entries.filter(({ verb }) => verb.startsWith('chaos.'));
    expect(acts.map(({ phase, verb }) => `${verb} ${phase}`).sort()).toEqual([
      'chaos.start began',
      'chaos.start done',
      'chaos.stop began',
      'chaos.stop done',
    ]);
    const list = await operated.call<{ results: { result: string }[] }>('chaos.results', {});
    expect(list.results.map((one) => one.result)).toEqual([result.result]);
    await operated.expectUnhurt();
  });

  test('beyond its limit, or what is no target: is refused, nothing happens and nothing is written', async ({
    task,
  }) => {
    operated = await Operated.start(task.name, {}, enabled);
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
    await operated.expectUnhurt();
  });
});
