/** The checker must pass every correct run and name each planted fault. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { check, type StreamHistory } from './checker.ts';
import { EPOCH, type Run, SID, type Step, simulate } from './checker-sim.ts';
import type { ConnTrace } from './checker-wire.ts';
import { encode, type LogEntry } from './support/raw-client.ts';
import { OP, type WireFrame } from './support/wire.ts';

const steps = fc.array(
  fc.oneof(
    {
      arbitrary: fc.record({
        type: fc.constant('append' as const),
        writer: fc.nat(1),
        lost: fc.nat(2),
      }),
      weight: 6,
    },
    {
      arbitrary: fc.record({ type: fc.constant('drop' as const), observer: fc.nat(3) }),
      weight: 1,
    },
    {
      arbitrary: fc.record({
        type: fc.constant('resume' as const),
        observer: fc.nat(3),
        trimmed: fc.nat(3),
      }),
      weight: 1,
    },
    {
      arbitrary: fc.record({
        type: fc.constant('repair' as const),
        observer: fc.nat(3),
        back: fc.nat(4),
      }),
      weight: 1,
    },
    { arbitrary: fc.record({ type: fc.constant('head' as const) }), weight: 1 },
  ),
  { maxLength: 60 },
) satisfies fc.Arbitrary<Step[]>;

/** Ten messages by two writers, one of them acknowledged on the second attempt; one observer resumes. */
function sample(): Run {
  const list: Step[] = [];
  for (let i = 0; i < 5; i += 1) list.push({ type: 'append', writer: i, lost: i === 2 ? 1 : 0 });
  list.push({ type: 'drop', observer: 0 });
  for (let i = 0; i < 5; i += 1) list.push({ type: 'append', writer: i, lost: 0 });
  list.push({ type: 'resume', observer: 0, trimmed: 0 }, { type: 'append', writer: 0, lost: 0 });
  return simulate(list, 2);
}

/** Rewrites the received frames of the connections that `who` picks; undefined removes a frame. */
function tamper(
  run: Run,
  who: (trace: ConnTrace) => boolean,
  change: (frame: WireFrame) => readonly WireFrame[],
): Run {
  const connections = run.connections.map((trace) => {
    if (!who(trace)) return trace;
    const entries = trace.entries.flatMap((entry): LogEntry[] => {
      if (entry.dir === 'sent') return [entry];
      return change(entry.frame).map((frame) => ({ ...entry, frame, raw: encode('mp', frame) }));
    });
    return { ...trace, entries };
  });
  return { ...run, connections };
}

function rewriteHistory(run: Run, change: (history: StreamHistory) => StreamHistory): Run {
  return { ...run, histories: run.histories.map(change) };
}

const isLive = (seq: number) => (frame: WireFrame) => frame[0] === OP.ev && frame[3] === seq;
const second = (trace: ConnTrace) => trace.client === 'observer-1';
const anyone = () => true;
const invariants = (run: Run) => [...new Set(check(run).map((one) => one.invariant))];

