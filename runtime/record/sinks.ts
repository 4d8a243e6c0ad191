/**
 * Where records go: memory, or files of bounded size that rotate. Runs on the recorded actor's thread;
 * a file is written in pieces of 16 KiB, synchronously, so that lines keep their order.
 */
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import type { Entry, RecordSink, SinkCounters } from './types.ts';

const GATHER_BYTES = 16 * 1024;
const BYTES_MAX = 16 * 1024 * 1024;

class Counters implements SinkCounters {
  entries = 0;
  bytes = 0;
  dropped = 0;
}

/** A sink that keeps lines; `entries()` gives them back. */
export interface MemorySink extends RecordSink {
  entries(): readonly Entry[];
}

/** Keeps up to `bytesMax` (default 16 MiB) in memory, refuses and counts the rest. */
export function memorySink(bytesMax = BYTES_MAX): MemorySink {
  const lines: string[] = [];
  const counters = new Counters();
  return {
    counters,
    write(line) {
      if (counters.bytes + line.length > bytesMax) {
        counters.dropped++;
        return false;
      }
      lines.push(line);
      counters.entries++;
      counters.bytes += line.length;
      return true;
    },
    close: () => undefined,
    entries: () => lines.map((line) => JSON.parse(line) as Entry),
  };
}

export interface FileSinkOptions {
  /** The newest file; older ones are `path.1`, `path.2` ... */
  readonly path: string;
  /** Bytes of one file; default 16 MiB. */
  readonly bytesMax?: number;
  /**
   * Files kept; default 1: at the bound recording stops. With more the oldest is deleted, and a replay
   * begins at the first life that starts in what is left.
   */
  readonly files?: number;
}

class FileSink implements RecordSink {
  readonly counters = new Counters();
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #files: number;
  #fd: number;
  #gathered: string[] = [];
  #gatheredBytes = 0;
  #fileBytes = 0;
  /** Entries per file, newest first: what is lost with the oldest. */
  #inFiles = [0];
  #closed = false;

  constructor({ path, bytesMax = BYTES_MAX, files = 1 }: FileSinkOptions) {
    if (!(bytesMax > 0)) throw new RangeError(`fileSink: bytesMax: got ${bytesMax}, want > 0`);
    if (!Number.isInteger(files) || files < 1) {
      throw new RangeError(`fileSink: files: got ${files}, want >= 1`);
    }
    this.#path = path;
    this.#bytesMax = bytesMax;
    this.#files = files;
    this.#fd = openSync(path, 'w');
  }

  write(line: string): boolean {
    const bytes = Buffer.byteLength(line) + 1;
    const fits = this.#fileBytes + bytes <= this.#bytesMax;
    if (this.#closed || bytes > this.#bytesMax || (!fits && this.#files === 1)) {
      this.counters.dropped++;
      return false;
    }
    if (!fits) this.#rotate();
    this.#gathered.push(line, '\n');
    this.#gatheredBytes += bytes;
    this.#fileBytes += bytes;
    this.#inFiles[0] = (this.#inFiles[0] ?? 0) + 1;
    this.counters.entries++;
    this.counters.bytes += bytes;
    if (this.#gatheredBytes >= GATHER_BYTES) this.#flush();
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    closeSync(this.#fd);
  }

  #flush(): void {
    if (this.#gathered.length > 0) writeSync(this.#fd, this.#gathered.join(''));
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  #rotate(): void {
    this.#flush();
    closeSync(this.#fd);
    if (this.#inFiles.length === this.#files) this.counters.dropped += this.#inFiles.pop() ?? 0;
    rmSync(fileAt(this.#path, this.#files - 1), { force: true });
    for (let i = this.#inFiles.length - 1; i >= 0; i--) {
      renameSync(fileAt(this.#path, i), fileAt(this.#path, i + 1));
    }
    this.#inFiles.unshift(0);
    this.#fd = openSync(this.#path, 'w');
    this.#fileBytes = 0;
  }
}

function fileAt(path: string, age: number): string {
  return age === 0 ? path : `${path}.${age}`;
}

/** Writes a record to files. Throws what the file system throws; RangeError for bad bounds. */
export function fileSink(options: FileSinkOptions): RecordSink {
  return new FileSink(options);
}

/** Reads what a file sink wrote, oldest first. A line that was cut off at the end is left out. */
export function readRecord(path: string): readonly Entry[] {
  let oldest = 0;
  while (existsSync(fileAt(path, oldest + 1))) oldest++;
  const entries: Entry[] = [];
  for (let age = oldest; age >= 0; age--) {
    for (const line of readFileSync(fileAt(path, age), 'utf8').split('\n')) {
      if (line.endsWith('}')) entries.push(JSON.parse(line) as Entry);
    }
  }
  return entries;
}
