/** An audio service that plays without a process: its streams are producers of the fake media. Tests only. */
import type {
  AudioOutcome,
  AudioService,
  AudioStatus,
  Mix,
  Playback,
  PlayOptions,
  Recording,
} from '../../record/index.ts';
import { MEDIA_AUDIO } from '../../types.ts';
import { FakeRoom } from './fake-media.ts';

const NONE = { ok: false, code: 'unavailable', message: 'not faked' } as const;

export class FakePlayer implements AudioService {
  /** What is played now. */
  playing: PlayOptions[] = [];

  async play(wish: PlayOptions): Promise<AudioOutcome<Playback>> {
    if (!(wish.media instanceof FakeRoom)) return NONE;
    const transport = await wish.media.createTransport({ direction: 'send', owner: wish.owner });
    if (!transport.ok) return NONE;
    const rtp = { codecs: [] };
    const made = await transport.value.produce({ media: MEDIA_AUDIO, rtp, paused: false });
    if (!made.ok) return NONE;
    this.playing.push(wish);
    const stop = (): void => {
      made.value.close();
      this.playing = this.playing.filter((other) => other !== wish);
    };
    return { ok: true, value: { producer: made.value, position: 0, stop } };
  }

  async library(): Promise<readonly string[]> {
    return ['a.opus'];
  }

  async record(): Promise<AudioOutcome<Recording>> {
    return NONE;
  }

  async mix(): Promise<AudioOutcome<Mix>> {
    return NONE;
  }

  status(): AudioStatus {
    throw new Error('not faked');
  }

  async close(): Promise<void> {
    this.playing = [];
  }
}
