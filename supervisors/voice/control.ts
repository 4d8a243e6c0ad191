/**
 * Owns voice as the main thread sees it: the program of the media workers, and the thread of the rooms, which is in standby until
 * somebody joins and ends when nobody has been there for long. Never waits for media.
 */
import {
  at,
  type ChildSpec,
  type Clock,
  call,
  child,
  defineActor,
  type NodeHandle,
  name,
} from '../../runtime/index.ts';
import type { Logger } from '../log.ts';
import { HEALTH, VOICE_REST_MS } from '../policies.ts';
import type { NativeBinary } from './native-binary.ts';
import {
  type BinaryAnswer,
  VOICE_CONTROL,
  VOICE_SLOT,
  VOICE_THREAD,
  type VoiceControlP,
  type VoiceLook,
  type VoiceThreadP,
  type VoiceThreadState,
  type VoiceThreadStatus,
  type VoiceWake,
} from './types.ts';

/** When a client may try again: a start takes less, a preparation longer. */
const RETRY_MS = { replaced: 250, start: 2_000, preparing: 10_000, failed: 60_000 } as const;

type VoiceNode = Pick<NodeHandle, 'slots' | 'startSlot' | 'stopSlot'>;

export interface VoiceBinaries {
  readonly media: NativeBinary;
  readonly audio: NativeBinary;
}

export interface VoiceControlOptions {
  readonly binaries: VoiceBinaries;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Whether recordings were left without an end, which the thread does when it starts. */
  readonly hasUnfinished: () => Promise<boolean>;
}

export class VoiceControl {
  readonly #options: VoiceControlOptions;
  #node: VoiceNode | undefined;
  /** Somebody wanted it, and it has not been let go. */
  #isWanted = false;
  /** When it was found to have ended too often. */
  #outMs: number | undefined;

  constructor(options: VoiceControlOptions) {
    this.#options = options;
  }

  /** Child that answers the other threads. */
  get spec(): ChildSpec {
    return child(VOICE_CONTROL, VoiceControlActor, this, {
      name: name<VoiceControlP>(VOICE_CONTROL),
      restart: 'permanent',
    });
  }

  /** The node is up and ready. */
  begin(node: VoiceNode): void {
    this.#node = node;
    const { audio, media } = this.#options.binaries;
    // One after the other: what people talk with comes first.
    void media
      .begin()
      .then(() => audio.begin())
      .then(() => this.#finishRecordings());
  }

  /** Of a server that was killed. The thread ends again when nobody needs it. */
  async #finishRecordings(): Promise<void> {
    const { binaries, hasUnfinished, log } = this.#options;
    if (binaries.audio.look().state !== 'ready' || !(await hasUnfinished())) return;
    log.info('voice: a recording was left without an end: it is ended from its files');
    await this.wake();
  }

  /** The thread itself stops with the node. */
  close(): void {
    this.#node = undefined;
    const { audio, media } = this.#options.binaries;
    audio.close();
    media.close();
  }

  async wake(): Promise<VoiceWake> {
    const node = this.#node;
    const binary = this.#options.binaries.media.look();
    if (binary.state === 'off') return { up: false, retryMs: null, why: 'voice is off' };
    if (node === undefined) return asleep(RETRY_MS.start, 'the server is starting or stopping');
    if (binary.state === 'preparing') return asleep(RETRY_MS.preparing, 'voice is preparing');
    if (binary.state === 'failed') return asleep(RETRY_MS.failed, 'there is no media worker');
    if (this.#threadState() === 'out') {
      const restsMs = this.#options.clock.monotonic() - (this.#outMs ?? 0);
      if (restsMs < VOICE_REST_MS) {
        return asleep(Math.ceil(VOICE_REST_MS - restsMs), 'the voice thread ended too often');
      }
    }
    return this.#start(node);
  }

  async #start(node: VoiceNode): Promise<VoiceWake> {
    this.#outMs = undefined;
    this.#isWanted = true;
    try {
      await node.startSlot(VOICE_SLOT);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the voice thread could not be started');
      return asleep(RETRY_MS.start, 'the voice thread could not be started');
    }
    return this.#threadState() === 'up'
      ? { up: true }
      : asleep(RETRY_MS.replaced, 'the voice thread is being restarted');
  }

  async look(): Promise<VoiceLook> {
    const { audio, media } = this.#options.binaries;
    const thread = this.#threadState();
    const status = thread === 'up' ? await this.#status() : null;
    return { binary: media.look(), audio: audio.look(), thread, status };
  }

  async #status(): Promise<VoiceThreadStatus | null> {
    const wait = { timeoutMs: HEALTH.askMs };
    try {
      return await call(at<VoiceThreadP>(VOICE_SLOT, VOICE_THREAD), 'status', undefined, wait);
    } catch {
      return null; // it hangs, or ends at this moment
    }
  }

  /** At once, from memory. */
  binary(which: 'media' | 'audio'): BinaryAnswer {
    const binary = this.#options.binaries[which].look();
    if (binary.state === 'ready') return { ok: true, path: binary.path };
    return { ok: false, message: `its program is ${binary.state}` };
  }

  /** A join at this moment finds the thread gone, and wakes it again. */
  async idle(): Promise<void> {
    this.#isWanted = false;
    await this.#node?.stopSlot(VOICE_SLOT);
    this.#options.log.info('nobody has been in a voice channel for long: its thread has ended');
  }

  #threadState(): VoiceThreadState {
    const slot = this.#node?.slots().find((each) => each.name === VOICE_SLOT);
    if (slot !== undefined) return slot.up ? 'up' : 'down';
    if (!this.#isWanted || this.#node === undefined) return 'standby';
    // It was started and is not there any more: it went beyond its limit.
    this.#outMs ??= this.#options.clock.monotonic();
    return 'out';
  }
}

function asleep(retryMs: number, why: string): VoiceWake {
  return { up: false, retryMs, why };
}

const VoiceControlActor = defineActor<VoiceControlP, VoiceControl, VoiceControl>({
  name: VOICE_CONTROL,
  init: (_ctx, control) => control,
  // Starting and asking take time, and nobody is to wait for another's.
  concurrent: ['wake', 'look', 'idle', 'binary'],
  handle: {
    wake: (control) => control.wake(),
    look: (control) => control.look(),
    binary: (control, which) => control.binary(which),
    idle: (control) => control.idle(),
  },
});
