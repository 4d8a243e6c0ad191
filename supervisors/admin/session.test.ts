/** One admin connection without a network: order of answers and events, bounds, what ends when it ends. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { AdminOp, decodeAdmin, encodeAdmin } from '../../gateway/admin-wire/index.ts';
import { FakeClock } from '../../runtime/testkit/index.ts';
import { createAdminCounters } from './counters.ts';
import { defineTopic, done, fail } from './define.ts';
import { ADMIN_LIMITS } from './limits.ts';
import type { AdminTransport } from './outbox.ts';
import type { AdminService } from './service.ts';
import { AdminSession } from './session.ts';
import type { AdminTopic, TopicFeed, TopicSink } from './topic.ts';
import type { VerbResult } from './types.ts';

type Run = AdminService['run'];

interface World {
  readonly run?: Run;
  readonly open?: (sink: TopicSink) => VerbResult<TopicFeed> | Promise<VerbResult<TopicFeed>>;
  readonly onAuth?: (rid: number, token: string) => void;
}

function setUp({ run, open, onAuth }: World = {}) {
  const clock = new FakeClock();
  const counters = createAdminCounters();
  const topic: AdminTopic = defineTopic({
    name: 'things',
    about: '',
    options: z.strictObject({}),
    onSlow: 'drop',
    open: (_options, sink) => open?.(sink) ?? done({ close: () => undefined }),
  });
  const service = {
    deps: { clock, counters, log: { error: () => undefined } },
    hello: () => ({ v: 1 }),
    topic: (name: string) => (name === 'things' ? topic : undefined),
    run: run ?? (async () => done(null)),
  } as unknown as AdminService;
  const got: (readonly unknown[])[] = [];
  const peer = { backlogBytes: 0, closed: 0 };
  const transport: AdminTransport = {
    encoding: 'mp',
    send: (bytes) => {
      const decoded = decodeAdmin(bytes, 'mp', 'server');
      if (decoded.ok) got.push(decoded.frame);
    },
    backlogBytes: () => peer.backlogBytes,
    close: (code) => {
      peer.closed = code;
    },
  };
  const caller = { via: 'local', uid: 0, who: 'test', scopes: [] } as const;
  const session = new AdminSession(service, transport, caller, onAuth);
  const say = async (...frame: readonly unknown[]) => {
    session.receive(encodeAdmin(frame, 'mp'));
    await clock.advance(0);
  };
  return { clock, counters, got, peer, session, say };
}

const BIG = 'x'.repeat(200_000);

describe('AdminSession', () => {
  test('greet: HELLO, or the OK of the AUTH that let it in', () => {
    const { got, session } = setUp();
    session.greet(undefined);
    session.greet(4);
    expect(got).toEqual([
      [AdminOp.HELLO, { v: 1 }],
      [AdminOp.OK, 4, { v: 1 }],
    ]);
  });

  test('SUB: the answer before the first event, though the topic was quicker', async () => {
    const { got, say } = setUp({
      open: (sink) => {
        sink.event('early', 1);
        return done({ close: () => undefined });
      },
    });
    await say(AdminOp.SUB, 1, 'things', {});
    expect(got).toEqual([
      [AdminOp.OK, 1, { sub: 1 }],
      [AdminOp.EVENT, 1, 1, 'early', 1],
    ]);
  });

  test.each([
    ['refuses', () => fail('not_found', 'no such root'), 'not_found'],
    ['throws', () => Promise.reject(new Error('x')), 'internal'],
  ] as const)('SUB: a topic that %s, ERR and no subscription', async (_what, open, code) => {
    const { counters, got, say } = setUp({ open });
    await say(AdminOp.SUB, 1, 'things', {});
    expect(got[0]?.slice(0, 3)).toEqual([AdminOp.ERR, 1, code]);
    expect(counters.subscriptionsNow).toBe(0);
  });

  test('UNSUB: the feed ends once, nothing comes of it any more; again: not_found', async () => {
    let ends = 0;
    let sink: TopicSink | undefined;
    const { got, say } = setUp({
      open: (given) => {
        sink = given;
        return done({ close: () => (ends += 1) });
      },
    });
    await say(AdminOp.SUB, 1, 'things', {});
    await say(AdminOp.UNSUB, 2, 1);
    sink?.event('late', 1);
    await say(AdminOp.UNSUB, 3, 1);
    expect(ends).toBe(1);
    expect(got.slice(1).map((frame) => frame.slice(0, 3))).toEqual([
      [AdminOp.OK, 2, null],
      [AdminOp.ERR, 3, 'not_found'],
    ]);
  });

  test('closed: feeds end, calls are told, counts go back', async () => {
    let ends = 0;
    let signal: AbortSignal | undefined;
    const { counters, say, session } = setUp({
      open: () => done({ close: () => (ends += 1) }),
      run: (_caller, _call, ended) => {
        signal = ended;
        return new Promise(() => undefined);
      },
    });
    await say(AdminOp.SUB, 1, 'things', {});
    await say(AdminOp.CALL, 2, 'slow', {});
    session.closed();
    session.closed();
    expect([ends, signal?.aborted, counters.subscriptionsNow]).toEqual([1, true, 0]);
  });

  test('closed while a topic begins: its feed ends at once', async () => {
    let ends = 0;
    let begin: (result: VerbResult<TopicFeed>) => void = () => undefined;
    const { clock, say, session } = setUp({
      open: () =>
        new Promise((resolve) => {
          begin = resolve;
        }),
    });
    await say(AdminOp.SUB, 1, 'things', {});
    session.closed();
    begin(done({ close: () => (ends += 1) }));
    await clock.advance(0);
    expect(ends).toBe(1);
  });

  test('CALL: progress under minus its number, then the answer', async () => {
    const { got, say } = setUp({
      run: async (_caller, _call, _ended, progress) => {
        progress({ step: 1 });
        return done('end');
      },
    });
    await say(AdminOp.CALL, 9, 'work', {});
    expect(got).toEqual([
      [AdminOp.EVENT, -9, 1, 'progress', { step: 1 }],
      [AdminOp.OK, 9, 'end'],
    ]);
  });

  test('CALL: a result over a frame, ERR too_large', async () => {
    const { got, say } = setUp({ run: async () => done('x'.repeat(300_000)) });
    await say(AdminOp.CALL, 1, 'work', {});
    expect(got[0]?.slice(0, 3)).toEqual([AdminOp.ERR, 1, 'too_large']);
  });

  test('CALL: as many without answer as may be, then rate_limited with a time', async () => {
    const { counters, got, say } = setUp({ run: () => new Promise(() => undefined) });
    for (let rid = 1; rid <= ADMIN_LIMITS.callsAtOnce + 1; rid += 1) {
      await say(AdminOp.CALL, rid, 'work', {});
    }
    expect(got).toEqual([
      [AdminOp.ERR, ADMIN_LIMITS.callsAtOnce + 1, 'rate_limited', expect.any(String), 1000],
    ]);
    expect(counters.rateLimited).toBe(1);
  });

  test('CALL: a request number that has no answer yet, the second is refused, the first goes on', async () => {
    const { promise, resolve } = Promise.withResolvers<VerbResult>();
    const { clock, got, say } = setUp({ run: () => promise });
    await say(AdminOp.CALL, 7, 'work', {});
    await say(AdminOp.CALL, 7, 'work', {});
    resolve(done('first'));
    await clock.advance(0);
    expect(got.map((frame) => frame.slice(0, 3))).toEqual([
      [AdminOp.ERR, 7, 'invalid'],
      [AdminOp.OK, 7, 'first'],
    ]);
  });

  test('CALL: over the rate, rate_limited; a while later served again', async () => {
    const { clock, got, say } = setUp();
    const { burst } = ADMIN_LIMITS.calls;
    for (let rid = 1; rid <= burst + 1; rid += 1) await say(AdminOp.CALL, rid, 'work', {});
    expect(got.at(-1)?.slice(0, 3)).toEqual([AdminOp.ERR, burst + 1, 'rate_limited']);
    await clock.advance(Number(got.at(-1)?.[4]));
    await say(AdminOp.CALL, burst + 2, 'work', {});
    expect(got.at(-1)?.slice(0, 2)).toEqual([AdminOp.OK, burst + 2]);
  });

  test('answers that nobody reads: 4002 at the bound', async () => {
    const { counters, peer, say } = setUp({ run: async () => done(BIG) });
    peer.backlogBytes = ADMIN_LIMITS.transportBytes;
    for (let rid = 1; rid <= 30; rid += 1) await say(AdminOp.CALL, rid, 'work', {});
    expect([peer.closed, counters.closedTooSlow]).toEqual([4002, 1]);
  });

  test('AUTH: over the Unix socket taken; from outside handed to the door', async () => {
    const local = setUp();
    await local.say(AdminOp.AUTH, 1, 'anything');
    expect(local.got).toEqual([[AdminOp.OK, 1, { v: 1 }]]);
    const asked: unknown[] = [];
    const remote = setUp({ onAuth: (...request) => asked.push(request) });
    await remote.say(AdminOp.AUTH, 2, 'newer');
    expect([asked, remote.got]).toEqual([[[2, 'newer']], []]);
  });

  test('a bad frame: ERR invalid with rid 0, 4500, nothing afterwards', async () => {
    const { got, peer, say, session } = setUp();
    session.receive(Uint8Array.of(0xc1));
    await say(AdminOp.CALL, 1, 'work', {});
    expect(peer.closed).toBe(4500);
    expect(got.map((frame) => frame.slice(0, 3))).toEqual([[AdminOp.ERR, 0, 'invalid']]);
  });
});
