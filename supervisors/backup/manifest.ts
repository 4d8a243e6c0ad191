/**
 * Owns `manifest.json` of a backup: what is in it, from which moment, and the hashes that prove it whole. A folder without one
 * is no backup: it is written last.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { hashFile } from './files.ts';
import type { OperationResult } from './types.ts';

export const MANIFEST_FILE = 'manifest.json';
export const DATABASE_FILE = 'driftway.db';
export const KEYS_FILE = 'keys.json';

const count = z.number().int().min(0);
const schema = z.strictObject({
  format: z.literal(1),
  /** Of the program that wrote it. */
  version: z.string(),
  /** Ms since 1970. */
  createdAt: count,
  /** Schema of the database. */
  schema: count,
  /** Number of the newest log row. */
  gsn: count,
  streams: count,
  events: count,
  files: z
    .array(
      z.strictObject({
        // Only these: a name may not lead out of the folder.
        name: z.enum([DATABASE_FILE, KEYS_FILE]),
        bytes: count,
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .min(1)
    .max(2),
});

/** What a backup says of itself. */
export type Manifest = z.output<typeof schema>;

/** Reads the manifest of the backup in `folder`; looks at no other file. */
export function readManifest(folder: string): OperationResult<Manifest> {
  const path = join(folder, MANIFEST_FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `${path}: got ${code}, wanted the manifest of a finished backup`;
    return { ok: false, code: 'not_found', message };
  }
  const parsed = schema.safeParse(jsonOf(text));
  if (parsed.success) return { ok: true, value: parsed.data };
  const isNewer = (jsonOf(text) as { format?: unknown } | null)?.format;
  return typeof isNewer === 'number' && isNewer > 1
    ? { ok: false, code: 'newer', message: `${path}: got format ${isNewer}, wanted 1` }
    : { ok: false, code: 'damaged', message: `${path}: got something else than a manifest` };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Compares the files in `folder` with the manifest: sizes first, then hashes. */
export async function checkFiles(
  folder: string,
  manifest: Manifest,
): Promise<OperationResult<null>> {
  const names = manifest.files.map(({ name }) => name);
  if (!names.includes(DATABASE_FILE)) return damaged(`${folder}: the manifest names no database`);
  for (const { name, bytes, sha256 } of manifest.files) {
    const path = join(folder, name);
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size !== bytes) return damaged(`${path}: got ${size ?? 'no'} bytes, wanted ${bytes}`);
    const found = await hashFile(path);
    if (found.sha256 !== sha256)
      return damaged(`${path}: got SHA-256 ${found.sha256}, wanted ${sha256}`);
  }
  return { ok: true, value: null };
}

function damaged(message: string): OperationResult<null> {
  return { ok: false, code: 'damaged', message };
}
