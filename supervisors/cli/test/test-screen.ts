/**
 * Owns a small terminal for tests: takes what is written and keeps the letters at their places. Knows the sequences that Ink and
 * the painter write: places, erasing, saving the cursor; colours are left out. Test process.
 */
import { setImmediate } from 'node:timers/promises';
import type { FakeTty } from './world.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with it
const SEQUENCE = /\u001b\[([?<>=]?)([0-9;]*)([A-Za-z])|\u001b([78])|\r|\n|[^\u001b\r\n]/gu;

export class TestScreen {
  readonly #tty: FakeTty;
  #rows: string[][];
  #read = 0;
  #x = 0;
  #y = 0;
  #saved: readonly [number, number] = [0, 0];

  constructor(tty: FakeTty, rows: number) {
    this.#tty = tty;
    this.#rows = Array.from({ length: rows }, () => []);
  }

  /** Resolves when whoever writes has come to rest: Ink draws at most every 50 ms. */
  async settled(): Promise<void> {
    let before = -1;
    for (let rest = 0; rest < 12; rest++) {
      if (this.#tty.text.length !== before) rest = 0;
      before = this.#tty.text.length;
      await setImmediate();
      await new Promise<void>((resolve) => {
        const timer = AbortSignal.timeout(6);
        timer.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** A screen that a resize has emptied. */
  clear(rows: number): void {
    this.#take();
    this.#rows = Array.from({ length: rows }, () => []);
    [this.#x, this.#y] = [0, rows - 1];
  }

  /** A line of the screen, from 1 on. */
  line(n: number): string {
    this.#take();
    return (this.#rows[n - 1] ?? []).join('').trimEnd();
  }

  text(): string {
    this.#take();
    return this.#rows.map((row) => row.join('').trimEnd()).join('\n');
  }

  #take(): void {
    const text = this.#tty.text.slice(this.#read);
    this.#read = this.#tty.text.length;
    for (const match of text.matchAll(SEQUENCE)) {
      const [all, mode, numbers = '', letter, cursor] = match;
      if (cursor === '7') this.#saved = [this.#x, this.#y];
      else if (cursor === '8') [this.#x, this.#y] = this.#saved;
      else if (letter !== undefined && mode === '') this.#control(letter, numbers);
      else if (letter === undefined) this.#letter(all);
    }
  }

  #letter(letter: string): void {
    if (letter === '\r') this.#x = 0;
    else if (letter === '\n') {
      [this.#x, this.#y] = [0, Math.min(this.#y + 1, this.#rows.length - 1)];
    } else {
      const row = this.#rows[this.#y] ?? [];
      while (row.length < this.#x) row.push(' ');
      row[this.#x++] = letter;
    }
  }

  #control(letter: string, numbers: string): void {
    const [first = Number.NaN, second = Number.NaN] = numbers
      .split(';')
      .map((part) => (part === '' ? Number.NaN : Number(part)));
    const or = (value: number, fallback: number): number =>
      Number.isNaN(value) ? fallback : value;
    const last = this.#rows.length - 1;
    if (letter === 'H') [this.#y, this.#x] = [or(first, 1) - 1, or(second, 1) - 1];
    else if (letter === 'G') this.#x = or(first, 1) - 1;
    else if (letter === 'A') this.#y = Math.max(0, this.#y - or(first, 1));
    else if (letter === 'B') this.#y = Math.min(last, this.#y + or(first, 1));
    else if (letter === 'C') this.#x += or(first, 1);
    else if (letter === 'D') this.#x = Math.max(0, this.#x - or(first, 1));
    else if (letter === 'E') [this.#x, this.#y] = [0, Math.min(last, this.#y + or(first, 1))];
    else if (letter === 'K') this.#eraseLine(or(first, 0));
    else if (letter === 'J') this.#eraseScreen(or(first, 0));
  }

  #eraseLine(how: number): void {
    const row = this.#rows[this.#y] ?? [];
    if (how === 2) row.length = 0;
    else if (how === 0) row.length = Math.min(row.length, this.#x);
    else for (let x = 0; x <= this.#x; x++) row[x] = ' ';
  }

  #eraseScreen(how: number): void {
    const from = how === 0 ? this.#y + 1 : 0;
    if (how === 0) this.#eraseLine(0);
    for (let y = from; y < this.#rows.length; y++) this.#rows[y] = [];
  }
}