describe('check', () => {
  test('check: any correct run, no violation', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 4 }), (list, observers) => {
        expect(check(simulate(list, observers))).toEqual([]);
      }),
    );
  });

  test('check: an event removed from any live connection, a violation', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (list, pick) => {
        const run = simulate(list, 2);
        const seqs = run.connections
          .filter(second)
          .flatMap((trace) => trace.entries.filter((entry) => entry.frame[0] === OP.ev))
          .map((entry) => Number(entry.frame[3]));
        fc.pre(seqs.length > 0);
        const hit = isLive(seqs[pick % seqs.length]!);
        const once = tamper(run, second, (frame) => (hit(frame) ? [] : [frame]));
        // A repair SUB or a later resume may have brought it again: then nothing is lost at the end.
        const brought = once.connections
          .filter(second)
          .some((trace) => trace.entries.some((entry) => entry.frame[0] === OP.batch));
        expect(brought || check(once).length > 0).toBe(true);
      }),
    );
  });

  test('check: the clean sample, no violation', () => {
    expect(check(sample())).toEqual([]);
  });

  test('check: other content for one client, I1', () => {
    const run = tamper(sample(), second, (frame) =>
      isLive(4)(frame) ? [[...frame.slice(0, 7), 'forged']] : [frame],
    );
    expect(invariants(run)).toContain('I1');
  });

  test('check: other ts for one client, I1', () => {
    const run = tamper(sample(), second, (frame) =>
      isLive(4)(frame) ? [[...frame.slice(0, 4), 5, ...frame.slice(5)]] : [frame],
    );
    expect(invariants(run)).toContain('I1');
  });

  test('check: the last event never came, I2', () => {
    const run = tamper(sample(), second, (frame) => (isLive(11)(frame) ? [] : [frame]));
    expect(invariants(run)).toEqual(['I2']);
  });

  test('check: the same event twice on the wire, I3', () => {
    const run = tamper(sample(), second, (frame) => (isLive(4)(frame) ? [frame, frame] : [frame]));
    expect(invariants(run)).toEqual(['I3']);
  });

  test('check: an event missing between two, I9 and I2', () => {
    const run = tamper(sample(), second, (frame) => (isLive(4)(frame) ? [] : [frame]));
    expect(invariants(run).sort()).toEqual(['I2', 'I9']);
  });

  test('check: two events swapped, I3 and I9', () => {
    let held: WireFrame | undefined;
    const run = tamper(sample(), second, (frame) => {
      if (isLive(4)(frame)) {
        held = frame;
        return [];
      }
      return isLive(5)(frame) && held !== undefined ? [frame, held] : [frame];
    });
    expect(invariants(run).sort()).toEqual(['I3', 'I9']);
  });

  test('check: a replay that leaves out its first event, I8', () => {
    const run = tamper(sample(), anyone, (frame) =>
      frame[0] === OP.batch ? [[OP.batch, (frame[1] as WireFrame).slice(1)]] : [frame],
    );
    expect(invariants(run)).toContain('I8');
  });

  test('check: OK to SUB names another position than the cursor, I8', () => {
    const run = tamper(sample(), anyone, (frame) => {
      if (frame[0] !== OP.ok || !Array.isArray(frame[2])) return [frame];
      const [entry] = frame[2] as WireFrame[];
      return [
        [OP.ok, frame[1]!, [[...entry!.slice(0, 3), Number(entry![3]) + 1, ...entry!.slice(4)]]],
      ];
    });
    expect(invariants(run)).toContain('I8');
  });

  test('check: status 2 without its GAP, I8', () => {
    const list: Step[] = [{ type: 'drop', observer: 0 }];
    for (let i = 0; i < 6; i += 1) list.push({ type: 'append', writer: 0, lost: 0 });
    list.push({ type: 'resume', observer: 0, trimmed: 3 });
    const run = simulate(list, 1);
    expect(check(run)).toEqual([]);
    const bad = tamper(run, anyone, (frame) => (frame[0] === OP.gap ? [] : [frame]));
    expect(invariants(bad)).toContain('I8');
  });

  test('check: a GAP that does not begin at the position, I8', () => {
    const list: Step[] = [{ type: 'drop', observer: 0 }];
    for (let i = 0; i < 6; i += 1) list.push({ type: 'append', writer: 0, lost: 0 });
    list.push({ type: 'resume', observer: 0, trimmed: 3 });
    const bad = tamper(simulate(list, 1), anyone, (frame) =>
      frame[0] === OP.gap ? [[...frame.slice(0, 4), 2, ...frame.slice(5)]] : [frame],
    );
    expect(invariants(bad)).toContain('I8');
  });

  test('check: an event of another epoch without a GAP, I9', () => {
    const run = tamper(sample(), second, (frame) =>
      isLive(4)(frame) ? [[OP.ev, SID, EPOCH + 1, ...frame.slice(3)]] : [frame],
    );
    expect(invariants(run)).toContain('I9');
  });

  test('check: an event after UNSUB was answered, I9', () => {
    const run = sample();
    const extra: LogEntry[] = [
      { at: 0, dir: 'sent', frame: [OP.unsub, 99, [SID]], raw: Buffer.alloc(0) },
      { at: 0, dir: 'received', frame: [OP.ok, 99, 1], raw: Buffer.alloc(0) },
      {
        at: 0,
        dir: 'received',
        frame: [OP.ev, SID, EPOCH, 12, 1, 1, 1, 'x'],
        raw: Buffer.alloc(0),
      },
    ];
    const connections = run.connections.map((trace) =>
      second(trace) ? { ...trace, entries: [...trace.entries, ...extra] } : trace,
    );
    expect(invariants({ ...run, connections })).toContain('I9');
  });

  test('check: a HEAD ahead of the events, I9', () => {
    const run = tamper(sample(), second, (frame) =>
      isLive(4)(frame) ? [[OP.head, SID, EPOCH, 4, 0], frame] : [frame],
    );
    expect(invariants(run)).toEqual(['I9']);
  });

  test('check: a hole in HISTORY, I4 and I5', () => {
    const run = rewriteHistory(sample(), (history) => ({
      ...history,
      events: history.events.filter((frame) => frame[3] !== 6),
    }));
    expect(invariants(run)).toEqual(expect.arrayContaining(['I4', 'I5']));
  });

  test('check: a seq twice in HISTORY, I4', () => {
    const run = rewriteHistory(sample(), (history) => ({
      ...history,
      events: history.events.flatMap((frame) => (frame[3] === 6 ? [frame, frame] : [frame])),
    }));
    expect(invariants(run)).toContain('I4');
  });

  test('check: an acknowledged append lost from the tail, I5', () => {
    const run = rewriteHistory(sample(), (history) => ({
      ...history,
      head: history.head - 1,
      events: history.events.slice(0, -1),
    }));
    expect(invariants(run)).toContain('I5');
  });

  test('check: an acknowledged append with other content, I5', () => {
    const run = rewriteHistory(sample(), (history) => ({
      ...history,
      events: history.events.map((frame) =>
        frame[3] === 6 ? [...frame.slice(0, 7), 'forged'] : frame,
      ),
    }));
    expect(invariants(run)).toContain('I5');
  });

  test('check: an unacknowledged append stored twice, I6', () => {
    const twice = withSecondCopy(sample(), 7);
    const run = tamper(twice, anyone, (frame) => (isAppendOk(frame, 7) ? [] : [frame]));
    expect(invariants(run)).toEqual(['I6']);
  });

  test('check: an acknowledged append stored twice, I7', () => {
    expect(invariants(withSecondCopy(sample(), 7))).toEqual(['I7']);
  });

  test('check: a retry answered with another seq, I7', () => {
    const run = retried((frame) => [OP.ok, 50, EPOCH, Number(frame[3]) + 1, frame[4]!, true]);
    expect(invariants(run)).toContain('I7');
  });

  test('check: a retry answered as new again, I7', () => {
    expect(invariants(retried((frame) => [OP.ok, 50, ...frame.slice(2, 5), false]))).toContain(
      'I7',
    );
    expect(check(retried((frame) => [OP.ok, 50, ...frame.slice(2, 5), true]))).toEqual([]);
  });

  test('check: two appends of one connection stored the other way round, I11', () => {
    const run = simulate(
      [
        { type: 'append', writer: 0, lost: 0 },
        { type: 'append', writer: 0, lost: 0 },
      ],
      1,
    );
    const [writer] = run.connections;
    const [first, firstOk, next, nextOk] = writer!.entries;
    const swapped = { ...writer!, entries: [next!, nextOk!, first!, firstOk!] };
    const bad = { ...run, connections: [swapped, ...run.connections.slice(1)] };
    expect(invariants(bad)).toEqual(['I11']);
  });

  test('check: two replies to one rid, I15', () => {
    const run = tamper(sample(), anyone, (frame) =>
      isAppendOk(frame, 7) ? [frame, frame] : [frame],
    );
    expect(invariants(run)).toContain('I15');
  });

  test('check: equal values in other bytes, I16', () => {
    const run = sample();
    const connections = run.connections.map((trace) => ({
      ...trace,
      entries: trace.entries.map((entry) =>
        second(trace) && isLive(4)(entry.frame)
          ? { ...entry, raw: Buffer.concat([entry.raw.subarray(0, 1), entry.raw]) }
          : entry,
      ),
    }));
    expect(invariants({ ...run, connections })).toEqual(['I16']);
  });
});

