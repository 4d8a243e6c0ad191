/**
 * Owns the upper part of the screen, line by line: writes only the lines that differ from what is there, in one write, at
 * absolute places, with the cursor back where it was. Whoever else writes to the terminal calls `lost` afterwards. Main thread.
 */

/** Tells a terminal to show what comes as a whole (DEC mode 2026); others ignore it. */
const BEGIN = '\u001b[?2026h';
const END = '\u001b[?2026l';
const SAVE_CURSOR = '\u001b7';
const RESTORE_CURSOR = '\u001b8';
/** Before the text: after a line as wide as the screen it would take the last letter. */
const CLEAR = '\u001b[0m\u001b[K';

export class Painter {
  readonly #write: (text: string) => void;
  #shown: readonly (string | null)[] = [];

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Shows these lines from the top of the screen on. */
  paint(lines: readonly string[]): void {
    let text = '';
    for (const [i, line] of lines.entries()) {
      if (line === this.#shown[i]) continue;
      text += `\u001b[${i + 1};1H${CLEAR}${line}`;
    }
    this.#shown = [...lines];
    if (text !== '') this.#write(`${BEGIN}${SAVE_CURSOR}${text}${RESTORE_CURSOR}${END}`);
  }

  /** What is on the screen is not known any more: the next paint writes everything. */
  lost(): void {
    this.#shown = [];
  }
}
