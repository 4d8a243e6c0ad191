/**
 * Speech for microphones that are not there (espeak-ng, Debian): without pauses, so that somebody talks all the time and what is heard can
 * be counted; and how much of it is in a sound file. Test processes only.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const SENTENCES =
  'The quick brown fox jumps over the lazy dog. Seven boats sailed past the old harbour at noon, and nobody on the shore waved back. ' +
  'Who would have thought that bread could be baked without an oven? Numbers help: two, five, eleven, thirty, nineteen.';
const HEADER_BYTES = 44;
const RATE = 48_000;
/** Quieter than this over FRAME_S is a pause; what is left of each is PAUSE_S. */
const QUIET = 300;
const FRAME_S = 0.01;
const PAUSE_S = 0.04;

/** Mono, 16 bits. */
export interface Sound {
  readonly rate: number;
  readonly samples: Int16Array;
}

/** Writes a WAV file of some 15 s of speech at 48 kHz. */
export function makeSpeech(path: string): Sound {
  try {
    execFileSync('espeak-ng', ['-v', 'en', '-s', '150', '-w', path, SENTENCES]);
  } catch (cause) {
    throw new Error('no speech: install it with `apt-get install -y espeak-ng`', { cause });
  }
  const sound = resample(withoutPauses(readWav(path)), RATE);
  writeFileSync(path, wavOf(sound));
  return sound;
}

/** A file of one channel with 16 bits, as espeak-ng and opusdec write them. */
export function readWav(path: string): Sound {
  const bytes = readFileSync(path);
  const data = bytes.subarray(bytes.indexOf('data') + 8);
  const samples = new Int16Array(data.length >> 1);
  for (const [i] of samples.entries()) samples[i] = data.readInt16LE(2 * i);
  return { rate: bytes.readUInt32LE(24), samples };
}

function wavOf({ rate, samples }: Sound): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + 2 * samples.length);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(2 * rate, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(2 * samples.length, 40);
  for (const [i, sample] of samples.entries()) bytes.writeInt16LE(sample, HEADER_BYTES + 2 * i);
  return bytes;
}

function resample({ rate, samples }: Sound, to: number): Sound {
  const out = new Int16Array(Math.floor((samples.length * to) / rate));
  const span = Math.max(1, Math.floor(rate / to));
  for (const [i] of out.entries()) {
    const at = (i * rate) / to;
    let sum = 0;
    for (let j = 0; j < span; j += 1) sum += between(samples, at + j);
    out[i] = sum / span;
  }
  return { rate: to, samples: out };
}

function between(samples: Int16Array, at: number): number {
  const left = samples[Math.floor(at)] ?? 0;
  const right = samples[Math.floor(at) + 1] ?? left;
  return left + (right - left) * (at % 1);
}

function withoutPauses({ rate, samples }: Sound): Sound {
  const frame = Math.round(rate * FRAME_S);
  const kept: number[] = [];
  let quietS = 0;
  for (let at = 0; at < samples.length; at += frame) {
    const part = samples.subarray(at, at + frame);
    quietS = part.every((sample) => Math.abs(sample) < QUIET) ? quietS + FRAME_S : 0;
    if (quietS <= PAUSE_S) kept.push(...part);
  }
  return { rate, samples: Int16Array.from(kept) };
}

/** Of the compared parts: long enough that only the same words are alike. */
const PART_S = 0.75;
const LIKE_RATE = 4_000;

/**
 * How alike a stretch of `heard` is to some stretch of `said`, wherever it is: 1 the same, 0 nothing in common. The best of a few
 * stretches of `heard`, for one may be cut by a silence.
 */
export function likeness(heard: Sound, said: Sound): number {
  const [low, all] = [resample(heard, LIKE_RATE).samples, resample(said, LIKE_RATE).samples];
  const length = Math.floor(PART_S * LIKE_RATE);
  let best = 0;
  for (let at = length; at + length <= low.length; at += 2 * length) {
    best = Math.max(best, bestMatch(low.subarray(at, at + length), all));
  }
  return best;
}

function bestMatch(part: Int16Array, all: Int16Array): number {
  const own = energy(part);
  let best = 0;
  let window = energy(all.subarray(0, part.length));
  for (let at = 0; at + part.length <= all.length; at += 1) {
    let sum = 0;
    for (let i = 0; i < part.length; i += 1) sum += (part[i] ?? 0) * (all[at + i] ?? 0);
    if (own > 0 && window > 0) best = Math.max(best, Math.abs(sum) / Math.sqrt(own * window));
    window += (all[at + part.length] ?? 0) ** 2 - (all[at] ?? 0) ** 2;
  }
  return best;
}

function energy(samples: Int16Array): number {
  return samples.reduce((sum, sample) => sum + sample * sample, 0);
}
