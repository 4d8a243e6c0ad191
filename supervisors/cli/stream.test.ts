/** Output that goes on: lines, or one document however it ends. */
import { describe, expect, test } from 'vitest';
import { FakeAdmin } from './test/fake-admin.ts';
import { type Ran, ran } from './test/world.ts';

/** Starts a command that follows a topic, and feeds it once it has subscribed. */
async function following(
  words: readonly string[],
  feed: (send: (kind: string, data: unknown) => void, admin: FakeAdmin, stop: () => void) => void,
): Promise<Ran> {
  const admin = new FakeAdmin();
  const { promise: connected, resolve } = Promise.withResolvers<void>();
  const stop = new AbortController();
  const running = ran(words, {
    signal: stop.signal,
    connect: async () => {
      resolve();
      return { ok: true, admin };
    },
  });
  await connected;
  const [subscription] = await untilSubscribed(admin);
  feed(
    (kind, data) => subscription?.onEvent(kind, data),
    admin,
    () => stop.abort(),
  );
  return running;
}

async function untilSubscribed(admin: FakeAdmin) {
  while (admin.subscriptions.length === 0) await Promise.resolve();
  return admin.subscriptions;
}

const line = (msg: string) => ({ level: 30, time: 1_750_000_000_000, slot: 'main', msg });

describe('log', () => {
  test('--count: ends after so many lines, as text', async () => {
    const { exit, out } = await following(['log', '--count', '2'], (send) => {
      for (const msg of ['one', 'two', 'three']) send('line', line(msg));
    });
    expect(exit).toBe(0);
    expect(out).toBe('15:06:40.000 INFO  main: one\n15:06:40.000 INFO  main: two\n');
  });

  test('--json: one document, also after Ctrl-C', async () => {
    const { exit, out, error } = await following(['log', '--json'], (send, _admin, stop) => {
      send('line', line('one'));
      send('dropped', { count: 3 });
      send('line', line('two'));
      stop();
    });
    expect([exit, error]).toEqual([0, '']);
    expect(JSON.parse(out)).toEqual({ lines: [line('one'), line('two')] });
  });

  test('a server that goes away: exit code 1, the document says why', async () => {
    const { exit, out } = await following(['log', '--json'], (send, admin) => {
      send('line', line('one'));
      admin.close('the connection was lost (1006)');
    });
    expect(exit).toBe(1);
    const error = { code: 'not_available', message: 'the connection was lost (1006)' };
    expect(JSON.parse(out)).toEqual({ lines: [line('one')], error });
  });

  test('lost lines: are said beside the text', async () => {
    const { error } = await following(['log', '--count', '1'], (send) => {
      send('dropped', { count: 7 });
      send('line', line('one'));
    });
    expect(error).toContain('7 not shown');
  });

  test('options: reach the topic', async () => {
    const words = ['log', '--level', 'warn', '--thread', 'main', '--filter', 'x', '--count', '1'];
    await following(words, (send, admin) => {
      expect(admin.subscriptions[0]).toMatchObject({
        topic: 'log',
        options: { level: 'warn', threads: ['main'], filter: 'x' },
      });
      send('line', line('one'));
    });
  });
});

describe('trace', () => {
  const event = { at: 1_750_000_000_000, kind: 'in', op: 'append', call: true };
  const summary = { seen: 10, sampled: 1, dropped: 0, ended: 'time' };
  const traced = (words: readonly string[]) =>
    ran(words, {
      connect: async () => ({
        ok: true,
        admin: new FakeAdmin({
          answers: {
            trace: (_args, { onProgress }) => {
              onProgress?.({ events: [event] });
              return { ok: true, value: summary };
            },
          },
        }),
      }),
    });

  test('as text: a line for each event, the summary on stderr', async () => {
    const { exit, out, error } = await traced(['trace', 'shard-0/stream/1']);
    expect([exit, out]).toEqual([0, '15:06:40.000 > append (call)\n']);
    expect(error).toContain('10 messages, 1 shown');
  });

  test('--json: events and summary in one document', async () => {
    const { out } = await traced(['trace', 'shard-0/stream/1', '--json']);
    expect(JSON.parse(out)).toEqual({ events: [event], summary });
  });
});
