/**
 * Owns the terminal while the live view runs. Ink has the terminal itself, the keys and the footer; what is above it is written by the Painter, beside Ink: Ink lays out and tokenizes the whole screen for every change, which costs 10 to
 * 20 ms at 200x60 (README.md), the Painter under one. Whatever Ink writes, the Painter repaints after it. Main thread.
 */
import { Box, type Instance, render, Text, useInput } from 'ink';
import { createElement, type ReactNode, useSyncExternalStore } from 'react';
import { safe, widthOf } from '../text.ts';
import type { CliTerminal } from '../types.ts';
import type { Size } from './frame.ts';
import { FOOTER, type Pressed } from './keys.ts';
import { Painter } from './painter.ts';
import type { Prompt } from './state.ts';

/** What Ink draws. A new object when something of it has changed. */
export interface Chrome {
  readonly prompt: Prompt | null;
  readonly message: string;
  readonly hasHelp: boolean;
  readonly size: Size;
}

export interface ScreenOptions {
  readonly terminal: Pick<CliTerminal, 'stdin' | 'stdout' | 'hasColor'>;
  onKey(input: string, key: Pressed): void;
  onResize(): void;
}

/** Input that waits for an external store. */
type Listener = () => void;

export class Screen {
  readonly #stdout: NodeJS.WriteStream;
  readonly #painter: Painter;
  readonly #ink: Instance;
  readonly #listeners = new Set<Listener>();
  readonly #onResize: () => void;
  #chrome: Chrome;
  #lines: readonly string[] = [];
  #isOpen = true;

  constructor({ terminal, onKey, onResize }: ScreenOptions) {
    this.#stdout = terminal.stdout;
    this.#chrome = { prompt: null, message: '', hasHelp: false, size: this.size };
    this.#painter = new Painter((text) => void this.#stdout.write(text));
    this.#onResize = onResize;
    const app = createElement(App, {
      read: () => this.#chrome,
      listen: (listener: Listener) => this.#listen(listener),
      onKey,
      hasColor: terminal.hasColor,
    });
    this.#ink = render(app, {
      stdin: terminal.stdin,
      stdout: this.#watched(),
      alternateScreen: true,
      incrementalRendering: true,
      exitOnCtrlC: true,
      patchConsole: false,
      maxFps: 20,
      interactive: true,
    });
    this.#stdout.on('resize', this.#onResize);
  }

  get size(): Size {
    // A terminal that does not know its size says 0.
    return { columns: this.#stdout.columns || 80, rows: this.#stdout.rows || 24 };
  }

  /** Shows these lines above the footer, and this footer. */
  show(lines: readonly string[], chrome: Chrome): void {
    this.#lines = lines;
    if (!isSame(chrome, this.#chrome)) {
      this.#chrome = chrome;
      for (const listener of this.#listeners) listener();
    }
    this.#paint();
  }

  /** Resolves when the person has left by Ctrl-C, or after `close`. */
  async closed(): Promise<void> {
    await this.#ink.waitUntilExit();
  }

  /** Gives the terminal back as it was. */
  close(): void {
    this.#isOpen = false;
    this.#stdout.off('resize', this.#onResize);
    this.#ink.unmount();
  }

  #paint(): void {
    if (this.#isOpen) this.#painter.paint(this.#lines);
  }

  #listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** stdout for Ink: what it writes may have touched our lines. */
  #watched(): NodeJS.WriteStream {
    const write = (...given: Parameters<NodeJS.WriteStream['write']>): boolean => {
      const isFlowing = this.#stdout.write(...given);
      this.#painter?.lost();
      if (this.#lines.length > 0) this.#paint();
      return isFlowing;
    };
    return new Proxy(this.#stdout, {
      get: (target, name) => {
        if (name === 'write') return write;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}

function isSame(a: Chrome, b: Chrome): boolean {
  return (
    a.prompt === b.prompt &&
    a.message === b.message &&
    a.hasHelp === b.hasHelp &&
    a.size.columns === b.size.columns &&
    a.size.rows === b.size.rows
  );
}

interface AppProps {
  readonly read: () => Chrome;
  readonly listen: (listener: Listener) => () => void;
  readonly onKey: (input: string, key: Pressed) => void;
  readonly hasColor: boolean;
}

function App({ read, listen, onKey, hasColor }: AppProps): ReactNode {
  const chrome = useSyncExternalStore(listen, read);
  useInput(onKey);
  const { columns, rows } = chrome.size;
  return createElement(
    Box,
    { flexDirection: 'column', justifyContent: 'flex-end', width: columns, height: rows },
    createElement(Footer, { chrome, hasColor }),
  );
}

function Footer({
  chrome,
  hasColor,
}: {
  readonly chrome: Chrome;
  readonly hasColor: boolean;
}): ReactNode {
  const { prompt, message, size } = chrome;
  if (prompt?.kind === 'filter') {
    return createElement(
      Text,
      { wrap: 'truncate' },
      `filter: ${safe(prompt.text)}\u2588  (Enter sets it, Esc leaves it)`,
    );
  }
  if (prompt?.kind === 'confirm') {
    const question = `${prompt.verb} ${safe(prompt.id)}?  y does it, any other key does not`;
    return createElement(
      Text,
      { wrap: 'truncate-middle', bold: true, ...(hasColor ? { color: 'yellow' } : {}) },
      question,
    );
  }
  if (message !== '') return createElement(Text, { wrap: 'truncate', bold: true }, safe(message));
  if (chrome.hasHelp) return createElement(Text, { bold: true }, 'any key goes back');
  return createElement(Keys, { width: size.columns, hasColor });
}

/** As many keys as there is room for. */
function Keys({
  width,
  hasColor,
}: {
  readonly width: number;
  readonly hasColor: boolean;
}): ReactNode {
  const parts: ReactNode[] = [];
  let used = 0;
  for (const [keys, what] of FOOTER) {
    const cost = widthOf(keys) + what.length + 3;
    if (used + cost - 2 > width) break;
    used += cost;
    parts.push(
      createElement(Text, { key: keys, bold: true, ...(hasColor ? { color: 'cyan' } : {}) }, keys),
      createElement(Text, { key: `${keys} text` }, ` ${what}  `),
    );
  }
  return createElement(Text, { wrap: 'truncate' }, ...parts);
}
