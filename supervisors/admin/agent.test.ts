/** The agent of a thread: what operators do to its actors, what ends by itself, and every bound of it. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type AnyRef,
  call,
  cast,
  child,
  configureRuntime,
  defineActor,
  entity,
  hostEntity,
  isAlive,
  name,
  startSupervisor,
  stop,
  systemClock,
  whereis,
} from '../../runtime/index.ts';
import { readRecord } from '../../runtime/record/index.ts';
import { FakeClock, settle } from '../../runtime/testkit/index.ts';
import { AgentThread, adminAgent } from './agent.ts';
import { AGENT_LIMITS } from './agent-limits.ts';
import { SafeSink } from './agent-record.ts';
import { ADMIN_AGENT, type AdminAgentP } from './agent-types.ts';

interface NoteP {
  write(text: string): number;
  fail(): void;
}

const Note = defineActor<NoteP, { texts: string[]; byAuthor: Map<string, number> }>({
  name: 'note',
  init: () => ({ texts: [], byAuthor: new Map() }),
  handle: {
    write: (s, text) => {
      s.byAuthor.set('author', s.texts.push(text));
      return s.texts.length;
    },
    fail: () => {
      throw new Error('asked to');
    },
  },
});

const agent = name<AdminAgentP>(ADMIN_AGENT);
const note = (key: number) => entity<NoteP>('note', key);
const at = (key: number) => ({ path: `note/${key}` });

let clock: FakeClock;
let thread: AgentThread;
let roots: AnyRef[];
let level: { level: string };

beforeEach(async () => {
  clock = new FakeClock();
  configureRuntime({ clock, report: () => undefined });
  level = { level: 'info' };
  thread = new AgentThread(clock, level as never);
  const sup = await startSupervisor({
    children: [adminAgent(thread), child('plain', Note, undefined, { name: name<NoteP>('plain') })],
  });
  const host = await hostEntity('note', { behaviour: Note, arg: () => undefined, idleMs: 1e9 });
  roots = [host, sup];
  await call(note(1), 'write', 'hello');
});
afterEach(async () => {
  for (const ref of roots) await stop(ref, 'shutdown').catch(() => undefined);
  configureRuntime({ clock: systemClock });
});

describe('suspend', () => {
  test('ends by itself, also when the agent was started again meanwhile', async () => {
    const suspended = await call(agent, 'suspend', { ...at(1), forMs: 1_000 });
    expect(suspended).toEqual({ ok: true, value: { until: clock.now() + 1_000 } });
    let answer: number | undefined;
    void call(note(1), 'write', 'later').then((n) => {
      answer = n;
    });
    const before = whereis(agent);
    await stop(agent, 'kill').catch(() => undefined);
    await settle();
    expect(whereis(agent)).not.toBe(before);
    await clock.advance(990);
    await settle();
    expect(answer).toBeUndefined();
    await clock.advance(20);
    await settle();
    expect(answer).toBe(2);
    expect(thread.counters.suspendedNow).toBe(0);
  });

  test('resume ends it; a second time prolongs it; more than the bound are refused', async () => {
    await call(agent, 'suspend', { ...at(1), forMs: 1_000 });
    await call(agent, 'suspend', { ...at(1), forMs: 5_000 });
    await clock.advance(2_000);
    await settle();
    const seen = await call(agent, 'inspect', { ...at(1), raw: false });
    expect(seen).toMatchObject({ value: { info: { status: 'suspended' } } });
    expect(await call(agent, 'resume', at(1))).toEqual({ ok: true, value: { wasSuspended: true } });
    expect(await call(agent, 'resume', at(1))).toEqual({
      ok: true,
      value: { wasSuspended: false },
    });
    for (let key = 1; key <= AGENT_LIMITS.suspended; key++) {
      await call(note(key), 'write', 'x');
      expect(await call(agent, 'suspend', { ...at(key), forMs: 1_000 })).toMatchObject({
        ok: true,
      });
    }
    await call(note(100), 'write', 'x');
    expect(await call(agent, 'suspend', { ...at(100), forMs: 1_000 })).toMatchObject({
      code: 'conflict',
    });
    await stop(note(1), 'normal');
    expect(await call(agent, 'suspend', { ...at(100), forMs: 1_000 })).toMatchObject({ ok: true });
    await clock.advance(1_010);
    await settle();
  });
});

describe('kill', () => {
  test('of one entity: as often as its host bears, then not before the period is over', async () => {
    const outcomes: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      await call(note(1), 'write', 'again');
      outcomes.push((await call(agent, 'kill', at(1))).ok);
      await settle();
    }
    expect(outcomes).toEqual([true, true, false]);
    await call(note(2), 'write', 'x');
    expect(await call(agent, 'kill', at(2))).toEqual({ ok: true, value: { ended: 1 } });
    await clock.advance(AGENT_LIMITS.killsPeriodMs);
    expect(await call(agent, 'kill', at(1))).toMatchObject({ ok: true });
    expect(thread.counters).toMatchObject({ kills: 4, killsRefused: 1 });
  });

  test('of a supervised actor: it is there again; of what nobody starts again: refused', async () => {
    const before = whereis(name('plain'));
    expect(await call(agent, 'kill', { path: 'plain' })).toEqual({ ok: true, value: { ended: 1 } });
    await settle();
    expect(whereis(name('plain'))).not.toBe(before);
    for (const [path, code] of [
      ['note', 'conflict'],
      [ADMIN_AGENT, 'conflict'],
      ['nobody', 'not_found'],
    ]) {
      expect(await call(agent, 'kill', { path: path as string })).toMatchObject({
        ok: false,
        code,
      });
    }
  });
});

describe('restart and passivate', () => {
  test('a supervised actor ends in order and is there again, however often', async () => {
    for (let i = 0; i < 6; i++) {
      const before = whereis(name('plain')) as AnyRef;
      const result = await call(agent, 'restart', { path: 'plain' });
      expect(result).toEqual({ ok: true, value: { restarted: 'plain', ended: 1 } });
      expect(isAlive(before)).toBe(false);
      expect(whereis(name('plain'))).toBeDefined();
    }
    expect(await call(agent, 'restart', { path: 'note' })).toMatchObject({ code: 'conflict' });
  });

  test('an entity is passive until its next message', async () => {
    expect(await call(agent, 'passivate', { ...at(1), force: false })).toEqual({
      ok: true,
      value: null,
    });
    expect(whereis(note(1))).toBeUndefined();
    expect(await call(agent, 'passivate', { ...at(1), force: true })).toMatchObject({
      code: 'not_found',
    });
    expect(await call(note(1), 'write', 'x')).toBe(1);
    expect(await call(agent, 'restart', at(1))).toMatchObject({ value: { restarted: 'note/1' } });
    expect(whereis(note(1))).toBeUndefined();
    const plain = await call(agent, 'passivate', { path: 'plain', force: true });
    expect(plain).toMatchObject({ code: 'invalid' });
  });
});

describe('inspect', () => {
  test('without raw: no text, no key of a table; with it both', async () => {
    const shown = await call(agent, 'inspect', { ...at(1), raw: false });
    expect(shown).toMatchObject({
      value: { redacted: true, state: { texts: ['string(5)'], byAuthor: 'Map(1)' } },
    });
    const raw = await call(agent, 'inspect', { ...at(1), raw: true });
    expect(raw).toMatchObject({
      value: { state: { texts: ['hello'], byAuthor: { 'Map(1)': [['author', 1]] } } },
    });
  });
});

describe('trace', () => {
  const order = { sample: 1, forMs: 1_000, eventsMax: 100, raw: false };
  const start = async (more: object = {}) => {
    const started = await call(agent, 'traceStart', { ...at(1), ...order, ...more });
    if (!started.ok) throw new Error(started.message);
    return started.value.trace;
  };

  test('shapes of what comes and goes; ends with its time and is forgotten when it was told', async () => {
    const trace = await start();
    await call(note(1), 'write', 'a secret');
    const first = await call(agent, 'traceRead', { trace });
    expect(first).toMatchObject({
      ok: true,
      value: { seen: 1, sampled: 1, dropped: 0, ended: null },
    });
    expect(first.ok ? first.value.events : []).toMatchObject([
      { kind: 'in', op: 'write', call: true, arg: 'string(8)' },
      { kind: 'reply', op: 'write', arg: 2 },
      { kind: 'done', op: 'write', ms: 0 },
    ]);
    await clock.advance(1_010);
    await call(note(1), 'write', 'after the end');
    expect(await call(agent, 'traceRead', { trace })).toMatchObject({
      value: { ended: 'time', events: [] },
    });
    expect(await call(agent, 'traceRead', { trace })).toMatchObject({ code: 'not_found' });
  });

  test('nobody fetches: the oldest events go and are counted, and all of it after a while', async () => {
    const trace = await start({ eventsMax: AGENT_LIMITS.traceEventsMax });
    for (let i = 0; i < 1_000; i++) cast(note(1), 'write', 'x');
    await call(note(1), 'write', 'last');
    await settle();
    expect(await call(agent, 'traceRead', { trace })).toMatchObject({
      value: { seen: 1_001, dropped: 3, ended: null },
    });
    expect(thread.counters.traceEventsDropped).toBe(3);
    await clock.advance(1_010);
    await clock.advance(AGENT_LIMITS.traceMaxMs + 10);
    expect(thread.counters.tracesNow).toBe(0);
    await settle();
  });

  test('more than the bound are refused', async () => {
    const traces: number[] = [];
    for (let i = 0; i < AGENT_LIMITS.traces; i++) traces.push(await start());
    expect(await call(agent, 'traceStart', { ...at(1), ...order })).toMatchObject({
      code: 'conflict',
    });
    for (const trace of traces) cast(agent, 'traceStop', { trace });
    await settle();
    expect(thread.counters.tracesNow).toBe(0);
  });
});

describe('record', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'driftway-agent-'));
    thread.offer({ recordable: { note: {} } });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const order = (file: string, more: object = {}) => {
    const base = { type: 'note', key: 1, forMs: 1_000, bytesMax: 100_000, content: true };
    return { ...base, file: join(folder, file), ...more };
  };

  test('from a new life on, until its time', async () => {
    const one = order('one');
    expect(await call(agent, 'recordStart', one)).toMatchObject({ ok: true, value: { lives: 0 } });
    expect(statSync(one.file).mode & 0o777).toBe(0o600);
    expect(await call(note(1), 'write', 'recorded')).toBe(1);
    expect(await call(agent, 'recordings', undefined)).toMatchObject([{ lives: 1, entries: 3 }]);
    await clock.advance(1_010);
    await settle();
    expect(await call(agent, 'recordings', undefined)).toEqual([]);
    expect(readRecord(one.file).map(({ t }) => t)).toEqual(['start', 'in', 'out', 'end']);
    expect(readFileSync(one.file, 'utf8')).toContain('recorded');
  });

  test('without content, at the bound of bytes, and with a file that cannot be written', async () => {
    const small = order('two', { content: false, bytesMax: 600 });
    await call(agent, 'recordStart', small);
    for (let i = 0; i < 20; i++) await call(note(1), 'write', 'hidden');
    const stopped = await call(agent, 'recordStop', { file: small.file });
    expect(stopped).toMatchObject({ ok: true, value: { content: false } });
    expect(stopped.ok ? stopped.value.dropped : 0).toBeGreaterThan(0);
    expect(thread.counters.recordEntriesDropped).toBeGreaterThan(0);
    expect(readFileSync(small.file, 'utf8')).not.toContain('hidden');
    expect(await call(agent, 'recordStop', { file: small.file })).toMatchObject({
      code: 'not_found',
    });
    const refused = await call(agent, 'recordStart', order('x', { type: 'plain' }));
    expect(refused).toMatchObject({ code: 'not_available' });
    await expect(call(agent, 'recordStart', order('no/such/folder'))).rejects.toThrow();
    expect(await call(note(1), 'write', 'goes on')).toBeGreaterThan(0);
  });

  test('SafeSink: a disk that is full, nothing more is written and nobody notices', () => {
    const full = (): never => {
      throw new Error('ENOSPC');
    };
    const counted = { recordEntriesDropped: 0 };
    const none = { entries: 0, bytes: 0, dropped: 0 };
    const sink = new SafeSink({ write: full, close: full, counters: none }, counted);
    expect([sink.write('{}'), sink.write('{}')]).toEqual([false, false]);
    sink.close();
    expect([sink.dropped, counted.recordEntriesDropped]).toEqual([2, 2]);
  });

  test('more than the bound, and one twice, are refused', async () => {
    for (let key = 1; key <= AGENT_LIMITS.recordings; key++) {
      expect(await call(agent, 'recordStart', order(`f${key}`, { key }))).toMatchObject({
        ok: true,
      });
    }
    const more = await call(agent, 'recordStart', order('more', { key: 99 }));
    expect(more).toMatchObject({ code: 'conflict' });
    await call(agent, 'recordStop', { file: join(folder, 'f4') });
    expect(await call(agent, 'recordStart', order('twice'))).toMatchObject({ code: 'conflict' });
    thread.recordings.close();
    expect(thread.counters.recordingsNow).toBe(0);
  });
});

test('logLevel: for a time, then as configured; a second one counts from its own start', async () => {
  expect(await call(agent, 'logLevel', { level: 'debug', forMs: 1_000 })).toEqual({
    before: 'info',
  });
  await clock.advance(900);
  expect(await call(agent, 'logLevel', { level: 'trace', forMs: 1_000 })).toEqual({
    before: 'debug',
  });
  await clock.advance(900);
  expect(level.level).toBe('trace');
  await clock.advance(110);
  expect(level.level).toBe('info');
});
