/**
 * One recording: what is wanted (who, where), what the process told (segments), and the manifest of both. Survives deaths of the process:
 * it is told all of it again, and what it left is made whole. Voice thread.
 */
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Id } from '../../channels/index.ts';
import type { Clock, Ms, TimerHandle } from '../../runtime/index.ts';
import type { SidecarEvent, SidecarJob, SidecarLink } from '../sidecar/index.ts';
import type { MediaProducer, RoomMedia } from '../worker/types.ts';
import {
  type Manifest,
  type ManifestSegment,
  segmentOf,
  tracksOf,
  writeManifest,
} from './manifest.ts';
import { Tapped } from './tapped.ts';
import type { AudioCounters, Recording } from './types.ts';
import { mark, type Recover, unmark } from './unfinished.ts';

/** The manifest is for reading afterwards; a crash of the server loses at most this much of it. */
const MANIFEST_EVERY_MS: Ms = 2_000;

export interface RecorderOptions {
  readonly id: number;
  readonly room: Id;
  readonly by: Id;
  /** The folder of all recordings. */
  readonly root: string;
  /** Where it is marked as under way. */
  readonly marks: string;
  readonly clock: Clock;
  readonly counters: AudioCounters;
  readonly link: () => SidecarLink | undefined;
  /** Makes files of what a killed process left (`<file>.part`); what it tells of each, as the process tells of segments. */
  readonly recover: Recover;
  /** It is over: the service forgets it. */
  readonly onOver: (recorder: Recorder) => void;
  readonly onFailed: () => void;
}

