/**
 * A process under test: its output lines can be waited for, its end too. Test processes only.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A started process. Always `await using` it, so that a failing test leaves none behind. */
export class Child {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  #output = '';
  #waiting: { wanted: RegExp; resolve: (found: RegExpExecArray) => void }[] = [];
  #from = 0;

  constructor(file: string, args: readonly string[], options: SpawnOptions = {}) {
    this.process = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    this.process.stdout?.on('data', (chunk) => this.#take(String(chunk)));
    this.process.stderr?.on('data', (chunk) => this.#take(String(chunk)));
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code, signal) => resolve({ code, signal }));
    });
  }

  /** All output so far, both streams. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error('the process could not be started');
    return this.process.pid;
  }

  /** Resolves with the next match in the output after the last one waited for. Rejects when the process ends before. */
  async line(wanted: RegExp): Promise<RegExpExecArray> {
    const found = new Promise<RegExpExecArray>((resolve) => {
      this.#waiting.push({ wanted, resolve });
      this.#look();
    });
    const ended = this.ended.then(({ code, signal }) => {
      throw new Error(`ended (${code ?? signal}) before ${wanted}; output:\n${this.#output}`);
    });
    return Promise.race([found, ended]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null)
      this.process.kill('SIGKILL');
    await this.ended;
  }

  #take(text: string): void {
    this.#output += text;
    this.#look();
  }

  #look(): void {
    const next = this.#waiting[0];
    const found = next?.wanted.exec(this.#output.slice(this.#from));
    if (next === undefined || !found) return;
    this.#from += found.index + found[0].length;
    this.#waiting.shift();
    next.resolve(found);
    this.#look();
  }
}

/** Resolves when no process has this id any more. */
export async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return; // ESRCH: gone
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
