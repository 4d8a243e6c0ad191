/** Tests of the supervision of driftway-audio, with a process and a clock that the test moves. */
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../runtime/testkit/index.ts';
import { Sidecar } from './sidecar.ts';
import type { SidecarChildEvents, SidecarEvent, SidecarJob, SidecarLink } from './types.ts';

interface FakeChild {
  readonly events: SidecarChildEvents;
  readonly lines: { id: number; op: string }[];
  /** Ops that it does not answer. */
  readonly deaf: Set<string>;
  isKilled: boolean;
  isEnded: boolean;
}

function setUp() {
  const clock = new FakeClock();
  const children: FakeChild[] = [];
  const told: string[] = [];
  const answers: Record<string, object> = { hello: { ok: true, version: 1 } };
  type Binary = { ok: true; path: string } | { ok: false; message: string };
  let binary: Binary | undefined = { ok: true, path: 'x' };
  let isStartable = true;
  const sidecar = new Sidecar({
    clock,
    binary: async () => {
      if (binary === undefined) throw new Error('no thread to ask');
      return binary;
    },
    onEvent: (what) => told.push(what),
    start: (_path, events) => {
      if (!isStartable) throw new Error('no such folder');
      const child: FakeChild = {
        ...{ events, lines: [], deaf: new Set<string>(), isKilled: false, isEnded: false },
      };
      children.push(child);
      return {
        pid: 100 + children.length,
        send: (line) => {
          const request = JSON.parse(line) as { id: number; op: string };
          child.lines.push(request);
          if (child.deaf.has(request.op)) return;
          const answer = answers[request.op] ?? { ok: true };
          events.line(JSON.stringify({ id: request.id, ...answer }));
        },
        kill: () => {
          child.isKilled = true;
          events.exit('SIGKILL');
        },
        end: () => {
          child.isEnded = true;
          events.exit('exit code 0');
        },
      };
    },
  });
  const lose = (how: 'missing' | 'unanswered' | 'unstartable') => {
    if (how === 'unstartable') isStartable = false;
    else binary = how === 'missing' ? { ok: false, message: 'not built yet' } : undefined;
  };
  return { clock, children, told, answers, sidecar, lose };
}

function job(id: number) {
  const calls: string[] = [];
  const events: SidecarEvent[] = [];
  const made: SidecarJob & { calls: string[]; events: SidecarEvent[] } = {
    ...{ id, calls, events },
    begin: async (link: SidecarLink) => {
      calls.push('begin');
      return (await link.request('room.open', { room: id })).ok;
    },
    event: (event) => events.push(event),
    lost: () => calls.push('lost'),
    failed: () => calls.push('failed'),
  };
  return made;
}

