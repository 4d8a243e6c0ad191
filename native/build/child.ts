/**
 * The shape of a child process that gets one program (ask.ts is its parent's side): when it stops, how it tells of progress and of the
 * result. Child processes of a build only.
 */
import { constants, setPriority } from 'node:os';

/** Tools end by their own signal; whoever does not within this is left behind. */
const STOP_MS = 5_000;
const TELL_EVERY_MS = 400;

export interface ChildProgress {
  readonly step: string;
  readonly text: string;
  /** 0 to 1. */
  readonly share?: number;
}

export type ChildResult =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface ChildOptions<P extends ChildProgress, R extends ChildResult> {
  /** Each progress a line of JSON on standard output, the result the last one; ends when standard input does, since its parent is gone then. */
  readonly isJson: boolean;
  /** At the lowest priority. */
  readonly isBackground: boolean;
  /** For people: `the media worker`. */
  readonly what: string;
  readonly get: (signal: AbortSignal, tell: (progress: P) => void) => Promise<R>;
  /** More for people about a failure, with line ends. */
  readonly more?: (code: string) => string;
}

/** Gets the program, tells of it, and ends the process: native stacks of a self-test may have threads left. */
export async function runChild<P extends ChildProgress, R extends ChildResult>(
  options: ChildOptions<P, R>,
): Promise<void> {
  const { get, isBackground, isJson } = options;
  if (isBackground) setPriority(constants.priority.PRIORITY_LOW);
  const shown = new Shown(isJson);
  const result = await get(stopping(isJson, shown), (progress) => shown.tell(progress));
  const code = result.ok ? 0 : 1;
  const end = (): never => process.exit(code);
  if (isJson) process.stdout.write(`${JSON.stringify(result)}\n`, end);
  else process.stderr.write(wordsOf(result, options), end);
}

function wordsOf<P extends ChildProgress, R extends ChildResult>(
  result: ChildResult,
  { more, what }: Pick<ChildOptions<P, R>, 'more' | 'what'>,
): string {
  if (result.ok) return `driftway: ${what} is ${result.path}\n`;
  return `driftway: ${result.message}\n${more?.(result.code) ?? ''}`;
}

function stopping(isJson: boolean, shown: Shown): AbortSignal {
  const controller = new AbortController();
  const abort = () => {
    if (controller.signal.aborted) return;
    controller.abort();
    if (shown.last?.step === 'waiting') process.exit(1); // for another process: nothing of ours runs
    setTimeout(() => process.exit(1), STOP_MS).unref();
  };
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, abort);
  if (isJson) process.stdin.resume().on('end', abort).on('error', abort);
  return controller.signal;
}

/** Each new step at once; within a step a few lines a second, or one for each tenth for people. */
class Shown {
  last: ChildProgress | undefined;
  readonly #isJson: boolean;
  #lastMs = 0;

  constructor(isJson: boolean) {
    this.#isJson = isJson;
  }

  tell(progress: ChildProgress): void {
    const isNewStep = progress.step !== this.last?.step || progress.share === 0;
    const tenth = (share: number | undefined) => Math.floor((share ?? 0) * 10);
    const isDue = this.#isJson
      ? performance.now() - this.#lastMs >= TELL_EVERY_MS
      : tenth(progress.share) !== tenth(this.last?.share);
    if (!isNewStep && !isDue) return;
    this.last = progress;
    this.#lastMs = performance.now();
    if (this.#isJson) process.stdout.write(`${JSON.stringify(progress)}\n`);
    else if (progress.step !== 'looking') process.stderr.write(`driftway: ${progress.text}\n`);
  }
}
