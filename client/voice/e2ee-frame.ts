/**
 * End-to-end encryption of one Opus frame with WebCrypto, as pure as it can be: runs in the worker of e2ee-worker.ts, in Node in
 * tests. Layout: `[TOC, as it was][AES-256-GCM ciphertext][tag 16][iv 12]`. The TOC byte stays readable (and is authenticated) for
 * the media server looks at it; a frame that does not authenticate is dropped, since an undecrypted one is loud noise.
 */

const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Bytes that a frame grows by. */
export const E2EE_OVERHEAD = IV_BYTES + TAG_BYTES;
const SECRET_CHARS_MIN = 16;

/** Keys of the speakers of one room, all from one secret that the people of the room share. */
export class FrameKeys {
  readonly #base: CryptoKey;
  readonly #sid: number;
  readonly #keys = new Map<number, Promise<CryptoKey>>();

  private constructor(base: CryptoKey, sid: number) {
    this.#base = base;
    this.#sid = sid;
  }

  /**
   * @param secret shared by the people of the room and unknown to the server; at least 16 characters
   * @param sid the voice channel
   * @throws RangeError for a shorter secret
   */
  static async of(secret: string, sid: number): Promise<FrameKeys> {
    if (secret.length < SECRET_CHARS_MIN) {
      throw new RangeError(`the secret of a room has at least ${SECRET_CHARS_MIN} characters`);
    }
    const bytes = new TextEncoder().encode(secret);
    const base = await crypto.subtle.importKey('raw', bytes, 'HKDF', false, ['deriveKey']);
    return new FrameKeys(base, sid);
  }

  /** The key with which `uid` speaks: nobody else's frames can be passed off as theirs by the server. */
  speaker(uid: number): Promise<CryptoKey> {
    let key = this.#keys.get(uid);
    if (key === undefined) {
      key = this.#derive(uid);
      this.#keys.set(uid, key);
      const [oldest] = this.#keys.keys();
      if (this.#keys.size > SPEAKERS_MAX && oldest !== undefined) this.#keys.delete(oldest);
    }
    return key;
  }

  #derive(uid: number): Promise<CryptoKey> {
    const encoder = new TextEncoder();
    return crypto.subtle.deriveKey(
      {
        name: 'HKDF',
        hash: 'SHA-256',
        salt: encoder.encode('driftway voice 1'),
        info: encoder.encode(`${this.#sid}:${uid}`),
      },
      this.#base,
      { name: 'AES-GCM', length: 256 },
      false,
      ['encrypt', 'decrypt'],
    );
  }
}

const SPEAKERS_MAX = 500;

/**
 * Encrypts a frame.
 * @param frame from the encoder; an empty one comes back as it is
 * @param iv 12 unpredictable bytes, never used twice with the key
 */
export async function sealFrame(
  frame: Uint8Array<ArrayBuffer>,
  key: CryptoKey,
  iv: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  if (frame.length === 0) return frame;
  const head = frame.subarray(0, 1);
  const how = { name: 'AES-GCM', iv, additionalData: head };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(how, key, frame.subarray(1)));
  const out = new Uint8Array(1 + sealed.length + IV_BYTES);
  out.set(head);
  out.set(sealed, 1);
  out.set(iv, 1 + sealed.length);
  return out;
}

/** Decrypts a frame; null when it does not authenticate (no key, another key, not encrypted, changed). */
export async function openFrame(
  frame: Uint8Array<ArrayBuffer>,
  key: CryptoKey,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (frame.length < 1 + E2EE_OVERHEAD) return null;
  const head = frame.subarray(0, 1);
  const iv = frame.subarray(frame.length - IV_BYTES);
  const sealed = frame.subarray(1, frame.length - IV_BYTES);
  try {
    const how = { name: 'AES-GCM', iv, additionalData: head };
    const plain = new Uint8Array(await crypto.subtle.decrypt(how, key, sealed));
    const out = new Uint8Array(1 + plain.length);
    out.set(head);
    out.set(plain, 1);
    return out;
  } catch {
    return null;
  }
}