describe('check with edits and deletes', () => {
  const edit: WireFrame = [OP.ev, SID, EPOCH, 12, 2000, 2, 100, 4, 'better'];
  const remove: WireFrame = [OP.ev, SID, EPOCH, 12, 2000, 3, 100, 4];

  /** HISTORY serves seq 4 as `kind` with `body`; `change` is seq 12. */
  function changed(change: WireFrame | undefined, kind: number, body: WireFrame): Run {
    const run = sample();
    const delivered = tamper(
      run,
      (trace) => trace.client.startsWith('observer'),
      (frame) => (isLive(11)(frame) && change !== undefined ? [frame, change] : [frame]),
    );
    return rewriteHistory(delivered, (history) => {
      const events = history.events.map((frame) =>
        frame[3] === 4 ? [...frame.slice(0, 5), kind, frame[6]!, ...body] : frame,
      );
      return change === undefined
        ? { ...history, events }
        : { ...history, head: 12, events: [...events, change] };
    });
  }

  test('check: content replaced after an edit, no violation', () => {
    expect(check(changed(edit, 1, ['better', null, 4]))).toEqual([]);
  });

  test('check: redacted after a delete, no violation', () => {
    expect(check(changed(remove, 0, []))).toEqual([]);
  });

  test('check: content replaced or redacted without a reason, I1 and I5', () => {
    expect(invariants(changed(undefined, 1, ['better', null, 4]))).toEqual(['I1', 'I5']);
    expect(invariants(changed(undefined, 0, []))).toEqual(['I1', 'I5']);
    expect(invariants(changed(edit, 0, []))).toEqual(['I1', 'I5']);
  });
});

