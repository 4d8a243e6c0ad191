/**
 * What backup, restore and export do with files: durable writes, hashes, room. Any thread of a tool; on the main thread of a
 * server only the asynchronous ones.
 */
import { createHash } from 'node:crypto';
import { chownSync, createReadStream, existsSync, statSync } from 'node:fs';
import { type FileHandle, open, rename, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What is free must exceed what is written by this factor and so much: others write too, and a server lives on it. */
const ROOM_FACTOR = 1.1;
const ROOM_SPARE_BYTES = 64 * 2 ** 20;
const HASH_CHUNK_BYTES = 1024 * 1024;

/** SHA-256 of a file in hex, and its size. Reads a MiB at a time. */
export async function hashFile(
  path: string,
  signal?: AbortSignal,
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = createReadStream(path, { highWaterMark: HASH_CHUNK_BYTES, signal });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), bytes };
}

/** Writes a file that only its owner may read, durably, in one step under its final name. */
export async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  const beside = `${path}.new`;
  await withFile(beside, 'w', async (file) => {
    await file.writeFile(content);
    await file.chmod(0o600);
    await file.sync();
  });
  await rename(beside, path);
  await syncFolder(dirname(path));
}

/** Makes renames and new names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return; // folders cannot be opened there
  await withFile(path, 'r', (folder) => folder.sync());
}

/** Makes a file's bytes durable. */
export async function syncFile(path: string): Promise<void> {
  await withFile(path, 'r+', (file) => file.sync());
}

async function withFile(
  path: string,
  flags: string,
  work: (file: FileHandle) => Promise<unknown>,
): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await work(file);
  } finally {
    await file.close();
  }
}

/** A sentence when the file system of `folder` has no room for `bytes`; null when it has. */
export async function missingRoom(folder: string, bytes: number): Promise<string | null> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const wanted = bytes * ROOM_FACTOR + ROOM_SPARE_BYTES;
  if (free >= wanted) return null;
  return `${folder}: got ${mib(free)} MiB free, wanted ${mib(wanted)}: make room, or choose another place`;
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}

/** A moment as part of a file name, UTC: `2026-11-21T20-15-00Z`. */
export function stampOf(at: number): string {
  return new Date(at)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '-');
}

/**
 * Gives files to the owner of `folder`, where root works in the folder of a server's user: the server could not open them
 * otherwise. Does nothing for other users, and to what is not there.
 */
export function giveToOwner(folder: string, paths: readonly string[]): void {
  if (process.getuid?.() !== 0) return;
  const { gid, uid } = statSync(folder);
  for (const path of paths) if (existsSync(path)) chownSync(path, uid, gid);
}
