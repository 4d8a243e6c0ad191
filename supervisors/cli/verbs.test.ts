/** Commands that are one call or one look: what they ask for, what they print, how refusals end. */
import { describe, expect, test } from 'vitest';
import type { VerbResult } from '../admin/types.ts';
import { FakeAdmin, type FakeAdminOptions } from './test/fake-admin.ts';
import { ran } from './test/world.ts';

async function asked(words: readonly string[], options: FakeAdminOptions = {}) {
  const admin = new FakeAdmin(options);
  const result = await ran(words, { connect: async () => ({ ok: true, admin }) });
  return { ...result, admin, call: admin.calls[0] };
}

const refusal = (code: 'not_found' | 'forbidden' | 'invalid'): VerbResult => {
  return { ok: false, code, message: 'planted' };
};

describe('tree', () => {
  test('--json: node and root with id, kind, state, restarts, mailbox and children', async () => {
    const { exit, out, admin } = await asked(['tree', '--json'], { channels: 2, chunk: 3 });
    const { node, root } = JSON.parse(out);
    expect([exit, node]).toEqual([0, 'n1']);
    expect(root).toMatchObject({ id: 'n1', kind: 'node', state: 'running', restarts: 0 });
    const shard = root.children.find(({ id }: { id: string }) => id === 'n1/shard-0');
    const stream = shard.children.find(({ name }: { name: string }) => name === 'stream');
    expect(stream.children).toHaveLength(2);
    expect(stream.children[0]).toMatchObject({ kind: 'channel', mailbox: 0, children: [] });
    expect(admin.isOpen).toBe(false);
  });

  test('as text: indented, with what is worth a look', async () => {
    const { out } = await asked(['tree', '--depth', '1'], { channels: 1 });
    expect(out.split('\n')[0]).toMatch(/^n1 +running +mailbox 0 +191M +5 below$/);
    expect(out).toMatch(/^ {2}shard-0 +running/m);
  });

  test('a part of it: the id without the node, options as given', async () => {
    const words = ['tree', 'shard-0', '--sort', 'rate', '--filter', '4711', '--limit', '9'];
    const { admin } = await asked(words);
    const options = { root: 'n1/shard-0', sort: 'rate', filter: '4711', limit: 9, depth: 3 };
    expect(admin.subscriptions[0]?.options).toEqual(options);
  });

  test('a row that is not there: exit code 1', async () => {
    const { exit, error } = await asked(['tree', 'nothing']);
    expect([exit, error]).toEqual([1, 'no such row: got n1/nothing (not_found)\n']);
  });
});

