/**
 * The voice ops as methods: what was asked, what came back as a value, never a throw. Ops that may be repeated are, over a lost
 * connection too. Knows nothing of media.
 */
import type {
  Frame,
  VoiceJoinResult,
  VoiceSyncResult,
  WireValue,
} from '../../gateway/protocol/index.ts';
import {
  isU53,
  parseVIceResult,
  parseVJoinResult,
  parseVProduceResult,
  parseVSyncResult,
  parseVTransportResult,
  vCloseFrame,
  vConnectFrame,
  vE2eFrame,
  vIceFrame,
  vJoinFrame,
  vLeaveFrame,
  vPauseFrame,
  vProduceFrame,
  vStateFrame,
  vSyncFrame,
  vTransportFrame,
} from '../../gateway/protocol/index.ts';
import { type Clock, createNonce, type Rng } from '../clock.ts';
import type { Reply } from '../connection.ts';
import { meaningOf } from '../outbox.ts';
import {
  type ConsumerOffer,
  E2E_KEYS,
  type JsonText,
  MEDIA_AUDIO,
  type TransportOffer,
  type VoicePort,
} from './types.ts';

/** Outcome of an op. Code 0: the connection ended first. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: number; readonly retryMs: number | null };

/** Answer of a bundled V_JOIN. */
export interface JoinAnswer extends Omit<VoiceJoinResult, 'bundle'> {
  readonly bundle: NonNullable<VoiceJoinResult['bundle']>;
}

type Values = readonly WireValue[];

/** What the answer could not be read as. */
const BAD_ANSWER = { ok: false, code: 500, retryMs: null } as const;
const REPEATS_MAX = 5;
const REPEAT_MS = 200;

/** Voice ops over a connection that comes and goes. */
export class VoiceSignal {
  readonly #port: VoicePort;
  readonly #clock: Clock;
  readonly #rng: Rng;

  constructor(port: VoicePort, clock: Clock, rng: Rng) {
    this.#port = port;
    this.#clock = clock;
    this.#rng = rng;
  }

  /** Not repeated here: the session decides how often and when. */
  async join(
    sid: number,
    rtpCaps: JsonText,
    flags: number,
    e2e: number,
  ): Promise<Answer<JoinAnswer>> {
    const build = (rid: number): Frame => vJoinFrame(rid, sid, rtpCaps, flags, e2e);
    return read(await this.#port.request(build), readJoin);
  }

  async leave(vsid: number): Promise<void> {
    await this.#port.request((rid) => vLeaveFrame(rid, vsid));
  }

  /** @param dir 1 to send, 2 to receive */
  async transport(vsid: number, dir: 1 | 2): Promise<Answer<TransportOffer>> {
    const reply = await this.#port.request((rid) => vTransportFrame(rid, vsid, dir));
    return read(reply, parseVTransportResult);
  }

  connect(vsid: number, tid: number, dtls: JsonText): Promise<Answer<true>> {
    return this.#repeat((rid) => vConnectFrame(rid, vsid, tid, dtls), nothing);
  }

  produce(vsid: number, tid: number, rtp: JsonText): Promise<Answer<number>> {
    // The nonce makes a repeat harmless.
    const nonce = createNonce(this.#rng);
    return this.#repeat(
      (rid) => vProduceFrame(rid, vsid, tid, nonce, MEDIA_AUDIO, rtp, 0),
      parseVProduceResult,
    );
  }

  pause(vsid: number, id: number, isPaused: boolean): Promise<Answer<true>> {
    return this.#repeat((rid) => vPauseFrame(rid, vsid, id, isPaused), nothing);
  }

  async close(vsid: number, id: number): Promise<void> {
    await this.#port.request((rid) => vCloseFrame(rid, vsid, id));
  }

  state(vsid: number, isMuted: boolean, isDeaf: boolean, flags: number): Promise<Answer<true>> {
    return this.#repeat((rid) => vStateFrame(rid, vsid, isMuted, isDeaf, flags), nothing);
  }

  async ice(vsid: number, tid: number): Promise<Answer<JsonText>> {
    return read(await this.#port.request((rid) => vIceFrame(rid, vsid, tid)), parseVIceResult);
  }

  /** @param to null for everybody */
  e2e(vsid: number, to: number | null, type: number, data: string): Promise<Answer<true>> {
    return this.#repeat((rid) => vE2eFrame(rid, vsid, to, type, data), nothing);
  }

  sync(
    vsid: number,
    tids: readonly number[],
    pids: readonly number[],
    cids: readonly number[],
  ): Promise<Answer<VoiceSyncResult>> {
    return this.#repeat((rid) => vSyncFrame(rid, vsid, tids, pids, cids), parseVSyncResult);
  }

  async #repeat<T>(
    build: (rid: number) => Frame,
    parse: (result: Values) => T | null,
  ): Promise<Answer<T>> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = read(await this.#port.request(build), parse);
      // A lost connection is for the session: it hears of the next one and asks for everything.
      const isOver = answer.ok || answer.code === 0 || meaningOf(answer.code) !== 'retry';
      if (isOver || attempt === REPEATS_MAX) return answer;
      await this.#sleep(answer.retryMs ?? REPEAT_MS * attempt);
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimeout(resolve, ms);
    });
  }
}

function read<T>(reply: Reply, parse: (result: Values) => T | null): Answer<T> {
  if (reply.ok) {
    const value = parse(reply.result);
    return value === null ? BAD_ANSWER : { ok: true, value };
  }
  if (reply.isLost) return { ok: false, code: 0, retryMs: null };
  return { ok: false, code: reply.code, retryMs: reply.retryMs };
}

function nothing(): true {
  return true;
}

function readJoin(result: Values): JoinAnswer | null {
  const joined = parseVJoinResult(result);
  return joined === null || joined.bundle === null ? null : { ...joined, bundle: joined.bundle };
}

/** VOICE 12, `[pid, cid, media, J rtp]`; null for another shape. */
export function readConsumer([pid, cid, media, rtp]: Values): ConsumerOffer | null {
  if (!isU53(pid) || !isU53(cid) || !isU53(media) || typeof rtp !== 'string') return null;
  return { pid, cid, media, rtp };
}

/** VOICE 14, what the server advises the encoder: `{maxBitrate, ...}` as JSON text. */
export function readAdvice([advice]: Values): { readonly maxBitrate?: number } {
  if (typeof advice !== 'string') return {};
  try {
    const { maxBitrate } = JSON.parse(advice) as { readonly maxBitrate?: unknown };
    return typeof maxBitrate === 'number' ? { maxBitrate } : {};
  } catch {
    return {};
  }
}

/** VOICE 6, `[[uid, level], ...]`. */
export function readLevels([list]: Values): (readonly [uid: number, level: number])[] {
  const entries = Array.isArray(list) ? (list as Values) : [];
  return entries.flatMap((entry) => {
    const [uid, level] = Array.isArray(entry) ? (entry as Values) : [];
    return typeof uid === 'number' && typeof level === 'number' ? [[uid, level] as const] : [];
  });
}

/** VOICE 10, `[from, type, base64]`; null for what is not of our key exchange. */
export function readKeys([from, type, data]: Values): { from: number; data: string } | null {
  if (typeof from !== 'number' || type !== E2E_KEYS || typeof data !== 'string') return null;
  return { from, data };
}
