/** Tests of a room's recording, with a service that does what the test says. */
import { describe, expect, test } from 'vitest';
import type { AudioOutcome, AudioService, Recording, RecordOptions } from '../record/index.ts';
import type { MediaProducer, RoomMedia } from '../worker/types.ts';
import { RoomRecording } from './recording.ts';

const MODERATOR = 9;

function setUp(outcome: 'ok' | 'unavailable' | 'none' = 'ok') {
  const log: string[] = [];
  const talking: { uid: number; handle: MediaProducer }[] = [];
  const wishes: RecordOptions[] = [];
  let encrypted = false;
  let answer: ((value: AudioOutcome<Recording>) => void) | undefined;
  const names = new Map<MediaProducer, string>();
  const recording: Recording = {
    folder: 'x',
    speaker: (uid, _media, handle) => log.push(`speaker ${uid} ${names.get(handle)}`),
    gone: (handle) => log.push(`gone ${names.get(handle)}`),
    settled: async () => undefined,
    stop: async () => {
      log.push('stop');
    },
  };
  const audio = {
    record: (options: RecordOptions) => {
      wishes.push(options);
      return new Promise<AudioOutcome<Recording>>((resolve) => {
        answer = resolve;
      });
    },
  } as unknown as AudioService;
  const room = new RoomRecording({
    sid: 5,
    audio: outcome === 'none' ? null : audio,
    media: () => ({}) as RoomMedia,
    speakers: () => talking,
    isEncrypted: () => encrypted,
    told: (on, by) => log.push(`told ${on} ${by}`),
    wrap: (callback) => callback,
    beside: () => undefined,
  });
  const producer = (name: string): MediaProducer => {
    const made = {} as MediaProducer;
    names.set(made, name);
    return made;
  };
  const serve = () =>
    answer?.(
      outcome === 'ok'
        ? { ok: true, value: recording }
        : { ok: false, code: 'unavailable', message: 'x' },
    );
  const encrypt = () => {
    encrypted = true;
  };
  return { log, talking, wishes, room, producer, serve, encrypt };
}

async function started(at: ReturnType<typeof setUp>): Promise<void> {
  const done = at.room.act(MODERATOR, true);
  at.serve();
  expect(await done).toEqual({ ok: true, value: null });
}

describe('RoomRecording', () => {
  test('act: on, people are told before anybody is recorded', async () => {
    const at = setUp();
    at.talking.push({ uid: 1, handle: at.producer('a') });
    await started(at);
    at.room.added(2, at.producer('b'));
    expect(at.log).toEqual(['told true 9', 'speaker 1 a', 'speaker 2 b']);
    expect(at.room.by).toBe(MODERATOR);
    expect(at.wishes[0]).toMatchObject({ room: 5, by: MODERATOR });
  });

  test('act: twice on, is one recording; off, ends it', async () => {
    const at = setUp();
    await started(at);
    expect((await at.room.act(8, true)).ok).toBe(true);
    expect((await at.room.act(8, false)).ok).toBe(true);
    expect(at.wishes).toHaveLength(1);
    expect(at.log).toEqual(['told true 9', 'told false 8', 'stop']);
    expect(at.room.by).toBe(0);
  });

  test('act: off before the service answered, records nobody', async () => {
    const at = setUp();
    at.talking.push({ uid: 1, handle: at.producer('a') });
    const done = at.room.act(MODERATOR, true);
    await at.room.act(MODERATOR, false);
    at.serve();
    expect((await done).ok).toBe(true);
    expect(at.log).toEqual(['stop']);
  });

  test('act: encrypted end to end, is refused, also when it became so meanwhile', async () => {
    const at = setUp();
    const done = at.room.act(MODERATOR, true);
    at.encrypt();
    at.serve();
    expect(await done).toEqual({ ok: false, error: 'invalid' });
    expect(await at.room.act(MODERATOR, true)).toEqual({ ok: false, error: 'invalid' });
    expect(at.log).toEqual(['stop']);
  });

  test.each(['none', 'unavailable'] as const)(
    'act: the service is %s, is unavailable',
    async (outcome) => {
      const at = setUp(outcome);
      const done = at.room.act(MODERATOR, true);
      at.serve();
      expect(await done).toMatchObject({ ok: false, error: 'unavailable' });
      expect(at.log).toEqual([]);
    },
  );

  test('mediaDied: all are gone, and come back by their new producers', async () => {
    const at = setUp();
    at.talking.push({ uid: 1, handle: at.producer('a') }, { uid: 2, handle: at.producer('b') });
    await started(at);
    at.log.length = 0;
    at.room.mediaDied();
    at.room.added(1, at.producer('c'));
    at.room.removed(at.producer('never added'));
    expect(at.log).toEqual(['gone a', 'gone b', 'speaker 1 c']);
  });

  test('failed: by itself, people are told once and a new one may begin', async () => {
    const at = setUp();
    await started(at);
    at.wishes[0]?.onFailed();
    at.wishes[0]?.onFailed();
    expect(at.log).toEqual(['told true 9', 'told false 0']);
    await started(at);
    expect(at.wishes).toHaveLength(2);
  });

  test('end: with nobody left, ends what there is and nothing otherwise', async () => {
    const at = setUp();
    at.room.end();
    expect(at.log).toEqual([]);
    await started(at);
    at.room.end();
    expect(at.log).toEqual(['told true 9', 'told false 9', 'stop']);
  });
});
