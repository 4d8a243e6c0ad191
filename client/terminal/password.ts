/** Asks for a password on a terminal without showing it. */
import type { ReadStream, WriteStream } from 'node:tty';

const ENTER = new Set(['\r', '\n', '\u0004']);
const ERASE = new Set(['\u007f', '\b']);
const INTERRUPT = '\u0003';

/**
 * Reads a line in raw mode.
 * @param input a terminal
 * @param output where the question goes
 * @param question shown before
 * @returns what was typed; null at Ctrl-C
 */
export function askPassword(
  input: ReadStream,
  output: WriteStream,
  question: string,
): Promise<string | null> {
  output.write(question);
  input.setRawMode(true);
  input.setEncoding('utf8');
  input.resume();
  return new Promise((resolve) => {
    let typed: string[] = [];
    const finish = (answer: string | null): void => {
      input.off('data', take);
      input.setRawMode(false);
      input.pause();
      output.write('\n');
      resolve(answer);
    };
    const take = (chunk: string): void => {
      for (const char of chunk) {
        if (char === INTERRUPT || ENTER.has(char)) {
          finish(char === INTERRUPT ? null : typed.join(''));
          return;
        }
        if (ERASE.has(char)) typed = typed.slice(0, -1);
        else typed.push(char);
      }
    };
    input.on('data', take);
  });
}
