/**
 * What operators do to a tree under traffic: kill, restart, drain, suspend, passivate. The tree shows it, clients see nothing but
 * delay, the audit log has it.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../runtime/index.ts';
import { pause, until } from '../../test/support/server-process.ts';
import type { AdminEvent } from '../index.ts';
import { Operated } from './operated.ts';

let operated: Operated;
beforeAll(async () => {
  operated = await Operated.start('kill');
}, 60_000);
afterAll(() => operated.dispose());

/** Every value that a row's field had, by row, as the tree told it. */
class Watched {
  readonly rows = new Map<string, Record<string, unknown>>();
  events = 0;

  take({ data, kind }: AdminEvent): void {
    this.events += 1;
    if (kind === 'snapshot') {
      for (const row of (data as { rows: { id: string }[] }).rows)
        this.rows.set(row.id, { ...row });
      return;
    }
    if (kind !== 'delta') return;
    const delta = data as {
      added: { id: string }[];
      changed: [string, Record<string, unknown>][];
      removed: string[];
    };
    for (const row of delta.added) this.rows.set(row.id, { ...row });
    for (const [id, fields] of delta.changed) Object.assign(this.rows.get(id) ?? {}, fields);
    for (const id of delta.removed) this.rows.delete(id);
  }

  static async of(root: string): Promise<Watched> {
    const watched = new Watched();
    await operated.admin.subscribe('tree', { root, depth: 3, everyMs: 250 }, (event) =>
      watched.take(event),
    );
    await until('a snapshot', 5_000, () => watched.rows.has(root) || undefined);
    return watched;
  }
}

interface AuditEntry {
  readonly at: number;
  readonly verb: string;
  readonly phase: string;
  readonly outcome: string;
  readonly args: unknown;
  readonly who: string;
}

async function audited(verb: string): Promise<readonly AuditEntry[]> {
  const { entries } = await operated.call<{ entries: AuditEntry[] }>('audit', {});
  return entries.filter((entry) => entry.verb === verb);
}

test('kill: a subtree from the command line during traffic, the tree shows the restart, it is audited', async () => {
  const id = await operated.rowOf(operated.sids[0] as number);
  const host = id.slice(0, id.lastIndexOf('/'));
  const shard = host.slice(0, host.lastIndexOf('/'));
  const watched = await Watched.of(shard);
  const before = { ...watched.rows.get(host) };
  expect(before).toMatchObject({ id: host });
  let shownAt = 0;
  const shown = until('the restart in the tree', 10_000, () => {
    // Another actor under the same id.
    const now = watched.rows.get(host);
    if (now === undefined || now.ref === before.ref) return undefined;
    shownAt = systemClock.now();
    return true;
  });
  const killed = await operated.cli('kill', host, '--json');
  expect(killed).toMatchObject({ code: 0, stderr: '' });
  const { ended } = JSON.parse(killed.stdout) as { ended: number };
  expect(ended).toBeGreaterThan(1);
  await shown;
  await operated.progress(40);
  await until('the channel in the tree', 5_000, () => watched.rows.has(id) || undefined);
  const entries = await audited('kill');
  const tookMs = shownAt - (entries[0]?.at ?? 0);
  console.log(`kill of ${ended} actors: in the tree ${tookMs} ms after it began`);
  expect(entries.map(({ phase }) => phase)).toEqual(['began', 'done']);
  expect(entries[0]).toMatchObject({ args: { id: host }, who: expect.stringContaining('local') });
}, 60_000);

test('kill: one channel and a shard thread, its restart is counted in the tree', async () => {
  const id = await operated.rowOf(operated.sids[0] as number);
  const shard = id.split('/').slice(0, 2).join('/');
  const watched = await Watched.of(shard);
  expect(await operated.call('kill', { id })).toMatchObject({ id, ended: 1 });
  await operated.progress(20);
  expect(await operated.call('kill', { id: shard })).toMatchObject({ id: shard });
  await until('a restart of the thread', 5_000, () => {
    const row = watched.rows.get(shard);
    return (row?.state === 'running' && Number(row.restarts) >= 1) || undefined;
  });
  await operated.progress(40);
}, 60_000);

