/**
 * Owns DATA_DIR/chaos: one JSON file for each result, the newest 100. Main thread; synchronous, small files, rare.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHAOS_LIMITS } from './limits.ts';
import type { ChaosResult } from './types.ts';

const NAME = /^[0-9a-zA-Z-]{1,100}$/;
const SUFFIX = '.json';

export class ChaosResults {
  readonly #dir: string;

  constructor(dataDir: string) {
    this.#dir = join(dataDir, 'chaos');
  }

  /** Names, the newest first. */
  names(): readonly string[] {
    let files: readonly string[];
    try {
      files = readdirSync(this.#dir);
    } catch {
      return []; // nothing was written yet
    }
    const names = files
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => file.slice(0, -SUFFIX.length))
      .filter((name) => NAME.test(name));
    return names.sort().reverse();
  }

  /** undefined: there is none, or it is not one of ours. */
  read(name: string): ChaosResult | undefined {
    if (!NAME.test(name)) return undefined;
    try {
      return JSON.parse(readFileSync(join(this.#dir, `${name}${SUFFIX}`), 'utf8')) as ChaosResult;
    } catch {
      return undefined; // as good as absent
    }
  }

  /** Throws when the folder takes no files. */
  write(result: ChaosResult): void {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const path = join(this.#dir, `${result.result}${SUFFIX}`);
    writeFileSync(`${path}.new`, `${JSON.stringify(result, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    for (const old of this.names().slice(CHAOS_LIMITS.results)) {
      rmSync(join(this.#dir, `${old}${SUFFIX}`), { force: true });
    }
  }
}
