/**
 * What operators see and keep of a server under traffic: inspect, trace, where, log level, heap snapshots, and a recording that is
 * replayed offline.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../test/support/server-process.ts';
import type { TraceEvent } from '../agent-types.ts';
import { Operated } from './operated.ts';

let operated: Operated;
let id: string;
let sid: number;
let shard: string;
beforeAll(async () => {
  operated = await Operated.start('watch');
  sid = operated.sids[0] as number;
  id = await operated.rowOf(sid);
  shard = id.split('/').slice(0, 2).join('/');
}, 60_000);
afterAll(async () => {
  await operated.expectUnhurt();
  await operated.dispose();
}, 60_000);

describe('inspect', () => {
  test('a channel: its facts and its state without what people write', async () => {
    const seen = await operated.call<{ state: Record<string, unknown> }>('inspect', { id });
    expect(seen).toMatchObject({
      id,
      redacted: true,
      info: { behaviour: 'stream', entity: { type: 'stream', key: sid } },
      state: { sid, phase: 'open', type: 'channel', gateways: 1 },
    });
    expect(seen.state.head).toBeGreaterThan(0);
    for (const type of ['guild', 'user']) {
      const key =
        type === 'guild'
          ? operated.crowd.members.gid
          : Number(operated.crowd.members.logins[0]?.id);
      const { id: row } = await rowOfEntity(type, key);
      expect(await operated.call('inspect', { id: row })).toMatchObject({
        info: { behaviour: type },
      });
    }
  });

  test('an actor without a status of its own: texts as lengths; raw shows them', async () => {
    const row = `${shard}/admin-agent`;
    const seen = await operated.call<{ state: object }>('inspect', { id: row });
    expect(JSON.stringify(seen.state)).toMatch(/AgentThread|string\(|counters/);
    const raw = await operated.call('inspect.raw', { id });
    expect(raw).toMatchObject({ redacted: false, state: { core: expect.anything() } });
  });

  test('a thread and the node', async () => {
    expect(await operated.call('inspect', { id: shard })).toMatchObject({
      slot: { up: true, incarnation: 1 },
      counters: { actors: expect.any(Number) },
      heap: { usedBytes: expect.any(Number) },
      logLevel: 'info',
    });
    const { threads } = await operated.call<{ threads: { name: string }[] }>('inspect', {
      id: 'n1',
    });
    expect(threads.map(({ name }) => name)).toContain('gateway-0');
    expect(await operated.call('inspect', { id: 'n1/main' })).toMatchObject({ thread: 'main' });
    expect(await operated.call('inspect', { id: 'n1/shard-7' })).toMatchObject({
      code: 'not_found',
    });
  });
});

async function rowOfEntity(type: string, key: number): Promise<{ id: string }> {
  if (type === 'user') {
    const found = await operated.call<{ user: { id: string } }>('where', {
      what: 'user',
      uid: key,
    });
    return found.user;
  }
  const found = await operated.call<{ guild: { id: string } }>('where', { what: 'channel', sid });
  return found.guild;
}

describe('trace', () => {
  const traced = async (
    verb: string,
    args: object,
  ): Promise<{ events: TraceEvent[]; end: object }> => {
    const events: TraceEvent[] = [];
    const end = await operated.call(verb, { id, forMs: 20_000, ...args }, (data) => {
      events.push(...(data as { events: TraceEvent[] }).events);
    });
    return { events, end };
  };

  test('shows what comes in, goes out and how long it took, and no content', async () => {
    const { end, events } = await traced('trace', { events: 60 });
    expect(end).toMatchObject({ ended: 'events', events: 60, dropped: 0 });
    expect(new Set(events.map(({ kind }) => kind))).toEqual(
      new Set(['in', 'out', 'reply', 'done']),
    );
    const append = events.find(({ kind, op }) => kind === 'in' && op === 'append');
    expect(append).toMatchObject({
      call: true,
      arg: { nonce: expect.stringMatching(/^string\(/) },
    });
    expect(events.some(({ kind, ms }) => kind === 'done' && typeof ms === 'number')).toBe(true);
  });

  test('raw shows content; sampled shows one of so many messages', async () => {
    const { events } = await traced('trace.raw', { events: 60 });
    const append = events.find(({ kind, op }) => kind === 'in' && op === 'append');
    expect(append?.arg).toMatchObject({ nonce: expect.not.stringMatching(/^string\(/) });
    const { end } = await traced('trace', { events: 20, sample: 5 });
    const { sampled, seen } = end as { sampled: number; seen: number };
    expect(sampled).toBe(Math.ceil(seen / 5));
  });

  test('ends with its time, and with the actor', async () => {
    expect((await traced('trace', { forMs: 300, events: 10_000 })).end).toMatchObject({
      ended: 'time',
    });
    const running = traced('trace', { events: 10_000 });
    await until('the trace', 10_000, async () => {
      const { watched } = await operated.call<{ watched: string[] }>('inspect', { id });
      return watched.includes('traces 1') || undefined;
    });
    await operated.call('passivate', { id, force: true });
    expect((await running).end).toMatchObject({ ended: 'actor ended' });
  });
});

describe('where', () => {
  test('a channel: its shard, its guild, who listens', async () => {
    const found = await operated.call('where', { what: 'channel', sid: String(sid) });
    expect(found).toMatchObject({
      sid,
      type: 'channel',
      stream: { id, isUp: true },
      log: { sid },
      audience: [{ thread: 'gateway-0', isAttached: true, lagging: 0 }],
    });
    const { audience } = found as unknown as { audience: { subscribers: number }[] };
    expect(audience[0]?.subscribers).toBeGreaterThanOrEqual(operated.crowd.observers.length);
  });

  test('a message: in the log and received by the gateway threads', async () => {
    await until('message 1 everywhere', 10_000, async () => {
      const found = await operated.call<{ delivered: { received: boolean }[] }>('where', {
        what: 'message',
        sid,
        seq: 1,
      });
      expect(found).toMatchObject({ message: { seq: 1, kind: expect.any(Number) } });
      return found.delivered.every(({ received }) => received) || undefined;
    });
    const missing = await operated.call('where', { what: 'message', sid, seq: 1e9 });
    expect(missing).toMatchObject({ code: 'not_found' });
  });

  test('a user: home, guilds and connections', async () => {
    const login = operated.crowd.members.logins[0];
    const found = await operated.call('where', { what: 'user', uid: Number(login?.id) });
    expect(found).toMatchObject({ username: login?.username, guilds: 1, user: { isUp: true } });
    const { connections } = found as unknown as { connections: { id: string; phase: string }[] };
    expect(connections.length).toBeGreaterThan(0);
    expect(connections[0]).toMatchObject({
      phase: 'ready',
      id: expect.stringMatching(/^n1\/gateway-0\/sessions\//),
    });
    expect(await operated.call('where', { what: 'user', uid: 1 })).toMatchObject({
      code: 'not_found',
    });
    expect(await operated.call('where', { what: 'planet' })).toMatchObject({ code: 'invalid' });
  });
});

test('log.level: of a thread for a time, then as configured', async () => {
  const levelOf = async () =>
    (await operated.call<{ logLevel: string }>('inspect', { id: shard })).logLevel;
  const set = await operated.call('log.level', { id: shard, level: 'debug', forMs: 400 });
  expect(set).toMatchObject({ threads: [{ thread: shard.slice(3), before: 'info' }] });
  await until('the level back', 10_000, async () => (await levelOf()) === 'info' || undefined);
  const all = await operated.call<{ threads: object[] }>('log.level', {
    level: 'warn',
    forMs: 60_000,
  });
  expect(all.threads.length).toBeGreaterThan(4);
  expect(await levelOf()).toBe('warn');
  await operated.call('log.level', { level: 'info' });
  expect(await operated.call('log.level', { level: 'loud' })).toMatchObject({ code: 'invalid' });
});

test('heap.snapshot: a file only its owner can read, the oldest go, the thread lives on', async () => {
  const folder = join(operated.server.dataDir, 'heap');
  mkdirSync(folder, { mode: 0o700 });
  const old = ['1', '2', '3', '4', '5'].map((n) => `2025010${n}-120000000-shard-0.heapsnapshot`);
  for (const file of old) writeFileSync(join(folder, file), '');
  const taken = await operated.call<{ file: string }>('heap.snapshot', { id: shard });
  const { file } = taken;
  expect(taken).toMatchObject({ removed: old.slice(0, 1), bytes: statSync(file).size });
  expect(readdirSync(folder).sort()).toEqual([...old.slice(1), basename(file)]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveProperty('snapshot');
  expect(await operated.call('heap.snapshot', { id })).toMatchObject({ code: 'invalid' });
  expect(await operated.call('inspect', { id: shard })).toMatchObject({ slot: { incarnation: 1 } });
}, 60_000);

describe('record', () => {
  test('a channel through two lives, replayed offline to the same outputs', async () => {
    const { file } = await operated.call<{ file: string }>('record', { id, forMs: 60_000 });
    await operated.progress(40);
    await operated.call('kill', { id });
    await operated.progress(40);
    const list = await operated.call<{ running: object[] }>('record.list', {});
    expect(list.running).toMatchObject([{ file, type: 'stream', key: sid, lives: 2 }]);
    expect(await operated.call('record', { id })).toMatchObject({ code: 'conflict' });
    const stopped = await operated.call<{ entries: number }>('record.stop', { file });
    expect(stopped).toMatchObject({ lives: 2, dropped: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const replayed = await operated.cli('replay', file, '--json');
    expect(replayed).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(replayed.stdout)).toMatchObject({
      lives: [
        { life: 0, divergence: null, state: { sid, phase: 'open' } },
        { life: 1, divergence: null, state: { sid, phase: 'open' } },
      ],
    });
    const one = await operated.cli('replay', file, '--life', '1', '--steps');
    expect(one.stdout).toMatch(/> in +\{"op":"append"/);
    expect(one.stdout).toMatch(/stream:\d+ .* as recorded/);
    // An answer of the store that was another one: the channel does something else.
    const changed = `${file}.changed`;
    writeFileSync(changed, readFileSync(file, 'utf8').replace(/"fence":(\d+)/, '"fence":77'));
    expect(await operated.cli('replay', changed)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('leaves the record at entry'),
    });
    // What the other recording must not have.
    expect(readFileSync(file, 'utf8')).toContain('message writer-');
    await operated.progress(20);
  }, 60_000);

  test('without content there is none in the file; it ends by itself', async () => {
    const { file } = await operated.call<{ file: string }>('record', {
      id,
      forMs: 1_500,
      content: false,
    });
    await operated.progress(30);
    await until('its end', 15_000, async () => {
      const { running } = await operated.call<{ running: object[] }>('record.list', {});
      return running.length === 0 || undefined;
    });
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('"op":"append"');
    expect(text).not.toContain('writer-');
    expect(text).toMatch(/string\(\d+\)/);
    expect(await operated.call('record', { id: `${shard}/guild` })).toMatchObject({
      code: 'invalid',
    });
    expect(await operated.cli('replay', file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('without content'),
    });
    const { id: user } = await rowOfEntity('user', Number(operated.crowd.members.logins[0]?.id));
    expect(await operated.call('record', { id: user })).toMatchObject({ code: 'not_available' });
  }, 60_000);
});
