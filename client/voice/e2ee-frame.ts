/**
 * End-to-end encryption of one Opus frame with WebCrypto, as pure as it can be: runs in the worker of e2ee-worker.ts, in Node in
 * tests. Layout: `[TOC, as it was][AES-256-GCM ciphertext][tag 16][count 4][key id 4]`. The TOC byte stays readable (and is
 * authenticated) for the media server looks at it; a frame that does not authenticate is dropped, since an undecrypted one is loud
 * noise.
 */

/** Bytes of one's own, as WebCrypto wants them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** What one frame is encrypted with. The same pair of kid and count never again with the same key. */
export interface FrameSeal {
  readonly aes: CryptoKey;
  /** u32 */
  readonly kid: number;
  /** u32: frames of this key before it. */
  readonly count: number;
}

const TRAILER_BYTES = 8;
const TAG_BYTES = 16;
const IV_BYTES = 12;
/** Bytes that a frame grows by. */
export const E2EE_OVERHEAD = TAG_BYTES + TRAILER_BYTES;
/** A key that has encrypted this many frames (2.7 years of speech) encrypts no more. */
export const FRAMES_PER_KEY_MAX = 0xffff_ffff;

/** Encrypts a frame from the encoder; an empty one comes back as it is. */
export async function sealFrame(frame: Bytes, { aes, kid, count }: FrameSeal): Promise<Bytes> {
  if (frame.length === 0) return frame;
  const head = frame.subarray(0, 1);
  const how = { name: 'AES-GCM', iv: ivOf(kid, count), additionalData: head };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(how, aes, frame.subarray(1)));
  const out = new Uint8Array(1 + sealed.length + TRAILER_BYTES);
  out.set(head);
  out.set(sealed, 1);
  const trailer = new DataView(out.buffer, 1 + sealed.length);
  trailer.setUint32(0, count);
  trailer.setUint32(4, kid);
  return out;
}

/** Which key a frame was encrypted with; null for what is too short to be encrypted. */
export function keyIdOf(frame: Bytes): number | null {
  if (frame.length < 1 + E2EE_OVERHEAD) return null;
  return new DataView(frame.buffer, frame.byteOffset + frame.length - 4).getUint32(0);
}

/** Decrypts a frame; null when it does not authenticate (another key, not encrypted, changed). */
export async function openFrame(frame: Bytes, aes: CryptoKey): Promise<Bytes | null> {
  const kid = keyIdOf(frame);
  if (kid === null) return null;
  const end = frame.length - TRAILER_BYTES;
  const count = new DataView(frame.buffer, frame.byteOffset + end).getUint32(0);
  const head = frame.subarray(0, 1);
  try {
    const how = { name: 'AES-GCM', iv: ivOf(kid, count), additionalData: head };
    const plain = new Uint8Array(await crypto.subtle.decrypt(how, aes, frame.subarray(1, end)));
    const out = new Uint8Array(1 + plain.length);
    out.set(head);
    out.set(plain, 1);
    return out;
  } catch {
    return null;
  }
}

function ivOf(kid: number, count: number): Bytes {
  const iv = new Uint8Array(IV_BYTES);
  const view = new DataView(iv.buffer);
  view.setUint32(0, kid);
  view.setUint32(8, count);
  return iv;
}