describe('Sidecar', () => {
  test('run: the first job, starts the process; the second uses it', async () => {
    const { sidecar, children } = setUp();
    expect(await sidecar.run(job(1))).toBe(true);
    expect(await sidecar.run(job(2))).toBe(true);
    expect(children).toHaveLength(1);
    expect(sidecar.status()).toMatchObject({ state: 'up', jobs: 2, starts: 1, pid: 101 });
  });

  test('run: several at once, share one start', async () => {
    const { sidecar, children } = setUp();
    const all = await Promise.all([job(1), job(2), job(3)].map((each) => sidecar.run(each)));
    expect(all).toEqual([true, true, true]);
    expect(children).toHaveLength(1);
  });

  test('events: of a job, reach that job only', async () => {
    const { sidecar, children } = setUp();
    const [one, two] = [job(1), job(2)];
    await sidecar.run(one);
    await sidecar.run(two);
    children[0]?.events.line('{"ev":"rec.segment","room":2,"file":"a"}');
    expect([one.events.length, two.events.length]).toEqual([0, 1]);
  });

  test('death: jobs, are told and begun again after 100 ms', async () => {
    const { sidecar, children, clock } = setUp();
    const one = job(1);
    await sidecar.run(one);
    children[0]?.events.exit('SIGKILL');
    expect(sidecar.status().state).toBe('waiting');
    expect(sidecar.link).toBeUndefined();
    await clock.advance(100);
    expect(sidecar.status()).toMatchObject({ state: 'up', deaths: 1, starts: 2 });
    expect(one.calls).toEqual(['begin', 'lost', 'begin']);
  });

  test('death: more than 5 in a minute, jobs fail and new ones are refused for a minute', async () => {
    const { sidecar, children, clock, told } = setUp();
    const one = job(1);
    await sidecar.run(one);
    for (let i = 0; i < 6; i++) {
      children.at(-1)?.events.exit('SIGSEGV');
      await clock.advance(5_000);
    }
    expect(sidecar.status()).toMatchObject({ state: 'down', deaths: 6, jobs: 0 });
    expect(one.calls.at(-1)).toBe('failed');
    expect(told.at(-1)).toBe('down');
    expect(await sidecar.run(job(2))).toBe(false);
    await clock.advance(60_000);
    expect(await sidecar.run(job(3))).toBe(true);
  });

  test('death: those of more than a minute ago, do not count', async () => {
    const { sidecar, children, clock } = setUp();
    await sidecar.run(job(1));
    for (let i = 0; i < 20; i++) {
      children.at(-1)?.events.exit('SIGSEGV');
      await clock.advance(30_000);
    }
    expect(sidecar.status()).toMatchObject({ state: 'up', deaths: 20 });
  });

  test('ping: three without an answer, the process is killed and started again', async () => {
    const { sidecar, children, clock, told } = setUp();
    await sidecar.run(job(1));
    await clock.advance(10_000);
    expect(children).toHaveLength(1);
    children[0]?.deaf.add('ping');
    await clock.advance(4_200);
    expect(children[0]?.isKilled).toBe(true);
    expect(told).toEqual(['up', 'hung', 'died', 'up']);
    expect(sidecar.status()).toMatchObject({ state: 'up', hung: 1 });
  });

  test('request: without an answer, ends after 5 s; at a death at once', async () => {
    const { sidecar, children, clock } = setUp();
    await sidecar.run(job(1));
    children[0]?.deaf.add('stats');
    const slow = sidecar.link?.request('stats');
    await clock.advance(5_000);
    expect(await slow).toEqual({ ok: false, err: 'timeout' });
    const cut = sidecar.link?.request('stats');
    children[0]?.events.exit('SIGKILL');
    expect(await cut).toEqual({ ok: false, err: 'gone' });
  });

  test('idle: a minute without a job, the process ends and the next job starts it', async () => {
    const { sidecar, children, clock } = setUp();
    const one = job(1);
    await sidecar.run(one);
    sidecar.drop(one);
    await clock.advance(30_000);
    expect(await sidecar.run(one)).toBe(true);
    sidecar.drop(one);
    await clock.advance(60_000);
    expect(children[0]?.isEnded).toBe(true);
    expect(sidecar.status()).toMatchObject({ state: 'standby', deaths: 0, pid: null });
    expect(await sidecar.run(one)).toBe(true);
    expect(children).toHaveLength(2);
  });

  test.each([
    ['missing', 'not built yet'],
    ['unanswered', 'no thread to ask'],
    ['unstartable', 'no such folder'],
  ] as const)('binary: %s, the job is refused and the next one asks again', async (how, detail) => {
    const { sidecar, lose, children } = setUp();
    lose(how);
    const one = job(1);
    expect(await sidecar.run(one)).toBe(false);
    expect(one.calls).toEqual(['failed']);
    expect(sidecar.status()).toMatchObject({ state: 'standby', jobs: 0, starts: 0, detail });
    expect(await sidecar.run(job(2))).toBe(false);
    expect(children).toHaveLength(0);
  });

  test('idle: a job that is dropped while the process is dead, does not keep the next one up', async () => {
    const { sidecar, children, clock } = setUp();
    const one = job(1);
    await sidecar.run(one);
    children[0]?.events.exit('SIGKILL');
    sidecar.drop(one);
    await clock.advance(100);
    expect(sidecar.status().state).toBe('up');
    await clock.advance(60_000);
    expect(children[1]?.isEnded).toBe(true);
    expect(sidecar.status().state).toBe('standby');
  });

  test('hello: another version of the protocol, is killed', async () => {
    const { sidecar, answers, children } = setUp();
    answers.hello = { ok: true, version: 2 };
    expect(await sidecar.run(job(1))).toBe(false);
    expect(children[0]?.isKilled).toBe(true);
  });

  test('line: what is no JSON, kills the process', async () => {
    const { sidecar, children } = setUp();
    await sidecar.run(job(1));
    children[0]?.events.line('Segmentation fault');
    expect(children[0]?.isKilled).toBe(true);
  });

  test('close: with jobs, ends the process in order and starts none', async () => {
    const { sidecar, children, clock } = setUp();
    await sidecar.run(job(1));
    await sidecar.close();
    await clock.advance(120_000);
    expect(children).toHaveLength(1);
    expect(children[0]).toMatchObject({ isEnded: true, isKilled: false });
    expect(await sidecar.run(job(2))).toBe(false);
  });
});
