/**
 * What once went wrong, and the classic hostile frames of protocol.md 3: small files in corpus/, sent first in every run
 * of the fuzzer. `$sid`, `$gid`, `$uid` and `$token` stand for those of the run. Runs in the driver.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { ENCODINGS, type Encoding, encode } from '../support/raw-client.ts';
import type { WireFrame } from '../support/wire.ts';
import type { SeedWorld } from './seeds.ts';

/** One file: frames for both encodings, bytes in hex for msgpack, texts for JSON, HTTP requests. */
interface CorpusFile {
  readonly why: string;
  readonly frames?: readonly WireFrame[];
  readonly mp?: readonly string[];
  readonly json?: readonly string[];
  readonly http?: readonly CorpusRequest[];
}

export interface CorpusRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export interface CorpusEntry {
  readonly file: string;
  readonly encoding: Encoding;
  readonly payload: Buffer;
}

export interface Corpus {
  readonly files: number;
  readonly entries: readonly CorpusEntry[];
  readonly requests: readonly CorpusRequest[];
}

/** Reads the whole corpus for one run. */
export function readCorpus(world: SeedWorld): Corpus {
  const folder = new URL('./corpus/', import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const entries: CorpusEntry[] = [];
  const requests: CorpusRequest[] = [];
  for (const file of names) {
    const text = fill(readFileSync(new URL(file, folder), 'utf8'), world);
    const { frames = [], mp = [], json = [], http = [] } = JSON.parse(text) as CorpusFile;
    for (const frame of frames) {
      for (const encoding of ENCODINGS) {
        entries.push({ file, encoding, payload: encode(encoding, frame) });
      }
    }
    for (const hex of mp) entries.push({ file, encoding: 'mp', payload: fromHex(hex) });
    for (const one of json) entries.push({ file, encoding: 'json', payload: Buffer.from(one) });
    requests.push(...http);
  }
  return { files: names.length, entries, requests };
}

function fromHex(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

/** `"$sid"` as a whole value becomes a number, inside of a text the digits. */
function fill(text: string, world: SeedWorld): string {
  const { sid, gid, uid, token } = world;
  return text
    .replaceAll(/"\$(sid|gid|uid)"/g, (_, name: 'sid' | 'gid' | 'uid') =>
      String({ sid, gid, uid }[name]),
    )
    .replaceAll(/\$(sid|gid|uid)/g, (_, name: 'sid' | 'gid' | 'uid') =>
      String({ sid, gid, uid }[name]),
    )
    .replaceAll('$token', token);
}
