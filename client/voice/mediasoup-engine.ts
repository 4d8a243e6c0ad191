/**
 * WebRTC of the browser through mediasoup-client, as the session wants it. Browser main thread. Audio only: what the server can do
 * with video is left out of what is told and compared.
 */
import { Device, type types } from 'mediasoup-client';
import type { FrameCipher } from './e2ee.ts';
import { VoiceError } from './errors.ts';
import type {
  ConsumerOffer,
  EncoderSettings,
  JsonText,
  MediaEngine,
  MediaTransport,
  ReceivedTrack,
  ReceiveTransport,
  SendTransport,
  SendWire,
  SentTrack,
  TransportOffer,
  TransportState,
} from './types.ts';
import { readChecks } from './voice-stats.ts';

/** Options of MediasoupEngine. */
export interface EngineOptions {
  /** End-to-end encryption; null for none. */
  readonly cipher?: FrameCipher | null;
  /** `relay`: only through TURN. Default `all`. */
  readonly icePolicy?: RTCIceTransportPolicy;
}

/** The engine of one voice session. */
export class MediasoupEngine implements MediaEngine {
  readonly #cipher: FrameCipher | null;
  readonly #icePolicy: RTCIceTransportPolicy;
  #device: Device | null = null;
  #loaded: { readonly router: JsonText; readonly own: JsonText } | null = null;

  constructor(options: EngineOptions = {}) {
    this.#cipher = options.cipher ?? null;
    this.#icePolicy = options.icePolicy ?? 'all';
  }

  async load(routerCaps: JsonText): Promise<JsonText> {
    if (this.#loaded?.router === routerCaps) return this.#loaded.own;
    const device = newDevice();
    await device.load({ routerRtpCapabilities: JSON.parse(routerCaps) });
    const { codecs = [], headerExtensions = [] } = device.recvRtpCapabilities;
    const own = JSON.stringify({
      codecs: codecs.filter(({ kind }) => kind === 'audio'),
      headerExtensions: headerExtensions.filter(({ kind }) => kind === 'audio'),
    });
    this.#device = device;
    this.#loaded = { router: routerCaps, own };
    return own;
  }

  send(offer: TransportOffer, iceServers: JsonText, wire: SendWire): SendTransport {
    const transport = this.#ready().createSendTransport(this.#options(offer, iceServers));
    passConnect(transport, wire);
    transport.on('produce', ({ rtpParameters }, done, failed) => {
      wire.produce(JSON.stringify(rtpParameters)).then((pid) => done({ id: String(pid) }), failed);
    });
    return {
      ...common(transport),
      produce: (track, encoder) => produce(transport, track, encoder, this.#cipher),
    };
  }

  receive(
    offer: TransportOffer,
    iceServers: JsonText,
    wire: Pick<SendWire, 'connect'>,
  ): ReceiveTransport {
    const transport = this.#ready().createRecvTransport(this.#options(offer, iceServers));
    passConnect(transport, wire);
    return {
      ...common(transport),
      consume: (consumer, uid) => consume(transport, consumer, uid, this.#cipher),
    };
  }

  #ready(): Device {
    if (this.#device === null) throw new TypeError('load() comes before transports');
    return this.#device;
  }

  #options(offer: TransportOffer, iceServers: JsonText): types.TransportOptions {
    const params = JSON.parse(offer.params) as types.TransportOptions;
    return {
      ...params,
      iceServers: JSON.parse(iceServers === '' ? '[]' : iceServers) as RTCIceServer[],
      iceTransportPolicy: this.#icePolicy,
    };
  }
}

function newDevice(): Device {
  // mediasoup-client says only "device not supported" here, and the usual cause is another one.
  if (!globalThis.isSecureContext) {
    const message = 'Use WebRTC: the page is not from https or from this computer';
    throw new VoiceError('DRIFT_VOICE_UNSUPPORTED', message);
  }
  try {
    return new Device();
  } catch (cause) {
    const message = 'Use WebRTC: this browser is not known to have it';
    throw new VoiceError('DRIFT_VOICE_UNSUPPORTED', message, undefined, cause);
  }
}

function passConnect(transport: types.Transport, wire: Pick<SendWire, 'connect'>): void {
  transport.on('connect', ({ dtlsParameters }, done, failed) => {
    wire.connect(JSON.stringify(dtlsParameters)).then(done, failed);
  });
}

function common(transport: types.Transport): MediaTransport {
  return {
    onState: (listener: (state: TransportState) => void) => {
      transport.on('connectionstatechange', listener);
    },
    restartIce: (ice: JsonText) =>
      transport.restartIce({ iceParameters: JSON.parse(ice) as types.IceParameters }),
    // It may be closed by the time that it is asked.
    checks: () =>
      transport.getStats().then(
        (report) => readChecks(report),
        () => null,
      ),
    close: () => transport.close(),
  };
}

async function produce(
  transport: types.Transport,
  track: MediaStreamTrack,
  encoder: EncoderSettings,
  cipher: FrameCipher | null,
): Promise<SentTrack> {
  const producer = await transport.produce({
    track,
    // The microphone owns its track, and a muted one sends nothing at all.
    stopTracks: false,
    disableTrackOnPause: false,
    zeroRtpOnPause: true,
    codecOptions: {
      opusNack: true,
      opusFec: encoder.fec,
      opusDtx: encoder.dtx,
      opusStereo: encoder.stereo,
      opusMaxAverageBitrate: encoder.maxBitrate,
    },
    ...(cipher === null ? {} : { onRtpSender: (sender: RTCRtpSender) => cipher.seal(sender) }),
  });
  return {
    pid: Number(producer.id),
    setPaused: (isPaused) => (isPaused ? producer.pause() : producer.resume()),
    replace: (next) => producer.replaceTrack({ track: next }),
    tune: (maxBitrate) =>
      producer.setRtpEncodingParameters({ maxBitrate } as RTCRtpEncodingParameters),
    stats: () => producer.getStats(),
  };
}

async function consume(
  transport: types.Transport,
  offer: ConsumerOffer,
  uid: number,
  cipher: FrameCipher | null,
): Promise<ReceivedTrack> {
  const consumer = await transport.consume({
    id: String(offer.cid),
    producerId: String(offer.pid),
    kind: 'audio',
    rtpParameters: JSON.parse(offer.rtp) as types.RtpParameters,
    // Voices of different people are not kept in step with each other.
    streamId: `voice-${offer.pid}`,
    ...(cipher === null
      ? {}
      : { onRtpReceiver: (receiver: RTCRtpReceiver) => cipher.open(receiver, uid) }),
  });
  const { track } = consumer;
  let lastStamp = -1;
  return {
    track,
    started: new Promise((resolve) => {
      if (track.muted) track.addEventListener('unmute', () => resolve(), { once: true });
      else resolve();
    }),
    level: () => {
      const [source] = consumer.rtpReceiver?.getSynchronizationSources() ?? [];
      if (source === undefined) return null;
      // In a pause nothing is sent, and the last level would stay for seconds.
      const isStale = source.rtpTimestamp === lastStamp;
      lastStamp = source.rtpTimestamp;
      return isStale ? 0 : (source.audioLevel ?? null);
    },
    stats: () => consumer.getStats(),
    close: () => consumer.close(),
  };
}
