/**
 * Sender keys of end-to-end encryption: how one is made, how it moves on, and which ones of a speaker a listener keeps. A key id is
 * `generation << 8 | step`: a step (somebody came) follows from the one before and cannot be taken back; a generation (somebody left)
 * follows from nothing. Runs in the worker of e2ee-worker.ts, in Node in tests.
 */
import type { Clock } from '../clock.ts';
import type { Bytes } from './e2ee-frame.ts';

/** A sender key. `material` is what receivers are given, `aes` encrypts frames. */
export interface SenderKey {
  readonly kid: number;
  readonly material: Bytes;
  readonly aes: CryptoKey;
}

export const MATERIAL_BYTES = 32;
/** Steps of a generation; one more is a new generation. */
export const STEPS_MAX = 255;
/** How long frames of a key are taken after a newer one has come: the sender changes within 1.3 s, late frames come within 1 s. */
export const OLD_KEY_MS = 10_000;
/** Keys kept of one speaker; the oldest goes. */
const KEYS_PER_SPEAKER_MAX = 8;

const SALT = new TextEncoder().encode('driftway voice 2');
const STEP = new TextEncoder().encode('step');
const FRAMES = new TextEncoder().encode('frames');

/** The key with this id and material. */
export async function senderKey(kid: number, material: Bytes): Promise<SenderKey> {
  const base = await crypto.subtle.importKey('raw', material, 'HKDF', false, ['deriveKey']);
  const aes = await crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: SALT, info: FRAMES },
    base,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  );
  return { kid, material, aes };
}

/** The key `steps` steps on; nobody gets from it to the one before. */
export async function stepKey(key: SenderKey, steps = 1): Promise<SenderKey> {
  let { material } = key;
  for (let i = 0; i < steps; i += 1) {
    const base = await crypto.subtle.importKey('raw', material, 'HKDF', false, ['deriveBits']);
    const how = { name: 'HKDF', hash: 'SHA-256', salt: SALT, info: STEP };
    material = new Uint8Array(await crypto.subtle.deriveBits(how, base, MATERIAL_BYTES * 8));
  }
  return senderKey(key.kid + steps, material);
}

/** What a listener knows of one speaker's keys. */
export class SpeakerKeys {
  readonly #clock: Clock;
  /** Newest first. */
  #keys: { readonly key: SenderKey; retireAt: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  /** Takes a newer key; those before it go after OLD_KEY_MS. False for one that is not newer. */
  add(key: SenderKey): boolean {
    const newest = this.#keys[0];
    if (newest !== undefined && key.kid <= newest.key.kid) return false;
    if (newest !== undefined) newest.retireAt = this.#clock.now() + OLD_KEY_MS;
    this.#prune();
    this.#keys.unshift({ key, retireAt: Number.POSITIVE_INFINITY });
    this.#keys.length = Math.min(this.#keys.length, KEYS_PER_SPEAKER_MAX);
    return true;
  }

  /** The key of a frame: one that is kept, or steps on from one. It is for add() once a frame has opened with it. */
  find(kid: number): SenderKey | Promise<SenderKey> | null {
    this.#prune();
    let nearest: SenderKey | null = null;
    for (const { key } of this.#keys) {
      if (key.kid === kid) return key;
      if (key.kid < kid && nearest === null) nearest = key;
    }
    if (nearest === null || nearest.kid >>> 8 !== kid >>> 8) return null;
    return stepKey(nearest, kid - nearest.kid);
  }

  #prune(): void {
    const now = this.#clock.now();
    if (this.#keys.some(({ retireAt }) => retireAt <= now)) {
      this.#keys = this.#keys.filter(({ retireAt }) => retireAt > now);
    }
  }
}
