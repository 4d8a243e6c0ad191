/**
 * Recordings that a server or a voice thread left when it was killed. While one is under way a mark of its name lies in a folder of marks;
 * a mark that is there when a voice thread begins is of a recording that nobody will end: its files are made whole, and its manifest is
 * ended from what the files say. Voice thread.
 */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  MANIFEST,
  type Manifest,
  readManifest,
  segmentOf,
  segmentsOf,
  tracksOf,
  writeManifest,
} from './manifest.ts';

/** Larger ones are left as they are: 200,000 segments. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;
/** Of one call of the program that makes files whole. */
const FILES_AT_ONCE = 100;
const TRACK_FILE = /^\d+\.\d+\.opus(\.part)?$/;
const MARK = /^(\d+)\.(\d+-\d+)$/;
const SAMPLES_PER_MS = 48;

/** Makes files of `.part`s; what it tells of each, as the process tells of segments. */
export type Recover = (
  paths: readonly string[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** The recording in `folder` (below that of all recordings) is under way. */
export async function mark(marks: string, folder: string): Promise<void> {
  await mkdir(marks, { recursive: true, mode: 0o750 });
  await writeFile(join(marks, folder.replace('/', '.')), '', { flush: true });
}

/** It has its end, or leaves nothing behind. */
export async function unmark(marks: string, folder: string): Promise<void> {
  await rm(join(marks, folder.replace('/', '.')), { force: true });
}

/** Folders of recordings with a mark. */
export async function markedFolders(marks: string): Promise<readonly string[]> {
  const names = await readdir(marks).catch(() => []);
  return names.flatMap((name) => {
    const [, room, recording] = MARK.exec(name) ?? [];
    return room === undefined || recording === undefined ? [] : [`${room}/${recording}`];
  });
}

/**
 * Ends a recording that nobody ends. What cannot be made whole (nothing was written yet) stays as it is and is not in the manifest.
 * @returns how many files were made whole; null when its manifest cannot be read or written, and the mark stays
 */
export async function finishRecording(path: string, recover: Recover): Promise<number | null> {
  const manifest = await manifestIn(path);
  if (manifest === null) return null;
  if (manifest.end !== null) return 0;
  const known = segmentsOf(manifest);
  const names = new Set(known.map(({ file }) => file));
  const parts = await partsIn(path, names);
  const found = [];
  for (let at = 0; at < parts.length; at += FILES_AT_ONCE) {
    const some = parts.slice(at, at + FILES_AT_ONCE).map((name) => join(path, name));
    for (const told of await recover(some)) {
      const segment = segmentOf(told);
      if (segment !== null) found.push(segment);
    }
  }
  const segments = [...known, ...found];
  const samples = Math.max(0, ...segments.map(({ offset, samples: length }) => offset + length));
  const endedMs = Date.parse(manifest.startedAt) + samples / SAMPLES_PER_MS;
  const endedAt = new Date(endedMs).toISOString();
  const tracks = tracksOf(segments);
  await writeManifest(path, { ...manifest, end: 'recovered', endedAt, tracks });
  return found.length;
}

async function manifestIn(path: string): Promise<Manifest | null> {
  const file = join(path, MANIFEST);
  try {
    const { size } = await stat(file);
    return size > MANIFEST_BYTES_MAX ? null : readManifest(await readFile(file, 'utf8'));
  } catch {
    return null; // taken away, or never written
  }
}

/** Files that the manifest does not know. One that the process ended by itself is read as what it is: a part that is whole. */
async function partsIn(path: string, known: ReadonlySet<string>): Promise<string[]> {
  const names = (await readdir(path)).filter((name) => TRACK_FILE.test(name));
  const parts: string[] = [];
  for (const name of names.sort()) {
    if (name.endsWith('.part')) parts.push(name);
    else if (!known.has(name)) {
      await rename(join(path, name), join(path, `${name}.part`));
      parts.push(`${name}.part`);
    }
  }
  return parts;
}
