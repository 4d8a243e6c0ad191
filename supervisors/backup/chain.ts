/**
 * Owns the form of an export: lines of JSON, each with its number and the SHA-256 of the line before, the last one with the
 * counts. Changing, moving, dropping or adding a line breaks the chain. Any thread.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { OperationResult } from './types.ts';

/** What the first line has for the hash of the line before. */
export const CHAIN_START = '0'.repeat(64);
const BUFFER_CHARS = 64 * 1024;

/** Writes lines, gathered into blocks. */
export class ChainWriter {
  readonly #file: FileHandle;
  #previous = CHAIN_START;
  #lines = 0;
  #buffer = '';

  constructor(file: FileHandle) {
    this.#file = file;
  }

  get lines(): number {
    return this.#lines;
  }

  /** Adds a line of a type. `fields` must not name `n`, `prev` or `type`. */
  async line(type: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    const text = JSON.stringify({ n: this.#lines, prev: this.#previous, type, ...fields });
    this.#previous = hashOf(text);
    this.#lines += 1;
    this.#buffer += `${text}\n`;
    if (this.#buffer.length >= BUFFER_CHARS) await this.#flush();
  }

  /** Adds the last line. Its hash is the head of the chain. */
  async end(counts: Readonly<Record<string, number>>): Promise<string> {
    await this.line('end', { lines: this.#lines + 1, ...counts });
    await this.#flush();
    return this.#previous;
  }

  async #flush(): Promise<void> {
    const block = this.#buffer;
    this.#buffer = '';
    await this.#file.appendFile(block);
  }
}

/** What a whole chain says. */
export interface ChainFacts {
  readonly lines: number;
  readonly events: number;
  /** Hash of the last line. */
  readonly head: string;
}

/** Goes through an export, line by line. `damaged` names the first line that is not what it should be. */
export async function verifyChain(path: string): Promise<OperationResult<ChainFacts>> {
  let previous = CHAIN_START;
  let lines = 0;
  let last: Readonly<Record<string, unknown>> = {};
  const input = createReadStream(path, { encoding: 'utf8' });
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const line = parse(text);
      if (line?.n !== lines || line.prev !== previous || last.type === 'end')
        return damaged(path, lines);
      previous = hashOf(text);
      lines += 1;
      last = line;
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { ok: false, code: 'not_found', message: `${path}: ${code ?? message}` };
  }
  if (last.type !== 'end' || last.lines !== lines) return damaged(path, lines);
  return { ok: true, value: { lines, events: Number(last.events), head: previous } };
}

function damaged(path: string, line: number): OperationResult<never> {
  const message = `${path}: line ${line + 1} is not what the chain wants: the file was changed or cut off`;
  return { ok: false, code: 'damaged', message };
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? (value as Readonly<Record<string, unknown>> | null) : null;
  } catch {
    return null;
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
