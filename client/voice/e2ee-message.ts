/**
 * The one message of the key exchange, and who can read what of it. Its sender is authenticated by the room's secret, each sender
 * key in it is encrypted for one receiver with a key from two fresh ECDH pairs: who knows the secret alone (somebody who left)
 * reads none. Layout: `[version 1][flags][kid 4][public key 65][uid 8, wrapped key 48]...[HMAC-SHA-256 32]`.
 */
import type { Bytes } from './e2ee-frame.ts';
import { MATERIAL_BYTES } from './e2ee-keys.ts';

const VERSION = 1;
const FLAG_ASK = 1;
const PUBLIC_BYTES = 65;
const WRAPPED_BYTES = MATERIAL_BYTES + 16;
const ENTRY_BYTES = 8 + WRAPPED_BYTES;
const HEAD_BYTES = 2 + 4 + PUBLIC_BYTES;
const MAC_BYTES = 32;
const SECRET_CHARS_MIN = 16;
/** Receivers named in one message (5 KB of base64; the relay takes 12). */
export const ENTRIES_MAX = 64;

/** A message, read and authentic. */
export interface KeyMessage {
  /** The sender wants the keys of everybody. */
  readonly isAsking: boolean;
  readonly kid: number;
  readonly publicKey: Bytes;
  /** Wrapped for the reader; null when it is not among the receivers. */
  readonly wrapped: Bytes | null;
}

/** Both directions of one pair. */
export interface PairKeys {
  readonly wrap: CryptoKey;
  readonly unwrap: CryptoKey;
}

const encoder = new TextEncoder();

/** One person in one room for the life of one worker: a fresh key pair, and the room's secret to vouch for it. */
export class KeyIdentity {
  readonly #options: { readonly sid: number; readonly uid: number };
  readonly #auth: CryptoKey;
  readonly #salt: Bytes;
  readonly #own: CryptoKeyPair;
  readonly #publicKey: Bytes;

  private constructor(
    options: { readonly sid: number; readonly uid: number },
    auth: CryptoKey,
    salt: Bytes,
    own: CryptoKeyPair,
    publicKey: Bytes,
  ) {
    this.#options = options;
    this.#auth = auth;
    this.#salt = salt;
    this.#own = own;
    this.#publicKey = publicKey;
  }

  /**
   * @param options secret that the people of the room share and the server does not know, at least 16 characters; channel; own user
   * @throws RangeError for a shorter secret
   */
  static async create(options: {
    readonly secret: string;
    readonly sid: number;
    readonly uid: number;
  }): Promise<KeyIdentity> {
    const { secret, sid, uid } = options;
    if (secret.length < SECRET_CHARS_MIN) {
      throw new RangeError(`the secret of a room has at least ${SECRET_CHARS_MIN} characters`);
    }
    const { subtle } = crypto;
    const base = await subtle.importKey('raw', encoder.encode(secret), 'HKDF', false, [
      'deriveBits',
    ]);
    const salt = await expand(base, new Uint8Array(0), `pairs ${sid}`);
    const mac = await expand(base, new Uint8Array(0), `messages ${sid}`);
    const hmac = { name: 'HMAC', hash: 'SHA-256' };
    const auth = await subtle.importKey('raw', mac, hmac, false, ['sign', 'verify']);
    const curve = { name: 'ECDH', namedCurve: 'P-256' };
    const own = (await subtle.generateKey(curve, false, ['deriveBits'])) as CryptoKeyPair;
    const publicKey = new Uint8Array(await subtle.exportKey('raw', own.publicKey));
    return new KeyIdentity({ sid, uid }, auth, salt, own, publicKey);
  }

