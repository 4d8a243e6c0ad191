/**
 * Who has which key: the own sender key changes whenever somebody comes (a step: the comer reads nothing of before) or leaves (a new
 * generation: who left reads nothing of after), and everybody in the roster is given the newest. Runs in the worker of e2ee-worker.ts,
 * in Node in tests; work is done one piece after the other.
 */
import type { Clock, Rng } from '../clock.ts';
import { type Bytes, FRAMES_PER_KEY_MAX, type FrameSeal } from './e2ee-frame.ts';
import {
  MATERIAL_BYTES,
  type SenderKey,
  SpeakerKeys,
  STEPS_MAX,
  senderKey,
  stepKey,
} from './e2ee-keys.ts';
import {
  ENTRIES_MAX,
  KeyIdentity,
  type KeyMessage,
  type PairKeys,
  unwrapKey,
  wrapKey,
} from './e2ee-message.ts';

/** Passes a message to one user or (null) to all; whether the server did. */
export type SendKeys = (to: number | null, data: string) => Promise<boolean>;

/** Options of KeyGroup. */
export interface KeyGroupOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  /** Shared by the people of the room and unknown to the server; at least 16 characters. */
  readonly secret: string;
  readonly sid: number;
  /** The own user. */
  readonly uid: number;
  readonly send: SendKeys;
}

interface Peer {
  publicKey: string;
  pair: PairKeys | null;
  /** Was given the newest own key, or one that leads to it. */
  hasOwn: boolean;
  /** Has never been given any: the own key moves on before it is. */
  isNew: boolean;
  /** Its last frame came with a key that is not there. */
  isUnheard: boolean;
  keys: SpeakerKeys;
}

/** People that keys are exchanged with; more get none and hear nothing. */
const PEERS_MAX = 500;
/** Pieces of work that wait; a message beyond is dropped, and asked for again. */
const WAITING_MAX = 2_000;
/** What happens within this time is one change. */
const GATHER_MS = 20;
/** Between two messages: V_E2E allows 4 a second. */
const GAP_MS = 300;
/** A key is used this long after the server has passed it on, and at the latest SWITCH_MAX_MS after it was made. */
const SWITCH_MS = 100;
export const SWITCH_MAX_MS = 1_000;
/** Waits before asking again for keys that have not come. */
const ASK_WAITS_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000];

/** Keys of the people of one room. */
export class KeyGroup {
  readonly #options: KeyGroupOptions;
  readonly #identity: KeyIdentity;
  readonly #peers = new Map<number, Peer>();
  #newest: SenderKey;
  #active: SenderKey;
  #count = 0;
  #isAsking = false;
  #mustRenew = false;
  #asks = 0;
  #lastSentAt = Number.NEGATIVE_INFINITY;
  #isScheduled = false;
  #isAskScheduled = false;
  #work: Promise<void> = Promise.resolve();
  #waiting = 0;
  #rejected = 0;

  private constructor(options: KeyGroupOptions, identity: KeyIdentity, first: SenderKey) {
    this.#options = options;
    this.#identity = identity;
    this.#newest = first;
    this.#active = first;
  }

  /** @throws RangeError for a secret that is too short */
  static async create(options: KeyGroupOptions): Promise<KeyGroup> {
    const identity = await KeyIdentity.create(options);
    return new KeyGroup(options, identity, await freshKey(0, options.rng));
  }

  /** Messages that were not authentic, or came too many at once. */
  get rejected(): number {
    return this.#rejected;
  }

  /** Resolves when nothing is left to be done now. */
  async settled(): Promise<void> {
    while (this.#waiting > 0) await this.#work;
  }

  /** In the room, or back in it: what was said meanwhile was missed, so everybody is asked and told. */
  joined(uids: readonly number[]): void {
    this.#enqueue(() => {
      this.#setPeers(uids);
      for (const peer of this.#peers.values()) peer.hasOwn = false;
      this.#isAsking = true;
      this.#asks = 0;
      this.#schedule();
    });
  }

  /** Everybody in the room by now. */
  people(uids: readonly number[]): void {
    this.#enqueue(() => this.#setPeers(uids));
  }

