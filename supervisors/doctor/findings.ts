/**
 * Makes findings, and reads what may not be there. Pure but for the reading.
 */
import { readFileSync } from 'node:fs';
import type { Finding } from './types.ts';

/** All is well. */
export function ok(id: string, what: string): Finding {
  return { id, grade: 'ok', what, remedy: null };
}

/** It works, but. */
export function warn(id: string, what: string, remedy: string): Finding {
  return { id, grade: 'warn', what, remedy };
}

/** It does not work. */
export function fail(id: string, what: string, remedy: string): Finding {
  return { id, grade: 'fail', what, remedy };
}

/** A file's text; null when it cannot be read. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** `code: message` of whatever was thrown, in one line. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return typeof code === 'string' ? code : String(message ?? error).split('\n')[0]!;
}

/** Bytes for a person: `512 MiB`, `3.4 GiB`. */
export function sizeOf(bytes: number): string {
  const mib = bytes / 2 ** 20;
  return mib < 1024 ? `${Math.floor(mib)} MiB` : `${(mib / 1024).toFixed(1)} GiB`;
}