test('kill: what would be gone for good is refused, and what would have its supervisor give up', async () => {
  const id = await operated.rowOf(operated.sids[0] as number);
  const shard = id.split('/').slice(0, 2).join('/');
  for (const row of ['n1/main', 'n1/gateway-0']) {
    expect(await operated.call('kill', { id: row })).toMatchObject({ code: 'not_available' });
  }
  expect(await operated.call('kill', { id: 'n1' })).toMatchObject({ code: 'invalid' });
  expect(await operated.call('kill', { id: `${shard}/nobody` })).toMatchObject({
    code: 'not_found',
  });
  expect(await operated.call('kill', { id: 'x/y' })).toMatchObject({ code: 'not_found' });
  expect(await operated.call('kill', { id: `${shard}/admin-agent` })).toMatchObject({
    code: 'conflict',
  });
  const outcomes: (string | undefined)[] = [];
  for (let round = 0; round < 3; round++) {
    const { code } = await operated.call('kill', { id: `${shard}/thread-counters` });
    outcomes.push(code);
    await pause(50);
  }
  expect(outcomes).toEqual([undefined, undefined, 'rate_limited']);
  await operated.progress(20);
}, 60_000);

test('restart and drain: a subtree and a shard end in order and come back', async () => {
  const id = await operated.rowOf(operated.sids[0] as number);
  const [node, shard] = id.split('/');
  const host = `${node}/${shard}/stream`;
  expect(await operated.call('restart', { id })).toMatchObject({
    restarted: id.split('/').slice(2).join('/'),
  });
  await operated.progress(20);
  const restarted = await operated.call<{ ended: number }>('restart', { id: host });
  expect(restarted.ended).toBeGreaterThan(3);
  await operated.progress(20);
  for (let round = 0; round < 2; round++) {
    const drained = await operated.call<{ tookMs: number }>('drain', { id: `${node}/${shard}` });
    expect(drained.tookMs).toBeGreaterThan(0);
    await operated.progress(20);
  }
  expect(await operated.call('drain', { id: 'n1/store' })).toMatchObject({ code: 'invalid' });
  expect(await operated.call('restart', { id: 'n1/store' })).toMatchObject({ id: 'n1/store' });
  await operated.progress(20);
}, 60_000);

test('suspend: ends by resume, and by itself when the operator is gone', async () => {
  const id = await operated.rowOf(operated.sids[0] as number);
  const mailboxOf = async () => {
    const seen = await operated.call<{ info: { status: string; mailboxLength: number } }>(
      'inspect',
      { id },
    );
    return seen.info;
  };
  await operated.call('suspend', { id, forMs: 60_000 });
  await until('a mailbox that fills', 10_000, async () => {
    const { mailboxLength, status } = await mailboxOf();
    return (status === 'suspended' && mailboxLength > 2) || undefined;
  });
  expect(await operated.call('resume', { id })).toMatchObject({ wasSuspended: true });
  await operated.progress(20);
  await operated.call('suspend', { id, forMs: 500 });
  await until(
    'its end',
    10_000,
    async () => (await mailboxOf()).status !== 'suspended' || undefined,
  );
  await operated.progress(20);
}, 60_000);

test('passivate: refused while in use, forced it starts again with its next message', async () => {
  const id = await operated.rowOf(operated.sids[0] as number);
  expect(await operated.call('passivate', { id })).toMatchObject({ code: 'conflict' });
  expect(await operated.call('passivate', { id, force: true })).toMatchObject({ id });
  const shard = id.split('/').slice(0, 2).join('/');
  expect(await operated.call('passivate', { id: `${shard}/stream` })).toMatchObject({
    code: 'invalid',
  });
  await operated.progress(40);
}, 60_000);

test('after all of it: nothing is lost or out of order, no socket closed, clients saw delay only', async () => {
  await operated.expectUnhurt();
  console.log(operated.crowd.summary());
}, 60_000);

test('drain: the node sends its clients away and stops in order', async () => {
  const gone = operated.server.exit;
  expect(await operated.call('drain', { id: 'n1' })).toMatchObject({ id: 'n1' });
  expect(await gone).toMatchObject({ code: 0 });
  expect(operated.server.output()).toContain('drained by local');
}, 60_000);
