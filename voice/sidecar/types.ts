/**
 * The contract with driftway-audio (native/audio), the process that records, plays and mixes: lines of JSON over one inherited socket.
 * Types only. Everything here lives on the voice thread.
 */

/** What the process answers: `ok`, and fields of its own. */
export type SidecarAnswer =
  | { readonly ok: true; readonly [field: string]: unknown }
  | { readonly ok: false; readonly err: SidecarErr; readonly detail?: string };

/**
 * The process's own codes (native/audio/README.md), and three of ours: `timeout`: no answer in 5 s; `gone`: the process ended first;
 * `limit`: too many requests wait.
 */
export type SidecarErr = string;

/** What the process tells unasked: `rec.segment`, `rec.done`, `play.progress`, `play.done`, `vad`, `fault`. */
export interface SidecarEvent {
  readonly ev: string;
  readonly [field: string]: unknown;
}

/** One life of the process. After its end every request answers `gone`. */
export interface SidecarLink {
  request(op: string, args?: Readonly<Record<string, unknown>>): Promise<SidecarAnswer>;
}

/** Something that the process does for as long as somebody wants it; begun again in every new life of the process. */
export interface SidecarJob {
  /** Unique in the life of the thread: the process's number for its rooms and jobs. */
  readonly id: number;
  /** Tells the process all of it. False: it cannot be done, and the job is forgotten. */
  begin(link: SidecarLink): Promise<boolean>;
  /** An event with this job's number (`room` or `job`). */
  event(event: SidecarEvent): void;
  /** The process ended by itself or was killed; `begin` follows, unless `failed` does. */
  lost(): void;
  /** The process cannot be had any more; the job is forgotten. */
  failed(): void;
}

/** `standby`: no job. `waiting`: it ended and starts again soon. `down`: it ended too often, or cannot be had. */
export type SidecarState = 'standby' | 'starting' | 'up' | 'waiting' | 'down' | 'closed';

export interface SidecarStatus {
  readonly state: SidecarState;
  readonly pid: number | null;
  readonly jobs: number;
  readonly starts: number;
  readonly deaths: number;
  /** Killed since it did not answer. */
  readonly hung: number;
  /** Why it is down; no paths. */
  readonly detail?: string;
}

/** A started process, as the supervisor needs it; tests put their own in its place. */
export interface SidecarChild {
  readonly pid: number | undefined;
  /** One line without its end. */
  send(line: string): void;
  kill(): void;
  /** Closes the channel: the process ends its files and then itself. */
  end(): void;
}

/** Told by a child; nothing after `exit`, which comes once. */
export interface SidecarChildEvents {
  line(line: string): void;
  exit(why: string): void;
}