describe('commands of one call', () => {
  test.each([
    [['inspect', '.'], 'inspect', { id: 'n1' }],
    [['inspect', 'shard-0', '--raw'], 'inspect.raw', { id: 'n1/shard-0' }],
    [['kill', 'n1/shard-0/stream/1'], 'kill', { id: 'n1/shard-0/stream/1' }],
    [['restart', 'shard-0'], 'restart', { id: 'n1/shard-0' }],
    [['suspend', 'a/b', '--for', '5'], 'suspend', { id: 'n1/a/b', forMs: 5_000 }],
    [['resume', 'a/b'], 'resume', { id: 'n1/a/b' }],
    [['passivate', 'a/b', '--force'], 'passivate', { id: 'n1/a/b', force: true }],
    [['drain', '.'], 'drain', { id: 'n1' }],
    [['voice', 'drain', '1', '--within', '5'], 'voice.drain', { slot: 1, withinMs: 5_000 }],
    [['heap', 'main'], 'heap.snapshot', { id: 'n1/main' }],
    [['log-level', 'debug'], 'log.level', { level: 'debug', forMs: 900_000 }],
    [['where', 'message', '12', '3'], 'where', { what: 'message', sid: '12', seq: '3' }],
    [['where', 'user', '12'], 'where', { what: 'user', uid: '12' }],
    [['record', 'start', 'a/b'], 'record', { id: 'n1/a/b', forMs: 60_000, content: true }],
    [['record', 'stop', 'f'], 'record.stop', { file: 'f' }],
    [['audit', '--limit', '3'], 'audit', { limit: 3 }],
    [['audit', '--verify'], 'audit.verify', {}],
    [['call', 'x.y', '{"a":1}'], 'x.y', { a: 1 }],
  ])('%j: calls %s, a refusal ends with 1', async (words, verb, args) => {
    const { exit, error, call } = await asked(words, { answers: { [verb]: refusal('not_found') } });
    expect(call).toEqual({ verb, args });
    expect([exit, error]).toEqual([1, 'planted (not_found)\n']);
  });

  test.each([
    [['where', 'message', '12']],
    [['where', 'user', '12', '3']],
    [['where', 'user', 'bob']],
    [['call', 'x', '[1]']],
    [['call', 'x', 'nonsense']],
    [['top']],
    [['top', '--json']],
  ])('%j: wrong use, the server is not asked', async (words) => {
    const { exit, call } = await asked(words);
    expect([exit, call]).toEqual([2, undefined]);
  });

  test('arguments that the server calls invalid: wrong use too', async () => {
    const { exit } = await asked(['kill', 'x'], { answers: { kill: refusal('invalid') } });
    expect(exit).toBe(2);
  });

  test('kill: says what was ended, the whole answer with --json', async () => {
    const value = { id: 'n1/a', ended: 3 };
    const answers = { kill: { ok: true, value } } as const;
    const { out } = await asked(['kill', 'a'], { answers });
    expect(out).toBe(
      'n1/a was killed, 3 actors with what was below it; its supervisor starts it again\n',
    );
    expect(JSON.parse((await asked(['kill', 'a', '--json'], { answers })).out)).toEqual(value);
  });

  test('audit --verify of a broken chain: exit code 1', async () => {
    const answers = { 'audit.verify': { ok: true, value: { checked: 9, brokenAt: 4 } } } as const;
    const { exit, out } = await asked(['audit', '--verify'], { answers });
    expect([exit, out]).toEqual([1, 'entry 4 is not what was recorded (9 looked at)\n']);
  });

  test('verbs: those of the greeting', async () => {
    expect((await asked(['verbs'])).out).toBe(
      'VERB  EFFECT  ABOUT\nkill  act     kills an actor\n',
    );
  });

  test('no server: exit code 1 with the code', async () => {
    const { exit, out } = await ran(['node', '--json']);
    expect([exit, JSON.parse(out).error.code]).toEqual([1, 'no_server']);
  });
});

test('trace message --spans: one is one, and a span that began before the message has a minus alone', async () => {
  const at = 1_795_320_064_426;
  const own = { thread: 'gateway-0', at, afterMs: 6.67, tookMs: 0.04 };
  const span = { thread: 'store', spanId: 'a', parentId: '', tookMs: 1, error: '' };
  const value = {
    ...{ sid: 7, seq: 2, traceId: 'f'.repeat(32), ordered: null, sockets: 1, threads: 1 },
    accepted: { ...own, request: 'WS APPEND' },
    stored: { ...own, transactionMs: 2.2, together: 1 },
    fannedOut: [{ ...own, sockets: 1 }],
    slowest: own,
    spans: [
      { ...span, name: 'log-writer flush', afterMs: -1.5 },
      { ...span, name: 'log commit', afterMs: 2 },
    ],
  };
  const answers = { 'trace.message': { ok: true, value } } as const;
  const { exit, out } = await asked(['trace', 'message', '7', '2', '--spans'], { answers });
  expect(exit).toBe(0);
  expect(out).toContain('transaction 2.20 ms with 1 change\n');
  expect(out).toContain(': 1 socket\n1 socket on 1 thread, slowest gateway-0');
  expect(out).toMatch(/^-1\.50 ms +1\.00 ms +store +log-writer flush$/m);
  expect(out).toMatch(/^\+2\.00 ms/m);
});
