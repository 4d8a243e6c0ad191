/**
 * Recording, playback and mix for the rooms of a voice thread, on one driftway-audio process that starts with the first job and ends a
 * minute after the last. Without its binary everything answers `unavailable`, and calls go on. Voice thread.
 */
import { mkdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Ms, Rng, TimerHandle } from '../../runtime/index.ts';
import {
  Sidecar,
  type SidecarChild,
  type SidecarChildEvents,
  type SidecarOptions,
  startSidecar,
} from '../sidecar/index.ts';
import { Player } from './playback.ts';
import { Recorder } from './recorder.ts';
import { recoverParts } from './recover.ts';
import { StageMix } from './stage-mix.ts';
import type {
  AudioCounters,
  AudioErr,
  AudioOutcome,
  AudioService,
  AudioStatus,
  Mix,
  MixOptions,
  Playback,
  PlayOptions,
  Recording,
  RecordOptions,
} from './types.ts';
import { finishRecording, markedFolders, type Recover, unmark } from './unfinished.ts';

/** Of one thread; each is a folder with open files. */
const RECORDINGS_MAX = 200;
const LIBRARY_SHOWN_MAX = 500;
/** The whole of what a name may be: no folder, nothing hidden. */
const LIBRARY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,119}\.(opus|ogg)$/;

type AudioEvent = Parameters<NonNullable<SidecarOptions['onEvent']>>[0] | 'finished';

export interface AudioServiceOptions {
  /** The binary's path if it is there (native/audio): asked at each start of the process, must answer at once. */
  readonly binary: SidecarOptions['binary'];
  /** Holds `recordings/` and `library/`; made when they are needed. */
  readonly folder: string;
  /** Marks of recordings that are under way; what is there at the start is of a life that was killed. */
  readonly marks: string;
  readonly clock: Clock;
  readonly rng: Rng;
  /** `finished`: a recording that was left without an end has one. */
  readonly onEvent?: (what: AudioEvent, detail: string) => void;
  /** Tests put their own process in its place. */
  readonly start?: (path: string, events: SidecarChildEvents) => SidecarChild;
}

/** A process whose server was killed ends its files by itself; that takes less. */
const LEFT_AFTER_MS: Ms = 2_000;
/** Without the program to make files whole: it may be in the making. */
const LEFT_AGAIN_MS: Ms = 30_000;

/** Makes the service; starts nothing, and writes nothing unless a recording was left without an end. */
export function createAudioService(options: AudioServiceOptions): AudioService {
  return new Service(options);
}

