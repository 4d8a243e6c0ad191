/** The types of native/audio/: what the server, the launcher and tests ask for and are told. */

/** What is being done for the binary, in the order in which it happens. */
export type AudioStep = 'looking' | 'waiting' | 'installing' | 'compiling' | 'testing';

/** One line of progress; at most a few a second. */
export interface AudioProgress {
  readonly step: AudioStep;
  /** One line for people. */
  readonly text: string;
  /** How much of this step is done, 0 to 1, where that is known. */
  readonly share?: number;
}

/**
 * Why there is no binary:
 * - `unsupported`: nothing can be built for this system,
 * - `tools`: packages are missing, and the message names the line that installs them,
 * - `build`: compiling failed, the message names the log,
 * - `rejected`: the binary does not do what it should,
 * - `cache`: the cache folder cannot be written,
 * - `aborted`: the caller's signal.
 */
export type AudioFault = 'unsupported' | 'tools' | 'build' | 'rejected' | 'cache' | 'aborted';

export type AudioResult =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly code: AudioFault; readonly message: string };

/**
 * What is built: `process` is driftway-audio, for use; `checks` is the same under the address and undefined-behaviour sanitizers, with
 * its tests, fuzzers and lab (quality of the sound); `lab` is the lab alone at full speed, to measure time by hand.
 */
export type AudioVariant = 'process' | 'checks' | 'lab';

/** How to get the binary. */
export interface AudioOptions {
  /** `process` by default. The path is that of the variant's main program. */
  readonly variant?: AudioVariant;
  readonly onProgress?: (progress: AudioProgress) => void;
  /** Ends the work and its tools; the answer is `aborted`. */
  readonly signal?: AbortSignal;
  /** Whether missing packages may be installed with apt where we are root; true by default. */
  readonly install?: boolean;
  /** Whether the work runs at the lowest priority (nice 19); true by default. */
  readonly background?: boolean;
}
