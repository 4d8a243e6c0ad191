/** The types of native/build/. */

/** A Debian package that a build needs, and how to see that it is there. */
export interface NeededPackage {
  readonly package: string;
  /** A program looked for on PATH, or an absolute path. */
  readonly provides: string;
}

/** One run of a tool. Its output goes to the log, not to ours. */
export interface ToolRun {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** File that the command line and all output are appended to. */
  readonly log: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** `code` is null when a signal ended the tool or it could not be started; `tail` holds its last lines. */
export type ToolResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: number | null; readonly tail: string };
