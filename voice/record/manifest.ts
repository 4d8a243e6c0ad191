/**
 * The manifest of a recording: who was recorded when, in which files. Pure but for `writeManifest`, which replaces the file at once and
 * durably. Offsets are in samples at 48 kHz from the recording's start, so that tracks can be laid side by side.
 */
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Id } from '../../channels/index.ts';

export const MANIFEST = 'manifest.json';

export interface Manifest {
  readonly format: 'driftway-recording';
  readonly version: 1;
  readonly room: Id;
  readonly by: Id;
  /** Wall time in ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string | null;
  /** null while it runs; `recovered`: the server was killed meanwhile, and ended it afterwards from the files. */
  readonly end: 'stop' | 'failed' | 'recovered' | null;
  readonly sampleRate: 48000;
  /** Samples at each file's start that players drop. */
  readonly preSkip: 312;
  readonly tracks: readonly ManifestTrack[];
}

export interface ManifestTrack {
  readonly uid: Id;
  readonly segments: readonly ManifestSegment[];
}

export interface ManifestSegment {
  readonly file: string;
  readonly ssrc: number;
  readonly offset: number;
  readonly samples: number;
  /** Not known of a segment that a killed process left. */
  readonly packets: number | null;
  readonly filled: number | null;
  readonly lost: number | null;
  readonly bytes: number;
  readonly sha256: string;
  /** `stop`, `gap`, `restart` (of the sender), `disk`, or `recovered`. */
  readonly end: string;
}

/** A segment as the process tells of it, checked. null for what is none: the process is ours, a file of another one is not. */
export function segmentOf(
  fields: Readonly<Record<string, unknown>>,
): (ManifestSegment & { readonly uid: Id }) | null {
  const { user, file, sha256, end } = fields;
  const number = (name: string) => (typeof fields[name] === 'number' ? fields[name] : null);
  const [ssrc, offset, samples, bytes] = ['ssrc', 'offset', 'samples', 'bytes'].map(number);
  const uid = Number(user);
  if (!Number.isSafeInteger(uid) || typeof file !== 'string' || typeof sha256 !== 'string')
    return null;
  if (ssrc == null || offset == null || samples == null || bytes == null) return null;
  return {
    ...{ uid, file, ssrc, offset, samples, bytes, sha256 },
    ...{ packets: number('packets'), filled: number('filled'), lost: number('lost') },
    end: typeof end === 'string' ? end : 'recovered',
  };
}

/** The tracks in the order of their users, each with its segments in the order of time. */
export function tracksOf(
  segments: readonly (ManifestSegment & { readonly uid: Id })[],
): ManifestTrack[] {
  const byUid = new Map<Id, ManifestSegment[]>();
  for (const { uid, ...segment } of segments) {
    const track = byUid.get(uid);
    if (track === undefined) byUid.set(uid, [segment]);
    else track.push(segment);
  }
  return [...byUid]
    .sort(([a], [b]) => a - b)
    .map(([uid, list]) => ({ uid, segments: list.sort((a, b) => a.offset - b.offset) }));
}

/** Text of a manifest of ours; null for anything else. */
export function readManifest(text: string): Manifest | null {
  const read: unknown = parse(text);
  if (typeof read !== 'object' || read === null) return null;
  const { endedAt, format, startedAt, tracks, version } = read as Partial<Manifest>;
  const isOurs = format === 'driftway-recording' && version === 1 && Array.isArray(tracks);
  if (!isOurs || typeof startedAt !== 'string' || endedAt === undefined) return null;
  return Number.isNaN(Date.parse(startedAt)) ? null : (read as Manifest);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** All segments of a manifest, as `tracksOf` takes them. */
export function segmentsOf({ tracks }: Manifest): (ManifestSegment & { readonly uid: Id })[] {
  return tracks.flatMap(({ uid, segments }) => segments.map((segment) => ({ ...segment, uid })));
}

/** Puts the manifest into `folder`. A reader sees the old one or the new one. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const draft = join(folder, `${MANIFEST}.new`);
  const file = await open(draft, 'w', 0o640);
  try {
    await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, join(folder, MANIFEST));
}