  /** A message as the server passed it on. */
  receive(from: number, data: string): void {
    this.#enqueue(async () => {
      const peer = this.#peers.get(from);
      const message = peer === undefined ? null : await this.#identity.read(from, data);
      if (peer === undefined || message === null) this.#rejected += 1;
      else await this.#take(from, peer, message);
    });
  }

  /** What the next own frame is encrypted with; null when the key is used up. */
  seal(): FrameSeal | null {
    if (this.#count > FRAMES_PER_KEY_MAX) return null;
    const { aes, kid } = this.#active;
    return { aes, kid, count: this.#count++ };
  }

  /** The key of a frame of `uid`; null when it is not known (yet, or any more). */
  find(uid: number, kid: number): SenderKey | Promise<SenderKey> | null {
    const peer = this.#peers.get(uid);
    if (peer === undefined) return null;
    const key = peer.keys.find(kid);
    peer.isUnheard = key === null;
    if (key === null) this.#scheduleAsk();
    return key;
  }

  /** A frame of `uid` has opened with it. */
  opened(uid: number, key: SenderKey): void {
    this.#peers.get(uid)?.keys.add(key);
  }

  // ------------------------------------------------------------- changes

  #setPeers(uids: readonly number[]): void {
    const { clock, uid: self } = this.#options;
    const present = new Set(uids);
    for (const [uid, peer] of this.#peers) {
      if (present.has(uid)) continue;
      this.#peers.delete(uid);
      if (!peer.isNew) this.#mustRenew = true;
    }
    for (const uid of present) {
      if (uid === self || this.#peers.has(uid) || this.#peers.size >= PEERS_MAX) continue;
      const keys = new SpeakerKeys(clock);
      const flags = { hasOwn: false, isNew: true, isUnheard: false };
      this.#peers.set(uid, { publicKey: '', pair: null, ...flags, keys });
      this.#asks = 0;
    }
    if (this.#mustRenew) this.#schedule();
    this.#scheduleAsk();
  }

  async #take(from: number, peer: Peer, message: KeyMessage): Promise<void> {
    const publicKey = message.publicKey.join();
    if (peer.publicKey !== publicKey) {
      peer.pair = await this.#identity.pairWith(from, message.publicKey);
      // Another worker of the same user: what the first one was given is not for this one.
      if (!peer.isNew) this.#mustRenew = true;
      peer.publicKey = publicKey;
      peer.keys = new SpeakerKeys(this.#options.clock);
      peer.hasOwn = false;
    }
    if (message.isAsking) peer.hasOwn = false;
    if (!peer.hasOwn) this.#schedule();
    const { kid, wrapped } = message;
    if (wrapped === null || peer.pair === null) return;
    const material = await unwrapKey(wrapped, kid, peer.pair);
    if (material === null) this.#rejected += 1;
    else peer.keys.add(await senderKey(kid, material));
  }

  // ------------------------------------------------------------- telling

  /** Makes the own key fit for who is here, and gives it to those who have it not. */
  async #tell(): Promise<void> {
    this.#lastSentAt = this.#options.clock.now();
    await this.#moveOn();
    const { kid, material } = this.#newest;
    const receivers: { readonly uid: number; readonly wrapped: Bytes }[] = [];
    for (const [uid, peer] of this.#peers) {
      if (peer.hasOwn || peer.pair === null) continue;
      receivers.push({ uid, wrapped: await wrapKey(material, kid, peer.pair) });
      peer.hasOwn = true;
      peer.isNew = false;
    }
    const sent: Promise<boolean>[] = [];
    for (let at = 0; at < receivers.length || (at === 0 && this.#isAsking); at += ENTRIES_MAX) {
      const some = receivers.slice(at, at + ENTRIES_MAX);
      const isAsking = this.#isAsking && at === 0;
      const to = some.length === 1 && !isAsking ? (some[0]?.uid ?? null) : null;
      const data = await this.#identity.write({ isAsking, kid, receivers: some });
      sent.push(this.#options.send(to, data));
    }
    this.#isAsking = false;
    this.#useLater(this.#newest, sent);
    this.#scheduleAsk();
  }

  async #moveOn(): Promise<void> {
    const isMet = (peer: Peer): boolean => peer.isNew && peer.pair !== null;
    const step = this.#newest.kid & STEPS_MAX;
    const mustStep = [...this.#peers.values()].some(isMet);
    if (this.#mustRenew || (mustStep && step === STEPS_MAX)) {
      this.#newest = await freshKey((this.#newest.kid >>> 8) + 1, this.#options.rng);
      this.#mustRenew = false;
      for (const peer of this.#peers.values()) peer.hasOwn = false;
    } else if (mustStep) this.#newest = await stepKey(this.#newest);
  }

  /** Frames of a key that its receivers do not have would be lost, those of the old one are open to who left: soon, not at once. */
  #useLater(key: SenderKey, sent: readonly Promise<boolean>[]): void {
    if (key === this.#active) return;
    const use = (): void => {
      if (key.kid <= this.#active.kid) return;
      this.#active = key;
      this.#count = 0;
    };
    if (sent.length === 0) {
      use();
      return;
    }
    this.#after(SWITCH_MAX_MS, use);
    // Who was not reached will ask.
    void Promise.allSettled(sent).then(() => this.#after(SWITCH_MS, use));
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const now = this.#options.clock.now();
    this.#after(Math.max(GATHER_MS, this.#lastSentAt + GAP_MS - now), () => {
      this.#isScheduled = false;
      this.#enqueue(() => this.#tell());
    });
  }

  /** While somebody's key is missing, everybody is asked again. */
  #scheduleAsk(): void {
    const wait = ASK_WAITS_MS[this.#asks];
    if (this.#isAskScheduled || wait === undefined || !this.#isMissing()) return;
    this.#isAskScheduled = true;
    this.#after(wait, () => {
      this.#isAskScheduled = false;
      if (!this.#isMissing()) {
        this.#asks = 0;
        return;
      }
      this.#asks += 1;
      this.#isAsking = true;
      this.#schedule();
    });
  }

  #isMissing(): boolean {
    return [...this.#peers.values()].some(({ keys, isUnheard }) => keys.isEmpty || isUnheard);
  }

  #after(ms: number, act: () => void): void {
    this.#options.clock.setTimeout(act, ms);
  }

  #enqueue(act: () => void | Promise<void>): void {
    if (this.#waiting >= WAITING_MAX) {
      this.#rejected += 1;
      return;
    }
    this.#waiting += 1;
    this.#work = this.#work
      .then(act)
      .catch(() => {
        // A public key that is no point of the curve.
        this.#rejected += 1;
      })
      .finally(() => {
        this.#waiting -= 1;
      });
  }
}

function freshKey(generation: number, rng: Rng): Promise<SenderKey> {
  return senderKey((generation << 8) >>> 0, new Uint8Array(rng.bytes(MATERIAL_BYTES)));
}
