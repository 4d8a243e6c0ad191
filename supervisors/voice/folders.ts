/** Where voice keeps its files in the data folder, and whether recordings were left there without an end. Main and voice threads. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface VoiceFolders {
  /** Recordings, and files to play. */
  readonly folder: string;
  /** A mark per recording that is under way. */
  readonly marks: string;
}

export function voiceFolders(dataDir: string): VoiceFolders {
  const folder = join(dataDir, 'voice');
  return { folder, marks: join(folder, 'unfinished') };
}

/** Recordings that nobody ended: the voice thread does, when it starts. */
export async function hasUnfinished(dataDir: string): Promise<boolean> {
  const marks = await readdir(voiceFolders(dataDir).marks).catch(() => []);
  return marks.length > 0;
}
