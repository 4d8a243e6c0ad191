/** When the voice thread is started, and what those who ask are told. */
import { describe, expect, test } from 'vitest';
import { settle } from '../../runtime/testkit/index.ts';
import { VOICE_REST_MS } from '../policies.ts';
import { VoiceControl, type VoiceControlOptions } from './control.ts';
import type { BinaryState } from './types.ts';

const READY: BinaryState = { state: 'ready', path: 'worker' };

class World {
  nowMs = 0;
  state: BinaryState = READY;
  /** 'gone': not among the slots. */
  slot: 'gone' | 'down' | 'up' = 'gone';
  starts = 0;
  stops = 0;
  fails = false;
  isLeft = false;
  /** It is being replaced: a start has nothing to do. */
  replaces = false;
  readonly control: VoiceControl;

  constructor() {
    const media = { look: () => this.state, begin: async () => undefined, close: () => undefined };
    const log = { info: () => undefined, warn: () => undefined };
    this.control = new VoiceControl({
      binaries: { media, audio: media },
      clock: { monotonic: () => this.nowMs },
      log,
      hasUnfinished: async () => this.isLeft,
    } as unknown as VoiceControlOptions);
  }

  begin(): void {
    const slots = () =>
      this.slot === 'gone'
        ? []
        : [{ name: 'voice-0', group: 'voice', thread: 1, up: this.slot === 'up', incarnation: 1 }];
    this.control.begin({
      slots,
      startSlot: async () => {
        this.starts += 1;
        if (this.fails) throw new Error('no boot');
        if (!this.replaces) this.slot = 'up';
      },
      stopSlot: async () => {
        this.stops += 1;
        this.slot = 'gone';
      },
    });
  }
}

function begun(): World {
  const at = new World();
  at.begin();
  return at;
}

describe('begin', () => {
  test.each([true, false])(
    'recordings left without an end: %s, so is the thread',
    async (isLeft) => {
      const at = new World();
      at.isLeft = isLeft;
      at.begin();
      await settle();
      expect(at.starts).toBe(isLeft ? 1 : 0);
    },
  );

  test('left, but there is no program for recordings: the thread stays in standby', async () => {
    const at = new World();
    at.isLeft = true;
    at.state = { state: 'failed', code: 'x', message: 'x' };
    at.begin();
    await settle();
    expect(at.starts).toBe(0);
  });
});

describe('wake', () => {
  test('with a media worker: starts the thread', async () => {
    const at = begun();
    expect(await at.control.look()).toMatchObject({ thread: 'standby', status: null });
    expect(await at.control.wake()).toEqual({ up: true });
    expect(at.starts).toBe(1);
  });

  test.each<[BinaryState, number | null]>([
    [{ state: 'off' }, null],
    [{ state: 'preparing', step: 'compiling', share: 0.1 }, 10_000],
    [{ state: 'failed', code: 'tools', message: 'install' }, 60_000],
  ])('%o: nothing is started, and when to come again', async (state, retryMs) => {
    const at = begun();
    at.state = state;
    expect(await at.control.wake()).toMatchObject({ up: false, retryMs });
    expect(at.starts).toBe(0);
  });

  test('before the node is ready and after its stop: not now', async () => {
    const at = new World();
    expect(await at.control.wake()).toMatchObject({ up: false, retryMs: 2_000 });
    at.begin();
    at.control.close();
    expect(await at.control.wake()).toMatchObject({ up: false, retryMs: 2_000 });
    expect(at.starts).toBe(0);
  });

  test('a thread that does not boot: not now', async () => {
    const at = begun();
    at.fails = true;
    expect(await at.control.wake()).toMatchObject({ up: false, retryMs: 2_000 });
  });

  test('a thread that is being replaced: not now', async () => {
    const at = begun();
    await at.control.wake();
    at.slot = 'down';
    at.replaces = true;
    expect(await at.control.look()).toMatchObject({ thread: 'down' });
    expect(await at.control.wake()).toMatchObject({ up: false, retryMs: 250 });
  });

  test('a thread that ended too often: rests, then is started anew', async () => {
    const at = begun();
    await at.control.wake();
    at.slot = 'gone';
    expect(await at.control.look()).toMatchObject({ thread: 'out' });
    at.nowMs = 10_000;
    expect(await at.control.wake()).toMatchObject({ up: false, retryMs: VOICE_REST_MS - 10_000 });
    at.nowMs = VOICE_REST_MS;
    expect(await at.control.wake()).toEqual({ up: true });
    expect(at.starts).toBe(2);
  });
});

test('idle: the thread ends and is in standby, the next wake starts it again', async () => {
  const at = begun();
  await at.control.wake();
  await at.control.idle();
  expect(at.stops).toBe(1);
  expect(await at.control.look()).toMatchObject({ thread: 'standby' });
  expect(await at.control.wake()).toEqual({ up: true });
});

test('binary: the path where it is ready, else what it is', () => {
  const at = begun();
  expect(at.control.binary('audio')).toEqual({ ok: true, path: 'worker' });
  at.state = { state: 'off' };
  expect(at.control.binary('media')).toMatchObject({ ok: false });
});
