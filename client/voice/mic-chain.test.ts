/** The microphone's chain on made-up sound: gate, keys, fades, and the real RNNoise on noise and on a voice-like sound. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { MIC_DEFAULTS, MicChain, type MicReport, type MicSettings } from './mic-chain.ts';
import { NOISE_FRAME, NoiseSuppressor } from './rnnoise.ts';

const RATE = 48_000;

/** Sound in, what comes out and what is reported. */
function play(samples: Float32Array, settings: Partial<MicSettings>) {
  const reports: MicReport[] = [];
  const chain = new MicChain(null, (report) => reports.push(report));
  chain.settings = { ...MIC_DEFAULTS, ...settings };
  const out = new Float32Array(samples.length);
  for (let at = 0; at < samples.length; at += 128) {
    chain.process(samples.subarray(at, at + 128), out.subarray(at, at + 128));
  }
  return { out, reports };
}

function tone(seconds: number, amplitude: number): Float32Array {
  return Float32Array.from({ length: Math.floor((seconds * RATE) / 128) * 128 }, (_, i) => {
    return amplitude * Math.sin((2 * Math.PI * 300 * i) / RATE);
  });
}

function joined(...parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

function rms(samples: Float32Array, fromS: number, toS: number): number {
  const part = samples.subarray(fromS * RATE, toS * RATE);
  return Math.sqrt(part.reduce((sum, sample) => sum + sample * sample, 0) / part.length);
}

/** Noise of a room (brown: the deeper, the louder) that depends on the seed alone. */
function noise(seconds: number, amplitude: number): Float32Array {
  let state = 1;
  let deep = 0;
  return Float32Array.from({ length: seconds * RATE }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    deep = deep * 0.98 + ((state / 0x1_0000_0000) * 2 - 1) * 0.1;
    return amplitude * deep;
  });
}

test('MicChain: open, everything comes out 10 ms later and unchanged', () => {
  const samples = tone(0.5, 0.5);
  const { out } = play(samples, { mode: 'open' });
  const late = out.subarray(NOISE_FRAME * 3);
  const then = samples.subarray(NOISE_FRAME * 2, samples.length - NOISE_FRAME);
  expect(Math.max(...late.map((sample, i) => Math.abs(sample - (then[i] ?? 0))))).toBeLessThan(
    1e-6,
  );
});

test('MicChain: by voice, silence stays shut, a voice opens it, a pause closes it after 300 ms', () => {
  const sound = joined(tone(0.2, 0.0005), tone(0.5, 0.3), tone(1, 0.0005));
  const { out, reports } = play(sound, { mode: 'voice', thresholdDb: -50 });
  expect(rms(out, 0.05, 0.2)).toBe(0);
  expect(rms(out, 0.3, 0.6)).toBeGreaterThan(0.2);
  expect(rms(out, 1.2, 1.6)).toBe(0);
  const edges = reports.filter(({ isOpen }, i) => isOpen !== (reports[i - 1]?.isOpen ?? false));
  expect(edges.map(({ isOpen }) => isOpen)).toEqual([true, false]);
});

test('MicChain: by key, only while it is held', () => {
  expect(rms(play(tone(0.3, 0.5), { mode: 'key' }).out, 0.1, 0.3)).toBe(0);
  expect(rms(play(tone(0.3, 0.5), { mode: 'key', isHeld: true }).out, 0.1, 0.3)).toBeGreaterThan(
    0.3,
  );
});

test('MicChain: muted, nothing comes out in any mode', () => {
  for (const mode of ['open', 'voice', 'key'] as const) {
    const { out } = play(tone(0.3, 0.5), { mode, isMuted: true, isHeld: true });
    expect(rms(out, 0, 0.3)).toBe(0);
  }
});

test('MicChain: opening and closing leave no step in the sound', () => {
  const { out } = play(joined(tone(0.2, 0), tone(0.4, 0.5), tone(0.6, 0)), { mode: 'voice' });
  const steps = out.map((sample, i) => Math.abs(sample - (out[i - 1] ?? 0)));
  // A tone of 300 Hz at this rate moves by 0.02 from one sample to the next.
  expect(Math.max(...steps)).toBeLessThan(0.04);
});

test('NoiseSuppressor: noise of a room is 12 dB quieter after half a second, and is no speech', () => {
  const file = createRequire(import.meta.url).resolve('@jitsi/rnnoise-wasm/dist/rnnoise.wasm');
  const suppressor = new NoiseSuppressor(new Uint8Array(readFileSync(file)));
  const samples = noise(2, 0.05);
  let speech = 0;
  for (let at = 0; at + NOISE_FRAME <= samples.length; at += NOISE_FRAME) {
    speech = suppressor.clean(samples.subarray(at, at + NOISE_FRAME));
  }
  const before = rms(noise(2, 0.05), 0.5, 2);
  expect(20 * Math.log10(before / rms(samples, 0.5, 2))).toBeGreaterThan(12);
  expect(speech).toBeLessThan(0.5);
});
