/** The rules of calls, sends and requests (runtime.md 1.12, 2.5, 2.6, 2.8 and 4: G:send_request, G:calling_self, PR:send_after). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  call,
  cancelTimer,
  cast,
  checkResponse,
  configureRuntime,
  counters,
  defineActor,
  exit,
  type From,
  NOREPLY,
  name,
  processInfo,
  type Ref,
  RequestIds,
  readTimer,
  receiveResponse,
  reply,
  reqidsAdd,
  reqidsNew,
  reqidsSize,
  reqidsToList,
  send,
  sendAfter,
  sendRequest,
  spawn,
  stop,
  systemClock,
  waitResponse,
} from '../index.ts';
import { type FakeClock, settle } from '../testkit/index.ts';
import { onFakeClock, Probe, type ProbeCtx, type ProbeP, reasonOf } from './support.ts';

let clock: FakeClock;
beforeEach(() => {
  ({ clock } = onFakeClock());
});
afterEach(() => configureRuntime({ clock: systemClock, payloads: 'share' }));

const hold = () => NOREPLY;

describe('call', () => {
  test('default timeout 5000 ms; Infinity never; the late reply is dropped and counted', async () => {
    let from: From | undefined;
    const keep = (ctx: ProbeCtx): unknown => {
      from = ctx.from;
      return NOREPLY;
    };
    const ref = await spawn(Probe, {});
    const plain = reasonOf(call(ref, 'run', keep));
    const patient = call(ref, 'run', hold, { timeoutMs: Number.POSITIVE_INFINITY });
    let patientEnded = false;
    patient.catch(() => {
      patientEnded = true;
    });
    const { timeouts } = counters();
    await clock.advance(4990);
    expect(counters().callsPending).toBe(2);
    await clock.advance(20);
    expect(await plain).toBe('timeout');
    expect(counters().timeouts).toBe(timeouts + 1);
    const late = counters().lateReplies;
    reply(from as From, 'late');
    expect(counters().lateReplies).toBe(late + 1);
    await clock.advance(10_000_000);
    expect(patientEnded).toBe(false);
    exit(ref, 'kill');
    expect(await reasonOf(patient)).toBe('killed');
  });

  test('a late reply never reaches a newer call, whatever place that has in the table', async () => {
    let late: From | undefined;
    const keep = (ctx: ProbeCtx): unknown => {
      late = ctx.from;
      return NOREPLY;
    };
    const ref = await spawn(Probe, {});
    const given = reasonOf(call(ref, 'run', keep, { timeoutMs: 10 }));
    await clock.advance(20);
    expect(await given).toBe('timeout');
    // The table has room for 256 at first; each place comes up once in so many calls.
    for (let i = 0; i < 2048; i++) {
      const fresh = (): number => {
        reply(late as From, 'stale');
        return i;
      };
      expect(await call(ref, 'run', fresh)).toBe(i);
    }
  });

  test('a bad timeout: RangeError before anything is sent', async () => {
    const ref = await spawn(Probe, {});
    const before = processInfo(ref)?.messagesIn;
    for (const timeoutMs of [0, -1, Number.NaN]) {
      expect(() => call(ref, 'echo', 1, { timeoutMs })).toThrow(RangeError);
    }
    await settle();
    expect(processInfo(ref)?.messagesIn).toBe(before);
  });

  test('the server may hand its caller to another process; a second answer is dropped', async () => {
    const a = await spawn(Probe, {});
    const b = await spawn(Probe, {});
    const answered = call(a, 'run', (ctx) => {
      const { from } = ctx;
      ctx.cast(b, 'run', (other) => {
        other.reply(from as From, 'first');
        other.reply(from as From, 'second');
      });
      return NOREPLY;
    });
    expect(await answered).toBe('first');
  });

  test('ctx.reply before the handler returns: the result is not a second answer', async () => {
    const a = await spawn(Probe, {});
    const late = counters().lateReplies;
    const answered = call(a, 'run', (ctx) => {
      ctx.reply(ctx.from as From, 'early');
      return 'result';
    });
    expect(await answered).toBe('early');
    expect(counters().lateReplies).toBe(late);
  });

  test('deadlines propagate: a nested call waits a little less than what is left, whatever it asks for', async () => {
    const outer = await spawn(Probe, {});
    const inner = await spawn(Probe, {});
    let nested: unknown;
    const asked = call(
      outer,
      'run',
      async (ctx) => {
        nested = await reasonOf(ctx.call(inner, 'run', hold, { timeoutMs: 60_000 }));
        return ctx.deadline;
      },
      { timeoutMs: 1000 },
    );
    await clock.advance(1000);
    expect(nested).toBe('timeout');
    expect(await reasonOf(asked)).toBe('resolved');
  });

  test('deadline over while queued: the request is discarded and counted, an aborted one too', async () => {
    const log: unknown[] = [];
    let open: () => void = () => {};
    const ref = await spawn(Probe, { log });
    cast(ref, 'block', {
      until: new Promise<void>((resolve) => {
        open = resolve;
      }),
      after: 'first',
    });
    const expired = counters().expired;
    const abort = new AbortController();
    const slow = reasonOf(call(ref, 'log', 'expired', { timeoutMs: 50 }));
    const given = reasonOf(call(ref, 'log', 'aborted', { signal: abort.signal }));
    await clock.advance(60);
    abort.abort();
    expect([await slow, await given]).toEqual(['timeout', 'aborted']);
    open();
    await call(ref, 'echo', 0);
    expect(log).toEqual(['first']);
    expect(counters().expired).toBe(expired + 2);
  });

  test('G:calling_self: by ref and by name, at once', async () => {
    const ref = await spawn(Probe, {}, { name: name('selfish') });
    const outcomes = await call(ref, 'run', (ctx) =>
      Promise.all([
        reasonOf(ctx.call(ctx.self, 'echo', 1)),
        reasonOf(ctx.call(name<ProbeP>('selfish'), 'echo', 1)),
      ]),
    );
    expect(outcomes).toEqual(['callingSelf', 'callingSelf']);
    await stop(ref);
  });
});

describe('call circles', () => {
  const through = (ref: Ref<ProbeP>, fn: (ctx: ProbeCtx) => unknown) => (ctx: ProbeCtx) =>
    ctx.call(ref, 'run', fn);

  test('A calls B calls C calls A: callingSelf at once, found along the callers', async () => {
    const [a, b, c] = await Promise.all([spawn(Probe, {}), spawn(Probe, {}), spawn(Probe, {})]);
    const outcome = reasonOf(
      call(
        a,
        'run',
        through(
          b,
          through(c, (ctx) => reasonOf(ctx.call(a, 'echo', 1))),
        ),
      ),
    );
    expect(await outcome).toBe('resolved');
    const seen = await call(
      a,
      'run',
      through(
        b,
        through(c, (ctx) => reasonOf(ctx.call(a, 'echo', 1))),
      ),
    );
    expect(seen).toBe('callingSelf');
  });

  test('a circle that a cast began: found as well', async () => {
    const [a, b] = await Promise.all([spawn(Probe, {}), spawn(Probe, {})]);
    let seen: unknown;
    cast(
      a,
      'run',
      through(b, async (ctx) => {
        seen = await reasonOf(ctx.call(a, 'echo', 1));
      }),
    );
    await settle();
    expect(seen).toBe('callingSelf');
  });

  test('a caller that does not wait any more is no circle', async () => {
    const [a, b] = await Promise.all([spawn(Probe, {}), spawn(Probe, {})]);
    let seen: unknown;
    await call(a, 'run', (ctx) => {
      ctx
        .call(b, 'run', async (inner) => {
          seen = await inner.call(a, 'echo', 'served');
        })
        .catch(() => undefined);
    });
    await settle();
    expect(seen).toBe('served');
  });

  test('a caller that waits in a later message is no circle', async () => {
    const [a, b] = await Promise.all([spawn(Probe, {}), spawn(Probe, {})]);
    let openA: () => void = () => {};
    let openB: () => void = () => {};
    const gateA = new Promise<void>((resolve) => {
      openA = resolve;
    });
    const gateB = new Promise<void>((resolve) => {
      openB = resolve;
    });
    let seen: unknown;
    await call(a, 'run', (ctx) => {
      const asked = ctx.call(b, 'run', async (inner) => {
        await gateB;
        seen = await inner.call(a, 'echo', 'served');
      });
      asked.catch(() => undefined);
    });
    cast(a, 'block', { until: gateA, after: 0 });
    await settle();
    openB();
    await settle();
    openA();
    await settle();
    expect(seen).toBe('served');
  });

  test('longer than 8: ends by its deadline; found all the same while payloads are checked', async () => {
    for (const payloads of ['share', 'clone'] as const) {
      configureRuntime({ payloads });
      const refs = await Promise.all(Array.from({ length: 12 }, () => spawn(Probe, {})));
      let chain = (ctx: ProbeCtx): unknown => reasonOf(ctx.call(refs[0] as Ref<ProbeP>, 'echo', 1));
      for (const ref of refs.slice(1)) chain = through(ref, chain);
      const seen = call(refs[0] as Ref<ProbeP>, 'run', chain, { timeoutMs: 1000 });
      await clock.advance(1200);
      expect(await seen.catch(() => 'timeout')).toBe(
        payloads === 'clone' ? 'callingSelf' : 'timeout',
      );
    }
  });
});

describe('requests', () => {
  test('G:send_request: many outstanding, answered out of order', async () => {
    const froms: From[] = [];
    const ref = await spawn(Probe, {});
    const ids = [0, 1, 2].map(() =>
      sendRequest(ref, 'run', (ctx: ProbeCtx) => {
        froms.push(ctx.from as From);
        return NOREPLY;
      }),
    );
    await settle();
    expect(ids.map((id) => checkResponse(id))).toEqual(['noReply', 'noReply', 'noReply']);
    for (const i of [2, 0, 1]) reply(froms[i] as From, i);
    const replies = await Promise.all(ids.map((id) => waitResponse(id)));
    expect(replies).toEqual([0, 1, 2].map((n) => ({ ok: true, reply: n })));
    expect(ids.map((id) => checkResponse(id))).toEqual(['noRequest', 'noRequest', 'noRequest']);
  });

  test('G:send_request: waitResponse keeps the request on timeout, receiveResponse abandons it', async () => {
    const froms: From[] = [];
    const ref = await spawn(Probe, {});
    const ask = () =>
      sendRequest(ref, 'run', (ctx: ProbeCtx) => {
        froms.push(ctx.from as From);
        return NOREPLY;
      });
    const kept = ask();
    const abandoned = ask();
    await settle();
    const waits = [waitResponse(kept, 100), receiveResponse(abandoned, 100)];
    await clock.advance(110);
    expect(await Promise.all(waits)).toEqual(['timeout', 'timeout']);
    const late = counters().lateReplies;
    for (const from of froms) reply(from, 'now');
    expect(counters().lateReplies).toBe(late + 1);
    expect(await waitResponse(kept)).toEqual({ ok: true, reply: 'now' });
    expect(await receiveResponse(abandoned)).toBe('noRequest');
    await expect(waitResponse(kept, -1)).rejects.toThrow(RangeError);
  });

  test('G:send_request: a server that crashes, or is not there, is an error response', async () => {
    const ref = await spawn(Probe, {});
    const id = sendRequest(ref, 'stop', 'shutdown');
    expect(await receiveResponse(id)).toEqual({ ok: false, reason: 'shutdown' });
    expect(await receiveResponse(sendRequest(ref, 'echo', 1))).toEqual({
      ok: false,
      reason: 'noproc',
    });
  });

  test('request collections: labels, errors labelled, empty is noRequest, size and list', async () => {
    const ref = await spawn(Probe, {});
    const dead = await spawn(Probe, {});
    await stop(dead);
    const all = reqidsNew();
    expect(await all.receive()).toBe('noRequest');
    const first = sendRequest(ref, 'echo', 'a');
    reqidsAdd(first, 'one', all);
    reqidsAdd(sendRequest(dead, 'echo', 'b'), 'two', all);
    reqidsAdd(sendRequest(ref, 'run', hold), 'three', all);
    expect(() => all.add(first, 'again')).toThrow(TypeError);
    expect(reqidsSize(all)).toBe(3);
    expect(reqidsToList(all).map(([, label]) => label)).toEqual(['one', 'two', 'three']);
    const got = [await all.receive(), await all.receive()];
    expect(got).toContainEqual({ label: 'one', response: { ok: true, reply: 'a' } });
    expect(got).toContainEqual({ label: 'two', response: { ok: false, reason: 'noproc' } });
    expect(reqidsSize(all)).toBe(1);
    expect(all.check()).toBe('noReply');
    const waiting = all.wait(50);
    await clock.advance(60);
    expect(await waiting).toBe('timeout');
    const receiving = all.receive(50);
    await clock.advance(60);
    expect(await receiving).toBe('timeout');
    expect(await all.wait(50)).toBe('noRequest');
  });

  test('request collections: remove false leaves the answered one in', async () => {
    const ref = await spawn(Probe, {});
    const all = new RequestIds().add(sendRequest(ref, 'echo', 1), 'x');
    await settle();
    expect(all.check(false)).toMatchObject({ label: 'x' });
    expect(all.size).toBe(1);
    expect(await all.wait()).toBe('noRequest');
  });
});

describe('send', () => {
  interface SlowP {
    stuck(until: Promise<void>): void;
    put(n: number): unknown;
  }
  const blocking = async () => {
    const log: number[] = [];
    const Slow = defineActor<SlowP, null>({
      init: () => null,
      handle: { stuck: (_s, until) => until, put: (_s, n) => log.push(n) },
      mailbox: { limit: 2, overflow: 'block' },
    });
    const ref = await spawn(Slow, undefined);
    let open: () => void = () => {};
    cast(
      ref,
      'stuck',
      new Promise<void>((resolve) => {
        open = resolve;
      }),
    );
    await settle();
    return { ref, log, open };
  };

  test('block: send resolves when there is room, in order; a call waits too; a cast is refused', async () => {
    const { ref, log, open } = await blocking();
    const sent: number[] = [];
    for (const n of [1, 2, 3, 4]) void send(ref, 'put', n).then(() => sent.push(n));
    await settle();
    expect(sent).toEqual([1, 2]);
    const refused = counters().dropped;
    cast(ref, 'put', 99);
    expect(counters().dropped).toBe(refused + 1);
    expect(await reasonOf(send(ref, 'put', 5))).toBe('mailboxFull');
    open();
    await settle();
    expect(sent).toEqual([1, 2, 3, 4]);
    expect(log).toEqual([1, 2, 3, 4]);
    expect(processInfo(ref)?.mailboxLength).toBe(0);
  });

  test('block: a call waits for room within its deadline', async () => {
    const { ref, log, open } = await blocking();
    void send(ref, 'put', 1);
    void send(ref, 'put', 2);
    const served = call(ref, 'put', 3);
    const late = reasonOf(call(ref, 'put', 4, { timeoutMs: 50 }));
    await clock.advance(60);
    expect(await late).toBe('timeout');
    open();
    expect(await served).toBe(3);
    expect(log).toEqual([1, 2, 3]);
  });

  test('block: the receiver ends, sends resolve and calls fail with its reason', async () => {
    const { ref } = await blocking();
    void send(ref, 'put', 1);
    void send(ref, 'put', 2);
    const sent = send(ref, 'put', 3);
    const called = reasonOf(call(ref, 'put', 4));
    exit(ref, 'kill');
    await sent;
    expect(await called).toBe('killed');
    await send(ref, 'put', 5);
  });

  test('PR:send_after read / cancel: time left, false after firing, a cancelled one never fires', async () => {
    const log: unknown[] = [];
    const ref = await spawn(Probe, { log });
    const first = sendAfter(ref, 100, 'log', 'first');
    const second = sendAfter(ref, 200, 'log', 'second');
    expect(readTimer(first)).toBe(100);
    await clock.advance(40);
    expect(readTimer(first)).toBe(60);
    await clock.advance(60);
    expect(readTimer(first)).toBe(false);
    expect(cancelTimer(first)).toBe(false);
    expect(cancelTimer(second)).toBe(100);
    expect(cancelTimer(second)).toBe(false);
    await clock.advance(1000);
    expect(log).toEqual(['first']);
    expect(() => sendAfter(ref, -1, 'log', 0)).toThrow(RangeError);
  });

  test('PR:send_after to a name: resolved when it fires; unknown then is a dead letter', async () => {
    const log: unknown[] = [];
    sendAfter(name<ProbeP>('later'), 50, 'log', 1);
    const ref = await spawn(Probe, { log }, { name: name('later') });
    await clock.advance(60);
    expect(log).toEqual([1]);
    await stop(ref);
    const before = counters().deadLetters;
    sendAfter(name<ProbeP>('later'), 50, 'log', 2);
    await clock.advance(60);
    expect(counters().deadLetters).toBe(before + 1);
  });

  test('ctx.readTimer and ctx.cancel: time left; false when none is set or it has fired', async () => {
    const ref = await spawn(Probe, {});
    const look = (fn: (ctx: ProbeCtx) => unknown) => call(ref, 'run', fn);
    await look((ctx) => ctx.timer('t', 100, 'log', 1));
    await clock.advance(30);
    expect(await look((ctx) => [ctx.readTimer('t'), ctx.readTimer('u')])).toEqual([70, false]);
    expect(await look((ctx) => [ctx.cancel('t'), ctx.cancel('t')])).toEqual([70, false]);
    await look((ctx) => ctx.timer('t', 10, 'log', 1));
    await clock.advance(30);
    expect(await look((ctx) => ctx.cancel('t'))).toBe(false);
  });
});
