/**
 * What the command line is made of: commands and what they are given, outcomes, and the admin connection as commands see it.
 * A command describes itself; the runner (run.ts) does parsing, help, completion, `--json` and exit codes. Types only.
 */
import type { Clock } from '../../runtime/index.ts';
import type { VerbResult } from '../admin/types.ts';
import type { Sources } from '../config-source.ts';

/** One line of the table in commands.ts. The command itself is loaded when it is asked for, so that others do not wait for it. */
export interface CliEntry {
  /** `tree`, or `user create` for one of a group. */
  readonly name: string;
  /** One line for `--help`, small letters, no full stop. */
  readonly about: string;
  load(): Promise<CliCommand>;
}

/** A word after the command's name. Required ones come first; only the last may be variadic. */
export interface CliArgument {
  readonly name: string;
  readonly about: string;
  readonly optional?: true;
  readonly variadic?: true;
  readonly choices?: readonly string[];
  /** What completion offers: ids of the running tree. */
  readonly complete?: 'row';
}

/** An option. `flag` takes no value; a `number` is an integer, and checked against its range before the command runs. */
export interface CliOption {
  /** Without dashes, kebab-case: `max-restarts`. */
  readonly name: string;
  readonly about: string;
  readonly kind: 'flag' | 'text' | 'number';
  /** One letter. */
  readonly short?: string;
  /** The value in `--help`; default TEXT or N. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly fallback?: string | number;
}

/** One command of the command line. */
export interface CliCommand {
  readonly args?: readonly CliArgument[];
  readonly options?: readonly CliOption[];
  /** Further sentences for `--help`. */
  readonly more?: string;
  /** Lines for `--help`, from the command's name on: `tree --depth 2`. */
  readonly examples?: readonly string[];
  /** Does it. Whoever rejects has a bug or lost the machine: exit code 1 with the message. */
  run(context: CliContext, given: Given): Promise<CliOutcome>;
}

/** The checked words of the command line. Asking for a name that the command does not declare is a bug and throws. */
export interface Given {
  /** A required argument. */
  arg(name: string): string;
  /** An argument or a `text` option, null when it was left out. */
  text(name: string): string | null;
  /** The words of a variadic argument. */
  list(name: string): readonly string[];
  /** A `number` option, null when it was left out and has no fallback. */
  number(name: string): number | null;
  flag(name: string): boolean;
}

/** What a command ends with. The runner prints `document` with --json and `text` without. */
export interface CliOutcome {
  /** 0 done, 1 failed, 2 wrong use. */
  readonly exit: 0 | 1 | 2;
  /** The one document of --json; undefined when the command has streamed its own (json-stream.ts). */
  readonly document: unknown;
  /** For people, without the last line end; '' prints nothing. */
  readonly text: string;
  /** Where `text` goes; default stdout. */
  readonly channel?: 'stderr';
}

/** What a command may use. */
export interface CliContext {
  readonly json: boolean;
  /** Absolute; from --data-dir, the environment or the configuration file. */
  readonly dataDir: string;
  /** For loadConfig: the environment, the configuration file, --data-dir. */
  readonly sources: Sources;
  readonly clock: Clock;
  /** Aborted by Ctrl-C and SIGTERM. A command that goes on for ever ends then, with exit code 0. */
  readonly signal: AbortSignal;
  readonly terminal: CliTerminal;
  /** Connects to the server: the socket in the data folder, or --url with --token. Close it, or use withAdmin (ask.ts). */
  connect(): Promise<Connected>;
  /** Writes to stdout as it is, for output that does not fit into an outcome. */
  write(text: string): void;
  /** A line on stderr, nothing with --json. */
  note(line: string): void;
}

/** What output goes to and input comes from. */
export interface CliTerminal {
  /** stdout is a terminal. */
  readonly isTerminal: boolean;
  readonly hasColor: boolean;
  readonly columns: number;
  readonly rows: number;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
}

/** Which server: that of a data folder on this machine, or one elsewhere. */
export type Target =
  | { readonly dataDir: string }
  | { readonly url: string; readonly token: string | null; readonly tokenFile: string | null };

export type Connected =
  | { readonly ok: true; readonly admin: AdminConnection }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** What the server says of itself when a connection opens. */
export interface AdminHello {
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly verbs: readonly {
    readonly name: string;
    readonly about: string;
    readonly effect: string;
  }[];
  readonly topics: readonly string[];
}

export interface CallOptions {
  /** Progress of long work, as the verb sends it. */
  readonly onProgress?: (data: unknown) => void;
}

export interface AdminSubscription {
  /** No event comes after it. */
  close(): void;
}

/** An open connection to a server's admin socket. */
export interface AdminConnection {
  readonly hello: AdminHello;
  /** Resolves once, when the connection has ended, with the reason in words. */
  readonly closed: Promise<string>;
  /** Never rejects: a lost connection is `not_available`. */
  call(verb: string, args: unknown, options?: CallOptions): Promise<VerbResult>;
  subscribe(
    topic: string,
    options: unknown,
    onEvent: (kind: string, data: unknown) => void,
  ): Promise<VerbResult<AdminSubscription>>;
  close(): void;
}
