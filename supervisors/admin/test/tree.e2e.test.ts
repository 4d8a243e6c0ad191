/**
 * The tree of a real server under traffic: what it shows is what is there, also after an actor and a thread have ended.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Crowd, expectClean } from '../../test/support/crowd.ts';
import { FaultServer } from '../../test/support/fault-control.ts';
import { Seeded } from '../../test/support/seeded.ts';
import { until } from '../../test/support/server-process.ts';
import { AdminClient, type AdminEvent } from '../index.ts';
import { collect } from '../tree-model.ts';
import type { TreeEvent } from '../tree-types.ts';
import type { TreeOptions, TreeRow } from '../types.ts';

const WAIT_MS = 20_000;

let server: FaultServer;
let crowd: Crowd;
let admin: AdminClient;

beforeAll(async () => {
  server = await FaultServer.start();
  const chance = Seeded.forTest('tree');
  const { dataDir, port } = server.process;
  crowd = await Crowd.create({ port, writers: 3, observers: 3, channels: 3, chance });
  crowd.write();
  admin = await AdminClient.connect({ socketPath: join(dataDir, 'admin.sock') });
}, 60_000);
afterAll(async () => {
  await admin.close();
  await crowd.stop();
  await server.dispose();
});

/** The rows of a subscription, as they are now. */
class Shown {
  readonly rows = new Map<string, TreeRow>();

  static async of(options: TreeOptions): Promise<Shown> {
    const shown = new Shown();
    await admin.subscribe('tree', { everyMs: 250, ...options }, (event: AdminEvent) => {
      collect(shown.rows, event as unknown as TreeEvent);
    });
    return shown;
  }

  /** Resolves to the row when it is as wanted. */
  row(what: string, is: (row: TreeRow) => boolean): Promise<TreeRow> {
    return until(what, WAIT_MS, () => [...this.rows.values()].find(is));
  }
}

const isChannel = (sid: number) => (row: TreeRow) => row.name === `channel ${sid}`;

test('tree: threads, channels with their rates, and the sessions of a gateway', async () => {
  const [sid] = crowd.members.sids as [number];
  const shown = await Shown.of({});
  const channel = await shown.row(
    'a channel that writes',
    (row) => isChannel(sid)(row) && row.rate > 0,
  );
  expect(channel.id).toBe(`${channel.parent}/${sid}`);
  const kinds = [...shown.rows.values()]
    .filter(({ kind }) => kind === 'thread')
    .map(({ name }) => name);
  expect(kinds).toEqual(expect.arrayContaining(['main', 'store', 'shard-0', 'gateway-1']));
  const host = shown.rows.get(channel.parent ?? '');
  expect(host).toMatchObject({ kind: 'group', parent: `n1/${channel.thread}` });

  const sessions = await Shown.of({ root: 'n1/gateway-0/sessions' });
  const one = await sessions.row('a session', ({ kind, name }) => {
    return kind === 'session' && name.startsWith('session of');
  });
  expect(crowd.members.logins.map(({ id }) => `session of ${id}`)).toContain(one.name);
});

test('tree: the verb gives rows once, with rates when there is time for them', async () => {
  const call = (args: object): Promise<{ rows: TreeRow[] }> => admin.call('tree', args);
  const plain = await call({ filter: 'channel', limit: 20 });
  expect(plain.rows.some(({ kind }) => kind === 'channel')).toBe(true);
  const timed = await call({ depth: 1, rateMs: 300 });
  expect(timed.rows.find(({ id }) => id === 'n1')?.rate).toBeGreaterThan(0);
  await expect(call({ root: 'n1/nothing' })).rejects.toMatchObject({ code: 'not_found' });
  await expect(call({ limit: 251 })).rejects.toMatchObject({ code: 'invalid' });
});

test('tree: a channel that is killed under traffic has another life, and why is shown', async () => {
  const [, sid] = crowd.members.sids as [number, number];
  const shown = await Shown.of({ filter: `stream/${sid}` });
  const before = await shown.row('the channel', isChannel(sid));
  expect(await server.do({ op: 'killEntity', entity: 'stream', key: sid })).toBe(true);
  const after = await shown.row('its next life', (row) => {
    return isChannel(sid)(row) && row.ref !== before.ref;
  });
  expect(after).toMatchObject({ id: before.id, restarts: 1 });
  expect(after.lastCrash?.reason).toContain('killed');
  await shown.row('its messages', (row) => isChannel(sid)(row) && row.messages > 0 && row.rate > 0);
});

test('tree: a thread that ends is shown with its restart, its channels come back', async () => {
  const [sid] = crowd.members.sids as [number];
  const shown = await Shown.of({});
  const { thread } = await shown.row('the channel', isChannel(sid));
  await server.do({ op: 'terminate', slot: thread });
  const row = await shown.row(
    'the restart',
    ({ name, restarts }) => name === thread && restarts === 1,
  );
  expect(row.lastCrash?.reason).toContain('terminated');
  await shown.row('it runs', ({ name, state }) => name === thread && state === 'running');
  await shown.row('the channel again', (one) => isChannel(sid)(one) && one.rate > 0);
});

test('tree: what a subscription has put together is what a new one gets', async () => {
  const shown = await Shown.of({ depth: 4 });
  await shown.row('traffic', ({ kind, rate }) => kind === 'channel' && rate > 0);
  expectClean(await crowd.verdict());
  const isBusy = ({ kind, rate }: TreeRow): boolean => kind === 'channel' && rate > 0;
  await until('quiet', WAIT_MS, () => ![...shown.rows.values()].some(isBusy) || undefined);
  const again = await Shown.of({ depth: 4 });
  await until('a snapshot', WAIT_MS, () => again.rows.size > 0 || undefined);
  const facts = ({ rows }: Shown): unknown[] =>
    [...rows.values()]
      .filter(({ kind }) => kind === 'channel' || kind === 'guild' || kind === 'group')
      .map(({ children, id, label, parent, ref, state }) => ({
        id,
        parent,
        ref,
        state,
        label,
        children,
      }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  await until('the same', WAIT_MS, () => {
    return JSON.stringify(facts(shown)) === JSON.stringify(facts(again)) || undefined;
  });
});
