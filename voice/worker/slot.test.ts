/** The life of a slot on a clock that a test moves: replacements, back-off, limits. */
import { EventEmitter } from 'node:events';
import type { WebRtcServer, Worker } from 'mediasoup/types';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../runtime/testkit/index.ts';
import { LiveWorker, type WorkerStart } from './live-worker.ts';
import { Slot } from './slot.ts';

/** A process that ends when the test says so. */
class FakeWorker extends EventEmitter {
  readonly pid = 1;
  closed = false;
  subprocessClosed = false;
  close(): void {
    this.closed = true;
    this.subprocessClosed = true;
    this.emit('subprocessclose');
  }
  die(): void {
    this.closed = true;
    this.emit('died');
  }
}

interface World {
  readonly clock: FakeClock;
  readonly slot: Slot;
  readonly log: string[];
  readonly workers: FakeWorker[];
  /** Answers of the next starts; without one the start is good. */
  readonly failures: ('spawn' | 'bind')[];
}

function world(pauseMs = 0): World {
  const clock = new FakeClock();
  const log: string[] = [];
  const workers: FakeWorker[] = [];
  const failures: ('spawn' | 'bind')[] = [];
  const start = (index: number): Promise<WorkerStart> => {
    const what = failures.shift();
    if (what !== undefined) return Promise.resolve({ ok: false, what, message: 'no' });
    const worker = new FakeWorker();
    workers.push(worker);
    const server = {} as WebRtcServer;
    const live = new LiveWorker(index, worker as unknown as Worker, server, 1, clock);
    return Promise.resolve({ ok: true, live });
  };
  const slot = new Slot(3, clock, {
    start,
    up: () => log.push('up'),
    died: (_slot, reason) => {
      log.push(reason);
      return pauseMs;
    },
    failed: (_slot, what) => log.push(what),
    out: () => log.push('out'),
    back: () => log.push('back'),
  });
  return { clock, slot, log, workers, failures };
}

describe('Slot', () => {
  test('start: a worker that dies, is replaced at once', async () => {
    const { clock, slot, log, workers } = world();
    slot.start();
    await clock.advance(0);
    workers[0]?.die();
    await clock.advance(0);
    expect(log).toEqual(['up', 'killed', 'up']);
    expect(slot).toMatchObject({ state: 'up', deaths: 1 });
  });

  test('died: a pause was asked for, the slot is filled after it', async () => {
    const { clock, slot, log, workers } = world(1_000);
    slot.start();
    await clock.advance(0);
    workers[0]?.die();
    await clock.advance(999);
    expect(slot.state).toBe('waiting');
    await clock.advance(1);
    expect(log).toEqual(['up', 'killed', 'up']);
  });

  test('died: five times in 60 s, out for a minute, then a new count', async () => {
    const { clock, slot, log, workers } = world();
    slot.start();
    for (let deaths = 0; deaths < 5; deaths += 1) {
      await clock.advance(10_000);
      workers.at(-1)?.die();
    }
    expect(slot.state).toBe('out');
    expect(log.slice(-2)).toEqual(['killed', 'out']);
    await clock.advance(60_000);
    expect(slot.state).toBe('up');
    expect(log.slice(-2)).toEqual(['back', 'up']);
    for (let deaths = 0; deaths < 4; deaths += 1) {
      workers.at(-1)?.die();
      await clock.advance(1_000);
    }
    expect(slot).toMatchObject({ state: 'up', deaths: 9 });
  });

  test('died: once in a while, never out', async () => {
    const { clock, slot, workers } = world();
    slot.start();
    for (let deaths = 0; deaths < 20; deaths += 1) {
      await clock.advance(16_000);
      workers.at(-1)?.die();
      await clock.advance(0);
      expect(slot.state).toBe('up');
    }
  });

  test('start: a port that is taken, is tried again ever more slowly until it is free', async () => {
    const { clock, slot, log, workers, failures } = world();
    failures.push('bind', 'bind', 'bind', 'bind', 'bind', 'bind', 'bind', 'bind');
    slot.start();
    await clock.advance(0);
    expect(slot.state).toBe('waiting');
    await clock.advance(100 + 200 + 400 + 800 + 1_600 + 3_200 + 5_000);
    expect(log).toHaveLength(8);
    await clock.advance(4_999);
    expect(workers).toHaveLength(0);
    await clock.advance(1);
    expect(log.at(-1)).toBe('up');
  });

  test('stop: while a worker starts, the worker is thrown away and nothing is told', async () => {
    const { clock, slot, log, workers } = world();
    slot.start();
    await slot.stop('closed');
    await clock.advance(0);
    expect(log).toEqual([]);
    expect(workers[0]?.closed).toBe(true);
    expect(slot).toMatchObject({ state: 'down', live: null });
    expect(clock.pending).toBe(0);
  });
});
