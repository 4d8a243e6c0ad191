/**
 * Who is heard in a room: mediasoup's level and dominant-speaker observers on one router. Voice thread.
 */
import type { ActiveSpeakerObserver, AudioLevelObserver, Router } from 'mediasoup/types';
import { attempt, done } from './result.ts';
import type { MediaResult } from './types.ts';

/** mediasoup clamps to 250 ms. */
const INTERVAL_MS = 250;
const ENTRIES_MAX = 16;
/** dBov; a quiet room is below, a quiet voice above. */
const THRESHOLD = -60;

export interface ObserverPorts {
  levels(levels: readonly (readonly [producerId: string, dbov: number])[]): void;
  dominant(producerId: string): void;
}

export class Observers {
  readonly #router: Router;
  readonly #level: AudioLevelObserver;
  readonly #speaker: ActiveSpeakerObserver;

  private constructor(router: Router, level: AudioLevelObserver, speaker: ActiveSpeakerObserver) {
    this.#router = router;
    this.#level = level;
    this.#speaker = speaker;
  }

  static async open(router: Router, ports: ObserverPorts): Promise<MediaResult<Observers>> {
    const made = await attempt(
      () =>
        Promise.all([
          router.createAudioLevelObserver({
            interval: INTERVAL_MS,
            maxEntries: ENTRIES_MAX,
            threshold: THRESHOLD,
          }),
          router.createActiveSpeakerObserver({ interval: INTERVAL_MS }),
        ]),
      () => router.closed,
    );
    if (!made.ok) return made;
    const [level, speaker] = made.value;
    level.on('volumes', (volumes) =>
      ports.levels(volumes.map(({ producer, volume }) => [producer.id, volume] as const)),
    );
    level.on('silence', () => ports.levels([]));
    speaker.on('dominantspeaker', ({ producer }) => ports.dominant(producer.id));
    return done(new Observers(router, level, speaker));
  }

  /** The producer must be on this router, by itself or by a pipe. */
  async add(producerId: string): Promise<MediaResult<unknown>> {
    return attempt(
      () =>
        Promise.all([
          this.#level.addProducer({ producerId }),
          this.#speaker.addProducer({ producerId }),
        ]),
      () => this.#router.closed || this.#level.closed,
    );
  }

  close(): void {
    this.#level.close();
    this.#speaker.close();
  }
}
