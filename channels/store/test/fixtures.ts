/**
 * Directories for, and clean-up after, the tests of the stores. Test code only.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

export * from './builders.ts';

const directories: string[] = [];

/** A fresh directory, removed after the file's tests. */
export function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'driftway-store-'));
  directories.push(directory);
  return directory;
}

afterAll(() => {
  for (const directory of directories.splice(0)) {
    rmSync(directory, { recursive: true, force: true });
  }
});

/** Path of a database that does not exist yet. */
export function freshPath(): string {
  return join(freshDirectory(), 'driftway.db');
}