  /** Keys between oneself and the user with this public key. Rejects for what is no point of the curve. */
  async pairWith(uid: number, publicKey: Bytes): Promise<PairKeys> {
    const { subtle } = crypto;
    const curve = { name: 'ECDH', namedCurve: 'P-256' };
    const theirs = await subtle.importKey('raw', publicKey, curve, false, []);
    const how = { name: 'ECDH', public: theirs };
    const shared = await subtle.deriveBits(how, this.#own.privateKey, 256);
    const base = await subtle.importKey('raw', shared, 'HKDF', false, ['deriveBits']);
    const { sid, uid: self } = this.#options;
    const [mine, other] = [`${self} ${hex(this.#publicKey)}`, `${uid} ${hex(publicKey)}`];
    const key = async (from: string, to: string): Promise<CryptoKey> => {
      const bits = await expand(base, this.#salt, `pair ${sid} ${from} ${to}`);
      return subtle.importKey('raw', bits, 'AES-GCM', false, ['encrypt', 'decrypt']);
    };
    return { wrap: await key(mine, other), unwrap: await key(other, mine) };
  }

  /** @param receivers at most ENTRIES_MAX, each with the material of key `kid` wrapped by wrapKey() */
  async write(message: {
    readonly isAsking: boolean;
    readonly kid: number;
    readonly receivers: readonly { readonly uid: number; readonly wrapped: Bytes }[];
  }): Promise<string> {
    const { isAsking, kid, receivers } = message;
    const body = new Uint8Array(HEAD_BYTES + receivers.length * ENTRY_BYTES);
    const view = new DataView(body.buffer);
    body.set([VERSION, isAsking ? FLAG_ASK : 0]);
    view.setUint32(2, kid);
    body.set(this.#publicKey, 6);
    for (const [i, { uid, wrapped }] of receivers.entries()) {
      const at = HEAD_BYTES + i * ENTRY_BYTES;
      view.setBigUint64(at, BigInt(uid));
      body.set(wrapped, at + 8);
    }
    const signed = this.#signed(this.#options.uid, body);
    const mac = new Uint8Array(await crypto.subtle.sign('HMAC', this.#auth, signed));
    return btoa(String.fromCharCode(...body, ...mac));
  }

  /** What `from` sent; null for what it did not, or is no message. */
  async read(from: number, data: string): Promise<KeyMessage | null> {
    const bytes = decode(data);
    const entriesLength = (bytes?.length ?? 0) - HEAD_BYTES - MAC_BYTES;
    if (bytes === null || entriesLength < 0 || entriesLength % ENTRY_BYTES !== 0) return null;
    const body = bytes.subarray(0, -MAC_BYTES);
    const mac = bytes.subarray(-MAC_BYTES);
    const signed = this.#signed(from, body);
    if (!(await crypto.subtle.verify('HMAC', this.#auth, mac, signed))) return null;
    if (body[0] !== VERSION) return null;
    const view = new DataView(body.buffer);
    let wrapped: Bytes | null = null;
    for (let at = HEAD_BYTES; at < body.length; at += ENTRY_BYTES) {
      const isOwn = view.getBigUint64(at) === BigInt(this.#options.uid);
      if (isOwn) wrapped = body.subarray(at + 8, at + ENTRY_BYTES);
    }
    const publicKey = body.slice(6, HEAD_BYTES);
    return { isAsking: body[1] === FLAG_ASK, kid: view.getUint32(2), publicKey, wrapped };
  }

  #signed(from: number, body: Bytes): Bytes {
    const name = encoder.encode(`${this.#options.sid} ${from} `);
    const out = new Uint8Array(name.length + body.length);
    out.set(name);
    out.set(body, name.length);
    return out;
  }
}

/** The material of a sender key for one receiver. The kid is the nonce: one kid names one material. */
export async function wrapKey(material: Bytes, kid: number, { wrap }: PairKeys): Promise<Bytes> {
  const how = { name: 'AES-GCM', iv: nonceOf(kid) };
  return new Uint8Array(await crypto.subtle.encrypt(how, wrap, material));
}

/** Null when it was not wrapped for this pair. */
export async function unwrapKey(wrapped: Bytes, kid: number, keys: PairKeys) {
  try {
    const how = { name: 'AES-GCM', iv: nonceOf(kid) };
    return new Uint8Array(await crypto.subtle.decrypt(how, keys.unwrap, wrapped));
  } catch {
    return null;
  }
}

function nonceOf(kid: number): Bytes {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(0, kid);
  return nonce;
}

async function expand(base: CryptoKey, salt: Bytes, info: string): Promise<Bytes> {
  const how = { name: 'HKDF', hash: 'SHA-256', salt, info: encoder.encode(`driftway ${info}`) };
  return new Uint8Array(await crypto.subtle.deriveBits(how, base, 256));
}

function decode(data: string): Bytes | null {
  try {
    return Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

function hex(bytes: Bytes): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
