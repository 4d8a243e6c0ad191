/**
 * A call of the server to itself, for whoever looks whether voice works (doctor): two transports on a media worker as any client gets
 * them, one sends and the other hears. The peers are in the asking process, so the way to the announced address is part of it. One at
 * a time, for half a minute; no room, no guild, no user has to do with it. Voice thread.
 */
import type { Clock, Ms, TimerHandle } from '../runtime/index.ts';
import { parseDtlsParameters } from './schema.ts';
import { type JsonText, MEDIA_AUDIO } from './types.ts';
import type {
  MediaPool,
  MediaResult,
  MediaTransport,
  RoomMedia,
  RtpParameters,
} from './worker/types.ts';

/** What a peer needs for its side. */
export interface SelfCallOffer {
  readonly id: number;
  /** Parameters of the transports, as V_TRANSPORT answers them. */
  readonly send: JsonText;
  readonly receive: JsonText;
  /** That the speaker sends, and that the listener hears. */
  readonly ssrc: number;
  readonly heardSsrc: number;
  readonly payloadType: number;
}

interface Call {
  readonly id: number;
  readonly media: RoomMedia;
  readonly timer: TimerHandle;
  readonly transports: readonly [MediaTransport, MediaTransport];
}

/** No channel has it. */
const KEY = 0;
const SSRC = 0x44574159;
const PAYLOAD_TYPE = 100;
const LIFE_MS: Ms = 30_000;
const BUSY = { ok: false, code: 'unavailable', message: 'another one is going on' } as const;
const GONE = { ok: false, code: 'gone', message: 'it is over' } as const;
const REJECTED = { ok: false, code: 'rejected', message: 'no DTLS parameters' } as const;

const RTP: RtpParameters = {
  codecs: [{ mimeType: 'audio/opus', payloadType: PAYLOAD_TYPE, clockRate: 48_000, channels: 2 }],
  encodings: [{ ssrc: SSRC }],
};

export class SelfCalls {
  readonly #pool: MediaPool;
  readonly #clock: Clock;
  #call: Call | 'opening' | undefined;
  #lastId = 0;

  constructor(pool: MediaPool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  async open(): Promise<MediaResult<SelfCallOffer>> {
    if (this.#call !== undefined) return BUSY;
    this.#call = 'opening';
    const opened = await this.#open().catch(() => GONE);
    if (!opened.ok) this.#call = undefined;
    return opened;
  }

  /** Both sides' DTLS. After it sound can flow. */
  async connect(m: {
    readonly id: number;
    readonly send: JsonText;
    readonly receive: JsonText;
  }): Promise<MediaResult<null>> {
    const call = this.#call;
    if (call === undefined || call === 'opening' || call.id !== m.id) return GONE;
    const both = [m.send, m.receive].map(parseDtlsParameters);
    for (const [i, transport] of call.transports.entries()) {
      const dtls = both[i];
      if (dtls === undefined) return REJECTED;
      const connected = await transport.connect(dtls);
      if (!connected.ok) return connected;
    }
    return { ok: true, value: null };
  }

  /** May be repeated; ends by itself otherwise. */
  close(id: number): void {
    const call = this.#call;
    if (call === undefined || call === 'opening' || call.id !== id) return;
    this.#call = undefined;
    this.#clock.clearTimeout(call.timer);
    call.media.close();
  }

  async #open(): Promise<MediaResult<SelfCallOffer>> {
    const settings = { key: KEY, people: 2, bitrate: 40_000, music: false };
    const opened = await this.#pool.open({ ...settings, events: QUIET });
    if (!opened.ok) return opened;
    const media = opened.value;
    const made = await this.#make(media);
    if (!made.ok) media.close();
    return made;
  }

  async #make(media: RoomMedia): Promise<MediaResult<SelfCallOffer>> {
    const [send, receive] = await Promise.all([
      media.createTransport({ direction: 'send', owner: 0 }),
      media.createTransport({ direction: 'receive', owner: 0 }),
    ]);
    if (!send.ok) return send;
    if (!receive.ok) return receive;
    const producer = await send.value.produce({ media: MEDIA_AUDIO, rtp: RTP, paused: false });
    if (!producer.ok) return producer;
    const heard = await receive.value.consume({
      ...{ producer: producer.value, caps: media.routerCaps, paused: false },
    });
    if (!heard.ok) return heard;
    this.#lastId += 1;
    const id = this.#lastId;
    const timer = this.#clock.setTimeout(() => this.close(id), LIFE_MS);
    timer.unref?.();
    this.#call = { id, media, timer, transports: [send.value, receive.value] };
    const { codecs, encodings } = heard.value.params.rtpParameters;
    return {
      ok: true,
      value: {
        ...{ id, ssrc: SSRC, heardSsrc: encodings?.[0]?.ssrc ?? 0 },
        payloadType: codecs[0]?.payloadType ?? PAYLOAD_TYPE,
        send: JSON.stringify(send.value.params),
        receive: JSON.stringify(receive.value.params),
      },
    };
  }
}

function ignore(): void {}

/** Whoever called sees that nothing comes. */
const QUIET = {
  ...{ died: ignore, transport: ignore, live: ignore, levels: ignore, dominant: ignore },
  ...{ advice: ignore, excess: ignore, mustRelocate: ignore, relocated: ignore },
};