export class Recorder implements SidecarJob, Recording {
  readonly id: number;
  readonly folder: string;
  readonly #options: RecorderOptions;
  readonly #tapped: Tapped;
  readonly #path: string;
  readonly #startedMs: Ms;
  /** CLOCK_MONOTONIC in µs: the same for every life of the process. */
  readonly #baseUs: number;
  readonly #segments: (ManifestSegment & { readonly uid: Id })[] = [];
  /** Files that are being written. */
  readonly #open = new Set<string>();
  #state: 'new' | 'on' | 'over' = 'new';
  #end: Manifest['end'] = null;
  #timer: TimerHandle | undefined;
  #written: Promise<void> = Promise.resolve();
  /** Whether the newest manifest is on the disk. */
  #isWritten = false;
  #stopping: Promise<void> | undefined;
  #beginning: Promise<boolean> | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.id = options.id;
    this.#startedMs = options.clock.now();
    this.#baseUs = Math.round(options.clock.monotonic() * 1000);
    this.folder = `${options.room}/${this.#startedMs}-${options.id}`;
    this.#path = join(options.root, this.folder);
    this.#tapped = new Tapped({
      id: options.id,
      link: options.link,
      onUntapped: () => {
        options.counters.untapped += 1;
      },
    });
  }

  /** Makes the folder with a first manifest. Rejects when the disk refuses. */
  async prepare(): Promise<void> {
    await mkdir(this.#path, { recursive: true, mode: 0o750 });
    await writeManifest(this.#path, this.#manifest());
    await mark(this.#options.marks, this.folder);
  }

  speaker(uid: Id, media: RoomMedia, producer: MediaProducer): void {
    if (this.#state !== 'over') this.#tapped.speaker(uid, media, producer);
  }

  gone(producer: MediaProducer): void {
    this.#tapped.gone(producer);
  }

  async settled(): Promise<void> {
    await this.#beginning;
    await this.#tapped.settled();
  }

  begin(link: SidecarLink): Promise<boolean> {
    const beginning = this.#begin(link);
    this.#beginning = beginning;
    return beginning;
  }

  async #begin(link: SidecarLink): Promise<boolean> {
    if (this.#state === 'over') return false;
    const isOpen = await this.#tapped.open(link);
    const recording = { room: this.id, folder: this.folder, base: this.#baseUs };
    if (!isOpen || !(await link.request('rec.start', recording)).ok) return false;
    await this.#tapped.announce(link);
    this.#state = 'on';
    return true;
  }

  event(event: SidecarEvent): void {
    if (event.ev === 'fault') this.#diskRefused();
    if (event.ev === 'rec.segment') this.#open.add(String(event.file));
    if (event.ev !== 'rec.done') return;
    this.#open.delete(String(event.file));
    const segment = segmentOf(event);
    if (segment === null || segment.samples === 0) return;
    this.#options.counters.segments += 1;
    this.#segments.push(segment);
    this.#touch();
  }

  lost(): void {
    void this.#recover();
  }

  failed(): void {
    // A stop under way ends it with what there is.
    if (this.#stopping !== undefined) return;
    const wasOn = this.#state === 'on';
    this.#options.counters.recordingsFailed += 1;
    this.#stopping = this.#finish('failed');
    if (wasOn) this.#options.onFailed();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop('stop');
    return this.#stopping;
  }

  /** One track that cannot be written is a recording that is not what people think it is: it ends, and they are told. */
  #diskRefused(): void {
    if (this.#state === 'over' || this.#stopping !== undefined) return;
    this.#options.counters.recordingsFailed += 1;
    this.#stopping = this.#stop('failed');
    this.#options.onFailed();
  }

  async #stop(end: 'stop' | 'failed'): Promise<void> {
    const link = this.#options.link();
    await this.#tapped.close();
    await link?.request('rec.stop', { room: this.id });
    await link?.request('room.close', { room: this.id });
    await this.#finish(end);
  }

  async #finish(end: Manifest['end']): Promise<void> {
    const hasBegun = this.#state === 'on';
    this.#state = 'over';
    this.#end = end;
    this.#options.onOver(this);
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    await this.#tapped.close();
    // What never began leaves nothing behind.
    if (!hasBegun) {
      await unmark(this.#options.marks, this.folder);
      return rm(this.#path, { recursive: true, force: true });
    }
    await this.#recover();
    await Promise.all(this.#segments.map(({ file }) => this.#sync(file)));
    this.#write();
    await this.#written;
    if (this.#isWritten) await unmark(this.#options.marks, this.folder);
  }

  /** What a killed process left: from its last whole page on everything is there. */
  async #recover(): Promise<void> {
    const files = [...this.#open];
    this.#open.clear();
    if (files.length === 0) return;
    const paths = files.map((file) => join(this.#path, `${file}.part`));
    for (const told of await this.#options.recover(paths)) {
      const segment = segmentOf(told);
      if (segment === null) continue;
      this.#options.counters.recovered += 1;
      this.#segments.push(segment);
    }
    this.#touch();
  }

  /** The process leaves that to us: its loop must not wait for a disk. */
  async #sync(file: string): Promise<void> {
    try {
      const handle = await open(join(this.#path, file), 'r');
      await handle.sync();
      await handle.close();
    } catch {
      return; // a file that somebody took away: the manifest still tells of it
    }
  }

  #touch(): void {
    if (this.#timer !== undefined || this.#state === 'over') return;
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#write();
    }, MANIFEST_EVERY_MS);
  }

  #write(): void {
    const manifest = this.#manifest();
    const attempt = this.#written.then(() => writeManifest(this.#path, manifest));
    this.#written = attempt.then(
      () => {
        this.#isWritten = true;
      },
      () => {
        this.#isWritten = false;
        this.#options.counters.recordingsFailed += 1;
      },
    );
  }

  #manifest(): Manifest {
    const iso = (ms: Ms) => new Date(ms).toISOString();
    return {
      ...{ format: 'driftway-recording', version: 1, sampleRate: 48000, preSkip: 312 },
      ...{ room: this.#options.room, by: this.#options.by, end: this.#end },
      startedAt: iso(this.#startedMs),
      endedAt: this.#end === null ? null : iso(this.#options.clock.now()),
      tracks: tracksOf(this.#segments),
    };
  }
}
