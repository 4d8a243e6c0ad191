/**
 * Owns the file `admin-audit.jsonl` in the data folder: the newest audit entry always, and those that the store has not taken yet.
 * Written synchronously and flushed to the disk: acts of operators are rare, and their record must not be lost. Main thread.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { type ChainedEntry, hashOf } from './audit-chain.ts';

const line = z.object({
  n: z.number().int().min(1),
  at: z.number(),
  who: z.string(),
  verb: z.string(),
  args: z.unknown(),
  phase: z.enum(['began', 'done', 'failed']),
  outcome: z.string(),
  prev: z.string(),
  hash: z.string(),
});

/** The file; see above. Throws what the file system throws. */
export class AuditSpill {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Entries in the file, ascending. What cannot be read (a write cut short by a crash) is left out. */
  read(): readonly ChainedEntry[] {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch {
      return []; // there is none yet
    }
    return text.split('\n').flatMap((each) => {
      const parsed = line.safeParse(parse(each));
      if (!parsed.success) return [];
      const entry: ChainedEntry = { ...parsed.data, args: parsed.data.args ?? null };
      return entry.hash === hashOf(entry.prev, entry) ? [entry] : [];
    });
  }

  /** Adds one entry behind the others. */
  add(entry: ChainedEntry): void {
    this.#write('a', this.#path, `${JSON.stringify(entry)}\n`);
  }

  /** Everything is in the store: only the newest entry stays. */
  keepOnly(entry: ChainedEntry): void {
    const draft = `${this.#path}.new`;
    this.#write('w', draft, `${JSON.stringify(entry)}\n`);
    renameSync(draft, this.#path);
  }

  #write(flag: 'a' | 'w', path: string, text: string): void {
    const file = openSync(path, flag, 0o600);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller leaves it out
  }
}