function isAppendOk(frame: WireFrame, seq: number): boolean {
  return frame[0] === OP.ok && frame[3] === seq;
}

/** The message at `seq` a second time as the newest event, for everybody. */
function withSecondCopy(run: Run, seq: number): Run {
  const head = run.histories[0]!.head + 1;
  const original = run.histories[0]!.events[seq - 1]!;
  const copy = [...original.slice(0, 3), head, 1000 + head, ...original.slice(5)];
  const seen = tamper(
    run,
    (trace) => trace.client.startsWith('observer'),
    (frame) => (isLive(head - 1)(frame) ? [frame, copy] : [frame]),
  );
  return rewriteHistory(seen, (history) => ({
    ...history,
    head,
    events: [...history.events, copy],
  }));
}

/** The sample with writer-1's last append repeated and answered by `answer`. */
function retried(answer: (ok: WireFrame) => WireFrame): Run {
  const run = sample();
  const connections = run.connections.map((trace) => {
    const ok = trace.entries.findLast((entry) => isAppendOk(entry.frame, 9));
    const sent = trace.entries.find(
      (entry) =>
        entry.dir === 'sent' && entry.frame[0] === OP.append && entry.frame[1] === ok?.frame[1],
    );
    if (trace.uid >= 200 || ok === undefined || sent === undefined) return trace;
    const again = { ...sent, frame: [OP.append, 50, ...sent.frame.slice(2)] };
    return { ...trace, entries: [...trace.entries, again, { ...ok, frame: answer(ok.frame) }] };
  });
  return { ...run, connections };
}
