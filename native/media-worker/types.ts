/** The types of native/media-worker/: what the server, the launcher and tests ask for and are told. */

/** What is being done for the binary, in the order in which it happens. */
export type MediaWorkerStep =
  | 'looking'
  | 'waiting'
  | 'downloading'
  | 'installing'
  | 'fetching'
  | 'compiling'
  | 'testing';

/** One line of progress; at most a few a second. */
export interface MediaWorkerProgress {
  readonly step: MediaWorkerStep;
  /** One line for people. */
  readonly text: string;
  /** How much of this step is done, 0 to 1, where that is known. */
  readonly share?: number;
}

/**
 * Why there is no binary:
 * - `unsupported`: nothing can be downloaded or built for this system,
 * - `tools`: build tools are missing, and the message names the line that installs them,
 * - `source`: a source could not be had or does not fit the patch,
 * - `build`: compiling failed, the message names the log,
 * - `rejected`: the binary failed its self-test,
 * - `cache`: the cache folder cannot be written,
 * - `aborted`: the caller's signal.
 */
export type MediaWorkerFault =
  | 'unsupported'
  | 'tools'
  | 'source'
  | 'build'
  | 'rejected'
  | 'cache'
  | 'aborted';

/** The path of a binary that passed the self-test, or why there is none in one or two sentences. */
export type MediaWorkerResult =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly code: MediaWorkerFault; readonly message: string };

/**
 * `tuned`: what Driftway runs. `plain`: the same source with what it needs to run at all, as mediasoup's own build would give it; for
 * benches that compare with it.
 */
export type MediaWorkerVariant = 'tuned' | 'plain';

/** How to get the binary. */
export interface MediaWorkerOptions {
  readonly onProgress?: (progress: MediaWorkerProgress) => void;
  /** Ends the work and its tools; the answer is `aborted`. */
  readonly signal?: AbortSignal;
  /** A binary given by the operator: it is only tested, never downloaded or built. */
  readonly given?: string;
  /** `tuned` by default. */
  readonly variant?: MediaWorkerVariant;
  /** Whether missing build tools may be installed with apt where we are root; true by default. */
  readonly install?: boolean;
  /** Whether the work runs at the lowest priority (nice 19); true by default. */
  readonly background?: boolean;
}
