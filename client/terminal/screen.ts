/**
 * The terminal: prints above the line that is being typed and leaves that line as it is. Without a
 * terminal it prints plain lines and has no prompt.
 */
import {
  clearScreenDown,
  createInterface,
  cursorTo,
  type Interface,
  moveCursor,
} from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Style } from './render.ts';
import { displayWidth } from './text.ts';

/** Streams of the terminal. */
export interface ScreenOptions {
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly hasColor: boolean;
  readonly complete: (line: string) => [string[], string];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of our own colours
const ESCAPES = /\u001b\[[0-9;]*m/g;

/** A terminal, or a pipe. */
export class Screen {
  readonly isInteractive: boolean;
  readonly #output: ScreenOptions['output'];
  readonly #hasColor: boolean;
  readonly #readline: Interface;
  #prompt = '';
  #isOpen = true;

  constructor(options: ScreenOptions) {
    const { input, output } = options;
    this.isInteractive = input.isTTY === true && output.isTTY === true;
    this.#output = output;
    this.#hasColor = options.hasColor && this.isInteractive;
    this.#readline = createInterface({
      input,
      output: this.isInteractive ? output : undefined,
      terminal: this.isInteractive,
      completer: options.complete,
      historySize: 200,
    } as Parameters<typeof createInterface>[0]);
  }

  /** How to draw now; the width follows the window. */
  get style(): Style {
    return { columns: Math.max(30, this.#output.columns ?? 80), hasColor: this.#hasColor };
  }

  /** Calls `line` for each line typed, `end` at the end of input or Ctrl-C. */
  listen(line: (text: string) => void, end: () => void): void {
    this.#readline.on('line', (text) => {
      this.#eraseTyped(text);
      line(text);
      this.#redraw();
    });
    this.#readline.on('close', () => {
      this.#isOpen = false;
      end();
    });
  }

  /** Prints lines above the prompt. */
  print(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const text = `${lines.join('\n')}\n`;
    if (!this.isInteractive || !this.#isOpen || this.#prompt === '') {
      this.#output.write(text);
      return;
    }
    const { rows } = this.#readline.getCursorPos();
    moveCursor(this.#output, 0, -rows);
    cursorTo(this.#output, 0);
    clearScreenDown(this.#output);
    this.#output.write(text);
    // Readline would go up over the rows that it drew before; they are gone.
    (this.#readline as { prevRows?: number }).prevRows = 0;
    this.#readline.prompt(true);
  }

  /** Sets the prompt, keeping what is typed. */
  setPrompt(prompt: string): void {
    if (prompt === this.#prompt) return;
    this.#prompt = prompt;
    this.#readline.setPrompt(prompt);
    this.#redraw();
  }

  /** Ends; the cursor is left on a line of its own. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.isInteractive && this.#prompt !== '') {
      cursorTo(this.#output, 0);
      clearScreenDown(this.#output);
    }
    this.#readline.close();
  }

  #redraw(): void {
    if (this.isInteractive && this.#isOpen && this.#prompt !== '') this.#readline.prompt(true);
  }

  /** What was typed comes back as a message: two copies of it would confuse. */
  #eraseTyped(text: string): void {
    if (!this.isInteractive) return;
    const width = displayWidth(this.#prompt.replace(ESCAPES, '')) + displayWidth(text);
    const rows = Math.floor(width / this.style.columns) + 1;
    moveCursor(this.#output, 0, -rows);
    cursorTo(this.#output, 0);
    clearScreenDown(this.#output);
  }
}