class Service implements AudioService {
  readonly #options: AudioServiceOptions;
  readonly #sidecar: Sidecar;
  readonly #recordings = new Set<Recorder>();
  readonly #counters: AudioCounters = {
    ...{ recordings: 0, recordingsFailed: 0, segments: 0, recovered: 0 },
    ...{ playbacks: 0, mixes: 0, untapped: 0 },
  };
  #lastId = 0;
  #isClosed = false;
  #timer: TimerHandle | undefined;

  constructor(options: AudioServiceOptions) {
    this.#options = options;
    const folders = {
      recordings: join(options.folder, 'recordings'),
      library: join(options.folder, 'library'),
    };
    const start = (path: string, events: SidecarChildEvents) => {
      for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
      return startSidecar(path, folders, events);
    };
    this.#sidecar = new Sidecar({
      ...{ binary: options.binary, clock: options.clock, start: options.start ?? start },
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
    });
    // Read now, before a recording of this life is marked.
    const left = markedFolders(options.marks);
    void left.then((folders) => this.#finishLater(folders, LEFT_AFTER_MS));
  }

  async record(wish: RecordOptions): Promise<AudioOutcome<Recording>> {
    if (this.#recordings.size >= RECORDINGS_MAX) return failed('unavailable', 'too many at once');
    const recorder = new Recorder({
      ...wish,
      ...{ id: this.#nextId(), clock: this.#options.clock, counters: this.#counters },
      ...{ root: join(this.#options.folder, 'recordings'), marks: this.#options.marks },
      link: () => this.#sidecar.link,
      recover: (paths) => this.#recover(paths),
      onOver: (done) => {
        this.#sidecar.drop(done);
        this.#recordings.delete(done);
      },
    });
    this.#recordings.add(recorder);
    const isReady = await recorder.prepare().then(
      () => true,
      () => false,
    );
    if (isReady && (await this.#sidecar.run(recorder))) {
      this.#counters.recordings += 1;
      return { ok: true, value: recorder };
    }
    await recorder.stop();
    return this.#unavailable(isReady ? undefined : 'the folder of recordings cannot be written');
  }

  async library(): Promise<readonly string[]> {
    const names = await readdir(join(this.#options.folder, 'library')).catch(() => []);
    const known = names.filter((name) => LIBRARY_NAME.test(name));
    return known.sort().slice(0, LIBRARY_SHOWN_MAX);
  }

  async play(wish: PlayOptions): Promise<AudioOutcome<Playback>> {
    if (!LIBRARY_NAME.test(wish.file)) return failed('not_found', 'there is no such file');
    const player = new Player({
      ...this.#streamOptions(wish),
      play: wish,
      onOver: (done) => this.#sidecar.drop(done),
    });
    if (await this.#sidecar.run(player)) {
      this.#counters.playbacks += 1;
      return { ok: true, value: player };
    }
    if (player.fault === 'not_found') return failed('not_found', 'there is no such file');
    if (player.fault === 'bad_file') return failed('rejected', 'the file is no Ogg/Opus');
    return this.#unavailable();
  }

  async mix(wish: MixOptions): Promise<AudioOutcome<Mix>> {
    const mix = new StageMix({
      ...this.#streamOptions(wish),
      ...{ settings: wish.settings, onFailed: wish.onFailed },
      onUntapped: () => {
        this.#counters.untapped += 1;
      },
      onOver: (done) => this.#sidecar.drop(done),
    });
    if (!(await this.#sidecar.run(mix))) return this.#unavailable();
    this.#counters.mixes += 1;
    return { ok: true, value: mix };
  }

  status(): AudioStatus {
    return {
      process: this.#sidecar.status(),
      recordingsNow: this.#recordings.size,
      counters: this.#counters,
    };
  }

  #finishLater(folders: readonly string[], ms: Ms): void {
    if (folders.length === 0 || this.#isClosed) return;
    this.#timer = this.#options.clock.setTimeout(() => void this.#finishLeft(folders), ms);
  }

  /** One after the other; those for which there is no program yet come again. */
  async #finishLeft(folders: readonly string[]): Promise<void> {
    const { binary, folder: root, marks, onEvent } = this.#options;
    const program = await binary().catch(() => ({ ok: false }) as const);
    if (!program.ok) {
      this.#finishLater(folders, LEFT_AGAIN_MS);
      return;
    }
    for (const folder of folders) {
      if (this.#isClosed) return;
      const path = join(root, 'recordings', folder);
      const recover: Recover = (paths) => recoverParts(program.path, paths);
      const files = await finishRecording(path, recover).catch(() => null);
      onEvent?.('finished', `${folder}: ${files ?? 'no'} files made whole`);
      this.#counters.recovered += files ?? 0;
      if (files !== null) await unmark(marks, folder);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    await Promise.all([...this.#recordings].map((recorder) => recorder.stop()));
    await this.#sidecar.close();
  }

  #streamOptions({ media, owner }: Pick<PlayOptions, 'media' | 'owner'>) {
    return {
      ...{ media, owner, id: this.#nextId(), clock: this.#options.clock },
      // mediasoup refuses 0.
      ssrc: (this.#options.rng.u32() | 1) >>> 0,
      link: () => this.#sidecar.link,
    };
  }

  async #recover(paths: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const binary = await this.#options.binary().catch(() => ({ ok: false }) as const);
    return binary.ok ? recoverParts(binary.path, paths) : [];
  }

  #unavailable(why?: string): AudioOutcome<never> {
    const { state, detail } = this.#sidecar.status();
    return failed('unavailable', why ?? detail ?? `the audio process is ${state}`);
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}

function failed(code: AudioErr, message: string): AudioOutcome<never> {
  return { ok: false, code, message };
}
